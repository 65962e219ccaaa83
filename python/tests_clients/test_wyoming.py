"""The official client of Wyoming against a running server with the engine `tone`.

The address stands in ISHOWTTS_WYOMING, as tcp://HOST:PORT. Clients are used as Home Assistant uses them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable

import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient, AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

# 80 ms a character at 24 kHz, two bytes each.
BYTES = 2 * 1920
WALTER = SynthesizeVoice(name="walter")
TEXT = "The weather is fine today. It will stay like that until the evening. 明天会下雨。"


def client() -> AsyncClient:
    return AsyncClient.from_uri(os.environ["ISHOWTTS_WYOMING"])


def run(test: Awaitable[None]) -> None:
    async def in_time() -> None:
        await asyncio.wait_for(test, 60)

    asyncio.run(in_time())


async def event_of(connection: AsyncClient) -> Event:
    event = await connection.read_event()
    assert event is not None, "the connection was closed"
    return event


async def audio(connection: AsyncClient) -> AsyncIterator[AudioChunk]:
    """One utterance's audio."""
    start = await event_of(connection)
    assert AudioStart.is_type(start.type), start
    assert AudioStart.from_event(start).channels == 1
    while not AudioStop.is_type((event := await event_of(connection)).type):
        chunk = AudioChunk.from_event(event)
        assert (chunk.rate, chunk.width, chunk.channels) == (24_000, 2, 1)
        yield chunk


async def length(connection: AsyncClient) -> int:
    return sum([len(chunk.audio) async for chunk in audio(connection)])


def test_the_client_is_the_one_that_connects_by_tcp() -> None:
    assert isinstance(client(), AsyncTcpClient)


def test_describe_tells_all_voices_and_languages() -> None:
    async def test() -> None:
        async with client() as connection:
            await connection.write_event(Describe().event())
            info = Info.from_event(await event_of(connection))
        (program,) = info.tts
        assert (program.installed, program.supports_synthesize_streaming) == (True, True)
        assert program.version
        assert program.attribution.name
        voices = {voice.name: voice for voice in program.voices}
        assert voices["walter"].languages == ["en", "zh"]
        assert voices["tone:tone"].languages == ["en"]
        assert all(voice.installed and voice.attribution.name for voice in program.voices)
        assert not (info.asr or info.handle or info.intent or info.wake or info.mic or info.snd)

    run(test())


def test_a_text_is_spoken_as_home_assistant_asks_for_it() -> None:
    async def test() -> None:
        for voice in (
            WALTER,
            None,
            SynthesizeVoice(language="en"),
            SynthesizeVoice(name="tone", speaker="tone"),
        ):
            async with client() as connection:
                await connection.write_event(Synthesize(text="Hello.", voice=voice).event())
                assert await length(connection) == 6 * BYTES

    run(test())


def test_timestamps_tell_where_in_the_audio_a_chunk_is() -> None:
    async def test() -> None:
        async with client() as connection:
            await connection.write_event(Synthesize(text="A somewhat longer text", voice=WALTER).event())
            at = 0
            async for chunk in audio(connection):
                assert chunk.timestamp == at * 1000 // 48_000
                at += len(chunk.audio)

    run(test())


def test_a_text_is_spoken_while_it_is_written() -> None:
    async def test() -> None:
        async with client() as connection:
            # Twice: what the first left behind would be heard in the second.
            for _ in range(2):
                await connection.write_event(SynthesizeStart(voice=WALTER).event())
                first, *rest = [TEXT[at : at + 5] for at in range(0, len(TEXT), 5)]
                await connection.write_event(SynthesizeChunk(text=first).event())
                heard = asyncio.create_task(length(connection))
                for piece in rest:
                    await connection.write_event(SynthesizeChunk(text=piece).event())
                await connection.write_event(Synthesize(text=TEXT, voice=WALTER).event())
                await connection.write_event(SynthesizeStop().event())
                # Pauses are as long as the punctuation asks for, so it is not exactly as long as its letters.
                assert len(TEXT) * BYTES * 0.9 < await heard < len(TEXT) * BYTES * 1.3
                assert SynthesizeStopped.is_type((await event_of(connection)).type)

    run(test())


def test_audio_comes_before_the_text_is_complete() -> None:
    async def test() -> None:
        async with client() as connection:
            await connection.write_event(SynthesizeStart(voice=WALTER).event())
            await connection.write_event(SynthesizeChunk(text="The first sentence. And").event())
            assert AudioStart.is_type((await event_of(connection)).type)
            assert AudioChunk.is_type((await event_of(connection)).type)

    run(test())


def test_who_pings_is_answered() -> None:
    async def test() -> None:
        async with client() as connection:
            await connection.write_event(Ping(text="hello").event())
            assert Pong.from_event(await event_of(connection)).text == "hello"
            await connection.write_event(Event(type="from-the-future", data={"a": 1}, payload=b"12345"))
            await connection.write_event(Ping().event())
            assert Pong.from_event(await event_of(connection)).text is None

    run(test())


@pytest.mark.parametrize(
    ("text", "voice", "code"),
    [
        ("Hello", "nobody", "unknown_voice"),
        ("...", "walter", "nothing_to_speak"),
        ("a" * 5001, "walter", "text_too_long"),
    ],
)
def test_an_error_is_told_with_its_code_and_ends_the_connection(text: str, voice: str, code: str) -> None:
    async def test() -> None:
        async with client() as connection:
            await connection.write_event(Synthesize(text=text, voice=SynthesizeVoice(name=voice)).event())
            error = Error.from_event(await event_of(connection))
            assert (error.code, bool(error.text)) == (code, True)
            assert await connection.read_event() is None

    run(test())
