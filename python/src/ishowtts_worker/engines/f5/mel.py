"""The mel spectrogram of F5-TTS and Vocos: magnitudes, 100 bands on the HTK scale, natural logarithm.

As torchaudio's MelSpectrogram(power=1, norm=None, center=True) computes it, without torchaudio, which is
built for one version of torch alone and which a Jetson's image does not bring.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from .architecture import HOP, MEL_BANDS, SAMPLE_RATE, WINDOW

_LEAST = 1e-5


def log_mel(wave: Tensor) -> Tensor:
    """Frames [n // 256 + 1, 100] of a float32 wave [n] at 24 kHz."""
    window = torch.hann_window(WINDOW, device=wave.device)
    spectrum = torch.stft(
        wave, WINDOW, HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    mel = spectrum.abs().transpose(0, 1) @ _bank().to(wave.device)
    return mel.clamp(min=_LEAST).log()


@functools.cache
def _bank() -> Tensor:
    """Triangular filters [513, 100], their corners evenly spaced on the mel scale from 0 to 12 kHz."""
    top = 2595.0 * math.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    corners = 700.0 * (10.0 ** (torch.linspace(0.0, top, MEL_BANDS + 2) / 2595.0) - 1.0)
    bins = torch.linspace(0, SAMPLE_RATE // 2, WINDOW // 2 + 1)
    widths = corners[1:] - corners[:-1]
    slopes = corners[None, :] - bins[:, None]
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp(min=0.0)
