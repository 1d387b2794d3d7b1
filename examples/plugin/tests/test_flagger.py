"""The provider, compiled with a platform file that enables and declares it."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlspec

SYSTEM = Path(__file__).parent.parent / "system" / "mlspec.yaml"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SYSTEM.parents[1])


def test_flagger_moves_the_traffic_of_a_deployment() -> None:
    result = mlspec.compile(SYSTEM, platform=SYSTEM.with_name("flagger.platform.yaml"))
    assert result.diagnostics == ()
    files = result.bundles["default"].files
    assert "kind: Deployment" in files["serving/deployment.yaml"]
    assert "stepWeights:\n    - 5\n    - 25\n" in files["rollout/canary.yaml"]
    assert "- rollout/canary.yaml\n" in files["kustomization.yaml"]


def test_every_number_has_its_reason() -> None:
    result = mlspec.compile(SYSTEM, platform=SYSTEM.with_name("flagger.platform.yaml"))
    (why,) = mlspec.explain(result, "Canary/digit-reader:spec.analysis.interval").values()
    assert "constraints.availability" in [part.path for part in parts(why)]


def parts(reason: mlspec.Reason) -> list[mlspec.Reason]:
    return [reason, *(one for part in reason.parts for one in parts(part))]
