"""IndexTTS-2.5, from indextts25-inference: its modules and its reading, none of its loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import packages, recording
from .files import Files
from .model import Manner, Model, Piece, Reference

packages.stand_in()

from indextts25.infer_v2_5 import IndexTTS2  # noqa: E402 - it imports what is stood in for
from indextts25.utils.common import kaldi_fbank, resample  # noqa: E402
from indextts25.utils.tokenizer import lang_to_token  # noqa: E402

SAMPLE_RATE = 22050
_HEARING_RATE = 16000


class Version25(Model):
    """The package's engine object, used for its parts."""

    first_position = 1
    conditions = 3

    def __init__(self, package: Any, half: bool) -> None:
        self.package = package
        self.device = package.device
        self.gpt = package.gpt
        self.estimator = package.s2mel.models["cfm"].estimator
        self.vocoder = package.bigvgan
        self._autocast = torch.autocast(torch.device(self.device).type, torch.float16, enabled=half)
        if half:
            self.gpt.half()
        # The package looks for these only on other systems than Linux.
        readers = packages.number_readers()
        package.text_process.zh_normalizer = readers.get("zh")
        package.text_process.en_normalizer = readers.get("en")

    @classmethod
    def load(cls, files: Files, device: str, half: bool) -> Version25:
        """Read the weights; `files` has seen to it that nothing is left to download."""
        config = packages.Config(packages.Config.read(files.config) | files.named)
        return cls(_assemble(config, str(files.folder), device), half)

    def reference(self, recording_file: Path) -> Reference:
        """What the package's _speaker_conditioning and _emotion_conditioning compute."""
        rates = (SAMPLE_RATE, _HEARING_RATE)
        return self.heard(*(recording.read(recording_file, rate) for rate in rates))

    def heard(self, samples: recording.Samples, slower: recording.Samples) -> Reference:
        """A reference of samples, given at both rates."""
        audio = torch.from_numpy(samples)[None]
        heard = resample(audio, SAMPLE_RATE, _HEARING_RATE)
        features = self._features(heard)
        mel = self.package.mel_fn(audio.to(self.device))
        bands = kaldi_fbank(heard.to(self.device), num_mel_bins=80, sample_frequency=_HEARING_RATE)
        style = self.package.campplus_model((bands - bands.mean(dim=0, keepdim=True))[None])
        frames = torch.tensor([mel.size(2)], device=self.device)
        prompt = self.package.s2mel.models["length_regulator"](features, ylens=frames)
        return Reference(features, self._features(torch.from_numpy(slower)[None]), style, prompt, mel)

    def _features(self, audio: Tensor) -> Tensor:
        inputs = self.package.extract_features(audio, sampling_rate=_HEARING_RATE, return_tensors="pt")
        mask = inputs["attention_mask"].to(self.device)
        found: Tensor = self.package.get_emb(inputs["input_features"].to(self.device), mask)
        return found

    def manner(self, reference: Reference, other: Reference | None, strength: float) -> Manner:
        """Without another recording the emotion is the speaker's, which no strength changes."""
        own = reference.features
        lent, strength = (reference.emotion, 1.0) if other is None else (other.emotion, strength)
        lengths = [torch.tensor([one.shape[-1]], device=self.device) for one in (own, lent)]
        with self._autocast:
            speaker = self.gpt.spk_emb_proj(reference.style)[None]
            return Manner(reference, self.gpt.merge_emovec(own, lent, *lengths, alpha=strength), speaker)

    def pieces(self, text: str, language: str, most_tokens: int) -> list[Piece]:
        """Normalised, cut and in tokens as the package does it."""
        package, prefix = self.package, f"<|{language}|> "
        readable = package._prepare_text(text, language)
        found = []
        for part in package.split_text_by_tokens(readable, most_tokens, prefix):
            if any(character.isalnum() for character in part):
                tokens = package.tokenizer.encode(prefix + part, allowed_special="all")
                found.append(Piece(tokens, language))
        return found

    def _conditions(self, manner: Manner) -> Tensor:
        speaker = manner.speaker + manner.emotion[:, None]
        return torch.cat([speaker, speaker.new_zeros(1, self.conditions - 1, speaker.shape[-1])], dim=1)

    def prefix(self, piece: Piece, manner: Manner) -> Tensor:
        """Speaker and emotion, text, start: what the package's inference_speech hands to generate."""
        gpt = self.gpt
        tokens = torch.tensor([piece.tokens], dtype=torch.int32, device=self.device)
        language = torch.tensor([lang_to_token(piece.language)], device=self.device)
        with self._autocast:
            _, rows, _ = gpt.prepare_gpt_inputs(self._conditions(manner), tokens, language)
            start = gpt.mel_embedding.weight[gpt.start_mel_token] + gpt.mel_pos_embedding.emb.weight[0]
        # A stop token within the text is replaced by a row of padding at the start, masked out there.
        padding = piece.tokens.count(gpt.stop_text_token)
        return torch.cat([rows[0, padding:].to(start.dtype), start[None]])

    def search(self, piece: Piece, manner: Manner, options: dict[str, Any]) -> Tensor:
        """The package's inference_speech."""
        tokens = torch.tensor([piece.tokens], dtype=torch.int32, device=self.device)
        language = torch.tensor([lang_to_token(piece.language)], device=self.device)
        with self._autocast:
            codes: Tensor = self.gpt.inference_speech(
                tokens, language, manner.emotion, manner.reference.style, **options
            )
        return codes

    def condition(self, codes: Tensor, piece: Piece, manner: Manner, length: float) -> Tensor:
        """Codes to features, stretched to mel frames; the GPT's own states are not needed."""
        features = self.package.semantic_codec.decode(codes)
        frames = max(1, int(features.shape[1] * 1.72 * length))
        target = torch.tensor([frames], device=self.device)
        stretched: Tensor = self.package.s2mel.models["length_regulator"](features, ylens=target)
        return stretched


def _assemble(config: Any, folder: str, device: str) -> Any:
    """The package's object with a config of ours: its constructor reads a file and knows no other names."""
    package = IndexTTS2.__new__(IndexTTS2)
    package.device, package.dtype, package.use_bf16 = device, None, False
    package.cfg, package.model_dir = config, folder
    package.stop_mel_token = config.gpt.stop_mel_token
    package._spk_cache, package._emo_cache, package._emovec_cache = {}, {}, {}
    package._load_models(use_accel=False)
    return package


__all__ = ["SAMPLE_RATE", "Version25"]
