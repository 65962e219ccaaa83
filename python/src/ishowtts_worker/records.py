"""JSON values checked against dataclasses: what comes out has the types that it says."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from .errors import ProtocolViolation

Reader = Callable[[Any, str], Any]
"""Makes a value of JSON one of a type; the text is the place in the message, for the complaint."""


def reader_of(hint: Any) -> Reader:
    """A reader for a dataclass, a list, `X | None`, or a plain type of JSON.

    It raises ProtocolViolation where the value does not fit, ignores unknown fields, and lets those be absent
    that have a default.
    """
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_reader(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        item = reader_of(arguments[0])
        array = reader_of(list)
        return lambda value, place: [
            item(one, f"{place}[{at}]") for at, one in enumerate(array(value, place))
        ]
    if origin is types.UnionType:
        inner = reader_of(arguments[0])
        return lambda value, place: None if value is None else inner(value, place)
    wanted = origin or hint
    accepted = (int, float) if wanted is float else wanted

    def read(value: Any, place: str) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
            raise ProtocolViolation(f"{place} must be {wanted.__name__}, not {value!r:.80}")
        return float(value) if wanted is float else value

    return read


def _record_reader(kind: type) -> Reader:
    hints = get_type_hints(kind)
    plan = []
    for one in fields(kind):
        required = one.default is MISSING and one.default_factory is MISSING
        plan.append((one.name, reader_of(hints[one.name]), required))
    table = reader_of(dict)

    def read(value: Any, place: str) -> Any:
        record = table(value, place)
        found = {}
        for name, reader, required in plan:
            if name in record:
                found[name] = reader(record[name], f"{place}.{name}")
            elif required:
                raise ProtocolViolation(f"{place}.{name} is missing")
        return kind(**found)

    return read
