import json
from pathlib import Path
from typing import get_args

import pytest

from ishowtts_worker import protocol
from ishowtts_worker.errors import ProtocolViolation
from ishowtts_worker.protocol import Audio, Done, FromWorker, Synthesize, Timings, ToWorker, encode
from ishowtts_worker.records import Reader, reader_of

GOLDEN = Path(__file__).resolve().parents[2] / "workers/tests/golden"


def lines(name: str) -> list[bytes]:
    return (GOLDEN / name).read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("line", lines("to_worker.jsonl"))
def test_every_golden_line_of_the_supervisor_survives_the_round_trip(line: bytes) -> None:
    assert encode(protocol.parse_to_worker(line)) == line


@pytest.mark.parametrize("line", lines("from_worker.jsonl"))
def test_every_golden_line_of_a_worker_survives_the_round_trip(line: bytes) -> None:
    assert encode(protocol.parse_from_worker(line)) == line


@pytest.mark.parametrize(
    ("name", "union"), [("to_worker.jsonl", ToWorker), ("from_worker.jsonl", FromWorker)], ids=["to", "from"]
)
def test_the_golden_files_have_every_message(name: str, union: object) -> None:
    assert {json.loads(line)["type"] for line in lines(name)} == {kind.type for kind in get_args(union)}


def test_the_quick_encoders_write_what_the_plain_one_writes() -> None:
    assert protocol.encode_audio(7, 9600) == encode(Audio(7, 9600))
    for milliseconds in (0.0, 12.5, 1e-3, 123456.789):
        done = Done(2**63, 4800, Timings(milliseconds, milliseconds), 2)
        assert protocol.encode_done(2**63, 4800, milliseconds, milliseconds, 2) == encode(done)


VALUES: tuple[object, ...] = (0, -1, 2**70, True, 1.5, 1, 1e400, "text", "", None, [], ["x"], {}, {"rtf": 1})


def read(reader: Reader, record: object) -> object:
    try:
        found = reader(record, "synthesize")
    except ProtocolViolation as violation:
        return str(violation)
    # The types too: 1, 1.0 and True are equal.
    return [(name, type(value), value) for name, value in vars(found).items()]


def test_the_quick_reader_of_a_synthesis_reads_what_the_plain_one_reads() -> None:
    plain, quick = reader_of(Synthesize), protocol._TO_WORKER["synthesize"]
    whole = {
        **{"type": "synthesize", "id": 1, "text": "a", "voice": "v", "language": "en", "speed": 1.5},
        **{"seed": 3, "options": {"rtf": 1}, "more": True, "shape": "round"},
    }
    assert quick is not plain
    assert read(quick, whole) == read(plain, whole)
    for name in whole:
        without = {key: value for key, value in whole.items() if key != name}
        assert read(quick, without) == read(plain, without)
        for value in VALUES:
            changed = {**whole, name: value}
            assert read(quick, changed) == read(plain, changed)


def test_unknown_fields_are_ignored_and_absent_ones_have_defaults() -> None:
    line = b'{"type":"synthesize","id":1,"text":"a","speed":2,"shape":"round"}'
    assert protocol.parse_to_worker(line) == Synthesize(1, "a", speed=2.0)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"not json", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("{}".encode("utf-16"), "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "unknown message type None"),
        (b'{"type":"dance"}', "unknown message type 'dance'"),
        (b'{"type":["load"]}', "unknown message type"),
        (b'{"type":"cancel"}', "cancel.id is missing"),
        (b'{"type":"cancel","id":"7"}', "cancel.id must be int, not '7'"),
        (b'{"type":"cancel","id":true}', "cancel.id must be int"),
        (b'{"type":"synthesize","id":1,"text":null}', "synthesize.text must be str"),
        (b'{"type":"synthesize","id":1,"text":"a","options":[]}', "synthesize.options must be dict"),
    ],
)
def test_a_line_that_does_not_fit_is_told_by_its_place(line: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolViolation, match=complaint.replace("(", r"\(")):
        protocol.parse_to_worker(line)


def test_a_nested_mistake_is_told_by_its_place() -> None:
    line = lines("to_worker.jsonl")[0].replace(b'"language":"zh"', b'"language":1')
    with pytest.raises(ProtocolViolation, match=r"load.voices\[0\].language must be str, not 1"):
        protocol.parse_to_worker(line)
