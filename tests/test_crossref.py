"""Cross-references: a dangling reference is found, whichever kind of reference it is."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest

import mlspec
from mlspec.compiler.because import fixed
from mlspec.compiler.emit.artifact import Artifact
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.link.crossref import unresolved
from mlspec.targets.registry import BACKENDS

from .support import ROOT

Body = dict[str, Any]


@cache
def bundle() -> dict[str, Body]:
    """The objects of a system with a shadow, a canary and training, by their files."""
    result = mlspec.compile(ROOT / "examples/fraud-scorer/mlspec.yaml", environments=["production"])
    [environment] = result._compiled.environments
    return {artifact.path: plain(artifact.body) for artifact in environment.bundle.artifacts}


def found(bodies: dict[str, Body]) -> list[str]:
    artifacts = tuple(Artifact(path=path, body=body, why=fixed("", "a test")) for path, body in bodies.items())
    return [diagnostic.message for diagnostic in unresolved(artifacts, BACKENDS.kinds)]


def at(body: Any, path: str) -> tuple[Any, Any]:
    """The mapping or list that holds a value, and its key; `~1` is a slash in a key, as in a JSON Pointer."""
    *steps, last = [int(step) if step.isdecimal() else step.replace("~1", "/") for step in path.split("/")]
    for step in steps:
        body = body[step]
    return body, last


def test_what_is_emitted_resolves() -> None:
    assert found(bundle()) == []


ROLLOUT, POD = "serving/rollout.yaml", "spec/template/spec"


@pytest.mark.parametrize(
    ("file", "path", "value", "message"),
    [
        ("serving/service.yaml", "spec/selector", {"app": "no"}, "Service `fraud-scorer` selects no pods"),
        ("serving/service.yaml", "spec/ports/0/targetPort", "gone", "Service `fraud-scorer` forwards to port `gone`"),
        ("serving/service-canary.yaml", "spec/ports/0/targetPort", "gone", "forwards to port `gone`"),
        (
            "serving/service-shadow.yaml",
            "spec/selector",
            {"app": "no"},
            "`fraud-scorer-shadow` selects no pods",
        ),
        (ROLLOUT, "spec/selector/matchLabels", {"app": "no"}, "has a selector that does not match its own pods"),
        (ROLLOUT, f"{POD}/serviceAccountName", "missing", "runs as a ServiceAccount `missing` that does not exist"),
        (ROLLOUT, f"{POD}/containers/0/volumeMounts/0/name", "gone", "mounts a volume `gone` that does not exist"),
        (ROLLOUT, f"{POD}/containers/0/volumeMounts/1/subPath", "no.txt", "which has no such key"),
        (ROLLOUT, f"{POD}/volumes/1/configMap/name", "gone", "mounts a ConfigMap `gone` that does not exist"),
        (ROLLOUT, "spec/strategy/canary/stableService", "gone", "refers to a Service `gone` that does not exist"),
        (ROLLOUT, "spec/strategy/canary/canaryService", "gone", "refers to a Service `gone` that does not exist"),
        (
            ROLLOUT,
            "spec/strategy/canary/trafficRouting/plugins/argoproj-labs~1gatewayAPI/httpRoute",
            "gone",
            "shifts traffic on the HTTPRoute `gone`, which does not exist",
        ),
        (
            ROLLOUT,
            "spec/strategy/canary/steps/2/analysis/templates/0/templateName",
            "gone",
            "refers to an AnalysisTemplate `gone` that does not exist",
        ),
        (
            ROLLOUT,
            "spec/strategy/canary/steps/4/analysis/args",
            [],
            "passes the arguments [] to `fraud-scorer-step-2`",
        ),
        (
            "rollout/httproute.yaml",
            "spec/rules/0/backendRefs/1/name",
            "gone",
            "routes to a Service `gone` that does not exist",
        ),
        ("rollout/httproute.yaml", "spec/rules/0/backendRefs/0/port", 1, "routes to port 1 of `fraud-scorer`"),
        (
            "rollout/httproute.yaml",
            "spec/rules/0/filters/0/requestMirror/backendRef/name",
            "gone",
            "routes to a Service `gone` that does not exist",
        ),
        ("autoscaling/scaledobject.yaml", "spec/scaleTargetRef/kind", "Deployment", "scales a Deployment"),
        ("monitoring/podmonitor.yaml", "spec/selector/matchLabels", {"app": "no"}, "selects no pods"),
        ("monitoring/podmonitor.yaml", "spec/podMetricsEndpoints/0/port", "gone", "scrapes port `gone`"),
        ("serving/networkpolicy.yaml", "spec/podSelector/matchLabels", {"app": "no"}, "selects no pods"),
        ("serving/poddisruptionbudget.yaml", "spec/selector/matchLabels", {"app": "no"}, "selects no pods"),
        (
            "retraining/cronjob-retrain.yaml",
            "spec/jobTemplate/spec/template/spec/volumes/0/configMap/name",
            "gone",
            "mounts a ConfigMap `gone` that does not exist",
        ),
    ],
)
def test_a_dangling_reference_is_found(file: str, path: str, value: object, message: str) -> None:
    bodies = copy.deepcopy(bundle())
    holder, last = at(bodies[file], path)
    holder[last] = value
    assert bodies != bundle()
    assert [line for line in found(bodies) if message in line]


def test_a_service_without_a_selector_that_no_controller_points_to_pods_is_found() -> None:
    """The Rollout points both Services to its pods, so only the one that it forgets selects none."""
    bodies = copy.deepcopy(bundle())
    assert all("selector" not in bodies[f"serving/{name}.yaml"]["spec"] for name in ("service", "service-canary"))
    bodies[ROLLOUT]["spec"]["strategy"]["canary"]["stableService"] = "fraud-scorer-canary"
    assert found(bodies) == ["Service `fraud-scorer` selects no pods"]


@pytest.mark.parametrize("role", ["stable", "canary"])
def test_a_budget_for_a_role_that_the_controller_does_not_set_is_found(role: str) -> None:
    """The label is in no pod template: the controller sets it on running pods, as the Rollout says."""
    bodies = copy.deepcopy(bundle())
    del bodies[ROLLOUT]["spec"]["strategy"]["canary"][f"{role}Metadata"]
    name = "fraud-scorer" if role == "stable" else "fraud-scorer-canary"
    assert found(bodies) == [f"PodDisruptionBudget `{name}` selects no pods"]


def test_an_object_without_a_required_part_is_a_finding() -> None:
    bodies = copy.deepcopy(bundle())
    del bodies["rollout/httproute.yaml"]["spec"]
    assert "HTTPRoute `fraud-scorer` lacks a part that its kind requires" in found(bodies)


@pytest.mark.parametrize("file", ["serving/service-canary.yaml", "serving/serviceaccount-fraud-models.yaml"])
def test_a_missing_object_is_found(file: str) -> None:
    bodies = {path: body for path, body in bundle().items() if path != file}
    assert found(bodies)
