"""The socket to the supervisor: the only file that touches its bytes.

Reading tells three things apart: a message, the end between two messages (None), and a violation (a cut
message, a line beyond the limit, garbage), which raises. One thread reads; any thread may write.
"""

from __future__ import annotations

import contextlib
import socket
import threading
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
    """Messages in, messages out, over a connected stream socket that it owns."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self._scratch = memoryview(bytearray(_READ))
        self._write_lock = threading.Lock()
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

    def read_line(self) -> bytes | None:
        """Wait for the next line, without its newline; None at a clean end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                break
            if not self._fill():
                if not self._buffer:
                    return None
                raise ProtocolViolation(
                    f"the connection ended within a line, after {bytes(self._buffer[:80])!r}"
                )
        if end < 0 or end > MAX_LINE:
            raise ProtocolViolation(f"a line is longer than {MAX_LINE} bytes")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def read_exact(self, size: int) -> bytes:
        """Wait for exactly `size` bytes: a payload."""
        while len(self._buffer) < size:
            if not self._fill():
                raise ProtocolViolation(
                    f"the connection ended {size - len(self._buffer)} bytes before a payload's end"
                )
        payload = bytes(self._buffer[:size])
        del self._buffer[:size]
        return payload

    def send(self, message: FromWorker) -> None:
        """Write one message that has no payload. Raises Disconnected."""
        self.write([encode(message)])

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Write these bytes as one, nothing of another thread between them. Raises Disconnected."""
        try:
            with self._write_lock:
                sent = self._socket.sendmsg(buffers)
                if sent < sum(map(len, buffers)):
                    # Rare: the kernel took only a part of it.
                    self._socket.sendall(memoryview(b"".join(buffers))[sent:])
        except OSError as error:
            raise Disconnected(f"could not write to the supervisor: {error}") from error

    def close(self) -> None:
        """Close the socket; a reader in another thread wakes up with the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _fill(self) -> bool:
        try:
            received = self._socket.recv_into(self._scratch)
        except OSError:  # reset, or closed by our own other thread: an end all the same
            return False
        self._buffer += self._scratch[:received]
        return received > 0
