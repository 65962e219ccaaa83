"""One segment on its way through this worker."""

from __future__ import annotations

import time

from .cancel import Cancel, Look
from .channel import Buffer
from .protocol import MAX_PAYLOAD, Synthesize, encode_audio, encode_done


class Synthesis:
    """What was asked, whether it is still wanted, and what was sent of it so far."""

    __slots__ = ("_began", "_first_chunk", "_samples", "cancel", "message", "skipped", "started")

    def __init__(self, message: Synthesize, look: Look) -> None:
        self.message = message
        self.cancel = Cancel(look)
        self.started = False
        """Until then it waits, and a cancel ends it at once."""
        self.skipped = 0
        self._began = 0.0
        self._first_chunk: float | None = None
        self._samples = 0

    def start(self) -> None:
        """Its time begins now; again if it had to wait for others after all."""
        self.started = True
        self._began = time.perf_counter()

    def audio(self, pcm: Buffer) -> list[Buffer]:
        """Count this PCM16 in and frame it: audio messages, each followed by its payload."""
        if self._first_chunk is None:
            self._first_chunk = time.perf_counter()
        size = len(pcm)
        self._samples += size // 2
        if size <= MAX_PAYLOAD:
            return [encode_audio(self.message.id, size), pcm] if size else []
        view = memoryview(pcm)
        parts = (view[at : at + MAX_PAYLOAD] for at in range(0, size, MAX_PAYLOAD))
        return [piece for part in parts for piece in (encode_audio(self.message.id, len(part)), part)]

    @property
    def audible(self) -> bool:
        """Whether it has given any sample."""
        return self._samples > 0

    def done(self) -> bytes:
        """The line that ends it well."""
        now = time.perf_counter()
        first = now if self._first_chunk is None else self._first_chunk
        return encode_done(
            self.message.id,
            self._samples,
            round(1000 * (first - self._began), 3),
            round(1000 * (now - self._began), 3),
            self.skipped,
        )
