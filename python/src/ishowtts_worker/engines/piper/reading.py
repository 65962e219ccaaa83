"""What of a text an espeak-ng voice can read, and where its phonemes may be cut. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ... import scripts
from ...text import cut

# Piper takes what stands between double brackets for phonemes.
_RAW_PHONEMES = re.compile(r"\[(?=\[)|\](?=\])")
_CLAUSE_MARKS = frozenset(",;:")
# 200 phonemes are about 9 s of speech: no single run of the model takes longer than a second or so.
LONGEST_RUN = 200


def read(text: str, language: str) -> tuple[str, int]:
    """What `scripts.read` makes of a text, without phonemes written out."""
    readable, skipped = scripts.read(text, language)
    return _RAW_PHONEMES.sub(lambda mark: mark[0] + " ", readable), skipped


def runs(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    """A sentence in runs that the model takes at once, cut after a clause mark, else between words."""

    def worth(at: int) -> int:
        if phonemes[at - 1] != " ":
            return 0
        return 2 if phonemes[at - 2] in _CLAUSE_MARKS else 1

    return cut(phonemes, LONGEST_RUN, worth)
