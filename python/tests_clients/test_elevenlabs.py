"""ElevenLabs' own client, and a bare WebSocket, against a server that is started for them.

`ISHOWTTS` names the binary; else the one that `cargo build` leaves is taken. The client knows WebSockets
over TLS alone, so the server has a certificate of an authority that the tests make.
"""

import base64
import hashlib
import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme
from elevenlabs import VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

BINARY = os.environ.get("ISHOWTTS", str(Path(__file__).parents[2] / "target/debug/ishowtts"))
KEY = "ishow-0123456789"
PATIENCE = 60.0
# Without settings the client's own realtime code fails.
USUAL = VoiceSettings(speed=1.0)
# The engine tone: 80 ms a character, 24 kHz, two bytes a sample.
BYTES_PER_CHARACTER = 2 * 1920

# It uses names of its libraries that have newer ones.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CONFIG = """
[server]
tls_cert = "server.pem"
tls_key = "server.key"
[auth]
keys_file = "keys"
[engines.tone]
enabled = true
[voices.walter]
engines = { en = "tone", zh = "tone" }
[defaults]
voices = { en = "walter", zh = "walter" }
"""


class Server(NamedTuple):
    address: str
    trust: ssl.SSLContext

    @contextmanager
    def client(self, key: str = KEY) -> Iterator[ElevenLabs]:
        with httpx.Client(verify=self.trust) as http:
            yield ElevenLabs(base_url=f"https://{self.address}", api_key=key, httpx_client=http)


def serve(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(folder / "server.pem"), append=True)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    (folder / "keys").write_text(f"agent sha256:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    (folder / "ishowtts.toml").write_text(CONFIG)
    command = [BINARY, "--config", str(folder / "ishowtts.toml"), "--state-dir", str(folder / "state")]
    command += ["--listen", "127.0.0.1:0", "--log-json"]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, stderr=log, env=environment, text=True), folder / "log"


def address(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        for line in lines:
            if line.get("message") == "Listening":
                return str(line["address"])
        time.sleep(0.02)
    pytest.fail(f"the server did not come up: {log.read_text()}")


def context(authority: Path) -> ssl.SSLContext:
    """Without TLS 1.3: its tickets arrive while the library's two threads read and write, and then Python's
    `ssl` now and then never sends what was written."""
    trust = ssl.create_default_context(cafile=str(authority))
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    return trust


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    process, log = serve(folder)
    try:
        where, authority = address(process, log), folder / "authority.pem"
        trust = context(authority)
        deadline = time.monotonic() + PATIENCE
        while httpx.get(f"https://{where}/readyz", verify=trust).status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield Server(where, trust)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def client(server: Server) -> Iterator[ElevenLabs]:
    with server.client() as client:
        yield client


def test_the_client_gets_a_file_and_the_same_as_a_stream(client: ElevenLabs) -> None:
    wanted: dict[str, Any] = {
        "voice_id": "walter",
        "model_id": "eleven_flash_v2_5",
        "output_format": "pcm_24000",
    }
    text = "Hello from the client."
    file = b"".join(client.text_to_speech.convert(text=text, **wanted))
    streamed = b"".join(client.text_to_speech.stream(text=text, seed=3, **wanted))
    assert len(file) == len(text) * BYTES_PER_CHARACTER
    assert streamed == file
    mp3 = b"".join(client.text_to_speech.convert(voice_id="walter", text=text))
    assert mp3[:1] == b"\xff"
    fast = b"".join(
        client.text_to_speech.convert(text=text, voice_settings=VoiceSettings(speed=2.0), **wanted)
    )
    assert len(fast) < len(file)


def test_the_client_gets_what_telephones_play(client: ElevenLabs) -> None:
    text = "Hello from the client."
    for law in ("ulaw_8000", "alaw_8000"):
        stream = client.text_to_speech.stream(voice_id="walter", text=text, output_format=law)
        # A third of the samples, a byte each.
        assert abs(len(b"".join(stream)) - len(text) * BYTES_PER_CHARACTER // 6) <= 1


def test_the_client_is_told_that_nobody_knows_when_a_word_sounds(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as refused:
        client.text_to_speech.convert_with_timestamps(voice_id="walter", text="Hello.")
    assert refused.value.status_code == 422
    assert refused.value.body["detail"]["status"] == "no_alignment"


def test_the_client_lists_the_voices(client: ElevenLabs) -> None:
    voices = client.voices.get_all().voices
    assert "walter" in [voice.voice_id for voice in voices]
    assert client.voices.get("walter").name == "walter"
    found = client.voices.search(search="walt")
    assert [voice.voice_id for voice in found.voices] == ["walter"]
    assert not found.has_more


def test_the_client_reads_our_errors(server: Server, client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as unknown:
        list(client.text_to_speech.convert(voice_id="nobody", text="hi"))
    assert unknown.value.status_code == httpx.codes.NOT_FOUND
    assert unknown.value.body["detail"]["status"] == "unknown_voice"
    with server.client("wrong") as stranger, pytest.raises(ApiError) as refused:
        list(stranger.text_to_speech.convert(voice_id="walter", text="hi"))
    assert refused.value.status_code == httpx.codes.UNAUTHORIZED


def test_the_client_speaks_a_text_as_it_is_written(
    server: Server, client: ElevenLabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: server.trust)
    heard: list[int] = []
    heard_before_the_rest = False

    def written() -> Iterator[str]:
        nonlocal heard_before_the_rest
        yield from ["Hello ", "there, ", "everybody! ", "It "]
        deadline = time.monotonic() + PATIENCE
        # With each piece the client looks once whether something has come.
        while not heard and time.monotonic() < deadline:
            yield " "
        heard_before_the_rest = bool(heard)
        yield from ["costs ", "3.5 ", "dollars, ", "or so."]

    for piece in client.text_to_speech.convert_realtime(
        voice_id="walter", text=written(), model_id="eleven_flash_v2_5", output_format="pcm_24000",
        voice_settings=USUAL,
    ):  # fmt: skip
        heard.append(len(piece))
    assert heard_before_the_rest
    assert sum(heard) > 40 * BYTES_PER_CHARACTER


def test_the_client_is_told_what_is_wrong_with_a_text_that_is_written(
    server: Server, client: ElevenLabs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: server.trust)
    spoken = client.text_to_speech.convert_realtime(
        voice_id="nobody",
        text=iter(["Hello. "]),
        model_id="x",
        output_format="pcm_24000",
        voice_settings=USUAL,
    )
    with pytest.raises(ApiError) as unknown:
        list(spoken)
    # The last message, or the reason of the close frame if that came while it was still sending.
    assert "unknown_voice" in str(unknown.value.body)


def test_a_bare_websocket_shows_its_key_in_the_first_message(server: Server) -> None:
    url = f"wss://{server.address}/v1/text-to-speech/walter/stream-input?output_format=pcm_24000"
    with connect(url, ssl=server.trust) as socket:
        socket.send(json.dumps({"text": " ", "xi_api_key": KEY}))
        socket.send(json.dumps({"text": "without an end", "flush": True}))
        audio = b""
        while len(audio) < len("without an end") * BYTES_PER_CHARACTER:
            message = json.loads(socket.recv(PATIENCE))
            assert message["isFinal"] is None
            assert message["alignment"] is None
            audio += base64.b64decode(message["audio"])
        socket.send(json.dumps({"text": ""}))
        assert json.loads(socket.recv(PATIENCE))["isFinal"] is True
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(PATIENCE)
        assert closed.value.rcvd.code == 1000
    with connect(url, ssl=server.trust) as socket:
        socket.send(json.dumps({"text": " "}))
        assert json.loads(socket.recv(PATIENCE))["error"] == "unauthorised"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(PATIENCE)
        assert closed.value.rcvd.code == 1008
