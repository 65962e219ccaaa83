"""The supervisor's side of the wire, for tests: a worker's runtime in a thread, or the real process."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ishowtts_worker.channel import Channel
from ishowtts_worker.protocol import (
    PROTOCOL_VERSION,
    Audio,
    Cancelled,
    Done,
    Failure,
    FromWorker,
    Hello,
    Load,
    Progress,
    Ready,
    Synthesize,
    ToWorker,
    encode,
    parse_from_worker,
)
from ishowtts_worker.runtime import Runtime

PATIENCE = 60.0
SOURCE = Path(__file__).resolve().parent.parent / "src"

M = TypeVar("M")


class Supervisor:
    """Talks to one worker over a connected socket; every wait has an end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self._channel = Channel(connection)

    def send(self, *messages: ToWorker) -> None:
        self.socket.sendall(b"".join(map(encode, messages)))

    def receive(self) -> FromWorker | None:
        """The next message, None at the end; the payload of an Audio is in `payload`."""
        line = self._channel.read_line()
        if line is None:
            return None
        message = parse_from_worker(line)
        self.payload = self._channel.read_exact(message.payload_bytes) if isinstance(message, Audio) else b""
        return message

    def expect(self, kind: type[M]) -> M:
        """The next message, which is of this kind."""
        message = self.receive()
        assert isinstance(message, kind), message
        return message

    def get_ready(self, engine: str = "tone", **settings: Any) -> Ready:
        """Read hello, send load, and read on until ready."""
        self.expect(Hello)
        self.send(load(engine, **settings))
        while isinstance(message := self.receive(), Progress):
            pass
        assert isinstance(message, Ready), message
        return message

    def speech(self, synthesis: int) -> tuple[bytes, Done | Failure | Cancelled]:
        """Read to the end of this synthesis, which is the only one now: its PCM, and how it ended."""
        pcm = b""
        while isinstance(message := self.receive(), Audio):
            assert message.id == synthesis
            pcm += self.payload
        assert isinstance(message, Done | Failure | Cancelled) and message.id == synthesis, message
        return pcm, message

    def say(self, synthesis: int, text: str, **fields: Any) -> tuple[bytes, Done | Failure | Cancelled]:
        """Ask for a text and read it to its end."""
        self.send(Synthesize(synthesis, text, **fields))
        return self.speech(synthesis)


def load(engine: str = "tone", *, threads: int = 1, **settings: Any) -> Load:
    return Load(PROTOCOL_VERSION, engine, 0, "cpu", threads, settings)


def engine_part(engine: str, name: str) -> ModuleType:
    """A module of an engine, without its package, which imports what only its environment has."""
    name = f"ishowtts_worker.engines.{engine}.{name}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, SOURCE / Path(*name.split(".")).with_suffix(".py")
        )
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@contextmanager
def worker(engine: str = "tone") -> Iterator[tuple[Supervisor, Ended]]:
    """A runtime in a thread of its own, closed and joined at the end."""
    ours, theirs = socket.socketpair()
    ended = Ended()
    channel = Channel(theirs)

    def live() -> None:
        ended.code = Runtime(channel, engine).run()
        channel.close()

    thread = threading.Thread(target=live, name="worker")
    thread.start()
    ended.thread = thread
    with ours:
        yield Supervisor(ours), ended
    ended.wait()


class Ended:
    """How a worker ended."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.thread: threading.Thread | None = None

    def wait(self) -> int | None:
        """Wait for the end; the exit code."""
        assert self.thread is not None
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.code


@contextmanager
def process(folder: Path, engine: str = "tone") -> Iterator[tuple[Supervisor, subprocess.Popen[bytes]]]:
    """The real process, started as the supervisor starts it."""
    path = folder / "worker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(PATIENCE)
        command = [sys.executable, "-s", "-m", "ishowtts_worker", "--socket", str(path), "--engine", engine]
        with subprocess.Popen(
            [*command, "--replica", "0", "--log-level", "info"],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            try:
                connection, _ = listener.accept()
                with connection:
                    yield Supervisor(connection), child
                child.wait(PATIENCE)
            finally:
                child.kill()
