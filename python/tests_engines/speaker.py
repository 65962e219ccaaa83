"""A ready worker of one engine, to speak with."""

import numpy as np
from numpy.typing import NDArray

from harness import Supervisor
from ishowtts_worker.protocol import Audio, Done, Failure, Ready, Synthesize

Samples = NDArray[np.float32]


class Speaker:
    """A ready worker, and numbers for its syntheses."""

    def __init__(self, supervisor: Supervisor, engine: str) -> None:
        self.ready: Ready = supervisor.get_ready(engine, threads=2)
        self._supervisor = supervisor
        self._number = 0

    def chunks(self, text: str, **fields: object) -> tuple[list[Samples], Done | Failure]:
        """What came, message by message, and how it ended."""
        self._number += 1
        self._supervisor.send(Synthesize(self._number, text, **fields))  # type: ignore[arg-type]
        chunks = []
        while isinstance(message := self._supervisor.receive(), Audio):
            pcm = np.frombuffer(self._supervisor.payload, "<i2")
            chunks.append(pcm.astype(np.float32) / np.float32(32767))
        assert isinstance(message, Done | Failure)
        return chunks, message

    def speak(self, text: str, **fields: object) -> Samples:
        """All of the speech; it must be done well."""
        chunks, ending = self.chunks(text, **fields)
        assert isinstance(ending, Done), ending
        samples = np.concatenate(chunks)
        assert samples.size == ending.samples
        return samples

    def skipped(self, text: str) -> int:
        """How many characters were left out of a text that is spoken."""
        _, ending = self.chunks(text)
        assert isinstance(ending, Done), ending
        return ending.skipped
