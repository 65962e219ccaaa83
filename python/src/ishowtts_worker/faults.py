"""What torch raises, told apart: too much for this once, or a device that only a new process gets back.

Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import DeviceFault, OutOfMemory


@contextmanager
def device_faults() -> Iterator[None]:
    """Raise OutOfMemory or DeviceFault for what is one."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemory(f"not enough memory on the GPU for this text ({error}); shorten it") from error
    except RuntimeError as error:
        if "CUDA error" in str(error) or "CUBLAS" in str(error) or "CUDNN" in str(error):
            raise DeviceFault(f"the GPU failed: {error}") from error
        raise


__all__ = ["device_faults"]
