"""Text in, phonemes out: the front end of each language that the voices speak."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from ... import scripts
from ...text import counts_as_skipped
from .espeak import Espeak
from .languages import AMERICAN, Accent
from .reading import clauses, sentences, stretches
from .symbols import of_espeak


@dataclass(frozen=True)
class Reading:
    """The phonemes of each sentence, and how many characters were left out."""

    sentences: list[str]
    skipped: int


class Reader:
    """The front ends; those of Japanese and Mandarin are loaded where a voice speaks it."""

    def __init__(self, languages: Collection[str]) -> None:
        self._espeak = Espeak()
        if "ja" in languages:
            from .japanese import Japanese  # noqa: PLC0415 - its dictionary has 130 MB

            self._japanese = Japanese(lambda word: self._words(word, AMERICAN))
        if "zh" in languages:
            from .mandarin import Mandarin  # noqa: PLC0415 - its dictionaries have 60 MB

            self._mandarin = Mandarin()

    def read(self, text: str, accent: Accent) -> Reading:
        """The text as a voice of this accent reads it; a page takes some milliseconds."""
        text, skipped = scripts.read(text, accent.language) if accent.espeak else _without_controls(text)
        found = []
        for sentence in sentences(text):
            phonemes, left_out = self._sentence(sentence, accent)
            skipped += left_out
            found.append(phonemes)
        return Reading(found, skipped)

    def _sentence(self, sentence: str, accent: Accent) -> tuple[str, int]:
        if accent.language == "ja":
            return self._japanese.read(sentence)
        if accent.language == "zh":
            return self._mixed_mandarin(sentence)
        return self._words(sentence, accent), 0

    def _mixed_mandarin(self, sentence: str) -> tuple[str, int]:
        said = []
        skipped = 0
        for stretch in stretches(sentence):
            if stretch.latin:
                said.append(self._words(stretch.text, AMERICAN))
            else:
                phonemes, left_out = self._mandarin.read(stretch.text)
                said.append(phonemes)
                skipped += left_out
        return " ".join(said), skipped

    def _words(self, sentence: str, accent: Accent) -> str:
        name = accent.espeak or ""
        said = [
            of_espeak(self._espeak.phonemes(clause.words, name), name) + clause.marks
            for clause in clauses(sentence)
        ]
        return "".join(said).strip()


def _without_controls(text: str) -> tuple[str, int]:
    """The front ends of Japanese and Mandarin end at a null character and fail at half a surrogate pair."""
    kept = [" " if _is_control(character) else character for character in text]
    return "".join(kept), sum(map(_is_control, text))


def _is_control(character: str) -> bool:
    return counts_as_skipped(character) and unicodedata.category(character)[0] == "C"
