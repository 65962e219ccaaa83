"""The engine on a small random checkpoint, beside the f5-tts package's own model, which made it."""

import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
import torch

import f5_package
from f5_package import TINY, TINY_VOCOS, Package
from harness import worker
from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines import f5
from ishowtts_worker.engines.base import Request, VoiceSpec
from ishowtts_worker.engines.f5.reading import Vocabulary
from ishowtts_worker.errors import (
    BadOption,
    BadSettings,
    DeviceFault,
    LoadFailed,
    MissingModel,
    NothingToSpeak,
    OutOfMemory,
    UnknownVoice,
)
from ishowtts_worker.protocol import Cancelled, Done, Failure, Load, Synthesize

RATE, HOP = 24_000, 256
ENGLISH = "I do not really care what you call me."


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Package, dict[str, str]]:
    package = f5_package.build(TINY, TINY_VOCOS)
    return package, f5_package.save(package, tmp_path_factory.mktemp("f5"), TINY, TINY_VOCOS)


@pytest.fixture(scope="module")
def settings(made: tuple[Package, dict[str, str]]) -> dict[str, str]:
    return made[1]


@pytest.fixture(scope="module")
def engine(settings: dict[str, str]) -> Any:
    return start(settings)


def start(settings: dict[str, Any], voices: list[VoiceSpec] | None = None, device: str = "cpu") -> Any:
    return f5.ENGINE.load(Load(1, "f5", 0, device, 1, settings, voices or []), lambda _: None)


def speak(engine: Any, text: str, **fields: Any) -> np.ndarray:
    chunks = list(engine.speak(engine.prepare(Request(1, text, **fields)), Cancel()))
    return np.concatenate(chunks)


def test_it_says_what_it_is(engine: Any) -> None:
    info = engine.info
    assert (info.sample_rate, list(info.languages), info.tier, info.device) == (
        RATE,
        ["en", "zh"],
        "eager",
        "cpu",
    )
    told = {(voice.id, voice.language) for voice in info.voices}
    assert told == set(itertools.product(("basic-en", "basic-zh"), ("en", "zh")))


@pytest.mark.parametrize("text", [ENGLISH, "今天天气很好，我们去公园。", "我用iPhone拍了12张照片。"])
@pytest.mark.parametrize("voice", ["basic-en", "basic-zh"])
def test_every_voice_speaks_both_languages(engine: Any, text: str, voice: str) -> None:
    wave = speak(engine, text, voice=voice)
    assert 1.0 < wave.size / RATE < 9.0
    assert np.isfinite(wave).all() and np.abs(wave).max() > 0.01


def test_a_seed_gives_the_same_samples_alone_or_together(engine: Any) -> None:
    texts = [ENGLISH, "Two other things, which are longer than the first one.", "三。"]
    plans = [engine.prepare(Request(number, text, seed=number)) for number, text in enumerate(texts)]
    together: dict[int, list[np.ndarray]] = {}
    ended = []
    for position, chunk in filter(None, engine.speak_together(plans, [Cancel()] * 3)):
        if chunk is None:
            ended.append(position)
        else:
            together.setdefault(position, []).append(chunk)
    assert ended == [0, 1]  # what the last launch made ends with it
    for number, text in enumerate(texts):
        assert np.array_equal(speak(engine, text, seed=number), np.concatenate(together[number]))
    assert not np.array_equal(speak(engine, ENGLISH, seed=1), speak(engine, ENGLISH, seed=2))


def test_a_launch_that_begins_before_another_is_handed_over_changes_neither(engine: Any) -> None:
    texts = [ENGLISH, "Two other things, which are longer than the first one.", "三。"]
    alone = [speak(engine, text, seed=number) for number, text in enumerate(texts)]
    plans = [engine.prepare(Request(number, text, seed=number)) for number, text in enumerate(texts)]
    launches = [engine.speak_together([plan], [Cancel()]) for plan in plans]
    behind, given_up = launches[1:]
    begun = [next(launches[0]), next(behind)]
    # Whoever is not wanted any more leaves nothing in the way of the others.
    behind.close()
    given_up.close()
    assert np.array_equal(begun[0][1], alone[0]) and list(launches[0]) == []
    assert np.array_equal(speak(engine, texts[1], seed=1), alone[1])
    assert np.array_equal(speak(engine, texts[2], seed=2), alone[2])


class SlowMark:
    """A place that a device reaches when the test says so."""

    made: ClassVar[list["SlowMark"]] = []

    def __init__(self, _device: Any) -> None:
        self.is_reached = False
        self.made.append(self)

    def wait(self) -> None:
        self.is_reached = True


