"""IndexTTS-2, from indextts2-inference: its modules, put together here, since its own loading downloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_model
from torch import Tensor
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

from . import packages, recording
from .files import Files
from .model import Manner, Model, Piece, Reference

packages.stand_in_for_version2()

from indextts.gpt.model_v2 import UnifiedVoice  # noqa: E402
from indextts.s2mel.modules.audio import mel_spectrogram  # noqa: E402
from indextts.s2mel.modules.bigvgan.bigvgan import BigVGAN  # noqa: E402
from indextts.s2mel.modules.bigvgan.env import AttrDict  # noqa: E402
from indextts.s2mel.modules.campplus.DTDNN import CAMPPlus  # noqa: E402
from indextts.s2mel.modules.commons import MyModel, load_checkpoint2  # noqa: E402
from indextts.utils.checkpoint import load_checkpoint  # noqa: E402
from indextts.utils.front import TextNormalizer, TextTokenizer  # noqa: E402
from indextts.utils.maskgct_utils import build_semantic_codec  # noqa: E402
from indextts25.utils.common import kaldi_fbank, resample  # noqa: E402 - as torchaudio's, without it

SAMPLE_RATE = 22050
_HEARING_RATE = 16000
_HEARD_LAYER = 17


class Version2(Model):
    """The modules of the package. Its text-to-emotion model is not loaded: an emotion is a recording here."""

    # The package's inference is one position off from its training, and so is this.
    first_position = 2

    def __init__(self, config: packages.Config, files: Files, device: str, half: bool) -> None:
        self.device = device
        self._spectrum = config.s2mel.preprocess_params.spect_params
        with torch.device(device):
            self.gpt = UnifiedVoice(**config.gpt)
            self._s2mel = MyModel(config.s2mel, use_gpt_latent=True)
            self._campplus = CAMPPlus(feat_dim=80, embedding_size=192)
            self._codec = build_semantic_codec(config.semantic_codec)
        self.conditions = self.gpt.cond_num + 2
        folder, auxiliary = files.folder, files.auxiliary
        load_checkpoint(self.gpt, str(folder / files.named["gpt_checkpoint"]))
        load_checkpoint2(self._s2mel, None, str(folder / files.named["s2mel_checkpoint"]))
        weights = torch.load(auxiliary / "campplus_cn_common.bin", map_location="cpu", weights_only=True)
        self._campplus.load_state_dict(weights)
        load_model(self._codec, str(auxiliary / "semantic_codec" / "model.safetensors"), device=device)
        self._hear = _Hearing(files, device)
        self.vocoder = _bigvgan(auxiliary / "bigvgan", device)
        for module in (self.gpt, self._s2mel, self._campplus, self._codec):
            module.to(device).eval()
        _fold(self._s2mel)
        self.estimator = self._s2mel.models["cfm"].estimator
        self.estimator.setup_caches(max_batch_size=1, max_seq_length=8192)
        self.gpt.post_init_gpt2_config(kv_cache=True, half=half)
        self._autocast = torch.autocast(torch.device(device).type, torch.float16, enabled=half)
        if half:
            self.gpt.half()
        self._normalizer = _normalizer(folder)
        self._tokenizer = TextTokenizer(str(folder / "bpe.model"), self._normalizer)

    @classmethod
    def load(cls, files: Files, device: str, half: bool) -> Version2:
        """Read the weights."""
        return cls(packages.Config.read(files.config), files, device, half)

    def reference(self, recording_file: Path) -> Reference:
        """What the package's conditioning of speaker and emotion computes."""
        audio = torch.from_numpy(recording.read(recording_file, SAMPLE_RATE))[None]
        heard = resample(audio, SAMPLE_RATE, _HEARING_RATE)
        features = self._hear(heard)
        emotion = self._hear(torch.from_numpy(recording.read(recording_file, _HEARING_RATE))[None])
        _, content = self._codec.quantize(features)
        spectrum = self._spectrum
        mel = mel_spectrogram(
            audio.to(self.device), spectrum.n_fft, spectrum.n_mels, SAMPLE_RATE, spectrum.hop_length,
            spectrum.win_length, spectrum.get("fmin", 0),
            None if spectrum.get("fmax", "None") == "None" else 8000,
        )  # fmt: skip
        bands = kaldi_fbank(heard.to(self.device), num_mel_bins=80, sample_frequency=_HEARING_RATE)
        style = self._campplus((bands - bands.mean(dim=0, keepdim=True))[None])
        prompt = self._stretched(content, mel.shape[-1])
        if self._s2mel.models["cfm"].zero_prompt_speech_token:
            prompt = torch.zeros_like(prompt)
        return Reference(features, emotion, style, prompt, mel)

    def _stretched(self, content: Tensor, frames: int) -> Tensor:
        target = torch.tensor([frames], device=self.device)
        found: Tensor = self._s2mel.models["length_regulator"](
            content, ylens=target, n_quantizers=3, f0=None
        )[0]
        return found

    def manner(self, reference: Reference, other: Reference | None, strength: float) -> Manner:
        """Without another recording the emotion is the speaker's, which no strength changes."""
        own = reference.features
        lent, strength = (reference.emotion, 1.0) if other is None else (other.emotion, strength)
        # The package gives the width of the features for their number; the mask comes to the same.
        length = torch.tensor([own.shape[-1]], device=self.device)
        with self._autocast:
            emotion = self.gpt.merge_emovec(own, lent, length, length, alpha=strength)
            return Manner(reference, emotion, self.gpt.get_conditioning(own.transpose(1, 2), length))

    def pieces(self, text: str, language: str, most_tokens: int) -> list[Piece]:
        """Normalised, cut and in tokens as the package does it."""
        self._normalizer.preferred_language = language
        tokens = self._tokenizer
        found = []
        for part in tokens.split_segments(tokens.tokenize(text), most_tokens):
            if any(character.isalnum() for one in part for character in one):
                found.append(Piece(tokens.convert_tokens_to_ids(part), language))
        return found

    def prefix(self, piece: Piece, manner: Manner) -> Tensor:
        """Speaker and emotion, text, start: what the package's inference_speech hands to generate."""
        gpt = self.gpt
        tokens = torch.tensor([piece.tokens], dtype=torch.int32, device=self.device)
        marks = (gpt.start_text_token, gpt.stop_text_token)
        with self._autocast:
            speed = gpt.speed_emb.weight
            speaker = manner.speaker + manner.emotion[:, None]
            conditions = torch.cat([speaker, speed[1][None, None], speed[0][None, None]], dim=1)
            _, rows, _ = gpt.prepare_gpt_inputs(conditions, tokens)
            start = gpt.mel_embedding.weight[gpt.start_mel_token] + gpt.mel_pos_embedding.emb.weight[0]
        # Marks within the text are replaced by rows of padding at the start, masked out there.
        padding = sum(one in marks for one in piece.tokens)
        return torch.cat([rows[0, padding:].to(start.dtype), start[None]])

    def search(self, piece: Piece, manner: Manner, options: dict[str, Any]) -> Tensor:
        """The package's inference_speech."""
        tokens = torch.tensor([piece.tokens], dtype=torch.int32, device=self.device)
        heard = manner.reference.features
        length = torch.tensor([heard.shape[-1]], device=self.device)
        with self._autocast:
            codes: Tensor = self.gpt.inference_speech(
                heard, tokens, heard, cond_lengths=length, emo_vec=manner.emotion, **options
            )[0]
        return codes

    def condition(self, codes: Tensor, piece: Piece, manner: Manner, length: float) -> Tensor:
        """The GPT reads its tokens once more; its states and the codec's vectors are stretched together."""
        tokens = torch.tensor([piece.tokens], dtype=torch.int32, device=self.device)
        with self._autocast:
            states = self.gpt(
                manner.speaker, tokens, torch.tensor([tokens.shape[-1]], device=self.device),
                codes, torch.tensor([codes.shape[-1]], device=self.device), manner.reference.emotion,
                emo_vec=manner.emotion, use_speed=torch.zeros(1, dtype=torch.long, device=self.device),
            )  # fmt: skip
        content = self._codec.quantizer.vq2emb(codes[:, None]).transpose(1, 2)
        content = content + self._s2mel.models["gpt_layer"](states.float())
        return self._stretched(content, max(1, int(codes.shape[1] * 1.72 * length)))


