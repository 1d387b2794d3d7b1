"""A model passes only if the numbers say so, whatever happens to the files that the gate reads.

By default, a few hundred mutations run; `MLSPEC_EXAMPLES=10000 python -m pytest tests/test_gate_hostile.py` runs more.
"""

from __future__ import annotations

import copy
import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.verdict import judge

from .gates import config, measured

COUNT = int(os.environ.get("MLSPEC_EXAMPLES", "400"))

CONFIG = config(
    {"metric": "recall", "min": 0.6, "minSamples": 400},
    {"metric": "recall", "versus": "champion", "margin": -0.01},
    {"metric": "rmse", "max": 18},
    {"metric": "recall", "segment": "country", "min": 0.5},
    minSamples=1000,
)
METRICS = measured(
    segments={"country": {"DE": {"recall": {"value": 0.75, "samples": 1500, "events": 600}}}},
    rivals={"champion": {"recall": {"value": 0.7}}},
    recall={"value": 0.72, "samples": 3000, "events": 900, "low": 0.7, "high": 0.74},
    rmse={"value": 17.5, "samples": 3000},
)
WORDS: tuple[Any, ...] = (
    *(None, True, False, "", "0.7", [], {}, [0.7], {"value": 0.7}, -1, 0, 1, 2, 0.5, 1.0, 1.5, 7.2, 72, 94.1, -0.1),
    *(1e299, 1e301, 10**400, float("nan"), float("inf"), -float("inf"), 5e-324, 2**63, 1.0000001, "\ud800"),
)


def places(thing: Any) -> list[tuple[Any, Any]]:
    """Every place of a document: the mapping or list, and the key or index in it."""
    inside = (
        list(thing.items()) if isinstance(thing, dict) else list(enumerate(thing)) if isinstance(thing, list) else []
    )
    return [(thing, key) for key, _ in inside] + [place for _, child in inside for place in places(child)]


def mutated(chance: random.Random, document: Any) -> Any:
    made = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        among = places(made)
        if not among:
            break
        holder, key = chance.choice(among)
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[chance.choice(("value", "samples", "events", "low", "high", "confidence", "x"))] = holder.pop(
                    key
                )
            case _:
                holder[key] = copy.deepcopy(chance.choice(WORDS))
    return made


def possible(metrics: Any) -> bool:
    """Whether the whole test set's numbers can be measurements that meet the bounds of `CONFIG`."""
    recall, rmse = metrics["metrics"]["recall"], metrics["metrics"]["rmse"]
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
    )


def test_the_files_pass_unless_they_are_changed() -> None:
    assert judge(CONFIG, METRICS).passed
    assert possible(METRICS)


@settings(max_examples=COUNT, deadline=None, database=None, derandomize=COUNT == 400)
@given(st.integers(0, 2**48))
def test_no_mutation_of_the_metrics_passes_without_the_numbers(seed: int) -> None:
    metrics = mutated(random.Random(seed), METRICS)
    try:
        verdict = judge(CONFIG, metrics)
    except Unreadable:
        return
    assert not verdict.passed or possible(metrics)


@settings(max_examples=COUNT, deadline=None, database=None, derandomize=COUNT == 400)
@given(st.integers(0, 2**48))
def test_no_mutation_of_the_configuration_crashes_the_gate(seed: int) -> None:
    chance = random.Random(seed)
    changed = mutated(chance, CONFIG)
    try:
        verdict = judge(changed, METRICS)
    except Unreadable:
        return
    gates = changed["evaluation"].get("gates", [])
    assert verdict.passed is (bool(gates) and all(reason.verdict == "pass" for reason in verdict.reasons))
    assert len(verdict.reasons) == len(gates)
