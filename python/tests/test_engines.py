"""What the runtime makes of engines that misbehave, and of those that take several texts at once."""

import sys
import time
from textwrap import dedent, indent

from conftest import AddEngine
from harness import Supervisor, load, worker
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
    Resume,
    Shutdown,
    Synthesize,
)


def variant(methods: str) -> str:
    """An engine that is tone but for these methods."""
    head = """\
        import time
        from dataclasses import replace
        from ishowtts_worker.errors import DeviceFault, NothingToSpeak
        from ishowtts_worker.engines.tone import ToneEngine

        class ENGINE(ToneEngine):
    """
    return dedent(head) + indent(dedent(methods), "    ")


TROUBLED = variant("""
    def speak(self, plan, cancel):
        yield from super().speak(plan, cancel)
        if plan.samples == 1 * 1920:
            raise ValueError("a strange text")
        if plan.samples == 2 * 1920:
            raise MemoryError("far too much")
        if plan.samples == 3 * 1920:
            raise DeviceFault("the device fell off the bus")
""")


def test_an_exception_ends_only_its_synthesis(add_engine: AddEngine) -> None:
    add_engine("troubled", TROUBLED)
    with worker("troubled") as (supervisor, _):
        supervisor.get_ready("troubled")
        ending = supervisor.say(1, "x")[1]
        assert isinstance(ending, Failure)
        assert (ending.code, ending.fatal) == ("engine_error", False)
        assert ending.message == "the engine failed at this text: ValueError: a strange text"
        ending = supervisor.say(2, "xx")[1]
        assert isinstance(ending, Failure) and (ending.code, ending.fatal) == ("out_of_memory", False)
        assert isinstance(supervisor.say(3, "hello")[1], Done)


def test_a_device_fault_ends_the_worker(add_engine: AddEngine) -> None:
    add_engine("troubled", TROUBLED)
    with worker("troubled") as (supervisor, ended):
        supervisor.get_ready("troubled")
        ending = supervisor.say(1, "xxx")[1]
        assert isinstance(ending, Failure) and (ending.code, ending.fatal) == ("device_fault", True)
        assert supervisor.receive() is None
        assert ended.wait() == 1


def fatal_start(engine: str, **settings: object) -> Failure:
    """How the start of this engine fails."""
    with worker(engine) as (supervisor, ended):
        supervisor.expect(Hello)
        supervisor.send(load(engine, **settings))  # type: ignore[arg-type]
        while isinstance(message := supervisor.receive(), Progress):
            pass
        assert isinstance(message, Failure) and message.id is None and message.fatal
        assert ended.wait() == 1
        return message


def test_an_engine_that_gives_silence_is_not_ready(add_engine: AddEngine) -> None:
    silence = """
        def speak(self, plan, cancel):
            yield bytes(2 * plan.samples)
    """
    add_engine("silent", variant(silence))
    assert fatal_start("silent").code == "silent_probe"


def test_a_missing_package_is_named_with_what_mends_it(add_engine: AddEngine) -> None:
    add_engine("needy", "import a_package_that_nobody_wrote")
    failure = fatal_start("needy")
    assert failure.code == "missing_dependency"
    assert (
        "'a_package_that_nobody_wrote'" in failure.message
        and "ishowtts setup --engine needy" in failure.message
    )


def test_a_load_that_raises_is_told(add_engine: AddEngine) -> None:
    add_engine("broken", "ENGINE = 1 / 0")
    failure = fatal_start("broken")
    assert failure.code == "load_failed" and "division by zero" in failure.message


def test_an_engine_that_refuses_its_warm_up_is_not_ready(add_engine: AddEngine) -> None:
    refusing = """
        def prepare(self, request):
            raise NothingToSpeak("no text is good enough")
    """
    add_engine("refusing", variant(refusing))
    failure = fatal_start("refusing")
    assert failure.code == "load_failed" and "no text is good enough" in failure.message


def test_a_ping_that_the_engine_cannot_answer_ends_the_worker(add_engine: AddEngine) -> None:
    lost = """
        def recompiles(self):
            raise RuntimeError("the device is gone")
    """
    add_engine("lost", variant(lost))
    with worker("lost") as (supervisor, ended):
        supervisor.get_ready("lost")
        supervisor.send(Ping(1))
        assert ended.wait() == 1


# It computes for ever between two chunks, and looks at its cancel meanwhile.
COMPUTING = variant("""
    def speak(self, plan, cancel):
        yield from super().speak(plan, cancel)
        while plan.samples == 1920 and not cancel.requested:
            pass
""")


