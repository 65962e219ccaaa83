"""The contract of the tone, computed again here from its description."""

import math
import zlib
from array import array

import pytest

from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.base import Request
from ishowtts_worker.engines.tone import ToneEngine, ToneSettings


def speak(text: str, speed: float = 1.0, **options: float) -> list[bytes]:
    engine = ToneEngine(ToneSettings(), "none")
    plan = engine.prepare(Request(1, text, speed=speed, options=dict(options)))
    return [bytes(chunk) for chunk in engine.speak(plan, Cancel())]


def expected(text: str, speed: float = 1.0) -> bytes:
    period = 24 + zlib.crc32(text.encode()) % 177
    samples = math.floor(1920 * len(text) / speed)
    return array(
        "h", (round(4634 * math.sin(2 * math.pi * (at % period) / period)) for at in range(samples))
    ).tobytes()


@pytest.mark.parametrize("text", ["a", "Hello, world.", "你好，世界。", "👍🏽", "e\u0301", "x" * 300])
@pytest.mark.parametrize("speed", [0.25, 1.0, 1.3, 4.0])
def test_the_samples_are_those_of_the_contract(text: str, speed: float) -> None:
    assert b"".join(speak(text, speed)) == expected(text, speed)


@pytest.mark.parametrize("chunk_ms", [1, 7.3, 200, 5000])
def test_the_samples_do_not_depend_on_the_chunks(chunk_ms: float) -> None:
    chunks = speak("some text or other", chunk_ms=chunk_ms)
    assert b"".join(chunks) == expected("some text or other")
    assert all(len(chunk) == 2 * int(24 * chunk_ms) for chunk in chunks[:-1])


def test_it_is_as_loud_as_the_house() -> None:
    samples = array("h", b"".join(speak("hello")))
    power = sum(one * one for one in samples) / len(samples) / 32768**2
    assert 10 * math.log10(power) == pytest.approx(-20, abs=0.1)


def test_different_texts_have_different_tones() -> None:
    texts = [f"text {number}" for number in range(20)]
    assert len({speak(text)[0] for text in texts}) > 15


def test_a_surrogate_alone_is_a_character_too() -> None:
    assert sum(map(len, speak("\ud800"))) == 2 * 1920


def test_it_takes_the_time_that_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    slept = []

    class Sleeper(Cancel):
        def wait(self, seconds: float) -> bool:
            nonlocal now
            slept.append(round(seconds, 6))
            now += seconds
            return False

    monkeypatch.setattr("ishowtts_worker.engines.tone.time.monotonic", lambda: now)
    engine = ToneEngine(ToneSettings(rtf=0.5, fixed_ms=50, chunk_ms=200), "none")
    list(engine.speak(engine.prepare(Request(1, "hello")), Sleeper()))
    assert slept == [0.15, 0.1]
