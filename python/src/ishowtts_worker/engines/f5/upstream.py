"""The f5-tts package's own inference, to be measured beside ours.

It needs, beside this engine's environment: torchaudio, vocos, encodec, x-transformers, torchdiffeq, einops,
scipy, tqdm. What else it imports, to train and to transcribe, is replaced by empty modules.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
import yaml

from . import architecture
from .architecture import MEL_BANDS, SAMPLE_RATE

if TYPE_CHECKING:
    from .bench import Bench

_UNUSED = {
    "wandb": (),
    "ema_pytorch": (),
    "datasets": (),
    "librosa": ("filters",),
    "accelerate": ("utils",),
    "huggingface_hub": (),
    "matplotlib": (),
    "encodec": (),
}


def stand_in() -> None:
    """Empty modules for what is imported and never used, where it is not installed."""
    for name, parts in _UNUSED.items():
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            continue
        for full in (name, *(f"{name}.{part}" for part in parts)):
            module = types.ModuleType(full)
            module.__spec__ = ModuleSpec(full, None)
            module.__path__ = []
            module.__getattr__ = _anything  # type: ignore[method-assign]
            sys.modules[full] = module


def _anything(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    return mock.MagicMock()


def load(files: dict[str, str], device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """The package's model and vocoder, from the same files."""
    stand_in()
    from f5_tts.model.backbones.dit import DiT  # noqa: PLC0415
    from f5_tts.model.cfm import CFM  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415
    from vocos.pretrained import Vocos  # noqa: PLC0415

    table = yaml.safe_load(architecture.find(files["model"]).read_text(encoding="utf-8"))["model"]
    tensors = {
        name.removeprefix("ema_model."): tensor for name, tensor in load_file(files["checkpoint"]).items()
    }
    size = tensors["transformer.text_embed.text_embed.weight"].shape[0] - 1
    model = CFM(
        transformer=DiT(**table["arch"], text_num_embeds=size, mel_dim=MEL_BANDS),
        mel_spec_kwargs={"mel_spec_type": "vocos"},
        odeint_kwargs={"method": "euler"},
    )
    model.load_state_dict(tensors, strict=False)
    folder = Path(files["vocoder"])
    vocos = Vocos.from_hparams(str(folder / "config.yaml"))
    vocos.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True), strict=False)
    return model.to(device, dtype).eval(), vocos.to(device).eval()


def measure(bench: Bench) -> None:
    """Its `sample` and its vocoder, as its inference calls them, for the requests that ours gets."""
    from .bench import REFERENCE_SECONDS, SECONDS, STEPS, frames  # noqa: PLC0415

    try:
        half = torch.float16 if bench.device.startswith("cuda") else torch.float32
        model, vocos = load(bench.files, bench.device, half)
    except ImportError as error:
        bench.note("the package's own", missing=str(error))
        return
    known = frames(REFERENCE_SECONDS)
    wave = torch.randn(1, int(REFERENCE_SECONDS * SAMPLE_RATE), device=bench.device) * 0.1
    for seconds in SECONDS:
        job = bench.job(seconds)
        text = torch.tensor([list(job.tokens)], device=bench.device)
        for steps in STEPS:

            def once(text: torch.Tensor = text, steps: int = steps, total: int = job.frames) -> torch.Tensor:
                with torch.inference_mode():
                    mel, _ = model.sample(
                        cond=wave,
                        text=text,
                        duration=total,
                        steps=steps,
                        cfg_strength=2.0,
                        sway_sampling_coef=-1.0,
                    )
                    made: torch.Tensor = vocos.decode(mel.float()[:, known:].transpose(1, 2)).cpu()
                    return made

            taken = bench.time_ms(once, min(bench.rounds, 8))
            bench.note("the package's own", seconds=seconds, nfe=steps, ms=taken, rtf=taken / 1000 / seconds)
