"""The labeled payments that the steps of a run read, and their split."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlspec.runtime.data.split import split

__all__ = ["config", "divided", "output", "steps", "write"]


def config() -> dict[str, Any]:
    """`training.json`."""
    found: dict[str, Any] = json.loads(Path(os.environ["MLSPEC_CONFIG"]).read_text())
    return found


def steps() -> Path:
    """The folder with the output of the steps before."""
    return Path(os.environ["MLSPEC_INPUT"])


def output() -> Path:
    """The folder of this step."""
    return Path(os.environ["MLSPEC_OUTPUT"])


def write(name: str, document: Any) -> None:
    """Write a JSON file of this step."""
    (output() / name).write_text(json.dumps(document, indent=1) + "\n")


def divided(given: dict[str, Any]) -> tuple[Any, Any]:
    """The training rows and the test rows: the newest payments with a label, in the order of time, less the gap.

    Both steps that call this read the same rows, because `train` leaves the time of the newest one.
    """
    sources = {source["name"]: source["uri"] for source in given["data"]["sources"]}
    payments, labels = pq.read_table(sources["payments"]), pq.read_table(sources["disputes"])
    rows = payments.join(labels, "payment_id", join_type="inner").sort_by("event_time")
    until = steps() / "train" / "until.json"
    if until.exists():
        rows = rows.filter(pc.less_equal(pc.cast(rows["event_time"], "int64"), json.loads(until.read_text())))
    newest = int(os.environ.get("FRAUD_NEWEST", "15000"))
    rows = rows.slice(max(0, len(rows) - newest))
    parts = split(given, rows)
    return rows.filter(parts.train), rows.filter(parts.test)
