"""Forward connections to the model server, byte by byte, with the same pauses and the same ends.

Each connection from a client has one to the server, so the order of requests, their framing, and their errors are the
server's own. The relay answers nothing itself: if the server cannot be reached, the client's connection is reset, as it
would be without the relay.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

from .observe import Observer

__all__ = ["Client", "Relays"]

CONNECT = 5.0
"""Seconds to connect to the server, on the loopback address."""

LINGER = 5.0
"""Seconds that a client gets to close its side after the server has closed. A reset would destroy what it has not read
yet (RFC 9112, 9.6)."""

SERVER = "127.0.0.1"


class Relays:
    """The connections that are open."""

    def __init__(self, port: int, observer: Any) -> None:
        self.port = port
        self.observer = observer
        """Makes the observer of one connection."""
        self.open: set[Client] = set()

    def client(self) -> Client:
        """The protocol of a new connection."""
        return Client(self)


class _Side(asyncio.Protocol):
    """One of the two connections, which forwards to the other one."""

    transport: asyncio.Transport | None = None
    other: _Side | None = None
    ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pause_writing(self) -> None:
        """The reader at the far end is slow, so read no more from the near end."""
        if self.other is not None and self.other.transport is not None and not self.other.ended:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.ended:
            self.other.transport.resume_reading()

    def _forward(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def _forward_end(self) -> None:
        """Close the other side's direction, and keep the way back open."""
        self.ended = True
        target = self.other.transport if self.other is not None else None
        if target is not None and target.can_write_eof() and not target.is_closing():
            target.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side, too: after an error with a reset, otherwise once everything has been sent."""
        self.ended = True
        target = self.other.transport if self.other is not None else None
        if target is not None and not target.is_closing():
            if exc is not None:
                _reset(target)
            else:
                target.close()


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection with a reset, so that the other end does not take it for a regular end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Client(_Side):
    """A connection from a client."""

    def __init__(self, relays: Relays) -> None:
        self._relays = relays
        self.observer: Observer = relays.observer()
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._relays.open.add(self)
        loop = asyncio.get_running_loop()
        # There is no server to forward to yet. Python 3.11.2 starts to read after this call, even if it pauses.
        loop.call_soon(cast("asyncio.Transport", transport).pause_reading)
        self._connecting = loop.create_task(self._connect())

    async def _connect(self) -> None:
        assert self.transport is not None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT):
                _, server = await loop.create_connection(lambda: _Server(self), SERVER, self._relays.port)
        except OSError:
            _reset(self.transport)
            return
        self.other = server
        if self.transport.is_closing():
            assert server.transport is not None
            server.transport.close()
        else:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._forward(data)
        self.observer.request(data)

    def eof_received(self) -> bool:
        self._forward_end()
        if self.other is not None and self.other.ended and self.transport is not None:
            self.transport.close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._relays.open.discard(self)
        self.observer.close()


class _Server(_Side):
    """The connection to the server."""

    def __init__(self, client: Client) -> None:
        self.other = client
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._forward(data)
        self._client.observer.response(data)

    def eof_received(self) -> bool:
        self._client.observer.response_end()
        self._forward_end()
        client = self._client
        if client.ended:
            return False
        if client.transport is not None:
            asyncio.get_running_loop().call_later(LINGER, client.transport.close)
        return True
