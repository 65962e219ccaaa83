"""The engine: a sentence's phonemes in, one run of the model, a chunk out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import BadSettings, NothingToSpeak, UnknownVoice
from ...stretch import stretch
from ...table import override, read_settings, told
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request
from .model import SAMPLE_RATE, Model, load_model
from .reader import Reader
from .symbols import ends_clause, runs, tokens
from .voices import Style, Voices, read_voices

# With what a run keeps of its own silences a full stop comes to 0.35 s.
_SENTENCE_PAUSE, _CLAUSE_PAUSE = 0.2, 0.05
# Between these the model follows exactly. Below, it breathes for half a second before a sentence; above, it
# swallows sounds and is not as fast as asked.
_SLOWEST, _FASTEST = 0.7, 2.0


@dataclass(frozen=True)
class KokoroSettings:
    """Whose files, and who speaks.

    `model` (.onnx) and `voices` (.npz, or .bin as kokoro-onnx calls it); none: those that the package
    carries, whose voices are Japanese. `voice`: the default one, which may be a mixture.
    """

    model: Path | None = None
    voices: Path | None = None
    voice: str | None = None


@dataclass(frozen=True)
class KokoroPlan(Plan):
    """The model's runs, each with the pause behind it in samples. `stretch`: 1 is none."""

    runs: list[tuple[list[int], int]]
    style: Style
    speed: float
    stretch: float


class KokoroEngine(Engine[KokoroPlan]):
    """Kokoro with the voices of one file."""

    def __init__(
        self, settings: KokoroSettings, model: Model, voices: Voices, reader: Reader, device: str
    ) -> None:
        self._settings = settings
        self._model = model
        self._voices = voices
        self._reader = reader
        self.info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=voices.infos(),
            languages=voices.languages(),
            repeatable=device == "cpu",
            device=device,
            tier="onnxruntime",
            options=told(KokoroSettings, ()),
        )

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> KokoroEngine:
        """Read voices, dictionaries and model. Raises MissingModel, LoadFailed and BadSettings."""
        settings = read_settings(KokoroSettings, order.settings)
        try:
            voices = read_voices(settings.voices, settings.voice)
        except UnknownVoice as error:
            raise BadSettings(error.message, param="voice") from error
        reader = Reader(voices.languages())
        progress(0.4)
        model = load_model(settings.model, order.device, order.threads)
        progress(1.0)
        return cls(settings, model, voices, reader, "cpu" if order.device == "none" else order.device)

    def prepare(self, request: Request) -> KokoroPlan:
        """Read the text into symbols, a millisecond or so for a sentence."""
        override(self._settings, request.options, ())
        style, accent = self._voices.choose(request.voice, request.language)
        reading = self._reader.read(request.text, accent)
        found: list[tuple[list[int], int]] = []
        for sentence in reading.sentences:
            parts = list(runs(sentence))
            for number, part in enumerate(parts, start=1):
                pause = _SENTENCE_PAUSE if number == len(parts) else _CLAUSE_PAUSE * ends_clause(part)
                if symbols := tokens(part, self._model.symbols):
                    found.append((symbols, round(pause / request.speed * SAMPLE_RATE)))
        if not found:
            raise NothingToSpeak(f"there is nothing to speak in {request.text!r:.80}", param="text")
        speed = min(max(request.speed, _SLOWEST), _FASTEST)
        return KokoroPlan(reading.skipped, found, style, speed, stretch=speed / request.speed)

    def speak(self, plan: KokoroPlan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """One chunk a sentence, with its pause; a long one comes in several."""
        for number, (symbols, pause) in enumerate(plan.runs, start=1):
            sound = self._model.speak(symbols, plan.style, plan.speed)
            if plan.stretch != 1:
                sound = stretch(sound, plan.stretch, SAMPLE_RATE)
            yield np.pad(sound, (0, pause if number < len(plan.runs) else 0))


__all__ = ["KokoroEngine", "KokoroPlan", "KokoroSettings"]
