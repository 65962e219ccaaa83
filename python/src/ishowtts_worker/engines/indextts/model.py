"""What the engine asks of a version of IndexTTS: they differ in all that is before and after the GPT."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Reference:
    """What a recording is to the models, computed once.

    `features` of its speech [1, T, 1024] and once more for its `emotion`, as the packages hear it; `style` of
    its speaker [1, 192]; `prompt` [1, F, C] with `mel` [1, 80, F]: the frames that the diffusion continues.
    """

    features: Tensor
    emotion: Tensor
    style: Tensor
    prompt: Tensor
    mel: Tensor


@dataclass(frozen=True)
class Manner:
    """Who speaks, and how: the emotion [1, D] and what else of the speaker [1, S, D] goes before the text."""

    reference: Reference
    emotion: Tensor
    speaker: Tensor


@dataclass(frozen=True)
class Piece:
    """A piece of text: its tokens, and its language."""

    tokens: Sequence[int]
    language: str


class Model(ABC):
    """A version, loaded.

    `gpt` is the package's UnifiedVoice, `estimator` the network of the diffusion, `vocoder` BigVGAN.
    `first_position`: that of the first token that the GPT gave, in its table of positions. `conditions`: rows
    before the text.
    """

    gpt: Any
    estimator: Any
    vocoder: Any
    device: str
    first_position: int
    conditions: int

    @abstractmethod
    def reference(self, recording: Path) -> Reference:
        """Hear a recording."""

    @abstractmethod
    def manner(self, reference: Reference, other: Reference | None, strength: float) -> Manner:
        """A speaker with the emotion of another recording, or with the speaker's own."""

    @abstractmethod
    def pieces(self, text: str, language: str, most_tokens: int) -> list[Piece]:
        """Read a text and cut it, at marks where it can."""

    @abstractmethod
    def prefix(self, piece: Piece, manner: Manner) -> Tensor:
        """What the GPT is to go on from, embedded [P, D]; the start token is its last row."""

    @abstractmethod
    def search(self, piece: Piece, manner: Manner, options: dict[str, Any]) -> Tensor:
        """The package's own generation [1, N], beams and all."""

    @abstractmethod
    def condition(self, codes: Tensor, piece: Piece, manner: Manner, length: float) -> Tensor:
        """What the diffusion follows [1, F, C], made of tokens [1, N]; `length` 1 is the natural one."""


__all__ = ["Manner", "Model", "Piece", "Reference"]
