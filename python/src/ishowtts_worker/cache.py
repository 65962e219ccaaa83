"""Where a worker may keep what it would otherwise make again at each start.

Compiled kernels, prepared voices.
"""

from __future__ import annotations

import os
from pathlib import Path

_VARIABLE = "ISHOWTTS_CACHE"


def folder(name: str) -> Path | None:
    """A folder for one kind of thing, made if need be; none without a place to write."""
    root = os.environ.get(_VARIABLE)
    if not root:
        return None
    found = Path(root) / name
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return found
