"""What the process is started with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")


@dataclass(frozen=True)
class Settings:
    """The command line: where the supervisor listens, and who this worker is."""

    socket: Path
    engine: str
    replica: int
    log_level: str

    @classmethod
    def parse(cls, arguments: Sequence[str] | None = None) -> Settings:
        """Read the command line; a mistake in it ends the process with usage and code 2, as argparse does."""
        parser = argparse.ArgumentParser(
            prog="ishowtts_worker", description="One engine process of iShowTTS; the supervisor starts it."
        )
        parser.add_argument(
            "--socket", type=Path, required=True, help="Unix socket the supervisor listens on"
        )
        parser.add_argument("--engine", required=True, help="engine to run, such as tone")
        parser.add_argument("--replica", type=int, default=0, help="number of this worker in its pool")
        parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
        return cls(**vars(parser.parse_args(arguments)))
