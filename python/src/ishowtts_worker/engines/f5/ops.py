"""The operations that are more than a product, in plain torch: what `kernels.py` has to equal.

Rows are frames. The conditional half of all rows comes first, then as many of the unconditional half; several
requests lie one after the other in each half, with rows that are nobody's between them and behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .weights import Block, DepthwiseNorm, Linear, PositionConv

_EPSILON = 1e-6


@dataclass(frozen=True)
class Rotation:
    """How places turn queries and keys: `cos` and `sin` [rows, dim_head / 2], in `turned` of all `heads`."""

    cos: Tensor
    sin: Tensor
    heads: int
    turned: int


@dataclass(frozen=True)
class Spans:
    """Where each request's frames are within a half of `rows` rows: int32 `starts` and `lengths` [requests].

    `same` [rows, rows], where the shapes must not depend on lengths: which rows belong together. `mixed` [2 *
    rows, inner], where it is written in place: what attention gives.
    """

    rows: int
    starts: Tensor
    lengths: Tensor
    same: Tensor | None = None
    mixed: Tensor | None = None


class Ops:
    """Plain torch, on any device and in any precision."""

    def norm(self, rows: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Layer norm, then `scale` and `shift` [dim]."""
        normed = F.layer_norm(rows.float(), rows.shape[-1:], eps=_EPSILON)
        return (normed * scale + shift).to(rows.dtype)

    def add_norm(
        self, rows: Tensor, change: Tensor, gate: Tensor, scale: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`rows` + `gate` * `change`, and the norm of that."""
        rows = (rows.float() + gate * change.float()).to(rows.dtype)
        return rows, self.norm(rows, scale, shift)

    def turn(self, qkv: Tensor, block: Block, rotation: Rotation) -> Tensor:
        """`qkv` [rows, 3 * inner], queries and keys normed where the model does so, and rotated."""
        rows, inner = qkv.shape[0], qkv.shape[1] // 3
        heads, turned = rotation.heads, rotation.turned
        both = qkv[:, : 2 * inner].view(rows, 2, heads, -1)
        if block.query_norm is not None and block.key_norm is not None:
            scale = torch.stack((block.query_norm, block.key_norm))[:, None]
            power = both.float().square().mean(-1, keepdim=True)
            both = (both.float() * torch.rsqrt(power + _EPSILON) * scale).to(qkv.dtype)
        first, second = both[:, :, :turned].float().chunk(2, dim=-1)
        cos, sin = rotation.cos[:, None, None], rotation.sin[:, None, None]
        done = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(qkv.dtype)
        both = torch.cat((done, both[:, :, turned:]), dim=2)
        return torch.cat((both.reshape(rows, -1), qkv[:, 2 * inner :]), dim=-1)

    def attend(self, qkv: Tensor, block: Block, rotation: Rotation, spans: Spans) -> Tensor:
        """Attention of each request's rows to each other, [rows, inner]; undefined in rows that are nobody's.

        `qkv` [rows, 3 * inner] is used up. Of all heads `turned` are rotated by `cos`, `sin` [rows, dim_head
        / 2].
        """
        qkv = self.turn(qkv, block, rotation)
        heads = rotation.heads
        rows, inner = qkv.shape[0], qkv.shape[1] // 3
        query, key, value = qkv.view(2, spans.rows, 3, heads, -1).permute(2, 0, 3, 1, 4)
        if spans.same is not None:
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=spans.same)
            return mixed.transpose(1, 2).reshape(rows, inner)
        out = qkv.new_zeros(2, spans.rows, heads, inner // heads)
        for start, length in zip(spans.starts.tolist(), spans.lengths.tolist(), strict=True):
            of = slice(start, start + length)
            if length:
                one = F.scaled_dot_product_attention(query[:, :, of], key[:, :, of], value[:, :, of])
                out[:, of] = one.transpose(1, 2)
        return out.reshape(rows, inner)

    def gap(self, conv: PositionConv) -> int:
        """Rows that have to lie between two requests: so many are reached by this from each side."""
        return int(conv.weight.shape[1]) // 2

    def position_conv(
        self, rows: Tensor, conv: PositionConv, owned: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """Grouped convolution along each request in each half, then mish.

        `owned` [rows] tells whose each is, counted from 1. Those that are nobody's, 0, give and get nothing.
        """
        groups, taps, inputs, outputs = conv.weight.shape
        weight = conv.weight.permute(0, 3, 2, 1).reshape(groups * outputs, inputs, taps)
        kept = (owned > 0)[:, None].to(rows.dtype)
        halves = (rows * kept).view(2, -1, rows.shape[1]).transpose(1, 2)
        found = F.mish(F.conv1d(halves, weight, conv.bias, padding=taps // 2, groups=groups))
        found = found.transpose(1, 2).reshape(rows.shape) * kept
        return found if residual is None else found + residual

    def depthwise_norm(self, rows: Tensor, conv: DepthwiseNorm, owned: Tensor, halves: int) -> Tensor:
        """Convolution of each channel over 7 frames of a request, in `halves` parts, then a layer norm.

        `owned` as above; a row that is less than 0 is -owned's, and gives nothing.
        """
        parts = (rows.float() * (owned > 0)[:, None]).view(halves, -1, rows.shape[1]).transpose(1, 2)
        found = F.conv1d(parts, conv.weight.t()[:, None], conv.bias, padding=3, groups=rows.shape[1])
        found = found.transpose(1, 2).reshape(rows.shape)
        return F.layer_norm(found, found.shape[-1:], conv.scale, conv.shift, _EPSILON).to(rows.dtype)

    def response_norm(self, rows: Tensor, gamma: Tensor, beta: Tensor, members: Tensor) -> Tensor:
        """Global response norm (ConvNeXt V2) over each request's rows, by `members` [groups, rows]."""
        wide = rows.float()
        size = (members @ wide.square()).sqrt()
        relative = size / (size.mean(-1, keepdim=True) + _EPSILON)
        return (gamma * (wide * (members.t() @ relative)) + beta + wide).to(rows.dtype)

    def gelu_linear(self, rows: Tensor, linear: Linear) -> Tensor:
        """A product, then GELU by its tanh formula."""
        return F.gelu(F.linear(rows, linear.weight, linear.bias), approximate="tanh")

    def euler(self, flow: Tensor, noisy: Tensor, guidance: Tensor, length: Tensor) -> None:
        """Moves `noisy` [rows, mel] along the flow [2 * rows, mel].

        The conditional one, led away from the other.
        """
        with_all, with_none = flow.float().chunk(2)
        noisy += length * (with_all + (with_all - with_none) * guidance[:, None])
