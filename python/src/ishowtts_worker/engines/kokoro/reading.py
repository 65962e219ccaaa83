"""A text in sentences, clauses and scripts, before any phoneme. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A full stop ends a sentence before white space, but not behind an initial nor before a small letter; other
# marks do wherever they stand.
_END = re.compile(
    r"(?:[。．！？｡!?…\n]|(?<!\b[A-Z])\.(?=[.!?…\"'”’)\]»]*(?:\s+(?![a-z])|$)))+[\"'”’」』）)\]»]*\s*"
)
# Within a number, an abbreviation or an address these divide nothing.
_MARK = re.compile(r"\s*(?:[!?…;—“”\"()]|[,:](?!\w)|\.(?!\w|\s+[a-z]))+\s*|\s+[-–]\s+")
_WRITTEN = str.maketrans({"«": "“", "»": "”", "¿": " ", "¡": " "})
_DASHES = str.maketrans("-–", "——")
_LATIN = r"[A-Za-zÀ-ÖØ-öø-ɏ]+(?:['’.&-]?[A-Za-zÀ-ÖØ-öø-ɏ]+)*"
_LATIN_RUN = re.compile(rf"{_LATIN}(?:[ ,]+{_LATIN})*")


@dataclass(frozen=True)
class Stretch:
    """A part of a text, and whether it is written in Latin letters."""

    text: str
    latin: bool


@dataclass(frozen=True)
class Clause:
    """Words, and the marks behind them."""

    words: str
    marks: str


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text with their marks, nothing lost but white space around them."""
    start = 0
    for end in _END.finditer(text):
        if sentence := text[start : end.end()].strip():
            yield sentence
        start = end.end()
    if sentence := text[start:].strip():
        yield sentence


def stretches(sentence: str) -> list[Stretch]:
    """A sentence of another script, its words in Latin letters apart."""
    found = []
    start = 0
    for run in _LATIN_RUN.finditer(sentence):
        found += [Stretch(sentence[start : run.start()], False), Stretch(run[0], True)]
        start = run.end()
    found.append(Stretch(sentence[start:], False))
    return [stretch for stretch in found if stretch.text]


def clauses(sentence: str) -> Iterator[Clause]:
    """A sentence in Latin letters, or Devanagari, between its marks: espeak-ng reads words only."""
    sentence = sentence.translate(_WRITTEN)
    start = 0
    for mark in _MARK.finditer(sentence):
        yield Clause(sentence[start : mark.start()].strip(), mark[0].translate(_DASHES))
        start = mark.end()
    if start < len(sentence):
        yield Clause(sentence[start:].strip(), "")


def japanese_spoken(text: str) -> str:
    """Signs that Open JTalk is silent about, in words."""
    for pattern, replacement in _JAPANESE:
        text = pattern.sub(replacement, text)
    return text


def mandarin_spoken(text: str) -> str:
    """Signs and numbers that cn2an does not read, or not as people do, in words."""
    for pattern, replacement in _MANDARIN:
        text = pattern.sub(replacement, text)
    return text


_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_CLOCK = re.compile(r"(?<![\d:：])([01]?\d|2[0-4])[:：]([0-5]\d)(?![\d:：])")
_DATE = re.compile(r"(?<!\d)(\d{4})([-/.])(1[0-2]|0?[1-9])\2(3[01]|[12]\d|0?[1-9])(?!\d)")
_MINUS = re.compile(r"(?<![\dA-Za-z\-−])[-−](?=\d)")
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")

_Forms = list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]


def _date(found: re.Match[str]) -> str:
    return f"{found[1]}年{int(found[3])}月{int(found[4])}日"


def _japanese_clock(found: re.Match[str]) -> str:
    return f"{int(found[1])}時" + (f"{int(found[2])}分" if int(found[2]) else "")


def _mandarin_clock(found: re.Match[str]) -> str:
    return f"{int(found[1])}点" + (f"{int(found[2])}分" if int(found[2]) else "")


_JAPANESE: _Forms = [
    (_DATE, _date),
    (_CLOCK, _japanese_clock),
    (_MINUS, "マイナス"),
    (re.compile(r"℃|°[Cc]"), "度"),
    (re.compile(rf"[¥￥]\s?({_NUMBER})"), r"\1円"),
    (re.compile(rf"[$＄]\s?({_NUMBER})"), r"\1ドル"),
    (re.compile(rf"€\s?({_NUMBER})"), r"\1ユーロ"),
    (re.compile(r"(?<=[\d度時分日円%％])\s*[~〜～]\s*(?=\d)"), "から"),
]
_MANDARIN: _Forms = [
    (_DATE, _date),
    (_CLOCK, _mandarin_clock),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"), lambda found: found[0].translate(_DIGITS)),
    # A number that begins with a zero or is very long is told digit by digit, as that of a telephone.
    (re.compile(r"(?<![\d.])(?:0\d+|\d{9,})(?![\d.])"), lambda found: found[0].translate(_DIGITS)),
    (re.compile(r"(?<=\d)\s*[~～]\s*(?=\d)"), "到"),
    (re.compile(r"(?<![\d-])(\d{1,3})-(?=\d{1,3}(?![\d-]))"), r"\1到"),
    (_MINUS, "负"),
    (re.compile(r"(?<=[\d零一二三四五六七八九])-(?=[\d零一二三四五六七八九])"), " "),
    (re.compile(rf"[¥￥]\s?({_NUMBER})"), r"\1元"),
    (re.compile(rf"\$\s?({_NUMBER})"), r"\1美元"),
    (re.compile(rf"€\s?({_NUMBER})"), r"\1欧元"),
    (re.compile(r"℃|°[Cc]"), "摄氏度"),
    (re.compile(r"(?<![\d.])2(?=[个位只件张条次])"), "两"),
]
