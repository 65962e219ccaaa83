"""What of a text an espeak-ng voice can read, and where its phonemes may be cut. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ... import scripts
from ...protocol import Phonemes
from ...text import cut

# Piper takes what stands between double brackets for phonemes.
_RAW_PHONEMES = re.compile(r"\[(?=\[)|\](?=\])")
_BRACKETS = re.compile(r"[\[\]]")
_MARKS = re.compile(r"[,.;:!?]+")
_CLAUSE_MARKS = frozenset(",;:")
# 200 phonemes are about 9 s of speech: no single run of the model takes longer than a second or so.
LONGEST_RUN = 200


def read(text: str, language: str, phonemes: Sequence[Phonemes] = ()) -> tuple[str, int]:
    """What `scripts.read` makes of a text, with these sounds in it.

    Phonemes that are written out in a text are text.
    """
    pieces = []
    skipped = start = 0
    for given in phonemes:
        # Of sounds that overlap, or reach beyond the text, nobody could say what was meant.
        if not start <= given.start < given.end <= len(text):
            continue
        before, left_out = _plain(text[start : given.start], language)
        start = given.end
        # espeak-ng sees what is behind by itself, and is silent about a mark that begins it.
        marks = _MARKS.match(text, start)
        start = marks.end() if marks else start
        pieces += [before, f"[[{_BRACKETS.sub('', given.ipa)}{marks[0] if marks else ''}]]"]
        skipped += left_out
    rest, left_out = _plain(text[start:], language)
    return "".join([*pieces, rest]), skipped + left_out


def _plain(text: str, language: str) -> tuple[str, int]:
    readable, skipped = scripts.read(text, language)
    # White space alone still parts two words.
    readable = readable or (" " if text and text.isspace() else "")
    return _RAW_PHONEMES.sub(lambda mark: mark[0] + " ", readable), skipped


def runs(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    """A sentence in runs that the model takes at once, cut after a clause mark, else between words."""

    def worth(at: int) -> int:
        if phonemes[at - 1] != " ":
            return 0
        return 2 if phonemes[at - 2] in _CLAUSE_MARKS else 1

    return cut(phonemes, LONGEST_RUN, worth)
