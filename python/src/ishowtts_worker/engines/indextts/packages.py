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


def stand_in_for_version2() -> None:
    """What indextts2-inference imports on top: its own loop, which wants much, and torchaudio for a name."""
    stand_in()
    package = find_spec("indextts")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("no package indextts2-inference", name="indextts")
    _module("indextts", __path__=list(package.submodule_search_locations))
    if find_spec("torchaudio") is None:
        functional = _module("torchaudio.functional.functional", _hz_to_mel=None, _mel_to_hz=None)
        _module("torchaudio", functional=_module("torchaudio.functional", functional=functional))


def number_readers() -> dict[str, Any]:
    """What reads numbers in Chinese and English, by language; without wetext digits are left to the model."""
    if find_spec("wetext") is None:
        return {}
    from wetext import Normalizer  # noqa: PLC0415 - it may be absent

    chinese = Normalizer(remove_erhua=False, lang="zh", operator="tn")
    return {"zh": chinese, "en": Normalizer(lang="en", operator="tn")}


def _module(name: str, **contents: Any) -> ModuleType:
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(contents)
    return module


__all__ = ["Config", "number_readers", "stand_in", "stand_in_for_version2"]
