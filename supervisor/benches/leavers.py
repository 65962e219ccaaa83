"""Clients that leave at random moments, many thousands of them, and what they leave behind: nothing.

Starts a server with two `tone` workers (RTF 0.05), lets 100 clients at a time ask for texts, streamed or whole, and go
away after 0 to 400 ms, and tells the supervisor's memory, descriptors and what its scheduler still holds after each
tenth. The exit code is 1 if anything is left in the end.

    cargo build --release
    python3 supervisor/benches/leavers.py --requests 10000
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

CONFIG = """
[engines.tone]
enabled = true
replicas = 2
rtf = 0.05
[limits]
max_requests = 1000
[defaults]
voices = { en = "tone", zh = "tone" }
"""


def status(port: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status") as answer:
        return json.load(answer)


def resident_mb(pid: int) -> float:
    pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def leaver(port: int, number: int, patience: float) -> None:
    body = json.dumps(
        {"text": f"{number} is a client that may not stay. " * (number % 7 + 1), "stream": number % 2 == 0}
    ).encode()
    head = (
        "POST /api/tts HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    try:
        await asyncio.wait_for(reader.read(-1), patience)
    except TimeoutError:
        pass
    writer.transport.abort()


async def crowd(port: int, pid: int, requests: int, clients: int) -> None:
    gate = asyncio.Semaphore(clients)
    chance = random.Random(1)

    async def one(number: int, patience: float) -> None:
        async with gate:
            await leaver(port, number, patience)

    tenth = max(1, requests // 10)
    for start in range(0, requests, tenth):
        numbers = range(start, min(start + tenth, requests))
        await asyncio.gather(*(one(number, chance.uniform(0, 0.4)) for number in numbers))
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        print(f"{start + len(numbers):6d} requests: {resident_mb(pid):5.1f} MB, {descriptors} descriptors", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--port", type=int, default=28311)
    parser.add_argument("--program", default="target/release/ishowtts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "ishowtts.toml"
        config.write_text(CONFIG)
        command = [options.program, "--config", str(config), "--state-dir", folder, "--log-level", "error"]
        server = subprocess.Popen([*command, "--listen", f"127.0.0.1:{options.port}"])
        try:
            for _ in range(300):
                try:
                    if all(worker["state"] == "ready" for worker in workers(status(options.port))):
                        break
                except OSError:
                    pass
                time.sleep(0.1)
            before = resident_mb(server.pid)
            asyncio.run(crowd(options.port, server.pid, options.requests, options.clients))
            time.sleep(1)
            after = status(options.port)
            left = {key: after[key] for key in ("requests_in_flight", "streams", "audio_bytes", "queue")}
            restarts = sum(worker["restarts"] for worker in workers(after))
            print(f"before {before:.1f} MB, after {resident_mb(server.pid):.1f} MB; left: {left}, restarts: {restarts}")
            is_clean = not any([left["requests_in_flight"], left["streams"], left["audio_bytes"], restarts])
            idle = all(worker["state"] == "ready" for worker in workers(after))
            return 0 if is_clean and idle and not any(left["queue"].values()) else 1
        finally:
            server.terminate()
            server.wait()


def workers(told: dict) -> list[dict]:
    return told["engines"]["tone"]["workers"]


if __name__ == "__main__":
    sys.exit(main())
