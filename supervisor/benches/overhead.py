#!/usr/bin/env python3
"""What the supervisor itself costs: two `tone` workers that answer 200 KB at once, beside mosec in the same run.

    cargo build --release
    python3 supervisor/benches/overhead.py [--rounds 5] [--seconds 3] [--mosec PYTHON]

Needs wrk. `--mosec` names a Python that has mosec 0.9.8 installed; without it only our own side is measured. Rounds
of both sides take turns, since machines are noisy: compare the two columns of a round, not figures of different runs.
The last lines are the supervisor's memory after 10,000 requests and more.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = "abcdefghijklmnopqrstuvwxyz" * 2  # 52 characters, 4.16 s, 199,680 bytes of PCM
MOSEC = """
import struct
from mosec import Server, Worker
PCM = bytes(199_680)
WAV = b"RIFF" + struct.pack("<I", 36 + len(PCM)) + b"WAVEfmt " + struct.pack(
    "<IHHIIHH", 16, 1, 1, 24000, 48000, 2, 16) + b"data" + struct.pack("<I", len(PCM)) + PCM
class Wav(Worker):
    def serialize(self, data): return data
    def forward(self, data): return WAV
if __name__ == "__main__":
    server = Server(); server.append_worker(Wav, num=2); server.run()
"""
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
state_dir = "{dir}/state"
[engines.tone]
enabled = true
replicas = 2
[voices.walter]
engines = {{ en = "tone" }}
[defaults]
voices = {{ en = "walter" }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str, body: bytes | None = None) -> bool:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            response.read()
            return response.status == 200
    except OSError:
        return False


def wrk(url: str, body: str, connections: int, seconds: int, script: Path) -> dict[str, float]:
    script.write_text(
        f'wrk.method="POST"; wrk.headers["Content-Type"]="application/json"; wrk.body={json.dumps(body)}\n'
        'done = function(summary, latency) io.write(string.format("RESULT %f %f %f %d\\n", '
        "latency:percentile(50), latency:percentile(99), summary.requests / summary.duration * 1e6, "
        "summary.errors.status + summary.errors.read + summary.errors.timeout)) end\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    p50, p99, rate, errors = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+)", output).groups()
    return {"p50_ms": float(p50) / 1e3, "p99_ms": float(p99) / 1e3, "rps": float(rate), "errors": float(errors)}


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its threads included, its children not."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def controller(pid: int) -> int:
    """The process that serves HTTP: mosec starts its own as a child."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    named = [int(child) for child in children if Path(f"/proc/{child}/comm").read_text().strip() == "mosec"]
    return named[0] if named else pid


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--mosec", help="a Python with mosec 0.9.8")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/ishowtts")
    options = parser.parse_args()
    body = json.dumps({"text": TEXT, "voice_id": "walter", "engine_options": {"chunk_ms": 5000}})
    started: list[subprocess.Popen] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            port = free_port()
            (folder / "ishowtts.toml").write_text(CONFIG.format(port=port, dir=folder))
            command = [str(options.binary), "--config", str(folder / "ishowtts.toml"), "--log-level", "warn"]
            started.append(subprocess.Popen(command))
            sides = {"ishowtts": f"http://127.0.0.1:{port}/api/tts"}
            if options.mosec:
                port = free_port()
                (folder / "peer.py").write_text(MOSEC)
                command = [options.mosec, "peer.py", "--port", str(port), "--address", "127.0.0.1"]
                started.append(subprocess.Popen(
                    [*command, "--log-level", "error"], cwd=folder, stderr=subprocess.DEVNULL
                ))
                sides["mosec"] = f"http://127.0.0.1:{port}/inference"
            for url in sides.values():
                deadline = time.monotonic() + 60
                while not answers(url, body.encode()):
                    if time.monotonic() > deadline:
                        print(f"{url} does not answer", file=sys.stderr)
                        return 1
                    time.sleep(0.2)
            pids = dict(zip(sides, (controller(process.pid) for process in started), strict=True))
            results: dict[tuple[str, int], list[dict[str, float]]] = {}
            for _ in range(options.rounds):
                for connections in (1, 8, 64):
                    for side, url in sides.items():
                        before = cpu_seconds(pids[side])
                        figures = wrk(url, body, connections, options.seconds, folder / "post.lua")
                        used = cpu_seconds(pids[side]) - before
                        figures["cpu_us"] = 1e6 * used / (figures["rps"] * options.seconds)
                        results.setdefault((side, connections), []).append(figures)
            print(f"{'side':<10}{'clients':>8}{'p50 ms':>10}{'p99 ms':>10}{'cpu us':>8}{'requests/s':>12}   (min to max)  errors")
            print("(cpu us: processor time of the process that serves HTTP, for each request)")
            for (side, connections), rounds in results.items():
                median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                rates = [one["rps"] for one in rounds]
                print(f"{side:<10}{connections:>8}{median['p50_ms']:>10.3f}{median['p99_ms']:>10.2f}{median['cpu_us']:>8.0f}"
                      f"{median['rps']:>12.0f}   ({min(rates):.0f} to {max(rates):.0f})  {median['errors']:.0f}")
            if options.mosec:
                for connections in (1, 8, 64):
                    pairs = zip(results["ishowtts", connections], results["mosec", connections], strict=True)
                    ratio = statistics.median(ours["rps"] / theirs["rps"] for ours, theirs in pairs)
                    pairs = zip(results["ishowtts", connections], results["mosec", connections], strict=True)
                    cost = statistics.median(ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in pairs)
                    print(f"ours over mosec's, {connections} clients, median of the rounds: requests/s {ratio:.2f}, cpu {cost:.2f}")
            total = sum(one["rps"] * options.seconds for (side, _), all_ in results.items()
                        for one in all_ if side == "ishowtts")
            print(f"supervisor's resident memory after {total:.0f} requests: {rss_mb(started[0].pid):.1f} MB")
        finally:
            for process in started:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            for process in started:
                process.wait(30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
