"""BigVGAN in a few lengths that CUDA graphs are made of.

The package's forward cannot be padded: what lies behind the end reaches into it through every convolution.
This one knows the real length, which is data to a graph, and gives the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

BUCKETS = (64, 128, 192, 256, 384, 512, 640, 768, 1024)
HOP = 256

Activation = Callable[[Any, Tensor, Tensor], Tensor]
"""An anti-aliased activation of samples whose real length is a tensor; zero behind that."""


def aliased(module: Any, x: Tensor, length: Tensor) -> Tensor:
    """By the package's modules: each filter sees the last real value repeated, as at the end of a tensor."""
    places = torch.arange(2 * x.shape[-1], device=x.device)
    real = places[: x.shape[-1]]
    finer = module.upsample(x.index_select(-1, torch.minimum(real, length - 1)))
    finer = module.act(finer).index_select(-1, torch.minimum(places, 2 * length - 1))
    coarse: Tensor = module.downsample(finer)
    return coarse * (real < length)


class _Bucket:
    def __init__(self, frames: int, bands: int, device: torch.device) -> None:
        self.mel = torch.zeros(1, bands, frames, device=device)
        self.frames = torch.zeros((), dtype=torch.long, device=device)
        self.wave = torch.zeros(1, 1, frames * HOP, device=device)
        self.graph: Any = None


class Vocoder:
    """Mel to samples. `prepare` captures the graphs; without it the package's own forward runs."""

    def __init__(self, bigvgan: Any, activation: Activation = aliased) -> None:
        self._bigvgan = bigvgan
        self._activation = activation
        self._buckets: dict[int, _Bucket] = {}

    def prepare(self, buckets: Sequence[int] = BUCKETS) -> None:
        """Capture these numbers of frames, the largest first: they share its memory."""
        pool = torch.cuda.graph_pool_handle()
        device = self._bigvgan.conv_pre.weight.device
        for frames in sorted(buckets, reverse=True):
            bucket = _Bucket(frames, self._bigvgan.h.num_mels, device)
            bucket.frames.fill_(frames)
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                self.padded(bucket.mel, bucket.frames)
            torch.cuda.current_stream().wait_stream(beside)
            bucket.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(bucket.graph, pool=pool):
                bucket.wave.copy_(self.padded(bucket.mel, bucket.frames))
            self._buckets[frames] = bucket

    def wave(self, mel: Tensor) -> Tensor:
        """The samples [N] of a mel [1, 80, F]."""
        count = mel.shape[-1]
        fitting = min((one for one in self._buckets if one >= count), default=None)
        if fitting is None:
            found: Tensor = self._bigvgan(mel)
            return found.flatten()
        bucket = self._buckets[fitting]
        bucket.mel.zero_()
        bucket.mel[..., :count] = mel
        bucket.frames.fill_(count)
        bucket.graph.replay()
        return bucket.wave[0, 0, : count * HOP].clone()

    def padded(self, mel: Tensor, frames: Tensor) -> Tensor:
        """The package's forward of a mel that is zero behind its real length."""
        net, length = self._bigvgan, frames
        x = _cut(net.conv_pre(mel), length)
        for stage in range(net.num_upsamples):
            for up in net.ups[stage]:
                x = up(x)
                length = length * up.stride[0]
            blocks = net.resblocks[stage * net.num_kernels : (stage + 1) * net.num_kernels]
            summed = torch.stack([self._block(block, x, length) for block in blocks]).mean(0)
            x = _cut(summed, length)
        x = net.conv_post(self._activation(net.activation_post, x, length))
        return torch.tanh(x) if net.use_tanh_at_final else x.clamp(-1, 1)

    def _block(self, block: Any, x: Tensor, length: Tensor) -> Tensor:
        first, second = block.activations[::2], block.activations[1::2]
        for wide, narrow, before, between in zip(block.convs1, block.convs2, first, second, strict=True):
            inner = wide(self._activation(before, x, length))
            x = narrow(self._activation(between, inner, length)) + x
        return x


def _cut(x: Tensor, length: Tensor) -> Tensor:
    return x * (torch.arange(x.shape[-1], device=x.device) < length)


__all__ = ["BUCKETS", "HOP", "Vocoder", "aliased"]
