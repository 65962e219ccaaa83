"""Mandarin: words, their pinyin, and its sounds, as Kokoro's training texts were read."""

from __future__ import annotations

import re
import unicodedata
import warnings

import cn2an
import rjieba
from pinyin_to_ipa import pinyin_to_ipa
from pypinyin import Style, lazy_pinyin

from ...text import counts_as_skipped
from .reading import mandarin_spoken
from .symbols import of_pinyin

_MARKS = str.maketrans(
    {
        **dict.fromkeys("、，", ", "),
        **dict.fromkeys("。．", ". "),
        **dict.fromkeys("《「『【«", " “"),
        **dict.fromkeys("》」』】»", "” "),
        "！": "! ",
        "？": "? ",
        "：": ": ",
        "；": "; ",
        "（": " (",
        "）": ") ",
    }
)
_BEFORE_MARK = re.compile(r" (?=[,.!?:;”)])")


class Mandarin:
    """The way to phonemes; it keeps nothing."""

    def read(self, text: str) -> tuple[str, int]:
        """The phonemes of a text, and how many characters have none, white space and punctuation apart."""
        text = mandarin_spoken(unicodedata.normalize("NFKC", text))
        with warnings.catch_warnings():
            # It warns of numbers that are too long for it, and leaves them.
            warnings.simplefilter("ignore")
            text = cn2an.transform(text, "an2cn")
        said = []
        skipped = 0
        for word in rjieba.cut(text.translate(_MARKS)):
            phonemes = ""
            for syllable in lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True):
                try:
                    phonemes += of_pinyin("".join(pinyin_to_ipa(syllable)[0]))
                except ValueError:
                    # No syllable: marks, and what pypinyin has no reading for and hands back.
                    skipped += sum(map(counts_as_skipped, syllable))
                    phonemes += "".join(one for one in syllable if not counts_as_skipped(one))
            said.append(phonemes)
        return _BEFORE_MARK.sub("", " ".join(" ".join(said).split())), skipped
