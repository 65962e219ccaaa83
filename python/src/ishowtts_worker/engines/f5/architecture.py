"""What a checkpoint is built like: the `model` part of the YAML that F5-TTS trains with.

The two public models are named by their files in the f5-tts package, F5TTS_v1_Base and F5TTS_Base; a path
names one of your own, which is how the tests run a tiny model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from ...errors import LoadFailed, MissingDependency, MissingModel

SAMPLE_RATE = 24_000
HOP = 256
WINDOW = 1024
MEL_BANDS = 100
_MEL = {
    "target_sample_rate": SAMPLE_RATE,
    "n_mel_channels": MEL_BANDS,
    "hop_length": HOP,
    "win_length": WINDOW,
    "n_fft": WINDOW,
    "mel_spec_type": "vocos",
}
# Keys that change how a model is trained or by which library it is computed, and nothing of what comes out.
_OF_NO_MATTER = frozenset({"attn_backend", "attn_mask_enabled", "checkpoint_activations", "dropout"})
_NOT_HERE = ("text_embedding_average_upsampling", "long_skip_connection")


@dataclass(frozen=True)
class Architecture:
    """Sizes of a diffusion transformer (DiT) of F5-TTS; the names are those of the YAML.

    `pe_attn_head`: so many heads have a rotary position, none: all. `text_mask_padding`: the text encoder
    sees nothing beyond the text's end.
    """

    dim: int
    depth: int
    heads: int
    dim_head: int = 64
    ff_mult: int = 4
    text_dim: int = MEL_BANDS
    conv_layers: int = 0
    text_mask_padding: bool = True
    qk_norm: str | None = None
    pe_attn_head: int | None = None

    @property
    def inner(self) -> int:
        """Width of all heads together."""
        return self.heads * self.dim_head


def package_data() -> Path:
    """The folder of the f5-tts package, whose data are used; it is not imported, since that takes seconds."""
    found = importlib.util.find_spec("f5_tts")
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            "package 'f5_tts' is missing for engine 'f5'; install its environment: ishowtts setup --engine f5"
        )
    return Path(next(iter(found.submodule_search_locations)))


def find(model: str, base: Path | None = None) -> Path:
    """The YAML of a public model's name, or of a path. Raises MissingModel."""
    path = (
        Path(model)
        if model.endswith((".yaml", ".yml"))
        else (base or package_data()) / f"configs/{model}.yaml"
    )
    if not path.is_file():
        raise MissingModel(
            f"no configuration of a model at {path}; "
            "set model to F5TTS_v1_Base, F5TTS_Base or the path of a .yaml",
            param="model",
        )
    return path


def read(path: Path) -> Architecture:
    """The architecture that a YAML describes. Raises LoadFailed for what this engine does not compute."""
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))["model"]
        arch, mel, backbone = (
            dict(table["arch"]),
            dict(table.get("mel_spec") or {}),
            table.get("backbone", "DiT"),
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, UnicodeError) as error:
        why = " ".join(str(error).split())
        raise LoadFailed(
            f"{path} is not the configuration of an F5-TTS model: {why}", param="model"
        ) from error
    if backbone != "DiT":
        raise LoadFailed(f"{path} describes a {backbone}; this engine computes DiT models", param="model")
    for key, value in mel.items():
        if _MEL.get(key, value) != value:
            raise LoadFailed(f"{path} has {key} {value!r}; this engine computes {_MEL[key]!r}", param="model")
    return _architecture(arch, path)


def _architecture(arch: Mapping[str, Any], path: Path) -> Architecture:
    known = {field.name for field in fields(Architecture)}
    for key in _NOT_HERE:
        if arch.get(key):
            raise LoadFailed(f"{path} asks for {key}, which this engine does not compute", param="model")
    unknown = sorted(set(arch) - known - _OF_NO_MATTER - set(_NOT_HERE))
    if unknown:
        raise LoadFailed(
            f"{path} has keys that this engine does not know: {', '.join(unknown)}", param="model"
        )
    try:
        found = Architecture(
            **{key: value for key, value in arch.items() if key in known and value is not None}
        )
    except TypeError as error:
        raise LoadFailed(f"{path}: {error}", param="model") from error
    for name in ("dim", "depth", "heads", "dim_head", "ff_mult", "text_dim", "conv_layers"):
        value = getattr(found, name)
        if not isinstance(value, int) or value < (name != "conv_layers"):
            raise LoadFailed(f"{path} has {name} {value!r}; it must be a whole number", param="model")
    if found.qk_norm not in (None, "rms_norm"):
        raise LoadFailed(f"{path} has qk_norm {found.qk_norm!r}; known are null and rms_norm", param="model")
    return found
