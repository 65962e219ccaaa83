"""Recordings of a voice to be imitated: read, brought to one rate and level, rid of silence at both ends.

Needs numpy, soundfile and soxr.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from .audio import Samples
from .errors import BadSettings

_LEVEL = 0.1
"""Root of the mean power that every clip is brought to: what F5-TTS brings quiet ones to."""
_SILENCE_DB = -42.0
_BLOCK_SECONDS = 0.01
_TAIL_SECONDS = 0.05


@dataclass(frozen=True)
class Limits:
    """How long a clip may be, in seconds, after silence at its ends was cut off."""

    shortest: float
    longest: float


def digest(path: Path) -> str:
    """What the content of a file is known by."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def read(path: Path, sample_rate: int, limits: Limits, voice: str) -> Samples:
    """Mono samples of the clip of a voice. Raises BadSettings that says what is wrong with the file."""

    def bad(what: str) -> BadSettings:
        return BadSettings(f"reference of voice {voice!r}, {path}, {what}", param="reference")

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # libsndfile's errors are RuntimeErrors
        raise bad(f"cannot be read as audio: {error}") from error
    mono = samples.mean(axis=1)
    if not np.isfinite(mono).all():
        raise bad("has samples that are no numbers")
    if rate != sample_rate and mono.size:
        mono = soxr.resample(mono, rate, sample_rate)
    trimmed = trim(mono.astype(np.float32), sample_rate)
    seconds = trimmed.size / sample_rate
    if not trimmed.size:
        raise bad("is silent")
    if not limits.shortest <= seconds <= limits.longest:
        raise bad(
            f"has {seconds:.1f} s of speech; "
            f"give one of {limits.shortest:g} to {limits.longest:g} s, cut between words"
        )
    return levelled(trimmed)


def trim(samples: Samples, sample_rate: int) -> Samples:
    """Without what is quieter than -42 dB at both ends; a moment of silence is left behind the last word."""
    size = int(sample_rate * _BLOCK_SECONDS)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    loud = np.flatnonzero(np.mean(np.square(blocks), axis=1) > 10 ** (_SILENCE_DB / 10))
    if not loud.size:
        return samples[:0]
    speech = samples[loud[0] * size : (loud[-1] + 1) * size]
    return np.pad(speech, (0, int(sample_rate * _TAIL_SECONDS)))


def levelled(samples: Samples) -> Samples:
    """Brought to the common level, so that all voices of an engine are equally loud."""
    power = float(np.sqrt(np.mean(np.square(samples))))
    found: Samples = np.clip(samples * np.float32(_LEVEL / max(power, 1e-6)), -1.0, 1.0).astype(np.float32)
    return found
