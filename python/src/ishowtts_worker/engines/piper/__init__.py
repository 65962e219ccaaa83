"""Piper: VITS voices in ONNX for many languages; an American English one comes with its requirements."""

from .engine import PiperEngine as ENGINE

__all__ = ["ENGINE"]
