"""A step of the decoding in five Triton kernels a layer: one row against matrices that are read once.

A token reads all weights, 0.97 GB, so what counts is that nothing else is read, and how few kernels there
are. Norms are computed again by every program of the product that follows them: the row is small, and in the
device's cache. The weights are asked for first, so that they are on their way meanwhile. Rows, sums and the
residual are float32; weights, keys and values are what they are.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Parts that the keys are split into, each looked at by a program of its own for each head.
SPLITS = 4


@triton.jit
def _normed(row, gamma, beta, columns, WIDTH: tl.constexpr, EPSILON: tl.constexpr):
    there = columns < WIDTH
    mean = tl.sum(row, 0) / WIDTH
    centred = tl.where(there, row - mean, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 0) / WIDTH + EPSILON)
    weight = tl.load(gamma + columns, mask=there, other=0.0).to(tl.float32)
    bias = tl.load(beta + columns, mask=there, other=0.0).to(tl.float32)
    return centred * scale * weight + bias


@triton.jit
def _loaded(row, columns, WIDTH: tl.constexpr):
    return tl.load(row + columns, mask=columns < WIDTH, other=0.0).to(tl.float32)


@triton.jit
def _weights(matrix, outs, columns, OUT: tl.constexpr, WIDTH: tl.constexpr):
    inside = (outs < OUT)[:, None] & (columns < WIDTH)[None, :]
    return tl.load(matrix + outs[:, None] * WIDTH + columns[None, :], mask=inside, other=0.0)


@triton.jit
def _product(row, weights, bias, outs, OUT: tl.constexpr):
    total = tl.sum(weights.to(tl.float32) * row[None, :], 1)
    return total + tl.load(bias + outs, mask=outs < OUT, other=0.0).to(tl.float32)


@triton.jit
def attend_in(
    row, gamma, beta, matrix, bias, query, cache, cursor,
    WIDTH: tl.constexpr, EPSILON: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Norm, and query, key and value: the query to a buffer, the others to this position in the cache."""
    columns = tl.arange(0, BLOCK)
    outs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    weights = _weights(matrix, outs, columns, 3 * WIDTH, WIDTH)
    normed = _normed(_loaded(row, columns, WIDTH), gamma, beta, columns, WIDTH, EPSILON)
    total = _product(normed, weights, bias, outs, 3 * WIDTH)
    tl.store(query + outs, total, mask=outs < WIDTH)
    at = cache + tl.load(cursor) * (2 * WIDTH) - WIDTH
    tl.store(at + outs, total, mask=(outs >= WIDTH) & (outs < 3 * WIDTH))


