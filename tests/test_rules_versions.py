"""The rules on pinned sources: which ones stay behind, and when that matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

PINNED = "ingestion: batch, version: {kind: lakefs, id: 8f1a22c}"
LATEST = "ingestion: batch, version: {kind: lakefs, id: latest}"
RUN = "ingestion: batch, version: {kind: as-of-run}"
SPEC = """
data:
  sources:
    - {name: payments, owner: payments-core, %(rows)s}
    - {name: chargebacks, owner: disputes, %(labels)s}
  columns:
    - {name: amount, dtype: float64, min: 0, from: payments}
    - {name: is_fraud, dtype: bool, from: chargebacks, available: after-outcome}
  labels: {column: is_fraud, source: chargebacks, unlabeled: %(unlabeled)s}
retraining: {%(starts)s}
"""
SCHEDULE, TRIGGER, NOTHING = 'schedule: "0 3 * * 1"', "triggers: [data-drift]", "maxModelAge: 45d"


@pytest.mark.parametrize(
    ("rows", "labels", "unlabeled", "starts", "wanted"),
    [
        (RUN, PINNED, "negative", SCHEDULE, "MLS129"),
        (RUN, PINNED, "negative", TRIGGER, "MLS129"),
        ("ingestion: streaming", PINNED, "negative", SCHEDULE, "MLS129"),
        ("ingestion: batch", PINNED, "negative", SCHEDULE, "MLS129"),
        (LATEST, PINNED, "negative", SCHEDULE, "MLS129"),
        (RUN, PINNED, "dropped", SCHEDULE, "MLS128"),
        (PINNED, PINNED, "negative", SCHEDULE, "MLS127"),
        ("ingestion: request", PINNED, "negative", SCHEDULE, "MLS127"),
        (RUN, PINNED, "negative", NOTHING, None),  # a person starts it, and pins both or neither
        (PINNED, PINNED, "negative", TRIGGER, None),  # drift starts it, and what it finds is in no pinned version
        (RUN, RUN, "negative", SCHEDULE, None),
        (RUN, LATEST, "negative", SCHEDULE, None),  # MLS109
        (PINNED, RUN, "negative", SCHEDULE, None),  # labels that find no row make nothing wrong
    ],
)
def test_pinned_labels(rows: str, labels: str, unlabeled: str, starts: str, wanted: str | None, tmp_path: Path) -> None:
    fragment = SPEC % {"rows": rows, "labels": labels, "unlabeled": unlabeled, "starts": starts}
    ids = ("MLS127", "MLS128", "MLS129")
    assert [id_ for id_ in ids if findings(tmp_path / id_, id_, fragment)] == ([wanted] if wanted else [])


JOINED = """
data:
  sources:
    - {name: impressions, owner: feed, %s}
    - {name: items, owner: catalog, version: {kind: as-of-run}, ingestion: batch}
    - {name: clicks, owner: feed, %s}
  columns:
    - {name: at, dtype: timestamp, from: impressions}
    - {name: price, dtype: float64, min: 0, from: items}
    - {name: clicked, dtype: bool, from: %s, available: after-outcome}
    - {name: clicked_at, dtype: timestamp, from: %s, available: after-outcome}
  labels: {column: clicked, source: %s, unlabeled: negative}
  split: {strategy: %s}
retraining: {schedule: "0 3 * * 1"}
"""
BY_TIME, AT_RANDOM = "temporal, column: at", "random"


@pytest.mark.parametrize(
    ("rows", "clicks", "source", "split", "wanted"),
    [
        (PINNED, PINNED, "impressions", BY_TIME, []),
        (PINNED, PINNED, "impressions", AT_RANDOM, []),
        (PINNED, PINNED, "clicks", BY_TIME, []),
        (RUN, PINNED, "clicks", BY_TIME, ["impressions"]),
        (RUN, PINNED, "clicks", AT_RANDOM, ["impressions"]),
    ],
)
def test_trap_a_source_that_is_joined_adds_no_rows(
    rows: str, clicks: str, source: str, split: str, wanted: list[str], tmp_path: Path
) -> None:
    """New prices make no new row, so none becomes a negative."""
    found = findings(tmp_path, "MLS129", JOINED % (rows, clicks, source, source, source, split))
    assert [one.message.split("`")[3] for one in found] == wanted


@pytest.mark.parametrize(("starts", "first"), [(SCHEDULE, "kind: as-of-run"), (NOTHING, "kind: ..., id: ...")])
def test_unattended_runs_are_not_told_to_pin_their_data(starts: str, first: str, tmp_path: Path) -> None:
    fragment = SPEC % {"rows": "ingestion: batch", "labels": RUN, "unlabeled": "dropped", "starts": starts}
    (found,) = findings(tmp_path, "MLS109", fragment)
    assert found.help.startswith(f"add `version: {{{first}}}`")


@pytest.mark.parametrize(("id_", "expected"), [("main", True), ("HEAD", True), ("latest", True), ("maintained", False)])
def test_trap_a_branch_is_no_version(id_: str, expected: bool, tmp_path: Path) -> None:
    """The rows of a run at a branch are other rows tomorrow, and it counted as pinned."""
    source = f"{{name: payments, owner: payments-core, ingestion: batch, version: {{kind: lakefs, id: {id_}}}}}"
    assert bool(findings(tmp_path, "MLS109", f"data: {{sources: [{source}]}}")) is expected
