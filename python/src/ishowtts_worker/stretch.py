"""Speech made shorter or longer at its own pitch, where a model cannot go as fast as asked. Needs numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FRAME_SECONDS = 0.03


def stretch(samples: Samples, factor: float, sample_rate: int) -> Samples:
    """The samples in `factor` times their length (0.25 to 4).

    WSOLA (Verhelst and Roelands 1993): windowed frames, overlapped by half, each taken from near where it
    should come from, at the place that continues the frame before it best.
    """
    half = int(_FRAME_SECONDS * sample_rate) // 2
    length = round(samples.size * factor)
    reach = half // 2
    padded = np.concatenate([np.zeros(reach, np.float32), samples, np.zeros(3 * half + reach, np.float32)])
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    stretched = np.zeros(length + 2 * half, np.float32)
    # Its first half has no frame before it, so it is taken as it is.
    stretched[:half] = padded[reach : reach + half] * window[half:]
    source = reach - half
    for start in range(0, length, half):
        follows = padded[source + half : source + 2 * half]
        nominal = min(round(start / factor), samples.size) + reach
        near = padded[nominal - reach : nominal + reach + half]
        source = nominal - reach + int(np.argmax(np.correlate(near, follows)))
        stretched[start : start + 2 * half] += padded[source : source + 2 * half] * window
    return stretched[:length]
