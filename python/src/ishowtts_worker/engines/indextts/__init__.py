"""IndexTTS-2.5 and 2: voices imitated from a recording, with the emotion of another."""

from .engine import IndexEngine as ENGINE

__all__ = ["ENGINE"]
