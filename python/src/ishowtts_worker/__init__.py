"""The worker of iShowTTS: one process that runs one engine and talks to the supervisor over a socket."""

__version__ = "0.1.0"
