"""The recorder's relay: every byte arrives, in order and unchanged, and every end and pause is passed on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.capture.counts import Counts
from mlspec.runtime.capture.observe import Budget, Observer
from mlspec.runtime.capture.relay import Relays

from .recording import (
    HOST,
    INFER,
    SERVED,
    Relayed,
    asked,
    configured,
    free_port,
    relayed,
    request,
    response,
)

END = 15.0


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, END))


class Scripted:
    """A server that notes what it receives, and sends some bytes once it has received enough."""

    def __init__(self, expected: int, pieces: list[bytes], *, closes: bool) -> None:
        self.expected, self.pieces, self.closes = expected, pieces, closes
        self.received = b""
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(self.received) < self.expected and (data := await reader.read(2**16)):
            self.received += data
        for piece in self.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if self.closes:
            writer.write_eof()
        self.received += await reader.read()
        self.ended.set()
        writer.close()


async def talk(pieces: list[bytes], answers: list[bytes], *, closes: bool) -> tuple[bytes, bytes, Relayed]:
    """What the server and the client receive."""
    scripted = Scripted(sum(map(len, pieces)), answers, closes=closes)
    with tempfile.TemporaryDirectory() as folder:
        async with relayed(scripted, Path(folder)) as relay:
            reader, writer = await asyncio.open_connection(HOST, relay.port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if closes:
                got = await reader.read()
            else:
                got = await reader.readexactly(sum(map(len, answers)))
            writer.write_eof()
            await scripted.ended.wait()
            writer.close()
            return scripted.received, got, relay


CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: t\r\n\r\n"


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[bytes, bytes, tuple[bytes, bytes] | None]:
    """A request, its response, and their bodies if the pair is a prediction."""
    method = draw(st.sampled_from([b"POST", b"POST", b"GET", b"HEAD", b"PUT", b"OPTIONS", b"DELETE"]))
    path = draw(st.sampled_from([INFER.encode(), b"/v2/health/ready", b"/other?x=1"]))
    sent, said = draw(st.binary(max_size=300)), draw(st.binary(max_size=300))
    size = draw(st.integers(1, 50))
    folded = draw(st.sampled_from([b"", b"X-Repeated: a\r\nX-Repeated: b\r\n", b"Expect: 100-continue\r\n"]))
    head = b"%s %s HTTP/1.1\r\nHost: h\r\nX-Payment-Id: p\r\n%s" % (method, path, folded)
    if method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE"):
        sent, asked_for = b"", head + b"\r\n"
    elif draw(st.booleans()):
        asked_for = head + CHUNKED + b"\r\n" + chunks(sent, size)
    else:
        asked_for = head + b"Content-Length: %d\r\n\r\n" % len(sent) + sent
    status = draw(st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"500 No", b"422 Bad"]))
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" if b"Expect" in folded else b""
    start = interim + b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n"
    if status[:3] in (b"204", b"304"):
        said, answer = b"", start + b"\r\n"
    elif method == b"HEAD":
        said, answer = b"", start + b"Content-Length: 17\r\n\r\n"
    elif draw(st.booleans()):
        answer = start + CHUNKED + b"\r\n" + chunks(said, size)
    else:
        answer = start + b"Content-Length: %d\r\n\r\n" % len(said) + said
    predicted = method == b"POST" and path == INFER.encode() and status[:3] in (b"200", b"204")
    return asked_for, answer, (sent, said) if predicted else None


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [piece for piece in (*pieces, data) if piece]


@settings(max_examples=150, deadline=None)
@given(st.lists(exchanges(), min_size=1, max_size=6), st.lists(st.integers(1, 90), max_size=12), st.booleans())
def test_pipelined_conversations_arrive_byte_by_byte_and_are_paired(
    said: list[tuple[bytes, bytes, tuple[bytes, bytes] | None]], sizes: list[int], closes: bool
) -> None:
    sent, answered = b"".join(one[0] for one in said), b"".join(one[1] for one in said)

    async def work() -> None:
        received, got, relay = await talk(cut(sent, sizes), cut(answered, sizes[::-1]), closes=closes)
        assert received == sent
        assert got == answered
        assert [pair[1:] for pair in relay.seen] == [one[2] for one in said if one[2] is not None]
        assert not relay.counts.value("mlspec_recorder_unread_connections_total")

    run(work())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5), st.lists(st.binary(min_size=1), max_size=5))
def test_bytes_that_are_not_http_arrive_all_the_same(sent: list[bytes], answered: list[bytes]) -> None:
    async def work() -> None:
        received, got, _ = await talk(sent, answered, closes=True)
        assert received == b"".join(sent)
        assert got == b"".join(answered)

    run(work())


BOTH = request(b"x").replace(b"Host", b"Transfer-Encoding: chunked\r\nHost")
TWO = request(b"x").replace(b"Content-Length: 1", b"Content-Length: 1\r\nContent-Length: 2")
FOLDED = request(b"x").replace(b"Host: h", b"Host: h\r\n folded")
SPACE = request(b"x").replace(b"Host: h", b"Host : h")
SIGNED = request(b"x").replace(b"Content-Length: 1", b"Content-Length: +1")


@pytest.mark.parametrize("unclear", [BOTH, TWO, FOLDED, SPACE, SIGNED], ids=["both", "two", "folded", "space", "sign"])
def test_a_message_with_two_readings_is_forwarded_and_not_recorded(unclear: bytes) -> None:
    async def work() -> None:
        received, got, relay = await talk([unclear], [response()], closes=False)
        assert (received, got, relay.seen) == (unclear, response(), [])
        assert relay.counts.value("mlspec_recorder_unread_connections_total") == 1

    run(work())


def test_an_upgraded_connection_is_forwarded() -> None:
    async def work() -> None:
        sent = [b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"\x81\x05hello"]
        answered = [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", b"\x81\x05world"]
        received, got, relay = await talk(sent, answered, closes=False)
        assert (received, got) == (b"".join(sent), b"".join(answered))
        assert relay.counts.value("mlspec_recorder_unread_connections_total") == 1

    run(work())


def test_trap_http_2_is_no_request_and_no_loss_and_is_counted_as_a_connection() -> None:
    """With the share of losses alone, a gateway that speaks HTTP/2 would look like one without requests."""

    async def work() -> None:
        sent = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"]
        received, got, relay = await talk(sent, [b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"], closes=False)
        assert (received, len(got)) == (b"".join(sent), 9)
        assert relay.counts.value("mlspec_recorder_requests_total") == 0
        assert relay.counts.value("mlspec_recorder_unread_connections_total") == 1

    run(work())


def test_a_response_until_the_connection_ends_is_recorded() -> None:
    async def work() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + SERVED
        _, got, relay = await talk([request(asked())], [answer], closes=True)
        assert got == answer
        assert relay.seen == [(INFER, asked(), SERVED)]

    run(work())


def test_large_bodies_pass_and_are_counted() -> None:
    big = bytes(range(256)) * 20_000  # 5 MB

    async def work() -> None:
        received, got, relay = await talk([request(big)], [response(big)], closes=False)
        assert (received, got, relay.seen) == (request(big), response(big), [])
        assert relay.counts.value("", "too-large") == 1

    run(work())


def test_a_slow_client_slows_the_server_down() -> None:
    """Nothing but the buffers of the sockets and of two connections is held: a few megabytes of 200."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        try:
            for _ in range(2000):
                writer.write(bytes(100_000))
                await writer.drain()
                sent += 100_000
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with relayed(endless, Path(folder)) as relay:
                reader, writer = await asyncio.open_connection(HOST, relay.port, limit=2**16)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await reader.read(1000)
                await asyncio.sleep(0.5)
                assert 0 < sent < 50_000_000
                writer.transport.abort()

    run(work())


