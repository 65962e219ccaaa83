"""What of a text IndexTTS can read, and in which language. Standard library only."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ...errors import BadOption
from ...text import counts_as_skipped

# What the models were trained to speak. Version 2.5 takes a language, version 2 tells its two apart itself.
LANGUAGES = {"2.5": ("zh", "en", "es", "ja", "ar"), "2": ("zh", "en")}
_SYMBOLS = frozenset("°%&+=#@*/^|~§©®™№")


def read(text: str) -> tuple[str, int]:
    """The text without what has no sound, and how many characters that were; empty when nothing is left.

    Whitespace and punctuation are not counted. The tokenizer would take "<|" for the start of a command to
    the model.
    """
    kept = []
    skipped = 0
    speakable = False
    for character in unicodedata.normalize("NFC", text).replace("<|", " ").replace("|>", " "):
        kind = unicodedata.category(character)
        if kind[0] in "LMNP" or kind in ("Sc", "Sm") or character.isspace() or character in _SYMBOLS:
            kept.append(character)
            speakable = speakable or character.isalnum()
        else:
            kept.append(" ")
            skipped += counts_as_skipped(character)
    return ("".join(kept).strip() if speakable else ""), skipped


def language_of(asked: str | None, voice: str, offered: Sequence[str]) -> str:
    """The language to speak: the one asked for, else the voice's, else the first. Raises BadOption."""
    for tag in (asked, voice):
        if tag:
            short = tag.replace("_", "-").split("-", maxsplit=1)[0].lower()
            if short in offered:
                return short
            if tag is asked:
                raise BadOption(
                    f"this engine does not speak {asked!r}; it speaks {', '.join(offered)}", param="language"
                )
    return offered[0]


__all__ = ["LANGUAGES", "language_of", "read"]
