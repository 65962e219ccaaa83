from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import worker
from ishowtts_worker import audio
from ishowtts_worker.protocol import Done, Failure, Phonemes
from speaker import Speaker

SENTENCE = "The quick brown fox jumps over the lazy dog."
QUIET = {"noise_scale": 0, "noise_w_scale": 0}


@pytest.fixture(scope="module")
def piper() -> Iterator[Speaker]:
    with worker("piper") as (supervisor, _):
        yield Speaker(supervisor, "piper")


def test_it_says_what_it_is(piper: Speaker) -> None:
    ready = piper.ready
    assert (ready.sample_rate, ready.languages, ready.repeatable) == (22050, ["en"], False)
    assert [(voice.id, voice.name) for voice in ready.voices] == [("joe", "Joe")]
    assert 2000 < ready.warmup.audio_ms < 4000


def test_a_sentence_has_the_length_and_the_level_of_speech(piper: Speaker) -> None:
    samples = piper.speak(SENTENCE)
    assert 2.0 < samples.size / 22050 < 4.0
    assert audio.active_level_db(samples, 22050) == pytest.approx(audio.HOUSE_LEVEL_DB, abs=2.5)
    assert np.abs(samples).max() <= audio.CEILING + 1e-4


def test_the_first_sentence_comes_before_the_others(piper: Speaker) -> None:
    chunks, ending = piper.chunks(" ".join([SENTENCE] * 4))
    assert isinstance(ending, Done) and len(chunks) >= 4
    assert ending.timings.first_chunk_ms < ending.timings.total_ms / 2


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 1.6, 2.0, 3.0, 4.0])
def test_the_length_follows_the_speed(piper: Speaker, speed: float) -> None:
    once, other = (
        piper.speak(f"{SENTENCE} {SENTENCE}", speed=one, options=QUIET).size for one in (1.0, speed)
    )
    assert other / once == pytest.approx(1 / speed, rel=0.1)


def test_a_word_has_the_sounds_that_are_given(piper: Speaker) -> None:
    def speak(word: str, *phonemes: Phonemes) -> NDArray[np.float32]:
        return piper.speak(f"A {word}, really.", options=QUIET, phonemes=list(phonemes))

    # What espeak-ng makes of the word, and of the article in its place before it.
    as_read = speak("GIF", Phonemes(0, 1, "ɐ"), Phonemes(2, 5, "ɡˈɪf"))
    as_given = speak("GIF", Phonemes(0, 1, "ɐ"), Phonemes(2, 5, "dʒˈɪf"))
    as_spelt = speak("XYZ", Phonemes(0, 1, "ɐ"), Phonemes(2, 5, "dʒˈɪf"))
    assert not np.array_equal(as_read, as_given)
    assert np.array_equal(as_given, as_spelt)


def test_without_noise_it_repeats_itself(piper: Speaker) -> None:
    first, second = (piper.speak(SENTENCE, options=QUIET) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("Hello \U0001f600 there", 1),
        ("Hello 你好 there", 2),
        ("a\x00b\x07c", 2),
        ("[[ raw ]] [[", 0),
        ("<b>$5 & 10%</b>", 0),
    ],
)
def test_odd_characters_never_fail(piper: Speaker, text: str, skipped: int) -> None:
    assert piper.skipped(text) == skipped


@pytest.mark.parametrize("text", ["你好", "\U0001f600", "...", "?!", "\x00"])
def test_what_it_cannot_read_at_all_is_nothing_to_speak(piper: Speaker, text: str) -> None:
    _, ending = piper.chunks(text)
    assert isinstance(ending, Failure) and ending.code == "nothing_to_speak"


def test_a_text_without_any_mark_is_spoken_in_parts(piper: Speaker) -> None:
    chunks, ending = piper.chunks("one two three four " * 40, speed=4.0)
    assert isinstance(ending, Done) and len(chunks) > 3


def test_a_bad_option_and_an_unknown_voice_are_told(piper: Speaker) -> None:
    _, ending = piper.chunks(SENTENCE, options={"noise_scale": 9})
    assert isinstance(ending, Failure)
    assert ending.message == "noise_scale must be a number between 0 and 2, not 9"
    _, ending = piper.chunks(SENTENCE, voice="nobody")
    assert isinstance(ending, Failure) and ending.code == "unknown_voice"
