"""The worker as the supervisor starts it: a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from harness import PATIENCE, SOURCE, process
from ishowtts_worker.protocol import Bye, Done, Shutdown, Synthesize


def test_a_process_lives_from_hello_to_bye(tmp_path: Path) -> None:
    with process(tmp_path) as (supervisor, child):
        supervisor.get_ready()
        assert isinstance(supervisor.say(1, "hello")[1], Done)
        supervisor.send(Shutdown(30_000))
        supervisor.expect(Bye)
        assert child.wait(PATIENCE) == 0


def test_a_process_ends_with_its_supervisor_even_in_the_middle_of_work(tmp_path: Path) -> None:
    with process(tmp_path) as (supervisor, child):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "hello", options={"rtf": 1000}))
        supervisor.socket.close()
        assert child.wait(PATIENCE) == 0


def test_a_violation_ends_the_process_with_its_own_code_and_is_logged_as_json(tmp_path: Path) -> None:
    with process(tmp_path) as (supervisor, child):
        supervisor.get_ready()
        supervisor.socket.sendall(b"garbage\n")
        assert child.wait(PATIENCE) == 2
        assert child.stderr is not None
        (record,) = map(json.loads, child.stderr)
        assert (record["level"], record["logger"]) == ("error", "ishowtts_worker.inbox")
        assert "not JSON" in record["message"]


def test_a_worker_without_a_supervisor_says_so(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ishowtts_worker",
        "--socket",
        str(tmp_path / "none"),
        "--engine",
        "tone",
    ]
    child = subprocess.run(
        command, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, timeout=PATIENCE, check=False
    )
    assert child.returncode == 1
    assert "Could not connect to the supervisor" in json.loads(child.stderr)["message"]


def test_the_worker_and_tone_need_the_standard_library_only(tmp_path: Path) -> None:
    code = "import ishowtts_worker.runtime, ishowtts_worker.engines.tone, sys; print('numpy' in sys.modules)"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    assert child.stdout == b"False\n"
