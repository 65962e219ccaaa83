"""How far the device is with what it was given to do."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable

import torch

_NEARLY = 0.0015
"""Seconds before the end from which on it is waited for and nothing else is looked at."""
_LEARNS = 0.2


class Mark:
    """A place in the order of what a device does. On a CPU, all that was asked for is done."""

    def __init__(self, device: torch.device) -> None:
        self._event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._event = torch.cuda.Event()
            self._event.record(torch.cuda.current_stream(device))

    @property
    def is_reached(self) -> bool:
        """Whether all before it is done."""
        return self._event is None or self._event.query()

    def wait(self) -> None:
        """Wait until it is reached."""
        if self._event is not None:
            self._event.synchronize()


class Pace:
    """How long launches of one size take, learned from those before."""

    def __init__(self) -> None:
        self._usual: dict[Hashable, float] = {}
        self._last_end = 0.0

    def is_nearly_over(self, size: Hashable, given: float) -> bool:
        """Whether one that was `given` to the device then, and is next to end, should end any moment."""
        began = max(given, self._last_end)
        return time.perf_counter() - began > self._usual.get(size, math.inf) - _NEARLY

    def ended(self, size: Hashable, given: float, *, seen: bool) -> None:
        """One has ended: now, if that was `seen`, or at some moment before."""
        now = time.perf_counter()
        if seen:
            took = now - max(given, self._last_end)
            known = self._usual.setdefault(size, took)
            self._usual[size] = known + _LEARNS * (took - known)
        self._last_end = now
