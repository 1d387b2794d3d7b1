"""Captured predictions and labels on disk, as the record contract says, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .support import Ran, run

__all__ = ["AT", "DAY", "Captured", "stamp"]

DAY = 86_400
AT = 1_764_288_000
"""2025-11-28T00:00:00Z."""


def stamp(at: float) -> str:
    """A time in RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


class Captured:
    """A folder with captured predictions, labels, and a configuration."""

    def __init__(self, folder: Path, **monitoring: Any) -> None:
        self.folder = folder
        self.config: dict[str, Any] = {
            "version": 1,
            "metrics": {
                "recall": {"direction": "maximize"},
                "roc_auc": {"direction": "maximize"},
                "log_loss": {"direction": "minimize"},
                "mae": {"direction": "minimize"},
                "bleu": {"direction": "maximize"},
            },
            "rivals": {"champion": {"roc_auc": 0.9}},
            "monitoring": {
                "interval": DAY,
                "capture": {"uri": str(folder / "capture"), "id": "payment_id"},
                "segments": ["country"],
                "labels": {"uri": str(folder / "labels.parquet"), "column": "fraud", "id": "payment_id", "delay": DAY},
                "prediction": {"output": "score", "threshold": 0.5},
                "quality": {"bounds": [{"metric": "recall", "min": 0.5}]},
                **monitoring,
            },
        }

    def day(self, before: int, ids: Sequence[str], score: Any, *, form: str = "parquet", **more: Any) -> None:
        """Write the predictions of one day, evenly over the day, `before` days before the measurement."""
        start = AT - before * DAY
        times = [start + (index + 0.5) * DAY / len(ids) for index in range(len(ids))]
        table: dict[str, Any] = {"payment_id": list(ids), "model_version": ["14"] * len(ids), "score": list(score)}
        table |= {"country": ["DE"] * len(ids), **more}
        folder = self.folder / "capture" / f"date={datetime.fromtimestamp(start, UTC).date()}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{len([*folder.iterdir()])}.{form}"
        if form == "jsonl":
            columns = {**table, "time": [stamp(each) for each in times]}
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            return
        micros = (np.array(times) * 1e6).astype(np.int64)
        pq.write_table(pa.table({**table, "time": pa.array(micros, pa.timestamp("us", "UTC"))}), path)

    def labels(self, ids: Sequence[Any], labels: Sequence[Any], name: str = "labels.parquet") -> None:
        """Write the labels."""
        path = self.folder / name
        self.config["monitoring"]["labels"]["uri"] = str(path)
        if name.endswith(".parquet"):
            pq.write_table(pa.table({"payment_id": list(ids), "fraud": list(labels)}), path)
        elif name.endswith(".csv"):
            rows = [f"{one},{'' if label is None else label}" for one, label in zip(ids, labels, strict=True)]
            path.write_text("payment_id,fraud\n" + "".join(f"{row}\n" for row in rows))
        else:
            rows = [json.dumps({"payment_id": one, "fraud": label}) for one, label in zip(ids, labels, strict=True)]
            path.write_text("".join(f"{row}\n" for row in rows))

    def bounds(self, *metrics: str, **more: Any) -> None:
        """Ask for these metrics."""
        self.config["monitoring"]["quality"] = {
            "bounds": [{"metric": metric, "min": 0.5, **more} for metric in metrics]
        }

    def run(self, *more: str) -> Ran:
        """Measure, with the command."""
        (self.folder / "config.json").write_text(json.dumps(self.config))
        out = str(self.folder / "out")
        return run(
            "runtime", "quality", "--config", str(self.folder / "config.json"), "--at", stamp(AT), "--out", out, *more
        )

    def series(self, monitor: str) -> dict[tuple[str, ...], float]:
        """What was measured, by the name of the metric and the values of its labels in the order of their names."""
        document = json.loads((self.folder / "out" / f"{monitor}-{AT}.json").read_text())
        return {
            (one["name"], *(value for _, value in sorted(one["labels"].items()))): one["value"]
            for one in document["series"]
        }
