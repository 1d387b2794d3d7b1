"""Segments of an evaluation: which columns divide the rows into groups, and which do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

GATE = """
data: {columns: [{name: part, %s}]}
evaluation: {primary: recall, gates: [{metric: recall, segment: part, min: 0.6, minSamples: 400}]}
"""
SEGMENT = "data: {columns: [{name: part, %s}]}\nevaluation: {primary: recall, segments: [part]}\n"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("dtype: string, entity: card", True),
        ("dtype: int64, unique: true", True),
        ("dtype: timestamp", True),
        ("dtype: float64", True),
        ("dtype: string, entity: store, values: {max: 40}", False),
        ("dtype: float32, values: {max: 5}", False),
        ("dtype: string", False),
        ("dtype: category", False),
        ("dtype: date", False),
        ("dtype: bool", False),
    ],
)
def test_trap_a_gate_on_each_value_of_an_identifier_passes_no_model(
    column: str, expected: bool, tmp_path: Path
) -> None:
    """Too few rows are not a pass."""
    assert bool(findings(tmp_path / "gate", "MLS113", GATE % column)) is expected
    assert bool(findings(tmp_path / "segment", "MLS113", SEGMENT % column)) is expected


def test_a_system_that_does_not_train_judges_nothing(tmp_path: Path) -> None:
    asked = "training: null\n" + GATE % "dtype: timestamp"
    assert findings(tmp_path, "MLS113", asked) == []
