"""The socket to the supervisor: the only file that touches its bytes.

Reading tells three things apart: a message, the end between two messages (None), and a violation (a cut
message, a line beyond the limit, garbage), which raises.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Sequence
from pathlib import Path

from .errors import ProtocolViolation
from .protocol import MAX_LINE, FromWorker, ToWorker, encode, parse_to_worker

_READ = 1 << 16
# Room for a few payloads, so that the engine goes on while the supervisor is busy; the kernel may grant less.
_SEND_BUFFER = 1 << 21

Buffer = bytes | memoryview


class Disconnected(Exception):
    """A message could not be written: the supervisor is gone."""


class Channel:
    """Messages in, messages out, over a connected stream socket that it owns. For one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    @classmethod
    def connect(cls, path: Path) -> Channel:
        """Connect to the supervisor's Unix socket; raises OSError."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(path))
        return cls(connection)

    def receive(self) -> ToWorker | None:
        """Wait for the next message; None when the supervisor has closed."""
        line = self.read_line()
        return None if line is None else parse_to_worker(line)

    @property
    def holds_line(self) -> bool:
        """Whether another line has come with the last one: reading it asks nothing of the kernel."""
        return b"\n" in self._buffer

    def arrived(self, seconds: float = 0.0) -> bool:
        """Whether `receive` has something to say at once, or after at most `seconds`."""
        if self.holds_line:
            return True
        # poll counts in milliseconds, which is too coarse for an engine that paces its chunks.
        if seconds > 0 and not select.select([self._socket], [], [], seconds)[0]:
            return False
        while True:
            try:
                received = self._socket.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True
            self._buffer += received
            if not received or b"\n" in received or len(self._buffer) > MAX_LINE:
                return True

    def read_line(self) -> bytes | None:
        """Wait for the next line, without its newline; None at a clean end."""
        buffer = self._buffer
        searched = 0
        while (end := buffer.find(b"\n", searched)) < 0:
            searched = len(buffer)
            if searched > MAX_LINE:
                break
            received = self._receive()
            if not searched and received.find(b"\n") + 1 == len(received) > 0:
                return received[:-1]  # almost always: one line, alone and whole
            if not received:
                if not buffer:
                    return None
                raise ProtocolViolation(f"the connection ended within a line, after {bytes(buffer[:80])!r}")
            buffer += received
        if end < 0 or end > MAX_LINE:
            raise ProtocolViolation(f"a line is longer than {MAX_LINE} bytes")
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        return line

    def read_exact(self, size: int) -> bytes:
        """Wait for exactly `size` bytes: a payload."""
        while len(self._buffer) < size:
            received = self._receive()
            if not received:
                raise ProtocolViolation(
                    f"the connection ended {size - len(self._buffer)} bytes before a payload's end"
                )
            self._buffer += received
        payload = bytes(self._buffer[:size])
        del self._buffer[:size]
        return payload

    def send(self, message: FromWorker) -> None:
        """Write one message that has no payload. Raises Disconnected."""
        self.write([encode(message)])

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Write these bytes, all of them. Raises Disconnected."""
        try:
            sent = self._socket.sendmsg(buffers)
            if sent < sum(map(len, buffers)):
                # Rare: the kernel took only a part of it.
                self._socket.sendall(memoryview(b"".join(buffers))[sent:])
        except OSError as error:
            raise Disconnected(f"could not write to the supervisor: {error}") from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_READ)
        except OSError:  # reset: an end all the same
            return b""
