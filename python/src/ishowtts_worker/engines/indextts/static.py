"""A step of the decoding in buffers that stay where they are, so that a CUDA graph can replay it.

`TorchStep` is made of torch's operations and runs anywhere; `kernel_step.py` is the same in our own kernels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from .sampling import candidates, penalised, pick
from .settings import MOST_CANDIDATES
from .weights import Layer, Weights

# Tokens between two looks of the host. It waits for the device once for so many, and as many may be in vain.
GROUP = 8


class State:
    """Where the decoding of a sequence is, all on the device."""

    def __init__(self, weights: Weights, cache: Tensor, seen: Tensor, most: int) -> None:
        device = weights.norm.device
        self.cache, self.seen = cache, seen
        self.row = torch.zeros(weights.width, device=device)
        # The cache's next row, the next token's position in its table, and how many tokens there are.
        self.cursor = torch.zeros(3, dtype=torch.long, device=device)
        self.codes = torch.zeros(most + GROUP, dtype=torch.long, device=device)
        self.knobs = torch.ones(4, device=device)
        self.noise = torch.ones(GROUP, MOST_CANDIDATES, device=device)


class Step(ABC):
    """Takes the row in, and chooses, writes down and embeds the token that follows."""

    def __init__(self, weights: Weights, state: State) -> None:
        self._weights = weights
        self._state = state

    @abstractmethod
    def advance(self, reach: int) -> None:
        """Do it; the position is below `reach`."""

    def begin(self, logits: Tensor) -> None:
        """Choose the first token, whose logits the prefix gave."""
        state = self._state
        temperature, _, _, penalty = state.knobs.unbind()
        self._choose(penalised(logits.float(), state.seen, penalty, temperature))

    @abstractmethod
    def _choose(self, scores: Tensor) -> None:
        """From the scores of all tokens to the row of the next one."""


class TorchStep(Step):
    """In torch's operations."""

    def advance(self, reach: int) -> None:
        """Attention reads all rows below `reach`, whatever of them there is."""
        weights, state = self._weights, self._state
        row = state.row.to(weights.norm.dtype)
        ahead = torch.arange(reach, device=row.device) > state.cursor[0]
        mask = torch.zeros(1, reach, dtype=row.dtype, device=row.device).masked_fill(ahead, -torch.inf)
        for layer, cache in zip(weights.layers, state.cache, strict=True):
            row = row + self._attention(row, layer, cache[:reach], mask)
            normed = self._norm(row, layer.norm2, layer.norm2_bias)
            wide = F.gelu(F.linear(normed, layer.widen, layer.widen_bias), approximate="tanh")
            row = row + F.linear(wide, layer.narrow, layer.narrow_bias)
        hidden = self._norm(
            self._norm(row, weights.norm, weights.norm_bias), weights.final, weights.final_bias
        )
        self.begin(F.linear(hidden, weights.head, weights.head_bias))

    def _norm(self, row: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.layer_norm(row, (row.shape[-1],), weight, bias, self._weights.epsilon)

    def _attention(self, row: Tensor, layer: Layer, cache: Tensor, mask: Tensor) -> Tensor:
        normed = self._norm(row, layer.norm1, layer.norm1_bias)
        _, _, heads, each = cache.shape
        mixed = F.linear(normed, layer.attend, layer.attend_bias).view(1, 3, heads, each)
        cache.index_copy_(0, self._state.cursor[:1], mixed[:, 1:])
        query, keys, values = (one.transpose(0, 1)[None] for one in (mixed[:, 0], cache[:, 0], cache[:, 1]))
        found = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return F.linear(found.flatten(), layer.join, layer.join_bias)

    def _choose(self, scores: Tensor) -> None:
        weights, state = self._weights, self._state
        best, names = candidates(scores)
        _, place, number = state.cursor
        noise = state.noise.index_select(0, (number % GROUP)[None])[0, : best.numel()]
        token = names.index_select(0, pick(best, state.knobs, noise)[None])
        state.codes.index_copy_(0, number[None], token)
        state.seen.index_fill_(0, token, True)
        position = weights.positions.index_select(0, place.clamp(max=len(weights.positions) - 1)[None])
        state.row.copy_((weights.tokens.index_select(0, token) + position)[0])
        state.cursor.add_(1)


__all__ = ["GROUP", "State", "Step", "TorchStep"]
