"""What the proxy sends to the process that writes records: pairs of a request and its response, one after another."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from .config import Config
from .decode import Pair
from .observe import Exchange

__all__ = ["Frames", "packed"]

_SIZES = struct.Struct(">III")

KEPT = ("content-type", "content-encoding")


def packed(exchange: Exchange, config: Config) -> bytes:
    """One pair as bytes, with the headers that its decoding needs and no others: they contain credentials."""
    wanted = {*KEPT, *config.headers.values()}
    meta = {
        "protocol": exchange.protocol,
        "time": exchange.time,
        "headers": {name: value for name, value in exchange.headers.items() if name in wanted},
        "reply": {name: value for name, value in exchange.reply.items() if name in KEPT},
    }
    head = json.dumps(meta).encode()
    return b"".join((
        _SIZES.pack(len(head), len(exchange.requested), len(exchange.body)), head, exchange.requested, exchange.body
    ))  # fmt: skip


class Frames:
    """Pairs read from a stream of bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Pair]:
        """The pairs that are complete now."""
        self._rest += data
        while len(self._rest) >= _SIZES.size:
            head, request, response = _SIZES.unpack_from(self._rest)
            if len(self._rest) < (end := _SIZES.size + head + request + response):
                return
            start = _SIZES.size + head
            meta = json.loads(self._rest[_SIZES.size : start])
            yield Pair(
                request=bytes(self._rest[start : start + request]),
                response=bytes(self._rest[start + request : end]),
                **meta,
            )
            del self._rest[:end]
