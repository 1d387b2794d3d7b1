"""Pair requests with their responses on one connection, and collect those that may be predictions.

Traps handled here: responses to HEAD, 204, and 304 have no body whatever their headers say. `100 Continue` is not the
response. A response can arrive before its request has ended. After `101 Switching Protocols`, nothing is HTTP.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from .config import Config
from .counts import Counts
from .framing import Body, Head, Stream, Unclear, framed
from .paths import protocol_of
from .sampling import sampled

__all__ = ["LARGEST", "Budget", "Exchange", "Observer"]

LARGEST = 2**20
"""The most bytes of a body that is recorded: larger ones are forwarded only."""

COLLECTED = 2**25
"""The most bytes of bodies that all connections collect at once."""


class Budget:
    """The memory for bodies of all connections together."""

    def __init__(self, most: int = COLLECTED) -> None:
        self.left = most

    def take(self, size: int) -> bool:
        """Whether there is room for some bytes, which are then taken."""
        if size > self.left:
            return False
        self.left -= size
        return True


class Exchange:
    """A request and its response, as far as they have been seen."""

    __slots__ = (
        "answering", "asked", "bodiless", "body", "done", "headers", "lost", "path", "protocol", "reply", "requested",
        "time",
    )  # fmt: skip

    def __init__(self, path: str, headers: dict[str, str], protocol: str | None) -> None:
        self.time = time.time()
        self.path = path
        self.headers = headers
        self.protocol = protocol
        """The protocol of the bodies; None if the request is for no prediction."""
        self.requested = bytearray()
        self.body = bytearray()
        self.asked = False
        """Whether the request has ended."""
        self.bodiless = False
        """Whether it asks for no more than the head."""
        self.answering = False
        """Whether the head of the response has been seen, other than an interim one."""
        self.done = False
        """Whether the response has ended."""
        self.reply: dict[str, str] = {}
        """The headers of the response."""
        self.lost = ""
        """Why it cannot be recorded."""


class Observer:
    """Reads both directions of one connection. It never raises: what it cannot read is not recorded."""

    def __init__(self, config: Config, counts: Counts, budget: Budget, done: Callable[[Exchange], None]) -> None:
        self._config, self._counts, self._budget, self._deliver = config, counts, budget, done
        self._open: deque[Exchange] = deque()
        """Requests whose responses have not ended, oldest first."""
        self._sending: Exchange | None = None
        """The request that is being sent."""
        self._blind = False
        self._requests = Stream(self._asked, self._ask_part, self._ask_ended)
        self._responses = Stream(self._answered, self._answer_part, self._answer_ended)

    @property
    def idle(self) -> bool:
        """Whether no request waits for its response."""
        return not self._open

    def request(self, data: bytes) -> None:
        """Some bytes from the client."""
        self._read(self._requests, data)

    def response(self, data: bytes) -> None:
        """Some bytes from the server."""
        self._read(self._responses, data)

    def response_end(self) -> None:
        """The server has closed its side."""
        if not self._blind:
            self._read(_Ended(self._responses), b"")

    def close(self) -> None:
        """The connection is over. What has not ended by now never will."""
        self._drop_open("broken-off")
        if self._sending is not None and self._sending.done:
            self._free(self._sending)

    def _drop_open(self, why: str) -> None:
        for exchange in self._open:
            self._lose(exchange, why)
            self._count(exchange)
        self._open.clear()

    def _read(self, stream: Stream | _Ended, data: bytes) -> None:
        if self._blind:
            return
        try:
            stream.feed(data)
        except Exception:  # noqa: BLE001 - `Unclear`, or a mistake of ours: neither may end a connection that works
            self._give_up()

    def _give_up(self) -> None:
        """Read no more: what follows may be predictions, over HTTP/2 or a WebSocket."""
        self._blind = True
        self._drop_open("unclear")
        self._counts.add("mlspec_recorder_unread_connections_total")

    # Requests

    def _asked(self, head: Head) -> Body | None:
        method, _, rest = head.start.partition(" ")
        target, _, version = rest.rpartition(" ")
        if not version.startswith("HTTP/1.") or method == "CONNECT":
            raise Unclear
        path = target.partition("?")[0]
        protocol = protocol_of(path, self._config) if method == "POST" else None
        exchange = Exchange(path, head.headers if protocol is not None else {}, protocol)
        exchange.bodiless = method == "HEAD"
        if protocol is not None:
            self._counts.add("mlspec_recorder_requests_total")
            self._judge_request(exchange)
        self._open.append(exchange)
        self._sending = exchange
        return framed(head.headers) or Body(0)

    def _judge_request(self, exchange: Exchange) -> None:
        """The sample comes first: what is lost of it is then a share of it, whatever the reason."""
        header = self._config.headers.get(self._config.id)
        if header is not None:
            given = exchange.headers.get(header)
            if not given:
                self._lose(exchange, "no-id")
            elif not any(sampled(one.strip(), self._config.sample) for one in (given, *given.split(","))):
                self._lose(exchange, "not-sampled")
        if _binary(exchange.headers):
            self._lose(exchange, "binary")

    def _ask_part(self, data: bytes) -> None:
        if self._sending is not None:
            self._collect(self._sending, self._sending.requested, data)

    def _ask_ended(self) -> None:
        exchange, self._sending = self._sending, None
        if exchange is not None:
            exchange.asked = True
            if exchange.done:
                self._finish(exchange)

    # Responses

    def _answered(self, head: Head) -> Body | None:
        status = head.start.split(" ")[1:2]
        if not self._open or not head.start.startswith("HTTP/1.") or not status or not status[0].isdecimal():
            raise Unclear
        code = int(status[0])
        if code == 101:
            self._give_up()
            return None
        exchange = self._open[0]
        if 100 <= code < 200:
            return Body(0)
        exchange.reply = head.headers
        if not 200 <= code < 300:
            self._lose(exchange, "failed")
        elif _binary(head.headers):
            self._lose(exchange, "binary")
        exchange.answering = True
        if exchange.bodiless or code in (204, 304):
            return Body(0)
        return framed(head.headers) or Body(None)

    def _answer_part(self, data: bytes) -> None:
        self._collect(self._open[0], self._open[0].body, data)

    def _answer_ended(self) -> None:
        if self._blind or not self._open or not self._open[0].answering:
            return  # an interim response, such as `100 Continue`
        exchange = self._open.popleft()
        exchange.done = True
        if exchange.asked:
            self._finish(exchange)

    # Bodies

    def _collect(self, exchange: Exchange, body: bytearray, data: bytes) -> None:
        if exchange.protocol is None or exchange.lost:
            return
        if len(body) + len(data) > LARGEST:
            self._lose(exchange, "too-large")
        elif not self._budget.take(len(data)):
            self._lose(exchange, "memory")
        else:
            body += data

    def _lose(self, exchange: Exchange, why: str) -> None:
        exchange.lost = exchange.lost or why
        self._free(exchange)

    def _free(self, exchange: Exchange) -> None:
        self._budget.left += len(exchange.requested) + len(exchange.body)
        exchange.requested, exchange.body = bytearray(), bytearray()

    def _finish(self, exchange: Exchange) -> None:
        if exchange.protocol is None:
            return
        if exchange.lost:
            self._count(exchange)
            return
        self._deliver(exchange)
        self._free(exchange)

    def _count(self, exchange: Exchange) -> None:
        if exchange.protocol is not None and exchange.lost:
            self._counts.drop(exchange.lost)


class _Ended:
    """The end of a stream, read like a part of it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def feed(self, _: bytes) -> None:
        """End the stream."""
        self._stream.end()


def _binary(headers: dict[str, str]) -> bool:
    """Tensors that are not JSON: the binary extension of the V2 protocol, or another type of content."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    plain = kind in ("", "application/json", "text/plain", "text/event-stream") or kind.endswith("+json")
    return not plain or "inference-header-content-length" in headers
