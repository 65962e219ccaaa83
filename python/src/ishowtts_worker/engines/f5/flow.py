"""The model: text in, then step by step along the flow from noise to a mel spectrogram, then a wave."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .buffers import View
from .modulation import Step
from .ops import Ops, Rotation, Spans
from .vocoder import Vocoder
from .weights import Weights


class Flow:
    """A model on a device, computed by `ops`; it writes into a View's memory and leaves nothing elsewhere.

    `fixed_shapes`: attention must not look at lengths on the host, since it is compiled or captured.
    """

    def __init__(self, weights: Weights, vocoder: Vocoder, ops: Ops, *, fixed_shapes: bool) -> None:
        self._weights = weights
        self._vocoder = vocoder
        self._ops = ops
        self._fixed_shapes = fixed_shapes
        self._dtype = weights.input_mel.dtype

    def begin(self, view: View) -> None:
        """Everything that no step changes."""
        weights, rows = self._weights, view.rows
        owned = torch.where(view.owners < view.starts.shape[0], view.owners + 1, 0).float()
        view.owned.view(2, rows)[:] = owned
        view.cos.view(2, rows, -1)[:] = weights.cos[view.positions]
        view.sin.view(2, rows, -1)[:] = weights.sin[view.positions]
        text = F.linear(self._text(view, owned), weights.input_text.weight, weights.input_text.bias)
        reference = (view.reference * view.is_reference[:, None]).to(self._dtype)
        view.base[:] = text
        view.base[:rows] += F.linear(reference, weights.input_reference)

    def step(self, view: View, step: Step) -> None:
        """One Euler step."""
        weights, ops = self._weights, self._ops
        arch = weights.architecture
        turned = arch.heads if arch.pe_attn_head is None else min(arch.pe_attn_head, arch.heads)
        rotation = Rotation(view.cos, view.sin, arch.heads, turned)
        spans = self._spans(view)
        noisy = F.linear(view.noisy.to(self._dtype), weights.input_mel)
        rows = (view.base.view(2, view.rows, -1) + noisy).view(2 * view.rows, -1)
        first = ops.position_conv(rows, weights.convs[0], view.owned)
        rows = ops.position_conv(first, weights.convs[1], view.owned, residual=rows)
        change: Tensor | None = None
        for number, block in enumerate(weights.blocks):
            shift, scale, gate, shift_up, scale_up, _ = step.layers[number]
            if change is None:
                normed = ops.norm(rows, scale, shift)
            else:
                rows, normed = ops.add_norm(rows, change, step.layers[number - 1, 5], scale, shift)
            qkv = F.linear(normed, block.qkv.weight, block.qkv.bias)
            mixed = ops.attend(qkv, block, rotation, spans)
            mixed = F.linear(mixed, block.out.weight, block.out.bias)
            rows, normed = ops.add_norm(rows, mixed, gate, scale_up, shift_up)
            change = F.linear(ops.gelu_linear(normed, block.up), block.down.weight, block.down.bias)
        if change is None:
            normed = ops.norm(rows, *step.last)
        else:
            _, normed = ops.add_norm(rows, change, step.layers[-1, 5], *step.last)
        flow = F.linear(normed, weights.output.weight, weights.output.bias)
        ops.euler(flow, view.noisy, view.guidance, step.length)

    def finish(self, view: View, shown: View) -> None:
        """The waves of the rows that `shown` shows of `view`."""
        mel = self.mel(view)[(shown.shown - 1).clamp(min=0)]
        shown.wave[:] = self._vocoder.wave(mel, (shown.shown > 0).float(), self._ops)

    def mel(self, view: View) -> Tensor:
        """What the steps came to: [rows, 128]; the reference's frames are its own."""
        return torch.where(view.is_reference[:, None] > 0, view.reference, view.noisy)

    def _spans(self, view: View) -> Spans:
        same = None
        if self._fixed_shapes:
            same = view.owners[:, None] == view.owners
        return Spans(view.rows, view.starts, view.lengths, same, view.mixed)

    def _text(self, view: View, owned: Tensor) -> Tensor:
        """The text encoder, [2 * rows, text_dim]; the unconditional half is told no token."""
        weights = self._weights
        tokens = torch.stack((view.tokens, torch.zeros_like(view.tokens)))
        rows = weights.text_table[tokens]
        valid = (owned > 0).float()
        if not weights.text_blocks:
            return (rows * valid[:, None]).flatten(0, 1).to(self._dtype)
        # Both halves leave out the same frames, although the second has no text.
        kept = valid * (view.tokens != 0) if weights.architecture.text_mask_padding else valid
        both = kept.repeat(2)
        rows = (rows + weights.text_positions[view.positions]).flatten(0, 1)
        rows = (rows * both[:, None]).to(self._dtype)
        members = self._members(view)
        marks = (owned * (2 * kept - 1)).repeat(2)
        for block in weights.text_blocks:
            hidden = self._ops.depthwise_norm(rows, block.conv, marks, 2)
            hidden = F.gelu(F.linear(hidden, block.up.weight, block.up.bias))
            hidden = self._ops.response_norm(hidden, block.gamma, block.beta, members)
            rows = (rows + F.linear(hidden, block.down.weight, block.down.bias)) * both[:, None].to(
                self._dtype
            )
        return rows

    def _members(self, view: View) -> Tensor:
        """Which rows are whose: [2 * requests, 2 * rows], 1 where they are."""
        requests = torch.arange(view.starts.shape[0], device=view.owners.device)
        own = (view.owners == requests[:, None]).float()
        return torch.block_diag(own, own)
