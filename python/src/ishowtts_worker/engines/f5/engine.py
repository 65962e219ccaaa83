"""The engine: a reference and a text in, one launch, a wave out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...cache import folder
from ...errors import MissingModel, NothingToSpeak
from ...faults import device_faults
from ...numerals import in_words
from ...table import override, read_settings, told
from ...text import cut
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request
from . import architecture, vocoder, weights
from .architecture import SAMPLE_RATE
from .buffers import Job
from .checkpoint import Checkpoint
from .reading import Vocabulary
from .settings import OPTIONS, F5Options, F5Settings
from .synthesizer import Synthesizer
from .tier import choose
from .voices import LANGUAGES, Voice, Voices, built_in, frames_for

_WEIGHTS = "see docs/engines/f5.md for where to get the files"


@dataclass(frozen=True)
class F5Plan(Plan):
    """What to launch, one after the other: nearly always one job."""

    jobs: list[Job]


class F5Engine(Engine[F5Plan]):
    """One model, any number of voices."""

    def __init__(
        self,
        settings: F5Settings,
        vocabulary: Vocabulary,
        voices: Voices,
        synthesizer: Synthesizer,
        info: EngineInfo,
    ) -> None:
        self.info = info
        self._settings = settings
        self._defaults = F5Options(settings.default_nfe_step, settings.cfg_strength)
        self._vocabulary = vocabulary
        self._voices = voices
        self._synthesizer = synthesizer
        # Of those who speak at once; the first is handed over first.
        self._turns: list[object] = []

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
        voices = Voices.prepare(specs, vocabulary, tier.device, kept)
        progress(0.5)
        synthesizer = Synthesizer(tier, model, modulation, speaker, settings.buckets)
        synthesizer.get_ready(
            settings.default_nfe_step, settings.sway, lambda done: progress(0.5 + 0.5 * done)
        )
        info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=voices.infos(),
            languages=LANGUAGES,
            repeatable=synthesizer.most == 1 and tier.device == "cpu",
            device=tier.device,
            tier=tier.name,
            max_batch=synthesizer.most,
            ahead=synthesizer.ahead,
            options=told(F5Options, OPTIONS),
        )
        return cls(settings, vocabulary, voices, synthesizer, info)

    def prepare(self, request: Request) -> F5Plan:
        """Read the text, well below a millisecond."""
        voice = self._voices.get(request.voice)
        options = override(self._defaults, request.options, OPTIONS)
        text = in_words(request.text.strip(), request.language or _guess(request.text))
        tokens, skipped = self._vocabulary.read_text(voice.transcript + text)
        skipped -= voice.skipped
        if not any(map(str.isalnum, text)) or len(tokens) <= voice.tokens:
            raise NothingToSpeak(f"there is nothing to speak in {request.text!r:.80}", param="text")
        speed = request.speed * self._settings.speed
        jobs = []
        for piece, its_tokens in self._pieces(voice, text, tokens, speed):
            frames = frames_for(voice, piece, len(its_tokens), speed)
            choice = (request.seed, options.nfe_step, options.cfg_strength)
            jobs.append(Job(its_tokens, voice.mel, voice.frames, frames, *choice))
        return F5Plan(skipped, jobs)

    def _pieces(
        self, voice: Voice, text: str, tokens: list[int], speed: float
    ) -> Iterator[tuple[str, list[int]]]:
        """The text, in as few pieces as launches have room for: long numbers or slow speech may need some."""
        frames, room = frames_for(voice, text, len(tokens), speed), self._synthesizer.longest
        if frames <= room:
            yield text, tokens
            return
        share = 0.8 * (room - voice.frames) / (frames - voice.frames)
        for piece in cut(text, max(int(len(text) * share), 1), lambda at: _rest(text[at - 1])):
            yield str(piece), self._vocabulary.read_text(voice.transcript + str(piece))[0]

    def speak(self, plan: F5Plan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """All of it in one chunk."""
        for item in self.speak_together([plan], [cancel]):
            if item is not None and item[1] is not None:
                yield item[1]

    def speak_together(
        self, plans: Sequence[F5Plan], cancels: Sequence[Cancel]
    ) -> Iterator[tuple[int, NDArray[np.float32] | None] | None]:
        """One launch, or as many as numbers of steps and lengths ask for.

        What the last of them made ends together, when all of it was handed over: while the supervisor passes
        one answer on, it would not read the next.
        """
        jobs = [job for plan in plans for job in plan.jobs]
        turn = object()
        self._turns.append(turn)
        try:
            # What is given to the device in several goes waits until all before it is handed over.
            while turn is not self._turns[0] and not self._synthesizer.is_whole(jobs, self._settings.sway):
                yield None
            yield from self._launches(plans, jobs, cancels)
        finally:
            self._turns.remove(turn)

    def _launches(
        self, plans: Sequence[F5Plan], jobs: list[Job], cancels: Sequence[Cancel]
    ) -> Iterator[tuple[int, NDArray[np.float32] | None] | None]:
        owners = [position for position, plan in enumerate(plans) for _ in plan.jobs]
        left = [len(plan.jobs) for plan in plans]
        launches = self._synthesizer.launches(jobs)
        for launch in launches:

            def wanted(launch: list[int] = launch) -> bool:
                return not all(cancels[owners[job]].requested for job in launch)

            with device_faults():
                waves = yield from self._synthesizer.speak(
                    [jobs[job] for job in launch], self._settings.sway, wanted
                )
            for job, wave in zip(launch, waves or [], strict=False):
                owner = owners[job]
                yield owner, wave
                left[owner] -= 1
                if not left[owner] and launch is not launches[-1]:
                    yield owner, None

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


def _rest(character: str) -> int:
    """How good it is to cut behind a character."""
    return 2 if unicodedata.category(character)[0] == "P" else int(character.isspace())


def _guess(text: str) -> str:
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en"
