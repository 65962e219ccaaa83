"""Numbers in words, for engines whose models were taught words alone. Needs num2words and cn2an."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from unicodedata import decimal

import cn2an
from num2words import num2words

_LOG = logging.getLogger(__name__)

_MONEY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_DIGITS = r"\d{1,3}(?:,\d{3})+|\d+"
_ENGLISH_MONEY = re.compile(rf"([$€£])\s?({_DIGITS})(?:\.(\d{{2}}))?(?![\d.])")
_ENGLISH_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_ENGLISH_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?!:)")
_ENGLISH_YEAR = re.compile(r"(?<![\d.,$€£#])\b(1[1-9]\d\d|20\d\d)\b(?![\d%]|[.,:]\d)")
_ENGLISH_NUMBER = re.compile(rf"(?<![\w.])(-?)({_DIGITS})((?:\.\d+)?)(\s?%)?(?![^\W_])")
_DIGIT_BY_DIGIT = str.maketrans("0123456789", "零一二三四五六七八九")
_NOON = 12
_LONGEST = 18
"""More digits than this are a number that nobody says as one: they are read one by one."""


def in_words(text: str, language: str) -> str:
    """The text with its numbers written out, in English or Chinese; in another language as it is."""
    if not any(character.isdecimal() for character in text):
        return text
    # Digits of any script, full-width ones included.
    text = "".join(str(decimal(one)) if one.isdecimal() else one for one in text)
    return _WAYS.get(language.partition("-")[0], _unchanged)(text)


def _unchanged(text: str) -> str:
    return text


def _english(text: str) -> str:
    text = _ENGLISH_MONEY.sub(_money, text)
    text = _ENGLISH_TIME.sub(_time, text)
    text = _ENGLISH_ORDINAL.sub(lambda found: _say(found[1], "ordinal"), text)
    text = _ENGLISH_YEAR.sub(lambda found: _say(found[1], "year"), text)
    text = _ENGLISH_NUMBER.sub(_number, text)
    # What is left is part of a word, such as the 3 in MP3.
    text = re.sub(r"(?<=\w)(?=\d)(?<!\d)|(?<=\d)(?=[^\W\d])", " ", text)
    return re.sub(r"\d+", lambda found: _say(found[0]), text)


def _money(found: re.Match[str]) -> str:
    whole, part = found[2].replace(",", ""), found[3]
    unit, small = _MONEY[found[1]]
    told = f"{_say(whole)} {unit}" + ("" if int(whole) == 1 else "s")
    if part and int(part):
        several = {"penny": "pence"}.get(small, f"{small}s")
        told += f" and {_say(str(int(part)))} {small if int(part) == 1 else several}"
    return told


def _time(found: re.Match[str]) -> str:
    hour, minute = found[1], found[2]
    if minute == "00":
        return (
            f"{_say(str(int(hour)))} o'clock"
            if 1 <= int(hour) <= _NOON
            else f"{_say(str(int(hour)))} hundred"
        )
    return f"{_say(str(int(hour)))} {'oh ' if minute.startswith('0') else ''}{_say(str(int(minute)))}"


def _number(found: re.Match[str]) -> str:
    sign, whole, part, percent = found.groups()
    digits = whole.replace(",", "")
    told = "minus " * bool(sign) + _say(digits)
    if part:
        told += " point " + " ".join(_say(digit) for digit in part[1:])
    return told + " percent" * bool(percent)


def _say(digits: str, kind: str = "cardinal") -> str:
    if len(digits) > _LONGEST or (len(digits) > 1 and digits.startswith("0") and kind == "cardinal"):
        return " ".join(str(num2words(int(digit))) for digit in digits)
    return str(num2words(int(digits), to=kind)).replace(",", "")


def _chinese(text: str) -> str:
    # Its reader of dates and units wants plain digits without separators, and says a telephone number as a
    # quantity.
    plain = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    plain = re.sub(r"(?<![\d.])\d{7,}(?![\d.])", lambda found: _each(found[0]), plain)
    try:
        told: str = cn2an.transform(plain, "an2cn")
    except ValueError as error:
        _LOG.debug("Could not put the numbers of %r into words: %s", plain[:80], error)
        told = plain
    return _each(told)


def _each(text: str) -> str:
    """Digit by digit."""
    return text.translate(_DIGIT_BY_DIGIT)


_WAYS: dict[str, Callable[[str], str]] = {"en": _english, "zh": _chinese}
