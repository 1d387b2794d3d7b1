"""What tests of the gate share: a training configuration with some gates, and the output of an evaluation."""

from __future__ import annotations

import random
from typing import Any

from .hostile import mutated

SHARE = {"direction": "maximize", "unit": "ratio", "min": 0.0, "max": 1.0}
ERROR = {"direction": "minimize", "unit": "number", "min": 0.0}
RIVALS = {"champion": {"recall": 0.70, "rmse": 20.0}, "naive": {"recall": 0.5}}


def config(*gates: dict[str, Any], **evaluation: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "evaluation": {"primary": "recall", **evaluation, "gates": list(gates)},
        "metrics": {"recall": SHARE, "rmse": ERROR},
        "rivals": RIVALS,
    }


def measured(segments: dict[str, Any] | None = None, rivals: dict[str, Any] | None = None, **metrics: Any) -> Any:
    more = {"segments": segments, "rivals": rivals}
    return {"version": 1, "metrics": metrics, **{key: value for key, value in more.items() if value is not None}}


# What happens to both

CONFIG = config(
    {"metric": "recall", "min": 0.6, "minSamples": 400},
    {"metric": "recall", "versus": "champion", "margin": -0.01},
    {"metric": "rmse", "max": 18},
    {"metric": "recall", "segment": "country", "min": 0.5},
    {"metric": "recall", "segment": "gender", "maxGap": 0.2, "minSamples": 100},
    minSamples=1000,
)
METRICS = measured(
    segments={
        "country": {"DE": {"recall": {"value": 0.75, "samples": 1500, "events": 600}}},
        "gender": {
            "f": {"recall": {"value": 0.75, "samples": 1500, "events": 500}},
            "m": {"recall": {"value": 0.7, "samples": 1500, "events": 400}},
        },
    },
    rivals={"champion": {"recall": {"value": 0.7}}},
    recall={"value": 0.72, "samples": 3000, "events": 900, "low": 0.7, "high": 0.74},
    rmse={"value": 17.5, "samples": 3000},
)
WORDS: tuple[Any, ...] = (
    *(None, True, False, "", "0.7", [], {}, [0.7], {"value": 0.7}, -1, 0, 1, 2, 0.5, 1.0, 1.5, 7.2, 72, 94.1, -0.1),
    *(1e299, 1e301, 10**400, float("nan"), float("inf"), -float("inf"), 5e-324, 2**63, 1.0000001, "\ud800"),
)
NAMES = ("value", "samples", "events", "low", "high", "confidence", "x")
"""What a key is renamed to."""


def mutated_metrics(chance: random.Random) -> Any:
    return mutated(chance, METRICS, WORDS, NAMES)


def mutated_config(chance: random.Random) -> Any:
    return mutated(chance, CONFIG, WORDS, NAMES)


def possible(metrics: Any) -> bool:
    """Whether the whole test set's numbers can be measurements that meet the bounds of `CONFIG`."""
    recall, rmse = metrics["metrics"]["recall"], metrics["metrics"]["rmse"]
    groups = [one["recall"] for one in metrics["segments"]["gender"].values()]
    numbers = (recall["value"], recall["samples"], recall.get("events", recall["samples"]), rmse["value"])
    return (
        type(metrics["version"]) is int
        and all(type(one) in (int, float) for one in numbers)
        and 0.6 <= recall["value"] <= 1
        and 0 <= rmse["value"] <= 18
        and recall.get("events", 0) <= recall["samples"]
        and recall.get("events", recall["samples"]) >= 400
        and recall["samples"] >= 400
        and rmse["samples"] >= 1000
        and all(0 < one["recall"]["value"] <= 1 for one in metrics["segments"]["country"].values())
        and len(groups) > 1
        and all(0 <= one["value"] <= 1 and one.get("events", one.get("samples", 0)) >= 100 for one in groups)
        and max(one["value"] for one in groups) - min(one["value"] for one in groups) <= 0.2
    )
