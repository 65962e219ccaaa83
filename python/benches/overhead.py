"""What the runtime itself costs: requests to `tone`, which answers at once, beside the bare socket.

    python benches/overhead.py [--requests N] [--characters N] [--chunk-ms MS]

Prints the median round trip and the processor time for each request, of the worker and of the floor: a
process that reads a line, parses it as JSON and sends as many bytes, nothing else. Both take many turns, so
that they see the same machine; the processor time is that of the median turn.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import time
from pathlib import Path

from client import Client
from ishowtts_worker.protocol import Synthesize, encode

TURNS = 50


class Subject:
    """A process that answers requests, and what that has cost so far."""

    def __init__(self, name: str, connection: socket.socket, pid: int, room: int) -> None:
        self.name = name
        self.trips: list[float] = []
        self.used: list[float] = []
        self._socket = connection
        self._pid = pid
        self._buffer = memoryview(bytearray(room))

    def ask(self, first: int, count: int, text: str) -> None:
        """Send so many requests, one after the other."""
        before = self._processor_time()
        for number in range(first, first + count):
            line = encode(Synthesize(number, text))
            begin = time.perf_counter()
            self._socket.sendall(line)
            end = 0
            # As cheap as a client can be: the last line of an answer is the only one that ends so.
            while b'"skipped":' not in bytes(self._buffer[max(0, end - 20) : end]):
                end += self._socket.recv_into(self._buffer[end:])
            self.trips.append(time.perf_counter() - begin)
        self.used.append((self._processor_time() - before) / count)

    def report(self) -> None:
        """Print its figures."""
        trip, used = 1e6 * statistics.median(self.trips), statistics.median(self.used) / 1000
        print(
            f"{self.name}: round trip {trip:.1f} us (best {1e6 * min(self.trips):.1f}); "
            f"processor {used:.1f} us a request (best {min(self.used) / 1000:.1f})"
        )

    def _processor_time(self) -> int:
        # Nanoseconds, where the kernel counts them; the usual places have ticks of 10 ms.
        threads = Path(f"/proc/{self._pid}/task").glob("*/schedstat")
        return sum(int(one.read_text(encoding="ascii").split()[0]) for one in threads)


def floor(size: int) -> tuple[socket.socket, int]:
    """A process that does the least that any worker must."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
        payload = memoryview(bytes(size))
        while line := theirs.recv(1 << 16):
            json.loads(line)
            theirs.sendmsg([b'{"type":"audio"}\n', payload, b'{"type":"done","skipped":0}\n'])
        os._exit(0)
    theirs.close()
    return ours, pid


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=52, help="80 ms each; 52 are 200 KB")
    parser.add_argument("--chunk-ms", type=float, default=5000)
    arguments = parser.parse_args()

    size = 2 * 1920 * arguments.characters
    connection, pid = floor(size)
    client = Client("tone", chunk_ms=arguments.chunk_ms)
    room = 2 * size + (1 << 16)  # what frames the chunks is less than they are
    subjects = (
        Subject("floor ", connection, pid, room),
        Subject("worker", client.socket, client.pid, room),
    )
    share, text = arguments.requests // TURNS, "x" * arguments.characters
    for turn in range(TURNS):
        for subject in subjects:
            subject.ask(turn * share, share, text)
    for subject in subjects:
        subject.report()
    client.close()  # first: it has inherited the other's socket
    connection.close()
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
