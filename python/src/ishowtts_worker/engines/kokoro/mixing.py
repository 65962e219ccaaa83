"""The grammar of mixed voices: `jf_alpha+jm_kumo`, `jf_alpha(2)+jm_kumo(1)`. Standard library only.

A voice is a name with a weight behind it, in brackets; without one it weighs 1. The weights count by their
ratio, so (2) and (1) are the same as (0.5) and (0.25).
"""

from __future__ import annotations

import re

from ...errors import UnknownVoice

_COMPONENT = re.compile(r"\s*([^\s()+]+)\s*(?:\(\s*(\d+(?:\.\d+)?|\.\d+)\s*\)\s*)?")


def parse(text: str) -> dict[str, float]:
    """The share of each voice, in their order; together they are 1. Raises UnknownVoice that says how."""
    weights: dict[str, float] = {}
    for part in text.split("+"):
        found = _COMPONENT.fullmatch(part)
        weight = float(found[2] or 1) if found else 0.0
        if not found or not 0 < weight <= _HEAVIEST:
            raise UnknownVoice(
                f"{part.strip()!r:.80} is no part of a mixed voice; write voices and, in brackets, their "
                f"weights (above 0, at most {_HEAVIEST}): 'one(2)+other(1)'",
                param="voice",
            )
        weights[found[1]] = weights.get(found[1], 0.0) + weight
    whole = sum(weights.values())
    return {name: weight / whole for name, weight in weights.items()}


# Far more than a difference that can be heard, and far from what is no number any more.
_HEAVIEST = 1000
