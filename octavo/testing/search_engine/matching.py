"""Which documents every search engine finds (S0-060, S1-105)."""

from __future__ import annotations

from octavo.testing.search_engine.library import Library, marked


class Matching:
    """Which documents are found."""

    async def test_all_words_are_demanded_in_any_order(self, library: Library) -> None:
        both = await library.add("A refund follows the policy of the house.")
        await library.add("A refund is possible.")

        assert await library.ids("policy refund") == [both]

    async def test_word_forms_of_the_documents_language_are_found(self, library: Library) -> None:
        """S1-105: an analyser a language."""
        english = await library.add("The Running Concerts")

        assert await library.ids("run concert") == [english]

    async def test_a_german_document_matches_by_german_stems(self, library: Library) -> None:
        """S0-060: a German document matches by German stems."""
        german = await library.add("Die Rechnungen wurden bezahlt.", configuration="german")
        await library.add("The invoices were paid.")

        assert await library.ids("Rechnung") == [german]

    async def test_stop_words_of_a_title_are_found(self, library: Library) -> None:
        """S1-105: searching "The Who" finds that event."""
        who = await library.add("A concert.", title="The Who")
        await library.add("Somebody who plays the guitar.", title="A concert")

        assert await library.ids("The Who") == [who]
        assert await library.ids('"the who"') == [who]

    async def test_words_of_titles_and_stop_words_may_be_mixed_with_words_of_the_text(
        self, library: Library
    ) -> None:
        history = await library.add("It begins with a wolf.", title="The history of Rome")

        assert await library.ids("the history of rome") == [history]
        assert await library.ids("the wolf of rome") == [history]

    async def test_a_phrase_wants_its_words_next_to_each_other(self, library: Library) -> None:
        phrase = await library.add("The refund policy applies.")
        await library.add("The policy on a refund applies.")

        assert await library.ids('"refund policy"') == [phrase]

    async def test_an_excluded_word_excludes_the_document_wherever_it_stands(self, library: Library) -> None:
        final = await library.add(["The refund is due.", "It is final."])
        await library.add(["The refund is due.", "It is a draft."])

        assert await library.ids("refund -draft") == [final]
        assert await library.ids('refund -"a draft"') == [final]
        assert await library.ids("refund -drafts -final") == []

    async def test_a_prefix_finds_words_that_begin_so(self, library: Library) -> None:
        found = {await library.add("configuration"), await library.add("configure it")}
        await library.add("reconfigured")

        assert set(await library.ids("config*")) == found

    async def test_alternatives_find_either(self, library: Library) -> None:
        found = {await library.add("a refund"), await library.add("a return of goods")}
        await library.add("goods")

        assert set(await library.ids("refund OR return goods")) == found

    async def test_words_in_different_passages_of_a_document_are_found_after_those_in_one(
        self,
        library: Library,
    ) -> None:
        apart = await library.add(["All about the refund.", "Something else.", "Here is the policy."])
        await library.add(["Another refund.", "Nothing else."])
        together = await library.add(["Nothing.", "The refund follows the policy."])

        assert await library.ids("refund policy") == [together, apart]

    async def test_a_word_of_the_title_and_one_of_a_late_passage_are_found_together(
        self, library: Library
    ) -> None:
        handbook = await library.add(["Welcome.", "More.", "Every refund is checked."], title="Handbook")

        assert await library.ids("handbook refund") == [handbook]

    async def test_a_document_is_one_hit_with_its_best_passage(self, library: Library) -> None:
        texts = ["About refunds.", "Refund, refund and refund again.", "No word of it."]
        document = await library.add(texts)

        [match] = (await library.search("refund")).matches

        assert match.id == document
        assert (match.start, match.end) == (len(texts[0]) + 1, len(texts[0]) + 1 + len(texts[1]))
        assert marked(match.highlight) == ["Refund", "refund", "refund"]

    async def test_a_word_far_behind_the_beginning_of_a_large_text_is_found(self, library: Library) -> None:
        """S0-060: a word that stands only after character 1,000 of the body is found; so is one after megabytes."""
        filler = "All work and no play makes a long text of many small sentences. " * 80_000
        document = await library.add(f"{filler}Here a platypus sleeps. {filler[:1000]}")

        [match] = (await library.search("platypus sentences")).matches

        assert match.id == document
        assert len(filler) - 2_000 < match.start <= len(filler) <= match.end
        assert "platypus" in marked(match.highlight)

    async def test_a_text_of_a_megabyte_of_different_words_is_found(self, library: Library) -> None:
        """S0-060: over 1 MB of lexemes is an error of one tsvector."""
        words = [f"word{number:x}" for number in range(150_000)]
        document = await library.add(" ".join(words))

        assert len(" ".join(words)) > 1_200_000
        assert await library.ids(f"{words[7]} {words[-7]}") == [document]

    async def test_a_language_without_a_dictionary_is_found_by_similar_words(self, library: Library) -> None:
        polish = await library.add("Dwa koty śpią na starej szafie.", configuration=None)
        await library.add("Dwa psy śpią na nowej kanapie.", configuration=None)

        assert await library.ids("kotów szafa") == [polish]
        assert await library.ids("szafie") == [polish]

    async def test_parts_of_a_file_name_are_found(self, library: Library) -> None:
        report = await library.add("Numbers.", title="annual_report-2024.pdf")

        assert await library.ids("report 2024") == [report]
        assert await library.ids("annual_report-2024.pdf") == [report]

    async def test_names_addresses_and_numbers_are_found_as_they_are_written(self, library: Library) -> None:
        document = await library.add(
            "Write to ann.lee@example.org about order 4711-B, see https://example.org/faq for more."
        )

        for query in ("ann.lee@example.org", "4711-B", "https://example.org/faq", "example.org"):
            assert await library.ids(query) == [document], query

    async def test_letter_case_means_nothing(self, library: Library) -> None:
        document = await library.add("ÄRGER über Straßenlärm", configuration="german")

        assert await library.ids("ärger STRASSENLÄRM OR ärger straßenlärm") == [document]

    async def test_words_of_scripts_without_spaces_are_found_inside(self, library: Library) -> None:
        texts = {
            "全文検索機能を追加しました。": ("検索", "検索機能"),
            "我们的退款政策适用于所有订单。": ("退款政策", "款"),
            "ระบบค้นหาข้อความแบบเต็ม": ("ค้นหา",),
            "검색을 시작합니다.": ("검색",),
            "吾輩は猫である。名前はまだ無い。": ("名前",),
        }
        documents = {text: await library.add(text, configuration=None) for text in texts}

        for text, queries in texts.items():
            for query in queries:
                assert await library.ids(query) == [documents[text]], query

    async def test_no_query_is_an_error_whatever_it_is_made_of(self, library: Library) -> None:
        for text in _ODD:
            assert await library.ids(text) == [], text


# What is an operator somewhere: in SQL, in tsquery, in regular expressions, in the query languages of engines.
_ODD = (
    "'; DROP TABLE documents; --",
    "a:* & !b <-> (c | d) \\ ' \" OR %",
    "'':*x",
    "title:refund^2 +must -not~2 [a TO b] {a TO *} /x.*y/",
    "a.*b(c[d{2}|e)?*",
    "x* y* -z*",
    "\u017f ß \u0130 \u0131 \ufb00 \u01c4",
    "🏳️‍🌈x \u202e abc \u0301q",
    "AND NOT OR x",
)
