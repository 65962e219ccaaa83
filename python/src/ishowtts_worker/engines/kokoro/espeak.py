"""espeak-ng's phonemes, from the library itself.

The packages that wrap it copy the library to a temporary folder and load that, which not every place that a
worker may write to allows, and bring twenty others along.
"""

from __future__ import annotations

import ctypes

import espeakng_loader

from ...errors import LoadFailed
from .symbols import TIE

_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_UTF8 = 1
# The alphabet of phonetics, with a tie between the sounds that are one.
_PHONEMES = 0x02 | 0x80 | ord(TIE) << 8


class Espeak:
    """The library, which has one state for the whole process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        data = espeakng_loader.get_data_path()
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT) < 0:
            raise LoadFailed(f"espeak-ng could not read its data in {data}")
        self._accent = ""

    def phonemes(self, text: str, accent: str) -> str:
        """How a voice of espeak-ng says this, which has no marks that divide clauses."""
        if accent != self._accent and self._library.espeak_SetVoiceByName(accent.encode()):
            raise LoadFailed(f"espeak-ng has no voice {accent!r}")
        self._accent = accent
        rest = ctypes.c_char_p(text.encode())
        said = []
        # It may still see an end of a sentence, and stops at each.
        while rest.value:
            said.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _PHONEMES).decode())
        return " ".join(" ".join(said).split())
