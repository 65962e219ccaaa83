"""Text to the model's tokens.

Latin letters as they are, Chinese as pinyin with its tone, as F5-TTS was trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import rjieba
from pypinyin import Style, lazy_pinyin

from ...errors import LoadFailed, MissingModel
from ...text import counts_as_skipped

# Marks that the vocabulary has no token for, and what is written for them.
_SAME = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_NO_SPACE_BEHIND = frozenset(" :'\"")
_UTF8_HAN = 3


class Vocabulary:
    """The tokens of a model, by what is written."""

    def __init__(self, tokens: dict[str, int]) -> None:
        self._tokens = tokens

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a vocab.txt: one token a line, the space first. Raises MissingModel and LoadFailed."""
        if not path.is_file():
            raise MissingModel(
                f"no vocabulary at {path}; set vocab of engine 'f5' to a vocab.txt", param="vocab"
            )
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except UnicodeError as error:
            raise LoadFailed(f"{path} is not UTF-8 text: {error}", param="vocab") from error
        tokens = {line: number for number, line in enumerate(lines[:-1] if not lines[-1] else lines)}
        if tokens.get(" ") != 0:
            raise LoadFailed(f"{path} is no vocabulary: its first line is not a space", param="vocab")
        return cls(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def read_text(self, text: str) -> tuple[list[int], int]:
        """The tokens of a text, and how many characters were left out since there is none for them."""
        found, skipped = [], 0
        for symbol in symbols(text):
            token = self._tokens.get(symbol)
            if token is None:
                skipped += counts_as_skipped(symbol) if len(symbol) == 1 else 1
            else:
                found.append(token)
        return found, skipped


def symbols(text: str) -> list[str]:
    """What is written for a text.

    Letters and marks one by one, a syllable of pinyin with a space before it.
    """
    found: list[str] = []
    for word in rjieba.cut(text.translate(_SAME)):
        size = len(word.encode(errors="replace"))
        if size == len(word):
            if found and size > 1 and found[-1] not in _NO_SPACE_BEHIND:
                found.append(" ")
            found.extend(word)
        elif size == _UTF8_HAN * len(word):
            # As one word, since a character's sound depends on its neighbours.
            for character, sound in zip(
                word, lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True), strict=False
            ):
                found.extend((" ", sound) if _is_han(character) else (sound,))
        else:
            found.extend(_mixed(word))
    return found


def _mixed(word: str) -> Iterator[str]:
    for character in word:
        if _is_han(character):
            yield " "
            yield from lazy_pinyin(character, style=Style.TONE3, tone_sandhi=True)
        else:
            yield character


def _is_han(character: str) -> bool:
    return "\u3100" <= character <= "\u9fff"
