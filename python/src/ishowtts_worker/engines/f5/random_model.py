"""A checkpoint of random weights in the files that a real one has, for measuring speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from . import architecture, vocoder, weights
from .checkpoint import Checkpoint

_VOCABULARY = 2545
_VOCOS = {"dim": 512, "intermediate_dim": 1536, "num_layers": 8}


class _Made(Checkpoint):
    """Makes each tensor when it is asked for."""

    def __init__(self) -> None:
        super().__init__(Path("random"), {})
        self.made: dict[str, Tensor] = {}
        self._generator = torch.Generator().manual_seed(1)

    def __contains__(self, name: str) -> bool:
        return True

    def take(self, name: str, shape: Iterable[int]) -> Tensor:
        """A tensor of this shape, scaled as training would leave it, more or less."""
        shape = tuple(shape)
        tensor = torch.randn(shape, generator=self._generator)
        if len(shape) > 1 and "grn" not in name:
            tensor *= tensor[0].numel() ** -0.5
        elif name.endswith("gamma"):
            tensor = tensor * 0.02 + 0.125
        elif "norm" in name and name.endswith("weight"):
            tensor = 1.0 + 0.1 * tensor
        else:
            tensor *= 0.05
        if "attn_norm.linear.weight" in name or "norm_out.linear.weight" in name:
            tensor *= 0.3
        if "attn_norm.linear.bias" in name:
            tensor.view(6, -1)[[2, 5]] += 0.3
        self.made[name] = tensor
        return tensor.clone()


def write(folder: Path, model: str) -> dict[str, str]:
    """Write a checkpoint of a model, and a Vocos of full size. Returns the settings that name them."""
    made = _Made()
    weights.load(made, architecture.read(architecture.find(model)), _VOCABULARY, torch.float32)
    checkpoint = folder / "model.safetensors"
    save_file({f"ema_model.{name}": tensor for name, tensor in made.made.items()}, checkpoint)
    (folder / "vocos").mkdir()
    describe_vocos(folder / "vocos/config.yaml", _VOCOS)
    made = _Made()
    vocoder.build(folder / "vocos/config.yaml", made, torch.float32)
    torch.save(made.made, folder / "vocos/pytorch_model.bin")
    return {"model": model, "checkpoint": str(checkpoint), "vocoder": str(folder / "vocos")}


def describe_vocos(path: Path, sizes: Mapping[str, int]) -> None:
    """Write the config.yaml of a Vocos with a backbone of these sizes."""
    features = {"sample_rate": 24_000, "n_fft": 1024, "hop_length": 256, "n_mels": 100, "padding": "center"}
    head = {"dim": sizes["dim"], "n_fft": 1024, "hop_length": 256, "padding": "center"}
    parts = {
        "feature_extractor": ("feature_extractors.MelSpectrogramFeatures", features),
        "backbone": ("models.VocosBackbone", {"input_channels": 100, **sizes}),
        "head": ("heads.ISTFTHead", head),
    }
    table = {
        name: {"class_path": f"vocos.{kind}", "init_args": arguments}
        for name, (kind, arguments) in parts.items()
    }
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
