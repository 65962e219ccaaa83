"""From loaded to ready: the engine speaks a few clauses, is timed, levelled, and heard."""

from __future__ import annotations

import importlib
import math
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from .cancel import Cancel
from .channel import Buffer
from .engines.base import Chunk, Engine, Plan, Request
from .errors import SilentProbe
from .protocol import Warmup

# The first clause of a language is its reference, timed for the supervisor's cost estimates.
_CLAUSES = {
    "en": (
        "The quick brown fox jumps over the lazy dog.",
        "It was raining when we left, so we took the early train home.",
        "Thank you very much, and see you on Monday!",
        "Could you tell me how much the blue one costs?",
    ),
    "ja": (
        "今日はとても良い天気ですね。",
        "駅はどこですか？",
        "ありがとうございます、また明日！",
        "この町には百万人が住んでいます。",
    ),
    "zh": (
        "今天天气很好，我们一起去公园散步。",
        "请问去火车站怎么走？",
        "谢谢大家的支持，我们下次再见！",
        "这个城市的人口超过了一千万。",
    ),
}
# Digits are read in every language.
_FALLBACK = ("1, 2, 3, 4, 5.", "10, 20, 30.")
_SILENCE_DB = -60.0

Level = Callable[[Any], Buffer]
"""Makes PCM16 of a chunk."""


@dataclass(frozen=True)
class Warm:
    """What the warm-up found: how to level this engine's chunks, and what the reference clause cost."""

    level: Level
    warmup: Warmup


def warm_up(engine: Engine[Any], progress: Callable[[float], None]) -> Warm:
    """Run every clause once, and the reference clause a second time, timed. Raises SilentProbe."""
    info = engine.info
    clauses = _clauses(info.languages[0], info.reference)
    spoken = []
    for number, clause in enumerate(clauses, start=1):
        spoken.append(_speak(engine, clause))
        progress(number / (len(clauses) + 1))
    level: Level = _levelling(spoken, info.sample_rate) if info.levelled else memoryview
    started = time.perf_counter()
    chunks = _speak(engine, clauses[0])
    elapsed = time.perf_counter() - started
    loudness = _loudness_db(chunks, info.levelled)
    if not loudness > _SILENCE_DB:  # nan is not greater either
        raise SilentProbe(
            f"the engine gave {loudness:.0f} dB of sound for {clauses[0]!r}, "
            f"{_SILENCE_DB:.0f} dB is the least; is its model whole, and does its device compute right?"
        )
    started = time.perf_counter()
    samples = sum(len(level(chunk)) // 2 for chunk in chunks)
    elapsed += time.perf_counter() - started
    progress(1.0)
    timed = Warmup(
        characters=len(clauses[0]),
        elapsed_ms=round(1000 * elapsed, 3),
        audio_ms=round(1000 * samples / info.sample_rate, 3),
    )
    return Warm(level, timed)


def _clauses(language: str, reference: str | None) -> Sequence[str]:
    if reference is not None:
        return (reference,)
    return _CLAUSES.get(language.split("-", maxsplit=1)[0], _FALLBACK)


def _speak(engine: Engine[Any], text: str) -> list[Chunk]:
    plan: Plan = engine.prepare(Request(id=0, text=text))
    return list(engine.speak(plan, Cancel()))


def _levelling(spoken: Sequence[Sequence[Chunk]], sample_rate: int) -> Level:
    # numpy belongs to the engines' environments; an engine that makes PCM itself, such as tone, runs without
    # it.
    audio = importlib.import_module("ishowtts_worker.audio")
    level: Level = audio.leveller(spoken, sample_rate)
    return level


def _loudness_db(chunks: Sequence[Chunk], levelled: bool) -> float:
    if levelled:
        audio = importlib.import_module("ishowtts_worker.audio")
        return float(audio.rms_db(audio.joined(chunks)))
    samples = array("h", b"".join(cast("Sequence[bytes]", chunks)))
    power = sum(one * one for one in samples) / max(1, len(samples)) / 32768**2
    return 10 * math.log10(power) if power else -math.inf
