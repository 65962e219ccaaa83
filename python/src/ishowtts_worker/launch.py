"""Running syntheses: each, whatever happens, ends in exactly one of done, error and cancelled."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeAlias

from .channel import Channel, Disconnected
from .engines.base import Chunk, Engine, Plan, Request
from .errors import BadOption, EngineError, NothingToSpeak, OutOfMemory, WorkerError
from .inbox import Inbox, failure
from .protocol import Cancelled, encode
from .synthesis import Synthesis
from .warmup import Level

_LOG = logging.getLogger(__name__)
_SLOWEST, _FASTEST = 0.25, 4.0
_GLANCE = 0.001
"""Seconds for which it is listened before the device is asked again how far it is."""


Item: TypeAlias = "tuple[int, Chunk | None] | None"
"""What comes of a launch, as `Engine.speak_together` has it."""


class _Flight:
    """A launch that an engine has in hand: what of it has yet to end, and what comes of it."""

    def __init__(self, running: dict[int, Synthesis], items: Iterator[Item]) -> None:
        self.running = running
        self._items = items
        self._come: list[Item] = []

    def start(self) -> None:
        """It is the one that is computed now."""
        for synthesis in self.running.values():
            synthesis.start()

    def advance(self) -> None:
        """Go on until it has to wait for its device."""
        self._come.extend(itertools.islice(self._items, 1))

    def __iter__(self) -> Iterator[Item]:
        return itertools.chain(self._come, self._items)

    def close(self) -> None:
        """Nobody wants more of it."""
        if isinstance(self._items, Generator):
            self._items.close()


class Launcher:
    """Runs syntheses on an engine and sends what comes of them."""

    def __init__(self, channel: Channel, engine: Engine[Any], level: Level, inbox: Inbox) -> None:
        self._channel = channel
        self._engine = engine
        self._level = level
        self._inbox = inbox
        self._fatal = False

    def run(self, launch: Sequence[Synthesis]) -> bool:
        """Run these together until each has ended. Returns False when the process must not go on.

        On an engine that works ahead, what comes meanwhile is run with it, launch after launch.
        """
        flight: _Flight | None = self._begin(launch)
        while flight is not None and not self._fatal:
            flight.start()
            flight = self._hand_over(flight)
        return not self._fatal

    def _begin(self, launch: Sequence[Synthesis]) -> _Flight | None:
        """What an engine is to speak together; nothing if none of it can be."""
        running: dict[int, Synthesis] = {}
        plans: list[Plan] = []
        for synthesis in launch:
            if synthesis.cancel.seen:
                continue  # it ended while it waited
            synthesis.start()
            try:
                plan: Plan = self._engine.prepare(_checked(synthesis.message))
            except Exception as error:
                self._failed([synthesis], error)
                if self._fatal:
                    return None
                continue
            synthesis.skipped = plan.skipped
            running[len(plans)] = synthesis
            plans.append(plan)
        if not running:
            return None
        cancels = [synthesis.cancel for synthesis in running.values()]
        return _Flight(running, self._engine.speak_together(plans, cancels))

    def _begin_ahead(self) -> _Flight | None:
        """The next launch, if it is there, as far as it comes without waiting for the one before it."""
        launch = self._inbox.launch_that_waits()
        flight = self._begin(launch) if launch else None
        if flight is not None:
            try:
                flight.advance()
            except Exception as error:
                self._failed(list(flight.running.values()), error)
                return None
        return flight

    def _hand_over(self, flight: _Flight) -> _Flight | None:
        """Send what comes of a launch until all of it has ended. Returns the one that has begun behind it."""
        behind: _Flight | None = None
        try:
            for item in flight:
                if item is None:
                    behind = self._meanwhile(behind)
                else:
                    self._inbox.look()
                    self._send(flight, *item)
                if self._fatal or self._inbox.ending:
                    break
                # Not before the device has done all that it was given.
                if self._inbox.paused and behind is None and item is not None:
                    self._pause(flight.running)
                if not flight.running:
                    return behind
        except Disconnected:
            raise
        except Exception as error:
            self._failed(list(flight.running.values()), error)
            return behind
        finally:
            flight.close()
        left = list(flight.running.values())
        if (ending := self._inbox.ending) and behind is not None:
            behind.close()
            left.extend(behind.running.values())
            behind = None
        if not self._fatal and (ending is None or ending.orderly):
            self._end(left)
        return behind

    def _meanwhile(self, behind: _Flight | None) -> _Flight | None:
        """The device computes: hear what the supervisor says, and begin what comes next."""
        self._inbox.look(_GLANCE)
        is_free = behind is None and self._engine.info.ahead and not self._inbox.paused
        return self._begin_ahead() if is_free and self._inbox.ending is None else behind

    def _send(self, flight: _Flight, position: int, chunk: Chunk | None) -> None:
        # None was cancelled, and the engine has not noticed yet.
        if not self._inbox.ending and (synthesis := flight.running.get(position)):
            if chunk is None or synthesis.cancel.seen:
                self._end([flight.running.pop(position)])
            else:
                self._channel.write(synthesis.audio(self._level(chunk)))

    def _pause(self, running: dict[int, Synthesis]) -> None:
        """Stay here until the pause is over or nobody wants what runs."""
        while running and self._inbox.paused:
            self._inbox.stay_paused()
            for position, synthesis in list(running.items()):
                if synthesis.cancel.seen:
                    self._end([running.pop(position)])

    def _end(self, syntheses: Sequence[Synthesis]) -> None:
        """Tell of all these ends in one go: the supervisor gives out the next launch at the last of them."""
        lines = [_last_line(synthesis) for synthesis in syntheses]
        for synthesis in syntheses:
            self._inbox.forget(synthesis)
        self._channel.write(lines)

    def _failed(self, syntheses: Sequence[Synthesis], error: Exception) -> None:
        """End these with an error."""
        told = _told(error)
        for synthesis in syntheses:
            self._inbox.forget(synthesis)
            self._channel.send(failure(synthesis.message.id, told))
        self._fatal = self._fatal or told.fatal


def _last_line(synthesis: Synthesis) -> bytes:
    if synthesis.cancel.seen:
        return encode(Cancelled(synthesis.message.id))
    if synthesis.audible:
        return synthesis.done()
    silent = NothingToSpeak("the engine found nothing to speak in this text", param="text")
    return encode(failure(synthesis.message.id, silent))


def _checked(request: Request) -> Request:
    if not _SLOWEST <= request.speed <= _FASTEST:
        raise BadOption(
            f"speed must be between {_SLOWEST:g} and {_FASTEST:g}, not {request.speed:g}", param="speed"
        )
    return request


def _told(error: Exception) -> WorkerError:
    """What the supervisor is told about an exception."""
    if isinstance(error, WorkerError):
        return error
    _LOG.error("A synthesis failed", exc_info=error)
    if isinstance(error, MemoryError):
        return OutOfMemory(f"not enough memory for this text ({error}); shorten it")
    return EngineError(f"the engine failed at this text: {type(error).__name__}: {error}")
