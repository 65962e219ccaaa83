"""Decoding by CUDA graphs: a step is captured once, then replayed; the host looks every few tokens."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator

import torch
from torch import Tensor

from .decode import Decoder
from .sampling import Knobs
from .static import GROUP, State, Step, TorchStep
from .weights import Weights

_LOG = logging.getLogger(__name__)
# Without kernels of our own a step reads the whole cache that its graph was made for, whatever is in use.
_REACHES = (256, 512, 1024)


class GraphDecoder(Decoder):
    """One sequence at a time, the host not in between. Without `capture` steps are launched one by one."""

    def __init__(self, weights: Weights, room: int, capture: bool = True) -> None:
        # A group may run past the end of what is asked for.
        super().__init__(weights, room + GROUP)
        self.room = room
        self._state = State(weights, self._cache, self._seen, room)
        self._step = _kernels(weights, self._state) or TorchStep(weights, self._state)
        self.tier = "cuda-graph-kernels" if not isinstance(self._step, TorchStep) else "cuda-graph"
        whole = room + GROUP
        shorter = [one for one in _REACHES if one < whole] if isinstance(self._step, TorchStep) else []
        self._graphs: dict[int, torch.cuda.CUDAGraph | None] = dict.fromkeys([*shorter, whole])
        if capture:
            self._capture()

    def _capture(self) -> None:
        beside = torch.cuda.Stream()
        for reach in self._graphs:
            self._state.cursor.zero_()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                self._step.advance(reach)
            torch.cuda.current_stream().wait_stream(beside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step.advance(reach)
            self._graphs[reach] = graph

    def _codes(self, prefix: Tensor, knobs: Knobs, most: int) -> Iterator[list[int]]:
        state = self._state
        self._forget()
        state.knobs.copy_(knobs.on("cpu"))
        state.noise.exponential_()
        # Choosing a token moves the cursor on, the first one to the row behind the prefix.
        state.cursor.copy_(torch.tensor([len(prefix) - 1, self._weights.first_position, 0]))
        self._step.begin(self._logits(self._forward(prefix, 0)))
        done = 0
        while done < most:
            if done:
                state.noise.exponential_()
            ends = len(prefix) + done + GROUP
            reach = min(one for one in self._graphs if one >= ends)
            # The first token is there already.
            for _ in range(GROUP if done else GROUP - 1):
                self._advance(reach)
            yield state.codes[done : done + GROUP].tolist()
            done += GROUP

    def _advance(self, reach: int) -> None:
        graph = self._graphs[reach]
        if graph is None:
            self._step.advance(reach)
        else:
            graph.replay()


def _kernels(weights: Weights, state: State) -> Step | None:
    """The step in our own kernels, where they compile: a machine may have no Triton, or no compiler."""
    device = weights.head.device
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        module = importlib.import_module(f"{__package__}.kernel_step")
        step: Step = module.KernelStep(weights, state)
        step.advance(1)
    except Exception as error:
        _LOG.warning("Without kernels of our own for the GPT: %s: %s", type(error).__name__, error)
        return None
    return step


__all__ = ["GraphDecoder"]
