"""The traps of patches: they can break any object, and they must not undo what the platform locks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.api import Result
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.read import read
from mlspec.compiler.tree import Mapping

from .attack.patching import written
from .online import DIGEST, compiled, spec
from .support import EXAMPLES, compile_text, dumped, ids, minimal, objects, run

NAME = "digit-reader"
PLATFORM = """
apiVersion: mlspec/v1
kind: Platform
metadata: {name: example, owner: platform}
platform:
  network: {policies: true}
  gateway: {provider: istio, name: internal, namespace: gateways}
  policies: {locked: [%s]}
"""


def patched(tmp_path: Path, kind: str, patch: object, *locked: str) -> Result:
    one = {"target": {"kind": kind, "name": NAME}, "reason": "a test", "patch": patch}
    return compile_text(tmp_path, minimal(patches=[one]), platform=PLATFORM % ", ".join(locked))


def errors(result: Result) -> list[str]:
    return [found.id for found in result.diagnostics if found.severity == "error"]


# What is not a list of patches


@pytest.mark.parametrize("value", ["", "{}", "x", "5", "~"])
@pytest.mark.parametrize("command", ["lint", "compile", "check", "plan"])
def test_trap_patches_that_are_no_list_crash(value: str, command: str, tmp_path: Path) -> None:
    compile_text(tmp_path, f"{minimal()}\npatches: {value}\n")
    ran = run(command, tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert "MLS0" in ran.err


# What does not fit


MISFITS = [
    ("Rollout", {"spec": {"x": [[1]]}}, "writes a list as an item of `spec.x`"),
    ("Rollout", {"spec": {"x": [None]}}, "writes null as an item of `spec.x`"),
    ("Rollout", {"spec": 5}, "sets `spec` to `5`, but it is a mapping"),
    ("Rollout", {"spec": [1]}, "sets `spec` to a list, but it is a mapping"),
    (
        "Rollout",
        {"spec": {"revisionHistoryLimit": {"a": 1}}},
        "sets `spec.revisionHistoryLimit` to a mapping, but it is a value",
    ),
    ("Rollout", {"spec": {"template": {"spec": {"containers": {}}}}}, "to a mapping, but it is a list"),
    ("Rollout", {"spec": {"template": {"spec": {"containers": [5]}}}}, "to `5`, but it is a mapping"),
    ("Rollout", {"spec": {"template": {"spec": {"containers": [{"ports": 5}]}}}}, "to `5`, but it is a list"),
    (
        "Rollout",
        {"spec": {"template": {"spec": {"automountServiceAccountToken": "no"}}}},
        "but it is `true` or `false`",
    ),
    ("Rollout", {"metadata": 5}, "sets `metadata` to `5`, but it is a mapping"),
    ("Rollout", {"metadata": None}, "removes `metadata`"),
    ("Rollout", {"metadata": {"name": None}}, "removes `metadata.name`"),
    ("Rollout", {"metadata": {"name": "other"}}, "changes `metadata.name`"),
    ("Rollout", {"metadata": {"annotations": {"example.com/x": True}}}, "but its values are strings"),
    ("PodMonitor", {"metadata": {"name": {"a": 1}}}, "changes `metadata.name`"),
    ("Service", {"kind": None}, "removes `kind`"),
    ("Service", {"kind": ["a"]}, "changes `kind`"),
    ("Service", {"kind": "x"}, "changes `kind`"),
    ("Service", {"apiVersion": None}, "removes `apiVersion`"),
    ("Service", {"apiVersion": {}}, "sets `apiVersion` to a mapping, but it is a value"),
]


@pytest.mark.parametrize(("kind", "patch", "said"), MISFITS)
def test_trap_a_patch_that_does_not_fit_crashes_or_writes_what_no_api_server_accepts(
    kind: str, patch: dict[str, Any], said: str, tmp_path: Path
) -> None:
    result = patched(tmp_path, kind, patch)
    [found] = [one for one in result.diagnostics if one.severity == "error"]
    assert found.id == "MLS038"
    assert said in found.message
    assert found.span.file.name.endswith("mlspec.yaml")
    assert "patches" not in found.span.file.lines[found.span.line]


def test_a_second_patch_after_a_misfit_is_still_checked(tmp_path: Path) -> None:
    target = {"kind": "Rollout", "name": NAME}
    patches = [
        {"target": target, "reason": "one", "patch": {"metadata": "x"}},
        {"target": target, "reason": "two", "patch": {"metadata": {"annotations": {"example.com/a": "b"}}}},
    ]
    assert errors(compile_text(tmp_path, minimal(patches=patches))) == ["MLS038"]


def test_a_patch_that_fits_is_applied(tmp_path: Path) -> None:
    patch = {
        "metadata": {"annotations": {"example.com/team": "7"}},
        "spec": {"revisionHistoryLimit": None, "template": {"spec": {"tolerations": [{"key": "gpu"}]}}},
    }
    [rollout] = objects(patched(tmp_path, "Rollout", patch), "Rollout")
    body: Any = rollout
    assert body["metadata"]["annotations"]["example.com/team"] == "7"
    assert "revisionHistoryLimit" not in body["spec"]
    assert body["spec"]["template"]["spec"]["tolerations"] == [{"key": "gpu"}]


@pytest.mark.parametrize("kind", ["Rollout", "Service", "HTTPRoute", "NetworkPolicy", "PodDisruptionBudget"])
def test_trap_a_patch_removes_the_whole_spec(kind: str, tmp_path: Path) -> None:
    result = patched(tmp_path, kind, {"spec": None})
    assert {found.id for found in result.diagnostics if found.severity == "error"} == {"MLS034"}


# Every place


EXAMPLES_BY_NAME = {path.name: path for path in EXAMPLES}

ADDED = ("template", "jobTemplate", "selector", "hostnames", "parentRefs", "rules", "volumes", "x")
"""Keys that some kind has, and that others get."""

VALUES: tuple[object, ...] = (5, "x", True, None, {}, [], [1], [[1]], [None], {"a": 1}, [{"a": {"b": []}}])


@pytest.mark.exhaustive
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_no_patch_crashes(value: object) -> None:
    """At every path of every object, the patch gets a finding at its place, or the object can be written."""
    environment, places = _places(EXAMPLES_BY_NAME["minimal"])
    for kind, name, path in places[VALUES.index(value) % 3 :: 3]:
        written(environment, kind, name, _document(path, value))


@pytest.mark.exhaustive
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_no_patch_of_any_object_crashes(example: Path) -> None:
    """The same for the objects of all examples, with one value for each place."""
    environment, places = _places(example)
    for index, (kind, name, path) in enumerate(places[:: max(1, len(places) // 100)]):
        written(environment, kind, name, _document(path, VALUES[index % len(VALUES)]))


def _places(example: Path) -> tuple[Environment, list[tuple[str, str, tuple[str, ...]]]]:
    environment = mlspec.compile(example / "mlspec.yaml")._compiled.environments[-1]
    bodies = [plain(artifact.object) for artifact in environment.emitted.artifacts if artifact.object is not None]
    places = [
        (body["kind"], body["metadata"]["name"], path)
        for body in bodies
        if "name" in body.get("metadata", {})
        for path in (*_paths(body), *((*path, key) for path in ((), ("spec",)) for key in ADDED))
    ]
    assert len(places) > 200
    return environment, places


def _paths(body: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths that a patch can reach: those through mappings."""
    for key, child in body.items() if isinstance(body, dict) else ():
        yield (*path, key)
        yield from _paths(child, (*path, key))


