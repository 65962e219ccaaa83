"""The voices, and what the models made of their recordings: heard once at the start, kept for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...errors import BadOption, BadSettings, MissingModel, UnknownVoice
from ..base import VoiceInfo, VoiceSpec
from .model import Manner, Model, Reference

_ONLY = "reference"


def recordings(voices: Sequence[VoiceSpec], reference: Path | None) -> dict[str, Path]:
    """The recording of each voice. Raises BadSettings where there is none, MissingModel for lost files."""
    found = {voice.id: Path(voice.reference) for voice in voices}
    if reference is not None:
        found.setdefault(_ONLY, reference)
    if not found:
        raise BadSettings(
            "engine 'indextts' imitates recordings and none is configured; add a voice such as "
            '[voices.me] engine = "indextts", reference = "me.wav", or set reference',
            param="reference",
        )
    lost = [f"{path} (voice {name!r})" for name, path in found.items() if not path.is_file()]
    if lost:
        raise MissingModel(f"these recordings do not exist: {', '.join(lost)}", param="reference")
    return found


def described(
    voices: Sequence[VoiceSpec], known: Mapping[str, Path], languages: Sequence[str]
) -> list[VoiceInfo]:
    """What clients are told of them, in the order of the configuration."""
    language = {voice.id: voice.language for voice in voices}
    return [
        VoiceInfo(id=one, language=language.get(one) or languages[0], name=one.replace("_", " ").title())
        for one in known
    ]


class Voices:
    """What each recording is to the models, and each pair of a speaker and an emotion."""

    def __init__(self, model: Model, known: Mapping[str, Path], progress: Callable[[float], None]) -> None:
        self._model = model
        self._heard: dict[str, Reference] = {}
        self._manners: dict[tuple[str, str | None, float], Manner] = {}
        for number, (name, path) in enumerate(known.items(), start=1):
            self._heard[name] = model.reference(path)
            progress(number / len(known))

    def check(self, voice: str, emotion: str | None) -> None:
        """Raises UnknownVoice or BadOption."""
        known = ", ".join(self._heard)
        if voice not in self._heard:
            raise UnknownVoice(f"unknown voice {voice!r}; this engine has {known}", param="voice")
        if emotion is not None and emotion not in self._heard:
            raise BadOption(
                f"emotion must be a voice of this engine ({known}), not {emotion!r:.80}", param="emotion"
            )

    def manner(self, voice: str, emotion: str | None, strength: float) -> Manner:
        """A speaker with an emotion, remembered: there are few of them."""
        key = (voice, emotion, strength)
        if key not in self._manners:
            if len(self._manners) >= _MOST_MANNERS:
                self._manners.pop(next(iter(self._manners)))
            other = None if emotion is None else self._heard[emotion]
            self._manners[key] = self._model.manner(self._heard[voice], other, strength)
        return self._manners[key]


# A client may ask for any strength. Each is a row of the GPT's width.
_MOST_MANNERS = 256

__all__ = ["Voices", "described", "recordings"]
