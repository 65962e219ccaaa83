"""The step of the decoding in kernels of our own, launched one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from . import kernels
from .sampling import candidates
from .settings import MOST_CANDIDATES
from .static import GROUP, State, Step
from .weights import Layer, Weights


@dataclass(frozen=True)
class Shape:
    """How a product is cut: outputs and warps of a program."""

    rows: int
    warps: int


# Small programs, so that one row keeps all of a GPU busy; `bench --kernels` times others.
_SHAPES = {
    "attend_in": Shape(4, 4),
    "attend_out": Shape(4, 4),
    "widen": Shape(4, 4),
    "narrow": Shape(4, 4),
    "score": Shape(4, 4),
}
# Keys that a program looks at together, and how much of a wide row it takes at once.
_KEYS, _WIDE = 64, 1024


class KernelStep(Step):
    """For one row at a time; the number of keys is read from the device, so one graph serves all lengths."""

    def __init__(self, weights: Weights, state: State, shapes: dict[str, Shape] | None = None) -> None:
        super().__init__(weights, state)
        self._shapes = _SHAPES | (shapes or {})
        width, heads = weights.width, weights.heads
        self._each = width // heads
        if self._each & (self._each - 1) or len(weights.head) < MOST_CANDIDATES:
            raise ValueError(f"heads of {self._each} are not a power of two, or there are too few tokens")
        kind, device = weights.head.dtype, weights.head.device
        self._wide_size = len(weights.layers[0].widen)
        self._query = torch.zeros(width, dtype=kind, device=device)
        self._wide = torch.zeros(self._wide_size, dtype=kind, device=device)
        self._found = torch.zeros(kernels.SPLITS, width, device=device)
        self._stats = torch.zeros(kernels.SPLITS, 2, heads, device=device)
        self._scores = torch.zeros(len(weights.head), device=device)
        self._seen = state.seen.view(torch.uint8)
        self._block = triton.next_power_of_2(width)

    def advance(self, reach: int) -> None:
        """What `reach` says is of no interest: keys are read up to the position and no further."""
        for layer, cache in zip(self._weights.layers, self._state.cache, strict=True):
            self.attend_in(layer, cache)
            self.look_back(layer, cache)
            self.attend_out(layer, cache)
            self.widen(layer, cache)
            self.narrow(layer, cache)
        self._choose(self.score())

    def attend_in(self, layer: Layer, cache: Tensor) -> None:
        """The query, and this position's key and value."""
        state, width = self._state, self._weights.width
        self._run(
            kernels.attend_in, 3 * width,
            state.row, layer.norm1, layer.norm1_bias, layer.attend, layer.attend_bias, self._query, cache,
            state.cursor, WIDTH=width, EPSILON=self._weights.epsilon, BLOCK=self._block,
        )  # fmt: skip

    def look_back(self, layer: Layer, cache: Tensor) -> None:
        """The query against all keys."""
        kernels.look_back[(self._weights.heads, kernels.SPLITS)](
            self._query, cache, self._state.cursor, self._found, self._stats,
            WIDTH=self._weights.width, EACH=self._each, PARTS=kernels.SPLITS, BLOCK=_KEYS, num_warps=4,
        )  # fmt: skip

    def attend_out(self, layer: Layer, cache: Tensor) -> None:
        """What was found, into the row."""
        width = self._weights.width
        self._run(
            kernels.attend_out, width,
            self._state.row, self._found, self._stats, layer.join, layer.join_bias,
            WIDTH=width, EACH=self._each, PARTS=kernels.SPLITS, BLOCK=self._block,
        )  # fmt: skip

    def widen(self, layer: Layer, cache: Tensor) -> None:
        """The wide row."""
        wide = self._wide_size
        self._run(
            kernels.widen, wide,
            self._state.row, layer.norm2, layer.norm2_bias, layer.widen, layer.widen_bias, self._wide,
            WIDTH=self._weights.width, OUT=wide, EPSILON=self._weights.epsilon, BLOCK=self._block,
        )  # fmt: skip

    def narrow(self, layer: Layer, cache: Tensor) -> None:
        """The wide row, back into the row."""
        width = self._weights.width
        self._run(
            kernels.narrow, width, self._state.row, self._wide, layer.narrow, layer.narrow_bias,
            WIDTH=width, IN=self._wide_size, BLOCK=_WIDE,
        )  # fmt: skip

    def score(self) -> Tensor:
        """Of all tokens, as the row leaves the layers."""
        weights, state = self._weights, self._state
        self._run(
            kernels.score, len(weights.head),
            state.row, weights.norm, weights.norm_bias, weights.final, weights.final_bias, weights.head,
            weights.head_bias, self._seen, state.knobs, self._scores,
            WIDTH=weights.width, OUT=len(weights.head), EPSILON=weights.epsilon, BLOCK=self._block,
        )  # fmt: skip
        return self._scores

    def _choose(self, scores: Tensor) -> None:
        weights, state = self._weights, self._state
        best, names = candidates(scores)
        kernels.choose[(1,)](
            best, names, state.knobs, state.noise, state.cursor, state.codes, self._seen,
            weights.tokens, weights.positions, state.row,
            LAST=len(weights.positions) - 1, WIDTH=weights.width, MOST=MOST_CANDIDATES, GROUP=GROUP,
            BLOCK=self._block, num_warps=4,
        )  # fmt: skip

    def _run(self, kernel: Any, outs: int, *tensors: Tensor, **sizes: Any) -> None:
        shape = self._shapes[kernel.__name__]
        grid = (triton.cdiv(outs, shape.rows),)
        kernel[grid](*tensors, ROWS=shape.rows, num_warps=shape.warps, **sizes)


__all__ = ["KernelStep", "Shape"]
