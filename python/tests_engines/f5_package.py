"""The f5-tts package's own model and vocoder, small and random, and the files that real ones come in."""

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from ishowtts_worker.engines.f5.architecture import package_data
from ishowtts_worker.engines.f5.random_model import describe_vocos
from ishowtts_worker.engines.f5.upstream import stand_in

stand_in()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, about torch
    from f5_tts.model.backbones.dit import DiT
    from f5_tts.model.cfm import CFM
    from f5_tts.model.utils import get_tokenizer
    from vocos.feature_extractors import MelSpectrogramFeatures
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    from vocos.pretrained import Vocos

TINY = {"dim": 64, "depth": 3, "heads": 2, "dim_head": 32, "ff_mult": 2, "text_dim": 32, "conv_layers": 2}
TINY_VOCOS = {"dim": 32, "intermediate_dim": 64, "num_layers": 2}


@dataclass
class Package:
    """The package's model and vocoder."""

    model: Any
    vocoder: Any

    def mel(self, cond: torch.Tensor, text: list[list[str]], frames: Any, **options: Any) -> torch.Tensor:
        """What its `sample` gives, reference frames included."""
        found, _ = self.model.sample(cond=cond, text=text, duration=frames, **options)
        return found

    def wave(self, mel: torch.Tensor, spoken_from: int) -> torch.Tensor:
        """What its vocoder makes of the frames after the reference."""
        return self.vocoder.decode(mel[None, spoken_from:].transpose(1, 2))[0]


def vocabulary() -> Path:
    """The package's own."""
    return package_data() / "infer/examples/vocab.txt"


def build(arch: dict[str, Any], vocos: dict[str, int]) -> Package:
    """Random weights.

    What training starts from zero is random too: with zeros every text would sound the same.
    """
    torch.manual_seed(1)
    tokens, size = get_tokenizer(str(vocabulary()), "custom")
    model = CFM(
        transformer=DiT(**arch, text_num_embeds=size, mel_dim=100),
        mel_spec_kwargs={"mel_spec_type": "vocos"},
        odeint_kwargs={"method": "euler"},
        vocab_char_map=tokens,
    )
    vocoder = Vocos(
        feature_extractor=MelSpectrogramFeatures(24_000, 1024, 256, 100, "center"),
        backbone=VocosBackbone(100, **vocos),
        head=ISTFTHead(vocos["dim"], 1024, 256, "center"),
    )
    for part in (model, vocoder):
        for name, parameter in part.named_parameters():
            _randomise(name, parameter, arch["dim"])
    return Package(model.eval().requires_grad_(False), vocoder.eval().requires_grad_(False))


def _randomise(name: str, parameter: nn.Parameter, dim: int) -> None:
    parameter = parameter.data
    if parameter.ndim >= 2 and "grn" not in name and "text_embed.text_embed" not in name:
        parameter.normal_(0, 1 / parameter[0].numel() ** 0.5)
    if "attn_norm.linear.weight" in name or "norm_out.linear.weight" in name:
        parameter.mul_(0.3)
    elif name.endswith("bias") or "grn" in name:
        parameter.normal_(0, 0.1)
    if "attn_norm.linear.bias" in name:
        parameter[2 * dim : 3 * dim] += 0.3
        parameter[5 * dim :] += 0.3


def save(package: Package, folder: Path, arch: dict[str, Any], vocos: dict[str, int]) -> dict[str, str]:
    """Write it as it would be published. Returns the settings that name the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocos").mkdir(exist_ok=True)
    described = {"name": "Test", "backbone": "DiT", "arch": arch, "mel_spec": {"mel_spec_type": "vocos"}}
    (folder / "model.yaml").write_text(yaml.safe_dump({"model": described}))
    weights = {f"ema_model.{name}": tensor for name, tensor in package.model.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    torch.save(package.vocoder.state_dict(), folder / "vocos/pytorch_model.bin")
    describe_vocos(folder / "vocos/config.yaml", vocos)
    names = {"model": "model.yaml", "checkpoint": "model.safetensors", "vocoder": "vocos"}
    return {key: str(folder / name) for key, name in names.items()}


if __name__ == "__main__":
    save(build(TINY, TINY_VOCOS), Path(sys.argv[1]), TINY, TINY_VOCOS)
