"""The mel of a piece: Euler steps through the package's DiT, in a few shapes that CUDA graphs are made of.

The network's own forward cannot be padded: its attention has no mask and its convolutions reflect the end of
the tensor. This one has the same weights and gives the same mel, padded or not. What is the same in all steps
is computed once: what the frames are to follow once a piece, what the time does once a schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cancel import Cancel
from .decode import Cancelled
from .model import Reference

BUCKETS = (384, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560)


@dataclass(frozen=True)
class _Schedule:
    """The times of a number of steps: how long each is, and all that the network makes of each time."""

    lengths: list[float]
    table: Tensor


class _Frames:
    """Buffers for so many frames; a graph reads and writes these and no others."""

    def __init__(self, frames: int, network: _Network) -> None:
        device, kind = network.device, network.kind
        self.x = torch.zeros(1, network.bands, frames, device=device)
        self.base = torch.zeros(2, frames, network.width, device=device, dtype=kind)
        self.times = torch.zeros(network.per_time, device=device)
        self.step = torch.zeros((), device=device)
        self.rate = torch.zeros((), device=device)
        # False where the recording and the padding are: nothing is to come of those.
        self.open = torch.zeros(1, 1, frames, dtype=torch.bool, device=device)
        self.keys = torch.zeros(1, 1, 1, frames, dtype=torch.bool, device=device)
        self.mirror = torch.zeros(frames + 2 * network.reach, dtype=torch.long, device=device)
        self.graph: Any = None

    def put(self, base: Tensor, noise: Tensor, prompt: int, rate: float) -> None:
        """Lay a piece in; the recording is its first `prompt` frames."""
        count, room = noise.shape[-1], self.x.shape[-1]
        places = torch.arange(room, device=self.x.device)
        self.open.copy_(((places >= prompt) & (places < count))[None, None])
        self.keys.copy_((places < count)[None, None, None])
        self.x.zero_()
        self.x[..., :count] = noise
        self.x.mul_(self.open)
        self.base[:, :count] = base
        self.base[:, count:] = 0
        reach = (len(self.mirror) - room) // 2
        around = torch.arange(-reach, room + reach, device=self.x.device).abs()
        self.mirror.copy_(torch.where(around < count, around, 2 * (count - 1) - around).clamp(0, count - 1))
        self.rate.fill_(rate)


class _Network:
    """The package's DiT with everything in place for a step."""

    def __init__(self, estimator: Any, half: bool) -> None:
        self._dit = estimator
        self.kind = torch.float16 if half else torch.float32
        merge = estimator.cond_x_merge_linear
        self.bands = int(estimator.in_channels)
        self.width = int(merge.out_features)
        self.device = merge.weight.device
        self._entry = merge.weight[:, : self.bands].to(self.kind).contiguous()
        wavenet = estimator.wavenet
        self._pads = [
            (one.conv.conv.kernel_size[0] - 1) * one.conv.conv.dilation[0] // 2 for one in wavenet.in_layers
        ]
        self.reach = max(self._pads)
        layers = estimator.transformer.layers
        self._norms = [norm for one in layers for norm in (one.attention_norm, one.ffn_norm)]
        self._norms.append(estimator.transformer.norm)
        self._sizes = [2 * self.width] * len(self._norms) + [2 * wavenet.hidden_channels]
        self._sizes.append(2 * wavenet.hidden_channels * wavenet.n_layers)
        self.per_time = sum(self._sizes)
        if half:
            self._halve()

    def _halve(self) -> None:
        """What a step multiplies with, in float16; the times and what is made of them stay as they are."""
        dit = self._dit
        for layer in dit.transformer.layers:
            layer.attention.half()
            layer.feed_forward.half()
            if dit.uvit_skip_connection:
                layer.skip_in_linear.half()
        dit.wavenet.in_layers.half()
        dit.wavenet.res_skip_layers.half()
        for module in (dit.skip_linear, dit.conv1, dit.conv2, dit.res_projection, dit.final_layer.linear):
            module.half()

    def schedule(self, steps: int) -> _Schedule:
        """Euler's steps, as even as the package's, and the rows of the table, one a step."""
        dit = self._dit
        times = torch.linspace(0, 1, steps + 1, device=self.device)
        at, rows = times[0], []
        for step in range(steps):
            first, second = dit.t_embedder(at[None]), dit.t_embedder2(at[None])
            parts = []
            for norm in self._norms:
                scale, shift = norm.project_layer(first).chunk(2, dim=-1)
                parts += [scale * norm.norm.weight, shift]
            parts += [
                dit.final_layer.adaLN_modulation(first),
                dit.wavenet.cond_layer(second[..., None])[..., 0],
            ]
            rows.append(torch.cat(parts, dim=-1)[0])
            at = at + (times[step + 1] - times[step])
        return _Schedule(times.diff().tolist(), torch.stack(rows))

    def base(self, condition: Tensor, mel: Tensor, style: Tensor) -> Tensor:
        """What the frames are to follow, and what they are without it: the part of the entry that stays."""
        dit, frames = self._dit, condition.shape[1]
        prompt = F.pad(mel.transpose(1, 2), (0, 0, 0, frames - mel.shape[-1]))
        given = torch.cat(
            [prompt, dit.cond_projection(condition), style[:, None].expand(-1, frames, -1)], dim=-1
        )
        free = torch.zeros_like(given)
        free[..., self.bands : -style.shape[-1]] = dit.cond_projection.bias
        merge = dit.cond_x_merge_linear
        found: Tensor = F.linear(torch.cat([given, free]), merge.weight[:, self.bands :], merge.bias)
        return found

    def step(self, frames: _Frames, padded: bool) -> None:
        """One step of Euler's, in place."""
        flow = self._flow(frames, frames.keys if padded else None).float()
        followed, free = flow.chunk(2)
        whole = (1 + frames.rate) * followed - frames.rate * free
        frames.x.copy_((frames.x + frames.step * whole) * frames.open)

    def _flow(self, frames: _Frames, keys: Tensor | None) -> Tensor:
        dit = self._dit
        *norms, last, waves = frames.times.to(self.kind).split(self._sizes)
        now = frames.x.transpose(1, 2).to(self.kind)
        rows = frames.base + F.linear(now, self._entry)
        rows = self._transformer(rows, norms, keys)
        now = now.expand(2, -1, -1)
        if dit.long_skip_connection:
            rows = dit.skip_linear(torch.cat([rows, now], dim=-1))
        heard = self._waves(dit.conv1(rows).transpose(1, 2), waves, frames.mirror)
        heard = heard.transpose(1, 2) + dit.res_projection(rows)
        shift, scale = last.chunk(2)
        normed = F.layer_norm(heard, (heard.shape[-1],), eps=dit.final_layer.norm_final.eps)
        heard = dit.final_layer.linear(torch.addcmul(shift, normed, 1 + scale))
        flow: Tensor = dit.conv2(heard.transpose(1, 2))
        return flow

    def _transformer(self, rows: Tensor, norms: Sequence[Tensor], keys: Tensor | None) -> Tensor:
        blocks = self._dit.transformer
        count = rows.shape[1]
        turns = blocks.freqs_cis[:count]
        kept: list[Tensor] = []
        for number, layer in enumerate(blocks.layers):
            if number in blocks.layers_receive_skip:
                rows = layer.skip_in_linear(torch.cat([rows, kept.pop()], dim=-1))
            normed = self._normed(rows, norms[2 * number], layer.attention_norm)
            rows = rows + _attention(layer.attention, normed, turns, keys)
            rows = rows + layer.feed_forward(self._normed(rows, norms[2 * number + 1], layer.ffn_norm))
            if number in blocks.layers_emit_skip:
                kept.append(rows)
        return self._normed(rows, norms[-1], blocks.norm)

    def _normed(self, rows: Tensor, made: Tensor, norm: Any) -> Tensor:
        scale, shift = made.chunk(2)
        return torch.addcmul(shift, F.rms_norm(rows, (self.width,), eps=norm.eps), scale)

    def _waves(self, x: Tensor, times: Tensor, mirror: Tensor) -> Tensor:
        """The package's WN: its convolutions are padded by what the index mirrors at the real end."""
        wavenet = self._dit.wavenet
        channels, room = wavenet.hidden_channels, x.shape[-1]
        output = torch.zeros_like(x)
        for number, made in enumerate(times.split(2 * channels)):
            pad = self._pads[number]
            around = mirror[self.reach - pad : self.reach + room + pad]
            inner = wavenet.in_layers[number].conv.conv
            heard = F.conv1d(x.index_select(-1, around), inner.weight, inner.bias, dilation=inner.dilation)
            tanh, gate = (heard + made[:, None]).chunk(2, dim=1)
            outer = wavenet.res_skip_layers[number].conv.conv
            given = F.conv1d(torch.tanh(tanh) * torch.sigmoid(gate), outer.weight, outer.bias)
            if number < wavenet.n_layers - 1:
                x = x + given[:, :channels]
                given = given[:, channels:]
            output = output + given
        return output


