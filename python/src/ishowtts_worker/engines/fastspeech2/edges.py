"""How a piece of speech begins and ends: the model may wait, or stop in the middle of its last sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .vocoder import SAMPLE_RATE, Samples

# Frames in which a sound that is cut off dies away: 100 ms.
_RELEASE_FRAMES = 8
# Silence that is left before the first sound and behind the last one: 75 ms.
_SILENT_FRAMES = 6
# Below this distance from the piece's own silence, averaged over the bands, a frame is silent enough.
_SILENT_ENOUGH = 1.2
_FADE = SAMPLE_RATE // 100


def trimmed(mel: Samples) -> Samples:
    """The spectrogram, [frames, bands], with little silence around it, and its last sound dying away."""
    floor = mel.min(axis=0)
    loud = np.flatnonzero(np.mean(mel - floor, axis=1) > _SILENT_ENOUGH)
    if not loud.size:
        return mel
    mel = mel[max(0, int(loud[0]) - _SILENT_FRAMES) : int(loud[-1]) + 1 + _SILENT_FRAMES]
    if float(np.mean(mel[-1] - floor)) < _SILENT_ENOUGH:
        return mel
    steps = np.linspace(0, 1, _RELEASE_FRAMES + 1, dtype=np.float32)[1:, np.newaxis]
    return np.concatenate([mel, mel[-1] + (floor - mel[-1]) * steps])


def faded_out(chunks: Iterable[Samples], total: int) -> Iterator[Samples]:
    """The same samples, of which there are `total`, the last 10 ms falling to nothing."""
    given = 0
    for chunk in chunks:
        given += chunk.size
        if given < total:
            yield chunk
        else:
            length = min(_FADE, chunk.size)
            faded = chunk.copy()
            faded[chunk.size - length :] *= np.linspace(1, 0, length, dtype=np.float32)
            yield faded
