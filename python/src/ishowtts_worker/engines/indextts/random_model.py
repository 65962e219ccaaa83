"""IndexTTS-2.5 in its real architecture with random weights, for benchmarks and tests: it speaks noise."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from . import packages

packages.stand_in()

from indextts25.codec.models import EnhancedCodec  # noqa: E402 - it imports what is stood in for
from indextts25.gpt.model_v2 import UnifiedVoice  # noqa: E402
from indextts25.infer_v2_5 import IndexTTS2  # noqa: E402
from indextts25.s2mel.modules.audio import mel_spectrogram  # noqa: E402
from indextts25.s2mel.modules.bigvgan.bigvgan import BigVGAN  # noqa: E402
from indextts25.s2mel.modules.bigvgan.env import AttrDict  # noqa: E402
from indextts25.s2mel.modules.campplus.DTDNN import CAMPPlus  # noqa: E402
from indextts25.s2mel.modules.commons import MyModel  # noqa: E402
from indextts25.utils.front import TextNormalizer  # noqa: E402
from indextts25.utils.tokenizer import get_encoding  # noqa: E402
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel  # noqa: E402

_SPECTRUM = {"n_fft": 1024, "win_length": 1024, "hop_length": 256, "n_mels": 80, "fmin": 0, "fmax": "None"}

# The published shapes: config.yaml of IndexTTS-2.5, and bigvgan_v2_22khz_80band_256x.
FULL: dict[str, Any] = {
    "gpt": {
        "model_dim": 1280,
        "layers": 24,
        "heads": 20,
        "max_mel_tokens": 1815,
        "max_text_tokens": 600,
        "number_text_tokens": 60509,
        "number_mel_codes": 8194,
        "start_mel_token": 8192,
        "stop_mel_token": 8193,
        "start_text_token": 0,
        "stop_text_token": 1,
        "emo_condition_module": {
            "output_size": 512,
            "linear_units": 1024,
            "attention_heads": 4,
            "num_blocks": 4,
            "input_layer": "conv2d2",
            "perceiver_mult": 2,
        },
    },
    "semantic_codec": {
        "codebook_size": 8192,
        "hidden_size": 1024,
        "codebook_dim": 8,
        "vocos_dim": 384,
        "vocos_intermediate_dim": 2048,
        "vocos_num_layers": 12,
    },
    "s2mel": {
        "preprocess_params": {"sr": 22050, "spect_params": _SPECTRUM},
        "dit_type": "DiT",
        "style_encoder": {"dim": 192},
        "length_regulator": {
            "channels": 512,
            "in_channels": 1024,
            "content_codebook_size": 2048,
            "sampling_ratios": [1, 1, 1, 1],
        },
        "DiT": {
            "hidden_dim": 512,
            "num_heads": 8,
            "depth": 13,
            "class_dropout_prob": 0.1,
            "in_channels": 80,
            "style_condition": True,
            "final_layer_type": "wavenet",
            "content_dim": 512,
            "content_codebook_size": 1024,
            "content_type": "discrete",
            "is_causal": False,
            "long_skip_connection": True,
            "uvit_skip_connection": True,
        },
        "wavenet": {
            "hidden_dim": 512,
            "num_layers": 8,
            "kernel_size": 5,
            "dilation_rate": 1,
            "p_dropout": 0.2,
            "style_condition": True,
        },
    },
    "gpt_checkpoint": "gpt.pth",
    "s2mel_checkpoint": "s2mel.pth",
    "w2v_stat": "wav2vec2bert_stats.pt",
    "emo_matrix": "feat2.pt",
    "spk_matrix": "feat1.pt",
    "emo_num": [3, 17, 2, 8, 4, 5, 10, 24],
    "version": 2.5,
}
BIGVGAN: dict[str, Any] = {
    "resblock": "1",
    "num_mels": 80,
    "upsample_rates": [4, 4, 2, 2, 2, 2],
    "upsample_kernel_sizes": [8, 8, 4, 4, 4, 4],
    "upsample_initial_channel": 1536,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "activation": "snakebeta",
    "snake_logscale": True,
    "use_tanh_at_final": False,
    "use_bias_at_final": False,
}
HEARING = {"num_hidden_layers": 17}


def tiny() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The same, small enough to be made and run by a test: config, BigVGAN's, and w2v-bert's."""
    config, bigvgan = deepcopy(FULL), deepcopy(BIGVGAN)
    emotion = {"output_size": 32, "linear_units": 32, "attention_heads": 2, "num_blocks": 1}
    config["gpt"]["emo_condition_module"] |= emotion
    small = {"model_dim": 128, "layers": 2, "heads": 2, "max_mel_tokens": 300, "max_text_tokens": 200}
    # 256 bytes, and the tokenizer's 1673 special tokens.
    config["gpt"] |= {**small, "number_text_tokens": 1929}
    config["semantic_codec"] |= {"vocos_dim": 32, "vocos_intermediate_dim": 32, "vocos_num_layers": 2}
    config["s2mel"]["length_regulator"]["channels"] = 64
    config["s2mel"]["DiT"] |= {"hidden_dim": 64, "num_heads": 2, "depth": 3, "content_dim": 64}
    config["s2mel"]["wavenet"] |= {"hidden_dim": 64, "num_layers": 2}
    bigvgan["upsample_initial_channel"] = 128
    return config, bigvgan, {**HEARING, "intermediate_size": 16, "num_attention_heads": 2}


