"""What the supervisor says, sorted into what is answered at once and what is to be computed.

There is one thread. Idle, it waits in `next`; while a synthesis runs it comes by in `look`, at every chunk
and wherever the engine looks at its cancel, and takes in what has come meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .channel import Channel, Disconnected
from .errors import ProtocolViolation, WorkerError
from .protocol import (
    Cancelled,
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
# Seconds between two quick looks: a burst of tiny chunks costs no system calls.
_LOOK_EVERY = 0.002
EXIT_FAILED = 1
EXIT_VIOLATION = 2


@dataclass(frozen=True)
class Ending:
    """How the worker leaves: its exit code, and whether it is in order, with all ended and a bye."""

    code: int
    orderly: bool = False


class Inbox:
    """Takes messages from a channel until its end. `pong` makes the answer to a ping."""

    def __init__(self, channel: Channel, pong: Callable[[int], Pong]) -> None:
        self.ending: Ending | None = None
        """Set once the worker is to leave; every synthesis is cancelled then."""
        self.paused = False
        """Whether the supervisor wants the device for something else."""
        self.max_batch = 1
        """Syntheses that one launch can hold."""
        self._channel = channel
        self._pong = pong
        self._paused_told = False
        self._tasks: deque[Load | Synthesis] = deque()
        self._wanted: dict[int, Synthesis] = {}
        self._load_came = False
        self._looked = 0.0
        self._look = self.look

    def next(self) -> Load | Synthesis | Ending:
        """Wait for the next thing to do: the load first, then syntheses, in the end how to leave."""
        while self.ending is None:
            if self.paused:
                self.stay_paused()
            elif self._tasks:
                return self._tasks.popleft()
            else:
                self._take_in()
        return self.ending

    def next_launch(self) -> list[Synthesis] | Ending:
        """Wait for the syntheses that the supervisor wants in one launch, or for the end."""
        launch: list[Synthesis] = []
        while True:
            task = self.next()
            if isinstance(task, Ending):
                return task  # none of the launch has started: it was cancelled
            assert isinstance(task, Synthesis)
            launch.append(task)
            if self._is_complete(launch):
                return launch

    def launch_that_waits(self) -> list[Synthesis]:
        """The next launch, if all of it has come; else none."""
        launch: list[Synthesis] = []
        for task in self._tasks:
            assert isinstance(task, Synthesis)
            launch.append(task)
            if self._is_complete(launch):
                for _ in launch:
                    self._tasks.popleft()
                return launch
        return []

    def _is_complete(self, launch: list[Synthesis]) -> bool:
        return not launch[-1].message.more or len(launch) >= self.max_batch

    def look(self, seconds: float = 0.0) -> None:
        """Take in what comes within `seconds`, and return once something has; 0 is a quick look.

        Engines call it from anywhere within `speak`, so it raises nothing: whatever goes wrong is an ending.
        """
        if self.ending is None and (seconds > 0 or time.perf_counter() - self._looked >= _LOOK_EVERY):
            self._take_in(seconds)

    def stay_paused(self) -> None:
        """Say that the device is free, once for each pause, and wait until something comes."""
        if not self._paused_told:
            self._paused_told = True
            self._channel.send(Paused())
        self._take_in()

    def forget(self, synthesis: Synthesis) -> None:
        """It ends now: a cancel that comes later finds nothing."""
        del self._wanted[synthesis.message.id]

    def _take_in(self, seconds: float | None = None) -> None:
        """Wait `seconds`, by default for ever, for a message; take it and those that came with it."""
        channel = self._channel
        try:
            if seconds is None or channel.arrived(seconds):
                self._take(channel.receive())
                while self.ending is None and channel.holds_line:
                    self._take(channel.receive())
        except ProtocolViolation as violation:
            _LOG.error("Protocol violation: %s", violation)
            self._leave(Ending(EXIT_VIOLATION))
            with contextlib.suppress(Disconnected):
                channel.send(failure(None, violation))
        except Disconnected as error:
            _LOG.warning("%s", error)
            self._leave(Ending(0))
        except Exception:
            _LOG.exception("A message of the supervisor could not be answered")
            self._leave(Ending(EXIT_FAILED))
        self._looked = time.perf_counter()

    def _take(self, message: ToWorker | None) -> None:
        if isinstance(message, Synthesize):
            if message.id in self._wanted:
                raise ProtocolViolation(f"synthesis {message.id} is asked for while it runs")
            self._wanted[message.id] = synthesis = Synthesis(message, self._look)
            self._tasks.append(synthesis)
        elif isinstance(message, Ping):
            self._channel.send(self._pong(message.nonce))
        elif isinstance(message, CancelSynthesis):
            if wanted := self._wanted.get(message.id):
                self._cancel(wanted)
        elif isinstance(message, Pause):
            self.paused = True
            self._paused_told = False
        elif isinstance(message, Resume):
            self.paused = False
        elif isinstance(message, Shutdown):
            for synthesis in list(self._wanted.values()):
                self._cancel(synthesis)
            self._leave(Ending(0, orderly=True))
        elif isinstance(message, Load):
            if self._load_came:
                raise ProtocolViolation("load came twice")
            self._load_came = True
            self._tasks.append(message)
        else:
            self._leave(Ending(0))

    def _cancel(self, synthesis: Synthesis) -> None:
        synthesis.cancel.seen = True
        if not synthesis.started:
            self.forget(synthesis)
            self._channel.send(Cancelled(synthesis.message.id))

    def _leave(self, ending: Ending) -> None:
        self.ending = ending
        self.paused = False
        for synthesis in self._wanted.values():
            synthesis.cancel.seen = True


def failure(synthesis: int | None, error: WorkerError) -> Failure:
    """An error as its message."""
    return Failure(synthesis, error.code, error.message, error.param, error.fatal)
