import socket
import threading
from collections.abc import Iterator

import pytest

from ishowtts_worker.channel import Channel, Disconnected
from ishowtts_worker.errors import ProtocolViolation
from ishowtts_worker.protocol import MAX_LINE, CancelSynthesis, Paused, Ping


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    channel = Channel(theirs)
    with ours:
        yield ours, channel
    channel.close()


Pair = tuple[socket.socket, Channel]


def test_a_message_that_comes_in_pieces_is_one_message(pair: Pair) -> None:
    ours, channel = pair

    def dribble() -> None:
        for byte in b'{"type":"ping","nonce":42}\n':
            ours.send(bytes([byte]))

    writer = threading.Thread(target=dribble)
    writer.start()
    assert channel.receive() == Ping(42)
    writer.join()


def test_messages_that_come_together_are_two(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b'{"type":"ping","nonce":1}\n{"type":"cancel","id":2}\n')
    assert [channel.receive(), channel.receive()] == [Ping(1), CancelSynthesis(2)]


def test_the_end_between_messages_is_no_violation(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b'{"type":"ping","nonce":1}\n')
    ours.shutdown(socket.SHUT_WR)
    assert channel.receive() == Ping(1)
    assert channel.receive() is None


def test_the_end_within_a_message_is_a_violation(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b'{"type":"pi')
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(ProtocolViolation, match="ended within a line"):
        channel.receive()


def test_garbage_is_a_violation(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b"\x00\x01\x02\n")
    with pytest.raises(ProtocolViolation, match="not JSON"):
        channel.receive()


@pytest.mark.parametrize("ending", [b"\n", b""], ids=["ended", "endless"])
def test_a_line_beyond_the_limit_is_a_violation(pair: Pair, ending: bytes) -> None:
    ours, channel = pair
    writer = threading.Thread(target=ours.sendall, args=(b"x" * (MAX_LINE + 1) + ending,))
    writer.start()
    with pytest.raises(ProtocolViolation, match="longer than"):
        channel.receive()
    writer.join()


def test_a_line_at_the_limit_is_read(pair: Pair) -> None:
    ours, channel = pair
    writer = threading.Thread(target=ours.sendall, args=(b"x" * MAX_LINE + b"\n",))
    writer.start()
    assert channel.read_line() == b"x" * MAX_LINE
    writer.join()


def test_a_payload_is_read_exactly(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b"head\n\n\npay\nload\n")
    assert channel.read_line() == b"head"
    assert channel.read_exact(7) == b"\n\npay\nl"
    assert channel.read_line() == b"oad"


def test_a_cut_payload_is_a_violation(pair: Pair) -> None:
    ours, channel = pair
    ours.sendall(b"1234")
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(ProtocolViolation, match="6 bytes before"):
        channel.read_exact(10)


def test_what_is_larger_than_the_socket_holds_arrives_whole(pair: Pair) -> None:
    ours, channel = pair
    payload = bytes(range(256)) * 40_000
    writer = threading.Thread(target=channel.write, args=([b"head\n", memoryview(payload)],))
    writer.start()
    other = Channel(ours)
    assert other.read_line() == b"head"
    assert other.read_exact(len(payload)) == payload
    writer.join()


def test_a_look_takes_nothing_that_is_not_whole_and_does_not_wait(pair: Pair) -> None:
    ours, channel = pair
    assert not channel.arrived()
    ours.sendall(b'{"type":"ping","non')
    assert not channel.arrived() and not channel.arrived(0.001)
    ours.sendall(b'ce":1}\n{"type":"cancel","id":2}\n{"type"')
    assert channel.arrived() and channel.receive() == Ping(1)
    assert channel.holds_line and channel.arrived() and channel.receive() == CancelSynthesis(2)
    assert not channel.holds_line and not channel.arrived()
    ours.sendall(b':"ping","nonce":3}\n')
    assert channel.receive() == Ping(3)


def test_a_look_that_waits_returns_as_soon_as_something_comes(pair: Pair) -> None:
    ours, channel = pair
    later = threading.Timer(0.02, ours.sendall, args=(b'{"type":"ping","nonce":1}\n',))
    later.start()
    assert channel.arrived(3600)
    assert channel.receive() == Ping(1)
    later.join()


def test_a_look_sees_a_line_that_is_too_long(pair: Pair) -> None:
    ours, channel = pair
    writer = threading.Thread(target=ours.sendall, args=(b"x" * (MAX_LINE + 1),))
    writer.start()
    while not channel.arrived(30):
        pass
    with pytest.raises(ProtocolViolation, match="longer than"):
        channel.receive()
    writer.join()


def test_a_look_sees_the_end(pair: Pair) -> None:
    ours, channel = pair
    ours.close()
    assert channel.arrived() and channel.receive() is None
    assert channel.arrived(1) and channel.receive() is None


def test_writing_to_nobody_is_told(pair: Pair) -> None:
    ours, channel = pair
    ours.close()
    with pytest.raises(Disconnected):
        channel.send(Paused())
