"""The traps of GitOps tools, tested on the emitted objects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mlspec.api import Result

from .online import RUNTIMES, compiled, emitted, spec
from .validation import load

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
LABEL = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"


def files(result: Result) -> dict[str, Any]:
    texts = {path: text for bundle in result.bundles.values() for path, text in bundle.files.items()}
    return {path: load(text) for path, text in texts.items() if path.endswith(".yaml")}


def kustomization(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = files(compiled(tmp_path, spec(**changes)))["kustomization.yaml"]
    return found


@EACH
def test_unknown_and_deprecated_fields_of_kustomize_are_errors(runtime: str, tmp_path: Path) -> None:
    """`commonLabels` would rewrite selectors, and the selector of a Rollout is immutable."""
    found = files(compiled(tmp_path, spec(runtime)))["kustomization.yaml"]
    assert found["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    assert found["kind"] == "Kustomization"
    assert set(found) == {"apiVersion", "kind", "resources"}


@EACH
def test_every_object_is_applied_once_and_nothing_else(runtime: str, tmp_path: Path) -> None:
    """Except for the kustomization itself and the rules for `promtool`, which are not objects."""
    made = files(compiled(tmp_path, spec(runtime)))
    listed = made["kustomization.yaml"]["resources"]
    assert sorted(listed) == sorted(p for p, body in made.items() if "kind" in body and p != "kustomization.yaml")
    assert len(set(listed)) == len(listed)
    assert "monitoring/rules.yaml" in made
    identities = [(made[p]["kind"], made[p]["metadata"]["name"]) for p in listed]
    assert len(set(identities)) == len(identities), "kustomize rejects two objects with the same name"


def test_flux_replaces_variables_that_are_part_of_a_script(tmp_path: Path) -> None:
    given = kustomization(tmp_path, platform__gitops__tool="flux")
    assert given["commonAnnotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert "commonAnnotations" not in kustomization(tmp_path, platform__gitops__tool="argocd")


@pytest.mark.parametrize("tool", ["kustomize", "argocd", "flux"])
def test_a_sync_during_a_canary_would_remove_the_hash_from_a_selector_in_the_manifest(
    tool: str, tmp_path: Path
) -> None:
    """A selector is an atomic map, so a server-side apply replaces all of it: both Services would get both versions."""
    of = emitted(tmp_path, **({} if tool == "kustomize" else {"platform__gitops__tool": tool}))
    assert len(of.all("Service")) == 2
    for service in of.all("Service"):
        assert "selector" not in service["spec"]
        assert "annotations" not in service["metadata"], "no tool needs an exception"


@pytest.mark.parametrize("tool", ["kustomize", "argocd", "flux"])
def test_a_canary_blocks_the_waves_after_it_so_there_are_none(tool: str, tmp_path: Path) -> None:
    changes = {} if tool == "kustomize" else {"platform__gitops__tool": tool}
    for body in emitted(tmp_path, **changes).bodies:
        given = body["metadata"].get("annotations", {})
        assert not [key for key in given if key.startswith("argocd.argoproj.io/") and key.endswith("sync-wave")]


@EACH
def test_weights_are_committed_so_that_a_sync_during_a_canary_does_not_split_traffic_in_half(
    runtime: str, tmp_path: Path
) -> None:
    for route in emitted(tmp_path, runtime).all("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            assert [backend["weight"] for backend in rule["backendRefs"]] == [100, 0]


@EACH
def test_quantities_are_canonical_or_the_tool_sees_a_difference_forever(runtime: str, tmp_path: Path) -> None:
    """An API server writes 1000m as 1, and 1024Mi as 1Gi."""
    of = emitted(tmp_path, runtime, serving__resources__cpu=2, serving__resources__memory="4096Mi")
    for container in (*of.pod["containers"], *of.pod.get("initContainers", [])):
        for given in container["resources"].values():
            for quantity in map(str, given.values()):
                number, unit = re.fullmatch(r"([0-9]+)(m|Ki|Mi|Gi|Ti)?", quantity).groups()  # type: ignore[union-attr]
                assert unit != "m" or int(number) % 1000
                assert unit not in ("Ki", "Mi", "Gi") or int(number) % 1024


@EACH
def test_labels_are_valid_for_an_api_server(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, release__version="2026.11/" + "x" * 80 + "-")
    for body in of.bodies:
        for key, value in body["metadata"]["labels"].items():
            assert re.fullmatch(LABEL, value), (body["kind"], key, value)
        assert body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "mlspec"
        assert body["metadata"]["namespace"] == "default"


@EACH
def test_the_same_spec_gives_the_same_bytes(runtime: str, tmp_path: Path) -> None:
    first, second = (
        [list(bundle.files.items()) for bundle in compiled(tmp_path, spec(runtime)).bundles.values()] for _ in range(2)
    )
    assert first == second
