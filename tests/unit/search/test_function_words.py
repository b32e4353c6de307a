"""The language of a text told by its function words."""

import pytest

from octavo.text.function_words import language_of

# The first article of the Universal Declaration of Human Rights, and a sentence in the same manner.
TEXTS = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen "
    "begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et "
    "de conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón "
    "y conciencia, deben comportarse fraternalmente los unos con los otros.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di "
    "coscienza e devono agire gli uni verso gli altri in spirito di fratellanza. Questo è il diritto della persona.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de "
    "consciência, devem agir uns para com os outros em espírito de fraternidade, e não há mais do que uma lei.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand en "
    "geweten, en dat is voor ons ook niet anders dan het was.",
    "ru": "Люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и совестью "
    "и должны поступать в отношении друг друга так, как это было бы для них самих, но не только.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_running_text_is_told_by_its_first_sentences(language):
    assert language_of(TEXTS[language]) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invoice 2024-05",
        "for (i = 0; i < n; i++) { total += price[i]; }",
        "man3/envz_strip.3 man3/fdim.3 man3/fdimf.3 man3/fdiml.3",
        "Wszyscy ludzie rodzą się wolni",
        "吾輩は猫である",
    ],
)
def test_what_function_words_do_not_settle_is_left_to_others(text):
    assert language_of(text) is None
