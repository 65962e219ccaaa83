"""Logs: one JSON record a line on stderr, which the supervisor turns into its own events."""

from __future__ import annotations

import json
import logging
import sys

_LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes level, logger, message, whatever was passed as `extra`, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; values that JSON cannot hold are written as text."""
        fields: dict[str, object] = {
            "level": _level_name(record.levelno),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields.update((key, value) for key, value in vars(record).items() if key not in _PLAIN)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def set_up(level: str) -> None:
    """Send every log record of `level` (trace, debug, info, warn, error) or above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    logging.captureWarnings(True)


def _level_name(number: int) -> str:
    return next((name for name, floor in reversed(_LEVELS.items()) if number >= floor), "trace")
