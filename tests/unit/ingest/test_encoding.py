"""Texts come back from every encoding they are written in."""

from __future__ import annotations

import pytest

from octavo.ingest.encoding import decode

_GERMAN = "Die Straße führt über die Brücke, und niemand weiß, wohin. Größe, Maß und Übermut.\n"
_FRENCH = "Le café où nous étions allés l'été dernier a fermé ses portes.\n"
_RUSSIAN = "Пожалуйста, пришлите подписанный договор до вечера пятницы.\n"
_JAPANESE = "署名済みの契約書を金曜日の夕方までにお送りください。\n"
_CHINESE = "请在星期五晚上之前寄回签好的合同。\n"
_KOREAN = "서명한 계약서를 금요일 저녁까지 보내 주십시오.\n"
_GREEK = "Παρακαλώ στείλτε το υπογεγραμμένο συμβόλαιο μέχρι την Παρασκευή.\n"
_POLISH = "Proszę odesłać podpisaną umowę do piątku wieczorem, żółta łódź.\n"


@pytest.mark.parametrize("text", [_GERMAN, _RUSSIAN, _JAPANESE, _KOREAN, _GREEK])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_with_a_mark_and_without(text, encoding):
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (_GERMAN, "latin-1"),
        (_FRENCH, "latin-1"),
        (_RUSSIAN, "cp1251"),
        (_RUSSIAN, "koi8-r"),
        (_JAPANESE, "shift_jis"),
        (_JAPANESE, "euc_jp"),
        (_JAPANESE, "iso2022_jp"),
        (_CHINESE, "gb18030"),
        (_KOREAN, "euc_kr"),
        (_GREEK, "iso8859-7"),
        (_POLISH, "iso8859-2"),
        (_POLISH, "cp1250"),
    ],
)
def test_other_encodings_are_found_by_statistics(text, encoding):
    assert decode(text.encode(encoding)).text == text


def test_an_encoding_that_is_declared_is_used():
    assert decode("Köln".encode("cp037"), "cp037").text == "Köln"


def test_latin_1_is_read_as_browsers_read_it():
    assert decode(b"\x93quoted\x94 caf\xe9", "iso-8859-1").text == "\u201cquoted\u201d café"


def test_valid_utf_8_is_read_as_such_whatever_is_declared():
    assert decode("Straße".encode(), "iso-8859-1") == ("Straße", "utf-8", 0)


def test_what_is_not_valid_in_the_encoding_is_replaced_and_counted():
    text, encoding, replaced = decode(b"\xff\xfeA\x00\x00\xd8B\x00", None)

    assert (text, encoding, replaced) == ("A\ufffdB", "utf-16-le", 1)


@pytest.mark.parametrize(
    "declared", ["rot13", "hex", "unicode_escape", "idna", "no-such", "", "\x00", "undefined"]
)
def test_what_is_declared_and_no_encoding_of_text_is_passed_over(declared):
    assert decode(b"caf\xe9 au lait, d\xe9j\xe0 vu", declared).text == "café au lait, déjà vu"


def test_text_with_a_few_nuls_is_not_taken_for_utf_16():
    assert decode(b"a line of a log\x00 and more of it\n" * 50).encoding == "utf-8"
