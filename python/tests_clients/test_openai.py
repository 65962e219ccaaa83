"""The official client, unchanged, against a running server at ISHOWTTS_URL with the key ISHOWTTS_KEY.

Its one engine is `tone`: 80 ms at 24 kHz for each character.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import wave
from pathlib import Path
from typing import Any

import openai
import pytest

URL, KEY = os.environ["ISHOWTTS_URL"], os.environ["ISHOWTTS_KEY"]
TEXT = "Spoken through the official client."
SAMPLES = 1920 * len(TEXT)


@pytest.fixture
def client() -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=60)


def test_speech_comes_in_every_format(client: openai.OpenAI) -> None:
    for name, begins in {
        "mp3": b"\xff",
        "opus": b"OggS",
        "aac": b"\xff\xf1",
        "flac": b"fLaC",
        "wav": b"RIFF",
    }.items():
        answer = client.audio.speech.create(
            model="gpt-4o-mini-tts",
            voice="alloy",
            input=TEXT,
            instructions="Speak calmly.",
            response_format=name,
        )
        assert answer.content.startswith(begins), name
    assert client.audio.speech.create(model="tts-1", voice="nova", input=TEXT).content[0] == 0xFF, "MP3"


def test_pcm_has_24_kilohertz_and_a_wav_file_the_same_samples(client: openai.OpenAI) -> None:
    pcm = client.audio.speech.create(model="tts-1", voice="echo", input=TEXT, response_format="pcm").content
    assert len(pcm) == 2 * SAMPLES
    file = client.audio.speech.create(model="tts-1", voice="echo", input=TEXT, response_format="wav").content
    with wave.open(io.BytesIO(file)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (24_000, 1, 2)
    assert file[44:] == pcm


def test_a_voice_may_be_an_object_and_speed_changes_the_length(client: openai.OpenAI) -> None:
    speak = client.audio.speech.create
    plain = speak(model="tts-1", voice={"id": "walter"}, input=TEXT, response_format="pcm")
    assert len(plain.content) == 2 * SAMPLES
    fast = speak(model="tts-1", voice="walter", input=TEXT, response_format="pcm", speed=2.0)
    assert len(fast.content) == pytest.approx(SAMPLES, rel=0.05)


def test_audio_streams(client: openai.OpenAI, tmp_path: Path) -> None:
    create = client.audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="walter", input=TEXT, response_format="pcm") as answer:
        assert "content-length" not in answer.headers
        pieces = list(answer.iter_bytes(4096))
    assert len(pieces) > 1
    assert len(b"".join(pieces)) == 2 * SAMPLES
    with create(model="tts-1", voice="walter", input=TEXT, response_format="flac") as answer:
        answer.stream_to_file(tmp_path / "speech.flac")
    assert (tmp_path / "speech.flac").read_bytes().startswith(b"fLaC")


def test_events_carry_the_audio_and_end_with_usage(client: openai.OpenAI) -> None:
    create = client.audio.speech.with_streaming_response.create
    with create(
        model="gpt-4o-mini-tts", voice="coral", input=TEXT, response_format="pcm", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]
    *deltas, done = events
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert sum(len(base64.b64decode(event["audio"])) for event in deltas) == 2 * SAMPLES
    tokens = -(-SAMPLES // 1200)
    usage = {"input_tokens": len(TEXT), "output_tokens": tokens, "total_tokens": len(TEXT) + tokens}
    assert done == {"type": "speech.audio.done", "usage": usage}


def test_the_clients_own_reader_of_events_reads_ours(client: openai.OpenAI) -> None:
    body = {
        "model": "tts-1",
        "voice": "sage",
        "input": TEXT,
        "response_format": "mp3",
        "stream_format": "sse",
    }
    stream = client.post(
        "/audio/speech",
        cast_to=dict[str, Any],
        body=body,
        stream=True,
        stream_cls=openai.Stream[dict[str, Any]],
    )
    kinds = [event["type"] for event in stream]
    assert kinds[-1] == "speech.audio.done"
    assert set(kinds[:-1]) == {"speech.audio.delta"}


def test_the_asynchronous_client_streams_too() -> None:
    async def speak() -> int:
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=60) as client:
            create = client.audio.speech.with_streaming_response.create
            async with create(model="tts-1", voice="ash", input=TEXT, response_format="pcm") as answer:
                return sum([len(piece) async for piece in answer.iter_bytes()])

    assert asyncio.run(speak()) == 2 * SAMPLES


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    models = [model.id for model in client.models.list()]
    assert {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "tone"} <= set(models)
    found = client.models.retrieve("tts-1")
    assert (found.id, found.object, found.owned_by) == ("tts-1", "model", "ishowtts")
    with pytest.raises(openai.NotFoundError) as told:
        client.models.retrieve("gpt-9")
    assert told.value.code == "model_not_found"


def test_errors_are_those_that_the_client_knows(client: openai.OpenAI) -> None:
    speak = client.audio.speech.create
    with pytest.raises(openai.NotFoundError) as unknown:
        speak(model="tts-1", voice="nobody", input=TEXT)
    assert (unknown.value.code, unknown.value.param, unknown.value.type) == (
        "unknown_voice",
        "voice",
        "invalid_request_error",
    )
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        speak(model="tts-1", voice="alloy", input=TEXT, speed=9)
    assert (wrong.value.code, wrong.value.param) == ("invalid_field", "speed")
    stranger = openai.OpenAI(base_url=f"{URL}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
