"""The wire, version 1: every message as a type, and the way between a type and its line.

Mirrors `workers/src/protocol/message.rs`; `workers/tests/golden/*.jsonl` freezes both. A message is one JSON
object on one line. One that has `payload_bytes` is followed, after its newline, by exactly so many raw bytes:
PCM, signed 16 bit, little-endian, mono.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, get_args

from .errors import ProtocolViolation
from .records import Reader, reader_of

PROTOCOL_VERSION = 1
MAX_LINE = 1 << 20
MAX_PAYLOAD = 1 << 18


@dataclass(frozen=True)
class VoiceSpec:
    """A cloned voice of the configuration: its reference audio, and what is said in it."""

    id: str
    language: str
    reference: str
    transcript: str


@dataclass(frozen=True)
class Load:
    """Load the engine on `device` with `threads`; `settings` is its own table of the configuration."""

    type: ClassVar[str] = "load"
    protocol: int
    engine: str
    replica: int
    device: str
    threads: int
    settings: dict[str, Any] = field(default_factory=dict)
    voices: list[VoiceSpec] = field(default_factory=list)


@dataclass(frozen=True)
class Phonemes:
    """The sounds of the characters `start` to `end` of a text, in the International Phonetic Alphabet."""

    start: int
    end: int
    ipa: str


@dataclass(frozen=True)
class Synthesize:
    """Speak one segment. No voice: the engine's default one. `more`: the next line joins the same launch.

    `phonemes`: words whose sounds are given, in order; an engine that takes none reads the text as it is.
    """

    type: ClassVar[str] = "synthesize"
    id: int
    text: str
    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    more: bool = False
    phonemes: list[Phonemes] = field(default_factory=list)


@dataclass(frozen=True)
class CancelSynthesis:
    """End this synthesis; an unknown id is ignored, since the two may cross on the wire."""

    type: ClassVar[str] = "cancel"
    id: int


@dataclass(frozen=True)
class Pause:
    """Leave the device alone from the next chunk boundary on, and say so with `paused`."""

    type: ClassVar[str] = "pause"


@dataclass(frozen=True)
class Resume:
    """Go on."""

    type: ClassVar[str] = "resume"


@dataclass(frozen=True)
class Ping:
    """Answer with a pong of the same nonce, at once."""

    type: ClassVar[str] = "ping"
    nonce: int


@dataclass(frozen=True)
class Shutdown:
    """Cancel what runs, say bye and leave within `grace_ms`."""

    type: ClassVar[str] = "shutdown"
    grace_ms: int


@dataclass(frozen=True)
class Hello:
    """The first message of a worker."""

    type: ClassVar[str] = "hello"
    protocol: int
    engine: str
    pid: int
    package: str
    python: str


@dataclass(frozen=True)
class Progress:
    """How far the start has come: `stage` is loading or warming, `fraction` 0 to 1."""

    type: ClassVar[str] = "progress"
    stage: str
    fraction: float


@dataclass(frozen=True)
class VoiceInfo:
    """A voice that the engine can speak with."""

    id: str
    language: str
    name: str


@dataclass(frozen=True)
class Warmup:
    """What the fixed reference clause cost, warm: it seeds the supervisor's cost estimates."""

    characters: int
    elapsed_ms: float
    audio_ms: float


@dataclass(frozen=True)
class Memory:
    """Memory held by the process, and on its device, in bytes."""

    rss_bytes: int
    device_bytes: int


@dataclass(frozen=True)
class OptionInfo:
    """An option of an engine: `kind` is number, integer, boolean or text; `many`: a list of such."""

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Ready:
    """Loaded, warm and proven audible. `sample_rate` in hertz; `tier` names what the engine computes with.

    `options`: what a synthesis may have for options; None: the engine does not tell.
    """

    type: ClassVar[str] = "ready"
    sample_rate: int
    voices: list[VoiceInfo]
    languages: list[str]
    max_batch: int
    repeatable: bool
    device: str
    tier: str
    warmup: Warmup
    memory: Memory
    options: list[OptionInfo] | None = None
    ahead: bool = False


@dataclass(frozen=True)
class Audio:
    """The next samples of a synthesis; the payload follows."""

    type: ClassVar[str] = "audio"
    id: int
    payload_bytes: int


@dataclass(frozen=True)
class Timings:
    """Milliseconds from the start of a synthesis to its first chunk and to its end."""

    first_chunk_ms: float
    total_ms: float


