from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from ishowtts_worker.errors import BadOption, BadSettings
from ishowtts_worker.protocol import OptionInfo
from ishowtts_worker.table import Between, override, read_settings, told


@dataclass(frozen=True)
class Example:
    ratio: Annotated[float, Between(0, 2)] = 1.0
    steps: Annotated[int | None, Between(1, 64)] = None
    model: Path | None = None
    name: str = "x"
    quick: bool = False


@dataclass(frozen=True)
class Several:
    steps: Annotated[tuple[int, ...], Between(1, 9)] = (1,)


def test_options_are_told_as_they_are_taken() -> None:
    assert told(Example, ("quick", "ratio", "steps", "model")) == [
        OptionInfo("quick", "boolean"),
        OptionInfo("ratio", "number", 0.0, 2.0),
        OptionInfo("steps", "integer", 1.0, 64.0, optional=True),
        OptionInfo("model", "text", optional=True),
    ]
    assert told(Several, ("steps",)) == [OptionInfo("steps", "integer", 1.0, 9.0, many=True)]
    assert told(Example, ()) == []


def test_a_table_is_read_into_its_types() -> None:
    table = {"ratio": 2, "steps": 7, "model": "/models/a", "name": "b", "quick": True}
    settings = read_settings(Example, table)
    assert settings == Example(2.0, 7, Path("/models/a"), "b", True)
    assert isinstance(settings.ratio, float)
    assert read_settings(Example, {"steps": None}) == read_settings(Example, {}) == Example()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("ratio", 2.1, "ratio must be a number between 0 and 2, not 2.1"),
        ("ratio", "1", "ratio must be a number between 0 and 2, not '1'"),
        ("ratio", True, "ratio must be a number between 0 and 2, not True"),
        ("ratio", None, "ratio must be a number between 0 and 2, not None"),
        ("ratio", float("nan"), "ratio must be a number between 0 and 2, not nan"),
        ("steps", 1.5, "steps must be a whole number between 1 and 64, not 1.5"),
        ("steps", 0, "steps must be a whole number between 1 and 64, not 0"),
        ("model", 1, "model must be a path, not 1"),
        ("name", 1, "name must be a text, not 1"),
        ("quick", 1, "quick must be true or false, not 1"),
        ("speed", 1, "unknown key 'speed'; allowed: ratio, steps, model, name, quick"),
    ],
)
def test_a_mistake_names_the_key_and_what_is_allowed(key: str, value: object, complaint: str) -> None:
    with pytest.raises(BadSettings) as raised:
        read_settings(Example, {key: value})
    assert (raised.value.message, raised.value.param) == (complaint, key)


def test_options_replace_settings_for_one_request_if_they_may() -> None:
    settings = Example(name="kept")
    assert override(settings, {"ratio": 0.5}, ("ratio",)) == Example(0.5, name="kept")
    assert override(settings, {}, ()) is settings
    with pytest.raises(BadOption, match="unknown key 'name'; allowed: ratio"):
        override(settings, {"name": "other"}, ("ratio",))
    with pytest.raises(BadOption, match="unknown key 'name'; allowed: none"):
        override(settings, {"name": "other"}, ())
