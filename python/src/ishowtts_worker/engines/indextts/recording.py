"""A recording as the models take it, and their filters: all that the packages use librosa for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ...errors import MissingModel

Samples = NDArray[np.float32]

# The packages hear no more of a recording than this.
_LONGEST_SECONDS = 15
_SHORTEST_SECONDS = 0.5


def read(path: Path, sample_rate: int) -> Samples:
    """The start of a recording, one channel, at this rate: what librosa.load gives.

    Raises MissingModel where it cannot be read or is too short to imitate.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise MissingModel(f"the recording {path} cannot be read: {error}", param="reference") from error
    if len(samples) < _SHORTEST_SECONDS * rate:
        raise MissingModel(
            f"the recording {path} is {len(samples) / rate:.2f} s long; at least {_SHORTEST_SECONDS} s of "
            "speech are needed, 5 to 15 s are good",
            param="reference",
        )
    mono = samples.mean(axis=1)
    resampled = mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate, quality="HQ")
    return np.asarray(resampled[: _LONGEST_SECONDS * sample_rate], np.float32)


def mel_filters(*, sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> Samples:
    """What librosa.filters.mel gives: triangles on Slaney's scale, each of area one."""
    highest = fmax or sr / 2
    bins = np.linspace(0, sr / 2, n_fft // 2 + 1)
    edges = _hertz(np.linspace(_slaney(fmin), _slaney(highest), n_mels + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)


# Slaney's scale: linear up to 1000 Hz at 200/3 Hz a step, then 27 steps for a factor of 6.4.
_LINEAR, _KNEE, _STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _slaney(hertz: float) -> float:
    if hertz < _KNEE:
        return hertz / _LINEAR
    return float(_KNEE / _LINEAR + np.log(hertz / _KNEE) / _STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    bent = _KNEE * np.exp(_STEP * (mels - _KNEE / _LINEAR))
    return np.where(mels < _KNEE / _LINEAR, mels * _LINEAR, bent)


__all__ = ["Samples", "mel_filters", "read"]
