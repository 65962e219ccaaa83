"""A worker in a process of its own, and the supervisor's end of its socket."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from ishowtts_worker.channel import Channel
from ishowtts_worker.protocol import (
    PROTOCOL_VERSION,
    Audio,
    Done,
    FromWorker,
    Hello,
    Load,
    Progress,
    Ready,
    Shutdown,
    Synthesize,
    encode,
    parse_from_worker,
)
from ishowtts_worker.runtime import Runtime


class Client:
    """Starts a worker of this engine and reads on until it is ready."""

    def __init__(self, engine: str, threads: int = 2, **settings: Any) -> None:
        self.socket, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            os._exit(Runtime(Channel(worker), engine).run())
        worker.close()
        self._channel = Channel(self.socket)
        self.socket.sendall(encode(Load(PROTOCOL_VERSION, engine, 0, "cpu", threads, settings)))
        while isinstance(message := self.receive(), Hello | Progress):
            pass
        if not isinstance(message, Ready):
            raise SystemExit(f"the worker did not get ready: {message}")
        self.ready = message

    def say(self, synthesis: int, text: str, **fields: Any) -> tuple[bytes, Done]:
        """Speak a text; its PCM, and what the worker says about it."""
        self.socket.sendall(encode(Synthesize(synthesis, text, **fields)))
        pcm = b""
        while isinstance(message := self.receive(), Audio):
            pcm += self._channel.read_exact(message.payload_bytes)
        if not isinstance(message, Done):
            raise SystemExit(f"the synthesis failed: {message}")
        return pcm, message

    def close(self) -> float:
        """End the worker; the processor time that it used, in seconds."""
        self.socket.sendall(encode(Shutdown(1000)))
        _, _, used = os.wait4(self.pid, 0)
        return used.ru_utime + used.ru_stime

    def receive(self) -> FromWorker:
        """The next message."""
        line = self._channel.read_line()
        if line is None:
            raise SystemExit("the worker is gone")
        return parse_from_worker(line)
