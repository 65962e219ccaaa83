"""From the phonemes of espeak-ng and of pinyin to the symbols that Kokoro was trained on.

The rules are those of misaki (Apache-2.0), with which its training texts were read. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from ...text import cut

# What espeak-ng writes between sounds that are one.
TIE = "^"

_DIPHTHONGS = {"a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y"}
_ENGLISH = {
    "ʔˌn\u0329": "ʔn",
    "ʔn\u0329": "ʔn",
    **_DIPHTHONGS,
    "ə^l": "ᵊl",
    "ʲo": "jo",
    "ʲə": "jə",
    "e^ə": "ɛː",
    "i^ə": "ɪə",
    "iə": "ɪə",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "e": "A",
    "ʲ": "",
    "ɚ": "əɹ",
    "r": "ɹ",
    "x": "k",
    "ç": "k",
    "ɐ": "ə",
    "ɬ": "l",
    "\u0303": "",
}
_AMERICAN = {"ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": ""}
_ALL_ENGLISH = {"o": "ɔ", "ɾ": "T", "ʔ": "t"}
_OTHERS = {**_DIPHTHONGS, "d^z": "ʣ", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ", "-": ""}
_SYLLABIC = re.compile("(\\S)\u0329")
# espeak-ng names a language where a word is read by another one's rules: (en)weekend(fr).
_SWITCH = re.compile(r"\([a-z^-]+\)")

_AFFRICATES = {"ts": "ʦ", "tɕ": "ʨ", "ʈʂ": "ꭧ"}
_TONES = {"˧˩˧": "↓", "˧˥": "↗", "˥˩": "↘", "˥": "→"}
_BUZZING = {"ɻ\u0329": "ɨ", "ɹ\u0329": "ɨ", "\u032f": ""}

# 160 symbols are about 12 s of speech. The model takes 510, but then it computes for many seconds, in which
# it hears no cancel, and its memory grows to more than 1 GB.
LONGEST_RUN = 160
_SENTENCE_MARKS = frozenset(".!?…")
_CLAUSE_MARKS = frozenset(",;:—")


def of_espeak(phonemes: str, accent: str) -> str:
    """What espeak-ng's voice `accent` said, in Kokoro's symbols."""
    phonemes = _SWITCH.sub("", phonemes)
    if not accent.startswith("en"):
        return _replaced(phonemes, _OTHERS).replace(TIE, "")
    phonemes = _SYLLABIC.sub(r"ᵊ\1", _replaced(phonemes, _ENGLISH)).replace("\u0329", "")
    if accent == "en-us":
        phonemes = _replaced(phonemes, _AMERICAN)
    return _replaced(phonemes, _ALL_ENGLISH).replace(TIE, "")


def of_pinyin(syllable: str) -> str:
    """A syllable of pinyin, written in the alphabet of phonetics, in Kokoro's symbols."""
    for table in (_AFFRICATES, _TONES, _BUZZING):
        syllable = _replaced(syllable, table)
    return syllable


def tokens(phonemes: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The numbers of the symbols that the model has; empty when there is no sound among them."""
    known = [symbol for symbol in phonemes if symbol in vocabulary]
    if not any(unicodedata.category(symbol) in ("Ll", "Lo", "Lu") for symbol in known):
        return []
    return [vocabulary[symbol] for symbol in known]


def runs(phonemes: str) -> Iterator[str]:
    """A sentence in runs that the model takes at once, cut after a mark, else between words."""

    def worth(at: int) -> int:
        if phonemes[at - 1] != " ":
            return 0
        before = phonemes[at - 2]
        return 3 if before in _SENTENCE_MARKS else 2 if before in _CLAUSE_MARKS else 1

    yield from map("".join, cut(phonemes, LONGEST_RUN, worth))


def ends_clause(phonemes: str) -> bool:
    """Whether a reader rests after these."""
    return phonemes.rstrip()[-1:] in _CLAUSE_MARKS | _SENTENCE_MARKS


def _replaced(text: str, table: Mapping[str, str]) -> str:
    """All keys of the table replaced, the longest first."""
    keys: Sequence[str] = sorted(table, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, keys)), lambda found: table[found[0]], text)
