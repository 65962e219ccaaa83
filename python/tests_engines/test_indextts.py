import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import indextts_tiny
from harness import worker
from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.indextts import bench, recording
from ishowtts_worker.engines.indextts.decode import Decoder
from ishowtts_worker.engines.indextts.diffusion import Diffusion
from ishowtts_worker.engines.indextts.engine import IndexEngine, IndexPlan
from ishowtts_worker.engines.indextts.graphs import GraphDecoder
from ishowtts_worker.engines.indextts.model import Piece
from ishowtts_worker.engines.indextts.sampling import Knobs
from ishowtts_worker.engines.indextts.vocoder import Vocoder
from ishowtts_worker.engines.indextts.weights import Weights
from ishowtts_worker.errors import BadOption, BadSettings, MissingModel, NothingToSpeak, UnknownVoice
from ishowtts_worker.protocol import Done, Hello, Load, Progress, Ready, Synthesize, VoiceSpec

# The package does not close the tokenizer's file.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TEXT = "Hello there, my 3 friends. How are you today? I am fine."
QUICK = {"max_tokens": 60, "diffusion_steps": 3, "segment_tokens": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = indextts_tiny.make(tmp_path_factory.mktemp("indextts"))
    indextts_tiny.record(made / "me.wav", seed=1)
    indextts_tiny.record(made / "angry.wav", seconds=1.5, seed=2)
    return made


def order(folder: Path, **settings: Any) -> Load:
    voices = [
        VoiceSpec("me", "en", str(folder / "me.wav"), "whatever"),
        VoiceSpec("angry", "zh-CN", str(folder / "angry.wav"), ""),
    ]
    return Load(1, "indextts", 0, "cpu", 1, {"model_dir": str(folder), **QUICK, **settings}, voices)


@pytest.fixture(scope="module")
def engine(folder: Path) -> IndexEngine:
    return IndexEngine.load(order(folder), lambda done: None)


def speak(engine: IndexEngine, text: str = TEXT, **fields: Any) -> list[NDArray[np.float32]]:
    return list(engine.speak(engine.prepare(Synthesize(1, text, **fields)), Cancel()))


def size(chunks: list[NDArray[np.float32]]) -> int:
    return sum(chunk.size for chunk in chunks)


def as_the_package(engine: IndexEngine, folder: Path, text: str, **options: Any) -> list[NDArray[np.float32]]:
    """The package's own stream, reading recordings as we do: librosa is not installed."""
    package: Any = engine._model.package  # type: ignore[attr-defined]

    def load(path: str, seconds: float, verbose: bool = False, sr: int | None = None) -> tuple[Any, int]:
        rate = sr or 22050
        return torch.from_numpy(recording.read(Path(path), rate))[None], rate

    package._load_and_cut_audio = load

    def stream() -> Iterator[Any]:
        yield from package.infer_generator(
            str(folder / "me.wav"), text, None, "en", interval_silence=0, stream_return=True,
            max_text_tokens_per_segment=QUICK["segment_tokens"], max_mel_tokens=QUICK["max_tokens"],
            diffusion_steps=QUICK["diffusion_steps"], num_beams=1, **options,
        )  # fmt: skip

    with pytest.warns(RuntimeWarning, match="max_mel_tokens"):
        # Hearing a recording draws random numbers; from now on the package has heard it.
        next(stream())
        torch.manual_seed(7)
        return [one[0].numpy() / np.float32(32767) for one in stream()]


def test_it_speaks_through_the_wire(folder: Path) -> None:
    with worker("indextts") as (supervisor, _):
        supervisor.expect(Hello)
        supervisor.send(order(folder))
        while isinstance(message := supervisor.receive(), Progress):
            pass
        assert isinstance(message, Ready), message
        assert (message.sample_rate, message.max_batch, message.repeatable) == (22050, 1, False)
        assert [(one.id, one.language) for one in message.voices] == [("me", "en"), ("angry", "zh-CN")]
        assert message.languages[0] == "en"
        pcm, ending = supervisor.say(1, TEXT)
        assert isinstance(ending, Done) and len(pcm) == 2 * ending.samples > 22050


def test_the_samples_are_those_of_the_package(engine: IndexEngine, folder: Path) -> None:
    ours = speak(engine, seed=7)
    theirs = as_the_package(engine, folder, TEXT)
    assert len(ours) == len(theirs) > 2
    for mine, its in zip(ours, theirs, strict=True):
        assert np.abs(its).max() > 0.05
        assert np.allclose(mine[: its.size], its, atol=1e-4)
        assert not mine[its.size :].any()


def test_so_are_those_with_another_emotion(engine: IndexEngine, folder: Path) -> None:
    ours = speak(engine, seed=7, options={"emotion": "angry", "emotion_strength": 0.6})
    theirs = as_the_package(engine, folder, TEXT, emo_audio_prompt=str(folder / "angry.wav"), emo_alpha=0.6)
    assert np.allclose(ours[0][: theirs[0].size], theirs[0], atol=1e-4)
    own, lent = engine._voices.manner("me", None, 1.0), engine._voices.manner("me", "angry", 0.6)
    assert not torch.allclose(own.emotion, lent.emotion, rtol=0.01)


@pytest.mark.parametrize(
    "knobs",
    [
        Knobs(0.8, 0.8, 30, 10.0),
        Knobs(1.3, 1.0, 128, 1.0),
        Knobs(0.3, 0.2, 1, 2.0),
        Knobs(1.0, 0.5, 100, 5.0),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_tokens_are_those_of_the_package(engine: IndexEngine, knobs: Knobs, seed: int) -> None:
    model = engine._model
    manner = engine._voices.manner("me", None, 1.0)
    (piece,) = model.pieces('Say "hello" to us all!', "en", 60)
    torch.manual_seed(seed)
    options = {**dataclasses.asdict(knobs), "do_sample": True, "num_beams": 1, "max_generate_length": 120}
    theirs = model.search(piece, manner, options)
    torch.manual_seed(seed)
    ours = engine._machine.decoder.generate(model.prefix(piece, manner), knobs, 120, Cancel())
    assert torch.equal(ours, theirs)


def test_the_steps_that_graphs_are_made_of_give_the_same_tokens(engine: IndexEngine) -> None:
    model = engine._model
    weights = Weights.of(model.gpt, model.first_position)
    (piece,) = model.pieces("Hello to us all!", "en", 60)
    prefix = model.prefix(piece, engine._voices.manner("me", None, 1.0))
    # With one candidate there is no chance in it; the noise of the two is not the same.
    knobs = Knobs(0.8, 0.8, 1, 3.0)
    wanted = Decoder(weights, 400).generate(prefix, knobs, 100, Cancel())
    found = GraphDecoder(weights, 400, capture=False)
    for _ in range(2):
        assert torch.equal(found.generate(prefix, knobs, 100, Cancel()), wanted)
    assert found.generate(prefix, knobs, 400, Cancel()).shape[1] == 400 - len(prefix)
    torch.manual_seed(0)
    many = found.generate(prefix, Knobs(0.8, 1.0, 50, 3.0), 100, Cancel())
    torch.manual_seed(0)
    assert torch.equal(found.generate(prefix, Knobs(0.8, 1.0, 50, 3.0), 100, Cancel()), many)
    assert not torch.equal(many, wanted)


def test_the_stop_token_ends_a_piece(engine: IndexEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    gpt = engine._model.gpt
    bias = gpt.mel_head.bias
    before = bias[gpt.stop_mel_token].item()
    bias[gpt.stop_mel_token] = 3.2
    try:
        stopped = [size(speak(engine, "Hello.", seed=seed)) for seed in range(6)]
        bias[gpt.stop_mel_token] = 1e4
        assert speak(engine, "Hello.") == []
    finally:
        bias[gpt.stop_mel_token] = before
    assert len(set(stopped)) > 2


def test_it_streams_piece_by_piece_with_pauses_between(engine: IndexEngine) -> None:
    chunks = speak(engine)
    assert len(chunks) > 2
    pause = round(0.2 * 22050)
    assert all(not chunk[-pause:].any() for chunk in chunks[:-1]) and chunks[-1][-pause:].any()


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_the_length_follows_the_speed(engine: IndexEngine, speed: float) -> None:
    assert size(speak(engine, speed=speed)) / size(speak(engine)) == pytest.approx(1 / speed, rel=0.02)


def test_a_cancel_is_seen_between_two_tokens_and_between_two_steps(engine: IndexEngine) -> None:
    for looks in (1, 30, 61):

        class Impatient(Cancel):
            left = looks

            @property
            def requested(self) -> bool:
                self.left -= 1
                return self.left < 0

        assert list(engine.speak(engine.prepare(Synthesize(1, TEXT)), Impatient())) == []


def test_the_package_searches_with_beams(engine: IndexEngine) -> None:
    assert size(speak(engine, "Hello.", options={"num_beams": 2})) > 22050


def test_the_language_is_the_requests_or_the_voices(engine: IndexEngine) -> None:
    def language(**fields: Any) -> str:
        plan = engine.prepare(Synthesize(1, "12", **fields))
        assert isinstance(plan, IndexPlan)
        return plan.pieces[0].language

    assert (language(), language(voice="angry"), language(language="es-MX")) == ("en", "zh", "es")
    with pytest.raises(BadOption, match="does not speak 'fi'; it speaks en, zh"):
        language(language="fi")


def test_numbers_are_read_in_english_and_chinese(engine: IndexEngine) -> None:
    def words(text: str, language: str) -> str:
        (piece,) = engine._model.pieces(text, language, 60)
        text = engine._model.package.tokenizer.decode(list(piece.tokens))  # type: ignore[attr-defined]
        return text.split("|> ")[1]

    assert words("I have 42 of them.", "en") == "i have forty two of them."
    assert words("我有42个。", "zh") == "我有四十二个."


def test_odd_text_is_spoken_or_told(engine: IndexEngine) -> None:
    assert engine.prepare(Synthesize(1, "Hi \U0001f600 <|endoftext|>")).skipped == 1
    for text in ("", "...", "\U0001f600", "。"):
        with pytest.raises(NothingToSpeak):
            engine.prepare(Synthesize(1, text))


def test_unknown_names_are_told(engine: IndexEngine) -> None:
    with pytest.raises(UnknownVoice, match="unknown voice 'nobody'; this engine has me, angry"):
        engine.prepare(Synthesize(1, "Hi", voice="nobody"))
    with pytest.raises(BadOption, match="emotion must be a voice of this engine"):
        engine.prepare(Synthesize(1, "Hi", options={"emotion": "/etc/passwd"}))
    with pytest.raises(BadOption, match="top_k must be a whole number between 1 and 128"):
        engine.prepare(Synthesize(1, "Hi", options={"top_k": 0}))


def test_a_voice_is_needed_and_its_recording(folder: Path) -> None:
    bare = dataclasses.replace(order(folder), voices=[])
    with pytest.raises(BadSettings, match="imitates recordings and none is configured"):
        IndexEngine.load(bare, lambda done: None)
    lost = dataclasses.replace(bare, voices=[VoiceSpec("me", "en", "/nowhere/me.wav", "")])
    with pytest.raises(MissingModel, match=r"do not exist: /nowhere/me\.wav \(voice 'me'\)"):
        IndexEngine.load(lost, lambda done: None)
    short = indextts_tiny.record(folder / "short.wav", seconds=0.2)
    with pytest.raises(MissingModel, match=r"is 0\.20 s long"):
        recording.read(short, 22050)
    with pytest.raises(MissingModel, match="cannot be read"):
        recording.read(folder / "gpt.pth", 22050)


def test_a_gpu_that_is_not_there_is_told(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(BadSettings, match="torch finds no CUDA device"):
        IndexEngine.load(dataclasses.replace(order(folder), device="cuda:0"), lambda done: None)


def test_the_benchmark_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told.json"
    small = "--tiny --device cpu --threads 1 --tokens 20 --steps 2 --runs 1 --upstream-runs 0"
    monkeypatch.setattr("sys.argv", ["bench", *small.split(), f"--json={told}"])
    bench.main()
    (row,) = json.loads(told.read_text())["rows"]
    assert row["name"] == "this engine, eager" and 0.7 < row["audio_s"] < 0.9 and row["tokens_per_s"] > 0


@pytest.fixture
def condition(engine: IndexEngine) -> Iterator[torch.Tensor]:
    torch.manual_seed(0)
    yield engine._model.condition(
        torch.randint(0, 8192, (1, 40)), Piece([], "en"), engine._voices.manner("me", None, 1.0), 1.0
    )


def test_a_padded_mel_and_its_samples_are_the_same(engine: IndexEngine, condition: torch.Tensor) -> None:
    reference = engine._voices.manner("me", None, 1.0).reference

    def mel(bucket: int | None) -> torch.Tensor:
        diffusion = Diffusion(engine._model.estimator, half=False)
        if bucket is not None:
            diffusion.prepare([bucket], capture=False)
        torch.manual_seed(1)
        return diffusion.mel(condition, reference, 4, 0.7, Cancel())

    found = mel(None)
    assert found.abs().max() > 1
    assert torch.allclose(found, mel(384), atol=1e-4)

    count = found.shape[-1]
    longer = torch.nn.functional.pad(found, (0, 55))
    vocoder = Vocoder(engine._model.vocoder)
    samples = vocoder.padded(longer, torch.tensor(count))[0, 0]
    assert torch.allclose(samples[: 256 * count], vocoder.wave(found), atol=1e-4)
