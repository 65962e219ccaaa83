"""IndexTTS-2.5 as its package ships it and in this engine, in one run.

    python -m ishowtts_worker.engines.indextts.bench --random [--device cuda:0]
    python -m ishowtts_worker.engines.indextts.bench --model-dir DIR --reference me.wav

Random weights have the published shapes, so the speeds carry over; they speak noise, and as many tokens as
they are allowed. Prints a table and writes JSON. `--kernels` times the kernels of the decoding alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...cancel import Cancel
from . import recording
from .bench_parts import Stopwatch, kernels, median, peak_mib, table
from .files import locate
from .machine import Machine
from .model import Manner
from .random_model import BIGVGAN, FULL, HEARING, Parts, package, tiny
from .settings import IndexSettings
from .version25 import SAMPLE_RATE, Version25

TEXT = "I have been a silent spectator, watching species evolve and empires rise and fall."
_HEARING_RATE = 16000
# At 25 tokens a second, each 1.72 * 2 frames of 256 samples: 5.7 s.
_TOKENS = 143


def main() -> None:
    """Read the arguments, run, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", action="store_true", help="random weights of the published shapes")
    parser.add_argument("--tiny", action="store_true", help="random weights of small shapes, to try this out")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--reference", type=Path, help="a recording to imitate")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tokens", type=int, default=_TOKENS, help="most tokens of a synthesis")
    parser.add_argument("--steps", type=int, default=25, help="diffusion steps")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--upstream-runs", type=int, default=3, help="0: leave the package's loop out")
    parser.add_argument("--kernels", action="store_true", help="time the kernels of the decoding alone")
    parser.add_argument("--threads", type=int, help="of the processor; torch's own choice by default")
    parser.add_argument("--json", type=Path, default=Path("bench-indextts.json"))
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    found = Bench(arguments).run()
    arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"written to {arguments.json}")


class Bench:
    """One run."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._device: str = arguments.device
        self._half = self._device != "cpu"
        self._rows: list[dict[str, Any]] = []
        self._built = 0.0

    def run(self) -> dict[str, Any]:
        """All of it, as it is written to the file."""
        begin = time.perf_counter()
        upstream = self._upstream()
        self._sync()
        self._built = time.perf_counter() - begin
        print(f"{self._card()}, torch {torch.__version__}")
        if self._arguments.kernels:
            timed = kernels(Version25(upstream, self._half))
            return {"card": self._card(), "torch": torch.__version__, "kernels": timed}
        if self._arguments.upstream_runs:
            for beams in (3, 1):
                self._time_upstream(upstream, beams)
        self._time_ours(upstream)
        print(table(self._rows))
        return {
            "card": self._card(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "weights": "random" if self._arguments.model_dir is None else str(self._arguments.model_dir),
            "tokens": self._arguments.tokens,
            "diffusion_steps": self._arguments.steps,
            "rows": self._rows,
        }

    def _upstream(self) -> Any:
        """The package's engine: of a folder, or of random modules."""
        if self._arguments.model_dir is not None:
            files = locate(self._arguments.model_dir, "2.5")
            made = Version25.load(files, self._device, half=False).package
        else:
            config, bigvgan, hearing = tiny() if self._arguments.tiny else (FULL, BIGVGAN, HEARING)
            made = package(Parts(config, bigvgan, hearing, self._device), self._device)
        made._load_and_cut_audio = self._recording
        return made

    def _recording(
        self, path: str, seconds: float, verbose: bool = False, sr: int | None = None
    ) -> tuple[Tensor, int]:
        """Takes the place of the package's method, which reads with librosa."""
        rate = sr or SAMPLE_RATE
        return torch.from_numpy(self._samples(rate))[None], rate

    def _samples(self, rate: int) -> recording.Samples:
        if self._arguments.reference is not None:
            return recording.read(self._arguments.reference, rate)
        noise = np.random.default_rng(0).standard_normal(5 * rate)
        return np.asarray(0.1 * noise, np.float32)

    def _time_upstream(self, upstream: Any, beams: int) -> None:
        arguments = self._arguments
        # Any file that exists: it is a key to the package, and `_recording` reads instead.
        path = str(arguments.reference or __file__)
        cfm = upstream.s2mel.models["cfm"]
        parts = {
            "gpt": (upstream.gpt, "inference_speech"),
            "diffusion": (cfm, "inference"),
            "vocoder": (upstream.bigvgan, "forward"),
        }

        def speak() -> int:
            stream = upstream.infer_generator(
                path, TEXT, None, "en", stream_return=True, num_beams=beams, diffusion_steps=arguments.steps,
                max_mel_tokens=arguments.tokens, interval_silence=0,
            )  # fmt: skip
            return sum(one.shape[-1] for one in stream)

        name = f"package, {beams} beam{'s' if beams > 1 else ''}"
        self._time(name, parts, speak, arguments.upstream_runs, self._built)

    def _time_ours(self, upstream: Any) -> None:
        arguments = self._arguments
        model = Version25(upstream, self._half)
        self._sync()
        begin = time.perf_counter()
        machine = Machine(model, self._half, arguments.tokens, lambda done: None)
        self._sync()
        prepared = time.perf_counter() - begin
        reference = model.heard(self._samples(SAMPLE_RATE), self._samples(_HEARING_RATE))
        manner = model.manner(reference, None, 1.0)
        settings = IndexSettings(max_tokens=arguments.tokens, diffusion_steps=arguments.steps)
        parts = {
            "gpt": (machine.decoder, "generate"),
            "diffusion": (machine.diffusion, "mel"),
            "vocoder": (machine.vocoder, "wave"),
        }
        speak = _speaker(machine, manner, settings)
        self._time(f"this engine, {machine.tier}", parts, speak, arguments.runs, self._built + prepared)

    def _time(
        self, name: str, parts: dict[str, tuple[Any, str]], speak: Any, runs: int, ready: float
    ) -> None:
        """Run it warm, and put a row down; `ready`: the seconds that it took to get there."""
        speak()
        if self._half:
            torch.cuda.reset_peak_memory_stats()
        watch = Stopwatch(parts, self._sync)
        with watch:
            totals = []
            for run in range(runs):
                torch.manual_seed(run)
                self._sync()
                begin = time.perf_counter()
                samples = speak()
                self._sync()
                totals.append(time.perf_counter() - begin)
        seconds = samples / SAMPLE_RATE
        row = {
            "name": name,
            "audio_s": round(seconds, 3),
            "total_ms": round(1000 * median(totals), 2),
            "least_ms": round(1000 * min(totals), 2),
            "rtf": round(median(totals) / seconds, 5),
            **{f"{part}_ms": round(1000 * median(times), 2) for part, times in watch.times.items()},
            "tokens_per_s": round(median(watch.rates["gpt"]), 1),
            "ready_s": round(ready, 2),
            "peak_mib": peak_mib(self._device),
        }
        self._rows.append(row)

    def _sync(self) -> None:
        if self._half:
            torch.cuda.synchronize()

    def _card(self) -> str:
        return torch.cuda.get_device_name(self._device) if self._half else platform.processor() or "cpu"


def _speaker(machine: Machine, manner: Manner, settings: IndexSettings) -> Any:
    (piece,) = machine.model.pieces(TEXT, "en", 300)

    def speak() -> int:
        return int(machine.speak(piece, manner, settings, 1.0, Cancel()).size)

    return speak


if __name__ == "__main__":
    main()
