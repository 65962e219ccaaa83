"""Decoding the GPT over a static key-value cache, without the package's loop; the same tokens for a seed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cancel import Cancel
from .sampling import Knobs, sample
from .weights import Layer, Weights


class Cancelled(Exception):
    """It was asked to stop."""


class Decoder:
    """One sequence at a time, step by step: what runs on any device.

    `room`: rows of the cache.
    """

    # Fake tokens before the start one: the package hands generate ones in place of what is embedded already,
    # and the repetition penalty counts them.
    _FAKE = 1

    def __init__(self, weights: Weights, room: int) -> None:
        self._weights = weights
        self.room = room
        width, heads = weights.width, weights.heads
        self._heads, self._each = heads, width // heads
        # Keys and values of a position stand side by side.
        self._cache = weights.norm.new_zeros(len(weights.layers), room, 2, heads, self._each)
        self._seen = torch.zeros(len(weights.head), dtype=torch.bool, device=weights.head.device)

    def generate(self, prefix: Tensor, knobs: Knobs, most: int, cancel: Cancel) -> Tensor:
        """Tokens [1, N] that go on from the prefix [P, D], without the stop token. Raises Cancelled.

        Chance is torch's global generator, as in the package.
        """
        most = min(most, self.room - len(prefix))
        codes, stop = [], self._weights.stop
        for code in self._codes(prefix, knobs, most):
            if cancel.requested:
                raise Cancelled
            if stop in code:
                codes.append(code[: code.index(stop)])
                break
            codes.append(code)
        found = [one for group in codes for one in group][:most]
        return torch.tensor([found], dtype=torch.long, device=prefix.device)

    def _codes(self, prefix: Tensor, knobs: Knobs, most: int) -> Iterator[list[int]]:
        """Groups of tokens, at least `most` in all, whether or not the stop token is among them."""
        seen = self._forget()
        hidden = self._forward(prefix, 0)
        first, positions = self._weights.first_position, self._weights.positions
        for number in range(most):
            token = sample(self._logits(hidden), seen, knobs)
            seen[token] = True
            code = int(token)
            yield [code]
            row = self._weights.tokens[code] + positions[first + number]
            hidden = self._forward(row[None], len(prefix) + number)

    def _forget(self) -> Tensor:
        self._seen.zero_()
        self._seen[[self._FAKE, self._weights.start]] = True
        return self._seen

    def _forward(self, rows: Tensor, at: int) -> Tensor:
        """Take rows [T, D] in at a position of the cache; the last one as it leaves the layers."""
        for number, layer in enumerate(self._weights.layers):
            rows = self._layer(rows, layer, self._cache[number], at)
        return rows[-1]

    def _layer(self, rows: Tensor, layer: Layer, cache: Tensor, at: int) -> Tensor:
        count, epsilon = len(rows), self._weights.epsilon
        normed = F.layer_norm(rows, (rows.shape[-1],), layer.norm1, layer.norm1_bias, epsilon)
        mixed = F.linear(normed, layer.attend, layer.attend_bias).view(count, 3, self._heads, self._each)
        cache[at : at + count] = mixed[:, 1:]
        query, keys, values = (
            one.transpose(0, 1)[None] for one in (mixed[:, 0], cache[: at + count, 0], cache[: at + count, 1])
        )
        # Either the whole prefix at once or one row that looks back at all.
        found = F.scaled_dot_product_attention(query, keys, values, is_causal=count > 1)
        joined = found[0].transpose(0, 1).reshape(count, -1)
        rows = rows + F.linear(joined, layer.join, layer.join_bias)
        return rows + self._widened(rows, layer)

    def _widened(self, rows: Tensor, layer: Layer) -> Tensor:
        normed = F.layer_norm(rows, (rows.shape[-1],), layer.norm2, layer.norm2_bias, self._weights.epsilon)
        wide = F.gelu(F.linear(normed, layer.widen, layer.widen_bias), approximate="tanh")
        return F.linear(wide, layer.narrow, layer.narrow_bias)

    def _logits(self, hidden: Tensor) -> Tensor:
        weights = self._weights
        shape = (weights.width,)
        hidden = F.layer_norm(hidden, shape, weights.norm, weights.norm_bias, weights.epsilon)
        hidden = F.layer_norm(hidden, shape, weights.final, weights.final_bias, weights.epsilon)
        return F.linear(hidden, weights.head, weights.head_bias)


__all__ = ["Cancelled", "Decoder"]
