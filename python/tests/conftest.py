import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ishowtts_worker import engines


class AddEngine(Protocol):
    """Writes an engine's file where engines are found; its name is then as good as any."""

    def __call__(self, name: str, code: str) -> Path: ...


@pytest.fixture
def add_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddEngine]:
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    added = []

    def add(name: str, code: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(code, encoding="utf-8")
        importlib.invalidate_caches()
        added.append(name)
        return path

    yield add
    for name in added:
        sys.modules.pop(f"{engines.__name__}.{name}", None)