class _Hearing:
    """w2v-bert, up to the layer that is listened to."""

    def __init__(self, files: Files, device: str) -> None:
        folder = files.auxiliary / "w2v-bert-2.0"
        self._device = device
        self._extract = SeamlessM4TFeatureExtractor.from_pretrained(folder, local_files_only=True)
        config = Wav2Vec2BertConfig.from_pretrained(folder, num_hidden_layers=_HEARD_LAYER)
        with torch.device(device):
            self._model = Wav2Vec2BertModel(config)
        wanted = self._model.state_dict().keys()
        with safe_open(str(folder / "model.safetensors"), "pt") as file:
            self._model.load_state_dict({key: file.get_tensor(key) for key in wanted})
        self._model.eval()
        statistics = torch.load(
            files.folder / files.named["w2v_stat"], map_location=device, weights_only=True
        )
        self._mean, self._deviation = statistics["mean"], torch.sqrt(statistics["var"])

    def __call__(self, audio: Tensor) -> Tensor:
        """The features of audio at _HEARING_RATE."""
        inputs = self._extract(audio, sampling_rate=_HEARING_RATE, return_tensors="pt").to(self._device)
        heard = self._model(**inputs, output_hidden_states=True).hidden_states[_HEARD_LAYER]
        found: Tensor = (heard - self._mean) / self._deviation
        return found


class _Reader:
    """What the package asks of nemo: it normalises, or leaves a text as it is."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def normalize(self, text: str, verbose: bool = False) -> str:
        """In words."""
        return str(self._reader.normalize(text)) if self._reader else text


def _normalizer(folder: Path) -> Any:
    normalizer = TextNormalizer(enable_glossary=True)
    readers = packages.number_readers()
    normalizer._normalizers = {language: _Reader(readers.get(language)) for language in ("zh", "en")}
    normalizer.load_glossary_from_yaml(str(folder / "glossary.yaml"))
    return normalizer


def _bigvgan(folder: Path, device: str) -> Any:
    shapes = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with torch.device(device):
        made = BigVGAN(AttrDict(shapes))
    weights = torch.load(folder / "bigvgan_generator.pt", map_location="cpu", weights_only=True)
    made.load_state_dict(weights["generator"])
    made.remove_weight_norm()
    return made.to(device).eval()


def _fold(modules: Any) -> None:
    """Weights as they are used, not as they were trained: a norm and a direction, multiplied each time."""
    for module in modules.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)


__all__ = ["Version2"]
