"""The GPT's layers as plain tensors, shared with the package's modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Layer:
    """A layer of GPT-2; the matrices are [out, in], each output's weights side by side in memory."""

    norm1: Tensor
    norm1_bias: Tensor
    attend: Tensor
    attend_bias: Tensor
    join: Tensor
    join_bias: Tensor
    norm2: Tensor
    norm2_bias: Tensor
    widen: Tensor
    widen_bias: Tensor
    narrow: Tensor
    narrow_bias: Tensor


@dataclass(frozen=True)
class Weights:
    """All that a step of the decoding reads. Of the two last norms one follows the other, as in the model.

    `start` and `stop` are tokens; `first_position`: of the first token after the start, in its table.
    """

    layers: list[Layer]
    norm: Tensor
    norm_bias: Tensor
    final: Tensor
    final_bias: Tensor
    head: Tensor
    head_bias: Tensor
    tokens: Tensor
    positions: Tensor
    heads: int
    epsilon: float
    start: int
    stop: int
    first_position: int

    @classmethod
    def of(cls, gpt: Any, first_position: int) -> Weights:
        """Take them from a UnifiedVoice, whose own matrices become views of these."""
        block = gpt.gpt
        return cls(
            [_layer(one) for one in block.h],
            block.ln_f.weight,
            block.ln_f.bias,
            gpt.final_norm.weight,
            gpt.final_norm.bias,
            gpt.mel_head.weight,
            gpt.mel_head.bias,
            gpt.mel_embedding.weight,
            gpt.mel_pos_embedding.emb.weight,
            gpt.heads,
            block.ln_f.eps,
            gpt.start_mel_token,
            gpt.stop_mel_token,
            first_position,
        )

    @property
    def width(self) -> int:
        """Of the rows that go from layer to layer."""
        return int(self.norm.numel())


def _layer(block: Any) -> Layer:
    attention, mlp = block.attn, block.mlp
    return Layer(
        block.ln_1.weight,
        block.ln_1.bias,
        _turned(attention.c_attn),
        attention.c_attn.bias,
        _turned(attention.c_proj),
        attention.c_proj.bias,
        block.ln_2.weight,
        block.ln_2.bias,
        _turned(mlp.c_fc),
        mlp.c_fc.bias,
        _turned(mlp.c_proj),
        mlp.c_proj.bias,
    )


def _turned(convolution: Any) -> Tensor:
    """The matrix of a Conv1D, which is [in, out], turned; the module keeps a view, no copy of its own."""
    turned: Tensor = convolution.weight.data.t().contiguous()
    convolution.weight.data = turned.t()
    return turned


__all__ = ["Layer", "Weights"]
