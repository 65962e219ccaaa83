"""A whole model folder of IndexTTS-2.5 with random weights, small, made in a few seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml
from safetensors.torch import save_file
from transformers import SeamlessM4TFeatureExtractor

from ishowtts_worker.engines.indextts.random_model import Parts, tiny, write_bytes_tokenizer


def make(folder: Path) -> Path:
    """Write it and return it."""
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    config, bigvgan, hearing = tiny()
    parts = Parts(config, bigvgan, hearing, "cpu")
    cache = folder / "hf_cache"
    hearing_folder = cache / "w2v-bert-2.0"
    (cache / "bigvgan").mkdir(parents=True)
    hearing_folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    torch.save(parts.gpt.state_dict(), folder / "gpt.pth")
    torch.save({"model": parts.codec.state_dict()}, folder / "codec.pth")
    net = {name: module.state_dict() for name, module in parts.s2mel.models.items()}
    torch.save({"net": net}, folder / "s2mel.pth")
    torch.save({"mean": torch.zeros(1024), "var": torch.ones(1024)}, folder / "wav2vec2bert_stats.pt")
    styles = sum(config["emo_num"])
    torch.save(torch.randn(styles, 192), folder / "feat1.pt")
    torch.save(torch.randn(styles, config["gpt"]["model_dim"]), folder / "feat2.pt")
    write_bytes_tokenizer(folder)
    parts.hearing.config.save_pretrained(hearing_folder)
    SeamlessM4TFeatureExtractor().save_pretrained(hearing_folder)
    # Half the size on the disk; it is read into float32.
    save_file(
        {name: one.half() for name, one in parts.hearing.state_dict().items()},
        hearing_folder / "model.safetensors",
    )
    torch.save(parts.campplus.state_dict(), cache / "campplus_cn_common.bin")
    (cache / "bigvgan" / "config.json").write_text(json.dumps(bigvgan))
    torch.save({"generator": parts.bigvgan.state_dict()}, cache / "bigvgan" / "bigvgan_generator.pt")
    return folder


def record(path: Path, seconds: float = 1.2, seed: int = 0) -> Path:
    """Something like a voice: noise that comes and goes."""
    rate = 24000
    noise = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    samples = 0.1 * noise.standard_normal(time.size) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    soundfile.write(path, samples.astype(np.float32), rate)
    return path