@triton.jit
def look_back(
    query, cache, cursor, found, stats,
    WIDTH: tl.constexpr, EACH: tl.constexpr, PARTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A head against its part of the keys: values, weighed and not divided yet, the maximum and the sum."""
    head, part = tl.program_id(0), tl.program_id(1)
    count = tl.load(cursor).to(tl.int32) + 1
    share = tl.cdiv(tl.cdiv(count, PARTS), BLOCK) * BLOCK
    start = part * share
    end = tl.minimum(start + share, count)
    columns = head * EACH + tl.arange(0, EACH)
    asked = tl.load(query + columns).to(tl.float32) * (EACH**-0.5)
    most = float("-inf")
    total = 0.0
    sums = tl.zeros([EACH], tl.float32)
    for first in range(start, end, BLOCK):
        rows = first + tl.arange(0, BLOCK)
        there = rows < end
        at = cache + rows[:, None].to(tl.int64) * (2 * WIDTH) + columns[None, :]
        keys = tl.load(at, mask=there[:, None], other=0.0).to(tl.float32)
        values = tl.load(at + WIDTH, mask=there[:, None], other=0.0).to(tl.float32)
        scores = tl.where(there, tl.sum(keys * asked[None, :], 1), float("-inf"))
        higher = tl.maximum(most, tl.max(scores, 0))
        weights = tl.exp(scores - higher)
        fade = tl.exp(most - higher)
        total = total * fade + tl.sum(weights, 0)
        sums = sums * fade + tl.sum(weights[:, None] * values, 0)
        most = higher
    heads: tl.constexpr = WIDTH // EACH
    tl.store(found + part * WIDTH + columns, sums)
    tl.store(stats + part * 2 * heads + head, most)
    tl.store(stats + part * 2 * heads + heads + head, total)


@triton.jit
def attend_out(
    row, found, stats, matrix, bias,
    WIDTH: tl.constexpr, EACH: tl.constexpr, PARTS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The parts put together, their product, and the residual."""
    columns = tl.arange(0, BLOCK)
    outs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    weights = _weights(matrix, outs, columns, WIDTH, WIDTH)
    heads: tl.constexpr = WIDTH // EACH
    head = tl.arange(0, BLOCK // EACH)
    there = head < heads
    most = tl.load(stats + head, mask=there, other=0.0)
    for part in tl.static_range(1, PARTS):
        most = tl.maximum(most, tl.load(stats + part * 2 * heads + head, mask=there, other=0.0))
    places = head[:, None] * EACH + tl.arange(0, EACH)[None, :]
    sums = tl.zeros([BLOCK // EACH, EACH], tl.float32)
    total = tl.zeros([BLOCK // EACH], tl.float32)
    for part in tl.static_range(PARTS):
        at = stats + part * 2 * heads + head
        fade = tl.exp(tl.load(at, mask=there, other=0.0) - most)
        total += fade * tl.load(at + heads, mask=there, other=1.0)
        sums += fade[:, None] * tl.load(found + part * WIDTH + places, mask=there[:, None], other=0.0)
    joined = tl.reshape(sums / total[:, None], [BLOCK])
    more = _product(joined, weights, bias, outs, WIDTH)
    tl.store(row + outs, tl.load(row + outs, mask=outs < WIDTH, other=0.0) + more, mask=outs < WIDTH)


@triton.jit
def widen(
    row, gamma, beta, matrix, bias, wide,
    WIDTH: tl.constexpr, OUT: tl.constexpr, EPSILON: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Norm, product and GELU, by tanh; 0.5 (1 + tanh u) is the sigmoid of 2 u."""
    columns = tl.arange(0, BLOCK)
    outs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    weights = _weights(matrix, outs, columns, OUT, WIDTH)
    normed = _normed(_loaded(row, columns, WIDTH), gamma, beta, columns, WIDTH, EPSILON)
    total = _product(normed, weights, bias, outs, OUT)
    bent = 1.5957691216057308 * (total + 0.044715 * total * total * total)
    tl.store(wide + outs, total * tl.sigmoid(bent), mask=outs < OUT)


@triton.jit
def narrow(
    row, wide, matrix, bias,
    WIDTH: tl.constexpr, IN: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Product of the wide row, and the residual."""
    outs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in tl.static_range(0, IN, BLOCK):
        columns = first + tl.arange(0, BLOCK)
        weights = _weights(matrix, outs, columns, WIDTH, IN)
        sums += weights.to(tl.float32) * _loaded(wide, columns, IN)[None, :]
    more = tl.sum(sums, 1) + tl.load(bias + outs, mask=outs < WIDTH, other=0.0).to(tl.float32)
    tl.store(row + outs, tl.load(row + outs, mask=outs < WIDTH, other=0.0) + more, mask=outs < WIDTH)


@triton.jit
def score(
    row, gamma, beta, gamma2, beta2, matrix, bias, seen, knobs, scores,
    WIDTH: tl.constexpr, OUT: tl.constexpr, EPSILON: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Both last norms, the head, the repetition penalty and the temperature."""
    columns = tl.arange(0, BLOCK)
    outs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    weights = _weights(matrix, outs, columns, OUT, WIDTH)
    normed = _normed(_loaded(row, columns, WIDTH), gamma, beta, columns, WIDTH, EPSILON)
    normed = _normed(normed, gamma2, beta2, columns, WIDTH, EPSILON)
    total = _product(normed, weights, bias, outs, OUT)
    temperature, penalty = tl.load(knobs), tl.load(knobs + 3)
    pushed = tl.where(total < 0, total * penalty, total / penalty)
    before = tl.load(seen + outs, mask=outs < OUT, other=0) != 0
    tl.store(scores + outs, tl.where(before, pushed, total) / temperature, mask=outs < OUT)


@triton.jit
def choose(
    best, names, knobs, noise, cursor, codes, seen, tokens, positions, row,
    LAST: tl.constexpr, WIDTH: tl.constexpr, MOST: tl.constexpr, GROUP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Pick a token as `sampling.pick` does, write it down, and embed it as the next row. One program."""
    rank = tl.arange(0, MOST)
    number = tl.load(cursor + 2)
    top_p, top_k = tl.load(knobs + 1), tl.load(knobs + 2)
    values = tl.load(best + rank)
    chances = tl.where(rank < top_k, tl.exp(values - tl.load(best)), 0.0)
    chances = chances / tl.sum(chances, 0)
    enough = (tl.cumsum(chances, 0) - chances >= top_p) & (rank > 0)
    luck = tl.where(enough, 0.0, chances) / tl.load(noise + (number % GROUP) * MOST + rank)
    token = tl.load(names + tl.argmax(luck, 0))
    tl.store(codes + number, token)
    tl.store(seen + token, 1)
    place = tl.load(cursor + 1)
    columns = tl.arange(0, BLOCK)
    there = columns < WIDTH
    word = tl.load(tokens + token * WIDTH + columns, mask=there, other=0.0).to(tl.float32)
    at = tl.minimum(place, LAST) * WIDTH
    tl.store(row + columns, word + tl.load(positions + at + columns, mask=there, other=0.0), mask=there)
    tl.store(cursor, tl.load(cursor) + 1)
    tl.store(cursor + 1, place + 1)
    tl.store(cursor + 2, number + 1)


@triton.jit
def snake(
    x, out, up, down, alpha, beta, length,
    ROOM: tl.constexpr, LOG: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """BigVGAN's activation: twice as many samples, x + sin(a x)^2 / b, and half as many again, in one pass.

    Both filters have twelve taps, and see the last real value repeated beyond either end; behind `length` the
    result is zero. Of the filter up each sample meets the six taps of its parity.
    """
    channel = tl.program_id(0)
    places = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    last = tl.load(length).to(tl.int32) - 1
    a, b = tl.load(alpha + channel), tl.load(beta + channel)
    if LOG:
        a, b = tl.exp(a), tl.exp(b)
    b = 1.0 / (b + 1e-9)
    source = x + channel.to(tl.int64) * ROOM
    total = tl.zeros([BLOCK], tl.float32)
    for tap in tl.static_range(12):
        finer = tl.minimum(tl.maximum(2 * places + tap - 5, 0), 2 * last + 1)
        odd = finer % 2
        value = tl.zeros([BLOCK], tl.float32)
        for step in tl.static_range(6):
            at = tl.minimum(tl.maximum(finer // 2 + odd + 2 - step, 0), last)
            weight = tl.where(odd == 1, tl.load(up + 2 * step), tl.load(up + 2 * step + 1))
            value += 2 * weight * tl.load(source + at)
        wave = tl.sin(value * a)
        total += tl.load(down + tap) * (value + b * wave * wave)
    there = places < ROOM
    tl.store(out + channel.to(tl.int64) * ROOM + places, tl.where(places <= last, total, 0.0), mask=there)


__all__ = ["SPLITS", "attend_in", "attend_out", "choose", "look_back", "narrow", "score", "snake", "widen"]
