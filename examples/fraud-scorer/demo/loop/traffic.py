"""The bank: it asks for a score of each payment, keeps it in the lake, and learns a day later whether it was fraud.

One thread does all of it. A payment has the same ID in the request, in the lake, and in the label, which is what the
loop joins them by.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .payments import COLUMNS, Payments, World

__all__ = ["Bank", "history"]

BATCH = 100
"""Payments in one request."""

ARRIVES = 0.85
"""After how many days a label arrives. `labels.delay` is the time after which all have arrived: one day."""

DATATYPES = {"float64": "FP64", "int64": "INT64"}


class Bank(threading.Thread):
    """`rows` payments a day, from `start` on. What a story changes: `new`, `cents`, and `port`."""

    def __init__(self, world: World, lake: Path, rows: int, day: float, port: int) -> None:
        super().__init__(name="bank")
        self.new, self.cents, self.port = 0.0, False, port
        self.asked = self.failed = self.labeled = 0
        self._world, self._lake, self._day, self._world_of_others = world, lake, day, World(1)
        self._every, self._others = day * BATCH / rows, 0
        self._waiting: list[tuple[float, list[str], Any]] = []
        self._broken: list[tuple[Path, pa.Table]] = []
        self._unwritten: list[tuple[Payments, list[str], float, bool]] = []
        self._end = threading.Event()
        self._asking, self._lock = threading.Lock(), threading.Lock()
        self.wrong: BaseException | None = None

    def stop(self) -> None:
        """Stop asking."""
        self._end.set()
        self.join()

    def backfill(self) -> None:
        """Correct the payments in the lake whose amounts are in cents, and those that wait for their answer."""
        with self._asking, self._lock:
            self._write_payments()
            for path, table in self._broken:
                amounts = pa.array(np.asarray(table["amount"]) / 100)
                _save(path, table.set_column(table.column_names.index("amount"), "amount", amounts))
            self._broken = []

    def run(self) -> None:
        try:
            self._run()
        except BaseException as wrong:  # noqa: BLE001 - the main thread reports it
            self.wrong = wrong

    def _run(self) -> None:
        following, written = time.time(), time.time()
        while not self._end.wait(max(0.0, following - time.time())):
            following = max(following + self._every, time.time() - 1.0)
            self.ask(self._world.payments(BATCH, self.new))
            now = time.time()
            with self._lock:
                if now - written > self._day / 12:
                    written = now
                    self._write_payments()
                    self._write_labels(now)

    def also_ask(self, port: int, requests: int) -> None:
        """Send some payments to another version, as a canary gets them. They have labels like all others."""
        for _ in range(requests):
            ids = [f"c{self._others + row:07d}" for row in range(BATCH)]
            self._others += BATCH
            self._asked(self._world_of_others.payments(BATCH, self.new), ids, port, cents=False)

    def ask(self, payments: Payments) -> None:
        """Ask for the scores of some payments."""
        with self._asking:
            ids = [f"p{self.asked + number:07d}" for number in range(len(payments["amount"]))]
            cents = self.cents
            if cents:
                payments = {**payments, "amount": np.round(payments["amount"] * 100)}
            self.asked += len(ids)
            self._asked(payments, ids, self.port, cents=cents)

    def _asked(self, payments: Payments, ids: list[str], port: int, *, cents: bool) -> None:
        now = time.time()
        if not self._answered(payments, ids, port):
            self.failed += len(ids)
        with self._lock:
            self._unwritten.append((payments, ids, now, cents))
            self._waiting.append((now, ids, payments["is_fraud"]))

    def _answered(self, payments: Payments, ids: list[str], port: int) -> bool:
        body = json.dumps({"parameters": {"content_type": "pd"}, "inputs": [_tensor(n, payments[n]) for n in COLUMNS]})
        headers = {"Content-Type": "application/json", "X-Payment-Id": ",".join(ids)}
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/v2/models/fraud-scorer/infer", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _write_payments(self) -> None:
        for cents in (False, True):
            chosen = [one for one in self._unwritten if one[3] is cents]
            if chosen:
                path = self._lake / "payments" / f"{chosen[0][1][0]}.parquet"
                table = pa.concat_tables(_table(payments, ids, now) for payments, ids, now, _ in chosen)
                _save(path, table)
                if cents:
                    self._broken.append((path, table))
        self._unwritten = []

    def _write_labels(self, now: float) -> None:
        ready = [one for one in self._waiting if now - one[0] >= ARRIVES * self._day]
        if not ready:
            return
        self._waiting = [one for one in self._waiting if now - one[0] < ARRIVES * self._day]
        _save_labels(self._lake, [one for _, ids, _ in ready for one in ids], np.concatenate([one[2] for one in ready]))
        self.labeled += sum(len(ids) for _, ids, _ in ready)


def history(world: World, lake: Path, rows: int, begin: float, end: float) -> None:
    """The labeled payments from before the demo, evenly over time."""
    payments = world.payments(rows)
    ids = [f"h{number:07d}" for number in range(rows)]
    times = pa.array(np.linspace(begin, end, rows) * 1e6, pa.float64()).cast(pa.int64(), safe=False)
    table = _table(payments, ids, begin)
    table = table.set_column(
        table.column_names.index("event_time"), "event_time", times.cast(pa.timestamp("us", "UTC"))
    )
    _save(lake / "payments" / "history.parquet", table)
    _save_labels(lake, ids, payments["is_fraud"])


def _tensor(name: str, values: Any) -> dict[str, Any]:
    datatype = DATATYPES.get(str(values.dtype), "BYTES")
    own = {"parameters": {"content_type": "str"}} if datatype == "BYTES" else {}
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": values.tolist(), **own}


def _table(payments: Payments, ids: list[str], now: float) -> pa.Table:
    times = pa.array([datetime.fromtimestamp(now, UTC)] * len(ids), pa.timestamp("us", "UTC"))
    return pa.table({"payment_id": ids, "event_time": times, **{name: payments[name] for name in COLUMNS}})


def _save_labels(lake: Path, ids: list[str], frauds: Any) -> None:
    _save(lake / "disputes" / f"{ids[0]}.parquet", pa.table({"payment_id": ids, "is_fraud": frauds}))


def _save(path: Path, table: pa.Table) -> None:
    """Write a file whole: readers ignore names that start with a dot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    pq.write_table(table, part)
    part.replace(path)
