"""What can go wrong, as one exception tree; each leaf carries its stable code on the wire."""

from __future__ import annotations

from typing import ClassVar


class WorkerError(Exception):
    """A failure that the supervisor is told about.

    `message` says what failed, with which input, and what to do. `param` names the field or option at fault.
    A fatal error ends the process.
    """

    code: ClassVar[str] = "engine_error"
    fatal: ClassVar[bool] = False

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class BadSettings(WorkerError):
    """The engine's table in the configuration has an unknown key or a bad value; `param` is the key."""

    code = "bad_settings"
    fatal = True


class MissingDependency(WorkerError):
    """A package that the engine imports is not installed in its environment."""

    code = "missing_dependency"
    fatal = True


class MissingModel(WorkerError):
    """A model file is not where the settings say."""

    code = "missing_model"
    fatal = True


class LoadFailed(WorkerError):
    """The engine could not be found, loaded or warmed up."""

    code = "load_failed"
    fatal = True


class SilentProbe(WorkerError):
    """The warm-up gave silence or not-a-number samples: the engine would serve nothing but that."""

    code = "silent_probe"
    fatal = True


class ProtocolViolation(WorkerError):
    """The supervisor sent what the wire does not allow; the two halves do not belong together."""

    code = "protocol"
    fatal = True


class UnknownVoice(WorkerError):
    """The engine has no voice of this id."""

    code = "unknown_voice"


class BadOption(WorkerError):
    """A request's option is unknown or out of range; `param` is the option."""

    code = "bad_option"


class NothingToSpeak(WorkerError):
    """Nothing in the text can be spoken by this engine."""

    code = "nothing_to_speak"


class OutOfMemory(WorkerError):
    """One request needed more memory than there was; the next, smaller one may work."""

    code = "out_of_memory"


class GarbledAudio(WorkerError):
    """The engine gave samples that are no numbers; another try may give speech."""

    code = "garbled_audio"


class DeviceFault(WorkerError):
    """The device is in a state that only a new process gets out of, such as a sticky CUDA error."""

    code = "device_fault"
    fatal = True


class EngineError(WorkerError):
    """The engine failed at one synthesis in a way that it has no better word for."""
