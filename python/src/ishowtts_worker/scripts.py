"""What of a text espeak-ng can read in one language. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from .text import counts_as_skipped

# A letter of another script would be read as its name ("Chinese letter"), so it is left out. Unicode begins
# the name of a letter with its script. Languages that are not here are written in Latin letters.
_SCRIPTS = {
    **dict.fromkeys(("ar", "fa", "ur"), ("ARABIC",)),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "ru", "tt", "uk"), ("CYRILLIC",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("DEVANAGARI",)),
    **dict.fromkeys(("cmn", "zh"), ("CJK", "LATIN")),
    "am": ("ETHIOPIC",),
    "bn": ("BENGALI",),
    "el": ("GREEK",),
    "he": ("HEBREW",),
    "hy": ("ARMENIAN",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    "ka": ("GEORGIAN",),
    "ko": ("HANGUL",),
    "ml": ("MALAYALAM",),
    "sr": ("CYRILLIC", "LATIN"),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "th": ("THAI",),
    "vi": ("LATIN",),
}
# Currency and mathematics have names in every language; of the other symbols these have. Emoji do not belong
# to speech.
_SYMBOLS = frozenset("°©®™№^`|~")
# espeak-ng ends a sentence at a full stop before a capital, also after these.
_TITLE = re.compile(r"\b(Capt|Col|Dr|Gen|Hon|Lt|Mr|Mrs|Ms|Mt|Prof|Rev|Sgt|St)\.(?=\s)")


def read(text: str, language: str) -> tuple[str, int]:
    """The text without what a voice of this language cannot read, and how many characters that were.

    Whitespace and punctuation are not counted. The text is empty when there is nothing in it to speak.
    """
    scripts = _SCRIPTS.get(language.replace("_", "-").split("-")[0].lower(), ("LATIN",))
    kept = []
    skipped = 0
    speakable = False
    for character in unicodedata.normalize("NFC", text):
        if _readable(character, scripts):
            kept.append(character)
            speakable = speakable or counts_as_skipped(character)
        else:
            kept.append(" ")
            skipped += counts_as_skipped(character)
    if not speakable:
        return "", skipped
    readable = "".join(kept)
    return (_TITLE.sub(r"\1", readable) if language.startswith("en") else readable), skipped


def _readable(character: str, scripts: Sequence[str]) -> bool:
    kind = unicodedata.category(character)
    if kind[0] == "P" or character.isspace():
        return True
    if kind == "Nd":
        return character.isascii() or "LATIN" not in scripts
    if kind in ("Sc", "Sm") or character in _SYMBOLS:
        return True
    name = unicodedata.name(character, "")
    return kind[0] in "LM" and name.split(" ")[0] in (*scripts, "COMBINING")
