"""How fast this engine is on this machine, beside the f5-tts package's own inference: a table, and JSON.

    python -m ishowtts_worker.engines.f5.bench                       # random weights of full size
    python -m ishowtts_worker.engines.f5.bench --checkpoint model.safetensors --vocoder FOLDER

Speed does not depend on what the weights are. Times are medians of a synchronised call on a warm engine. The
package's own inference is measured where it can be imported (`upstream.py` says what it needs).
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..base import Load
from . import architecture, vocoder, weights
from .architecture import HOP, SAMPLE_RATE
from .buffers import Job
from .checkpoint import Checkpoint
from .settings import BUCKETS
from .synthesizer import Synthesizer
from .tier import Tier, choose

SECONDS = (3.4, 5.7, 11.0)
STEPS = (7, 16, 32)
REFERENCE_SECONDS = 3.4
_TOKENS_A_SECOND = 15
_SWAY = -1.0


def frames(seconds: float) -> int:
    """Mel frames of so much audio."""
    return int(seconds * SAMPLE_RATE / HOP)


class Bench:
    """The measurements, and what came of them."""

    def __init__(self, device: str, arguments: argparse.Namespace) -> None:
        self.device = device
        self.rounds: int = arguments.rounds
        self.rows: list[dict[str, Any]] = []
        self.files: dict[str, str] = {}

    def note(self, what: str, **figures: Any) -> None:
        """One result."""
        self.rows.append({"what": what, **figures})
        told = "  ".join(
            f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in figures.items()
        )
        print(f"{what:34}{told}", flush=True)

    def time_ms(self, act: Callable[[], object], rounds: int | None = None) -> float:
        """Median of several calls, after two that are not counted."""
        taken = []
        for number in range((rounds or self.rounds) + 2):
            self.wait()
            start = time.perf_counter()
            act()
            self.wait()
            if number > 1:
                taken.append(1000 * (time.perf_counter() - start))
        return statistics.median(taken)

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()

    def synthesizer(self, tier: Tier, buckets: tuple[int, ...]) -> Synthesizer:
        """Ours, freshly made."""
        arch = architecture.read(architecture.find(self.files["model"]))
        checkpoint = Checkpoint.read(Path(self.files["checkpoint"]), tier.device, "checkpoint")
        model, modulation = weights.load(checkpoint, arch, _vocabulary(checkpoint, arch), tier.dtype)
        speaker = vocoder.load(Path(self.files["vocoder"]), tier.device, tier.dtype)
        made = Synthesizer(tier, model, modulation, speaker, buckets)
        made.get_ready(STEPS[0], _SWAY, lambda _: None)
        return made

    def job(self, seconds: float, steps: int = STEPS[0], seed: int = 0) -> Job:
        """A request for so much audio with a reference of 3.4 s."""
        generator = torch.Generator().manual_seed(7)
        known = frames(REFERENCE_SECONDS)
        mel = torch.randn(known + 1, architecture.MEL_BANDS, generator=generator) - 3.0
        total = frames(REFERENCE_SECONDS + seconds)
        tokens = [1 + number % 60 for number in range(int(_TOKENS_A_SECOND * (REFERENCE_SECONDS + seconds)))]
        return Job(tokens, mel.to(self.device), known, total, seed, steps, 2.0)


def _vocabulary(checkpoint: Checkpoint, arch: architecture.Architecture) -> int:
    return checkpoint.shape("transformer.text_embed.text_embed.weight")[0] - 1


def _always() -> bool:
    return True


def measure_ours(bench: Bench, tier: Tier) -> None:
    """One request at a time, then several together; at exact lengths, then in buckets."""
    exact = tuple(frames(REFERENCE_SECONDS + seconds) for seconds in SECONDS)
    measure_alone(bench, bench.synthesizer(tier, exact), "exact length", STEPS[:1])
    free(bench)
    synthesizer = bench.synthesizer(tier, BUCKETS)
    measure_alone(bench, synthesizer, "buckets", STEPS)
    for count in range(2, synthesizer.most + 1):
        jobs = [bench.job(SECONDS[1], seed=number) for number in range(count)]
        taken = bench.time_ms(functools.partial(synthesizer.run, jobs, _SWAY, _always))
        rate = count * SECONDS[1] / taken * 1000
        bench.note("ours, together", requests=count, seconds=SECONDS[1], ms=taken, audio_s_per_s=rate)
    if tier.is_captured:
        measure_random(bench, synthesizer)
    del synthesizer
    free(bench)


def measure_alone(bench: Bench, synthesizer: Synthesizer, name: str, steps: Sequence[int]) -> None:
    """One request at a time."""
    for seconds in SECONDS:
        for count in steps:
            jobs = [bench.job(seconds, count)]
            taken = bench.time_ms(functools.partial(synthesizer.run, jobs, _SWAY, _always))
            bench.note(f"ours, {name}", seconds=seconds, nfe=count, ms=taken, rtf=taken / 1000 / seconds)


def free(bench: Bench) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if bench.device.startswith("cuda"):
        torch.cuda.empty_cache()


def measure_random(bench: Bench, synthesizer: Synthesizer) -> None:
    """A thousand requests of lengths at random: nothing is compiled, and memory stays."""
    generator = torch.Generator().manual_seed(11)
    lengths = (0.6 + 11.4 * torch.rand(1000, generator=generator)).tolist()
    before = synthesizer.device_bytes()
    for number, seconds in enumerate(lengths):
        synthesizer.run([bench.job(seconds, seed=number)], _SWAY, _always)
    grown = synthesizer.device_bytes() / before - 1 if before else 0.0
    bench.note(
        "ours, 1000 random lengths",
        recompiles=synthesizer.recompiles(),
        memory_grown=grown,
        device_gib=synthesizer.device_bytes() / 2**30,
    )


def measure_error(bench: Bench, tier: Tier) -> None:
    """How far half precision is from single precision, in the mel spectrogram."""
    alone, together = (
        [bench.job(SECONDS[1], seed=5)],
        [bench.job(SECONDS[0], seed=4), bench.job(SECONDS[1], seed=5)],
    )
    found = {}
    for precision, one in (("single", Tier("eager", tier.device, torch.float32)), ("half", tier)):
        synthesizer = bench.synthesizer(one, (1024,))
        for how, jobs in (("alone", alone), ("together", together)):
            found[precision, how] = synthesizer.mels(jobs, _SWAY)[-1].double().cpu()
        del synthesizer
        free(bench)
    truth = found["single", "alone"]
    for precision, how in (("single", "together"), ("half", "alone"), ("half", "together")):
        error = float((found[precision, how] - truth).norm() / truth.norm())
        bench.note("mel error to single precision", precision=precision, how=how, relative=error)


def measure_ready(bench: Bench) -> None:
    """From the start of a process to ready, with empty caches and with filled ones."""
    with tempfile.TemporaryDirectory() as cache:
        for name in ("empty", "filled"):
            code = f"from {__package__}.bench import get_ready; get_ready({bench.device!r}, {bench.files!r})"
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "ISHOWTTS_CACHE": cache},
                check=True,
                capture_output=True,
                text=True,
            )
            bench.note(
                f"time to ready, {name} caches",
                seconds=time.perf_counter() - start,
                **json.loads(done.stdout.splitlines()[-1]),
            )


def get_ready(device: str, files: dict[str, str]) -> None:
    """Load the engine as a worker does, and tell where the time went."""
    start = time.perf_counter()
    from . import ENGINE  # noqa: PLC0415 - how long it takes is what is measured

    imported = time.perf_counter()
    engine = ENGINE.load(Load(1, "f5", 0, device, 1, dict(files), []), lambda _: None)
    figures = {
        "importing": imported - start,
        "loading": time.perf_counter() - imported,
        "device_gib": engine.device_bytes() / 2**30,
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--kernels", default="auto")
    parser.add_argument("--model", default="F5TTS_v1_Base")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--vocoder", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--parts", default="ours,error,ready,upstream")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tier = choose(arguments.device, arguments.kernels, "auto")
    bench = Bench(tier.device, arguments)
    name = torch.cuda.get_device_name(tier.device) if tier.device != "cpu" else "cpu"
    bench.note("device", name=name, torch=torch.__version__, tier=tier.name, dtype=str(tier.dtype))
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.checkpoint and arguments.vocoder:
            files = {
                "model": arguments.model,
                "checkpoint": str(arguments.checkpoint),
                "vocoder": str(arguments.vocoder),
            }
        else:
            from .random_model import write  # noqa: PLC0415

            files = write(Path(scratch), arguments.model)
        bench.files = files
        parts = arguments.parts.split(",")
        if "ours" in parts:
            measure_ours(bench, tier)
        if "error" in parts and tier.dtype is not torch.float32:
            measure_error(bench, tier)
        if "ready" in parts:
            measure_ready(bench)
        if "upstream" in parts:
            from .upstream import measure  # noqa: PLC0415

            measure(bench)
    if arguments.json:
        arguments.json.write_text(json.dumps(bench.rows, indent=1))


if __name__ == "__main__":
    main()
