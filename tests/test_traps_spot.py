"""Spot nodes are reclaimed at short notice, whatever the annotations of a pod say."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

SPOT = "platform: {{cloud: eks}}\ntraining: {{fit: {fit}, scheduling: {{spot: {spot}}}{more}}}\n"
NODES = ", resources: {cpu: 4, memory: 8Gi}, distributed: {strategy: data-parallel, nodes: 4}"
PLATFORM = "platform: {{cloud: eks, scheduling: {{spot: true}}}}\n{}"
ONLINE = "platform: {{cloud: eks}}\nconstraints: {{availability: {}}}\nserving: {{scheduling: {{spot: {}}}}}\n"


def lost(tmp_path: Path, fit: str, *, spot: bool = True, more: str = "") -> bool:
    return bool(findings(tmp_path, "MLS441", SPOT.format(fit=fit, spot=str(spot).lower(), more=more)))


@pytest.mark.parametrize(("fit", "expected"), [("40m", False), ("11h", False), ("12h", True), ("40h", True)])
def test_a_long_run_loses_its_work_with_a_reclaimed_node(tmp_path: Path, fit: str, expected: bool) -> None:
    assert lost(tmp_path, fit) is expected
    assert not lost(tmp_path, fit, spot=False)


def test_a_run_on_several_nodes_loses_its_work_with_any_of_them(tmp_path: Path) -> None:
    assert not lost(tmp_path, "2h", more=NODES)
    assert lost(tmp_path, "4h", more=NODES)


def test_a_search_in_the_run_is_lost_as_well(tmp_path: Path) -> None:
    search = ", tuning: {when: every-run, algorithm: tpe, trials: 40, parameters: {depth: {type: int, min: 2, max: 9}}}"
    assert not lost(tmp_path, "30m")
    assert lost(tmp_path, "30m", more=search)


def test_a_run_that_resumes_from_its_checkpoints_loses_little(tmp_path: Path) -> None:
    assert lost(tmp_path, "40h")
    assert not lost(tmp_path, "40h", more=", checkpoints: {to: s3://models/checkpoints}")


@pytest.mark.parametrize(("target", "expected"), [("99%", False), ("99.9%", True), ("99.99%", True)])
def test_a_promise_of_few_failures_is_not_kept_on_spot_nodes_alone(tmp_path: Path, target: str, expected: bool) -> None:
    assert bool(findings(tmp_path, "MLS442", ONLINE.format(target, "true"))) is expected
    assert findings(tmp_path, "MLS442", ONLINE.format(target, "false")) == []


def test_the_spot_nodes_of_the_platform_count_unless_a_part_leaves_them(tmp_path: Path) -> None:
    everywhere = PLATFORM.format("constraints: {availability: 99.9%}\ntraining: {fit: 40h}\n")
    assert len(findings(tmp_path, "MLS441", everywhere)) == len(findings(tmp_path, "MLS442", everywhere)) == 1
    left = everywhere.replace("40h}", "40h, scheduling: {spot: false}}") + "serving: {scheduling: {spot: false}}\n"
    assert findings(tmp_path, "MLS441", left) == findings(tmp_path, "MLS442", left) == []
