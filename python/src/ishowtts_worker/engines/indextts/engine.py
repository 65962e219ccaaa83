"""The engine: a text in pieces, each through the GPT, the diffusion and the vocoder."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import BadOption, BadSettings, NothingToSpeak
from ...faults import device_faults
from ...stretch import stretch
from ...table import override, read_settings, told
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request
from .decode import Cancelled
from .files import Files, locate
from .machine import Machine
from .model import Manner, Model, Piece
from .reading import LANGUAGES, language_of, read
from .settings import OPTIONS, IndexSettings
from .voices import Voices, described, recordings

SAMPLE_RATE = 22050
# The package puts this between two pieces.
_PAUSE_SECONDS = 0.2
# The package's own remark: below this factor its speech gets no faster. The rest is made up afterwards.
_LEAST_LENGTH = 0.78


@dataclass(frozen=True)
class IndexPlan(Plan):
    """The pieces, and how to speak them. `length` is that of the speech, 1 the natural one."""

    pieces: list[Piece]
    voice: str
    settings: IndexSettings
    length: float
    seed: int


class IndexEngine(Engine[IndexPlan]):
    """IndexTTS, which imitates recordings."""

    def __init__(self, settings: IndexSettings, machine: Machine, voices: Voices, info: EngineInfo) -> None:
        self.info = info
        self._settings = settings
        self._machine = machine
        self._model = machine.model
        self._voices = voices

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> IndexEngine:
        """Read the weights and hear the recordings. Raises MissingModel and BadSettings."""
        settings = read_settings(IndexSettings, order.settings)
        files = locate(settings.model_dir, settings.version)
        known = recordings(order.voices, settings.reference)
        device = _device(order.device)
        languages = _languages(settings.version, order)
        torch.set_num_threads(order.threads)
        torch.set_grad_enabled(False)
        half = settings.half and device != "cpu"
        with device_faults():
            model = _model(files, settings.version, device, half)
            progress(0.5)
            voices = Voices(model, known, lambda done: progress(0.5 + 0.2 * done))
            machine = Machine(model, half, settings.max_tokens, lambda done: progress(0.7 + 0.3 * done))
        if settings.emotion is not None and settings.emotion not in known:
            raise BadSettings(
                f"emotion must be a voice of this engine ({', '.join(known)}), not {settings.emotion!r}",
                param="emotion",
            )
        info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=described(order.voices, known, languages),
            languages=languages,
            repeatable=False,
            device=device,
            tier=machine.tier,
            options=told(IndexSettings, OPTIONS),
        )
        return cls(settings, machine, voices, info)

    def prepare(self, request: Request) -> IndexPlan:
        """Read the text and cut it into pieces; milliseconds, but for the first Chinese or English number."""
        voice = request.voice or self.info.voices[0].id
        settings = override(self._settings, request.options, OPTIONS)
        self._voices.check(voice, settings.emotion)
        spoken = next(one.language for one in self.info.voices if one.id == voice)
        language = language_of(request.language, spoken, self.info.languages)
        text, skipped = read(request.text)
        pieces = self._model.pieces(text, language, settings.segment_tokens) if text else []
        if not pieces:
            raise NothingToSpeak(f"there is nothing to speak in {request.text!r:.80}", param="text")
        return IndexPlan(skipped, pieces, voice, settings, 1 / request.speed, request.seed)

    def speak(self, plan: IndexPlan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """One chunk a piece, with a pause between two."""
        settings = plan.settings
        pause = round(_PAUSE_SECONDS * plan.length * SAMPLE_RATE)
        with device_faults():
            torch.manual_seed(plan.seed)
            manner = self._voices.manner(plan.voice, settings.emotion, settings.emotion_strength)
        for number, piece in enumerate(plan.pieces, start=1):
            try:
                with device_faults():
                    samples = self._piece(piece, manner, plan, cancel)
            except Cancelled:
                return
            if samples.size:
                yield np.pad(samples, (0, pause if number < len(plan.pieces) else 0))

    def _piece(self, piece: Piece, manner: Manner, plan: IndexPlan, cancel: Cancel) -> NDArray[np.float32]:
        length = max(plan.length, _LEAST_LENGTH)
        samples = self._machine.speak(piece, manner, plan.settings, length, cancel)
        if plan.length < _LEAST_LENGTH:
            return stretch(samples, plan.length / _LEAST_LENGTH, SAMPLE_RATE)
        return samples

    def device_bytes(self) -> int:
        """What torch holds of the GPU."""
        return int(torch.cuda.memory_reserved()) if self.info.device != "cpu" else 0


def _device(asked: str) -> str:
    if asked == "none":
        return "cpu"
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise BadSettings(
            f"device is {asked!r} and torch finds no CUDA device; is the driver there?", param="device"
        )
    if asked != "cpu" and not asked.startswith("cuda"):
        raise BadSettings(f"indextts computes on 'cpu' or 'cuda:N', not on {asked!r}", param="device")
    return asked


def _languages(version: str, order: Load) -> list[str]:
    """The languages, the default voice's first: it is warmed up with that one."""
    offered = [one for one in LANGUAGES[version] if one != "ja" or find_spec("fugashi") is not None]
    if not order.voices:
        return offered
    try:
        first = language_of(order.voices[0].language, "", offered)
    except BadOption as error:
        raise BadSettings(f"voice {order.voices[0].id!r}: {error.message}", param="voices") from None
    return [first, *(one for one in offered if one != first)]


def _model(files: Files, version: str, device: str, half: bool) -> Model:
    # Each imports its own package, which takes seconds.
    name = "Version2" if version == "2" else "Version25"
    module = importlib.import_module(f"{__package__}.{name.lower()}")
    model: Model = getattr(module, name).load(files, device, half)
    return model


__all__ = ["IndexEngine", "IndexPlan"]
