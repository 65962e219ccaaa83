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
from .progress import Mark
from .vocoder import span
from .weights import MEL

_ALIGNED = 16
_SHOWN_GAP = 4
"""Rows between two of those that the vocoder gets."""
_TOKEN, _POSITION, _OWNER, _REFERENCE, _SHOWN, _INTEGERS = range(6)


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


def shown_for(jobs: Sequence[Job]) -> int:
    """Rows that the vocoder needs for these jobs: those of what they speak."""
    return _shown(jobs)[-1][1]


def _shown(jobs: Sequence[Job]) -> list[tuple[int, int]]:
    """The rows from and to which the vocoder has what each of these jobs speaks."""
    places: list[tuple[int, int]] = []
    for job in jobs:
        start = places[-1][1] + _SHOWN_GAP if places else 0
        places.append((start, start + job.frames - job.spoken_from))
    return places


@dataclass(frozen=True)
class View:
    """The part of all buffers that a launch of `rows` rows uses.

    The halves are conditional and unconditional. For the vocoder: `shown` tells which row's mel each of its
    rows has, counted from 1, and 0 is for none.
    """

    rows: int
    tokens: Tensor
    positions: Tensor
    owners: Tensor
    is_reference: Tensor
    reference: Tensor
    noisy: Tensor
    guidance: Tensor
    starts: Tensor
    lengths: Tensor
    base: Tensor
    cos: Tensor
    sin: Tensor
    owned: Tensor
    mixed: Tensor
    shown: Tensor
    wave: Tensor


class Host:
    """The host's side of one launch: what the device takes, and the waves that it gives."""

    def __init__(self, rows: int, most: int, device: torch.device) -> None:
        pinned = device.type == "cuda"
        self.integers = torch.zeros(_INTEGERS, rows, dtype=torch.int32, pin_memory=pinned)
        self.spans = torch.zeros(2, most, dtype=torch.int32, pin_memory=pinned)
        self.guidance = torch.zeros(rows, pin_memory=pinned)
        self.wave = torch.zeros(rows * HOP, pin_memory=pinned)
        self.given = torch.zeros(rows * HOP, device=device) if pinned else self.wave
        """The waves before they are copied to the host."""
        self.places: list[tuple[int, int]] = []
        """Where in `wave` each job's begins and ends, once that is known."""

    def waves(self) -> list[np.ndarray]:
        """What the device gave, each in memory of its own."""
        whole = self.wave.numpy()
        return [whole[begin:end].copy() for begin, end in self.places]


@dataclass(frozen=True)
class Room:
    """What a launch has room for: up to `most` requests in up to `rows` rows, `gap` rows between two."""

    rows: int
    most: int
    gap: int


class Buffers:
    """All of it."""

    def __init__(self, room: Room, arch: Architecture, device: str, dtype: torch.dtype) -> None:
        self.room = room
        rows, most = room.rows, room.most
        half = arch.dim_head // 2

        def zeros(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=kind, device=device)

        self._integers = zeros(_INTEGERS, rows, kind=torch.int32)
        self._spans = zeros(2, most, kind=torch.int32)
        self._guidance = zeros(rows)
        self._reference, self._noisy = zeros(rows, MEL), zeros(rows, MEL)
        self._base = zeros(2 * rows, arch.dim, kind=dtype)
        self._mixed = zeros(2 * rows, arch.inner, kind=dtype)
        self._cos, self._sin, self._owned = zeros(2 * rows, half), zeros(2 * rows, half), zeros(2 * rows)
        self._wave = zeros((rows + WINDOW // HOP - 1) * HOP)
        self._copying = torch.cuda.Stream(device) if self.device.type == "cuda" else None

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._noisy.device

    def rows_for(self, jobs: Sequence[Job]) -> int:
        """Rows that these jobs need in one launch."""
        return self.starts_of(jobs)[-1] + jobs[-1].frames

    def starts_of(self, jobs: Sequence[Job]) -> list[int]:
        """The row in which each of these jobs begins."""
        starts, end = [], 0
        for job in jobs:
            starts.append(-(-(end + self.room.gap) // _ALIGNED) * _ALIGNED if end else 0)
            end = starts[-1] + job.frames
        return starts

    def view(self, rows: int) -> View:
        """The first `rows` rows."""
        integers = self._integers[:, :rows]
        return View(
            rows=rows,
            tokens=integers[_TOKEN],
            positions=integers[_POSITION],
            owners=integers[_OWNER],
            is_reference=integers[_REFERENCE],
            reference=self._reference[:rows],
            noisy=self._noisy[:rows],
            guidance=self._guidance[:rows],
            starts=self._spans[0],
            lengths=self._spans[1],
            base=self._base[: 2 * rows],
            cos=self._cos[: 2 * rows],
            sin=self._sin[: 2 * rows],
            owned=self._owned[: 2 * rows],
            mixed=self._mixed[: 2 * rows],
            shown=integers[_SHOWN],
            wave=self._wave[: (rows + WINDOW // HOP - 1) * HOP],
        )

    def fill(self, host: Host, jobs: Sequence[Job], rows: int) -> None:
        """Lay the jobs into the first `rows` rows, behind whatever the device has to do before."""
        integers, spans = host.integers[:, :rows].numpy(), host.spans.numpy()
        guidance = host.guidance[:rows].numpy()
        integers[:] = 0
        integers[_OWNER] = self.room.most
        spans[:] = 0
        starts = self.starts_of(jobs)
        for number, (start, job) in enumerate(zip(starts, jobs, strict=True)):
            end = start + job.frames
            own = integers[:, start:end]
            text = np.asarray(job.tokens, np.int32)[: job.frames] + 1  # 0 is for frames without a token
            own[_TOKEN, : text.size] = text
            own[_POSITION] = np.arange(job.frames)
            own[_OWNER] = number
            own[_REFERENCE, : job.reference.shape[0]] = 1
            spans[:, number] = start, job.frames
            guidance[start:end] = job.guidance
        for start, job, (first, last) in zip(starts, jobs, _shown(jobs), strict=True):
            integers[_SHOWN, first:last] = np.arange(start + job.spoken_from, start + job.frames) + 1
        self._integers[:, :rows].copy_(host.integers[:, :rows], non_blocking=True)
        self._spans.copy_(host.spans, non_blocking=True)
        self._guidance[:rows].copy_(host.guidance[:rows], non_blocking=True)
        self._noisy[:rows].zero_()
        for start, job in zip(starts, jobs, strict=True):
            self._reference[start : start + job.reference.shape[0], :MEL_BANDS] = job.reference
            generator = torch.Generator(self.device).manual_seed(job.seed)
            noise = torch.randn(job.frames, MEL_BANDS, generator=generator, device=self.device)
            self._noisy[start : start + job.frames, :MEL_BANDS] = noise

    def fetch(self, host: Host, jobs: Sequence[Job]) -> Mark:
        """Have the jobs' waves copied to the host when the device comes to it. Returns when that is done.

        The device computes what comes next while it copies.
        """
        host.places = []
        end = 0
        for first, last in _shown(jobs):
            begin, length = span(first, last - first)
            host.places.append((end, end + length))
            host.given[end : end + length] = self._wave[begin : begin + length]
            end += length
        if self._copying is None:
            return Mark(self.device)
        self._copying.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._copying):
            host.wave[:end].copy_(host.given[:end], non_blocking=True)
            return Mark(self.device)
