#!/usr/bin/env python3
"""The kit for Prometheus and Grafana in use: its rules and the dashboard's queries, against a running server.

.ci/dashboard.py [BINARY]

Needs `prometheus` and `promtool`. It starts a server with the engine `tone` and a Prometheus that scrapes it,
both on free ports of this machine and in a folder that is gone afterwards, and has it speak while it asks.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "config"
DASHBOARD = KIT / "grafana" / "ishowtts.json"
PATIENCE = 90
COLUMNS = 24

CONFIG = """
[engines.tone]
enabled = true
replicas = 2
# It really computes: what takes no time at all is no test of rates and ratios.
rtf = 0.05

[voices.walter]
engines = { en = "tone", zh = "tone" }

[defaults]
voices = { en = "walter", zh = "walter" }

[wyoming]
listen = ""
"""

# What Grafana puts in for its variables.
VARIABLES = {"$instance": ".*", "$engine": ".*", "$__rate_interval": "10s", "$__range": "1m"}


def run(*command: str | Path) -> None:
    """A command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(what: str, look: Callable[[], Any]) -> Any:
    """Waits until something is true, and gives it."""
    began = time.monotonic()
    while not (found := look()):
        assert time.monotonic() - began < PATIENCE, f"never came true: {what}"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def running(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended in the end; its log is shown if something fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    except BaseException:
        print(f"== what {command[0]} said last")
        print("\n".join(log.read_text(errors="replace").splitlines()[-10:]))
        raise
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fetch(url: str, body: object = None) -> bytes:
    """What is answered, whatever it is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text: bytes = answer.read()
    except urllib.error.HTTPError as refusal:
        text = refusal.read()
    return text


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **fields: str) -> Any:
        """What its API answers; an error is ours."""
        answer = json.loads(fetch(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(fields)}"))
        assert answer["status"] == "success", f"{path} {fields}: {answer}"
        return answer["data"]

    def numbers(self, expression: str) -> list[float]:
        """The values that an expression has now, those that are none left out."""
        result = self.ask("query", query=expression)["result"]
        values = [float(series["value"][1]) for series in result]
        return [value for value in values if not math.isnan(value)]

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return b"Ready" in fetch(f"{self.url}/-/ready")
        except OSError:
            return False


def address_of(log: Path) -> str | None:
    """Where the server listens, once it says so."""
    for line in log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if record.get("message") == "Listening":
                return str(record["address"])
    return None


def speak(url: str, over: threading.Event) -> None:
    """Has the server do a little of everything that it counts."""
    count = 0
    while not over.is_set():
        count += 1
        for body in (
            {"text": f"Number {count}, as it is made.", "stream": True},
            {"text": f"Number {count}, as a whole."},
            {"text": "The same again."},
            {"text": ""},
            {"text": f"Nobody waits for number {count}.", "priority": "batch"},
        ):
            with contextlib.suppress(OSError):
                fetch(f"{url}/api/tts", body)
        with contextlib.suppress(OSError):
            speech = {"model": "tts-1", "voice": "alloy", "input": f"{count}", "response_format": "pcm"}
            fetch(f"{url}/v1/audio/speech", speech)
        over.wait(0.2)


def configure(folder: Path, server: str) -> Path:
    """The kit's own configuration, for this server and in a hurry."""
    shutil.copytree(KIT / "prometheus", folder / "prometheus")
    text = (KIT / "prometheus.yml").read_text()
    for old, new in (("127.0.0.1:27121", server), ("interval: 15s", "interval: 1s")):
        assert old in text, f"{old} is not in prometheus.yml"
        text = text.replace(old, new)
    path = folder / "prometheus.yml"
    path.write_text(text)
    return path


def filled_in(expression: str) -> str:
    """A query as Grafana sends it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable that nobody fills in: {expression}"
    return expression


def check_layout(dashboard: dict[str, Any]) -> None:
    """Panels that people find their way in."""
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)), "two panels have one id"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"] and panel["targets"], panel["title"]
            assert all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"]), panel["title"]


def check_queries(prometheus: Prometheus, dashboard: dict[str, Any], told: str) -> None:
    """Every query has a value, but for those of hardware that is not there."""
    queries = {
        filled_in(target["expr"]): panel["title"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    families = set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    # What a GPU tells has no series on a machine without one, and a card or a Jetson may not know all of it.
    absent = {
        query
        for query in queries
        if any(name not in families for name in re.findall(r"\bishowtts_gpu_\w+", query))
    }
    for query in absent:
        prometheus.ask("query", query=query)
    wanted = set(queries) - absent
    seen: set[str] = set()

    def all_seen() -> bool:
        seen.update(query for query in wanted - seen if prometheus.numbers(query))
        return seen == wanted

    try:
        eventually("every query has a value", all_seen)
    except AssertionError:
        missing = "\n  ".join(f"{queries[query]}: {query}" for query in sorted(wanted - seen))
        raise AssertionError(f"no value for\n  {missing}") from None
    print(f"    {len(wanted)} queries have values; of hardware that is not there: {len(absent)}")
    for query in sorted(absent):
        print(f"      {queries[query]}: {query}")


def check_variables(prometheus: Prometheus, dashboard: dict[str, Any]) -> None:
    """What can be chosen above the panels."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert asked, variable["query"]
            series = prometheus.ask("query", query=f"count by ({asked[2]}) ({asked[1]})")["result"]
            assert all(one["metric"].get(asked[2]) for one in series) and series, variable["name"]


def check_rules(prometheus: Prometheus) -> None:
    """Every rule is evaluated without an error, and none of the alerts fires."""

    def rules() -> list[dict[str, Any]]:
        groups = prometheus.ask("rules")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in found) else found

    found = eventually("every rule was evaluated", rules)
    for rule in found:
        assert rule["health"] == "ok", rule
        assert rule.get("state", "inactive") == "inactive", rule
    print(f"    {len(found)} rules")


def main() -> None:
    """Everything, one after the other."""
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else "target/release/ishowtts").resolve()
    print("== promtool")
    run("promtool", "check", "config", KIT / "prometheus.yml")
    run("promtool", "test", "rules", KIT / "prometheus" / "tests.yml")
    dashboard = json.loads(DASHBOARD.read_text())
    check_layout(dashboard)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ishowtts.toml").write_text(CONFIG)
        server_log, prometheus_log = folder / "server.log", folder / "prometheus.log"
        serve: list[str | Path] = [
            binary,
            "--config",
            folder / "ishowtts.toml",
            "--state-dir",
            folder / "state",
        ]
        serve += ["--listen", "127.0.0.1:0", "--log-json"]
        with running(serve, server_log):
            server = eventually("the server listens", lambda: address_of(server_log))
            eventually("the server is ready", lambda: b"true" in fetch(f"http://{server}/readyz"))
            port = free_port()
            command: list[str | Path] = ["prometheus", f"--config.file={configure(folder, server)}"]
            command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
            over = threading.Event()
            speaker = threading.Thread(target=speak, args=(f"http://{server}", over))
            with running(command, prometheus_log):
                speaker.start()
                try:
                    prometheus = Prometheus(f"http://127.0.0.1:{port}")
                    eventually("Prometheus is ready", prometheus.is_up)
                    eventually(
                        "the server was scraped", lambda: prometheus.numbers('up{job="ishowtts"} == 1')
                    )
                    print("== the dashboard's queries")
                    told = fetch(f"http://{server}/metrics").decode()
                    check_queries(prometheus, dashboard, told)
                    check_variables(prometheus, dashboard)
                    print("== the rules")
                    check_rules(prometheus)
                finally:
                    over.set()
                    speaker.join()
    print("== the kit holds")


main()
