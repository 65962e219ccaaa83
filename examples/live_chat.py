#!/usr/bin/env python3
"""Reads a chat aloud: lines come in, speech goes to a player, one after the other, never far behind.

some-program-that-prints-chat | examples/live_chat.py
examples/live_chat.py --twitch CHANNEL

A line is `NAME: TEXT`, or text alone. It needs Python 3.10 and a running iShowTTS, nothing else; it plays
with `ffplay`, or with what `--player` names. docs/live-chat.md tells how to bring it into OBS.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

PLAYER = "ffplay -nodisp -autoexit -loglevel error -i -"
TWITCH = "tls://irc.chat.twitch.tv:6697"
CHINESE = re.compile(r"[\u3400-\u9fff]")
LINK = re.compile(r"https?://\S+|www\.\S+")
# Five or more of the same are three: "哈哈哈哈哈哈哈", "!!!!!!!!".
REPEATED = re.compile(r"(.{1,4}?)\1{4,}", re.DOTALL)
PRIVMSG = re.compile(r"^(?:@\S+ )?:([^!\s]+)!\S+ PRIVMSG \S+ :(.*)$")
TOO_MANY_REQUESTS, UNAVAILABLE, UNPROCESSABLE = 429, 503, 422
CHUNK = 4096


@dataclass(frozen=True)
class Line:
    """What somebody wrote, and when it came (on the monotonic clock)."""

    text: str
    name: str = ""
    came: float = field(default_factory=time.monotonic)

    def spoken(self, longest: int) -> str:
        """What is said of it: who speaks, no addresses, nothing endless."""
        chinese = CHINESE.search(self.text) is not None
        text = LINK.sub(" 链接 " if chinese else " link ", self.text)
        text = REPEATED.sub(lambda found: found[1] * 3, text)
        text = " ".join(text.split())[:longest]
        if not self.name:
            return text
        return f"{self.name} 说：{text}" if chinese else f"{self.name} says: {text}"


class Backlog:
    """Lines that wait. There are never more than `most`: who comes then takes the place of the oldest."""

    def __init__(self, most: int) -> None:
        self._lines: deque[Line] = deque()
        self._most = most
        self._ended = False
        self._changed = threading.Condition()

    def add(self, line: Line) -> None:
        """Takes a line in."""
        with self._changed:
            if len(self._lines) == self._most:
                tell("dropped", self._lines.popleft())
            self._lines.append(line)
            self._changed.notify()

    def end(self) -> None:
        """No more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def __iter__(self) -> Iterator[Line]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._ended)
                if not self._lines:
                    return
                line = self._lines.popleft()
            yield line


def tell(what: str, line: Line, why: str = "") -> None:
    """One line on stderr for everything that became of a line."""
    name = f"{line.name}: " if line.name else ""
    print(f"{what:8} {name}{line.text}" + (f"  ({why})" if why else ""), file=sys.stderr, flush=True)


def from_stdin(lines: Iterable[str]) -> Iterator[Line]:
    """`NAME: TEXT`, or text alone; a name has no spaces, and `https:` is none."""
    for written in lines:
        name, colon, text = written.strip().partition(": ")
        if colon and name and not re.search(r"\s", name):
            yield Line(text, name)
        elif written.strip():
            yield Line(written.strip())


def from_irc(server: str, channel: str) -> Iterator[Line]:
    """A channel of Twitch, read without an account, as its chat allows."""
    where = urlsplit(server)
    connection: socket.socket = socket.create_connection(
        (where.hostname or "", where.port or 6697), timeout=30
    )
    if where.scheme == "tls":
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=where.hostname)
    # The server asks every few minutes whether we are there.
    connection.settimeout(600)
    with connection, connection.makefile("rw", encoding="utf-8", errors="replace", newline="\r\n") as stream:

        def say(words: str) -> None:
            stream.write(words + "\n")
            stream.flush()

        say("NICK justinfan48231")
        say(f"JOIN #{channel.lower().lstrip('#')}")
        for received in stream:
            if received.startswith("PING"):
                say(received.rstrip("\r\n").replace("PING", "PONG", 1))
            elif found := PRIVMSG.match(received.rstrip("\r\n")):
                yield Line(found[2], found[1])


