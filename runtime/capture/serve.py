"""`mlspec runtime capture`: forward requests to the model server, and record a sample of the predictions.

It exits with 0 after SIGTERM, once the last file is uploaded, and with 1 if its configuration cannot be read or a port
is taken. It never exits because recording fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from ..conditions import Unreadable
from ..lines import say
from .config import Config, read
from .counts import Counts
from .frames import packed
from .observe import Budget, Exchange, Observer
from .relay import Relays

__all__ = ["capture"]

QUEUE = 2**23
"""The most bytes that wait to be decoded. More are dropped and counted."""

DRAIN = 5.0
"""Seconds that requests in flight get after SIGTERM. The kubelet ends the server before the recorder, so there are none
unless something else sends the signal."""

FLUSH = 20.0
"""Seconds that the last uploads get after SIGTERM."""

RESTART = 1.0
"""Seconds before the process that writes is started again."""


class Recording:
    """The pipe to the process that writes, which is started again if it ends."""

    def __init__(self, path: Path, config: Config, counts: Counts) -> None:
        self._path, self._config, self._counts = path, config, counts
        self._process: asyncio.subprocess.Process | None = None
        self._ending = False

    def send(self, exchange: Exchange) -> None:
        """Pass a pair on, or drop it. This never waits."""
        process = self._process
        pipe = process.stdin if process is not None and process.returncode is None else None
        if pipe is None or pipe.is_closing() or pipe.transport.get_write_buffer_size() > QUEUE:
            self._counts.drop("queue")
            return
        pipe.write(packed(exchange, self._config))

    @property
    def waiting(self) -> int:
        """The bytes that wait."""
        pipe = self._process.stdin if self._process is not None else None
        return pipe.transport.get_write_buffer_size() if pipe is not None else 0

    async def run(self) -> None:
        """Keep the process running until `end`, after which it runs once more if a crash left files behind."""
        while True:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from mlspec.runtime.capture.writer import main; "
                "sys.exit(main(Path(sys.argv[1])))",
                str(self._path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            if self._ending:
                self._process.stdin.close()
            while line := await self._process.stdout.readline():
                with contextlib.suppress(ValueError, KeyError):
                    self._counts.merge(line, ("mlspec_recorder_spool_bytes",))
            await self._process.wait()
            if self._ending:
                return
            self._counts.add("mlspec_recorder_restarts_total")
            say(sys.stderr, "mlspec runtime capture: the process that writes records ended, and starts again")
            await asyncio.sleep(RESTART)

    def end(self) -> None:
        """Close the pipe, after which the process writes what it has and ends."""
        self._ending = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """Give up on the last uploads."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


def capture(file: str, host: str = "") -> int:
    """Run until SIGTERM, and return the exit status."""
    try:
        path = Path(file)
        return asyncio.run(_run(path, read(path), host or None))
    except (Unreadable, OSError) as wrong:
        say(sys.stderr, f"mlspec runtime capture: {wrong}")
        return 1


async def _run(path: Path, config: Config, host: str | None) -> int:
    counts, budget, stop, loop = Counts(), Budget(), asyncio.Event(), asyncio.get_running_loop()
    recording = Recording(path, config, counts)
    relays = Relays(config.server, lambda: Observer(config, counts, budget, recording.send))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(relays.client, host, config.port, backlog=1024)
    own = await asyncio.start_server(
        lambda reader, writer: _answer(reader, writer, counts, recording), host, config.metrics
    )
    writing = loop.create_task(recording.run())
    ports = [one.sockets[0].getsockname()[1] for one in (server, own)]
    say(sys.stdout, f"requests at {ports[0]}, metrics at {ports[1]}, records to {config.uri}")
    await stop.wait()
    server.close()
    await _drained(relays)
    recording.end()
    try:
        async with asyncio.timeout(FLUSH):
            await writing
    except TimeoutError:
        recording.kill()
        say(sys.stderr, "mlspec runtime capture: the last files could not be uploaded in time")
    own.close()
    return 0


async def _drained(relays: Relays) -> None:
    """Wait for the requests in flight, and close the connections that have none."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while relays.open:
                for client in [one for one in relays.open if one.observer.idle]:
                    if client.transport is not None:
                        client.transport.close()
                await asyncio.sleep(0.05)
    for client in list(relays.open):
        if client.transport is not None:
            client.transport.abort()
    await asyncio.sleep(0)


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counts, recording: Recording
) -> None:
    """The recorder's own endpoints: `/metrics` and `/healthz`."""
    with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].partition(b"?")[0]
            counts.set("mlspec_recorder_queue_bytes", recording.waiting)
            known = {b"/metrics": counts.page(), b"/healthz": "ok\n"}
            status, body = ("200 OK", known[target]) if target in known else ("404 Not Found", "not found\n")
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
    writer.close()
