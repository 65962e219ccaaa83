"""FastSpeech2 and multi-band MelGAN in TensorFlow Lite: one Mandarin voice, fast on a plain processor."""

from .engine import FastSpeech2Engine as ENGINE

__all__ = ["ENGINE"]
