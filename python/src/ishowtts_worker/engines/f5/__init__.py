"""F5-TTS: speech in the voice of a short clip, in English and Chinese, by flow matching."""

import os

from ...cache import folder

# Before anything imports them: what they compile is kept where this worker may write.
for _variable, _name in (("TRITON_CACHE_DIR", "triton"), ("TORCHINDUCTOR_CACHE_DIR", "inductor")):
    if (_folder := folder(_name)) is not None:
        os.environ.setdefault(_variable, str(_folder))

from .engine import F5Engine as ENGINE  # noqa: E402 - the name by which engines are found

__all__ = ["ENGINE"]
