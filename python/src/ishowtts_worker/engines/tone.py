"""The measuring stick: a tone in place of speech, with the standard library only, and the engine to copy.

The contract, which tests on both sides of the wire compute for themselves:

- 24 kHz; `floor(1920 * characters / speed)` samples: 80 ms a character, which is a Unicode code point.
- The frequency tells the text: a period has `24 + crc32(text as UTF-8) % 177` samples (1 kHz to 120 Hz),
  `round(4634 * sin(2 * pi * i / period))` for i from 0; 4634 is -20 dBFS RMS. The audio is that period over
  and over, from phase 0.
- Time: `fixed_ms`, then `rtf` seconds for each second of audio, slept before the chunk it belongs to.
"""

from __future__ import annotations

import functools
import math
import time
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from ..errors import NothingToSpeak, UnknownVoice
from ..table import Between, override, read_settings, told
from .base import Cancel, Engine, EngineInfo, Load, LoadProgress, Plan, Request, VoiceInfo

SAMPLE_RATE = 24_000
SAMPLES_PER_CHARACTER = SAMPLE_RATE * 80 // 1000
SHORTEST_PERIOD = 24
PERIODS = 177
AMPLITUDE = 4634


@dataclass(frozen=True)
class ToneSettings:
    """Each is a setting and, for one request, an option.

    `rtf`: seconds that a second of audio takes. `fixed_ms`: what a request takes beyond that. `chunk_ms`:
    audio in a chunk.
    """

    rtf: Annotated[float, Between(0, 1000)] = 0.0
    fixed_ms: Annotated[float, Between(0, 3_600_000)] = 0.0
    # 5 s is what a payload holds; there is one repeated buffer of a chunk's size for each period.
    chunk_ms: Annotated[float, Between(1, 5000)] = 200.0


_OPTIONS = ("rtf", "fixed_ms", "chunk_ms")


@dataclass(frozen=True)
class TonePlan(Plan):
    """How much of which tone."""

    period: int
    samples: int
    settings: ToneSettings


class ToneEngine(Engine[TonePlan]):
    """Speaks a tone."""

    def __init__(self, settings: ToneSettings, device: str) -> None:
        self._settings = settings
        self.info = EngineInfo(
            sample_rate=SAMPLE_RATE,
            voices=[VoiceInfo(id="tone", language="en", name="Tone")],
            languages=["en", "zh"],
            repeatable=True,
            device=device,
            tier="stdlib",
            levelled=False,
            options=told(ToneSettings, _OPTIONS),
        )

    @classmethod
    def load(cls, order: Load, progress: LoadProgress) -> ToneEngine:
        """Nothing to load but the settings."""
        engine = cls(read_settings(ToneSettings, order.settings), order.device)
        progress(1.0)
        return engine

    def prepare(self, request: Request) -> TonePlan:
        """Any text with something but whitespace in it can be spoken."""
        if request.voice not in (None, "tone"):
            raise UnknownVoice(f"unknown voice {request.voice!r}; this engine has 'tone'", param="voice")
        if not request.text or request.text.isspace():
            raise NothingToSpeak("the text is empty; write something to speak", param="text")
        return TonePlan(
            skipped=0,
            period=SHORTEST_PERIOD + zlib.crc32(request.text.encode(errors="surrogatepass")) % PERIODS,
            samples=int(len(request.text) * SAMPLES_PER_CHARACTER / request.speed),
            settings=override(self._settings, request.options, _OPTIONS),
        )

    def speak(self, plan: TonePlan, cancel: Cancel) -> Iterator[memoryview]:
        """Slices of one repeated period, nothing copied; each chunk when its time has come."""
        settings = plan.settings
        size = max(1, int(settings.chunk_ms * SAMPLE_RATE / 1000))
        tone = _tone(plan.period, size)
        paced = settings.rtf > 0 or settings.fixed_ms > 0
        begin = time.monotonic() if paced else 0.0
        for start in range(0, plan.samples, size):
            end = min(start + size, plan.samples)
            if paced:
                due = begin + settings.fixed_ms / 1000 + settings.rtf * end / SAMPLE_RATE
                if cancel.wait(max(0.0, due - time.monotonic())):
                    return
            phase = start % plan.period
            yield tone[2 * phase : 2 * (phase + end - start)]


@functools.lru_cache(maxsize=PERIODS)
def _tone(period: int, size: int) -> memoryview:
    """At least `size` samples from any phase of the period on."""
    once = array("h", (round(AMPLITUDE * math.sin(2 * math.pi * at / period)) for at in range(period)))
    return memoryview(once * (size // period + 2)).cast("B")


ENGINE = ToneEngine