class Parts:
    """The modules, on a device; the seed is torch's global one."""

    def __init__(self, config: dict[str, Any], bigvgan: dict[str, Any], hearing: dict[str, Any], device: str):
        self.config = packages.Config.of(config)
        with torch.device(device):
            self.gpt = UnifiedVoice(**self.config.gpt)
            self.hearing = Wav2Vec2BertModel(Wav2Vec2BertConfig(**hearing))
            self.codec = EnhancedCodec(**self.config.semantic_codec)
            self.s2mel = MyModel(self.config.s2mel)
            self.campplus = CAMPPlus(feat_dim=80, embedding_size=192)
            self.bigvgan = BigVGAN(AttrDict(bigvgan))
        for module in self.modules():
            module.to(device).eval().requires_grad_(False)
        # Loud enough not to be taken for silent, and without the constant that random layers add up to.
        last = self.bigvgan.conv_post.weight
        last.sub_(last.mean(dim=-1, keepdim=True)).mul_(20)

    def modules(self) -> list[Any]:
        """All of them."""
        return [self.gpt, self.hearing, self.codec, self.s2mel, self.campplus, self.bigvgan]


def package(parts: Parts, device: str) -> Any:
    """The package's own engine with these modules, as its constructor leaves it."""
    made = IndexTTS2.__new__(IndexTTS2)
    config = parts.config
    made.device, made.dtype, made.use_bf16 = device, None, False
    made.cfg, made.stop_mel_token = config, config.gpt.stop_mel_token
    made._spk_cache, made._emo_cache, made._emovec_cache = {}, {}, {}
    made._ja_text_process = None
    made.gpt, made.semantic_model, made.semantic_codec = parts.gpt, parts.hearing, parts.codec
    made.s2mel, made.campplus_model, made.bigvgan = parts.s2mel, parts.campplus, parts.bigvgan
    made.gpt.post_init_gpt2_config()
    made.s2mel.models["cfm"].estimator.setup_caches(max_batch_size=1, max_seq_length=8192)
    made.extract_features = SeamlessM4TFeatureExtractor()
    made.semantic_mean = torch.zeros(1024, device=device)
    made.semantic_std = torch.ones(1024, device=device)
    made.text_process = TextNormalizer(enable_glossary=True)
    with TemporaryDirectory() as folder:
        write_bytes_tokenizer(Path(folder))
        made.tokenizer = get_encoding(TOKENIZER, model_dir=folder)
    spectrum = {"n_fft": 1024, "win_size": 1024, "hop_size": 256, "num_mels": 80, "sampling_rate": 22050}
    made.mel_fn = lambda x: mel_spectrogram(x, **spectrum, fmin=0, fmax=None)
    return made


TOKENIZER = "multilingual_zh_ja_yue_char_del"


def write_bytes_tokenizer(folder: Path) -> None:
    """A tokenizer's file in which each byte is a token."""
    ranks = (f"{b64encode(bytes([one])).decode()} {one}\n" for one in range(256))
    (folder / f"{TOKENIZER}.tiktoken").write_text("".join(ranks))


__all__ = ["BIGVGAN", "FULL", "HEARING", "Parts", "package", "tiny", "write_bytes_tokenizer"]
