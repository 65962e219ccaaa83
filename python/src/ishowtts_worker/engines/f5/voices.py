"""Voices by reference: a clip and what is said in it, prepared once and kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...clip import Limits, digest, read
from ...errors import BadSettings
from ..base import VoiceInfo, VoiceSpec
from .architecture import SAMPLE_RATE, package_data
from .mel import log_mel
from .reading import Vocabulary

LANGUAGES = ("en", "zh")
_LIMITS = Limits(shortest=1.0, longest=15.0)
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


def infos(voices: Sequence[VoiceSpec]) -> list[VoiceInfo]:
    """As they are told: every voice speaks both languages, the one of its clip first."""
    return [
        VoiceInfo(id=voice.id, language=language, name=voice.id.replace("-", " ").title())
        for voice in voices
        for language in sorted(LANGUAGES, key=lambda one: one != voice.language)
    ]


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
    if kept and kept.is_file():
        mel = torch.from_numpy(np.load(kept, allow_pickle=False))
    else:
        mel = log_mel(torch.from_numpy(read(path, SAMPLE_RATE, _LIMITS, spec.id)))
        if kept:
            _keep(kept, mel)
    # The last frame is only half covered by the clip: the new speech begins in its place.
    tokens, skipped = vocabulary.read_text(transcript)
    return Voice(mel.to(device), mel.shape[0] - 1, transcript, len(tokens), skipped)


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


def _keep(path: Path, mel: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.save(file, mel.numpy(), allow_pickle=False)
    draft.replace(path)