def test_an_engine_that_looks_at_its_cancel_hears_all_that_comes_while_it_computes(
    add_engine: AddEngine,
) -> None:
    add_engine("computing", COMPUTING)
    with worker("computing") as (supervisor, ended):
        supervisor.get_ready("computing")
        supervisor.send(Synthesize(1, "x"))
        supervisor.expect(Audio)
        supervisor.send(Ping(42))
        assert supervisor.expect(Pong).nonce == 42
        supervisor.send(Synthesize(2, "hello"), CancelSynthesis(2), CancelSynthesis(1))
        assert [supervisor.expect(Cancelled).id for _ in range(2)] == [2, 1]
        supervisor.send(Synthesize(3, "x"))
        supervisor.expect(Audio)
        supervisor.send(Shutdown(30_000))
        supervisor.expect(Cancelled)
        supervisor.expect(Bye)
        assert ended.wait() == 0


def test_an_engine_that_looks_at_its_cancel_ends_with_its_supervisor(add_engine: AddEngine) -> None:
    add_engine("computing", COMPUTING)
    with worker("computing") as (supervisor, ended):
        supervisor.get_ready("computing")
        supervisor.send(Synthesize(1, "x"))
        supervisor.expect(Audio)
        supervisor.socket.close()
        assert ended.wait() == 0


BATCHED = variant("""
    launches = []

    def __init__(self, settings, device):
        super().__init__(settings, device)
        self.info = replace(self.info, max_batch=3)

    def speak_together(self, plans, cancels):
        self.launches.append([plan.samples // 1920 for plan in plans])
        running = {at: self.speak(plan, cancel) for at, (plan, cancel) in enumerate(zip(plans, cancels))}
        while running:
            for at in list(running):
                chunk = next(running[at], None)
                if chunk is None:
                    del running[at]
                yield at, chunk
""")


def launches() -> list[list[int]]:
    found: list[list[int]] = sys.modules["ishowtts_worker.engines.batched"].ENGINE.launches
    return found


def test_requests_with_more_share_one_launch_and_keep_their_own_audio(add_engine: AddEngine) -> None:
    add_engine("batched", BATCHED)
    with worker("batched") as (supervisor, _):
        supervisor.get_ready("batched")
        alone = {text: supervisor.say(at, text)[0] for at, text in enumerate(("short", "a longer one"))}
        del launches()[:]
        supervisor.send(Synthesize(7, "short", more=True), Synthesize(8, "a longer one"))
        pcm, order = {7: b"", 8: b""}, []
        endings: list[int] = []
        while len(endings) < 2:
            message = supervisor.receive()
            assert isinstance(message, Audio | Done)
            if isinstance(message, Audio):
                pcm[message.id] += supervisor.payload
                order.append(message.id)
            else:
                endings.append(message.id)
        assert endings == [7, 8] and order[:4] == [7, 8, 7, 8]
        assert (pcm[7], pcm[8]) == (alone["short"], alone["a longer one"])
        assert launches() == [[5, 12]]


def test_one_of_a_launch_can_fail_or_be_cancelled_alone(add_engine: AddEngine) -> None:
    add_engine("batched", BATCHED)
    with worker("batched") as (supervisor, _):
        supervisor.get_ready("batched")
        slow = {"rtf": 1000, "chunk_ms": 10}
        supervisor.send(Synthesize(1, "one", more=True), Synthesize(2, " ", more=True))
        supervisor.send(Synthesize(3, "three", options=slow), CancelSynthesis(3))
        endings: dict[int, str] = {}
        while len(endings) < 3:
            message = supervisor.receive()
            if not isinstance(message, Audio):
                assert isinstance(message, Done | Failure | Cancelled) and message.id is not None
                endings[message.id] = message.type
        assert endings == {1: "done", 2: "error", 3: "cancelled"}


def test_a_launch_is_never_larger_than_the_engine_takes(add_engine: AddEngine) -> None:
    add_engine("batched", BATCHED)
    with worker("batched") as (supervisor, _):
        supervisor.get_ready("batched")
        del launches()[:]
        supervisor.send(*(Synthesize(at, "x" * at, more=at < 4) for at in (1, 2, 3, 4)))
        done = 0
        while done < 4:
            done += isinstance(supervisor.receive(), Done)
        assert launches() == [[1, 2, 3], [4]]


# A device of its own takes one launch after the other, and tells what it was given and handed over.
AHEAD = variant("""
    happened = []

    def __init__(self, settings, device):
        super().__init__(settings, device)
        self.info = replace(self.info, max_batch=2, ahead=True)
        self.free_at = 0.0

    def speak_together(self, plans, cancels):
        sizes = [plan.samples // 1920 for plan in plans]
        self.happened.append(("given", sizes))
        done = self.free_at = max(self.free_at, time.monotonic()) + plans[0].settings.fixed_ms / 1000
        while time.monotonic() < done:
            yield None
        if 13 in sizes:
            raise ValueError("no")
        self.happened.append(("handed over", sizes))
        for at, plan in enumerate(plans):
            if not cancels[at].requested:
                yield at, bytes(2 * plan.samples)

    def speak(self, plan, cancel):
        for item in self.speak_together([plan], [cancel]):
            if item is not None:
                yield b"\\x00\\x10" * plan.samples
""")


