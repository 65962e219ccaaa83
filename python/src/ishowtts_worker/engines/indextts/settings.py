"""The engine's table of the configuration, and which of it a request may set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...table import Between

# The sampler looks at no more candidates than these.
MOST_CANDIDATES = 128


@dataclass(frozen=True)
class IndexSettings:
    """Which model, how exact, and how it samples.

    `model_dir` and `version` ("2.5" or "2"): the weights. `half`: float16 on a GPU, with float32 where it
    matters; otherwise float32 throughout. `reference`: a recording to imitate where the configuration has no
    voice for this engine. `segment_tokens`: the longest piece of text spoken at once; small ones come sooner.
    `max_tokens`: the longest speech of one piece, 25 tokens a second (version 2: 50). `num_beams` above 1 is
    the package's own search, which is slow. `diffusion_steps` and `cfg_rate` are those of the mel.
    `emotion`: the id of a voice whose recording lends its emotion, by `emotion_strength`.
    """

    model_dir: Path | None = None
    version: str = "2.5"
    half: bool = True
    reference: Path | None = None
    segment_tokens: Annotated[int, Between(20, 300)] = 60
    max_tokens: Annotated[int, Between(50, 1800)] = 1500
    temperature: Annotated[float, Between(0.05, 2)] = 0.8
    top_p: Annotated[float, Between(0.05, 1)] = 0.8
    top_k: Annotated[int, Between(1, MOST_CANDIDATES)] = 30
    repetition_penalty: Annotated[float, Between(1, 20)] = 10.0
    num_beams: Annotated[int, Between(1, 10)] = 1
    diffusion_steps: Annotated[int, Between(2, 100)] = 25
    cfg_rate: Annotated[float, Between(0, 3)] = 0.7
    emotion: str | None = None
    emotion_strength: Annotated[float, Between(0, 1)] = 1.0


OPTIONS = (
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "num_beams",
    "diffusion_steps",
    "cfg_rate",
    "emotion",
    "emotion_strength",
)

__all__ = ["MOST_CANDIDATES", "OPTIONS", "IndexSettings"]
