"""The runtime, seen from the supervisor, with the engine tone."""

import socket
import time

import pytest

from harness import load, worker
from ishowtts_worker.protocol import (
    Audio,
    Bye,
    Cancelled,
    CancelSynthesis,
    Done,
    Failure,
    Hello,
    Pause,
    Paused,
    Ping,
    Pong,
    Progress,
    Ready,
    Resume,
    Shutdown,
    Synthesize,
)

# An hour of work: a test that waits for it has failed.
SLOW = {"rtf": 1000, "chunk_ms": 10}


def test_a_worker_says_hello_loads_warms_up_and_is_ready() -> None:
    with worker() as (supervisor, _):
        hello = supervisor.expect(Hello)
        assert (hello.protocol, hello.engine) == (1, "tone")
        supervisor.send(load())
        stages = []
        while isinstance(message := supervisor.receive(), Progress):
            stages.append((message.stage, message.fraction))
        assert stages == sorted(stages) and stages[0] == ("loading", 0.0) and stages[-1] == ("warming", 1.0)
        assert isinstance(message, Ready)
        assert (message.sample_rate, message.max_batch, message.repeatable) == (24000, 1, True)
        assert [voice.id for voice in message.voices] == ["tone"]
        assert message.languages == ["en", "zh"]
        assert message.warmup.audio_ms == 80 * message.warmup.characters
        assert message.memory.rss_bytes > 1_000_000


def test_a_synthesis_gives_its_audio_in_chunks_and_then_done() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(7, "hello"))
        sizes = []
        while isinstance(message := supervisor.receive(), Audio):
            assert message.id == 7
            sizes.append(message.payload_bytes)
        assert sizes == [9600, 9600]
        assert isinstance(message, Done)
        assert (message.id, message.samples, message.skipped) == (7, 9600, 0)
        assert 0 <= message.timings.first_chunk_ms <= message.timings.total_ms


def test_two_that_are_asked_at_once_are_spoken_in_turn_each_its_own() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        alone, _ = supervisor.say(1, "one text")
        supervisor.send(Synthesize(2, "another text"), Synthesize(3, "one text"))
        first, _ = supervisor.speech(2)
        second, _ = supervisor.speech(3)
        assert second == alone and first != second


def test_no_payload_is_larger_than_the_wire_allows() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready(chunk_ms=5000)
        pcm, _ = supervisor.say(1, "x" * 200)
        assert len(pcm) == 200 * 1920 * 2


def test_a_cancel_ends_a_running_synthesis_once() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(7, "hello", options=SLOW), CancelSynthesis(7), CancelSynthesis(7))
        _, ending = supervisor.speech(7)
        assert ending == Cancelled(7)
        assert isinstance(supervisor.say(8, "next")[1], Done)


def test_a_cancel_midway_ends_it_after_what_was_sent() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(7, "x" * 1000, options={"rtf": 0.001, "chunk_ms": 1}))
        supervisor.expect(Audio)
        supervisor.send(CancelSynthesis(7))
        pcm, ending = supervisor.speech(7)
        assert ending == Cancelled(7) and len(pcm) < 1000 * 1920 * 2


def test_a_cancel_reaches_a_synthesis_that_still_waits() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "hello", options=SLOW), Synthesize(2, "hello"))
        supervisor.send(CancelSynthesis(2), CancelSynthesis(1))
        # The one that waits has no chunk to finish: it ends first.
        assert supervisor.speech(2) == (b"", Cancelled(2))
        assert supervisor.speech(1)[1] == Cancelled(1)


def test_a_cancel_of_an_unknown_id_is_ignored() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(CancelSynthesis(99))
        assert isinstance(supervisor.say(1, "hello")[1], Done)


def test_a_ping_is_answered_while_a_synthesis_runs() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "hello", options=SLOW))
        for nonce in (42, 43):
            time.sleep(0.02)  # so that it waits for its chunk's time
            supervisor.send(Ping(nonce))
            pong = supervisor.expect(Pong)
            assert (pong.nonce, pong.device_bytes, pong.recompiles) == (nonce, 0, 0) and pong.rss_bytes > 0


def test_a_ping_is_answered_between_two_chunks() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "x" * 300, options={"chunk_ms": 1}))
        supervisor.expect(Audio)
        supervisor.send(Ping(42))
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert isinstance(message, Pong)
        assert isinstance(supervisor.speech(1)[1], Done)


