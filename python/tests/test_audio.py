import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts_worker import audio
from ishowtts_worker.errors import GarbledAudio

RATE = 24_000


def voice(level_db: float, seconds: float = 2.0, seed: int = 0) -> audio.Samples:
    """Noise in syllables: 0.2 s at this RMS level, 0.1 s of nothing, and so on."""
    random = np.random.default_rng(seed)
    samples = random.normal(0, 10 ** (level_db / 20), int(seconds * RATE))
    samples[np.arange(samples.size) % int(0.3 * RATE) >= int(0.2 * RATE)] = 0
    return samples.astype(np.float32)


def decoded(pcm: bytes) -> audio.Samples:
    samples: audio.Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32767)
    return samples


def test_pauses_do_not_lower_the_active_level() -> None:
    speech = voice(-25)
    silence = np.zeros(3 * RATE, np.float32)
    assert audio.active_level_db(speech, RATE) == pytest.approx(-25, abs=0.3)
    assert audio.active_level_db(np.concatenate([silence, speech, silence]), RATE) == pytest.approx(
        -25, abs=0.5
    )
    assert audio.rms_db(np.concatenate([silence, speech, silence])) < -30


def test_nothing_and_silence_have_no_level() -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(RATE, np.float32)):
        assert audio.active_level_db(samples, RATE) == -math.inf
        assert audio.rms_db(samples) == -math.inf
    assert math.isnan(audio.rms_db(np.full(RATE, np.nan, np.float32)))


@pytest.mark.parametrize("level", [-45.0, -20.0, -12.0])
def test_every_engine_is_brought_to_the_house_level(level: float) -> None:
    to_pcm = audio.leveller([[voice(level, seed=1)], [voice(level, seed=2)[:RATE], voice(level)]], RATE)
    assert audio.active_level_db(decoded(to_pcm(voice(level, seed=3))), RATE) == pytest.approx(-20, abs=0.5)


def test_an_engine_that_said_nothing_is_left_as_it_is() -> None:
    to_pcm = audio.leveller([[np.zeros(RATE, np.float32)], []], RATE)
    assert np.array_equal(to_pcm(np.full(4, 0.5, np.float32)), audio.to_pcm16(np.full(4, 0.5, np.float32)))


def test_quiet_samples_pass_unchanged_and_loud_ones_stay_below_the_ceiling() -> None:
    quiet = np.linspace(-0.7, 0.7, 1001, dtype=np.float32)
    assert np.abs(decoded(audio.to_pcm16(quiet)) - quiet).max() <= 0.5 / 32767 + 1e-6
    loud = np.linspace(-9, 9, 100_001, dtype=np.float32)
    limited = decoded(audio.to_pcm16(loud))
    assert np.abs(limited).max() <= audio.CEILING + 1 / 32767
    assert np.all(np.diff(limited) >= 0)  # bent, never folded over
    assert np.allclose(limited, -limited[::-1])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_an_error_and_never_heard(wrong: float) -> None:
    samples = np.array([0.1, wrong, 0.1], np.float32)
    with pytest.raises(GarbledAudio, match="1 of 3 samples"):
        audio.to_pcm16(samples)


@given(st.lists(st.floats(-4, 4, width=32), max_size=200), st.integers(0, 200), st.floats(0.1, 10))
def test_the_result_does_not_depend_on_the_chunks(values: list[float], cut: int, gain: float) -> None:
    samples = np.array(values, np.float32)
    whole = audio.to_pcm16(samples, gain)
    assert audio.to_pcm16(samples[:cut], gain) + audio.to_pcm16(samples[cut:], gain) == whole


def test_no_samples_are_no_bytes() -> None:
    assert audio.to_pcm16(np.zeros(0, np.float32)) == b""
    assert audio.joined([]).size == 0