class Speaker:
    """Has lines spoken by the server, and passes the audio on while it is made."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._saved = 0

    def ask(self, line: Line) -> http.client.HTTPResponse | None:
        """The audio of a line, once there is room for it; none if it is too old by then or cannot be said."""
        where = urlsplit(self._args.server)
        secure = where.scheme == "https"
        body = {"text": line.spoken(self._args.longest), "stream": self._args.save is None}
        if self._args.voice:
            body["voice_id"] = self._args.voice
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("ISHOWTTS_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        while time.monotonic() - line.came < self._args.stale:
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            connection = kind(where.hostname or "", where.port, timeout=60)
            connection.request("POST", where.path.rstrip("/") + "/api/tts", json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status == http.client.OK:
                return answer
            error = json.loads(answer.read())["error"]
            if answer.status not in (TOO_MANY_REQUESTS, UNAVAILABLE):
                tell("skipped" if answer.status == UNPROCESSABLE else "failed", line, error["message"])
                return None
            # The server says when it is worth another try.
            time.sleep(float(answer.headers.get("retry-after-ms", 1000)) / 1000)
        tell("dropped", line, "too old")
        return None

    def say(self, line: Line) -> None:
        """Plays a line, or saves it, to its end."""
        try:
            answer = self.ask(line)
            if answer is None:
                return
            tell("saying", line)
            if self._args.save is not None:
                self._saved += 1
                (self._args.save / f"{self._saved:04}.wav").write_bytes(answer.read())
                return
            with subprocess.Popen(shlex.split(self._args.player), stdin=subprocess.PIPE) as player:
                assert player.stdin is not None
                while chunk := answer.read1(CHUNK):
                    player.stdin.write(chunk)
        except (OSError, http.client.HTTPException) as error:
            # Without a server, an answer to its end, or a player, the next line may fare better.
            tell("failed", line, str(error) or type(error).__name__)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", default="http://localhost:27121", help="the server (%(default)s)")
    parser.add_argument("--voice", help="a voice; else the language of each part decides")
    parser.add_argument("--twitch", metavar="CHANNEL", help="read this channel instead of standard input")
    parser.add_argument("--irc", default=TWITCH, metavar="URL", help="where Twitch's chat is (%(default)s)")
    parser.add_argument("--player", default=PLAYER, help="what plays a WAV from its input (%(default)s)")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write 0001.wav, … instead of playing")
    parser.add_argument("--waiting", type=int, default=8, help="most lines that wait (%(default)s)")
    parser.add_argument(
        "--stale", type=float, default=30, help="drop a line after so many seconds (%(default)s)"
    )
    parser.add_argument("--longest", type=int, default=120, help="most characters of a line (%(default)s)")
    args = parser.parse_args()
    if args.waiting < 1:
        parser.error("--waiting must be at least 1")
    if args.save is not None:
        args.save.mkdir(parents=True, exist_ok=True)
    return args


def main() -> int:
    """Reads on a thread of its own and speaks on this one, until the chat ends."""
    args = arguments()
    backlog = Backlog(args.waiting)
    fault: list[OSError] = []

    def read() -> None:
        try:
            for line in from_irc(args.irc, args.twitch) if args.twitch else from_stdin(sys.stdin):
                backlog.add(line)
        except OSError as error:
            fault.append(error)
        finally:
            backlog.end()

    threading.Thread(target=read, daemon=True).start()
    speaker = Speaker(args)
    for line in backlog:
        speaker.say(line)
    if fault:
        print(f"could not read the chat: {fault[0]}", file=sys.stderr)
    return 1 if fault else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
