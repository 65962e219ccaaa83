"""What an engine is: text in, chunks of audio out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from ..cancel import Cancel
from ..protocol import Load, OptionInfo, VoiceInfo, VoiceSpec
from ..protocol import Synthesize as Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Cancel",
    "Chunk",
    "Engine",
    "EngineInfo",
    "Load",
    "LoadProgress",
    "Plan",
    "Request",
    "VoiceInfo",
    "VoiceSpec",
]

Chunk: TypeAlias = "bytes | memoryview | NDArray[np.float32]"
"""Float samples in -1 to 1, one dimension; from an engine that is not levelled little-endian PCM16."""

LoadProgress = Callable[[float], None]
"""Told how much of the loading is done, 0 to 1."""


@dataclass(frozen=True)
class EngineInfo:
    """What a loaded engine says about itself.

    `sample_rate` in hertz. `voices`: the first one is the default. `max_batch`: how many requests one launch
    takes. `repeatable`: the same request and seed give the same samples. `tier` names what it computes with,
    such as onnxruntime. `levelled`: its chunks are float samples, which the runtime brings to the house's
    loudness; otherwise they are PCM16 and sent as they are. `reference`: the clause it is warmed up with; by
    default the one of its first language. `options`: what a request may have for options, as `table.told`
    tells it; None where only `prepare` knows. `ahead`: while one launch computes, the next one may begin.
    """

    sample_rate: int
    voices: Sequence[VoiceInfo]
    languages: Sequence[str]
    repeatable: bool
    device: str
    tier: str
    max_batch: int = 1
    levelled: bool = True
    reference: str | None = None
    options: Sequence[OptionInfo] | None = None
    ahead: bool = False


@dataclass(frozen=True)
class Plan:
    """A request that was checked and read; an engine adds what it needs to speak it.

    `skipped`: characters that it cannot read and leaves out, whitespace and punctuation not counted.
    """

    skipped: int


P = TypeVar("P", bound=Plan)


class Engine(ABC, Generic[P]):
    """A model, loaded. All its methods are called by one thread.

    `device_bytes` and `recompiles` are also called while `speak` runs: between its chunks, and from within it
    where it looks at its cancel.
    """

    info: EngineInfo

    @classmethod
    @abstractmethod
    def load(cls, order: Load, progress: LoadProgress) -> Engine[P]:
        """Make the engine that `order` asks for: its settings, device, threads and cloned voices.

        Raises BadSettings, MissingModel or another fatal WorkerError; any other exception is told as
        load_failed.
        """

    @abstractmethod
    def prepare(self, request: Request) -> Plan | P:
        """Check a request and read its text; quick, no model is run.

        Raises UnknownVoice, BadOption or NothingToSpeak.
        """

    @abstractmethod
    def speak(self, plan: P, cancel: Cancel) -> Iterator[Chunk]:
        """The audio of a plan, chunk after chunk, each as soon as it is there.

        The runtime hears the supervisor after each chunk and may drop the iterator then. An engine that
        computes for long between two chunks looks at `cancel.requested`, one that waits does so in
        `cancel.wait`, and both return when it is requested; pings are answered there too.
        """

    def speak_together(
        self, plans: Sequence[P], cancels: Sequence[Cancel]
    ) -> Iterator[tuple[int, Chunk | None] | None]:
        """Several plans in one launch: pairs of a plan's position and its next chunk, None at its end.

        In place of a pair, None: a device computes by itself, and the runtime may look at what the supervisor
        says. If the engine works ahead, it may begin the next launch then, and goes on with this one before
        it asks for more of that: so what the next one has to do waits on the device, and there is no gap.

        Whatever has not ended when this returns ends then, all together. There is one plan, or on an engine
        whose `max_batch` is above 1 up to so many. A plan whose cancel is requested may be ended early. This
        one speaks them one after the other, which is all that a single plan needs.
        """
        for position, (plan, cancel) in enumerate(zip(plans, cancels, strict=True)):
            for chunk in self.speak(plan, cancel):
                yield position, chunk
            yield position, None

    def device_bytes(self) -> int:
        """Memory held on the device, in bytes; 0 where that is the process's own."""
        return 0

    def recompiles(self) -> int:
        """How many kernels were compiled since the warm-up: more than none means that it missed a shape."""
        return 0
