"""The reader: what the supervisor says, sorted into what is answered at once and what is to be computed.

It has its own thread, so that a ping is answered and a cancel, a pause or the end is seen while the main
thread computes. It also guards the end: a worker whose supervisor is gone, or whose grace is over, leaves
even if the main thread never comes back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from .channel import Channel, Disconnected
from .errors import ProtocolViolation, WorkerError
from .pause import PauseGate
from .protocol import (
    CancelSynthesis,
    Failure,
    Load,
    Pause,
    Paused,
    Ping,
    Pong,
    Resume,
    Shutdown,
    Synthesize,
    ToWorker,
)
from .synthesis import Synthesis

_LOG = logging.getLogger(__name__)
# Seconds that a main thread has to finish its chunk once there is nobody left to hear it.
_PATIENCE_WITHOUT_SUPERVISOR = 0.5
EXIT_FAILED = 1
EXIT_VIOLATION = 2


@dataclass(frozen=True)
class Ending:
    """How the worker leaves: its exit code, and whether it says bye."""

    code: int
    patience: float = _PATIENCE_WITHOUT_SUPERVISOR
    bye: bool = False


class Inbox:
    """Reads a channel until its end.

    `pong` makes the answer to a ping, on the reader's thread. `leave` ends the process from there, if it
    must.
    """

    def __init__(
        self, channel: Channel, pong: Callable[[int], Pong], leave: Callable[[int], object] = os._exit
    ) -> None:
        self.gate = PauseGate()
        self._channel = channel
        self._pong = pong
        self._leave = leave
        self._tasks: SimpleQueue[Load | Synthesis | Ending | None] = SimpleQueue()
        self._wanted: dict[int, Synthesis] = {}
        self._load_came = False
        self._finished = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()

    def next(self) -> Load | Synthesis | Ending:
        """Wait for the next thing to do: the load first, then syntheses, in the end how to leave."""
        while True:
            task = self._tasks.get()
            if self.gate.shut:
                self.announce_pause()
                if isinstance(task, Synthesis):
                    self.gate.hold([task.cancel])
            if task is not None:
                return task

    def announce_pause(self) -> None:
        """Say that the device is free, once for each pause."""
        self.gate.announce(lambda: self._channel.send(Paused()))

    def forget(self, synthesis: Synthesis) -> None:
        """It ends now: a cancel that comes later finds nothing."""
        del self._wanted[synthesis.message.id]

    def finish(self) -> None:
        """The main thread is leaving by itself."""
        self._finished.set()

    def _read(self) -> None:
        ending = self._until_the_end()
        for synthesis in list(self._wanted.values()):
            synthesis.cancel.request()
        self.gate.open()
        self._tasks.put(ending)
        if not self._finished.wait(ending.patience):
            _LOG.warning("Leaving without the engine, which did not come back in time")
            self._leave(ending.code)

    def _until_the_end(self) -> Ending:
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, Shutdown):
                    return Ending(code=0, patience=message.grace_ms / 1000, bye=True)
                self._take(message)
        except ProtocolViolation as violation:
            _LOG.error("Protocol violation: %s", violation)
            with contextlib.suppress(Disconnected):
                self._channel.send(failure(None, violation))
            return Ending(code=EXIT_VIOLATION)
        except Disconnected as error:
            _LOG.warning("%s", error)
        except Exception:
            # Without a reader nobody would notice the supervisor's end: better no worker than an orphan.
            _LOG.exception("The reader failed")
            return Ending(code=EXIT_FAILED)
        return Ending(code=0)

    def _take(self, message: ToWorker) -> None:
        if isinstance(message, Synthesize):
            if message.id in self._wanted:
                raise ProtocolViolation(f"synthesis {message.id} is asked for while it runs")
            self._wanted[message.id] = synthesis = Synthesis(message)
            self._tasks.put(synthesis)
        elif isinstance(message, Ping):
            self._channel.send(self._pong(message.nonce))
        elif isinstance(message, CancelSynthesis):
            if wanted := self._wanted.get(message.id):
                wanted.cancel.request()
                self.gate.nudge()
        elif isinstance(message, Pause):
            self.gate.shut_now()
            self._tasks.put(None)
        elif isinstance(message, Resume):
            self.gate.open()
        elif isinstance(message, Load):
            if self._load_came:
                raise ProtocolViolation("load came twice")
            self._load_came = True
            self._tasks.put(message)


def failure(synthesis: int | None, error: WorkerError) -> Failure:
    """An error as its message."""
    return Failure(synthesis, error.code, error.message, error.param, error.fatal)
