"""The supervisor's wish to have the device for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from .cancel import Cancel


class PauseGate:
    """Shut by `pause`, opened by `resume`. The reader moves it, the main thread looks between chunks."""

    def __init__(self) -> None:
        self.shut = False
        self._announced = False
        self._changed = threading.Condition()

    def shut_now(self) -> None:
        """Ask the main thread to stop at the next chunk boundary."""
        with self._changed:
            self._announced = False
            self.shut = True

    def open(self) -> None:
        """Let it go on."""
        with self._changed:
            self.shut = False
            self._changed.notify_all()

    def nudge(self) -> None:
        """Let a held thread look at its cancels."""
        if self.shut:
            with self._changed:
                self._changed.notify_all()

    def announce(self, tell: Callable[[], object]) -> None:
        """Call `tell` once for each pause, if there is one now."""
        if self.shut and not self._announced:
            self._announced = True
            tell()

    def hold(self, cancels: Iterable[Cancel]) -> bool:
        """Wait while the gate is shut. Returns early, with True, when one of `cancels` is requested."""
        watched = tuple(cancels)
        with self._changed:
            self._changed.wait_for(lambda: not self.shut or any(one.requested for one in watched))
            return self.shut
