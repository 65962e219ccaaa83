"""How the next token is chosen: repetition penalty, temperature, top-k and top-p, as transformers does it.

Twice: `sample` gives the very tokens of transformers' generate for the same seed, and `pick` chooses among a
fixed number of candidates, as a captured CUDA graph needs it. Both draw as torch.multinomial does: the
probabilities are divided by exponential noise, and the largest wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .settings import MOST_CANDIDATES


@dataclass(frozen=True)
class Knobs:
    """What a request says of it."""

    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float

    def on(self, device: str) -> Tensor:
        """The same as float32 on a device, in the order of the fields."""
        values = (self.temperature, self.top_p, float(self.top_k), self.repetition_penalty)
        return torch.tensor(values, dtype=torch.float32, device=device)


def penalised(logits: Tensor, seen: Tensor, penalty: Tensor | float, temperature: Tensor | float) -> Tensor:
    """Scores: less for the tokens that were there already, then the temperature."""
    pushed = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, pushed, logits) / temperature


def sample(logits: Tensor, seen: Tensor, knobs: Knobs) -> Tensor:
    """One token of these logits [V], by torch's global generator."""
    scores = penalised(logits.float(), seen, knobs.repetition_penalty, knobs.temperature)
    least = torch.topk(scores, min(knobs.top_k, scores.numel()))[0][-1]
    scores = scores.masked_fill(scores < least, -torch.inf)
    if knobs.top_p < 1:
        rising, places = torch.sort(scores)
        unlikely = rising.softmax(-1).cumsum(-1) <= 1 - knobs.top_p
        unlikely[-1] = False
        scores = scores.masked_fill(torch.empty_like(unlikely).scatter_(0, places, unlikely), -torch.inf)
    return torch.multinomial(scores.softmax(-1), 1)[0]


def candidates(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The best scores and their tokens, falling."""
    values, tokens = torch.topk(scores, min(MOST_CANDIDATES, scores.numel()))
    return values, tokens


def pick(best: Tensor, knobs: Tensor, noise: Tensor) -> Tensor:
    """Which of the candidates, whose scores fall, it is to be; `noise` is exponential, one for each."""
    _, top_p, top_k, _ = knobs.unbind()
    rank = torch.arange(best.numel(), device=best.device)
    chances = torch.where(rank < top_k, best - best[0], -torch.inf).softmax(-1)
    # What is likelier than this one must not be enough already; the first one always stays.
    enough = chances.cumsum(-1) - chances >= top_p
    return torch.argmax(torch.where(enough & (rank > 0), 0.0, chances) / noise)


__all__ = ["Knobs", "candidates", "penalised", "pick", "sample"]
