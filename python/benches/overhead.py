"""What the runtime itself costs: requests to `tone`, which answers at once.

    python benches/overhead.py [--requests N] [--characters N] [--chunk-ms MS]

Prints the median round trip, and the worker's processor time for each request.
"""

from __future__ import annotations

import argparse
import statistics
import time

from client import Client
from ishowtts_worker.protocol import Synthesize, encode


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=52, help="80 ms each; 52 are 200 KB")
    parser.add_argument("--chunk-ms", type=float, default=5000)
    arguments = parser.parse_args()

    client = Client("tone", chunk_ms=arguments.chunk_ms)
    trips = []
    buffer = memoryview(bytearray(1 << 20))
    for number in range(arguments.requests):
        line = encode(Synthesize(number, "x" * arguments.characters))
        begin = time.perf_counter()
        client.socket.sendall(line)
        end = 0
        # As cheap as a client can be: the last line of an answer is the only one that ends so.
        while b'"skipped":' not in bytes(buffer[max(0, end - 20) : end]):
            end += client.socket.recv_into(buffer[end:])
        trips.append(time.perf_counter() - begin)
    used = client.close()
    median, mean = statistics.median(trips), statistics.fmean(trips)
    print(f"round trip: median {1e6 * median:.1f} us, mean {1e6 * mean:.1f} us")
    print(f"worker processor time: {1e6 * used / arguments.requests:.1f} us a request")


if __name__ == "__main__":
    main()
