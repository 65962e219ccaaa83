"""What to compute with on a device: the best that it and the packages can do, unless the settings say."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch

from ...errors import BadSettings

_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_TIERS = ("triton", "compile", "graph", "eager")
_LEAST_CAPABILITY = (8, 0)


@dataclass(frozen=True)
class Tier:
    """What is computed with.

    `name`: triton (our kernels in CUDA graphs), compile (torch.compile in CUDA graphs), graph (plain torch in
    CUDA graphs) or eager (plain torch).
    """

    name: str
    device: str
    dtype: torch.dtype

    @property
    def is_captured(self) -> bool:
        """Whether it replays CUDA graphs."""
        return self.name != "eager" and self.device.startswith("cuda")


def choose(device: str, kernels: str, dtype: str) -> Tier:
    """The tier for a device such as cpu or cuda:0. Raises BadSettings for what cannot be."""
    if dtype != "auto" and dtype not in _DTYPES:
        raise BadSettings(f"dtype must be auto, {', '.join(_DTYPES)}, not {dtype!r}", param="dtype")
    if kernels not in ("auto", *_TIERS):
        raise BadSettings(f"kernels must be auto, {', '.join(_TIERS)}, not {kernels!r}", param="kernels")
    if device in ("cpu", "none"):
        if kernels in ("triton", "graph"):
            raise BadSettings(
                f"kernels = {kernels!r} is for a GPU; on 'cpu' there are eager and compile", "kernels"
            )
        # Half precision is slower than single on nearly every processor.
        return Tier("eager" if kernels == "auto" else kernels, "cpu", _DTYPES.get(dtype, torch.float32))
    return _on_gpu(_checked(device), kernels, _DTYPES.get(dtype, torch.float16))


def _on_gpu(device: str, kernels: str, dtype: torch.dtype) -> Tier:
    has_triton = importlib.util.find_spec("triton") is not None
    capable = torch.cuda.get_device_capability(device) >= _LEAST_CAPABILITY
    possible = {
        "triton": has_triton and capable and dtype is not torch.float32,
        # What torch.compile makes for a GPU is Triton too.
        "compile": has_triton,
        "graph": True,
        "eager": True,
    }
    if kernels != "auto":
        if not possible[kernels]:
            needs = "the package triton, a GPU of compute capability 8.0 or more, and half precision"
            raise BadSettings(
                f"kernels = {kernels!r} is not possible on {device!r}; it needs {needs}", "kernels"
            )
        return Tier(kernels, device, dtype)
    if dtype is torch.float32:
        return Tier("eager", device, dtype)
    return Tier(next(tier for tier in _TIERS if possible[tier]), device, dtype)


def _checked(device: str) -> str:
    try:
        kind = torch.device(device)
    except RuntimeError:
        kind = None
    if kind is None or kind.type != "cuda":
        raise BadSettings(f"f5 computes on 'cpu' or 'cuda:0', not on {device!r}", param="device")
    if not torch.cuda.is_available():
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
        raise BadSettings(
            f"f5 is to compute on {device!r}, but torch {torch.__version__} ({built}) finds no GPU: "
            'install NVIDIA\'s driver, or set device = "cpu"; `ishowtts doctor` says more',
            param="device",
        )
    count = torch.cuda.device_count()
    if (kind.index or 0) >= count:
        raise BadSettings(
            f"there is no {device!r}: this machine has {count} GPUs, from 'cuda:0' on", param="device"
        )
    return f"cuda:{kind.index or 0}"
