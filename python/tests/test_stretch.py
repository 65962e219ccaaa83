import numpy as np
import pytest

from ishowtts_worker.stretch import stretch

RATE = 22_050


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.9, 1.0, 1.7, 4.0])
def test_the_length_changes_and_the_pitch_and_the_level_stay(factor: float) -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE).astype(np.float32)
    result = stretch(tone, factor, RATE)
    assert result.size == round(tone.size * factor)
    inner = result[RATE // 20 : -RATE // 20]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(inner.size)))
    assert np.argmax(spectrum) * RATE / inner.size == pytest.approx(200, abs=6)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(np.sqrt(0.5), rel=0.1)
    assert np.abs(result).max() < 1.2


@pytest.mark.parametrize("size", [0, 1, 100, 1000])
def test_very_short_pieces_are_no_trouble(size: int) -> None:
    assert stretch(np.ones(size, np.float32), 0.5, RATE).size == round(size * 0.5)
