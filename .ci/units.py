"""What a service manager and a package manager do with us.

Runs as root in a container of its own: see `.ci/systemd`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PORT = 27121
WYOMING_PORT = 10200
UNIT = "ishowtts.service"
SOCKETS = ("ishowtts.socket", "ishowtts-wyoming.socket")
DEBS = Path("/opt/test")
CONFIG = Path("/etc/ishowtts/ishowtts.toml")
DROP_IN = Path("/etc/systemd/system/ishowtts.service.d/test.conf")
TEXT = "Nobody notices."
SAMPLES = 1920 * len(TEXT)


def run(*command: str, code: int | None = 0) -> str:
    """A command's output; `code` is what it has to end with."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert code is None or done.returncode == code, (
        f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
    )
    return done.stdout.strip()


def shows(name: str, unit: str = UNIT) -> str:
    """A property of a unit."""
    return run("systemctl", "show", "--value", "-p", name, unit)


def main_pid() -> int:
    """The server's process, or 0."""
    return int(shows("MainPID"))


def eventually(what: str, look: Callable[[], object], patience: float = 60) -> None:
    """Waits until something is true."""
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < patience, f"never came true: {what}"
        time.sleep(0.05)


def is_up() -> bool:
    """Whether it is started and all its workers are ready."""
    return (shows("ActiveState"), shows("StatusText")) == ("active", "1 engine ready (tone)")


def processes() -> list[int]:
    """Every process that is ours: the server and its workers."""
    ours = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == b"/usr/bin/ishowtts" or b"ishowtts_worker" in words:
                ours.append(int(entry.name))
    return ours


def speak(connection: http.client.HTTPConnection) -> None:
    """One request, whose answer has to be right to the last sample."""
    body = json.dumps({"text": TEXT, "format": "pcm", "engine_options": {"rtf": 0.05}})
    connection.request(
        "POST", "/api/tts", body, {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    )
    answer = connection.getresponse()
    audio = answer.read()
    assert answer.status == http.HTTPStatus.OK, f"{answer.status}: {audio[:300]!r}"
    assert len(audio) == 2 * SAMPLES, f"{len(audio)} bytes"


def describe() -> None:
    """What Home Assistant asks first."""
    with socket.create_connection(("127.0.0.1", WYOMING_PORT), timeout=60) as connection:
        connection.sendall(b'{"type": "describe"}\n')
        with connection.makefile("rb") as stream:
            header = json.loads(stream.readline())
            info = json.loads(stream.read(header["data_length"]))
    assert header["type"] == "info", header
    assert "walter" in [voice["name"] for voice in info["tts"][0]["voices"]], info


class Load:
    """Clients that ask one request after the other.

    Half of them keep their connections, half come anew each time.
    """

    def __init__(self, clients: int) -> None:
        self.over = threading.Event()
        self.done = 0
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self.ask, args=(index % 2 == 0,)) for index in range(clients)]

    def ask(self, keeps: bool) -> None:
        """One client, until it is over."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while not self.over.is_set():
            try:
                speak(connection)
                self.done += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection.close()
            if not keeps:
                connection.close()

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def reach(self, more: int) -> None:
        """Waits for so many further answers."""
        before = self.done
        eventually(f"{more} more answers", lambda: self.done >= before + more or self.failures)


def installed() -> None:
    """Install: both units are switched on, and the service says how it stands."""
    run("dpkg", "--force-confold", "--install", str(DEBS / "1.deb"))
    eventually("the service is up", is_up)
    assert run("systemctl", "is-enabled", UNIT, *SOCKETS).split() == ["enabled"] * 3
    assert shows("Result") == "success"
    print("   ", shows("StatusText"))
    speak(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))
    describe()
    assert [shows("ActiveState", unit) for unit in SOCKETS] == ["active"] * 2
    assert "as the service manager has it" not in run("journalctl", "-u", UNIT, "-o", "cat")


def confined() -> None:
    """The user and what it may do."""
    pid = main_pid()
    for process in processes():
        status = dict(
            re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
        )
        assert "0" not in status["Uid"].split(), "it runs as root"
        assert {int(status[key], 16) for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
    within = ("nsenter", "-t", str(pid), "-m", "--")
    for place in ("/etc/x", "/usr/bin/x", "/boot/x"):
        told = subprocess.run([*within, "touch", place], capture_output=True, text=True, check=False)
        assert "Read-only file system" in told.stderr, f"{place}: {told}"
    for place in ("/var/lib/ishowtts", "/var/cache/ishowtts", "/run/ishowtts"):
        run(*within, "touch", f"{place}/kept")
    assert run(*within, "ls", "/home") == ""
    groups = set(Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].splitlines()[0].split())
    for group in ("video", "render"):
        assert run("getent", "group", group).split(":")[2] in groups, f"it is not in {group}"


PROBE = """
import ctypes, os, pathlib
libc = ctypes.CDLL(None, use_errno=True)

