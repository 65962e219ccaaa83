"""Text, as every front end sees it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def counts_as_skipped(character: str) -> bool:
    """Whether leaving this character out is worth telling: it is no whitespace and no punctuation."""
    return not character.isspace() and unicodedata.category(character)[0] not in "PZ"


def cut(items: Sequence[T], limit: int, worth: Callable[[int], int]) -> Iterator[Sequence[T]]:
    """Cut into runs of at most `limit` items, nothing lost.

    `worth(at)` says how good it is to cut before item `at`; the best and among equals the last place within
    the limit is taken, but none in its first third.
    """
    start = 0
    while len(items) - start > limit:
        places = range(start + limit, start + limit // 3, -1)
        end = max(places, key=worth)
        yield items[start:end]
        start = end
    yield items[start:]
