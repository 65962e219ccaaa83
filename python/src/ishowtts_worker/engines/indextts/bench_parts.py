"""What the benchmark measures with: a stopwatch around methods, and the kernels one by one."""

from __future__ import annotations

import functools
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from .static import GROUP, State
from .version25 import Version25
from .weights import Weights

_SHAPES = ((2, 2), (2, 4), (4, 4), (4, 8), (8, 4), (8, 8), (16, 8))
_POSITIONS = (100, 300, 600, 1200)


class Stopwatch:
    """Times calls of methods, synchronised on both sides, while it is entered.

    `rates`: of each call, how long its result is for each second.
    """

    def __init__(self, parts: dict[str, tuple[Any, str]], sync: Callable[[], None]) -> None:
        self.times: dict[str, list[float]] = {name: [] for name in parts}
        self.rates: dict[str, list[float]] = {name: [] for name in parts}
        self._parts, self._sync = parts, sync

    def __enter__(self) -> None:
        for name, (owner, method) in self._parts.items():
            setattr(owner, method, functools.partial(self._call, name, getattr(owner, method)))

    def __exit__(self, *error: object) -> None:
        for owner, method in self._parts.values():
            delattr(owner, method)

    def _call(self, name: str, method: Any, *arguments: Any, **named: Any) -> Any:
        self._sync()
        begin = time.perf_counter()
        found = method(*arguments, **named)
        self._sync()
        took = time.perf_counter() - begin
        self.times[name].append(took)
        self.rates[name].append(found.shape[-1] / took)
        return found


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown, with how many times as fast as the first one each is."""
    columns = {
        "name": "",
        "audio_s": "audio, s",
        "total_ms": "whole, ms",
        "rtf": "RTF",
        "gpt_ms": "GPT, ms",
        "tokens_per_s": "tokens/s",
        "diffusion_ms": "diffusion, ms",
        "vocoder_ms": "vocoder, ms",
        "ready_s": "ready after, s",
        "peak_mib": "peak, MiB",
    }
    lines = [
        "| " + " | ".join([*columns.values(), "times as fast"]) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in rows:
        faster = rows[0]["rtf"] / row["rtf"]
        lines.append("| " + " | ".join([*(str(row[key]) for key in columns), f"{faster:.1f}"]) + " |")
    return "\n".join(lines)


def median(times: list[float]) -> float:
    """Of no times at all it is not a number."""
    return statistics.median(times) if times else float("nan")


def peak_mib(device: str) -> int:
    """Most memory that torch gave out since it was last asked to forget."""
    return round(torch.cuda.max_memory_allocated() / 2**20) if device != "cpu" else 0


def kernels(model: Version25) -> list[dict[str, Any]]:
    """Each kernel of the decoding in several shapes, and the whole step at several positions.

    The kernels of all layers stand in one graph, so that no launch is measured and no weight is in the cache.
    """
    module = importlib.import_module(f"{__package__}.kernel_step")
    weights = Weights.of(model.gpt, model.first_position)
    room = max(_POSITIONS) + 2 * GROUP
    cache = weights.norm.new_zeros(
        len(weights.layers), room, 2, weights.heads, weights.width // weights.heads
    )
    seen = torch.zeros(len(weights.head), dtype=torch.bool, device=cache.device)
    state = State(weights, cache, seen, room)
    rows = []
    layer = weights.layers[0]
    matrices = {
        "attend_in": layer.attend,
        "attend_out": layer.join,
        "widen": layer.widen,
        "narrow": layer.narrow,
    }
    for name, matrix in matrices.items():
        for shape in _SHAPES:
            step = module.KernelStep(weights, state, {name: module.Shape(*shape)})
            took = _graphed(functools.partial(_layers, step, name, weights, state)) / len(weights.layers)
            rows.append(_told(name, shape, took, matrix.numel() * matrix.element_size()))
    for shape in _SHAPES:
        step = module.KernelStep(weights, state, {"score": module.Shape(*shape)})
        rows.append(_told("score", shape, _graphed(step.score), weights.head.numel() * 2))
    step = module.KernelStep(weights, state)
    for position in _POSITIONS:
        state.cursor.copy_(torch.tensor([position, 1, 0]))
        took = _graphed(functools.partial(_layers, step, "look_back", weights, state)) / len(weights.layers)
        rows.append(
            _told("look_back", (position,), took, 2 * weights.width * position * cache.element_size())
        )
        took = _graphed(functools.partial(_whole, step, state, position))
        rows.append(_told("step", (position,), took, 0))
        print(f"    {1 / took:.0f} tokens a second")
    return rows


def _layers(step: Any, name: str, weights: Weights, state: State) -> None:
    for layer, cache in zip(weights.layers, state.cache, strict=True):
        getattr(step, name)(layer, cache)


def _whole(step: Any, state: State, position: int) -> None:
    state.cursor.fill_(0)
    state.cursor[:1].fill_(position)
    step.advance(0)


def _told(name: str, shape: tuple[int, ...], seconds: float, size: int) -> dict[str, Any]:
    row = {
        "kernel": name,
        "shape": list(shape),
        "us": round(1e6 * seconds, 2),
        "gb_s": round(size / seconds / 1e9),
    }
    print(f"  {name:10} {shape!s:12} {row['us']:8.2f} us {row['gb_s']:6} GB/s")
    return row


def _graphed(launch: Callable[[], object], replays: int = 20) -> float:
    """Seconds of one replay of what is launched, the median of several."""
    beside = torch.cuda.Stream()
    with torch.cuda.stream(beside):
        launch()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch()
    times: list[float] = []
    for _ in range(replays):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return median(times)


__all__ = ["Stopwatch", "kernels", "median", "peak_mib", "table"]
