"""The engine: a reference and a text in, one launch, a wave out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...cache import folder
from ...errors import EngineError, MissingModel, NothingToSpeak, UnknownVoice
from ...faults import device_faults
from ...numerals import in_words
from ...table import override, read_settings
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request
from . import architecture, vocoder, weights
from .architecture import SAMPLE_RATE
from .buffers import Job
from .checkpoint import Checkpoint
from .reading import Vocabulary
from .settings import OPTIONS, F5Options, F5Settings
from .synthesizer import Synthesizer
from .tier import choose
from .voices import LANGUAGES, Voice, built_in, frames_for, infos, prepare

_WEIGHTS = "see docs/engines/f5.md for where to get the files"


@dataclass(frozen=True)
class F5Plan(Plan):
    """What to launch."""

    job: Job


class F5Engine(Engine[F5Plan]):
    """One model, any number of voices."""

    def __init__(
        self,
        settings: F5Settings,
        vocabulary: Vocabulary,
        voices: dict[str, Voice],
        synthesizer: Synthesizer,
        info: EngineInfo,
    ) -> None:
        self.info = info
        self._settings = settings
        self._defaults = F5Options(settings.default_nfe_step, settings.cfg_strength)
        self._vocabulary = vocabulary
        self._voices = voices
        self._synthesizer = synthesizer

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> F5Engine:
        """Read the files, prepare the voices, compile and capture.

        Raises BadSettings, MissingModel, LoadFailed.
        """
        settings = read_settings(F5Settings, order.settings)
        torch.set_num_threads(max(order.threads, 1))
        tier = choose(order.device, settings.kernels, settings.dtype)
        files = _files(settings)
        arch = architecture.read(architecture.find(settings.model))
        vocabulary = Vocabulary.read(
            settings.vocab or architecture.package_data() / "infer/examples/vocab.txt"
        )
        checkpoint = Checkpoint.read(files[0], tier.device, "checkpoint")
        progress(0.3)
        model, modulation = weights.load(checkpoint, arch, len(vocabulary), tier.dtype)
        speaker = vocoder.load(files[1], tier.device, tier.dtype)
        del checkpoint
        specs = [*order.voices, *built_in()]
        kept = folder("voices")
        voices = {spec.id: prepare(spec, vocabulary, tier.device, kept) for spec in reversed(specs)}
        progress(0.5)
        synthesizer = Synthesizer(tier, model, modulation, speaker, settings.buckets)
        synthesizer.get_ready(
            settings.default_nfe_step, settings.sway, lambda done: progress(0.5 + 0.5 * done)
        )
        info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=infos(specs),
            languages=LANGUAGES,
            repeatable=synthesizer.most == 1 and tier.device == "cpu",
            device=tier.device,
            tier=tier.name,
            max_batch=synthesizer.most,
        )
        return cls(settings, vocabulary, voices, synthesizer, info)

    def prepare(self, request: Request) -> F5Plan:
        """Read the text, well below a millisecond."""
        name = request.voice or self.info.voices[0].id
        voice = self._voices.get(name)
        if voice is None:
            known = ", ".join(dict.fromkeys(one.id for one in self.info.voices))
            raise UnknownVoice(f"unknown voice {name!r}; this engine has {known}", param="voice")
        options = override(self._defaults, request.options, OPTIONS)
        text = in_words(request.text.strip(), request.language or _guess(request.text))
        tokens, skipped = self._vocabulary.read_text(voice.transcript + text)
        skipped -= voice.skipped
        if not any(map(str.isalnum, text)) or len(tokens) <= voice.tokens:
            raise NothingToSpeak(f"there is nothing to speak in {request.text!r:.80}", param="text")
        frames = frames_for(voice, text, len(tokens), request.speed * self._settings.speed)
        if frames > self._synthesizer.longest:
            raise EngineError(f"the text is too long for one piece: {text!r:.80}", param="text")
        job = Job(
            tokens, voice.mel, voice.frames, frames, request.seed, options.nfe_step, options.cfg_strength
        )
        return F5Plan(skipped, job)

    def speak(self, plan: F5Plan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """All of it in one chunk."""
        for _, chunk in self.speak_together([plan], [cancel]):
            if chunk is not None:
                yield chunk

    def speak_together(
        self, plans: Sequence[F5Plan], cancels: Sequence[Cancel]
    ) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """One launch, or one for each number of steps that is asked for."""
        jobs = [plan.job for plan in plans]
        for launch in self._synthesizer.launches(jobs):

            def wanted(launch: list[int] = launch) -> bool:
                return not all(cancels[position].requested for position in launch)

            with device_faults():
                waves = self._synthesizer.run(
                    [jobs[position] for position in launch], self._settings.sway, wanted
                )
            for position, wave in zip(launch, waves or [], strict=False):
                yield position, wave
                yield position, None

    def device_bytes(self) -> int:
        """Memory held on the GPU."""
        return self._synthesizer.device_bytes()

    def recompiles(self) -> int:
        """Kernels compiled and graphs captured since the engine was ready."""
        return self._synthesizer.recompiles()


def _files(settings: F5Settings) -> tuple[Path, Path]:
    if settings.checkpoint is None or settings.vocoder is None:
        missing = "checkpoint" if settings.checkpoint is None else "vocoder"
        raise MissingModel(f"{missing} of engine 'f5' is not set; {_WEIGHTS}", param=missing)
    if not settings.checkpoint.is_file():
        raise MissingModel(f"no file at {settings.checkpoint}; {_WEIGHTS}", param="checkpoint")
    return settings.checkpoint, settings.vocoder


def _guess(text: str) -> str:
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en"
