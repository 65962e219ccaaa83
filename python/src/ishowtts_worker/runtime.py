"""A worker's life: hello, load, warm up, ready, syntheses, bye.

One thread does it all: models and devices like that best, and no request is handed over. `inbox.py` tells how
it hears the supervisor while an engine computes.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import platform
from typing import Any

from . import __version__, engines
from .channel import Channel, Disconnected
from .engines.base import Engine
from .errors import LoadFailed, ProtocolViolation, WorkerError
from .inbox import EXIT_FAILED, EXIT_VIOLATION, Ending, Inbox, failure
from .launch import Launcher
from .memory import resident_bytes
from .protocol import PROTOCOL_VERSION, Bye, Hello, Load, Memory, Pong, Progress, Ready
from .warmup import warm_up

_LOG = logging.getLogger(__name__)


class Runtime:
    """One worker of engine `name` on a connected channel."""

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self._name = name
        self._engine: Engine[Any] | None = None
        self._inbox = Inbox(channel, self._pong)

    def run(self) -> int:
        """Live until the supervisor says so or is gone, or an error is fatal. Returns the exit code."""
        try:
            return self._live()
        except WorkerError as error:
            _LOG.error("Could not get ready: %s", error, exc_info=error.__cause__)
            self._channel.send(failure(None, error))
            return EXIT_VIOLATION if isinstance(error, ProtocolViolation) else EXIT_FAILED
        except Disconnected as error:
            _LOG.warning("%s", error)
            return 0

    def _live(self) -> int:
        self._channel.send(
            Hello(PROTOCOL_VERSION, self._name, os.getpid(), __version__, platform.python_version())
        )
        order = self._inbox.next()
        if isinstance(order, Ending):
            return self._leave(order)
        if not isinstance(order, Load):
            raise ProtocolViolation("the first message must be load")
        launcher = self._get_ready(order)
        while not isinstance(launch := self._inbox.next_launch(), Ending):
            if not launcher.run(launch):
                return EXIT_FAILED
        return self._leave(launch)

    def _get_ready(self, order: Load) -> Launcher:
        if (order.protocol, order.engine) != (PROTOCOL_VERSION, self._name):
            raise ProtocolViolation(
                f"asked to load {order.engine!r} by protocol {order.protocol}; "
                f"this is a worker of {self._name!r}, protocol {PROTOCOL_VERSION}"
            )
        self._progress("loading", 0.0)
        try:
            engine = engines.find(self._name).load(order, functools.partial(self._progress, "loading"))
            warm = warm_up(engine, functools.partial(self._progress, "warming"))
        except ModuleNotFoundError as error:
            raise engines.missing(self._name, error) from error
        except MemoryError as error:
            raise LoadFailed(
                f"not enough memory to load engine {self._name!r} on {order.device!r}"
            ) from error
        except Disconnected:
            raise
        except WorkerError as error:
            if error.fatal:
                raise
            raise LoadFailed(f"engine {self._name!r} refused its warm-up: {error}", error.param) from error
        except Exception as error:
            raise LoadFailed(
                f"could not load engine {self._name!r}: {type(error).__name__}: {error}"
            ) from error
        self._engine = engine
        self._inbox.max_batch = engine.info.max_batch
        # What is alive now lives as long as the process: the collector need never look at it again.
        gc.collect()
        gc.freeze()
        info = engine.info
        self._channel.send(
            Ready(
                sample_rate=info.sample_rate,
                voices=list(info.voices),
                languages=list(info.languages),
                max_batch=info.max_batch,
                repeatable=info.repeatable,
                device=info.device,
                tier=info.tier,
                warmup=warm.warmup,
                memory=Memory(resident_bytes(), engine.device_bytes()),
                options=None if info.options is None else list(info.options),
                ahead=info.ahead,
            )
        )
        return Launcher(self._channel, engine, warm.level, self._inbox)

    def _leave(self, ending: Ending) -> int:
        if ending.orderly:
            self._channel.send(Bye("shutdown"))
        return ending.code

    def _progress(self, stage: str, fraction: float) -> None:
        self._channel.send(Progress(stage, round(fraction, 3)))

    def _pong(self, nonce: int) -> Pong:
        engine = self._engine
        device, recompiles = (engine.device_bytes(), engine.recompiles()) if engine else (0, 0)
        return Pong(nonce, resident_bytes(), device, recompiles)
