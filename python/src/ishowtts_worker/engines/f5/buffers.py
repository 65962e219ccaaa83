"""What a launch computes on: memory at fixed places, filled from jobs, of which a bucket uses the first rows.

That lengths are contents of this memory, and no shapes, is what lets one CUDA graph serve every length up to
its bucket's, and several requests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .architecture import HOP, MEL_BANDS, WINDOW, Architecture
from .vocoder import span
from .weights import MEL

_GAP = 16
"""Rows between two requests: a position convolution reaches 15 frames, the vocoder's windows 3."""
_ALIGNED = 16
_TOKEN, _POSITION, _OWNER, _REFERENCE, _SPOKEN, _INTEGERS = range(6)


@dataclass(frozen=True)
class Job:
    """One utterance to make: `tokens` of the reference's text and its own, and `frames` for both.

    `reference`: mel frames [n, 100] on the device; the wave begins at frame `spoken_from`. `guidance`: how
    far it is led away from what the model would say to no text (CFG).
    """

    tokens: Sequence[int]
    reference: Tensor
    spoken_from: int
    frames: int
    seed: int
    steps: int
    guidance: float


def rows_for(jobs: Sequence[Job]) -> int:
    """Rows that these jobs need in one launch."""
    return starts_of(jobs)[-1] + jobs[-1].frames


def starts_of(jobs: Sequence[Job]) -> list[int]:
    """The row in which each of these jobs begins."""
    starts, end = [], 0
    for job in jobs:
        starts.append(-(-(end + _GAP) // _ALIGNED) * _ALIGNED if end else 0)
        end = starts[-1] + job.frames
    return starts


@dataclass(frozen=True)
class View:
    """The part of all buffers that a launch of `rows` rows uses.

    The halves are conditional and unconditional.
    """

    rows: int
    tokens: Tensor
    positions: Tensor
    owners: Tensor
    is_reference: Tensor
    is_spoken: Tensor
    reference: Tensor
    noisy: Tensor
    guidance: Tensor
    starts: Tensor
    lengths: Tensor
    base: Tensor
    cos: Tensor
    sin: Tensor
    valid: Tensor
    mixed: Tensor
    wave: Tensor


class Host:
    """The host's side of one launch: what the device takes, and the waves that it gives."""

    def __init__(self, rows: int, most: int, *, pinned: bool) -> None:
        self.integers = torch.zeros(_INTEGERS, rows, dtype=torch.int32, pin_memory=pinned)
        self.spans = torch.zeros(2, most, dtype=torch.int32, pin_memory=pinned)
        self.guidance = torch.zeros(rows, pin_memory=pinned)
        self.wave = torch.zeros(rows * HOP, pin_memory=pinned)
        self.places: list[tuple[int, int]] = []
        """Where in `wave` each job's begins and ends, once that is known."""

    def waves(self) -> list[np.ndarray]:
        """What the device gave, each in memory of its own."""
        whole = self.wave.numpy()
        return [whole[begin:end].copy() for begin, end in self.places]


class Buffers:
    """All of it, for up to `most` requests in up to `rows` rows."""

    def __init__(self, rows: int, most: int, arch: Architecture, device: str, dtype: torch.dtype) -> None:
        self._most = most
        half = arch.dim_head // 2

        def zeros(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=kind, device=device)

        self._integers = zeros(_INTEGERS, rows, kind=torch.int32)
        self._spans = zeros(2, most, kind=torch.int32)
        self._guidance = zeros(rows)
        self._reference, self._noisy = zeros(rows, MEL), zeros(rows, MEL)
        self._base = zeros(2 * rows, arch.dim, kind=dtype)
        self._mixed = zeros(2 * rows, arch.inner, kind=dtype)
        self._cos, self._sin, self._valid = zeros(2 * rows, half), zeros(2 * rows, half), zeros(2 * rows)
        self._wave = zeros((rows + WINDOW // HOP - 1) * HOP)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._noisy.device

    def view(self, rows: int) -> View:
        """The first `rows` rows."""
        integers = self._integers[:, :rows]
        return View(
            rows=rows,
            tokens=integers[_TOKEN],
            positions=integers[_POSITION],
            owners=integers[_OWNER],
            is_reference=integers[_REFERENCE],
            is_spoken=integers[_SPOKEN],
            reference=self._reference[:rows],
            noisy=self._noisy[:rows],
            guidance=self._guidance[:rows],
            starts=self._spans[0],
            lengths=self._spans[1],
            base=self._base[: 2 * rows],
            cos=self._cos[: 2 * rows],
            sin=self._sin[: 2 * rows],
            valid=self._valid[: 2 * rows],
            mixed=self._mixed[: 2 * rows],
            wave=self._wave[: (rows + WINDOW // HOP - 1) * HOP],
        )

    def fill(self, host: Host, jobs: Sequence[Job], rows: int) -> None:
        """Lay the jobs into the first `rows` rows, behind whatever the device has to do before."""
        integers, spans = host.integers[:, :rows].numpy(), host.spans.numpy()
        guidance = host.guidance[:rows].numpy()
        integers[:] = 0
        integers[_OWNER] = self._most
        spans[:] = 0
        starts = starts_of(jobs)
        for number, (start, job) in enumerate(zip(starts, jobs, strict=True)):
            end = start + job.frames
            own = integers[:, start:end]
            text = np.asarray(job.tokens, np.int32)[: job.frames] + 1  # 0 is for frames without a token
            own[_TOKEN, : text.size] = text
            own[_POSITION] = np.arange(job.frames)
            own[_OWNER] = number
            own[_REFERENCE, : job.reference.shape[0]] = 1
            own[_SPOKEN, job.spoken_from :] = 1
            spans[:, number] = start, job.frames
            guidance[start:end] = job.guidance
        self._integers[:, :rows].copy_(host.integers[:, :rows], non_blocking=True)
        self._spans.copy_(host.spans, non_blocking=True)
        self._guidance[:rows].copy_(host.guidance[:rows], non_blocking=True)
        self._noisy[:rows].zero_()
        for start, job in zip(starts, jobs, strict=True):
            self._reference[start : start + job.reference.shape[0], :MEL_BANDS] = job.reference
            generator = torch.Generator(self.device).manual_seed(job.seed)
            noise = torch.randn(job.frames, MEL_BANDS, generator=generator, device=self.device)
            self._noisy[start : start + job.frames, :MEL_BANDS] = noise

    def fetch(self, host: Host, jobs: Sequence[Job]) -> None:
        """Have the jobs' waves copied to the host when the device comes to it."""
        host.places = []
        end = 0
        for start, job in zip(starts_of(jobs), jobs, strict=True):
            begin, length = span(start + job.spoken_from, job.frames - job.spoken_from)
            host.places.append((end, end + length))
            host.wave[end : end + length].copy_(self._wave[begin : begin + length], non_blocking=True)
            end += length