def happened() -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = sys.modules["ishowtts_worker.engines.ahead"].ENGINE.happened
    return found


def endings(supervisor: Supervisor, count: int) -> list[tuple[str, int | None]]:
    """How the next syntheses end, in order."""
    told: list[tuple[str, int | None]] = []
    while len(told) < count:
        message = supervisor.receive()
        assert isinstance(message, Audio | Done | Failure | Cancelled), message
        if not isinstance(message, Audio):
            told.append((message.type, message.id))
    return told


LONG = {"fixed_ms": 300}


def test_the_next_launch_begins_while_one_is_computed_and_is_handed_over_after_it(
    add_engine: AddEngine,
) -> None:
    add_engine("ahead", AHEAD)
    with worker("ahead") as (supervisor, _):
        assert supervisor.get_ready("ahead").ahead
        del happened()[:]
        supervisor.send(Synthesize(1, "x", options=LONG, more=True), Synthesize(2, "xx", options=LONG))
        supervisor.send(Synthesize(3, "xxx", options=LONG, more=True), Synthesize(4, "xxxx", options=LONG))
        supervisor.send(Synthesize(5, "xxxxx", options=LONG))
        assert endings(supervisor, 5) == [("done", number) for number in (1, 2, 3, 4, 5)]
        assert happened() == [
            ("given", [1, 2]),
            ("given", [3, 4]),
            ("handed over", [1, 2]),
            ("given", [5]),
            ("handed over", [3, 4]),
            ("handed over", [5]),
        ]


def test_half_a_launch_does_not_begin_and_what_it_waited_does_not_count(add_engine: AddEngine) -> None:
    add_engine("ahead", AHEAD)
    with worker("ahead") as (supervisor, _):
        supervisor.get_ready("ahead")
        del happened()[:]
        supervisor.send(Synthesize(1, "x", options=LONG), Synthesize(2, "xx", options=LONG, more=True))
        assert endings(supervisor, 1) == [("done", 1)]
        supervisor.send(Synthesize(3, "xxx", options=LONG))
        done = [message for message in iter(supervisor.receive, None) if isinstance(message, Done)][:1]
        assert done[0].id == 2
        assert [what for what, _ in happened()] == ["given", "handed over", "given", "handed over"]


def test_a_launch_that_begins_ahead_can_fail_or_be_cancelled_alone(add_engine: AddEngine) -> None:
    add_engine("ahead", AHEAD)
    with worker("ahead") as (supervisor, ended):
        supervisor.get_ready("ahead")
        # The second is refused before it begins, the third fails, and the fourth is not wanted any more.
        supervisor.send(Synthesize(1, "x", options=LONG), Synthesize(2, " ", options=LONG))
        supervisor.send(Synthesize(3, "x" * 13, options=LONG), Synthesize(4, "xx", options=LONG))
        supervisor.send(Synthesize(5, "x", options=LONG))
        supervisor.send(CancelSynthesis(4))
        told = endings(supervisor, 5)
        assert sorted(told) == [("cancelled", 4), ("done", 1), ("done", 5), ("error", 2), ("error", 3)]
        supervisor.send(Synthesize(6, "x", options=LONG), Synthesize(7, "xx", options=LONG), Ping(1))
        supervisor.expect(Pong)
        supervisor.send(Shutdown(30_000))
        assert sorted(endings(supervisor, 2)) == [("cancelled", 6), ("cancelled", 7)]
        supervisor.expect(Bye)
        assert ended.wait() == 0


def test_a_pause_waits_for_what_the_device_was_given(add_engine: AddEngine) -> None:
    add_engine("ahead", AHEAD)
    with worker("ahead") as (supervisor, _):
        supervisor.get_ready("ahead")
        del happened()[:]
        supervisor.send(Synthesize(1, "x", options=LONG), Synthesize(2, "xx", options=LONG))
        while ("given", [2]) not in happened():
            time.sleep(0.001)
        supervisor.send(Pause(), Synthesize(3, "xxx", options=LONG))
        told = []
        while not isinstance(message := supervisor.receive(), Paused):
            told.append(type(message))
        assert told == [Audio, Done, Audio]
        assert happened()[-1] == ("handed over", [2])
        supervisor.send(Resume())
        assert endings(supervisor, 2) == [("done", 2), ("done", 3)]
