"""The operations as Triton kernels, for half precision on SM 8.0 and up.

No kernel depends on a length at compile time.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .ops import Ops, Rotation, Spans
from .weights import Block, DepthwiseNorm, Linear, PositionConv

# Triton's language is no Python that a type checker knows.
# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,misc,operator,attr-defined"


@triton.jit
def _add_norm(
    rows, change, gate, scale, shift, out, normed, DIM: tl.constexpr, WIDTH: tl.constexpr, ADD: tl.constexpr
):
    """One row a program: out = rows + gate * change, normed = norm(out) * scale + shift."""
    at = tl.program_id(0).to(tl.int64) * DIM
    column = tl.arange(0, WIDTH)
    inside = column < DIM
    value = tl.load(rows + at + column, mask=inside, other=0.0).to(tl.float32)
    if ADD:
        more = tl.load(change + at + column, mask=inside, other=0.0).to(tl.float32)
        value += tl.load(gate + column, mask=inside, other=0.0) * more
        # What the norm sees is what the next layer will find, rounding included.
        rounded = value.to(out.dtype.element_ty)
        tl.store(out + at + column, rounded, mask=inside)
        value = rounded.to(tl.float32)
    centred = tl.where(inside, value - tl.sum(value, 0) / DIM, 0.0)
    deviation = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / DIM + 1e-6)
    result = centred * deviation * tl.load(scale + column, mask=inside, other=0.0)
    result += tl.load(shift + column, mask=inside, other=0.0)
    tl.store(normed + at + column, result.to(normed.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_keys(qkv, cos, sin, INNER: tl.constexpr, TURNED: tl.constexpr, HALF: tl.constexpr,
                 HEADS: tl.constexpr):  # fmt: skip
    """One row a program: the heads of its key, in place."""
    row = tl.program_id(0).to(tl.int64)
    head, pair = tl.arange(0, HEADS), tl.arange(0, HALF)
    turn = (head < TURNED)[:, None]
    at = qkv + row * 3 * INNER + INNER + head[:, None] * 2 * HALF + pair[None, :]
    c = tl.load(cos + row * HALF + pair)[None, :]
    s = tl.load(sin + row * HALF + pair)[None, :]
    first = tl.load(at, mask=turn, other=0.0).to(tl.float32)
    second = tl.load(at + HALF, mask=turn, other=0.0).to(tl.float32)
    tl.store(at, (first * c - second * s).to(qkv.dtype.element_ty), mask=turn)
    tl.store(at + HALF, (second * c + first * s).to(qkv.dtype.element_ty), mask=turn)


@triton.jit
def _attend(qkv, cos, sin, out, starts, lengths, rows, requests, INNER: tl.constexpr, TURNED: tl.constexpr,
            DIM: tl.constexpr, SCALE: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr):  # fmt: skip
    """Attention with a running softmax; a program takes some queries of one head of one request's half.

    It rotates those queries, which nobody else reads; keys come rotated, since many programs read each.
    """
    block, head, which = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    length = tl.load(lengths + which % requests)
    if block * QUERIES >= length:
        return
    first = (which // requests) * rows + tl.load(starts + which % requests)
    base = qkv + first.to(tl.int64) * 3 * INNER + head * DIM
    column = tl.arange(0, DIM)
    row = block * QUERIES + tl.arange(0, QUERIES)
    asked = row[:, None] < length
    query = tl.load(base + row[:, None] * 3 * INNER + column[None, :], mask=asked, other=0.0)
    if head < TURNED:
        half = DIM // 2
        partner = (column + half) % DIM
        other = tl.load(base + row[:, None] * 3 * INNER + partner[None, :], mask=asked, other=0.0)
        angle = (first + row).to(tl.int64)[:, None] * half + (column % half)[None, :]
        c = tl.load(cos + angle, mask=asked, other=0.0)
        s = tl.load(sin + angle, mask=asked, other=0.0) * tl.where(column < half, -1.0, 1.0)[None, :]
        query = (query.to(tl.float32) * c + other.to(tl.float32) * s).to(query.dtype)
    key_row = tl.arange(0, KEYS)
    keys = base + INNER + key_row[None, :] * 3 * INNER + column[:, None]
    values = base + 2 * INNER + key_row[:, None] * 3 * INNER + column[None, :]
    greatest = tl.full((QUERIES,), -1e30, tl.float32)
    total = tl.zeros((QUERIES,), tl.float32)
    mixed = tl.zeros((QUERIES, DIM), tl.float32)
    whole = length // KEYS * KEYS
    for begin in range(0, whole, KEYS):
        step = begin.to(tl.int64) * 3 * INNER
        score = tl.dot(query, tl.load(keys + step))
        # The scale comes last, where it is part of a multiplication that is done anyway.
        new = tl.maximum(greatest, tl.max(score, 1))
        weight = tl.exp2(score * SCALE - (new * SCALE)[:, None])
        fade = tl.exp2((greatest - new) * SCALE)
        total = total * fade + tl.sum(weight, 1)
        value = tl.load(values + step)
        mixed = tl.dot(weight.to(value.dtype), value, mixed * fade[:, None])
        greatest = new
    if whole < length:
        step = whole.to(tl.int64) * 3 * INNER
        there = whole + key_row < length
        score = tl.dot(query, tl.load(keys + step, mask=there[None, :], other=0.0))
        score = tl.where(there[None, :], score, -1e30)
        new = tl.maximum(greatest, tl.max(score, 1))
        weight = tl.exp2(score * SCALE - (new * SCALE)[:, None])
        fade = tl.exp2((greatest - new) * SCALE)
        total = total * fade + tl.sum(weight, 1)
        value = tl.load(values + step, mask=there[:, None], other=0.0)
        mixed = tl.dot(weight.to(value.dtype), value, mixed * fade[:, None])
    target = out + (first + row).to(tl.int64)[:, None] * INNER + head * DIM + column[None, :]
    tl.store(target, (mixed / total[:, None]).to(out.dtype.element_ty), mask=row[:, None] < length)


@triton.jit
def _position_conv(rows, weight, bias, owned, residual, out, length, DIM: tl.constexpr, TAPS: tl.constexpr,
                   WIDTH: tl.constexpr, FRAMES: tl.constexpr, ADD: tl.constexpr):  # fmt: skip
    """A block of frames of one group.

    A product of [frames, width] with [width, width] for each tap, then mish.
    """
    frame = tl.program_id(0) * FRAMES + tl.arange(0, FRAMES)
    group, half = tl.program_id(1), tl.program_id(2)
    column = tl.arange(0, WIDTH)
    base = half * length
    inside = frame < length
    own = tl.load(owned + base + frame, mask=inside, other=0.0)
    total = tl.zeros((FRAMES, WIDTH), tl.float32)
    for tap in range(TAPS):
        source = frame + tap - TAPS // 2
        there = (source >= 0) & (source < length) & (own > 0)
        there = there & (tl.load(owned + base + source, mask=there, other=0.0) == own)
        at = rows + (base + source).to(tl.int64)[:, None] * DIM + (group * WIDTH + column)[None, :]
        value = tl.load(at, mask=there[:, None], other=0.0)
        factors = tl.load(weight + ((group * TAPS + tap) * WIDTH + column)[:, None] * WIDTH + column[None, :])
        total = tl.dot(value, factors, total)
    total += tl.load(bias + group * WIDTH + column).to(tl.float32)[None, :]
    # mish(x) = x * tanh(log(1 + e^x)) = x * (e^2x + 2 e^x) / (e^2x + 2 e^x + 2), which is x long before e^2x
    # overflows.
    power = tl.exp(tl.minimum(total, 20.0))
    ratio = power * power + 2.0 * power
    total = tl.where(total > 20.0, total, total * ratio / (ratio + 2.0))  # noqa: PLR2004 - as above
    total = tl.where((own > 0)[:, None], total, 0.0)
    target = (base + frame).to(tl.int64)[:, None] * DIM + (group * WIDTH + column)[None, :]
    if ADD:
        total += tl.load(residual + target, mask=inside[:, None], other=0.0).to(tl.float32)
    tl.store(out + target, total.to(out.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _depthwise_norm(
    rows, weight, bias, scale, shift, owned, out, length, DIM: tl.constexpr, WIDTH: tl.constexpr
):
    """One row a program: seven neighbours of its own in its part, then a layer norm."""
    row = tl.program_id(0)
    begin = row // length * length
    own = tl.abs(tl.load(owned + row))
    column = tl.arange(0, WIDTH)
    inside = column < DIM
    total = tl.load(bias + column, mask=inside, other=0.0)
    for tap in tl.static_range(7):
        source = row + tap - 3
        there = (source >= begin) & (source < begin + length)
        other = tl.load(owned + source, mask=there, other=0.0)
        there = there & (other > 0) & (other == own)
        value = tl.load(rows + source.to(tl.int64) * DIM + column, mask=inside & there, other=0.0).to(
            tl.float32
        )
        total += value * tl.load(weight + tap * DIM + column, mask=inside, other=0.0)
    centred = tl.where(inside, total - tl.sum(tl.where(inside, total, 0.0), 0) / DIM, 0.0)
    deviation = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / DIM + 1e-6)
    result = centred * deviation * tl.load(scale + column, mask=inside, other=0.0)
    result += tl.load(shift + column, mask=inside, other=0.0)
    tl.store(out + row.to(tl.int64) * DIM + column, result.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _euler(flow, noisy, guidance, length, rows, MEL: tl.constexpr):
    """One frame a program."""
    row = tl.program_id(0)
    column = tl.arange(0, MEL)
    with_all = tl.load(flow + row * MEL + column).to(tl.float32)
    with_none = tl.load(flow + (rows + row) * MEL + column).to(tl.float32)
    led = with_all + (with_all - with_none) * tl.load(guidance + row)
    result = tl.load(noisy + row * MEL + column) + tl.load(length) * led
    tl.store(noisy + row * MEL + column, result)


_LOG2_E = 1.4426950408889634
_LEAST = 16
"""Columns that the matrix units take at least."""


class TritonOps(Ops):
    """The kernels, where they fit the model; plain torch where they do not."""

    def __init__(self, queries: int = 64, keys: int = 64, warps: int = 4, stages: int = 3) -> None:
        self._tile = (queries, keys, warps, stages)

    def norm(self, rows: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """See Ops."""
        normed, dim = torch.empty_like(rows), rows.shape[-1]
        _add_norm[(rows.shape[0],)](
            rows,
            rows,
            scale,
            scale,
            shift,
            rows,
            normed,
            dim,
            triton.next_power_of_2(dim),
            False,
            num_warps=4,
        )
        return normed

    def add_norm(
        self, rows: Tensor, change: Tensor, gate: Tensor, scale: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See Ops."""
        out, normed, dim = torch.empty_like(rows), torch.empty_like(rows), rows.shape[-1]
        _add_norm[(rows.shape[0],)](
            rows, change, gate, scale, shift, out, normed, dim, triton.next_power_of_2(dim), True, num_warps=4
        )
        return out, normed

    def attend(self, qkv: Tensor, block: Block, rotation: Rotation, spans: Spans) -> Tensor:
        """See Ops. Queries and keys in `qkv` are turned in place."""
        inner, half, requests = qkv.shape[1] // 3, rotation.cos.shape[-1], spans.starts.shape[0]
        if half & (half - 1) or half < _LEAST // 2:
            return super().attend(qkv, block, rotation, spans)
        turned = 0
        if block.query_norm is not None:
            qkv = self.turn(qkv, block, rotation)
        elif rotation.turned:
            turned = rotation.turned
            _rotate_keys[(qkv.shape[0],)](
                qkv, rotation.cos, rotation.sin, inner, turned, half, triton.next_power_of_2(turned),
                num_warps=2,
            )  # fmt: skip
        queries, keys, warps, stages = self._tile
        # Rows that are nobody's are never written, so they have to be numbers from the beginning.
        out = qkv.new_zeros(qkv.shape[0], inner) if spans.mixed is None else spans.mixed
        _attend[(triton.cdiv(spans.rows, queries), rotation.heads, 2 * requests)](
            qkv, rotation.cos, rotation.sin, out, spans.starts, spans.lengths, spans.rows, requests, inner,
            turned, 2 * half, _LOG2_E * (2 * half) ** -0.5, queries, keys, num_warps=warps, num_stages=stages,
        )  # fmt: skip
        return out

    def gap(self, conv: PositionConv) -> int:
        """See Ops. The kernels look at whose rows are."""
        return 0 if _fits(conv) else super().gap(conv)

    def position_conv(
        self, rows: Tensor, conv: PositionConv, owned: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """See Ops."""
        groups, taps, width, _ = conv.weight.shape
        if not _fits(conv):
            return super().position_conv(rows, conv, owned, residual)
        out, frames, length = torch.empty_like(rows), 64, rows.shape[0] // 2
        _position_conv[(triton.cdiv(length, frames), groups, 2)](
            rows, conv.weight, conv.bias, owned, rows if residual is None else residual, out, length,
            rows.shape[1], taps, width, frames, residual is not None, num_warps=4, num_stages=4,
        )  # fmt: skip
        return out

    def depthwise_norm(self, rows: Tensor, conv: DepthwiseNorm, owned: Tensor, halves: int) -> Tensor:
        """See Ops."""
        out, dim = torch.empty_like(rows), rows.shape[1]
        _depthwise_norm[(rows.shape[0],)](
            rows, conv.weight, conv.bias, conv.scale, conv.shift, owned, out, rows.shape[0] // halves,
            dim, triton.next_power_of_2(dim), num_warps=4,
        )  # fmt: skip
        return out

    def gelu_linear(self, rows: Tensor, linear: Linear) -> Tensor:
        """See Ops. The GELU is the last act of the product's own kernel (cuBLASLt)."""
        found: Tensor = torch._addmm_activation(linear.bias, rows, linear.weight.t(), use_gelu=True)
        return found

    def euler(self, flow: Tensor, noisy: Tensor, guidance: Tensor, length: Tensor) -> None:
        """See Ops."""
        rows, mel = noisy.shape
        _euler[(rows,)](flow, noisy, guidance, length, rows, mel, num_warps=1)


def _fits(conv: PositionConv) -> bool:
    width = conv.weight.shape[2]
    return width >= _LEAST and not width & (width - 1)


def compiled() -> int:
    """How many kernels were compiled in this process so far."""
    kernels = (_add_norm, _rotate_keys, _attend, _position_conv, _depthwise_norm, _euler)
    return sum(_count(kernel) for kernel in kernels)


def _count(kernel: object) -> int:
    """Compiled variants of one, whichever way this Triton keeps them."""
    caches = getattr(kernel, "device_caches", None) or getattr(kernel, "cache", {})
    return sum(len(one[0] if isinstance(one, tuple) else one) for one in caches.values())
