"""A whole model folder of IndexTTS-2.5 with random weights, small, made in a few seconds."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml
from safetensors.torch import save_file, save_model
from sentencepiece import SentencePieceTrainer
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

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


def make2(folder: Path) -> Path:
    """The same of IndexTTS-2, whose GPT is as wide as the published one: a layer behind it takes no other."""
    # It imports its package, which the other version's tests need not wait for.
    package: Any = importlib.import_module("ishowtts_worker.engines.indextts.version2")

    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    config, bigvgan, hearing = tiny()
    module: dict[str, Any] = {"output_size": 32, "linear_units": 32, "attention_heads": 2, "num_blocks": 1}
    module |= {"input_layer": "conv2d2", "perceiver_mult": 2}
    config["gpt"] |= {"model_dim": 1280, "heads": 20, "layers": 1, "number_text_tokens": 300}
    config["gpt"] |= {"number_mel_codes": 258, "start_mel_token": 256, "stop_mel_token": 257}
    config["gpt"] |= {"condition_type": "conformer_perceiver", "condition_module": module}
    config["semantic_codec"] |= {"codebook_size": 256}
    config["s2mel"] |= {"reg_loss_type": "l1"}
    config["s2mel"]["length_regulator"] |= {"is_discrete": False}
    config = package.packages.Config.of(config)
    cache = folder / "hf_cache"
    for name in ("w2v-bert-2.0", "bigvgan", "semantic_codec"):
        (cache / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(config))))
    torch.save(package.UnifiedVoice(**config.gpt).state_dict(), folder / "gpt.pth")
    models = package.MyModel(config.s2mel, use_gpt_latent=True).models
    torch.save({"net": {name: one.state_dict() for name, one in models.items()}}, folder / "s2mel.pth")
    codec = package.build_semantic_codec(config.semantic_codec)
    save_model(codec, str(cache / "semantic_codec" / "model.safetensors"))
    torch.save({"mean": torch.zeros(1024), "var": torch.ones(1024)}, folder / "wav2vec2bert_stats.pt")
    for name in ("feat1.pt", "feat2.pt"):
        torch.save(torch.zeros(1), folder / name)
    heard = Wav2Vec2BertModel(Wav2Vec2BertConfig(**hearing))
    heard.config.save_pretrained(cache / "w2v-bert-2.0")
    SeamlessM4TFeatureExtractor().save_pretrained(cache / "w2v-bert-2.0")
    half = {name: one.half() for name, one in heard.state_dict().items()}
    save_file(half, cache / "w2v-bert-2.0" / "model.safetensors")
    torch.save(
        package.CAMPPlus(feat_dim=80, embedding_size=192).state_dict(), cache / "campplus_cn_common.bin"
    )
    (cache / "bigvgan" / "config.json").write_text(json.dumps(bigvgan))
    voice = package.BigVGAN(package.AttrDict(bigvgan))
    torch.save({"generator": voice.state_dict()}, cache / "bigvgan" / "bigvgan_generator.pt")
    SentencePieceTrainer.train(
        sentence_iterator=iter(["THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG , . ! ?"] * 20),
        model_prefix=str(folder / "bpe"), model_type="bpe", vocab_size=60, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    return folder


def record(path: Path, seconds: float = 1.2, seed: int = 0) -> Path:
    """Something like a voice: noise that comes and goes."""
    rate = 24000
    noise = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    samples = 0.1 * noise.standard_normal(time.size) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    soundfile.write(path, samples.astype(np.float32), rate)
    return path