@dataclass(frozen=True)
class Done:
    """All of it was sent, `samples` in all; `skipped` characters could not be read and were left out."""

    type: ClassVar[str] = "done"
    id: int
    samples: int
    timings: Timings
    skipped: int


@dataclass(frozen=True)
class Failure:
    """A synthesis failed, or with a null id the worker. Fatal: the process ends now."""

    type: ClassVar[str] = "error"
    id: int | None
    code: str
    message: str
    param: str | None
    fatal: bool


@dataclass(frozen=True)
class Cancelled:
    """A synthesis ended because it was asked to."""

    type: ClassVar[str] = "cancelled"
    id: int


@dataclass(frozen=True)
class Paused:
    """The device is free until `resume`."""

    type: ClassVar[str] = "paused"


@dataclass(frozen=True)
class Pong:
    """The answer to a ping. `recompiles` counts kernels compiled since the worker was ready."""

    type: ClassVar[str] = "pong"
    nonce: int
    rss_bytes: int
    device_bytes: int
    recompiles: int


@dataclass(frozen=True)
class Bye:
    """The last message of a worker that leaves in order."""

    type: ClassVar[str] = "bye"
    reason: str


ToWorker = Load | Synthesize | CancelSynthesis | Pause | Resume | Ping | Shutdown
FromWorker = Hello | Progress | Ready | Audio | Done | Failure | Cancelled | Paused | Pong | Bye


def encode(message: ToWorker | FromWorker) -> bytes:
    """The message as its line, newline included."""
    record = {"type": message.type, **asdict(message)}
    if record.get("phonemes") == []:
        del record["phonemes"]
    if record.get("ahead") is False:
        del record["ahead"]
    # A surrogate alone, which a file's name in an error may have, is no UTF-8.
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def encode_audio(synthesis: int, payload_bytes: int) -> bytes:
    """What `encode` makes of an Audio, at a tenth of its cost: there are many of them."""
    return b'{"type":"audio","id":%d,"payload_bytes":%d}\n' % (synthesis, payload_bytes)


def encode_done(synthesis: int, samples: int, first_chunk_ms: float, total_ms: float, skipped: int) -> bytes:
    """What `encode` makes of a Done, at a tenth of its cost."""
    return (
        b'{"type":"done","id":%d,"samples":%d,"timings":{"first_chunk_ms":%a,"total_ms":%a},"skipped":%d}\n'
    ) % (synthesis, samples, first_chunk_ms, total_ms, skipped)


def parse_to_worker(line: bytes) -> ToWorker:
    """Read a line of the supervisor; raises ProtocolViolation that says what is wrong with it."""
    message: ToWorker = _parse(line, _TO_WORKER)
    return message


def parse_from_worker(line: bytes) -> FromWorker:
    """Read a line of a worker; raises ProtocolViolation that says what is wrong with it."""
    message: FromWorker = _parse(line, _FROM_WORKER)
    return message


def _parse(line: bytes, readers: dict[str, Reader]) -> Any:
    try:
        record = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"a line is not JSON ({error}): {line[:80]!r}") from None
    kind = record.get("type") if isinstance(record, dict) else None
    if not isinstance(kind, str) or (reader := readers.get(kind)) is None:
        raise ProtocolViolation(f"unknown message type {kind!r} in {line[:80]!r}")
    return reader(record, kind)


def _read_synthesize(record: dict[str, Any], place: str) -> Synthesize:
    """What the reader of every message makes of it, at a quarter of its cost: it is part of every answer."""
    found = record.get
    number, text, speed, options = found("id"), found("text"), found("speed", 1.0), found("options")
    voice, language, seed, more = found("voice"), found("language"), found("seed", 0), found("more", False)
    if (
        type(number) is type(seed) is int
        and type(text) is str
        and (voice is None or type(voice) is str)
        and (language is None or type(language) is str)
        and type(speed) is float
        and type(options) is dict
        and type(more) is bool
        and "phonemes" not in record
    ):
        return Synthesize(number, text, voice, language, speed, seed, options, more)
    # Something is absent, to be converted, or wrong.
    synthesis: Synthesize = _ANY_SYNTHESIZE(record, place)
    return synthesis


_ANY_SYNTHESIZE = reader_of(Synthesize)
_TO_WORKER = {kind.type: reader_of(kind) for kind in get_args(ToWorker)}
_TO_WORKER[Synthesize.type] = _read_synthesize
_FROM_WORKER = {kind.type: reader_of(kind) for kind in get_args(FromWorker)}
