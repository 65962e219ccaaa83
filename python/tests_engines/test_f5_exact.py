"""What the engine computes, beside the f5-tts package's own model on the same random checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import f5_package
from f5_package import TINY, TINY_VOCOS, Package
from ishowtts_worker.engines.f5 import architecture, vocoder, weights
from ishowtts_worker.engines.f5.buffers import Job
from ishowtts_worker.engines.f5.checkpoint import Checkpoint
from ishowtts_worker.engines.f5.mel import log_mel
from ishowtts_worker.engines.f5.reading import symbols
from ishowtts_worker.engines.f5.synthesizer import Synthesizer
from ishowtts_worker.engines.f5.tier import Tier

HOP = 256
VARIANTS: list[dict[str, Any]] = [
    {},
    {"text_mask_padding": False, "pe_attn_head": 1},
    {"qk_norm": "rms_norm"},
    {"conv_layers": 0},
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Package, dict[str, str]]:
    package = f5_package.build(TINY, TINY_VOCOS)
    return package, f5_package.save(package, tmp_path_factory.mktemp("f5"), TINY, TINY_VOCOS)


def synthesizer(
    settings: dict[str, str], tokens: int, kernels: str = "eager", dtype: Any = torch.float32
) -> Synthesizer:
    arch = architecture.read(Path(settings["model"]))
    checkpoint = Checkpoint.read(Path(settings["checkpoint"]), "cpu", "checkpoint")
    model, modulation = weights.load(checkpoint, arch, tokens, dtype)
    voice = vocoder.load(Path(settings["vocoder"]), "cpu", dtype)
    return Synthesizer(Tier(kernels, "cpu", dtype), model, modulation, voice, (512,))


class Utterances:
    """Three of different lengths, as the package and as ours take them."""

    def __init__(self, package: Package, steps: int = 7, guidance: float = 2.0) -> None:
        generator = torch.Generator().manual_seed(3)
        self.jobs: list[Job] = []
        self.mels: list[torch.Tensor] = []
        self.waves: list[torch.Tensor] = []
        for number, (known, letters, total) in enumerate([(150, 40, 260), (94, 30, 190), (210, 90, 330)]):
            clip = torch.randn(1, known * HOP + 77, generator=generator) * 0.1
            text = [chr(97 + (7 * at + number) % 26) for at in range(letters)]
            tokens = [package.model.vocab_char_map[letter] for letter in text]
            job = Job(tokens, log_mel(clip[0]), known, total, 100 + number, steps, guidance)
            options = {"steps": steps, "cfg_strength": guidance, "sway_sampling_coef": -1.0, "seed": job.seed}
            mel = package.mel(clip, [text], total, **options)[0]
            self.jobs.append(job)
            self.mels.append(mel)
            self.waves.append(package.wave(mel, known))

    def equal(self, mels: list[torch.Tensor], waves: list[np.ndarray], which: list[int]) -> None:
        for number, mel, wave in zip(which, mels, waves, strict=True):
            error = float((mel - self.mels[number]).norm() / self.mels[number].norm())
            assert error < 1e-5, error
            assert float((mel - self.mels[number]).abs().max()) < 1e-4
            assert wave.shape == tuple(self.waves[number].shape)
            assert float((torch.from_numpy(wave) - self.waves[number]).abs().max()) < 1e-5


@pytest.mark.parametrize("changed", VARIANTS, ids=str)
def test_alone_and_together_it_gives_what_the_package_gives_for_the_same_noise(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    arch = {**TINY, **changed}
    package = f5_package.build(arch, TINY_VOCOS)
    ours = synthesizer(
        f5_package.save(package, tmp_path, arch, TINY_VOCOS), len(package.model.vocab_char_map)
    )
    spoken = Utterances(package)
    for which in ([0], [1], [2], [0, 1, 2], [2, 0]):
        jobs = [spoken.jobs[number] for number in which]
        waves = ours.run(jobs, -1.0, lambda: True)
        assert waves is not None
        spoken.equal(ours.mels(jobs, -1.0), waves, which)


@pytest.mark.parametrize(("steps", "guidance"), [(4, 2.0), (16, 1.3), (9, 0.0)])
def test_any_number_of_steps_and_any_guidance_is_the_packages(
    made: tuple[Package, dict[str, str]], steps: int, guidance: float
) -> None:
    package, settings = made
    ours = synthesizer(settings, len(package.model.vocab_char_map))
    spoken = Utterances(package, steps, guidance)
    waves = ours.run(spoken.jobs, -1.0, lambda: True)
    assert waves is not None
    spoken.equal(ours.mels(spoken.jobs, -1.0), waves, [0, 1, 2])


# Theirs, about torch.jit.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_it_gives_the_same(tmp_path: Path) -> None:
    arch = {**TINY, "depth": 1, "conv_layers": 0}
    package = f5_package.build(arch, TINY_VOCOS)
    settings = f5_package.save(package, tmp_path, arch, TINY_VOCOS)
    ours = synthesizer(settings, len(package.model.vocab_char_map), kernels="compile")
    spoken = Utterances(package)
    for which in ([0, 1, 2], [1]):
        jobs = [spoken.jobs[number] for number in which]
        waves = ours.run(jobs, -1.0, lambda: True)
        assert waves is not None
        spoken.equal(ours.mels(jobs, -1.0), waves, which)


@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_in_half_precision_plain_torch_gives_nearly_the_same(
    made: tuple[Package, dict[str, str]], fixed_shapes: bool
) -> None:
    package, settings = made
    ours = synthesizer(settings, len(package.model.vocab_char_map), dtype=torch.bfloat16)
    ours._flow._fixed_shapes = fixed_shapes  # as it is captured on a GPU
    spoken = Utterances(package)
    for mel, truth in zip(ours.mels(spoken.jobs, -1.0), spoken.mels, strict=True):
        assert mel.isfinite().all() and float((mel - truth).norm() / truth.norm()) < 0.02


def test_its_mel_spectrogram_is_the_packages(made: tuple[Package, dict[str, str]]) -> None:
    wave = torch.randn(1, 50_000, generator=torch.Generator().manual_seed(1)) * 0.1
    assert torch.allclose(log_mel(wave[0]), made[0].model.mel_spec(wave)[0].T, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "Some call me nature. 对，这就是我，万人敬仰的太乙真人。Hello世界 iPhone很好",
        "“中文”;English's: test é ü 你好 ok...",
        "他们在长长的银行里，行长说不行。",
        "",
    ],
)
def test_its_symbols_are_the_packages(text: str) -> None:
    from f5_tts.model.utils import convert_char_to_pinyin  # noqa: PLC0415

    assert symbols(text) == convert_char_to_pinyin([text])[0]
