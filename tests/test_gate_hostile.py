"""A model passes only if the numbers say so, whatever happens to the files that the gate reads.

By default, a few hundred mutations run; `MLSPEC_EXAMPLES=10000 python -m pytest tests/test_gate_hostile.py` runs more.
"""

from __future__ import annotations

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.verdict import judge

from .gates import CONFIG, METRICS, mutated_config, mutated_metrics, possible

COUNT = int(os.environ.get("MLSPEC_EXAMPLES", "400"))


def test_the_files_pass_unless_they_are_changed() -> None:
    assert judge(CONFIG, METRICS).passed
    assert possible(METRICS)


@settings(max_examples=COUNT, deadline=None, database=None, derandomize=COUNT == 400)
@given(st.integers(0, 2**48))
def test_no_mutation_of_the_metrics_passes_without_the_numbers(seed: int) -> None:
    metrics = mutated_metrics(random.Random(seed))
    try:
        verdict = judge(CONFIG, metrics)
    except Unreadable:
        return
    assert not verdict.passed or possible(metrics)


@settings(max_examples=COUNT, deadline=None, database=None, derandomize=COUNT == 400)
@given(st.integers(0, 2**48))
def test_no_mutation_of_the_configuration_crashes_the_gate(seed: int) -> None:
    changed = mutated_config(random.Random(seed))
    try:
        verdict = judge(changed, METRICS)
    except Unreadable:
        return
    gates = changed["evaluation"].get("gates", [])
    assert verdict.passed is (bool(gates) and all(reason.verdict == "pass" for reason in verdict.reasons))
    assert len(verdict.reasons) == len(gates)
