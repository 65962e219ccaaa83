"""Samples: how loud they are, how loud they shall be, and their way from float to PCM16. Needs numpy.

Every engine is brought to one house loudness, since a sentence in two scripts is spoken by two engines. One
static gain for an engine, and a limiter without memory behind it: the result of a sample depends on that
sample alone, so neither chunking nor what was said before changes it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import GarbledAudio

Samples = NDArray[np.float32]

HOUSE_LEVEL_DB = -20.0
"""Active-speech level that every engine is brought to, in dB below full scale."""
CEILING = 10 ** (-1 / 20)
"""Greatest magnitude that leaves the limiter: -1 dBFS."""
_KNEE = 10 ** (-3 / 20)
_FRAME_SECONDS = 0.02
# Below the level of the loudest frames by this much is a pause or a breath, not speech.
_GATE_DB = 30.0
_FULL_SCALE = 32767.0


def rms_db(samples: Samples) -> float:
    """Level of all samples in dB below full scale; minus infinity for silence and for none, nan for nan."""
    return _db(float(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else -math.inf


def active_level_db(samples: Samples, sample_rate: int) -> float:
    """Level of the speech in it, in dB: the mean power of the 20 ms frames within 30 dB of the loud ones.

    The loud ones are the 95th percentile. It is the idea of ITU-T P.56 with a gate that moves with the level.
    Minus infinity when there is no whole frame, or silence only.
    """
    size = int(sample_rate * _FRAME_SECONDS)
    frames = samples[: samples.size // size * size].reshape(-1, size)
    if not frames.size:
        return -math.inf
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    gate = np.quantile(power, 0.95) * 10 ** (-_GATE_DB / 10)
    return _db(float(np.mean(power[power >= gate])))


def joined(chunks: Sequence[Samples]) -> Samples:
    """The chunks as one array."""
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def leveller(spoken: Sequence[Sequence[Samples]], sample_rate: int) -> Callable[[Samples], bytes]:
    """A function to PCM16 that brings an engine, judged by a few things that it said, to the house level."""
    levels = [level for one in spoken if math.isfinite(level := active_level_db(joined(one), sample_rate))]
    gain = 10 ** ((HOUSE_LEVEL_DB - sum(levels) / len(levels)) / 20) if levels else 1.0
    return functools.partial(to_pcm16, gain=gain)


def to_pcm16(samples: Samples, gain: float = 1.0) -> bytes:
    """Samples times `gain`, limited to -1 dBFS, as little-endian PCM16.

    Raises GarbledAudio for what is no number: nobody is to hear what stands in its place.
    """
    scaled = samples * np.float32(gain)
    if not scaled.size or (scaled.max() <= _KNEE and scaled.min() >= -_KNEE):  # false for nan too
        return _quantised(scaled)
    wrong = scaled.size - int(np.count_nonzero(np.isfinite(scaled)))
    if wrong:
        raise GarbledAudio(f"{wrong} of {scaled.size} samples are no finite numbers")
    magnitude = np.abs(scaled)
    # From the knee on the slope falls from 1 towards 0 and the ceiling is approached, never passed.
    room = CEILING - _KNEE
    loud = magnitude > _KNEE
    bent = _KNEE + room * np.tanh((magnitude[loud] - _KNEE) / room)
    scaled[loud] = np.copysign(bent, scaled[loud])
    return _quantised(scaled)


def _quantised(samples: Samples) -> bytes:
    wide = samples * np.float32(_FULL_SCALE)
    pcm: bytes = np.rint(wide, out=wide).astype("<i2").tobytes()
    return pcm


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else (math.nan if math.isnan(power) else -math.inf)
