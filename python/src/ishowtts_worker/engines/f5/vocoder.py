"""Vocos (charactr/vocos-mel-24khz): a mel spectrogram to a wave, frame by frame in the rows of a launch.

ConvNeXt blocks at the frames' own rate, then one inverse Fourier transform a frame, windowed and added up.
The last step is written out, since torch.istft looks at its result on the host, which no CUDA graph can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from ...errors import LoadFailed, MissingModel
from .architecture import HOP, MEL_BANDS, WINDOW
from .checkpoint import Checkpoint
from .ops import Ops
from .weights import MEL, DepthwiseNorm, Linear, Loader

_TAPS = 7
_LOUDEST = 1e2
_OVERLAP = WINDOW // HOP
_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class _Block:
    conv: DepthwiseNorm
    up: Linear
    down: Linear


@dataclass(frozen=True)
class Vocoder:
    """Its weights; `embed` [dim, 7 * 128] takes seven frames at once. Norms are (scale, shift)."""

    embed: Linear
    embed_norm: tuple[Tensor, Tensor]
    blocks: list[_Block]
    last_norm: tuple[Tensor, Tensor]
    head: Linear
    window: Tensor

    def wave(self, mel: Tensor, valid: Tensor, ops: Ops) -> Tensor:
        """Samples of mel frames [rows, 128] (float32), of which those count where `valid` [rows] is 1.

        Frames in a row are one utterance: that of rows a to b is in samples 256 a + 512 to 256 b + 512.
        """
        dtype = self.head.weight.dtype
        padded = F.pad((mel * valid[:, None]).to(dtype), (0, 0, _TAPS // 2, _TAPS // 2))
        neighbours = torch.cat([padded[tap : tap + mel.shape[0]] for tap in range(_TAPS)], dim=-1)
        rows = _normed(F.linear(neighbours, self.embed.weight, self.embed.bias), self.embed_norm)
        for block in self.blocks:
            hidden = ops.depthwise_norm(rows, block.conv, valid, 1)
            hidden = F.gelu(F.linear(hidden, block.up.weight, block.up.bias))
            rows = torch.addmm(rows + block.down.bias, hidden, block.down.weight.t())
        rows = _normed(rows, self.last_norm)
        magnitude, phase = F.linear(rows, self.head.weight, self.head.bias).float().chunk(2, dim=-1)
        magnitude = magnitude.exp().clamp(max=_LOUDEST) * valid[:, None]
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        return self._added(torch.fft.irfft(spectrum, n=WINDOW, dim=-1), valid)

    def _added(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Windowed frames added up, each sample divided by what windows lie on it."""
        count = frames.shape[0]
        windowed = (frames * self.window).view(count, _OVERLAP, HOP)
        power = self.window.square().view(_OVERLAP, HOP) * valid[:, None, None]
        wave, envelope = (frames.new_zeros(count + _OVERLAP - 1, HOP) for _ in range(2))
        for part in range(_OVERLAP):
            wave[part : part + count] += windowed[:, part]
            envelope[part : part + count] += power[:, part]
        return (wave / envelope.clamp(min=1e-11)).flatten()


def span(first: int, frames: int) -> tuple[int, int]:
    """Begin and length in samples of the utterance whose frames begin at row `first`."""
    return first * HOP + WINDOW // 2, (frames - 1) * HOP


def load(folder: Path, device: str, dtype: torch.dtype) -> Vocoder:
    """Read a folder of config.yaml and the weights. Raises MissingModel, LoadFailed."""
    config = folder / "config.yaml"
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if not config.is_file() or file is None:
        raise MissingModel(
            f"no Vocos at {folder}, which needs config.yaml and {' or '.join(_FILES)}; "
            "set vocoder of engine 'f5'",
            param="vocoder",
        )
    return build(config, Checkpoint.read(file, device, "vocoder"), dtype)


def build(config: Path, checkpoint: Checkpoint, dtype: torch.dtype) -> Vocoder:
    """A vocoder as its config.yaml describes it. Raises LoadFailed."""
    dim, hidden, layers = _sizes(config)
    take = Loader(checkpoint, "", dtype)
    embed = take.plain("backbone.embed.weight", dim, MEL_BANDS, _TAPS).permute(0, 2, 1)
    embed = F.pad(embed, (0, MEL - MEL_BANDS)).reshape(dim, -1)
    return Vocoder(
        embed=Linear(take.product(embed), take.product(take.plain("backbone.embed.bias", dim))),
        embed_norm=_norm(take, "backbone.norm", dim),
        blocks=[_block(take, f"backbone.convnext.{number}", dim, hidden) for number in range(layers)],
        last_norm=_norm(take, "backbone.final_layer_norm", dim),
        head=take.linear("head.out", WINDOW + 2, dim),
        window=torch.hann_window(WINDOW, device=embed.device),
    )


def _sizes(config: Path) -> tuple[int, int, int]:
    try:
        table = yaml.safe_load(config.read_text(encoding="utf-8"))
        backbone, head = table["backbone"]["init_args"], table["head"]["init_args"]
        features = table["feature_extractor"]["init_args"]
        found = (
            features["sample_rate"], features["n_mels"], head["n_fft"], head["hop_length"],
            head.get("padding", "same"), features.get("padding", "center"),
        )  # fmt: skip
        sizes = int(backbone["dim"]), int(backbone["intermediate_dim"]), int(backbone["num_layers"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, UnicodeError) as error:
        raise LoadFailed(
            f"{config} is not the configuration of a Vocos: {error!r}", param="vocoder"
        ) from error
    if found != (24_000, MEL_BANDS, WINDOW, HOP, "center", "center"):
        raise LoadFailed(
            f"{config} describes a Vocos for other spectrograms than F5-TTS makes; "
            "use charactr/vocos-mel-24khz",
            param="vocoder",
        )
    return sizes


def _block(take: Loader, name: str, dim: int, hidden: int) -> _Block:
    weight, bias = take.plain(f"{name}.pwconv2.weight", dim, hidden), take.plain(f"{name}.pwconv2.bias", dim)
    # How much a block adds is a factor of each channel, which the product takes in.
    gamma = take.plain(f"{name}.gamma", dim) if take.has(f"{name}.gamma") else torch.ones_like(bias)
    return _Block(
        take.depthwise_norm(f"{name}.dwconv", f"{name}.norm", dim),
        take.linear(f"{name}.pwconv1", hidden, dim),
        Linear(take.product(gamma[:, None] * weight), take.product(gamma * bias)),
    )


def _norm(take: Loader, name: str, dim: int) -> tuple[Tensor, Tensor]:
    return take.plain(f"{name}.weight", dim), take.plain(f"{name}.bias", dim)


def _normed(rows: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
    return F.layer_norm(rows.float(), rows.shape[-1:], *norm, 1e-6).to(rows.dtype)