def _document(path: tuple[str, ...], value: object) -> Mapping:
    """The patch that sets one value."""
    patch: Any = value
    for step in reversed(path):
        patch = {step: patch}
    tree, wrong = read(SourceFile("mlspec.yaml", dumped(patch)))
    assert tree is not None
    assert wrong == []
    return tree


# Locks


OPEN: dict[str, Any] = {"spec": {"ingress": [{}], "egress": [{}]}}


def test_trap_a_patch_opens_a_network_policy_that_the_platform_locks(tmp_path: Path) -> None:
    assert errors(patched(tmp_path, "NetworkPolicy", OPEN)) == []
    result = patched(tmp_path, "NetworkPolicy", OPEN, "platform.network.policies")
    assert errors(result) == ["MLS014"]
    [found] = [one for one in result.diagnostics if one.id == "MLS014"]
    assert found.span.file.lines[found.span.line].strip() == "- {}"


@pytest.mark.parametrize("patch", [{"spec": None}, {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}])
def test_trap_a_patch_removes_what_a_locked_switch_creates(patch: dict[str, Any], tmp_path: Path) -> None:
    assert "MLS014" in errors(patched(tmp_path, "NetworkPolicy", patch, "platform.network"))


def test_trap_a_lock_of_a_default_is_evaded_by_a_patch(tmp_path: Path) -> None:
    """The platform locks a field that it does not set, so that its default holds in every system."""
    patch = {"spec": {"podMetricsEndpoints": [{"port": "metrics", "interval": "5m"}]}}
    kind = "PodMonitor"
    assert "MLS014" not in ids(patched(tmp_path, kind, patch))
    assert "MLS014" in ids(patched(tmp_path, kind, patch, "platform.prometheus.scrapeInterval"))


