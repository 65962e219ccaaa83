"""Tensors by name out of a file: safetensors, or a PyTorch checkpoint read in the way that runs no code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ...errors import LoadFailed, MissingModel

# The averaged weights are the ones to speak with; they are the only ones in a published file.
_AVERAGED = "ema_model."
_TABLES = ("ema_model_state_dict", "model_state_dict", "state_dict")


class Checkpoint:
    """A file's tensors; each is taken once, on the device that it was read to."""

    def __init__(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        self.path = path
        self._tensors = dict(tensors)

    @classmethod
    def read(cls, path: Path, device: str, setting: str) -> Checkpoint:
        """Read a file; `setting` is the key that named it. Raises MissingModel and LoadFailed."""
        if not path.is_file():
            raise MissingModel(
                f"no file at {path}; set {setting} of engine 'f5' to a checkpoint", param=setting
            )
        try:
            if path.suffix == ".safetensors":
                tensors = load_file(path, device=device)
            else:
                tensors = _table(torch.load(path, map_location=device, weights_only=True))
        except Exception as error:
            # Whatever a damaged file makes of its reader.
            raise LoadFailed(
                f"{path} is no safetensors file and no checkpoint of plain weights: "
                f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                param=setting,
            ) from error
        return cls(path, {name.removeprefix(_AVERAGED): tensor for name, tensor in tensors.items()})

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor. Raises LoadFailed if it is not there."""
        if name not in self._tensors:
            raise LoadFailed(f"{self.path} has no {name}; it is not the checkpoint of the model that is set")
        return tuple(self._tensors[name].shape)

    def take(self, name: str, shape: Iterable[int]) -> Tensor:
        """A tensor in float32, forgotten here. Raises LoadFailed if it is not there in that shape."""
        expected = tuple(shape)
        if (found := self.shape(name)) != expected:
            raise LoadFailed(
                f"{self.path}: {name} has shape {found} where the model that is set has {expected}"
            )
        return self._tensors.pop(name).detach().float()


def _table(found: object) -> dict[str, Tensor]:
    """The weights within what training saves: the averaged ones first."""
    if not isinstance(found, dict):
        raise TypeError(f"it holds a {type(found).__name__}")
    for key in _TABLES:
        if isinstance(found.get(key), dict):
            return _table(found[key])
    return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
