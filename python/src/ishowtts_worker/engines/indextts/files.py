"""What a model folder must hold, checked before anything is read. Standard library only.

Nothing is ever downloaded: the packages would fetch what they miss, so a folder that is not whole is told
with every file that it lacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadSettings, MissingModel

# What config.yaml may name otherwise, such as a finetuned GPT: the key, and the name as published.
_NAMED = {
    "gpt_checkpoint": "gpt.pth",
    "s2mel_checkpoint": "s2mel.pth",
    "w2v_stat": "wav2vec2bert_stats.pt",
    "emo_matrix": "feat2.pt",
    "spk_matrix": "feat1.pt",
}
_SHARED = (
    "hf_cache/w2v-bert-2.0/config.json",
    "hf_cache/w2v-bert-2.0/preprocessor_config.json",
    "hf_cache/w2v-bert-2.0/model.safetensors",
    "hf_cache/campplus_cn_common.bin",
    "hf_cache/bigvgan/config.json",
    "hf_cache/bigvgan/bigvgan_generator.pt",
)
_OWN = {
    "2.5": ("codec.pth", "multilingual_zh_ja_yue_char_del.tiktoken"),
    "2": ("bpe.model", "hf_cache/semantic_codec/model.safetensors"),
}
# 1.5 is in neither package: its code is upstream's repository alone.
VERSIONS = tuple(_OWN)


@dataclass(frozen=True)
class Files:
    """A whole model folder. `named`: where the files are that config.yaml names, by its keys."""

    folder: Path
    config: Path
    named: dict[str, str]

    @property
    def auxiliary(self) -> Path:
        """The models that IndexTTS takes from others."""
        return self.folder / "hf_cache"


def locate(folder: Path | None, version: str) -> Files:
    """Check that the folder is whole. Raises MissingModel that names every file it lacks, and BadSettings."""
    if version not in VERSIONS:
        raise BadSettings(
            f"version must be one of {', '.join(VERSIONS)}, not {version!r}; IndexTTS 1.5 has no package",
            param="version",
        )
    if folder is None:
        raise MissingModel(
            "engine 'indextts' has no weights of its own; set model_dir to a folder that holds them "
            "(docs/engines/indextts.md has the commands)",
            param="model_dir",
        )
    if not folder.is_dir():
        raise MissingModel(f"model_dir {folder} is not a folder", param="model_dir")
    config = folder / "config.yaml"
    told = _top_level(config.read_text(encoding="utf-8")) if config.is_file() else {}
    named = {key: _found(folder, told.get(key), published) for key, published in _NAMED.items()}
    needed = ("config.yaml", *named.values(), *_OWN[version], *_SHARED)
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise MissingModel(
            f"model_dir {folder} lacks {', '.join(missing)}; nothing is downloaded by the server, "
            "docs/engines/indextts.md has the commands that fetch them",
            param="model_dir",
        )
    return Files(folder, config, named)


def _found(folder: Path, told: str | None, published: str) -> str:
    # The published config names paths of the machine that trained it; those are not here.
    return told if told and (folder / told).is_file() else published


def _top_level(text: str) -> dict[str, str]:
    """The plain values at the top level of a YAML file; nested ones are not needed here."""
    found = re.findall(r"^(\w+):[ \t]*['\"]?([^\s'\"#]+)", text, flags=re.MULTILINE)
    return dict(found)


__all__ = ["VERSIONS", "Files", "locate"]
