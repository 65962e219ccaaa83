"""A worker written from the wire's contract, standard library only, that plays what a test asks for.

How a life begins is told by FAKE_START, a list separated by commas; each life takes the next entry, the last one
holds for all that follow: ready, slow, mull, silent, exit, denied, garbage, wrong_version, wrong_engine, fatal, stranger.
What a synthesis does is told by the first word of its text: see `speak`. A number behind it tells how often that
happens in all lives together; from then on the text is spoken. Notes about what happened are appended to FAKE_NOTES,
one line each. FAKE_GONE: a device on which it finds nothing to compute on. FAKE_BATCH: how many syntheses it says it
takes in one launch. FAKE_AHEAD: it says that it takes the next launch in while it speaks. FAKE_DIFFERS: its samples are
others in each life, and it says so. FAKE_LEVELS: each text is spoken as a level of its own, for 300 ms, and its first
word may end with a number, which tells it from others. FAKE_RATE: its samples per second, 24000. FAKE_MUTE: in so many
lives a probe hears nothing. FAKE_VOICES: further voices that it has, with spaces.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib

from . import attempts

RATE = int(os.environ.get("FAKE_RATE", "24000"))
CHUNK = 4_800  # bytes: 100 ms


def note(text):
    """Append a line that the test can wait for, and count how often it stands there."""
    path = pathlib.Path(os.environ["FAKE_NOTES"])
    with path.open("a") as notes:
        notes.write(text + "\n")
    return path.read_text().splitlines().count(text)


class Worker:
    """One life."""

    def __init__(self, args):
        self.args = args
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(args.socket)
        self.lines = self.socket.makefile("rb")
        self.cancelled = set()
        self.wake = threading.Condition()
        self.waiting = []
        self.held = []
        self.differs = "FAKE_DIFFERS" in os.environ
        self.levels = "FAKE_LEVELS" in os.environ
        self.level = 0
        self.life = 0

    def say(self, payload=b"", **message):
        self.socket.sendall(json.dumps(message).encode() + b"\n" + payload)

    def run(self):
        starts = os.environ.get("FAKE_START", "ready").split(",")
        life = self.life = note("life")
        start = starts[min(life, len(starts)) - 1]
        if start == "exit":
            print("could not find the model", file=sys.stderr, flush=True)
            sys.exit(3)
        if start == "denied":
            attempts.read_private()
        if start == "silent":
            time.sleep(3600)
        if start == "garbage":
            self.socket.sendall(b"Segmentation fault (core dumped)\n")
            time.sleep(3600)
        version = 99 if start == "wrong_version" else 1
        engine = "other" if start == "wrong_engine" else self.args.engine
        self.say(type="hello", protocol=version, engine=engine, pid=os.getpid(), package="fake", python="3")
        load = json.loads(self.lines.readline())
        assert load["type"] == "load", load
        note(f"device {load['device']}, visible {os.environ.get('CUDA_VISIBLE_DEVICES')!r}")
        if load["device"] == os.environ.get("FAKE_GONE"):
            print("no kernel image, or no card", file=sys.stderr, flush=True)
            sys.exit(1)
        if start == "fatal":
            self.say(type="error", id=None, code="missing_model", message="no model at /m", param=None, fatal=True)
            sys.exit(1)
        if start == "mull":
            # As one that has somebody else compile, and waits for it.
            note("loading")
            wait = "import pathlib, sys\nwhile not pathlib.Path(sys.argv[1]).exists(): pass"
            subprocess.run([sys.executable, "-c", wait, os.environ["FAKE_NOTES"] + ".go"], check=True)
        if start == "slow":
            note("loading")
            while not pathlib.Path(os.environ["FAKE_NOTES"] + ".go").exists():
                self.say(type="progress", stage="loading", fraction=0.5)
                time.sleep(0.05)
        # As an engine that imitates: every recording is read, and one that says so is too much for it.
        self.voices = {}
        for sample in load["voices"]:
            self.voices[sample["id"]] = pathlib.Path(sample["reference"]).read_bytes()[:4]
            if "impossible" in sample["transcript"]:
                self.say(type="error", id=None, code="bad_settings", message="not that", param=None, fatal=True)
                sys.exit(1)
        note(f"voices {' '.join(sorted(self.voices))}")
        voices = [{"id": "tone", "language": "en", "name": "Fake"}]
        named = os.environ.get("FAKE_VOICES", "").split()
        voices += [{"id": one, "language": "en", "name": one} for one in [*self.voices, *named]]
        self.say(
            type="ready", sample_rate=RATE, voices=voices, languages=["en", "zh"],
            max_batch=int(os.environ.get("FAKE_BATCH", "1")), repeatable=not self.differs,
            device=load["device"], tier="fake", warmup={"characters": 10, "elapsed_ms": 1.0, "audio_ms": 800.0},
            memory={"rss_bytes": 1, "device_bytes": 0}, ahead="FAKE_AHEAD" in os.environ,
        )  # fmt: skip
        threading.Thread(target=self.read, daemon=True).start()
        while True:
            with self.wake:
                self.wake.wait_for(lambda: self.waiting)
                message = self.waiting.pop(0)
            self.speak(message)

    def read(self):
        for line in self.lines:
            message = json.loads(line)
            if message["type"] == "cancel":
                note(f"cancel {message['id']}")
                self.cancelled.add(message["id"])
            elif message["type"] == "ping":
                self.say(type="pong", nonce=message["nonce"], rss_bytes=1, device_bytes=0)
            elif message["type"] == "shutdown":
                note("shutdown")
                self.say(type="bye", reason="shutdown")
                os._exit(0)
            elif message["type"] == "synthesize":
                with self.wake:
                    self.waiting.append(message)
                    self.wake.notify()
        note("closed")
        os._exit(0)

    def speak(self, message):
        ident, words = message["id"], message["text"].split()
        voice = message.get("voice")
        if voice and "+" in voice:
            note(f"mixed {voice}")
        elif voice not in (None, "tone", *self.voices):
            self.say(type="error", id=ident, code="unknown_voice", message="who?", param="voice", fatal=False)
            return
        what = words[0]
        times = note(f"speak {what}")
        if self.levels:
            what = what.rstrip("0123456789")
            self.level = 2048 + zlib.crc32(message["text"].encode()) % 12_000
        if len(words) > 1 and words[1].isdigit() and times > int(words[1]):
            what = "normal"
        if message["more"]:
            note(f"{what} is not the last of its launch")
        if what == "together":
            # As a GPU computes: all of a launch in one go, which takes as long for one as for all.
            self.held.append(ident)
            if not message["more"]:
                note(f"{len(self.held)} together")
                time.sleep(0.04)
                for one in self.held:
                    self.chunk(one)
                if self.waiting:
                    note("the next one is here")
                for one in self.held:
                    self.done(one)
                self.held.clear()
            return
        if what == "refuse":
            self.say(type="error", id=ident, code="bad_option", message="not that", param="colour", fatal=False)
            return
        if what == "attempt":
            for name in message["text"].split()[1:]:
                note(f"{name}: {attempts.outcome(name)}")
        if what == "poison":
            self.say(type="error", id=ident, code="device_fault", message="illegal address", param=None, fatal=True)
            sys.exit(1)
        if what == "crash":
            os._exit(7)
        if what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "garbled":
            self.say(type="error", id=ident, code="garbled_audio", message="2 of 9 samples", param=None, fatal=False)
            return
        if what == "One," and self.life <= int(os.environ.get("FAKE_MUTE", "0")):
            what = "zeros"
        if what in ("fill", "swell"):
            self.filled = bytearray(os.urandom(1)) * ((400 if what == "fill" else 250) << 20)
        if what not in ("zeros", "clipped", "lies", "babble"):
            self.chunk(ident)
        if what == "crash-later":
            self.chunk(ident, 2)
            os._exit(7)
        if what == "crash-midway":
            os._exit(7)
        if what == "hang":
            time.sleep(3600)
        if what == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.lines.close()
            time.sleep(3600)
        if what == "garbage":
            self.socket.sendall(b"Traceback (most recent call last):\n")
            time.sleep(3600)
        if what == "half-line":
            self.socket.sendall(b'{"type": "audio", "id"')
            os._exit(0)
        if what == "half-payload":
            self.socket.sendall(b'{"type":"audio","id":%d,"payload_bytes":4000}\n' % ident + b"abc")
            os._exit(0)
        if what == "endless-line":
            while True:
                self.socket.sendall(b"x" * 65536)
        if what in ("wrong-id", "others-id"):
            for other in (ident + 1000,) if what == "wrong-id" else (ident + 1, ident - 1):
                self.say(type="audio", id=other, payload_bytes=2, payload=b"ab")
            time.sleep(3600)
        if what == "unknown-type":
            self.say(type="sing", id=ident)
            time.sleep(3600)
        if what == "flood":
            for _ in range(2000):
                print("noise " * 100, file=sys.stderr)
        if what in ("zeros", "clipped", "lies", "babble"):
            self.wrong(ident, what)
            return
        chunks = 1
        if words[0] == "crash-later" or self.levels:
            self.chunk(ident, 2)
            self.chunk(ident, 3)
            chunks = 3
        if what == "endless":
            sent = 0
            while ident not in self.cancelled:
                # Audio without end is what no text can take, so it comes ever slower.
                if sent < 30 or sent % 200 == 0:
                    self.chunk(ident)
                sent += 1
                time.sleep(0.01)
            self.say(type="cancelled", id=ident)
            note("cancelled")
            return
        self.done(ident, chunks)

    def done(self, ident, chunks=1):
        samples = chunks * CHUNK // 2
        self.say(type="done", id=ident, samples=samples, timings={"first_chunk_ms": 1.0, "total_ms": 2.0}, skipped=0)

    def wrong(self, ident, what):
        """What no ear should get."""
        bad = {"zeros": b"\0\0", "clipped": b"\xff\x7f"}.get(what, b"\1\x10") * (CHUNK // 2)
        sent = 0
        while sent < (100 if what == "babble" else 3) and ident not in self.cancelled:
            self.say(type="audio", id=ident, payload_bytes=CHUNK, payload=bad)
            sent += 1
            time.sleep(0.001)
        samples = 7 if what == "lies" else sent * CHUNK // 2
        self.say(type="done", id=ident, samples=samples, timings={"first_chunk_ms": 1.0, "total_ms": 2.0}, skipped=0)

    def chunk(self, ident, number=1):
        sample = bytes([self.life if self.differs else number, 16])
        if self.levels:
            sample = self.level.to_bytes(2, "little")
        self.say(type="audio", id=ident, payload_bytes=CHUNK, payload=sample * (CHUNK // 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("socket", "engine", "replica", "log-level"):
        parser.add_argument(f"--{name}")
    Worker(parser.parse_args()).run()
