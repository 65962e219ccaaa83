"""`python -m ishowtts_worker`: command line, then logs, then the runtime; the engine's imports come last."""

from __future__ import annotations

import logging
import os
import signal
import sys

from . import logs
from .channel import Channel
from .runtime import Runtime
from .settings import Settings


def main() -> int:
    """Run one worker. Returns its exit code: 0 in order, 1 a fatal error, 2 a violation of the protocol."""
    settings = Settings.parse()
    logs.set_up(settings.log_level)
    # Ctrl-C reaches a whole terminal; when a worker ends is for the supervisor to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        channel = Channel.connect(settings.socket)
    except OSError as error:
        logging.getLogger(__name__).error(
            "Could not connect to the supervisor at %s: %s", settings.socket, error
        )
        return 1
    return Runtime(channel, settings.engine).run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the interpreter's own end: threads that a library left running must not hold the process.
    os._exit(code)