def test_trap_a_patch_changes_a_value_that_follows_from_a_locked_one(tmp_path: Path) -> None:
    patch = {"spec": {"parentRefs": [{"name": "external", "namespace": "gateways"}]}}
    assert "MLS014" in ids(patched(tmp_path, "HTTPRoute", patch, "platform.gateway.name"))
    assert "MLS014" not in ids(patched(tmp_path, "HTTPRoute", patch, "platform.gateway.namespace"))


@pytest.mark.parametrize("kind", ["NetworkPolicy", "Rollout", "HTTPRoute"])
def test_a_patch_of_other_parts_is_allowed(kind: str, tmp_path: Path) -> None:
    locked = ("platform.network.policies", "platform.gateway", "platform.rollout.provider")
    patch = {"metadata": {"annotations": {"example.com/team": "vision"}}}
    assert errors(patched(tmp_path, kind, patch, *locked)) == []
    spec = {"spec": {"template": {"spec": {"tolerations": [{"key": "gpu"}]}}}}
    assert kind != "Rollout" or errors(patched(tmp_path, kind, spec, *locked)) == []


# Names of metrics


@pytest.mark.parametrize("name", ["{m0:>2000000000}", "{a}b", '{"a}b"', "{nosuch}", "{m0[0]}", "}", "{"])
def test_trap_the_name_of_a_metric_is_read_as_a_format(name: str, tmp_path: Path) -> None:
    assert "MLS006" in ids(compile_text(tmp_path, minimal(release__metrics={name: 0.5})))


def test_trap_a_patch_that_replaces_a_list_is_blamed_for_all_that_it_breaks(tmp_path: Path) -> None:
    """There were five findings: at the name of the system, at the runtime, and in the catalog."""
    image = f"registry.example.com/side@{DIGEST}"
    pod: dict[str, Any] = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": image}]}}}}
    patch = {"target": {"kind": "Rollout", "name": "fraud"}, "reason": "a sidecar", "patch": pod}
    result = compiled(tmp_path, spec(patches=[patch]))
    [found] = [found for found in result.diagnostics if found.id == "MLS034"]
    assert found.message == "the patch of the Rollout `fraud` breaks 5 references"
    assert "Service `fraud` forwards to port `http`, which its pods do not have" in (found.note or "")
    assert found.span.file.lines[found.span.line][found.span.column :].startswith("containers:")
    assert "write `merge: strategic`" in (found.help or "")
    security = {"runAsNonRoot": True}
    container = {"name": "side", "image": image, "securityContext": security}
    pod["spec"]["template"]["spec"]["containers"] = [container]
    obeyed = compiled(tmp_path, spec(patches=[{**patch, "merge": "strategic"}]))
    assert [found.message for found in obeyed.diagnostics if found.id == "MLS034"] == []


def test_each_broken_reference_belongs_to_the_patch_after_which_it_dangles(tmp_path: Path) -> None:
    volumes = {"spec": {"template": {"spec": {"volumes": [{"name": "extra", "emptyDir": {}}]}}}}
    selector = {"spec": {"selector": {"app": "another"}}}
    patches = [
        {"target": {"kind": kind, "name": "fraud"}, "reason": "a test", "patch": patch}
        for kind, patch in (("Service", selector), ("Rollout", volumes))
    ]
    made = compiled(tmp_path, spec(patches=patches))
    found = [d for d in made.diagnostics if d.id == "MLS034"]
    assert [d.message for d in found] == [
        "Service `fraud` selects no pods",
        "the patch of the Rollout `fraud` breaks 5 references",
    ]