def _attention(attention: Any, rows: Tensor, turns: Tensor, keys: Tensor | None) -> Tensor:
    batch, count, _ = rows.shape
    heads = attention.n_head
    query, key, value = attention.wqkv(rows).view(batch, count, 3, heads, -1).transpose(1, 3).unbind(2)
    turned = (_turn(one, turns) for one in (query, key))
    found = F.scaled_dot_product_attention(*turned, value, attn_mask=keys)
    joined: Tensor = attention.wo(found.transpose(1, 2).reshape(batch, count, -1))
    return joined


def _turn(rows: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions in float32: float16 angles are off by a third of a radian after ten seconds."""
    even, odd = rows.float().unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = turns.float().unbind(-1)
    turned = torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], dim=-1)
    return turned.flatten(-2).to(rows.dtype)


class Diffusion:
    """Makes mels. `prepare` captures graphs; without it each step is launched by itself, in any size."""

    def __init__(self, estimator: Any, half: bool) -> None:
        self._network = _Network(estimator, half)
        self._schedules: dict[int, _Schedule] = {}
        self._buckets: dict[int, _Frames] = {}

    def prepare(self, buckets: Sequence[int] = BUCKETS, capture: bool = True) -> None:
        """Make these numbers of frames ready, the largest first: their graphs share its memory."""
        pool = torch.cuda.graph_pool_handle() if capture else None
        for bucket in sorted(buckets, reverse=True):
            frames = self._buckets[bucket] = _Frames(bucket, self._network)
            if not capture:
                continue
            # Without any key it would be not-a-number.
            frames.keys.fill_(True)
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                self._network.step(frames, padded=True)
            torch.cuda.current_stream().wait_stream(beside)
            frames.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(frames.graph, pool=pool):
                self._network.step(frames, padded=True)

    def mel(self, condition: Tensor, reference: Reference, steps: int, rate: float, cancel: Cancel) -> Tensor:
        """The frames [1, 80, F] of the condition [1, F, C], after the recording's. Raises Cancelled."""
        whole = torch.cat([reference.prompt, condition], dim=1)
        prompt, count = reference.mel.shape[-1], whole.shape[1]
        noise = torch.randn(1, self._network.bands, count, device=whole.device)
        bucket = min((one for one in self._buckets if one >= count), default=None)
        frames = _Frames(count, self._network) if bucket is None else self._buckets[bucket]
        frames.put(self._network.base(whole, reference.mel, reference.style), noise, prompt, rate)
        schedule = self._schedules.get(steps)
        if schedule is None:
            schedule = self._schedules[steps] = self._network.schedule(steps)
        for length, times in zip(schedule.lengths, schedule.table, strict=True):
            if cancel.requested:
                raise Cancelled
            frames.times.copy_(times)
            frames.step.fill_(length)
            if frames.graph is None:
                self._network.step(frames, padded=frames.x.shape[-1] > count)
            else:
                frames.graph.replay()
        return frames.x[..., prompt:count].clone()


__all__ = ["BUCKETS", "Diffusion"]
