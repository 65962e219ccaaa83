"""The Triton kernels of f5 against plain torch in single precision, on a GPU of SM 8.0 or more.

PYTHONPATH=src python -m pytest tests_gpu/test_f5_kernels.py
"""

import itertools

import pytest
import torch
from torch import Tensor

from ishowtts_worker.engines.f5.kernels import TritonOps
from ishowtts_worker.engines.f5.ops import Ops, Rotation, Spans
from ishowtts_worker.engines.f5.weights import Block, DepthwiseNorm, Linear, PositionConv

ROWS, DIM, HEADS = 448, 256, 4
PLAIN, FAST = Ops(), TritonOps()


def random(*shape: int, scale: float = 1.0, seed: int = 0) -> Tensor:
    """Values that half precision holds exactly, on the GPU."""
    generator = torch.Generator("cuda").manual_seed(seed + sum(shape))
    return (torch.randn(*shape, generator=generator, device="cuda") * scale).half().float()


def close(found: Tensor, truth: Tensor, limit: float = 2e-3) -> None:
    assert torch.isfinite(found).all()
    error = float((found.float() - truth).norm() / truth.norm())
    assert error < limit, error


def spans() -> tuple[Spans, Tensor]:
    """Three requests and an empty place; and which rows of both halves are somebody's."""
    starts, lengths = [0, 144, 320, 0], [117, 160, 97, 0]
    valid = torch.zeros(2, ROWS, device="cuda")
    for start, length in zip(starts, lengths, strict=True):
        valid[:, start : start + length] = 1
    made = [torch.tensor(one, dtype=torch.int32, device="cuda") for one in (starts, lengths)]
    return Spans(ROWS, *made), valid.flatten()


@pytest.mark.parametrize("dim", [1024, 200])
def test_norms(dim: int) -> None:
    rows, change = random(300, dim), random(300, dim, seed=1)
    gate, scale, shift = (random(dim, seed=seed) for seed in (2, 3, 4))
    close(FAST.norm(rows.half(), scale, shift), PLAIN.norm(rows, scale, shift))
    for found, truth in zip(
        FAST.add_norm(rows.half(), change.half(), gate, scale, shift),
        PLAIN.add_norm(rows, change, gate, scale, shift),
        strict=True,
    ):
        close(found, truth)


@pytest.mark.parametrize("turned", [HEADS, 1, 0])
@pytest.mark.parametrize("normed", [False, True])
def test_attention_of_requests_of_any_length_in_one_launch(turned: int, normed: bool) -> None:
    where, valid = spans()
    dim = DIM // HEADS
    qkv, angles = random(2 * ROWS, 3 * DIM), random(2 * ROWS, dim // 2, scale=3.0)
    # What is nobody's must not matter, whatever it is.
    qkv[valid == 0] = 1e4
    nothing = Linear(qkv, qkv)
    scales = (random(dim, seed=1), random(dim, seed=2)) if normed else (None, None)
    block = Block(nothing, nothing, nothing, nothing, *scales)
    rotation = Rotation(angles.cos(), angles.sin(), HEADS, turned)
    truth = PLAIN.attend(qkv, block, rotation, where)
    found = FAST.attend(qkv.half(), block, rotation, where)
    close(found[valid > 0], truth[valid > 0])


def test_position_convolution() -> None:
    _, valid = spans()
    rows, residual = random(2 * ROWS, DIM), random(2 * ROWS, DIM, seed=5)
    conv = PositionConv(random(16, 31, DIM // 16, DIM // 16, scale=0.1), random(DIM))
    half = PositionConv(conv.weight.half(), conv.bias.half())
    close(FAST.position_conv(rows.half(), half, valid), PLAIN.position_conv(rows, conv, valid))
    close(
        FAST.position_conv(rows.half(), half, valid, residual.half()),
        PLAIN.position_conv(rows, conv, valid, residual),
    )


@pytest.mark.parametrize("halves", [1, 2])
def test_depthwise_convolution_and_norm(halves: int) -> None:
    _, valid = spans()
    rows = random(2 * ROWS, DIM)
    conv = DepthwiseNorm(random(7, DIM), random(DIM), random(DIM, seed=1), random(DIM, seed=2))
    found = FAST.depthwise_norm(rows.half(), conv, valid, halves)
    close(found[valid > 0], PLAIN.depthwise_norm(rows, conv, valid, halves)[valid > 0])


def side_by_side() -> list[Tensor]:
    """Three requests without a row between them: of both halves, which rows are each one's."""
    bounds = [0, 117, 277, ROWS]
    own = torch.zeros(3, 2, ROWS, device="cuda")
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        own[number, :, start:end] = 1
    return list(own.flatten(1))


def test_position_convolution_of_requests_side_by_side() -> None:
    rows, own = random(2 * ROWS, DIM), side_by_side()
    conv = PositionConv(random(16, 31, DIM // 16, DIM // 16, scale=0.1), random(DIM))
    half = PositionConv(conv.weight.half(), conv.bias.half())
    owned = sum(number * one for number, one in enumerate(own, start=1))
    assert isinstance(owned, Tensor) and FAST.gap(half) == 0
    truth = torch.stack([PLAIN.position_conv(rows, conv, one) for one in own]).sum(0)
    close(FAST.position_conv(rows.half(), half, owned), truth)


def test_depthwise_convolution_of_requests_side_by_side_some_of_whose_rows_give_nothing() -> None:
    rows, own = random(2 * ROWS, DIM), side_by_side()
    conv = DepthwiseNorm(random(7, DIM), random(DIM), random(DIM, seed=1), random(DIM, seed=2))
    gives = (torch.arange(2 * ROWS, device="cuda") % 5 > 1).float()
    owned, truth = torch.zeros(2 * ROWS, device="cuda"), torch.zeros(2 * ROWS, DIM, device="cuda")
    for number, one in enumerate(own, start=1):
        owned += number * one * (2 * gives - 1)
        truth += one[:, None] * PLAIN.depthwise_norm(rows, conv, one * gives, 2)
    close(FAST.depthwise_norm(rows.half(), conv, owned, 2), truth)


def test_gelu_in_the_product() -> None:
    rows, linear = random(300, DIM), Linear(random(2 * DIM, DIM, scale=0.06), random(2 * DIM))
    half = Linear(linear.weight.half(), linear.bias.half())
    close(FAST.gelu_linear(rows.half(), half), PLAIN.gelu_linear(rows, linear))


def test_euler_step() -> None:
    flow, guidance, length = random(2 * ROWS, 128), random(ROWS), torch.tensor(0.125, device="cuda")
    truth, found = random(ROWS, 128, seed=9), random(ROWS, 128, seed=9)
    PLAIN.euler(flow, truth, guidance, length)
    FAST.euler(flow.half(), found, guidance, length)
    close(found, truth)
