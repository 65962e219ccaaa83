from collections.abc import Iterator

import numpy as np
import pytest

from harness import worker
from ishowtts_worker import audio
from ishowtts_worker.engines.fastspeech2.frontend import FrontEnd, package_folder
from ishowtts_worker.engines.fastspeech2.graph import without_dropout
from ishowtts_worker.engines.fastspeech2.reading import read
from ishowtts_worker.engines.fastspeech2.vocoder import HOP, Acoustic, Vocoder
from ishowtts_worker.protocol import Done, Failure
from speaker import Speaker

SENTENCE = "今天天气很好，我们一起去公园散步。"


@pytest.fixture(scope="module")
def voice() -> Iterator[Speaker]:
    with worker("fastspeech2") as (supervisor, _):
        yield Speaker(supervisor, "fastspeech2")


@pytest.fixture(scope="module")
def front_end() -> FrontEnd:
    return FrontEnd(package_folder())


def phones(front_end: FrontEnd, text: str) -> list[list[int]]:
    return [piece.ids for piece in front_end.pieces(read(text)[0], 1.0)[0]]


def test_it_says_what_it_is(voice: Speaker) -> None:
    ready = voice.ready
    assert (ready.sample_rate, ready.languages, ready.repeatable) == (24000, ["zh"], True)
    assert 3000 < ready.warmup.audio_ms < 5000


def test_a_sentence_has_the_length_and_the_level_of_speech(voice: Speaker) -> None:
    samples = voice.speak(SENTENCE)
    assert 3.0 < samples.size / 24000 < 5.0
    assert audio.active_level_db(samples, 24000) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=2.5)
    assert np.abs(samples).max() <= audio.CEILING + 1e-4


@pytest.mark.parametrize("text", ["再见", "请联系。", "公园！", "中国", "你好", SENTENCE])
def test_no_text_ends_in_the_middle_of_a_sound(voice: Speaker, text: str) -> None:
    samples = voice.speak(text)
    assert np.abs(samples[-120:]).max() < 0.02
    assert np.abs(samples[: -24000 // 10]).max() > 0.1, "only its end is quiet"


@pytest.mark.parametrize("speed", [0.25, 0.5, 2, 3, 4])
def test_the_level_holds_and_no_silence_grows_at_the_ends_at_any_speed(voice: Speaker, speed: float) -> None:
    samples = voice.speak(SENTENCE, speed=speed)
    assert audio.active_level_db(samples, 24000) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=3.5)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    assert loud[0] < 0.4 * 24000 and samples.size - loud[-1] < 0.6 * 24000


def test_the_same_text_gives_the_same_samples(voice: Speaker) -> None:
    first = voice.speak(SENTENCE)
    voice.speak("别的话。")
    assert np.array_equal(first, voice.speak(SENTENCE))


def test_the_first_chunk_is_short_and_comes_before_the_rest(voice: Speaker) -> None:
    chunks, ending = voice.chunks(SENTENCE * 3)
    assert isinstance(ending, Done)
    assert chunks[0].size <= 48 * HOP
    assert ending.timings.first_chunk_ms < ending.timings.total_ms / 3


def test_the_chunks_are_exactly_the_whole(front_end: FrontEnd) -> None:
    package = package_folder() / "asset"
    acoustic = Acoustic(without_dropout(package / "fastspeech2_quan.tflite"), 2)
    vocoder = Vocoder(str(package / "mb_melgan.tflite"), 2)
    for text in ("一", "好", "今天天气很好", "我们沿着河边一直走到天黑然后才回家吃饭看书写字睡觉"):
        (ids,) = phones(front_end, text)
        mel = acoustic.mel(ids, 1.0, 1.0, 1.0)
        chunks = list(vocoder.stream(mel, first=True))
        whole = vocoder.run(mel)
        assert whole.size == len(mel) * HOP
        assert np.allclose(np.concatenate(chunks), whole, atol=1e-5)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 1.6, 2.0, 3.0, 4.0])
def test_the_length_follows_the_speed(voice: Speaker, speed: float) -> None:
    once, other = (voice.speak(SENTENCE * 2, speed=one).size for one in (1.0, speed))
    assert other / once == pytest.approx(1 / speed, rel=0.1)


@pytest.mark.parametrize("speed", [0.25, 1.0, 4.0])
def test_a_text_without_any_mark_is_spoken_at_any_speed(voice: Speaker, speed: float) -> None:
    assert voice.speak("我们沿着河边一直走到天黑" * 8, speed=speed).size > 24000


@pytest.mark.parametrize(
    "text", ["好", "好，" * 20, "1" * 1000, "1个" * 300], ids=["one", "many", "digits", "both"]
)
def test_no_shape_of_text_is_too_much(voice: Speaker, text: str) -> None:
    assert voice.speak(text, speed=4.0).size > 0


def test_numbers_and_signs_are_said_as_people_say_them(front_end: FrontEnd) -> None:
    for written, said in [
        ("-5度", "负五度"),
        ("2020年3月15日", "二零二零年三月十五日"),
        ("2020-03-15", "二零二零年三月十五日"),
        ("12:30", "十二点三十分"),
        ("99.5元", "九十九点五元"),
        ("1,234", "一千两百三十四"),
        ("3.14%", "百分之三点一四"),
        ("3~5天", "三到五天"),
    ]:
        assert phones(front_end, written) == phones(front_end, said), written


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("兙兡嗧桛烪瓧瓰瓱瓼甅呣噷覅黁好", 14),
        ("你好Hello", 5),
        ("好\U0001f600\x00", 2),
        ("㐀𠀀好", 2),
        ("#1^$好", 2),
    ],
)
def test_odd_characters_never_fail(voice: Speaker, text: str, skipped: int) -> None:
    assert voice.skipped(text) == skipped


def test_every_common_character_has_a_syllable(front_end: FrontEnd) -> None:
    codes = [bytes([row + 0xA0, cell + 0xA0]) for row in range(16, 88) for cell in range(1, 95)]
    for code in codes:
        character = code.decode("gb2312", "ignore")
        if character:
            assert front_end.pieces(read(character)[0], 1.0)[1] == 0, character


@pytest.mark.parametrize("text", ["Hello", "\U0001f600", "……", "兙"])
def test_what_it_cannot_read_at_all_is_nothing_to_speak(voice: Speaker, text: str) -> None:
    _, ending = voice.chunks(text)
    assert isinstance(ending, Failure) and ending.code == "nothing_to_speak"


def test_pitch_changes_the_sound_and_a_bad_option_is_told(voice: Speaker) -> None:
    assert not np.array_equal(voice.speak("你好"), voice.speak("你好", options={"pitch": 1.3}))
    _, ending = voice.chunks("你好", options={"pitch": 3})
    assert isinstance(ending, Failure) and ending.message == "pitch must be a number between 0.5 and 2, not 3"
