"""The kernels against torch, on a GPU; without one in Triton's interpreter, which takes a minute."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest
import torch
import torch.nn.functional as F

GPU = torch.cuda.is_available()
if not GPU:
    os.environ["TRITON_INTERPRET"] = "1"

from ishowtts_worker.engines.indextts.kernel_snake import fits, fused  # noqa: E402
from ishowtts_worker.engines.indextts.kernel_step import KernelStep, Shape  # noqa: E402
from ishowtts_worker.engines.indextts.sampling import penalised, pick  # noqa: E402
from ishowtts_worker.engines.indextts.settings import MOST_CANDIDATES  # noqa: E402
from ishowtts_worker.engines.indextts.static import GROUP, State, TorchStep  # noqa: E402
from ishowtts_worker.engines.indextts.vocoder import aliased  # noqa: E402
from ishowtts_worker.engines.indextts.weights import Layer, Weights  # noqa: E402

# Of Triton's interpreter, about numpy.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")

DEVICE = "cuda" if GPU else "cpu"
# The published width on a GPU; the interpreter would need hours for that.
WIDTH, HEADS, TOKENS, ROOM = (1280, 20, 8194, 700) if GPU else (192, 3, 150, 300)
POSITIONS = (0, 1, 63, 64, 255, 256, 297)
# Big programs are quick in the interpreter and small ones on a GPU.
SHAPES = (
    {} if GPU else {name: Shape(128, 4) for name in ("attend_in", "attend_out", "widen", "narrow", "score")}
)


def weights(kind: torch.dtype, layers: int = 1) -> Weights:
    torch.manual_seed(0)

    def some(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return (torch.randn(*shape, device=DEVICE) * scale).to(kind)

    def norm() -> tuple[torch.Tensor, torch.Tensor]:
        return 1 + some(WIDTH, scale=0.1), some(WIDTH, scale=0.1)

    def product(out: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        return some(out, width, scale=width**-0.5), some(out, scale=0.1)

    def layer() -> Layer:
        return Layer(
            *norm(), *product(3 * WIDTH, WIDTH), *product(WIDTH, WIDTH),
            *norm(), *product(4 * WIDTH, WIDTH), *product(WIDTH, 4 * WIDTH),
        )  # fmt: skip

    return Weights(
        [layer() for _ in range(layers)], *norm(), *norm(), *product(TOKENS, WIDTH),
        some(TOKENS, WIDTH), some(ROOM, WIDTH, scale=0.1), HEADS, 1e-5, 0, 1, 1,
    )  # fmt: skip


def state(of: Weights, position: int = 0) -> State:
    torch.manual_seed(1)
    cache = of.norm.new_zeros(len(of.layers), ROOM, 2, HEADS, WIDTH // HEADS)
    cache[:, :position] = torch.randn_like(cache[:, :position])
    made = State(of, cache, torch.zeros(TOKENS, dtype=torch.bool, device=DEVICE), 100)
    made.row.normal_()
    made.cursor[0] = position
    made.noise.exponential_()
    return made


def close(found: torch.Tensor, wanted: torch.Tensor, kind: torch.dtype) -> None:
    tolerance = 2e-5 if kind is torch.float32 else 4e-3
    scale = wanted.abs().max().item()
    assert torch.allclose(found.float(), wanted.float(), atol=tolerance * max(1.0, scale), rtol=0)


KINDS = [torch.float32, torch.float16, torch.bfloat16] if GPU else [torch.float32, torch.float16]


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("position", POSITIONS)
def test_attention_over_the_cache(kind: torch.dtype, position: int) -> None:
    of = weights(kind)
    made = state(of, position)
    before, cache = made.row.clone(), made.cache.clone().float()
    step = KernelStep(of, made, SHAPES)
    for part in (step.attend_in, step.look_back, step.attend_out):
        part(of.layers[0], made.cache[0])

    layer = Layer(*(one.float() for one in vars(of.layers[0]).values()))
    normed = F.layer_norm(before, (WIDTH,), layer.norm1, layer.norm1_bias, of.epsilon)
    query, key, value = F.linear(normed, layer.attend, layer.attend_bias).view(3, HEADS, -1)
    close(made.cache[0, position, 0], key, kind)
    close(made.cache[0, position, 1], value, kind)
    assert torch.equal(made.cache[0, position + 1 :].float(), cache[0, position + 1 :])
    cache[0, position] = torch.stack([key, value])
    keys, values = (cache[0, : position + 1, one].transpose(0, 1) for one in (0, 1))
    joined = F.scaled_dot_product_attention(query[:, None], keys, values).flatten()
    close(made.row, before + F.linear(joined, layer.join, layer.join_bias), kind)


def test_the_wide_half_of_a_layer(kind: torch.dtype) -> None:
    of = weights(kind)
    made = state(of)
    before = made.row.clone()
    step = KernelStep(of, made, SHAPES)
    for part in (step.widen, step.narrow):
        part(of.layers[0], made.cache[0])
    layer = Layer(*(one.float() for one in vars(of.layers[0]).values()))
    normed = F.layer_norm(before, (WIDTH,), layer.norm2, layer.norm2_bias, of.epsilon)
    wide = F.gelu(F.linear(normed, layer.widen, layer.widen_bias), approximate="tanh")
    close(made.row, before + F.linear(wide, layer.narrow, layer.narrow_bias), kind)


def test_the_scores_of_all_tokens(kind: torch.dtype) -> None:
    of = weights(kind)
    made = state(of)
    made.seen[::7] = True
    made.knobs.copy_(torch.tensor([0.7, 0.8, 30, 5.0]))
    scores = KernelStep(of, made, SHAPES).score()
    hidden = F.layer_norm(made.row, (WIDTH,), of.norm.float(), of.norm_bias.float(), of.epsilon)
    hidden = F.layer_norm(hidden, (WIDTH,), of.final.float(), of.final_bias.float(), of.epsilon)
    logits = F.linear(hidden, of.head.float(), of.head_bias.float())
    close(scores, penalised(logits, made.seen, 5.0, 0.7), kind)


@pytest.mark.parametrize("top_k", [1, 30, MOST_CANDIDATES])
@pytest.mark.parametrize("top_p", [0.05, 0.8, 1.0])
def test_the_choice_is_that_of_torch(top_k: int, top_p: float) -> None:
    of = weights(torch.float32)
    made, other = state(of), state(of)
    for one in (made, other):
        one.knobs.copy_(torch.tensor([1.0, top_p, top_k, 1.0]))
        one.cursor.copy_(torch.tensor([10, ROOM - 4, 0]))
    kernel, torchs = KernelStep(of, made, SHAPES), TorchStep(of, other)
    for number in range(GROUP + 2):
        torch.manual_seed(number)
        scores = torch.randn(TOKENS, device=DEVICE) * 3
        kernel._choose(scores)
        torchs._choose(scores)
    assert torch.equal(made.codes, other.codes) and made.codes[: GROUP + 2].any()
    assert torch.equal(made.cursor, other.cursor) and made.cursor.tolist() == [20, ROOM + 6, 10]
    assert torch.equal(made.seen, other.seen)
    assert torch.allclose(made.row, other.row)


def test_picking_follows_the_probabilities() -> None:
    best = torch.tensor([2.0, 1.5, 1.0, 0.0, -1.0], device=DEVICE)
    knobs = torch.tensor([1.0, 0.9, 4.0, 1.0], device=DEVICE)
    torch.manual_seed(0)
    counts = torch.zeros(5)
    for _ in range(2000):
        counts[pick(best, knobs, torch.empty(5, device=DEVICE).exponential_())] += 1
    # The four best have 0.507, 0.308, 0.187, and the fourth is beyond 0.9 by then.
    wanted = best[:3].softmax(-1).cpu()
    assert torch.allclose(counts[:3] / 2000, wanted, atol=0.04)
    assert not counts[3:].any()


def test_whole_steps_give_the_tokens_of_torch() -> None:
    of = weights(torch.float32, layers=2)
    found = []
    for step in (KernelStep, TorchStep):
        made = state(of)
        made.knobs.copy_(torch.tensor([0.8, 0.8, 30, 3.0]))
        stepped = step(of, made, SHAPES) if step is KernelStep else step(of, made)
        stepped.begin(torch.linspace(0, 1, TOKENS, device=DEVICE))
        for _ in range(GROUP - 1):
            stepped.advance(256)
        found.append(made.codes[:GROUP])
    assert torch.equal(*found)


@pytest.mark.skipif(not GPU, reason="a graph needs a GPU")
def test_a_captured_step_is_the_same() -> None:
    of = weights(torch.float16, layers=2)
    found = []
    for captured in (False, True):
        made = state(of)
        step = KernelStep(of, made)
        step.begin(torch.linspace(0, 1, TOKENS, device=DEVICE))
        step.advance(256)
        graph = torch.cuda.CUDAGraph()
        if captured:
            torch.cuda.synchronize()
            with torch.cuda.graph(graph):
                step.advance(256)
        for _ in range(5):
            graph.replay() if captured else step.advance(256)
        found.append(made.codes[:7].tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("length", [1, 5, 100, 511, 512, 700])
@pytest.mark.parametrize("log", [True, False])
def test_the_vocoders_activation(length: int, log: bool) -> None:
    activations = pytest.importorskip("indextts25.s2mel.modules.bigvgan.activations")
    act = importlib.import_module("indextts25.s2mel.modules.bigvgan.alias_free_activation.torch.act")
    torch.manual_seed(0)
    module = act.Activation1d(activations.SnakeBeta(6, alpha_logscale=log)).to(DEVICE).requires_grad_(False)
    module.act.alpha.normal_().abs_().add_(0.1)
    module.act.beta.normal_().abs_().add_(0.1)
    assert fits(module)
    x = torch.randn(1, 6, 700, device=DEVICE)
    found = fused(module, x, torch.tensor(length, device=DEVICE))
    assert torch.allclose(found[..., :length], module(x[..., :length]), atol=1e-5)
    assert not found[..., length:].any()
    assert torch.allclose(found, aliased(module, x, torch.tensor(length, device=DEVICE)), atol=1e-5)
