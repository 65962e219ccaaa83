"""A wish to stop, looked at between chunks."""

from __future__ import annotations

import time
from collections.abc import Callable

Look = Callable[[float], object]
"""Takes in what the supervisor says, waiting for it at most so many seconds; 0 is a quick look."""


class Cancel:
    """The cancellation of one synthesis.

    Nobody interrupts an engine: a cancel is noticed by looking. The runtime looks after each chunk; an engine
    that computes for long between two chunks looks at `requested`, one that waits does so in `wait`.
    """

    __slots__ = ("_look", "seen")

    def __init__(self, look: Look = time.sleep) -> None:
        self._look = look
        self.seen = False
        """Whether it is known to be requested, without another look."""

    @property
    def requested(self) -> bool:
        """Whether the synthesis is to end. Cheap enough for any loop: it rarely asks the kernel."""
        if not self.seen:
            self._look(0.0)
        return self.seen

    def wait(self, seconds: float) -> bool:
        """Wait for `seconds`, or until it is requested. Returns whether it is."""
        end = time.monotonic() + seconds
        while not self.seen and (left := end - time.monotonic()) > 0:
            self._look(left)
        return self.requested
