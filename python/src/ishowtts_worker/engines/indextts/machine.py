"""From a piece of text to its samples: the GPT, the diffusion and the vocoder, captured on a GPU."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...cancel import Cancel
from .decode import Decoder
from .diffusion import Diffusion
from .graphs import GraphDecoder
from .model import Manner, Model, Piece
from .sampling import Knobs
from .settings import IndexSettings
from .vocoder import Activation, Vocoder, aliased
from .weights import Weights

_LOG = logging.getLogger(__name__)


class Machine:
    """All three, ready. `tier`: what they run as."""

    def __init__(
        self,
        model: Model,
        half: bool,
        most_tokens: int,
        progress: Callable[[float], None],
    ) -> None:
        self.model = model
        self.tier = "eager"
        gpt = model.gpt
        most_text = gpt.text_pos_embedding.emb.num_embeddings
        tokens = min(most_tokens, gpt.mel_pos_embedding.emb.num_embeddings - model.first_position)
        # The conditions, the text with its two marks, and the start token.
        room = model.conditions + most_text + 1 + tokens
        weights = Weights.of(gpt, model.first_position)
        self.diffusion = Diffusion(model.estimator, half)
        if model.device == "cpu":
            self.decoder = Decoder(weights, room)
            self.vocoder = Vocoder(model.vocoder)
            return
        # Streams and graphs are made on the device that is the current one.
        torch.cuda.set_device(model.device)
        # Graphs have memory of their own, and what the float32 weights left is not part of it.
        torch.cuda.empty_cache()
        graphs = GraphDecoder(weights, room)
        self.decoder, self.tier = graphs, graphs.tier
        progress(0.2)
        self.diffusion.prepare()
        progress(0.6)
        self.vocoder = Vocoder(model.vocoder, _activation(model.vocoder))
        self.vocoder.prepare()
        progress(1.0)

    def speak(
        self, piece: Piece, manner: Manner, settings: IndexSettings, length: float, cancel: Cancel
    ) -> NDArray[np.float32]:
        """The samples of a piece; none where the GPT says that there is nothing. Raises Cancelled."""
        prefix = self.model.prefix(piece, manner)
        codes = self.codes(piece, manner, prefix, settings, cancel)
        if codes.shape[1] == 0:
            return np.zeros(0, np.float32)
        condition = self.model.condition(codes, piece, manner, length)
        mel = self.diffusion.mel(
            condition, manner.reference, settings.diffusion_steps, settings.cfg_rate, cancel
        )
        samples: NDArray[np.float32] = self.vocoder.wave(mel).clamp(-1, 1).cpu().numpy()
        return samples

    def codes(
        self, piece: Piece, manner: Manner, prefix: Tensor, settings: IndexSettings, cancel: Cancel
    ) -> Tensor:
        """The GPT's tokens [1, N], without the one that ends them."""
        if settings.num_beams == 1:
            knobs = Knobs(settings.temperature, settings.top_p, settings.top_k, settings.repetition_penalty)
            return self.decoder.generate(prefix, knobs, settings.max_tokens, cancel)
        options = {
            "do_sample": True,
            "num_beams": settings.num_beams,
            "length_penalty": 0.0,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k,
            "repetition_penalty": settings.repetition_penalty,
            "max_generate_length": settings.max_tokens,
        }
        codes = self.model.search(piece, manner, options)
        ends = (codes[0] == self.model.gpt.stop_mel_token).nonzero()
        return codes[:, : int(ends[0])] if len(ends) else codes


def _activation(bigvgan: Any) -> Activation:
    """The activation in our own kernel where that compiles, otherwise by the package's modules."""
    module = bigvgan.activation_post
    try:
        ours = importlib.import_module(f"{__package__}.kernel_snake")
        if not ours.fits(module):
            return aliased
        x = torch.zeros(1, module.act.alpha.numel(), 64, device=module.act.alpha.device)
        ours.fused(module, x, torch.tensor(64, device=x.device))
    except Exception as error:
        _LOG.warning("Without a kernel of our own for BigVGAN: %s: %s", type(error).__name__, error)
        return aliased
    fused: Activation = ours.fused
    return fused


__all__ = ["Machine"]
