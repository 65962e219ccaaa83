"""Which languages a voice speaks: the first letter of its name says so. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Accent:
    """A language, and what espeak-ng calls the way a voice speaks it; none where espeak-ng is not asked."""

    language: str
    espeak: str | None


AMERICAN = Accent("en", "en-us")
_ACCENTS = {
    "a": AMERICAN,
    # The name of the voice without an accent of its own, which is the British one.
    "b": Accent("en", "en"),
    "e": Accent("es", "es"),
    "f": Accent("fr", "fr"),
    "h": Accent("hi", "hi"),
    "i": Accent("it", "it"),
    "j": Accent("ja", None),
    "p": Accent("pt", "pt-br"),
    "z": Accent("zh", None),
}
# Of the Japanese voices these can be understood in English: Whisper makes 4 % of their words out wrongly, and
# 9 to 23 % of the others'.
_ALSO_ENGLISH = frozenset({"jf_gongitsune", "jm_kumo"})


def accents(voice: str) -> list[Accent]:
    """What this voice speaks, its own language first; empty for a name that tells none."""
    own = _ACCENTS.get(voice[:1])
    if own is None or voice[2:3] != "_":
        return []
    return [own, AMERICAN] if voice in _ALSO_ENGLISH else [own]


def title(voice: str) -> str:
    """The name for people: jf_alpha is Alpha."""
    return voice[3:].replace("_", " ").title()
