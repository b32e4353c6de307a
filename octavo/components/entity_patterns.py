"""Entities that have a form: addresses, numbers with check digits, dates, sums of money.

What has the form and breaks its rules is none: an account number with wrong check digits, the 30th of February.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import date

import msgspec
from stdnum import iban, luhn


class Found(msgspec.Struct, frozen=True):
    """An entity: where it stands, of what type it is, and how sure that is."""

    start: int
    end: int
    type: str
    confidence: float


_URL = re.compile(
    r"\b(?:https?|ftp)://[^\s<>\"“”`{}|\\^]{3,2000}|\bwww\.[^\s<>\"“”`{}|\\^]{3,2000}", re.IGNORECASE
)
# What ends a sentence, not an address.
_CLOSING = ".,;:!?'*_\u2019"
_EMAIL = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b")
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])")
_CVE = re.compile(r"\bCVE-(?:19|20)\d{2}-\d{4,7}\b", re.IGNORECASE)
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?![\w:])")

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero",
            "february feb februar février febrero",
            "march mar märz mars marzo",
            "april apr avril abril",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet julio",
            "august aug août agosto",
            "september sep sept septembre septiembre",
            "october oct oktober octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember décembre diciembre",
        ),
        1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = r"\d{1,2}(?:st|nd|rd|th|\.|er)?"
_ISO_DATE = re.compile(r"(?<![\w-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_DOTTED_DATE = re.compile(r"(?<![\w.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?![\w]|\.\d)")
_SLASHED_DATE = re.compile(r"(?<![\w/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\w/])")
_DAY_FIRST = re.compile(
    rf"(?<!\w)({_DAY})\s(?:of\s|de\s)?({_MONTH})\.?,?\s(?:de\s)?(\d{{4}})(?!\w)", re.IGNORECASE
)
_MONTH_FIRST = re.compile(rf"(?<!\w)({_MONTH})\.?\s({_DAY}),?\s(\d{{4}})(?!\w)", re.IGNORECASE)
# In capitals: may and mars are words too.
_OF_MONTH = re.compile(rf"(?<!\w)({_MONTH.title()})\s(\d{{4}})(?!\w)")

_AMOUNT = r"\d{1,3}(?:[,.'\u00a0\u202f ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,15}(?:[.,]\d{1,2})?(?!\d)"
_TIMES = r"(?:\s?(?:thousand|million|billion|trillion|[Mm]illionen|[Mm]io\.?|[Mm]rd\.?|k|bn)(?!\w))?"
_CODE = (
    "USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|MXN|KRW|TRY|ZAR|SGD|HKD|NZD|THB|ILS"
)
_MONEY_AFTER = re.compile(rf"(?<!\w)(?:[$€£¥₹]|(?:US|A|C)\$|(?:{_CODE})\s)\s?(?:{_AMOUNT}){_TIMES}")
_MONEY_BEFORE = re.compile(
    rf"(?<![\w.,])(?:{_AMOUNT}){_TIMES}\s?(?:[€£¥₹]|(?:{_CODE}|euros?|dollars?|Dollar|pounds?|yen)(?!\w))"
)


def forms(text: str) -> Iterator[Found]:
    """What has a form, the surest kinds first; kinds may overlap."""
    for pattern, kind, confidence, holds in _FORMS:
        for match in pattern.finditer(text):
            end = holds(match)
            if end:
                yield Found(match.start(), end, kind, confidence)


def phones(text: str, region: str | None) -> Iterator[Found]:
    """Telephone numbers that could be dialled; national ones only with a region, as `DE`."""
    import phonenumbers  # noqa: PLC0415 - of the extra, and large

    for match in phonenumbers.PhoneNumberMatcher(text, region):
        yield Found(match.start, match.end, "PHONE", 0.95)


def _whole(match: re.Match[str]) -> int:
    return match.end()


def _url_end(match: re.Match[str]) -> int:
    """The end without what closes the sentence or the bracket that the address stands in."""
    found = match.group().rstrip(_CLOSING)
    for opens, closes in ("()", "[]"):
        while found.endswith(closes) and found.count(opens) < found.count(closes):
            found = found[:-1].rstrip(_CLOSING)
    return match.start() + len(found)


def _iban_end(match: re.Match[str]) -> int:
    """The end of the longest part, by groups, whose check digits are right."""
    found = match.group()
    while len(found) >= 15:
        if iban.is_valid(found):
            return match.start() + len(found)
        found = found[: found.rfind(" ")] if " " in found else ""
    return 0


def _card_end(match: re.Match[str]) -> int:
    digits = re.sub(r"\D", "", match.group())
    is_card = digits[0] in "3456" and len(set(digits)) > 1 and luhn.is_valid(digits)
    return match.end() if is_card else 0


def _address_end(match: re.Match[str]) -> int:
    found = match.group().rstrip(":") if match.group().count(":") > 1 else match.group()
    if ":" in found and found.count(":") < 2:
        return 0
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return 0
    return match.start() + len(found)


def _dated(year: int, month: int, day: int) -> Callable[[re.Match[str]], int]:
    """Whether the groups of a match are a day of the calendar; 0 for one that is not there."""

    def end(match: re.Match[str]) -> int:
        numbers = [_number(match.group(group)) if group else 1 for group in (year, month, day)]
        try:
            date(*numbers)
        except ValueError:
            return 0
        return match.end() if numbers[0] >= 1000 else 0

    return end


def _slashed_end(match: re.Match[str]) -> int:
    return _dated(3, 2, 1)(match) or _dated(3, 1, 2)(match)


def _number(text: str) -> int:
    digits = re.match(r"\d+", text)
    return int(digits.group()) if digits else _MONTHS[text.casefold()]


_FORMS: tuple[tuple[re.Pattern[str], str, float, Callable[[re.Match[str]], int]], ...] = (
    (_URL, "URL", 0.99, _url_end),
    (_EMAIL, "EMAIL", 0.99, _whole),
    (_CVE, "CVE", 0.99, _whole),
    (_UUID, "UUID", 0.99, _whole),
    (_IBAN, "IBAN", 0.99, _iban_end),
    (_CARD, "CARD", 0.9, _card_end),
    (_IPV4, "IP", 0.9, _address_end),
    (_IPV6, "IP", 0.9, _address_end),
    (_ISO_DATE, "DATE", 0.95, _dated(1, 2, 3)),
    (_DOTTED_DATE, "DATE", 0.95, _dated(3, 2, 1)),
    (_SLASHED_DATE, "DATE", 0.85, _slashed_end),
    (_DAY_FIRST, "DATE", 0.95, _dated(3, 2, 1)),
    (_MONTH_FIRST, "DATE", 0.95, _dated(3, 1, 2)),
    (_OF_MONTH, "DATE", 0.8, _dated(2, 1, 0)),
    (_MONEY_AFTER, "MONEY", 0.95, _whole),
    (_MONEY_BEFORE, "MONEY", 0.95, _whole),
)
