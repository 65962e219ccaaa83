"""What the packages import and need not have: let in before they are.

librosa brings numba and scikit-learn, 350 MB, and takes half of the time of the start, for ten lines of
filters. omegaconf reads a YAML file and has no wheel for one of its own needs.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from . import recording


class Config(dict[str, Any]):
    """A table whose keys are attributes too, all the way down."""

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None

    @classmethod
    def of(cls, value: Any) -> Any:
        """Tables become configs, lists of them too."""
        if isinstance(value, dict):
            return cls({key: cls.of(one) for key, one in value.items()})
        return [cls.of(one) for one in value] if isinstance(value, list) else value

    @classmethod
    def read(cls, path: Path) -> Config:
        """A YAML file."""
        found: Config = cls.of(yaml.safe_load(path.read_text(encoding="utf-8")))
        return found


def stand_in() -> None:
    """Put the modules where the packages find them; a real omegaconf stays, since a person may use it."""
    filters = _module("librosa.filters", mel=recording.mel_filters)
    _module("librosa", filters=filters)
    if find_spec("omegaconf") is None:
        _module("omegaconf", OmegaConf=Config)


def _module(name: str, **contents: Any) -> ModuleType:
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(contents)
    return module


__all__ = ["Config", "stand_in"]
