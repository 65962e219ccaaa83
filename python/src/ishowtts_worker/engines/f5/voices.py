"""Voices by reference: a clip and what is said in it, prepared once and kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...clip import Limits, digest, read
from ...errors import BadSettings, UnknownVoice
from ..base import VoiceInfo, VoiceSpec
from .architecture import HOP, MEL_BANDS, SAMPLE_RATE, package_data
from .mel import log_mel
from .reading import Vocabulary

_LOG = logging.getLogger(__name__)

LANGUAGES = ("en", "zh")
_LIMITS = Limits(shortest=1.0, longest=15.0)
_SLOWEST, _FASTEST = 3.0, 80.0
"""Bytes of text a second: people say about 15 in English and 12 in Chinese."""
_PREPARATION = 1
"""Counted up when clips are prepared differently, so that what is kept of them is made again."""


@dataclass(frozen=True)
class Voice:
    """A prepared reference.

    `mel` frames [n, 100] on the device, of which `frames` are followed by the new speech.

    Of its transcript come so many `tokens`, and so many characters are `skipped`.
    """

    mel: Tensor
    frames: int
    transcript: str
    tokens: int
    skipped: int

    @property
    def text_bytes(self) -> int:
        """Length of the transcript, which with the clip's gives how fast it is spoken."""
        return len(self.transcript.encode())


def built_in() -> list[VoiceSpec]:
    """The two clips that the f5-tts package carries."""
    folder = package_data() / "infer/examples/basic"
    clips = [
        ("basic-en", "en", "basic_ref_en.wav", "Some call me nature, others call me mother nature."),
        ("basic-zh", "zh", "basic_ref_zh.wav", "对，这就是我，万人敬仰的太乙真人。"),
    ]
    return [VoiceSpec(name, language, str(folder / file), text) for name, language, file, text in clips]


def prepare(spec: VoiceSpec, vocabulary: Vocabulary, device: str, cache: Path | None) -> Voice:
    """Read a clip, or what is kept of it. Raises BadSettings that says what is wrong with it."""
    path, transcript = Path(spec.reference), _ended(spec.transcript)
    if not transcript.strip(" .。"):
        raise BadSettings(f"voice {spec.id!r} needs a transcript: what is said in {path}", param="transcript")
    try:
        kept = cache / f"{digest(path)}-{_PREPARATION}.npy" if cache else None
    except OSError as error:
        raise BadSettings(
            f"reference of voice {spec.id!r} cannot be read: {error}", param="reference"
        ) from error
    mel = _kept(kept)
    if mel is None:
        mel = log_mel(torch.from_numpy(read(path, SAMPLE_RATE, _LIMITS, spec.id)))
        if kept:
            _keep(kept, mel)
    pace = len(transcript.encode()) * SAMPLE_RATE / HOP / mel.shape[0]
    if not _SLOWEST <= pace <= _FASTEST:
        raise BadSettings(
            f"transcript of voice {spec.id!r} does not fit its recording: {len(spec.transcript)} characters "
            f"in {mel.shape[0] * HOP / SAMPLE_RATE:.1f} s; give the words that are said in it, all of them",
            param="transcript",
        )
    # The last frame is only half covered by the clip: the new speech begins in its place.
    tokens, skipped = vocabulary.read_text(transcript)
    return Voice(mel.to(device), mel.shape[0] - 1, transcript, len(tokens), skipped)


class Voices:
    """All voices of an engine. One whose recording is no good is left out, and the others speak."""

    def __init__(
        self, specs: Sequence[VoiceSpec], prepared: dict[str, Voice], left_out: dict[str, str]
    ) -> None:
        self._specs = [spec for spec in specs if spec.id in prepared]
        self._prepared = prepared
        self._left_out = left_out

    @classmethod
    def prepare(
        cls, specs: Sequence[VoiceSpec], vocabulary: Vocabulary, device: str, cache: Path | None
    ) -> Voices:
        """Prepare all of them; of two with one name the first counts."""
        prepared: dict[str, Voice] = {}
        left_out: dict[str, str] = {}
        for spec in specs:
            if spec.id in prepared:
                continue
            try:
                prepared[spec.id] = prepare(spec, vocabulary, device, cache)
            except BadSettings as error:
                _LOG.error("Voice %r is left out: %s", spec.id, error)
                left_out.setdefault(spec.id, str(error))
        return cls(specs, prepared, left_out)

    def get(self, name: str | None) -> Voice:
        """A voice, by default the first. Raises UnknownVoice that says why it is not there."""
        name = name or self._specs[0].id
        if name in self._prepared:
            return self._prepared[name]
        if name in self._left_out:
            raise UnknownVoice(f"voice {name!r} is left out: {self._left_out[name]}", param="voice")
        known = ", ".join(self._prepared)
        raise UnknownVoice(f"unknown voice {name!r}; this engine has {known}", param="voice")

    def infos(self) -> list[VoiceInfo]:
        """As they are told: every voice speaks both languages, the one of its clip first."""
        return [
            VoiceInfo(id=spec.id, language=language, name=spec.id.replace("-", " ").title())
            for spec in self._specs
            for language in sorted(LANGUAGES, key=lambda one: one != spec.language)
        ]


def frames_for(voice: Voice, text: str, tokens: int, speed: float) -> int:
    """Frames for the reference and `text`, spoken as fast as the clip is, times `speed`.

    By the bytes of both texts, as F5-TTS reckons; few of them would be hurried over, so they get more time.
    """
    size = len(text.encode())
    pace = _HURRIED_PACE * speed if size < _HURRIED_BYTES else speed
    spoken = int(voice.frames / voice.text_bytes * size / pace)
    return max(voice.frames + spoken, int(voice.mel.shape[0]) + 1, tokens + 1)


_HURRIED_BYTES = 10
_HURRIED_PACE = 0.3


def _ended(transcript: str) -> str:
    """With an end that tells the model that something else follows."""
    text = transcript.strip()
    if text.endswith("。"):
        return text
    return f"{text} " if text.endswith(".") else f"{text}. "


def _kept(path: Path | None) -> Tensor | None:
    """What is kept of a clip; none when there is nothing, or it is damaged and has to be made again."""
    if path is None or not path.is_file():
        return None
    try:
        mel = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = mel.ndim == 2 and mel.shape[1] == MEL_BANDS and mel.dtype == np.float32  # noqa: PLR2004 - frames, bands
    return torch.from_numpy(mel) if fits else None


def _keep(path: Path, mel: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.save(file, mel.numpy(), allow_pickle=False)
    draft.replace(path)