def test_a_pause_holds_a_running_synthesis_until_resume() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "x" * 500, options={"rtf": 0.001, "chunk_ms": 10}), Pause())
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert message == Paused()
        supervisor.send(Ping(1))
        supervisor.expect(Pong)  # and no audio before it
        supervisor.send(Resume())
        assert isinstance(supervisor.speech(1)[1], Done)


def test_a_pause_of_an_idle_worker_is_told_at_once_and_holds_what_comes() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        supervisor.send(Pause())
        supervisor.expect(Paused)
        supervisor.send(Synthesize(1, "hello"), Ping(1))
        supervisor.expect(Pong)
        supervisor.send(Resume())
        assert isinstance(supervisor.speech(1)[1], Done)


def test_each_pause_is_told_once() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        for _ in range(3):
            supervisor.send(Pause())
            supervisor.expect(Paused)
            supervisor.send(Resume())
        assert isinstance(supervisor.say(1, "hello")[1], Done)


@pytest.mark.parametrize("running", [True, False], ids=["running", "waiting"])
def test_a_cancel_is_answered_during_a_pause(running: bool) -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        synthesis = Synthesize(1, "x" * 1000, options={"rtf": 0.001, "chunk_ms": 1})
        if running:
            supervisor.send(synthesis)
            supervisor.expect(Audio)
        supervisor.send(Pause())
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert message == Paused()
        if not running:
            supervisor.send(synthesis)
        supervisor.send(CancelSynthesis(1))
        assert supervisor.speech(1) == (b"", Cancelled(1))


def test_a_shutdown_cancels_what_runs_and_waits_and_says_bye() -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "hello", options=SLOW), Ping(1))
        supervisor.expect(Pong)
        supervisor.send(Synthesize(2, "hello"), Synthesize(3, "hello", more=True), Shutdown(30_000))
        endings = [supervisor.expect(Cancelled).id for _ in range(3)]
        assert sorted(endings) == [1, 2, 3]
        assert supervisor.expect(Bye) == Bye("shutdown")
        assert ended.wait() == 0
        assert supervisor.receive() is None


def test_a_shutdown_between_two_chunks_cancels_what_was_not_sent() -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "x" * 1000, options={"rtf": 0.001, "chunk_ms": 1}))
        supervisor.expect(Audio)
        supervisor.send(Shutdown(30_000))
        assert supervisor.speech(1)[1] == Cancelled(1)
        assert supervisor.expect(Bye) == Bye("shutdown")
        assert ended.wait() == 0


def test_a_shutdown_ends_a_pause() -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "x" * 1000, options={"rtf": 0.001, "chunk_ms": 1}))
        supervisor.expect(Audio)
        supervisor.send(Pause())
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert message == Paused()
        supervisor.send(Synthesize(2, "hello"), Shutdown(30_000))
        assert sorted(supervisor.expect(Cancelled).id for _ in range(2)) == [1, 2]
        assert supervisor.expect(Bye) == Bye("shutdown")
        assert ended.wait() == 0


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_worker_leaves_when_its_supervisor_is_gone(busy: bool) -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        if busy:
            supervisor.send(Synthesize(1, "hello", options=SLOW))
        supervisor.socket.shutdown(socket.SHUT_WR)
        assert ended.wait() == 0


@pytest.mark.parametrize("running", [True, False], ids=["running", "waiting"])
def test_a_worker_leaves_when_its_supervisor_is_gone_during_a_pause(running: bool) -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        if running:
            supervisor.send(Synthesize(2, "x" * 1000, options={"rtf": 0.001, "chunk_ms": 1}))
            supervisor.expect(Audio)
        supervisor.send(Pause(), Synthesize(1, "hello"))
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert message == Paused()
        supervisor.socket.shutdown(socket.SHUT_WR)
        assert ended.wait() == 0


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"options": {"rtf": -1}}, "bad_option", "rtf"),
        ({"options": {"rtf": "fast"}}, "bad_option", "rtf"),
        ({"options": {"volume": 1}}, "bad_option", "volume"),
        ({"speed": 100.0}, "bad_option", "speed"),
        ({"speed": float("nan")}, "bad_option", "speed"),
        ({"voice": "nobody"}, "unknown_voice", "voice"),
        ({"text": " \n"}, "nothing_to_speak", "text"),
    ],
)
def test_a_bad_request_fails_alone(fields: dict[str, object], code: str, param: str) -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        pcm, ending = supervisor.say(1, **{"text": "hello", **fields})  # type: ignore[arg-type]
        assert isinstance(ending, Failure) and pcm == b""
        assert (ending.code, ending.param, ending.fatal) == (code, param, False)
        assert isinstance(supervisor.say(2, "hello")[1], Done)