def denied(number, *arguments):
    return libc.syscall(number, *arguments) < 0 and ctypes.get_errno() == 1

is_x86 = os.uname().machine == "x86_64"
LANDLOCK_CREATE_RULESET = 444
SECCOMP, MOUNT, UNSHARE = (317, 165, 272) if is_x86 else (277, 40, 97)
assert not denied(LANDLOCK_CREATE_RULESET, None, 0, 1), "Landlock"
assert not denied(SECCOMP, 2, 0, ctypes.byref(ctypes.c_uint(0x7FFF0000))), "seccomp"
assert denied(MOUNT, 0, 0, 0, 0, 0) and denied(UNSHARE, 0x10000000)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.nice(1)
__import__("mmap").mmap(-1, 4096, prot=7)
cgroups = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
own = next(line[3:] for line in cgroups if line.startswith("0::"))
for tree in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
    if os.path.isdir(tree + own):
        os.mkdir(tree + own + "/worker")
        break
print("all is as it should be")
"""


def allowed() -> None:
    """What workers need in order to lock themselves in, and what their engines need, is not forbidden."""
    script, probe = Path("/opt/test/probe.py"), Path("/etc/systemd/system/probe.service")
    script.write_text(PROBE)
    unit = Path("/lib/systemd/system/ishowtts.service").read_text()
    for was, now in (
        ("^ExecStart=.*", f"ExecStart=/usr/bin/python3 {script}"),
        ("^Type=.*", "Type=oneshot"),
        ("^User=.*", "User=probe"),
        ("^(WatchdogSec|Restart).*", ""),
        ("Directory=ishowtts$", "Directory=probe"),
    ):
        unit = re.sub(was, now, unit, flags=re.MULTILINE)
    probe.write_text(unit)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "probe.service", code=None)
    assert "all is as it should be" in (told := run("journalctl", "-u", "probe", "-o", "cat")), told
    probe.unlink()


def noted() -> None:
    """Each value is a field of the journal, and the kit for Prometheus stands where it should."""
    speak(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))

    def finished() -> list[str]:
        """Entries of requests, newest last."""
        fields = ("MESSAGE=Request finished", "ISHOWTTS_OUTCOME=ok", "SYSLOG_IDENTIFIER=ishowtts")
        return run("journalctl", "-u", UNIT, "-o", "json", "--no-pager", *fields).splitlines()

    eventually("the request is in the journal", finished)
    entry = json.loads(finished()[-1])
    assert (entry["ISHOWTTS_ENGINE"], entry["PRIORITY"]) == ("tone", "6"), entry
    assert float(entry["ISHOWTTS_ELAPSED_MS"]) > 0, entry
    assert run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager", "ISHOWTTS_WORKER=tone/0")
    for file in (
        "prometheus.yml",
        "prometheus/records.yml",
        "prometheus/alerts.yml",
        "grafana/ishowtts.json",
    ):
        assert (Path("/usr/share/ishowtts") / file).is_file(), file


def killed() -> None:
    """A server that is killed: it comes again, and its workers do not outlive it."""
    before = set(processes())
    os.kill(main_pid(), signal.SIGKILL)
    eventually("it was started anew", lambda: shows("NRestarts") == "1" and is_up())
    eventually("nothing of before is left", lambda: not before & set(processes()))


def watched() -> None:
    """A server that stands still is ended by the watchdog, and started anew."""
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("[Service]\nWatchdogSec=2\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)
    eventually("the service is up", is_up)
    pid = main_pid()
    # It lives longer than the watchdog allows for, since it is fed.
    time.sleep(3)
    assert (main_pid(), shows("NRestarts")) == (pid, "0")
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    eventually("it was started anew", lambda: shows("NRestarts") == "1" and is_up())
    assert main_pid() != pid
    assert "Watchdog timeout" in run("journalctl", "-u", UNIT, "-o", "cat")
    print(f"    up again {time.monotonic() - began:.1f} s after it stood still")
    DROP_IN.unlink()
    run("systemctl", "daemon-reload")


def reloaded() -> None:
    """A reload changes neither the process nor whether it answers."""
    pid = main_pid()
    run("systemctl", "reload", UNIT)
    eventually("the reload is over", is_up)
    assert main_pid() == pid
    speak(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))


def restarted() -> None:
    """Restarts and an upgrade under load: nobody is refused, and no request fails."""
    with Load(8) as load:
        load.reach(50)
        for _ in range(3):
            before = main_pid()
            run("systemctl", "restart", UNIT)
            assert main_pid() not in (0, before)
            load.reach(50)
        before = main_pid()
        run("dpkg", "--force-confold", "--install", str(DEBS / "2.deb"))
        eventually("the upgrade is up", lambda: main_pid() not in (0, before) and is_up())
        load.reach(50)
    assert run("dpkg-query", "-W", "-f", "${Version}", "ishowtts").endswith("-2")
    assert not load.failures, f"{len(load.failures)} of {load.done} failed: {load.failures[:5]}"
    print(f"    {load.done} requests, none refused, none failed")
    assert Path("/var/lib/ishowtts/kept").exists(), "what lies in the state directory survives"


def told() -> None:
    """The status line names an engine that does not start."""
    written = CONFIG.read_text()
    CONFIG.write_text(f'{written}\n[engines.piper]\nenabled = true\npython = "/bin/false"\n')
    run("systemctl", "restart", UNIT)
    eventually("both workers are up", lambda: shows("StatusText").startswith("1 engine ready (tone);"))
    assert re.search(r"; piper failed: /bin/false .*$", shows("StatusText")), shows("StatusText")
    print("   ", shows("StatusText"))
    CONFIG.write_text("[server]\nlisten = 1\n")
    run("systemctl", "restart", UNIT, code=1)
    assert (shows("Result"), shows("NRestarts")) == ("exit-code", "0"), (
        "a wrong configuration is not tried again"
    )
    CONFIG.write_text(written)
    run("systemctl", "restart", UNIT)


def stopped() -> None:
    """The end leaves nobody; while the socket unit is there, a request starts the service."""
    run("systemctl", "stop", UNIT)
    assert processes() == []
    speak(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))
    run("systemctl", "stop", UNIT)
    describe()
    run("systemctl", "stop", *SOCKETS, UNIT)
    assert processes() == []
    assert not Path("/run/ishowtts").exists()
    try:
        http.client.HTTPConnection("127.0.0.1", PORT, timeout=5).connect()
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("somebody listens")
    # Without the socket unit it listens by itself.
    run("systemctl", "start", UNIT)
    speak(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))
    describe()


def removed() -> None:
    """Remove keeps what is the administrator's, purge what is nobody's."""
    run("dpkg", "--remove", "ishowtts")
    assert processes() == []
    assert not Path("/usr/bin/ishowtts").exists()
    assert CONFIG.exists() and Path("/var/lib/private/ishowtts/kept").exists()
    run("dpkg", "--purge", "ishowtts")
    for place in (
        "/var/lib/ishowtts",
        "/var/lib/private/ishowtts",
        "/var/cache/private/ishowtts",
        "/etc/ishowtts",
    ):
        assert not Path(place).exists(), place
    assert run("systemctl", "list-unit-files", "ishowtts*", "--no-legend", code=None) == ""


def main() -> None:
    """Everything, or what is named."""
    checks = [installed, confined, allowed, noted, killed]
    checks += [watched, reloaded, restarted, told, stopped, removed]
    chosen = sys.argv[1:] or [check.__name__ for check in checks]
    for check in checks:
        if check.__name__ in chosen:
            began = time.monotonic()
            print(f"-- {check.__name__}: {check.__doc__}")
            check()
            print(f"    {time.monotonic() - began:.1f} s")


main()
