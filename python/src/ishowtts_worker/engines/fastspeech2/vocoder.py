"""Running the two models: symbols to a mel spectrogram, and that to samples, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SAMPLE_RATE = 24_000
HOP = 300
"""Samples of a mel frame."""
CONTEXT = 24
"""Frames that the vocoder must see on each side of a chunk to give exactly the samples of the whole."""
# Its layers mirror their ends by 27 samples at three a frame, so it fails below 10 frames.
_FEWEST_FRAMES = 10
# Frames in a chunk. The first one is small, so that a listener hears something after one short run; each next
# one is ready before the one before is played out, and large ones waste less on context. 192 frames: 2.4 s.
_CHUNKS = (24, 48, 96, 192)


class Acoustic:
    """FastSpeech2: symbol ids to a mel spectrogram."""

    def __init__(self, model: bytes, threads: int) -> None:
        self._interpreter = Interpreter(model_content=model, num_threads=threads)
        self._inputs = self._interpreter.get_input_details()
        self._length = 0

    def mel(self, ids: Sequence[int], duration: float, pitch: float, energy: float) -> Samples:
        """Frames of 80 bands, [frames, 80]. The last three are ratios; a duration of 2 is half the speed."""
        if len(ids) != self._length:
            self._interpreter.resize_tensor_input(self._inputs[0]["index"], [1, len(ids)])
            self._interpreter.allocate_tensors()
            self._length = len(ids)
        speaker = 0
        for tensor, value in zip(
            self._inputs, ([list(ids)], [speaker], [duration], [pitch], [energy]), strict=True
        ):
            self._interpreter.set_tensor(tensor["index"], np.array(value, dtype=tensor["dtype"]))
        self._interpreter.invoke()
        # The second output is the mel after the post-net; the first one is before it.
        mel: Samples = self._interpreter.get_tensor(self._interpreter.get_output_details()[1]["index"])[0]
        return mel


class Vocoder:
    """Multi-band MelGAN: a mel spectrogram to samples at 24 kHz."""

    def __init__(self, path: str, threads: int) -> None:
        self._interpreter = Interpreter(model_path=path, num_threads=threads)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._frames = 0

    def run(self, mel: Samples) -> Samples:
        """The samples of a whole spectrogram; its memory grows with the longest one and stays."""
        frames = len(mel)
        if frames < _FEWEST_FRAMES:
            mel = np.pad(mel, ((0, _FEWEST_FRAMES - frames), (0, 0)), mode="edge")
        if len(mel) != self._frames:
            self._interpreter.resize_tensor_input(self._input, [1, *mel.shape])
            self._interpreter.allocate_tensors()
            self._frames = len(mel)
        self._interpreter.set_tensor(self._input, mel[np.newaxis])
        self._interpreter.invoke()
        samples: Samples = self._interpreter.get_tensor(self._output)[0, : frames * HOP, 0]
        return samples

    def stream(self, mel: Samples, first: bool) -> Iterator[Samples]:
        """The same samples in chunks. `first`: nothing is being played yet, so begin with a short one."""
        for start, end in chunks(len(mel), first):
            left, right = max(0, start - CONTEXT), min(len(mel), end + CONTEXT)
            samples = self.run(mel[left:right])
            yield samples[(start - left) * HOP : (end - left) * HOP]


def chunks(frames: int, first: bool) -> Iterator[tuple[int, int]]:
    """Where each chunk starts and ends, in frames."""
    sizes = iter(_CHUNKS if first else _CHUNKS[-1:])
    start = 0
    while start < frames:
        size = next(sizes, _CHUNKS[-1])
        # A rest that is shorter than its context is cheaper as part of this chunk.
        end = start + size if frames - start - size > CONTEXT else frames
        yield start, end
        start = end