def test_a_server_that_is_down_resets_the_connection_as_it_would_without_the_relay() -> None:
    async def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            counts, config = Counts(), configured(Path(folder))
            relays = Relays(free_port(), lambda: Observer(config, counts, Budget(), lambda _: None))
            relay = await asyncio.get_running_loop().create_server(relays.client, HOST, 0)
            reader, writer = await asyncio.open_connection(HOST, relay.sockets[0].getsockname()[1])
            writer.write(request(asked()))
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            relay.close()
            assert not relays.open

    run(work())


def test_a_client_that_leaves_ends_the_request_of_the_server() -> None:
    async def work() -> None:
        gone = asyncio.Event()

        async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.read(2**16):
                    pass
            except ConnectionError:
                pass
            gone.set()
            writer.close()

        with tempfile.TemporaryDirectory() as folder:
            async with relayed(patient, Path(folder)) as relay:
                _, writer = await asyncio.open_connection(HOST, relay.port)
                writer.write(request(asked()))
                await writer.drain()
                await asyncio.sleep(0.05)
                writer.transport.abort()
                await gone.wait()
                await asyncio.sleep(0.05)
                assert relay.counts.value("", "broken-off") == 1

    run(work())


def test_concurrent_connections_get_their_own_responses() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                writer.write(response(await reader.readexactly(length)))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def client(port: int, number: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for turn in range(20):
            body = f"{number}/{turn}".encode() * (1 + number * turn % 700)
            writer.write(request(body))
            assert await reader.readexactly(len(response(body))) == response(body)
        writer.close()

    async def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with relayed(echo, Path(folder)) as relay:
                await asyncio.gather(*(client(relay.port, number) for number in range(40)))
                assert len(relay.seen) == 800
                assert all(sent == said for _, sent, said in relay.seen)

    run(work())


def test_a_mistake_in_what_reads_along_breaks_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlspec.runtime.capture import observe

    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(observe, "protocol_of", broken)

    async def work() -> None:
        received, got, relay = await talk([request(asked())], [response()], closes=False)
        assert (received, got, relay.seen) == (request(asked()), response(), [])

    run(work())