def test_a_launch_behind_that_nobody_wants_keeps_no_other_waiting(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = engine._synthesizer
    monkeypatch.setattr("ishowtts_worker.engines.f5.synthesizer.Mark", SlowMark)
    monkeypatch.setattr("ishowtts_worker.engines.f5.buffers.Mark", SlowMark)
    monkeypatch.setattr(ours._runner, "is_whole", lambda *_: True)
    monkeypatch.setattr(ours._runner, "run", lambda *_: iter(()))
    jobs = engine.prepare(Request(1, ENGLISH)).jobs
    SlowMark.made.clear()
    first, behind = ours.speak(jobs, -1.0, lambda: True), ours.speak(jobs, -1.0, lambda: False)
    next(first)
    next(behind)
    SlowMark.made[0].is_reached = True
    assert [*first] == []
    # The same request has more to launch, before the other one is looked at again.
    second = ours.speak(jobs, -1.0, lambda: True)
    next(second)
    assert len(SlowMark.made) == 3, "it was given to the device"
    for mark in SlowMark.made:
        mark.is_reached = True
    assert [*second] == [*behind] == []
    assert (len(ours._hosts), ours._flights, ours._is_giving) == (2, [], False)


def test_the_usual_steps_are_kept_whatever_others_ask_for(engine: Any) -> None:
    modulation = engine._synthesizer._modulation
    usual = modulation.table(7, -1.0)
    for steps in range(8, 24):
        modulation.table(steps, -1.0)
    assert modulation.table(7, -1.0) is usual


@pytest.mark.parametrize(
    "text", ["Hi.", "It is.", "It is so.", ENGLISH, "你好。", "今天天气很好，我们去公园。"]
)
@pytest.mark.parametrize("speed", [1.0, 0.8])
def test_the_length_is_reckoned_as_the_package_does(engine: Any, text: str, speed: float) -> None:
    job = engine.prepare(Request(1, text, voice="basic-en", speed=speed)).jobs[0]
    transcript = "Some call me nature, others call me mother nature. "
    # f5_tts.infer.utils_infer.infer_batch_process: less than ten bytes are spoken at a speed of 0.3.
    pace = 0.3 * speed if len(text.encode()) < 10 else speed
    spoken = int(job.spoken_from / len(transcript.encode()) * len(text.encode()) / pace)
    assert job.frames == max(job.spoken_from + spoken, len(job.tokens) + 1, job.spoken_from + 2)


def test_speed_changes_the_length(engine: Any) -> None:
    slow, usual, fast = (speak(engine, ENGLISH, speed=speed).size for speed in (0.5, 1.0, 2.0))
    assert slow / usual == pytest.approx(2.0, abs=0.02) and fast / usual == pytest.approx(0.5, abs=0.02)


def test_options_are_checked_and_matter(engine: Any) -> None:
    usual = speak(engine, ENGLISH)
    changes: list[dict[str, Any]] = [{"nfe_step": 4}, {"cfg_strength": 1.0}]
    for options in changes:
        assert not np.array_equal(speak(engine, ENGLISH, options=options), usual)
    mistakes: list[dict[str, Any]] = [
        {"nfe_step": 3},
        {"nfe_step": 65},
        {"cfg_strength": -1},
        {"nfe": 7},
        {"nfe_step": "7"},
    ]
    for options in mistakes:
        with pytest.raises(BadOption):
            engine.prepare(Request(1, ENGLISH, options=options))


def test_what_it_cannot_speak_is_told(engine: Any) -> None:
    for text in ("…", "?!", " "):
        with pytest.raises(NothingToSpeak):
            engine.prepare(Request(1, text))
    with pytest.raises(UnknownVoice, match="basic-en, basic-zh"):
        engine.prepare(Request(1, ENGLISH, voice="nobody"))
    assert engine.prepare(Request(1, f"{ENGLISH} ฏ ฎ")).skipped == 2


def test_a_cancel_is_seen_between_steps(engine: Any) -> None:
    looks: list[None] = []

    class Impatient(Cancel):
        @property
        def requested(self) -> bool:
            looks.append(None)
            return len(looks) > 3

    plan = engine.prepare(Request(1, ENGLISH, options={"nfe_step": 64}))
    assert list(engine.speak(plan, Impatient())) == [] and len(looks) == 4


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three seconds in stereo at 44.1 kHz, with silence around."""
    times = np.arange(3 * 44_100) / 44_100
    tone = 0.02 * np.sin(2 * np.pi * 200 * times) * (1 + np.sin(2 * np.pi * 4 * times))
    padded = np.pad(tone, 44_100)
    soundfile.write(tmp_path / "clip.flac", np.stack((padded, padded), 1), 44_100)
    return tmp_path / "clip.flac"


def test_a_clip_of_ones_own_is_a_voice(settings: dict[str, str], clip: Path) -> None:
    spec = VoiceSpec("mine", "zh", str(clip), "录音里说的话")
    engine = start(settings, [spec])
    assert (engine.info.voices[0].id, engine.info.voices[0].language) == ("mine", "zh")
    plan = engine.prepare(Request(1, "你好，世界！今天怎么样？", voice="mine"))
    # Silence around it was cut off, but for a moment at its end.
    assert plan.jobs[0].spoken_from * HOP / RATE == pytest.approx(3.05, abs=0.05)
    assert speak(engine, "你好，世界！", voice="mine").size > RATE / 2


def test_a_prepared_clip_is_kept(
    settings: dict[str, str], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISHOWTTS_CACHE", str(tmp_path / "kept"))
    spec = VoiceSpec("mine", "en", str(clip), "What is said.")
    first = speak(start(settings, [spec]), ENGLISH, voice="mine")
    kept = list((tmp_path / "kept/voices").glob("*.npy"))
    assert len(kept) == 3
    monkeypatch.setattr("ishowtts_worker.engines.f5.voices.read", None)
    assert np.array_equal(speak(start(settings, [spec]), ENGLISH, voice="mine"), first)


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (np.zeros(RATE * 3), "is silent"),
        (np.ones(RATE * 9 // 20) * 0.1, "0.5 s"),
        (np.ones(RATE * 20) * 0.1, "20.1 s"),
    ],
)
def test_a_bad_clip_is_told(settings: dict[str, str], tmp_path: Path, samples: np.ndarray, what: str) -> None:
    soundfile.write(tmp_path / "bad.wav", samples, RATE)
    engine = start(settings, [VoiceSpec("mine", "en", str(tmp_path / "bad.wav"), "Words.")])
    with pytest.raises(UnknownVoice, match=what):
        engine.prepare(Request(1, ENGLISH, voice="mine"))
    assert "mine" not in {voice.id for voice in engine.info.voices} and speak(engine, ENGLISH).size


def test_a_clip_that_is_no_audio_or_has_no_words_is_told(
    settings: dict[str, str], clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    specs = [
        VoiceSpec("text", "en", str(tmp_path / "text.wav"), "Words."),
        VoiceSpec("none", "en", str(clip), " . "),
        VoiceSpec("few", "en", str(clip), "a"),
        VoiceSpec("many", "en", str(clip), "word " * 500),
    ]
    engine = start(settings, specs)
    for name, told in [
        ("text", "cannot be read as audio"),
        ("none", "needs a transcript"),
        ("few", "does not fit its recording"),
        ("many", "does not fit its recording"),
    ]:
        with pytest.raises(UnknownVoice, match=told):
            engine.prepare(Request(1, ENGLISH, voice=name))


def test_what_is_kept_of_a_clip_is_made_again_when_it_is_damaged(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISHOWTTS_CACHE", str(tmp_path))
    usual = speak(start(settings), ENGLISH)
    for path in (tmp_path / "voices").iterdir():
        path.write_bytes(b"junk")
    assert np.array_equal(speak(start(settings), ENGLISH), usual)


def test_a_text_too_long_for_one_launch_is_spoken_in_pieces(engine: Any) -> None:
    plan = engine.prepare(Request(1, "It costs $1,999,999.99 today, and $1,777,777.77 tomorrow.", speed=0.25))
    assert len(plan.jobs) > 1 and max(job.frames for job in plan.jobs) <= 3584
    wave = speak(engine, "It costs $1,999,999.99 today, and $1,777,777.77 tomorrow.", speed=0.25)
    once = speak(engine, "It costs $1,999,999.99 today, and $1,777,777.77 tomorrow.", speed=1.0)
    assert wave.size / once.size == pytest.approx(4.0, rel=0.1)


def test_missing_files_are_named_with_their_setting(settings: dict[str, str], tmp_path: Path) -> None:
    for name in ("checkpoint", "vocoder", "model", "vocab"):
        gone = str(tmp_path / ("gone.yaml" if name == "model" else "gone"))
        with pytest.raises(MissingModel, match="gone") as told:
            start({**settings, name: gone})
        assert told.value.param == name and "\n" not in str(told.value)
    for name in ("checkpoint", "vocoder"):
        with pytest.raises(MissingModel, match=name):
            start({key: value for key, value in settings.items() if key != name})


def test_a_training_checkpoint_is_read_and_a_pickle_that_runs_code_is_not(
    made: tuple[Package, dict[str, str]], tmp_path: Path
) -> None:
    package, settings = made
    averaged = {f"ema_model.{name}": tensor for name, tensor in package.model.state_dict().items()}
    torch.save(
        {"ema_model_state_dict": {**averaged, "step": torch.tensor(1)}, "update": 1}, tmp_path / "model.pt"
    )
    usual = start(settings)
    same = start({**settings, "checkpoint": str(tmp_path / "model.pt")})
    assert np.array_equal(speak(same, ENGLISH), speak(usual, ENGLISH))

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "run",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    torch.save({"model_state_dict": Evil()}, tmp_path / "worse.pt")
    for name in ("evil.pt", "worse.pt"):
        with pytest.raises(LoadFailed):
            start({**settings, "checkpoint": str(tmp_path / name)})
    assert not (tmp_path / "run").exists()


def test_files_that_do_not_belong_together_are_told(settings: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="has shape"):
        start({**settings, "model": "F5TTS_v1_Base"})
    (tmp_path / "half.safetensors").write_bytes(Path(settings["checkpoint"]).read_bytes()[:5000])
    with pytest.raises(LoadFailed, match=r"half\.safetensors"):
        start({**settings, "checkpoint": str(tmp_path / "half.safetensors")})
    other = tmp_path / "other.yaml"
    for text in (
        "model: {arch: {dim: abc, depth: 1, heads: 1}}",
        "model: {backbone: UNetT, arch: {}}",
        "model: {arch: {dim: 1, odd: 2}}",
        "[",
        "model: 1",
    ):
        other.write_text(text)
        with pytest.raises(LoadFailed, match=r"other\.yaml"):
            start({**settings, "model": str(other)})


def test_settings_are_checked(settings: dict[str, str]) -> None:
    mistakes: list[dict[str, Any]] = [
        {"buckets": []},
        {"buckets": [1]},
        {"buckets": 512},
        {"dtype": "int8"},
        {"kernels": "fast"},
    ]
    for wrong in mistakes:
        with pytest.raises(BadSettings, match=next(iter(wrong))):
            start({**settings, **wrong})
    with pytest.raises(BadSettings, match="for a GPU"):
        start({**settings, "kernels": "triton"})
    for device, told in (("cuda:0", "finds no GPU"), ("tpu", "not on 'tpu'")):
        with pytest.raises(BadSettings, match=told) as error:
            start(settings, device=device)
        assert error.value.param == "device" and "\n" not in str(error.value)


def test_vocabularies(tmp_path: Path) -> None:
    real = Vocabulary.read(f5_package.vocabulary())
    assert len(real) == 2545
    (tmp_path / "vocab.txt").write_text("a\n \n")
    with pytest.raises(LoadFailed, match="first line"):
        Vocabulary.read(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    ("raised", "told", "fatal"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), OutOfMemory, False),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), DeviceFault, True),
        (RuntimeError("shapes do not fit"), RuntimeError, False),
    ],
)
def test_a_device_that_failed_takes_the_process_with_it(
    engine: Any, monkeypatch: pytest.MonkeyPatch, raised: Exception, told: type[Exception], fatal: bool
) -> None:
    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(engine._synthesizer, "speak", fail)
    with pytest.raises(told) as found:
        speak(engine, ENGLISH)
    assert getattr(found.value, "fatal", False) is fatal


@pytest.fixture(scope="module")
def served(settings: dict[str, str]) -> Iterator[Any]:
    with worker("f5") as (supervisor, _):
        yield supervisor, supervisor.get_ready("f5", **settings)


def test_as_a_worker_it_speaks_cancels_and_tells(served: Any) -> None:
    supervisor, ready = served
    assert (ready.max_batch, ready.tier) == (1, "eager") and ready.warmup.audio_ms > 1000
    pcm, ending = supervisor.say(1, ENGLISH, seed=3)
    assert isinstance(ending, Done) and ending.samples == len(pcm) // 2
    samples = np.frombuffer(pcm, "<i2").astype(float) / 32767
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-20, abs=3)
    assert supervisor.say(2, ENGLISH, seed=3)[0] == pcm
    assert isinstance(supervisor.say(3, "…")[1], Failure)
    supervisor.send(Synthesize(4, ENGLISH * 5, options={"nfe_step": 64}))
    from ishowtts_worker.protocol import CancelSynthesis  # noqa: PLC0415

    supervisor.send(CancelSynthesis(4))
    assert isinstance(supervisor.speech(4)[1], Cancelled)
