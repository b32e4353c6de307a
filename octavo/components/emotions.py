"""Emotions that a text names: the six that Ekman found in all cultures ("An argument for basic emotions", 1992).

A lexicon of English stems, written for Octavo. A word that is denied ("not happy") counts for none. A score is the
emotion's share of the words found, less one word of doubt: one word gives 0.5, two of one emotion 0.67.
"""

from __future__ import annotations

import re

EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")

# A stem ends with `*`; what does not is a whole word.
_STEMS = {
    "anger": """anger* angr* annoy* irritat* furious* fury rage raging outrag* resent* hostil* hate hated hates hating
        hateful hatred mad infuriat* enrag* frustrat* aggravat* indignan* livid wrath* vengeful* exasperat* bitterly
        offended offensive insult* grudge* provok* fuming""",
    "disgust": """disgust* gross grossly nasty repuls* revolt* revulsion vile sicken* nause* loath* repugnan* yuck*
        yucky filth* filthy foul creepy sleazy appall* distaste* abhor* putrid rancid vomit* stink* stinks icky
        grotesque""",
    "fear": """fear feared fearful* fearing fears afraid scare scared scares scaring scary terrif* terror* frighten*
        fright* horror* horrif* panic* anxi* worry worried worries worrying worrisome nervous* dread* alarm* threat*
        phobi* apprehens* uneas* petrif* menac* ominous* paranoi* timid*""",
    "joy": """joy* happy happi* delight* glad gladly cheer* enjoy* love loved loves loving lovely fun funny delicious
        pleas* thrill* excit* ecsta* elat* bliss* celebrat* laugh* smile smiled smiles smiling grateful* thank*
        wonderful* fantastic* amus* hilarious* content contented satisf* merry jubil* awesome""",
    "sadness": """sad sadden* sadder saddest sadly sadness sorrow* grief griev* mourn* tear tears tearful* cry cried
        cries crying weep* wept depress* miser* gloom* lonely loneli* heartbr* heartbreak* hopeless* despair* unhapp*
        melanchol* tragic* tragedy regret* disappoint* hurt hurts grim bereave* dismal* homesick* mournful*""",
    "surprise": """surpris* amaz* astonish* astound* shock* stun* unexpected* startl* incredib* unbeliev* wow sudden*
        speechless* bewilder* dumbfound* stagger* jaw-dropping remarkab* unforeseen""",
}
_DENIALS = """no not never none nobody nothing neither nor without hardly barely scarcely cannot dont doesnt didnt isnt
    wasnt arent werent wont wouldnt couldnt shouldnt cant aint hasnt havent hadnt"""
# Words before it in which a denial reaches a word.
_REACH = 3
_APOSTROPHES = "'\u2019"
_WORD = re.compile(rf"[a-z]+(?:[{_APOSTROPHES}-][a-z]+)*|[.,;:!?()]")


def emotions(text: str) -> dict[str, float]:
    """A score from 0 to 1 for each of the six emotions, 0 for those that the text does not name."""
    counts = dict.fromkeys(EMOTIONS, 0)
    near: list[str] = []
    for word in _WORD.findall(text.lower()):
        if len(word) == 1 and not word.isalpha():
            near.clear()
            continue
        plain = re.sub(f"[{_APOSTROPHES}]", "", word)
        if not _DENYING.intersection(near):
            for emotion in _named(plain):
                counts[emotion] += 1
        near = [*near[1 - _REACH :], plain]
    total = sum(counts.values())
    return {emotion: round(count / (total + 1), 4) for emotion, count in counts.items()}


def _named(word: str) -> list[str]:
    return [emotion for emotion, pattern in _PATTERNS.items() if pattern.fullmatch(word)]


def _pattern(stems: str) -> re.Pattern[str]:
    return re.compile(
        "|".join(re.escape(stem.rstrip("*")) + ("[a-z-]*" if "*" in stem else "") for stem in stems.split())
    )


_DENYING = frozenset(_DENIALS.split())
_PATTERNS = {emotion: _pattern(stems) for emotion, stems in _STEMS.items()}
