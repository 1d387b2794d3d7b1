"""`train`: fit the model on the newest payments that have a label."""

from __future__ import annotations

import json
import os

import joblib
import pyarrow.compute as pc

from fraud.model import FEATURES, FraudScorer
from fraud.rows import config, divided, output, steps, write


def main() -> None:
    given = config()
    train, test = divided(given)
    model = FraudScorer(
        max_iter=int(os.environ.get("FRAUD_TREES", "80")), max_leaf_nodes=8, learning_rate=0.1, min_samples_leaf=40,
        random_state=given["seed"],
    )  # fmt: skip
    model.fit(train.select(FEATURES).to_pandas(), train["is_fraud"].to_numpy())
    joblib.dump(model, output() / "model.joblib")
    versions = steps() / "validate" / "data.json"
    data = json.loads(versions.read_text())["data"] if versions.exists() else {}
    write("model.json", {"version": 1, "path": "model.joblib", "format": "sklearn", "data": data})
    write("until.json", pc.max(pc.cast(test["event_time"], "int64")).as_py())
    frauds = int(pc.sum(train["is_fraud"]).as_py())
    print(f"trained on {len(train):,} payments with {frauds:,} frauds")  # noqa: T201


if __name__ == "__main__":
    main()