def test_an_option_counts_for_its_request_only() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready(chunk_ms=100)
        supervisor.send(Synthesize(1, "hello", options={"chunk_ms": 400}), Synthesize(2, "hello"))
        first, second = ([], [])  # type: ignore[var-annotated]
        for sizes in (first, second):
            while isinstance(message := supervisor.receive(), Audio):
                sizes.append(message.payload_bytes)
        assert (first, second) == ([19200], [4800] * 4)


def test_more_is_no_matter_to_an_engine_that_takes_one_at_a_time() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        assert isinstance(supervisor.say(1, "hello", more=True)[1], Done)


@pytest.mark.parametrize(
    ("settings", "param", "complaint"),
    [
        ({"loudness": 1}, "loudness", "unknown key 'loudness'; allowed: rtf, fixed_ms, chunk_ms"),
        ({"rtf": True}, "rtf", "rtf must be a number between 0 and 1000, not True"),
        ({"chunk_ms": 0}, "chunk_ms", "chunk_ms must be a number between 1 and 5000, not 0"),
    ],
)
def test_bad_settings_end_the_worker_and_name_the_key(
    settings: dict[str, object], param: str, complaint: str
) -> None:
    with worker() as (supervisor, ended):
        supervisor.expect(Hello)
        supervisor.send(load(**settings))  # type: ignore[arg-type]
        supervisor.expect(Progress)
        failure = supervisor.expect(Failure)
        assert (failure.id, failure.code, failure.param, failure.fatal) == (None, "bad_settings", param, True)
        assert failure.message == complaint
        assert ended.wait() == 1


def test_an_unknown_engine_is_told_with_those_that_exist() -> None:
    with worker("nonesuch") as (supervisor, ended):
        supervisor.expect(Hello)
        supervisor.send(load("nonesuch"))
        supervisor.expect(Progress)
        failure = supervisor.expect(Failure)
        assert failure.code == "load_failed" and "tone" in failure.message
        assert ended.wait() == 1


@pytest.mark.parametrize(
    "line",
    [b"garbage\n", b'{"type":"dance"}\n', b'{"type":"synthesize","id":1}\n', b'{"type":"load"', b"\xff\n"],
    ids=["garbage", "unknown", "incomplete", "cut", "not utf-8"],
)
def test_a_violation_is_told_and_ends_the_worker(line: bytes) -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.socket.sendall(line)
        supervisor.socket.shutdown(socket.SHUT_WR)
        failure = supervisor.expect(Failure)
        assert (failure.id, failure.code, failure.fatal) == (None, "protocol", True)
        assert ended.wait() == 2


@pytest.mark.parametrize("options", [SLOW, {"rtf": 0.001, "chunk_ms": 1}], ids=["waiting", "speaking"])
def test_a_violation_midway_is_the_last_thing_that_is_told(options: dict[str, float]) -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "x" * 1000, options=options), Ping(1))
        supervisor.expect(Pong)
        supervisor.socket.sendall(b"garbage\n")
        while isinstance(message := supervisor.receive(), Audio):
            pass
        assert isinstance(message, Failure) and (message.id, message.code) == (None, "protocol")
        assert ended.wait() == 2
        assert supervisor.receive() is None


def test_what_waits_is_spoken_in_the_order_in_which_it_came() -> None:
    with worker() as (supervisor, _):
        supervisor.get_ready()
        # The first one takes a while, so that the others come one by one while it runs.
        supervisor.send(Synthesize(1, "hello", options={"fixed_ms": 200}))
        for number in (2, 3, 4):
            time.sleep(0.01)
            supervisor.send(Synthesize(number, "x" * number))
        for number in (1, 2, 3, 4):
            assert isinstance(supervisor.speech(number)[1], Done)


def test_the_same_id_twice_at_once_is_a_violation() -> None:
    with worker() as (supervisor, ended):
        supervisor.get_ready()
        supervisor.send(Synthesize(1, "hello", options=SLOW), Synthesize(1, "hello"))
        assert supervisor.expect(Failure).code == "protocol"
        assert ended.wait() == 2


def test_a_synthesis_before_load_is_a_violation() -> None:
    with worker() as (supervisor, ended):
        supervisor.expect(Hello)
        supervisor.send(Synthesize(1, "hello"))
        assert supervisor.expect(Failure).code == "protocol"
        assert ended.wait() == 2
