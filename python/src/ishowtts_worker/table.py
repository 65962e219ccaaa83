"""Settings and options: tables that a person wrote, read into frozen dataclasses.

A field is `float`, `int`, `bool`, `str` or `Path`, one of them with None, or `tuple[int, ...]`;
`Annotated[float, Between(0, 2)]` adds a range, to each item of a tuple. Every field has a default. The
engine's table of the configuration is read with `read_settings`; a client's options replace some of its
fields for one request with `override`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import BadOption, BadSettings, WorkerError
from .protocol import OptionInfo

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_NAMES = {float: "number", int: "integer", bool: "boolean", str: "text", Path: "text"}
_KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text", Path: "a path"}


@dataclass(frozen=True)
class Between:
    """The least and the greatest value allowed."""

    low: float
    high: float


def read_settings(kind: type[T], table: Mapping[str, Any]) -> T:
    """Read an engine's settings; raises BadSettings that names the key and what is allowed."""
    checks = _checks(kind)
    return kind(**_checked(table, checks, tuple(checks), BadSettings))


def override(settings: T, options: Mapping[str, Any], allowed: tuple[str, ...]) -> T:
    """The settings with a request's options in place, of which `allowed` ones exist; raises BadOption."""
    if not options:
        return settings
    return replace(settings, **_checked(options, _checks(type(settings)), allowed, BadOption))


def told(kind: type[DataclassInstance], allowed: tuple[str, ...]) -> list[OptionInfo]:
    """What `override` takes for settings of this kind, as the supervisor is told of it."""
    hints = get_type_hints(kind, include_extras=True)
    return [_told(name, hints[name]) for name in allowed]


def _told(name: str, hint: Any) -> OptionInfo:
    limits: Between | None = None
    if get_origin(hint) is Annotated:
        hint, limits = get_args(hint)
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    optional = type(None) in get_args(hint)
    if optional:
        hint = next(one for one in get_args(hint) if one is not type(None))
    low, high = (float(limits.low), float(limits.high)) if limits else (None, None)
    return OptionInfo(name, _NAMES[hint], low, high, many, optional)


Check = Callable[[Any], Any]


def _checked(
    table: Mapping[str, Any], checks: Mapping[str, Check], allowed: tuple[str, ...], error: type[WorkerError]
) -> dict[str, Any]:
    found = {}
    for key, value in table.items():
        if key not in allowed:
            known = ", ".join(allowed) if allowed else "none"
            raise error(f"unknown key {key!r}; allowed: {known}", param=key)
        try:
            found[key] = checks[key](value)
        except ValueError as mistake:
            raise error(f"{key} must be {mistake}, not {value!r:.80}", param=key) from None
    return found


@functools.cache
def _checks(kind: type[DataclassInstance]) -> dict[str, Check]:
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: _check(hints[one.name]) for one in fields(kind)}


def _check(hint: Any) -> Check:
    """A function that returns the value, converted, or raises ValueError with what it must be."""
    limits: Between | None = None
    if get_origin(hint) is Annotated:
        hint, limits = get_args(hint)
    if get_origin(hint) is tuple:
        return _list_check(_check(Annotated[get_args(hint)[0], limits] if limits else get_args(hint)[0]))
    optional = type(None) in get_args(hint)
    if optional:
        hint = next(one for one in get_args(hint) if one is not type(None))
    accepted: Any = {float: (int, float), Path: str}.get(hint, hint)
    expected = _KINDS[hint] + (f" between {limits.low:g} and {limits.high:g}" if limits else "")

    def check(value: Any) -> Any:
        if value is None and optional:
            return None
        if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
            raise ValueError(expected)
        if limits and not limits.low <= value <= limits.high:
            raise ValueError(expected)
        return hint(value)

    return check


def _list_check(item: Check) -> Check:
    def check(value: Any) -> Any:
        try:
            if not isinstance(value, list) or not value:
                raise ValueError
            return tuple(map(item, value))
        except ValueError as mistake:
            what = str(mistake)
            raise ValueError(
                f"a list, each item {what}" if what else "a list with at least one item"
            ) from None

    return check
