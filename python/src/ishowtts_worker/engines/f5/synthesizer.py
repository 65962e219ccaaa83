"""From jobs to waves, several in one launch where that pays."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .architecture import MEL_BANDS
from .buffers import Buffers, Host, Job, Room, shown_for
from .flow import Flow
from .modulation import Modulation, Table
from .ops import Ops
from .progress import Mark, Pace
from .runner import Captured, Eager, Runner
from .tier import Tier
from .vocoder import Vocoder
from .weights import Weights

MOST = 4
"""Requests in a launch: one nearly fills a large GPU, so more of them only wait for each other."""

_LEAST_ROOM = 3584
"""Frames that there is memory for at least, 38 s: the longest reference and segment, and more."""

_HOSTS = 2
"""Launches on the device at once: one is computed, and another waits behind it."""

Wave = NDArray[np.float32]

Wanted = Callable[[], bool]
"""Whether anybody still wants the result; asked between the parts of a launch."""


class Synthesizer:
    """A loaded model that is ready to run."""

    def __init__(
        self, tier: Tier, weights: Weights, modulation: Modulation, vocoder: Vocoder, buckets: Sequence[int]
    ) -> None:
        self._tier = tier
        self._modulation = modulation
        # In single precision the same job gives the same samples; rounding would depend on its neighbours.
        self.most = MOST if tier.is_captured and tier.dtype is not torch.float32 else 1
        self.ahead = tier.is_captured
        self.longest = max(*buckets, _LEAST_ROOM)
        ops = _ops(tier)
        self._flow = Flow(weights, vocoder, ops, fixed_shapes=tier.name in ("compile", "graph"))
        if tier.name == "compile":
            torch._dynamo.config.cache_size_limit = 64
            self._flow.step = torch.compile(self._flow.step, dynamic=True)  # type: ignore[method-assign]
        with torch.inference_mode():
            room = Room(self.longest, MOST, ops.gap(weights.convs[0]))
            self._buffers = Buffers(room, weights.architecture, tier.device, tier.dtype)
            self._hosts = [Host(self.longest, MOST, self._buffers.device) for _ in range(_HOSTS)]
        self._flights: list[Host] = []
        self._last = Mark(self._buffers.device)
        # The last of them has parts that the device was not given yet: nothing else may be laid out.
        self._is_giving = False
        self._pace = Pace()
        self._buckets = buckets
        self._runner: Runner = Eager(self._flow)
        self._known = 0

    def get_ready(self, steps: int, sway: float, progress: Callable[[float], None]) -> None:
        """Compile and capture all there is to be."""
        if self._tier.is_captured:
            with torch.inference_mode(), torch.cuda.device(self._tier.device):
                default = self._modulation.table(steps, sway)
                captured = Captured(self._flow, self._buffers, default, self._buckets)
                captured.capture(progress)
                self._runner = captured
        self._known = self._made()

    def run(self, jobs: Sequence[Job], sway: float, wanted: Wanted) -> list[Wave] | None:
        """The waves of up to `most` jobs with one number of steps. None: nobody wanted them any more."""
        speech = self.speak(jobs, sway, wanted)
        while True:
            try:
                next(speech)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def speak(
        self, jobs: Sequence[Job], sway: float, wanted: Wanted
    ) -> Generator[None, None, list[Wave] | None]:
        """The same, as a generator that yields while the device computes.

        While one does, another may begin: what it has to do waits on the device, and there is no gap.
        """
        rows, table = self._rows_for(jobs), self._table(jobs, sway)
        # Giving it many parts takes long, and whoever else waits for the device would wait for that.
        while self._is_giving or not (self._last.is_reached or self._runner.is_whole(rows, table)):
            yield
        host = self._hosts.pop()
        self._flights.append(host)
        self._is_giving = True
        given = time.perf_counter()
        mark: Mark | None = None
        try:
            with torch.inference_mode():
                self._buffers.fill(host, jobs, rows)
                shown = self._buffers.view(self._runner.rows(shown_for(jobs)))
                parts = self._runner.run(self._buffers.view(rows), shown, table)
            ends = False
            while not ends:
                with torch.inference_mode():
                    ends = next(parts, True) is True
                    before = mark
                    mark = self._buffers.fetch(host, jobs) if ends else Mark(self._buffers.device)
                    self._last, self._is_giving = mark, not ends
                # One part waits on the device for the one that is computed.
                while before is not None and not before.is_reached:
                    yield
                if not wanted():
                    while not mark.is_reached:
                        yield
                    return None
            size = (rows, jobs[0].steps)
            assert mark is not None  # a launch has a part at least
            is_seen = False
            while not mark.is_reached and not (
                self._flights[0] is host and self._pace.is_nearly_over(size, given)
            ):
                yield
                is_seen = self._flights[0] is host
            is_seen |= not mark.is_reached
            mark.wait()
            self._pace.ended(size, given, seen=is_seen)
            return host.waves()
        finally:
            if host is self._flights[-1]:
                self._is_giving = False
            if mark is not None:
                mark.wait()
            self._flights.remove(host)
            self._hosts.append(host)

    def is_whole(self, jobs: Sequence[Job], sway: float) -> bool:
        """Whether these are one launch that is given to the device at once."""
        if len(self.launches(jobs)) != 1:
            return False
        return self._runner.is_whole(self._rows_for(jobs), self._table(jobs, sway))

    def _rows_for(self, jobs: Sequence[Job]) -> int:
        return self._runner.rows(self._buffers.rows_for(jobs))

    def _table(self, jobs: Sequence[Job], sway: float) -> Table:
        with torch.inference_mode():
            return self._modulation.table(jobs[0].steps, sway)

    def mels(self, jobs: Sequence[Job], sway: float) -> list[Tensor]:
        """What the waves of these jobs are made from: frames [n, 100] each, the reference's included."""
        if self.run(jobs, sway, lambda: True) is None:
            return []
        with torch.inference_mode():
            mel = self._flow.mel(self._buffers.view(self._rows_for(jobs)))
            places = zip(self._buffers.starts_of(jobs), jobs, strict=True)
            return [mel[start : start + job.frames, :MEL_BANDS].clone() for start, job in places]

    def launches(self, jobs: Sequence[Job]) -> list[list[int]]:
        """Which jobs to run together: those with as many steps, as long as they fit. Positions, in order."""
        open_launches: dict[int, list[int]] = {}
        done: list[list[int]] = []
        for position, job in enumerate(jobs):
            group = open_launches.get(job.steps)
            together = [jobs[other] for other in group or []] + [job]
            if group is None or len(together) > self.most or self._buffers.rows_for(together) > self.longest:
                open_launches[job.steps] = group = []
                done.append(group)
            group.append(position)
        return done

    def device_bytes(self) -> int:
        """Memory held on the GPU."""
        return torch.cuda.memory_reserved(self._tier.device) if self._tier.device != "cpu" else 0

    def recompiles(self) -> int:
        """Kernels compiled and graphs captured since it was ready."""
        return self._made() - self._known

    def _made(self) -> int:
        made = self._runner.captured()
        if self._tier.name == "triton":
            from .kernels import compiled  # noqa: PLC0415 - needs the package triton

            made += compiled()
        elif self._tier.name == "compile":
            made += torch._dynamo.utils.counters["stats"]["unique_graphs"]
        return made


def _ops(tier: Tier) -> Ops:
    if tier.name != "triton":
        return Ops()
    from .kernels import TritonOps  # noqa: PLC0415 - needs the package triton

    return TritonOps()
