"""Running syntheses: each, whatever happens, ends in exactly one of done, error and cancelled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from .channel import Channel, Disconnected
from .engines.base import Engine, Plan, Request
from .errors import BadOption, EngineError, NothingToSpeak, OutOfMemory, WorkerError
from .inbox import Inbox, failure
from .protocol import Cancelled, encode
from .synthesis import Synthesis
from .warmup import Level

_LOG = logging.getLogger(__name__)
_SLOWEST, _FASTEST = 0.25, 4.0


class Launcher:
    """Runs syntheses on an engine and sends what comes of them."""

    def __init__(self, channel: Channel, engine: Engine[Any], level: Level, inbox: Inbox) -> None:
        self._channel = channel
        self._engine = engine
        self._level = level
        self._inbox = inbox

    def run(self, launch: Sequence[Synthesis]) -> bool:
        """Run these together until each has ended. Returns False when the process must not go on."""
        running: dict[int, Synthesis] = {}
        plans: list[Plan] = []
        for synthesis in launch:
            if synthesis.cancel.seen:
                continue  # it ended while it waited
            synthesis.start()
            try:
                plan: Plan = self._engine.prepare(_checked(synthesis.message))
            except Exception as error:
                if not self._failed([synthesis], error):
                    return False
                continue
            synthesis.skipped = plan.skipped
            running[len(plans)] = synthesis
            plans.append(plan)
        if not running:
            return True
        try:
            self._speak(running, plans)
        except Disconnected:
            raise
        except Exception as error:
            return self._failed(list(running.values()), error)
        return True

    def _speak(self, running: dict[int, Synthesis], plans: Sequence[Plan]) -> None:
        inbox = self._inbox
        cancels = [synthesis.cancel for synthesis in running.values()]
        for position, chunk in self._engine.speak_together(plans, cancels):
            inbox.look()
            if inbox.ending:
                break
            # None was cancelled, and the engine has not noticed yet.
            if synthesis := running.get(position):
                if chunk is None or synthesis.cancel.seen:
                    self._end([running.pop(position)])
                else:
                    self._channel.write(synthesis.audio(self._level(chunk)))
            if inbox.paused:
                self._pause(running)
            if not running:
                return
        if inbox.ending and not inbox.ending.orderly:
            return
        self._end(list(running.values()))

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

    def _failed(self, syntheses: Sequence[Synthesis], error: Exception) -> bool:
        """End these with an error. Returns False when it is a fatal one."""
        told = _told(error)
        for synthesis in syntheses:
            self._inbox.forget(synthesis)
            self._channel.send(failure(synthesis.message.id, told))
        return not told.fatal


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
