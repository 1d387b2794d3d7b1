"""`evaluate`: measure the candidate and the live version on the same test rows, which neither has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from fraud.model import FEATURES
from fraud.rows import config, divided, output, steps, write


def main() -> None:
    given = config()
    _, test = divided(given)
    model = joblib.load(steps() / "train" / "model.joblib")
    rows, labels = test.select(FEATURES).to_pandas(), test["is_fraud"].to_numpy()
    scores = model.predict(rows)
    countries = {
        name: {"roc_auc": _measured(labels[chosen], scores[chosen])}
        for name in sorted(set(rows["country"]))
        if len(set(labels[chosen := (rows["country"] == name).to_numpy()])) == 2
    }
    found: dict[str, Any] = {
        "version": 1,
        "metrics": {"roc_auc": _measured(labels, scores)},
        "segments": {"country": countries},
    }
    live = _live(given)
    if live is not None:
        found["rivals"] = {"champion": {"roc_auc": {"value": _measured(labels, live.predict(rows))["value"]}}}
    write("metrics.json", found)
    pq.write_table(test.append_column("predict", pa.array(scores)), output() / "predictions.parquet")
    rival = f", the live version {found['rivals']['champion']['roc_auc']['value']:.3f}" if live is not None else ""
    frauds = int(pc.sum(test["is_fraud"]).as_py())
    own = found["metrics"]["roc_auc"]["value"]
    print(f"roc_auc {own:.3f}{rival}, on {len(test):,} payments with {frauds:,} frauds")  # noqa: T201


def _measured(labels: Any, scores: Any) -> dict[str, Any]:
    rarer = int(min(labels.sum(), len(labels) - labels.sum()))
    return {"value": round(float(roc_auc_score(labels, scores)), 4), "samples": len(labels), "events": rarer}


def _live(given: dict[str, Any]) -> Any:
    """The live version, which is next to the profile that drift is compared with."""
    profile = given.get("monitoring", {}).get("drift", {}).get("reference")
    return joblib.load(Path(profile).parent / "model.joblib") if profile is not None else None


if __name__ == "__main__":
    main()
