"""Single steps and those that a graph replays: the same tokens, whatever was decoded before."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.indextts.decode import Decoder
from ishowtts_worker.engines.indextts.graphs import GraphDecoder
from ishowtts_worker.engines.indextts.sampling import Knobs
from ishowtts_worker.engines.indextts.weights import Layer, Weights

WIDTH, HEADS, TOKENS, POSITIONS, ROOM = 64, 2, 4000, 300, 250
BEST = Knobs(0.8, 0.8, 1, 3.0)


def weights() -> Weights:
    """Keys that differ much, so that a row too many in the cache changes what is chosen."""
    torch.manual_seed(0)

    def norm() -> tuple[Tensor, Tensor]:
        return 1 + 0.1 * torch.randn(WIDTH), 0.1 * torch.randn(WIDTH)

    def product(outs: int, ins: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        return scale * torch.randn(outs, ins) * ins**-0.5, 0.1 * torch.randn(outs)

    def layer() -> Layer:
        return Layer(
            *norm(), *product(3 * WIDTH, WIDTH, 2.0), *product(WIDTH, WIDTH, 2.0),
            *norm(), *product(4 * WIDTH, WIDTH), *product(WIDTH, 4 * WIDTH),
        )  # fmt: skip

    return Weights(
        [layer() for _ in range(3)], *norm(), *norm(), *product(TOKENS, WIDTH),
        torch.randn(TOKENS, WIDTH), 0.1 * torch.randn(POSITIONS, WIDTH), HEADS, 1e-5, 0, 1, 1,
    )  # fmt: skip


@pytest.mark.parametrize("length", [1, 20, 90])
def test_the_steps_of_a_graph_choose_what_single_steps_choose(length: int) -> None:
    of = weights()
    prefix, other = torch.randn(length, WIDTH), 3.0 * torch.randn(120, WIDTH)
    wanted = Decoder(of, ROOM).generate(prefix, BEST, 100, Cancel())
    graphs = GraphDecoder(of, ROOM, capture=False)
    assert torch.equal(graphs.generate(prefix, BEST, 100, Cancel()), wanted)
    graphs.generate(other, BEST, 100, Cancel())
    assert torch.equal(graphs.generate(prefix, BEST, 100, Cancel()), wanted)
