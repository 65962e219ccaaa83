"""The engine on a GPU, graphs and all, with tiny random weights of both versions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    # Before anything imports Triton, which is the interpreter's to be in the other tests then.
    pytest.skip("needs a GPU", allow_module_level=True)

import indextts_tiny
from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.indextts.decode import Decoder
from ishowtts_worker.engines.indextts.diffusion import Diffusion
from ishowtts_worker.engines.indextts.engine import IndexEngine
from ishowtts_worker.engines.indextts.graphs import GraphDecoder
from ishowtts_worker.engines.indextts.machine import Machine
from ishowtts_worker.engines.indextts.sampling import Knobs
from ishowtts_worker.engines.indextts.vocoder import Vocoder, aliased
from ishowtts_worker.engines.indextts.weights import Weights
from ishowtts_worker.protocol import Load, Synthesize, VoiceSpec

pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = "The quick brown fox jumps over the lazy dog. The dog is lazy. The fox jumps again."
MAKERS: dict[str, Callable[[Path], Path]] = {"2.5": indextts_tiny.make, "2": indextts_tiny.make2}


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    made = MAKERS[request.param](tmp_path_factory.mktemp("indextts"))
    for seed, name in enumerate(("me", "angry")):
        indextts_tiny.record(made / f"{name}.wav", seed=seed)
    return made, request.param


def load(folder: tuple[Path, str], **settings: Any) -> IndexEngine:
    path, version = folder
    voices = [VoiceSpec(name, "en", str(path / f"{name}.wav"), "") for name in ("me", "angry")]
    table = {"model_dir": str(path), "version": version, "max_tokens": 100, "segment_tokens": 30, **settings}
    return IndexEngine.load(Load(1, "indextts", 0, "cuda:0", 4, table, voices), lambda done: None)


@pytest.fixture(scope="module")
def engine(folder: tuple[Path, str]) -> IndexEngine:
    return load(folder)


@pytest.fixture(scope="module")
def exact(folder: tuple[Path, str]) -> IndexEngine:
    return load(folder, half=False)


def speak(engine: IndexEngine, **fields: Any) -> np.ndarray[Any, Any]:
    return np.concatenate(list(engine.speak(engine.prepare(Synthesize(1, TEXT, **fields)), Cancel())))


def distance(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))


def test_it_speaks_and_repeats_itself_for_a_seed(engine: IndexEngine) -> None:
    assert engine.info.tier == "cuda-graph-kernels"
    first, again, other = speak(engine, seed=1), speak(engine, seed=1), speak(engine, seed=2)
    assert np.isfinite(first).all() and first.size > 22050 and np.abs(first).max() > 1e-3
    assert first.size == again.size and distance(first, again) < 1e-4
    assert first.size != other.size or distance(first, other) > 0.1
    assert engine.device_bytes() > 0


def test_emotion_speed_and_beams(engine: IndexEngine) -> None:
    once = speak(engine, options={"emotion": "angry", "emotion_strength": 0.5}).size
    assert once / speak(engine, speed=2.0).size == pytest.approx(2.0, rel=0.05)
    assert speak(engine, options={"num_beams": 2}).size > 22050


def test_the_graphs_give_what_single_launches_give(exact: IndexEngine) -> None:
    model: Any = exact._model
    manner = exact._voices.manner("me", None, 1.0)
    (piece,) = model.pieces("The quick fox!", "en", 60)
    prefix = model.prefix(piece, manner)
    weights = Weights.of(model.gpt, model.first_position)
    knobs = Knobs(0.8, 0.8, 1, 3.0)
    wanted = Decoder(weights, 300).generate(prefix, knobs, 60, Cancel())
    for captured in (True, False):
        graphs = GraphDecoder(weights, 300, captured)
        assert torch.equal(graphs.generate(prefix, knobs, 60, Cancel()), wanted)

    condition = model.condition(wanted, piece, manner, 1.0)
    replayed, launched = exact._machine.diffusion, Diffusion(model.estimator, half=False)
    mels = []
    for diffusion in (replayed, launched):
        torch.manual_seed(3)
        mels.append(diffusion.mel(condition, manner.reference, 5, 0.7, Cancel()))
    assert mels[1].abs().max() > 0.5
    assert torch.allclose(*mels, atol=2e-2), (mels[0] - mels[1]).abs().max()

    waves = [exact._machine.vocoder.wave(mels[1]), Vocoder(model.vocoder, aliased).wave(mels[1])]
    assert torch.allclose(*waves, atol=2e-2), (waves[0] - waves[1]).abs().max()


def test_a_cancel_ends_it(engine: IndexEngine) -> None:
    cancel = Cancel()
    cancel.seen = True
    assert list(engine.speak(engine.prepare(Synthesize(1, TEXT)), cancel)) == []


def test_torchs_kernels_stand_in_where_ours_do_not_run(
    folder: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ishowtts_worker.engines.indextts.graphs._kernels", lambda weights, state: None)
    engine = load(folder)
    assert isinstance(engine._machine, Machine) and engine.info.tier == "cuda-graph"
    assert speak(engine).size > 22050
