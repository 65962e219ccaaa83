from typing import Any

import pytest
import torch

import indextts_tiny
from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.indextts.engine import IndexEngine
from ishowtts_worker.protocol import Load, Synthesize, VoiceSpec

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated"),
]

QUICK = {"version": "2", "max_tokens": 80, "diffusion_steps": 3, "segment_tokens": 30}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> IndexEngine:
    folder = indextts_tiny.make2(tmp_path_factory.mktemp("indextts2"))
    voices = [
        VoiceSpec(name, "en", str(indextts_tiny.record(folder / f"{name}.wav", seed=seed)), "")
        for seed, name in enumerate(("me", "angry"))
    ]
    return IndexEngine.load(
        Load(1, "indextts", 0, "cpu", 1, {"model_dir": str(folder), **QUICK}, voices), lambda done: None
    )


def size(engine: IndexEngine, text: str, **fields: Any) -> int:
    return sum(one.size for one in engine.speak(engine.prepare(Synthesize(1, text, **fields)), Cancel()))


def test_it_speaks_piece_by_piece(engine: IndexEngine) -> None:
    text = "The quick brown fox jumps over the lazy dog. The dog is lazy. The fox jumps."
    plan = engine.prepare(Synthesize(1, text))
    assert engine.info.languages == ["en", "zh"] and len(plan.pieces) == 2
    once, twice = size(engine, text), size(engine, text, speed=2.0)
    assert once > 22050 and once / twice == pytest.approx(2.0, rel=0.03)
    assert size(engine, text, options={"emotion": "angry", "emotion_strength": 0.5}) > 22050


@pytest.mark.parametrize("seed", range(3))
def test_the_tokens_and_the_mel_are_those_of_the_package(engine: IndexEngine, seed: int) -> None:
    model: Any = engine._model
    manner = engine._voices.manner("me", "angry", 0.7)
    (piece,) = model.pieces("The quick fox!", "en", 60)
    torch.manual_seed(seed)
    options = {"temperature": 0.8, "top_p": 0.8, "top_k": 30, "repetition_penalty": 10.0}
    theirs = model.search(
        piece, manner, {**options, "do_sample": True, "num_beams": 1, "max_generate_length": 80}
    )
    torch.manual_seed(seed)
    settings = engine.prepare(Synthesize(1, "x y", options=options)).settings
    ours = engine._machine.codes(piece, manner, model.prefix(piece, manner), settings, Cancel())
    ends = (theirs[0] == model.gpt.stop_mel_token).nonzero()
    assert torch.equal(ours, theirs[:, : int(ends[0])] if len(ends) else theirs)

    condition = model.condition(ours, piece, manner, 1.0)
    reference = manner.reference
    torch.manual_seed(seed)
    mel = engine._machine.diffusion.mel(condition, reference, 4, 0.7, Cancel())
    torch.manual_seed(seed)
    whole = torch.cat([reference.prompt, condition], dim=1)
    wanted = model._s2mel.models["cfm"].inference(
        whole, torch.tensor([whole.shape[1]]), reference.mel, reference.style, None, 4, inference_cfg_rate=0.7
    )[..., reference.mel.shape[-1] :]
    assert wanted.abs().max() > 0.5 and torch.allclose(mel, wanted, atol=1e-4)


def test_the_prefix_holds_speaker_text_and_start(engine: IndexEngine) -> None:
    model = engine._model
    (piece,) = model.pieces("The quick fox!", "en", 60)
    manner = engine._voices.manner("me", None, 1.0)
    assert model.prefix(piece, manner).shape == (model.conditions + len(piece.tokens) + 3, 1280)
