"""The model's weights in the form in which they are computed with, made of a checkpoint once.

Every change is exact but for rounding: q, k and v are one product; the parts of the input projection for the
noisy mel, the reference and the text are apart, since only the first changes from step to step; mel bands are
filled up to 128 with zeros, which products like better than 100; a head's rotary pairs are its two halves
instead of neighbours; convolutions lie as their kernels read them; and what gives the modulation of every
layer, 42 % of all weights, is kept apart to be made a table of (`modulation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .architecture import MEL_BANDS, Architecture
from .checkpoint import Checkpoint
from .modulation import Modulation

MEL = 128
"""Mel bands as they are computed with: 100, and zeros."""
LONGEST = 8192
"""Frames that the text encoder knows positions for, 87 s."""
_CONV_GROUPS = 16
_CONV_TAPS = 31
_ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class Linear:
    """A product: `weight` [out, in]."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Block:
    """A layer of the transformer. `query_norm` and `key_norm` [dim_head]: where the model has them."""

    qkv: Linear
    out: Linear
    up: Linear
    down: Linear
    query_norm: Tensor | None
    key_norm: Tensor | None


@dataclass(frozen=True)
class PositionConv:
    """A grouped convolution over 31 frames: `weight` [groups, taps, in, out], `bias` [dim]."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class DepthwiseNorm:
    """A convolution over 7 frames, each channel for itself, `weight` [7, dim], and a layer norm; float32."""

    weight: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor


@dataclass(frozen=True)
class TextBlock:
    """A ConvNeXt V2 block of the text encoder; `gamma` and `beta` (float32) of its response norm."""

    conv: DepthwiseNorm
    up: Linear
    gamma: Tensor
    beta: Tensor
    down: Linear


@dataclass(frozen=True)
class Weights:
    """All of a model but its modulation. `cos`, `sin` [8192, dim_head / 2] in float32."""

    architecture: Architecture
    input_mel: Tensor
    input_reference: Tensor
    input_text: Linear
    convs: tuple[PositionConv, PositionConv]
    blocks: list[Block]
    output: Linear
    text_table: Tensor
    text_positions: Tensor
    text_blocks: list[TextBlock]
    cos: Tensor
    sin: Tensor


class Loader:
    """Takes tensors out of a checkpoint to a device, products in `dtype` and the rest in float32."""

    def __init__(self, checkpoint: Checkpoint, prefix: str, dtype: torch.dtype) -> None:
        self._checkpoint = checkpoint
        self._prefix = prefix
        self._dtype = dtype

    def plain(self, name: str, *shape: int) -> Tensor:
        """A tensor in float32."""
        return self._checkpoint.take(self._prefix + name, shape)

    def has(self, name: str) -> bool:
        """Whether the checkpoint has it."""
        return self._prefix + name in self._checkpoint

    def product(self, tensor: Tensor) -> Tensor:
        """A tensor as products take it."""
        return tensor.to(self._dtype).contiguous()

    def linear(self, name: str, out: int, inputs: int) -> Linear:
        """A linear layer with a bias."""
        weight, bias = self.plain(f"{name}.weight", out, inputs), self.plain(f"{name}.bias", out)
        return Linear(self.product(weight), self.product(bias))

    def depthwise_norm(self, conv: str, norm: str, dim: int) -> DepthwiseNorm:
        """A depthwise convolution over 7 frames and the layer norm behind it."""
        weight = self.plain(f"{conv}.weight", dim, 1, 7)
        return DepthwiseNorm(
            weight[:, 0].t().contiguous(),
            self.plain(f"{conv}.bias", dim),
            self.plain(f"{norm}.weight", dim),
            self.plain(f"{norm}.bias", dim),
        )


def load(
    checkpoint: Checkpoint, arch: Architecture, vocabulary: int, dtype: torch.dtype
) -> tuple[Weights, Modulation]:
    """The weights of an F5-TTS checkpoint with a vocabulary of so many tokens. Raises LoadFailed."""
    take = Loader(checkpoint, "transformer.", dtype)
    dim, text_dim = arch.dim, arch.text_dim
    table = take.plain("text_embed.text_embed.weight", vocabulary + 1, text_dim)
    project = take.plain("input_embed.proj.weight", dim, 2 * MEL_BANDS + text_dim)
    noisy, reference, text = project.split((MEL_BANDS, MEL_BANDS, text_dim), dim=1)
    output = Linear(
        take.product(_rows(take.plain("proj_out.weight", MEL_BANDS, dim))),
        take.product(_rows(take.plain("proj_out.bias", MEL_BANDS))),
    )
    cos, sin = _rotary(arch, project.device)
    weights = Weights(
        architecture=arch,
        input_mel=take.product(_columns(noisy)),
        input_reference=take.product(_columns(reference)),
        input_text=Linear(take.product(text), take.product(take.plain("input_embed.proj.bias", dim))),
        convs=(_position_conv(take, 0, dim), _position_conv(take, 2, dim)),
        blocks=[_block(take, f"transformer_blocks.{number}", arch) for number in range(arch.depth)],
        output=output,
        text_table=table,
        text_positions=_text_positions(text_dim, table.device),
        text_blocks=[
            _text_block(take, f"text_embed.text_blocks.{n}", text_dim) for n in range(arch.conv_layers)
        ],
        cos=cos,
        sin=sin,
    )
    return weights, Modulation.load(take.plain, arch, dtype)


def _rows(tensor: Tensor) -> Tensor:
    """Mel bands filled up to 128 with zeros, along the first axis."""
    return torch.cat((tensor, tensor.new_zeros(MEL - MEL_BANDS, *tensor.shape[1:])))


def _columns(tensor: Tensor) -> Tensor:
    return torch.nn.functional.pad(tensor, (0, MEL - MEL_BANDS))


def _position_conv(take: Loader, number: int, dim: int) -> PositionConv:
    name, width = f"input_embed.conv_pos_embed.conv1d.{number}", dim // _CONV_GROUPS
    weight = take.plain(f"{name}.weight", dim, width, _CONV_TAPS).view(_CONV_GROUPS, width, width, _CONV_TAPS)
    return PositionConv(
        take.product(weight.permute(0, 3, 2, 1)), take.product(take.plain(f"{name}.bias", dim))
    )


def _block(take: Loader, name: str, arch: Architecture) -> Block:
    dim, inner, hidden = arch.dim, arch.inner, arch.dim * arch.ff_mult
    within = torch.cat((torch.arange(0, arch.dim_head, 2), torch.arange(1, arch.dim_head, 2)))
    halves = (torch.arange(arch.heads)[:, None] * arch.dim_head + within).flatten()
    weights = [take.plain(f"{name}.attn.to_{one}.weight", inner, dim) for one in "qkv"]
    biases = [take.plain(f"{name}.attn.to_{one}.bias", inner) for one in "qkv"]
    halves = halves.to(biases[0].device)
    for one in (0, 1):  # v is not turned
        weights[one], biases[one] = weights[one][halves], biases[one][halves]
    norms: list[Tensor | None] = [None, None]
    if arch.qk_norm:
        names = (f"{name}.attn.q_norm.weight", f"{name}.attn.k_norm.weight")
        norms = [take.plain(one, arch.dim_head)[within.to(biases[0].device)] for one in names]
    return Block(
        qkv=Linear(take.product(torch.cat(weights)), take.product(torch.cat(biases))),
        out=take.linear(f"{name}.attn.to_out.0", dim, inner),
        up=take.linear(f"{name}.ff.ff.0.0", hidden, dim),
        down=take.linear(f"{name}.ff.ff.2", dim, hidden),
        query_norm=norms[0],
        key_norm=norms[1],
    )


def _text_block(take: Loader, name: str, dim: int) -> TextBlock:
    return TextBlock(
        conv=take.depthwise_norm(f"{name}.dwconv", f"{name}.norm", dim),
        up=take.linear(f"{name}.pwconv1", 2 * dim, dim),
        gamma=take.plain(f"{name}.grn.gamma", 1, 1, 2 * dim).flatten(),
        beta=take.plain(f"{name}.grn.beta", 1, 1, 2 * dim).flatten(),
        down=take.linear(f"{name}.pwconv2", dim, 2 * dim),
    )


def _rotary(arch: Architecture, device: torch.device) -> tuple[Tensor, Tensor]:
    """In float32 whatever the model is in: half precision would turn by up to 0.3 rad too much at 9 s."""
    frequencies = 1.0 / _ROTARY_BASE ** (
        torch.arange(0, arch.dim_head, 2, device=device).float() / arch.dim_head
    )
    angles = torch.arange(LONGEST, device=device).float()[:, None] * frequencies
    return angles.cos(), angles.sin()


def _text_positions(dim: int, device: torch.device) -> Tensor:
    """Cosines, then sines: [8192, dim]."""
    frequencies = 1.0 / 10_000.0 ** (torch.arange(0, dim, 2, device=device)[: dim // 2].float() / dim)
    angles = torch.outer(torch.arange(LONGEST, device=device), frequencies).float()
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
