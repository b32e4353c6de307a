-- phase: expand
-- transaction: none
-- Sixteen segments are a shelf, and an index knows passages by both: what is rare is looked up a shelf at a time. The
-- segment stays a column of its own for programs that know no shelves yet. Segments made by them, and those that are
-- there, share their shelves with other organizations, whose passages are then left out one by one.
ALTER TABLE octavo.search_segment ADD COLUMN IF NOT EXISTS is_shelved boolean NOT NULL DEFAULT false;
ALTER SEQUENCE octavo.search_segment_number INCREMENT BY 32;

CREATE INDEX CONCURRENTLY IF NOT EXISTS search_passage_placed_words ON octavo.search_passage
    USING gin (segment, (ARRAY[segment, ~(segment >> 4)]), words);
CREATE INDEX CONCURRENTLY IF NOT EXISTS search_passage_placed_titles ON octavo.search_passage
    USING gin (segment, (ARRAY[segment, ~(segment >> 4)]), titles)
    WHERE titles IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS search_passage_placed_trigrams ON octavo.search_passage
    USING gin (segment, (ARRAY[segment, ~(segment >> 4)]), trigram_text public.gin_trgm_ops)
    WHERE trigram_text IS NOT NULL;

-- They take the names of those they replace, which are then worked in after each batch by the function that is there.
DROP INDEX CONCURRENTLY IF EXISTS octavo.search_passage_words;
DROP INDEX CONCURRENTLY IF EXISTS octavo.search_passage_titles;
DROP INDEX CONCURRENTLY IF EXISTS octavo.search_passage_trigrams;
ALTER INDEX IF EXISTS octavo.search_passage_placed_words RENAME TO search_passage_words;
ALTER INDEX IF EXISTS octavo.search_passage_placed_titles RENAME TO search_passage_titles;
ALTER INDEX IF EXISTS octavo.search_passage_placed_trigrams RENAME TO search_passage_trigrams;
