"""Kokoro-82M in ONNX: Japanese voices come with its requirements, others with the public files."""

from .engine import KokoroEngine as ENGINE

__all__ = ["ENGINE"]
