"""How each layer is modulated (AdaLN): a function of the moment alone, so that a number of steps is a table.

Upstream computes it in every step of every request, from 42 % of all weights.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .architecture import Architecture
from .timing import moments

_TIME_FEATURES = 256
_KEPT = 8


@dataclass(frozen=True)
class Table:
    """What n steps are modulated by, in float32.

    `layers` [n, depth, 6, dim]: shift, 1 + scale and gate of the attention, then of the feed-forward. `last`
    [n, 2, dim]: 1 + scale, shift. `lengths` [n].
    """

    layers: Tensor
    last: Tensor
    lengths: Tensor

    @property
    def steps(self) -> int:
        """How many."""
        return int(self.lengths.shape[0])


@dataclass(frozen=True)
class Step:
    """One row of a table."""

    layers: Tensor
    last: Tensor
    length: Tensor


class Modulation:
    """Makes tables, and keeps the last few."""

    def __init__(self, time: list[tuple[Tensor, Tensor]], layers: list[tuple[Tensor, Tensor]]) -> None:
        self._time = time
        self._layers = layers
        self._tables: OrderedDict[tuple[int, float], Table] = OrderedDict()
        self._first: tuple[int, float] | None = None

    @classmethod
    def load(cls, plain: Callable[..., Tensor], arch: Architecture, dtype: torch.dtype) -> Modulation:
        """Out of a checkpoint, whose tensors `plain` gives by name and shape."""
        dim = arch.dim

        def pair(name: str, out: int, inputs: int, kept: torch.dtype) -> tuple[Tensor, Tensor]:
            return plain(f"{name}.weight", out, inputs).to(kept), plain(f"{name}.bias", out)

        time = [
            pair("time_embed.time_mlp.0", dim, _TIME_FEATURES, torch.float32),
            pair("time_embed.time_mlp.2", dim, dim, torch.float32),
        ]
        names = [f"transformer_blocks.{number}.attn_norm.linear" for number in range(arch.depth)]
        layers = [pair(name, 6 * dim, dim, dtype) for name in names]
        return cls(time, [*layers, pair("norm_out.linear", 2 * dim, dim, dtype)])

    def table(self, steps: int, sway: float) -> Table:
        """The table for so many steps: a few milliseconds the first time."""
        key = (steps, sway)
        self._first = self._first or key
        if key not in self._tables:
            with torch.inference_mode():
                self._tables[key] = self._make(steps, sway)
            if len(self._tables) > _KEPT:
                # The first is the usual one, which graphs were captured with.
                del self._tables[next(known for known in self._tables if known != self._first)]
        self._tables.move_to_end(key)
        return self._tables[key]

    def _make(self, steps: int, sway: float) -> Table:
        times = torch.tensor(moments(steps, sway), device=self._time[0][0].device)
        hidden = F.linear(_features(times[:-1]), *self._time[0])
        emb = F.silu(F.linear(F.silu(hidden), *self._time[1]))
        rows = [F.linear(emb, weight.float(), bias) for weight, bias in self._layers]
        layers = torch.stack(rows[:-1], dim=1).view(steps, len(rows) - 1, 6, -1)
        layers[:, :, (1, 4)] += 1.0
        last = rows[-1].view(steps, 2, -1)
        last[:, 0] += 1.0
        return Table(layers.contiguous(), last.contiguous(), times[1:] - times[:-1])


def _features(times: Tensor) -> Tensor:
    """Sines and cosines of the moments, as the model was trained with."""
    half = _TIME_FEATURES // 2
    steps = torch.arange(half, device=times.device).float() * -(math.log(10_000) / (half - 1))
    angles = 1000.0 * times[:, None] * steps.exp()
    return torch.cat((angles.sin(), angles.cos()), dim=-1)
