"""A wish to stop, looked at between chunks."""

from __future__ import annotations

import threading


class Cancel:
    """The cancellation of one synthesis.

    The engine's thread looks at `requested` between chunks, or sleeps in `wait`; another thread calls
    `request`.
    """

    # A bare lock, held from the start and released by the request, costs a tenth of an Event; there is one
    # per synthesis.
    __slots__ = ("_gate", "requested")

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self.requested = False

    def request(self) -> None:
        """Ask for the end; once is enough, more does no harm. Called by one thread only, the reader."""
        if not self.requested:
            self.requested = True
            self._gate.release()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until the request comes. Returns whether it has come."""
        if self._gate.acquire(timeout=seconds):
            self._gate.release()
        return self.requested
