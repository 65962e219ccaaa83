"""How the steps are run.

One call after another, or as CUDA graphs that were captured before the first request.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch

from .buffers import Buffers, View
from .flow import Flow
from .modulation import Step, Table

_ROUND = 64
_LONG_MS = 100.0
"""A launch that takes longer than this is replayed step by step, so that it can be ended in between."""


def rows_of(table: Table) -> list[Step]:
    """A table's rows."""
    return [Step(table.layers[n], table.last[n], table.lengths[n]) for n in range(table.steps)]


class Runner(ABC):
    """Runs launches."""

    @abstractmethod
    def rows(self, needed: int) -> int:
        """Rows to lay a launch out for that needs so many."""

    @abstractmethod
    def run(self, view: View, shown: View, table: Table) -> Iterator[None]:
        """From the filled view to the waves of what is shown of it.

        It comes in as many parts as it may be ended between. On a GPU a part is only given to the device, and
        this returns before it is computed.
        """

    def is_whole(self, rows: int, table: Table) -> bool:
        """Whether there is one part, and giving it to the device takes next to no time."""
        del rows, table
        return False

    def captured(self) -> int:
        """Graphs captured so far."""
        return 0


class Eager(Runner):
    """Call by call."""

    def __init__(self, flow: Flow, round_to: int = 1) -> None:
        self._flow = flow
        self._round = round_to

    def rows(self, needed: int) -> int:
        """As many as are needed."""
        return -(-needed // self._round) * self._round

    def run(self, view: View, shown: View, table: Table) -> Iterator[None]:
        """See Runner."""
        self._flow.begin(view)
        for step in rows_of(table):
            yield
            self._flow.step(view, step)
        self._flow.finish(view, shown)


class _Bucket:
    """The graphs for the number of rows of the first view.

    `finish` is for so many rows that the vocoder gets, from anywhere in the second one.
    """

    def __init__(
        self, flow: Flow, views: tuple[View, View], step: Step, table: Table, pool: tuple[int, int]
    ) -> None:
        view, everything = views
        for _ in range(2):  # compiles, loads and plans whatever this size needs
            flow.begin(view)
            flow.step(view, step)
            flow.finish(everything, view)
        self.begin = _capture(lambda: flow.begin(view), pool)
        self.step = _capture(lambda: flow.step(view, step), pool)
        self.finish = _capture(lambda: flow.finish(everything, view), pool)
        # All but the last.
        self.whole: torch.cuda.CUDAGraph | None = None
        if self._duration_ms(table.steps) <= _LONG_MS:

            def all_steps() -> None:
                flow.begin(view)
                for row in rows_of(table):
                    flow.step(view, row)

            self.whole = _capture(all_steps, pool)

    def _duration_ms(self, steps: int) -> float:
        torch.cuda.synchronize()
        start = time.perf_counter()
        self.step.replay()
        torch.cuda.synchronize()
        return 1000 * steps * (time.perf_counter() - start)


class Captured(Runner):
    """A graph of everything for the default number of steps, and graphs of one step for any other.

    What is longer than the largest bucket runs call by call: slower, and nothing has to be captured for it.
    """

    def __init__(self, flow: Flow, buffers: Buffers, default: Table, sizes: Sequence[int]) -> None:
        self._flow = flow
        self._buffers = buffers
        self._default = default
        self._step = Step(*(torch.empty_like(part) for part in vars(rows_of(default)[0]).values()))
        self._load(rows_of(default)[0])
        self._beyond = Eager(flow, _ROUND)
        self._sizes = sorted(sizes)
        self._buckets: dict[int, _Bucket] = {}
        # One after the other they may all use the same memory, since no graph leaves anything in it.
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, progress: Callable[[float], None]) -> None:
        """Capture all buckets, the largest first, whose memory the others then share."""
        for number, rows in enumerate(reversed(self._sizes), start=1):
            views = self._buffers.view(rows), self._buffers.view(self._buffers.room.rows)
            self._buckets[rows] = _Bucket(self._flow, views, self._step, self._default, self._pool)
            progress(number / len(self._sizes))

    def rows(self, needed: int) -> int:
        """The smallest bucket that is large enough."""
        return next((size for size in self._sizes if size >= needed), self._beyond.rows(needed))

    def run(self, view: View, shown: View, table: Table) -> Iterator[None]:
        """See Runner."""
        bucket = self._buckets.get(view.rows)
        if bucket is None:
            yield from self._beyond.run(view, shown, table)
            return
        finish = self._buckets[shown.rows].finish
        if bucket.whole is not None and table is self._default:
            bucket.whole.replay()
            finish.replay()
            return
        bucket.begin.replay()
        for step in rows_of(table):
            yield
            self._load(step)
            bucket.step.replay()
        finish.replay()

    def is_whole(self, rows: int, table: Table) -> bool:
        """See Runner."""
        bucket = self._buckets.get(rows)
        return bucket is not None and bucket.whole is not None and table is self._default

    def captured(self) -> int:
        """Graphs captured so far."""
        return sum(3 + (bucket.whole is not None) for bucket in self._buckets.values())

    def _load(self, step: Step) -> None:
        for static, part in zip(vars(self._step).values(), vars(step).values(), strict=True):
            static.copy_(part)


def _capture(act: Callable[[], None], pool: tuple[int, int]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        act()
    return graph
