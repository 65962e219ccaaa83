"""What the configuration and a request can say to this engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...table import Between

BUCKETS = (
    *range(512, 1537, 128),
    *(1792, 2048, 2240, 2432, 2624, 2816, 2992),
    *(3168, 3392, 3520, 3584),  # just before the products of a Hopper need one more wave
)
"""Frames, 94 to a second, that launches are made for: up to four sentences together, references included."""


@dataclass(frozen=True)
class F5Settings:
    """The engine's table.

    `model`: F5TTS_v1_Base, F5TTS_Base, or the path of a .yaml. `checkpoint`: its .safetensors or .pt.
    `vocab`: its vocab.txt; none: the one of the f5-tts package. `vocoder`: a folder with Vocos. `dtype`:
    auto, float16, bfloat16 or float32. `kernels`: auto, triton, compile, graph or eager (`tier.py`).
    `buckets`: frames that launches are made for. `sway`: where the steps lie (sway sampling). `speed`
    multiplies what a request asks for.
    """

    model: str = "F5TTS_v1_Base"
    checkpoint: Path | None = None
    vocab: Path | None = None
    vocoder: Path | None = None
    dtype: str = "auto"
    kernels: str = "auto"
    buckets: Annotated[tuple[int, ...], Between(64, 8192)] = BUCKETS
    default_nfe_step: Annotated[int, Between(4, 64)] = 7
    cfg_strength: Annotated[float, Between(0, 10)] = 2.0
    sway: Annotated[float, Between(-1, 1)] = -1.0
    speed: Annotated[float, Between(0.25, 4)] = 1.0


@dataclass(frozen=True)
class F5Options:
    """A request's `engine_options`.

    `nfe_step`, how many steps; `cfg_strength`, how closely it keeps to the text.
    """

    nfe_step: Annotated[int, Between(4, 64)] = 7
    cfg_strength: Annotated[float, Between(0, 10)] = 2.0


OPTIONS = ("nfe_step", "cfg_strength")
