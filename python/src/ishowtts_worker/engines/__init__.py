"""The engines, found by their name: `ishowtts_worker.engines.<name>` holds the class as `ENGINE`.

Imported on demand, since each engine's packages are installed in that engine's environment only.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..errors import LoadFailed, MissingDependency
from .base import Engine

_NOT_ENGINES = frozenset({"base"})


def names() -> list[str]:
    """The engines that this package carries."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_ENGINES)


def find(name: str) -> type[Engine[Any]]:
    """Import an engine. Raises LoadFailed for an unknown name, MissingDependency when a package is absent."""
    if name not in names():
        raise LoadFailed(f"there is no engine {name!r}; this package carries {', '.join(names())}")
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise missing(name, error) from error
    engine: type[Engine[Any]] = module.ENGINE
    return engine


def missing(name: str, error: ImportError) -> MissingDependency:
    """What to tell about an import that failed while engine `name` was imported or loaded."""
    what = f"package {error.name!r} is missing" if error.name else f"an import failed ({error})"
    return MissingDependency(
        f"{what} for engine {name!r}; install its environment: ishowtts setup --engine {name} "
        "(or where its key `python` names an interpreter of yours, install it there)"
    )
