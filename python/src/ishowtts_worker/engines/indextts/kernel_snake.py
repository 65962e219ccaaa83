"""BigVGAN's activation in a kernel of our own, for any GPU that Triton knows; the package's needs nvcc."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from . import kernels

_BLOCK = 256


def fused(module: Any, x: Tensor, length: Tensor) -> Tensor:
    """What `vocoder.aliased` gives; of a module with filters of twelve taps and a factor of two."""
    act, x = module.act, x.contiguous()
    out = torch.empty_like(x)
    _, channels, room = x.shape
    kernels.snake[(channels, triton.cdiv(room, _BLOCK))](
        x, out, module.upsample.filter, module.downsample.lowpass.filter,
        act.alpha, getattr(act, "beta", act.alpha), length,
        ROOM=room, LOG=bool(act.alpha_logscale), BLOCK=_BLOCK, num_warps=4,
    )  # fmt: skip
    return out


def fits(module: Any) -> bool:
    """Whether `fused` can take the place of this one."""
    up, down = module.upsample, module.downsample.lowpass
    sizes = (up.ratio, up.kernel_size, down.stride, down.kernel_size, up.pad, down.pad_left)
    return sizes == (2, 12, 2, 12, 5, 5)


__all__ = ["fits", "fused"]
