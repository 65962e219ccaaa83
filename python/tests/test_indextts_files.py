import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness import SOURCE
from ishowtts_worker.errors import BadOption, BadSettings, MissingModel


def alone(module: str) -> ModuleType:
    """A module of the engine without its package, which imports what only its environment has."""
    name = f"ishowtts_worker.engines.indextts.{module}"
    spec = importlib.util.spec_from_file_location(name, SOURCE / Path(*name.split(".")).with_suffix(".py"))
    assert spec is not None and spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


files, reading = alone("files"), alone("reading")


def whole(folder: Path, version: str) -> Path:
    for name in ("config.yaml", *files._NAMED.values(), *files._OWN[version], *files._SHARED):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize("version", files.VERSIONS)
def test_a_whole_folder_is_found(tmp_path: Path, version: str) -> None:
    found = files.locate(whole(tmp_path, version), version)
    assert found.named["gpt_checkpoint"] == "gpt.pth"
    assert (found.auxiliary / "bigvgan" / "config.json").is_file()


@pytest.mark.parametrize("version", files.VERSIONS)
def test_every_file_that_is_missing_is_named(tmp_path: Path, version: str) -> None:
    with pytest.raises(MissingModel) as told:
        files.locate(tmp_path, version)
    for name in ("config.yaml", *files._NAMED.values(), *files._OWN[version], *files._SHARED):
        assert name in told.value.message
    assert told.value.param == "model_dir"
    whole(tmp_path, version)
    (tmp_path / "hf_cache" / "bigvgan" / "config.json").unlink()
    with pytest.raises(MissingModel, match=r"lacks hf_cache/bigvgan/config\.json; nothing is downloaded"):
        files.locate(tmp_path, version)


def test_the_config_may_name_another_checkpoint_but_not_one_of_another_machine(tmp_path: Path) -> None:
    whole(tmp_path, "2.5")
    (tmp_path / "mine.pth").touch()
    config = (
        "gpt:\n  layers: 24\ngpt_checkpoint: 'mine.pth' # finetuned\ns2mel_checkpoint: /cubefs/x/s2mel.pth\n"
    )
    (tmp_path / "config.yaml").write_text(config)
    named = files.locate(tmp_path, "2.5").named
    assert (named["gpt_checkpoint"], named["s2mel_checkpoint"]) == ("mine.pth", "s2mel.pth")


def test_no_folder_and_no_such_version_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="set model_dir"):
        files.locate(None, "2.5")
    with pytest.raises(MissingModel, match="is not a folder"):
        files.locate(tmp_path / "nowhere", "2.5")
    with pytest.raises(BadSettings, match=r"one of 2\.5, 2, not '1\.5'"):
        files.locate(tmp_path, "1.5")


@pytest.mark.parametrize(
    ("text", "readable", "skipped"),
    [
        ("  Hello, 世界! ", "Hello, 世界!", 0),
        ("Hi \U0001f600 there", "Hi   there", 1),
        ("$5 & 10%", "$5 & 10%", 0),
        ("<|endoftext|>x", "endoftext x", 0),
        ("cafe\u0301", "café", 0),
        ("a\x00b\x07c", "a b c", 2),
        ("... !", "", 0),
        ("\U0001f600", "", 1),
    ],
)
def test_what_has_no_sound_is_left_out_and_counted(text: str, readable: str, skipped: int) -> None:
    assert reading.read(text) == (readable, skipped)


def test_the_language_is_the_one_asked_for_else_the_voices_else_the_first() -> None:
    offered = ("zh", "en")
    assert reading.language_of("EN_us", "zh", offered) == "en"
    assert reading.language_of(None, "en-GB", offered) == "en"
    assert reading.language_of(None, "fi", offered) == "zh"
    assert reading.language_of(None, "", offered) == "zh"
    with pytest.raises(BadOption, match="does not speak 'fi'; it speaks zh, en"):
        reading.language_of("fi", "zh", offered)
