"""The objects that tell Argo CD and Flux to apply an environment, and what they must leave alone."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import mlspec
from mlspec.api import Result

from .online import compiled, spec
from .support import ROOT, run
from .validation import load, problems

ARGO_CD = {"tool": "argocd", "repository": "https://git.example.com/deploy.git"}
FLUX = {"tool": "flux", "source": "deploy"}
EACH = pytest.mark.parametrize("gitops", [ARGO_CD, FLUX], ids=["argocd", "flux"])


def made(tmp_path: Path, gitops: dict[str, str], **changes: object) -> Result:
    staging = {"serving": {"endpoint": {"hosts": ["fraud.staging.example.com"]}}}
    changes = {"environments": {"staging": {"spec": staging}, "production": {"namespace": "fraud"}}, **changes}
    return compiled(tmp_path, spec(platform__gitops=gitops, **changes))


def deployment(result: Result, environment: str = "production") -> dict[str, Any]:
    found: dict[str, Any] = load(result.bundles["_system"].files[f"gitops/{environment}.yaml"])
    return found


def ignored(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """What a tool leaves alone: the kind, and the pointers into it."""
    if body["kind"] == "Application":
        return [(rule["kind"], rule["jsonPointers"]) for rule in body["spec"].get("ignoreDifferences", [])]
    return [(rule["target"]["kind"], rule["paths"]) for rule in body["spec"].get("ignore", [])]


def at(body: Any, pointer: str) -> Any:
    for key in pointer.strip("/").split("/"):
        body = body[int(key)] if isinstance(body, list) else body[key]
    return body


@EACH
def test_a_tool_would_set_the_weights_of_a_canary_back(tmp_path: Path, gitops: dict[str, str]) -> None:
    """The weights are left alone, and everything else of the route still comes from Git, such as a mirror."""
    result = made(tmp_path, gitops)
    ((kind, pointers),) = ignored(deployment(result))
    route = result.bundles["production"].find(kind, "fraud")
    assert [at(route, pointer) for pointer in pointers] == [100, 0], "all weights, and nothing but weights"


@EACH
def test_a_route_for_grpc_has_weights_too(tmp_path: Path, gitops: dict[str, str]) -> None:
    result = made(tmp_path, gitops, serving__protocol="grpc")
    assert [kind for kind, _ in ignored(deployment(result))] == ["GRPCRoute"]


@EACH
def test_without_a_canary_git_says_everything(tmp_path: Path, gitops: dict[str, str]) -> None:
    result = made(tmp_path, gitops, platform__rollout__provider="none")
    assert ignored(deployment(result)) == []


def test_argo_cd_would_freeze_the_rules_or_reset_them(tmp_path: Path) -> None:
    """`RespectIgnoreDifferences` copies the whole list of rules; without skipping, a sync resets hidden differences."""
    policy = deployment(made(tmp_path, ARGO_CD))["spec"]["syncPolicy"]
    assert policy["syncOptions"] == ["ApplyOutOfSyncOnly=true"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}


def test_where_argo_cd_finds_an_environment(tmp_path: Path) -> None:
    given = {**ARGO_CD, "path": "deploy/{environment}/{system}", "revision": "live", "namespace": "gitops"}
    body = deployment(made(tmp_path, given))
    assert body["metadata"]["name"] == "fraud-production"
    assert body["metadata"]["namespace"] == "gitops"
    assert body["spec"]["source"] == {
        "repoURL": "https://git.example.com/deploy.git",
        "targetRevision": "live",
        "path": "deploy/production/fraud",
    }
    assert body["spec"]["destination"] == {"server": "https://kubernetes.default.svc", "namespace": "fraud"}


def test_where_flux_finds_an_environment(tmp_path: Path) -> None:
    body = deployment(made(tmp_path, {**FLUX, "interval": "90s"}), "staging")
    assert body["metadata"] == {
        "name": "fraud-staging",
        "namespace": "flux-system",
        "labels": body["metadata"]["labels"],
    }
    assert body["spec"]["path"] == "./fraud/staging"
    assert body["spec"]["interval"] == "90s"
    assert body["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "deploy"}


@pytest.mark.parametrize(("written", "read"), [("2h", "120m"), ("90s", "90s"), ("1.5s", "1500ms"), ("1ms", "1ms")])
def test_an_interval_of_flux_loses_nothing(written: str, read: str, tmp_path: Path) -> None:
    """Flux reads `ms`, `s`, `m`, and `h`; half a second must not become none."""
    assert deployment(made(tmp_path, {**FLUX, "interval": written}))["spec"]["interval"] == read


def test_the_default_path_is_where_compile_writes(tmp_path: Path) -> None:
    made(tmp_path, ARGO_CD)
    out = tmp_path / "repository"
    assert run("compile", tmp_path / "mlspec.yaml", "--out", out).status == 0
    body = load((out / "fraud" / "_system" / "gitops" / "staging.yaml").read_text())
    assert (out / body["spec"]["source"]["path"] / "kustomization.yaml").is_file()


@EACH
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_one_environment_alone_needs_its_deployment_too(
    tmp_path: Path, gitops: dict[str, str], environment: str
) -> None:
    """`promote` and `--env` compile one environment: what only the deployment reads still has an effect."""
    made(tmp_path, {**gitops, "path": "apps/{system}/{environment}"})
    result = mlspec.compile(tmp_path / "mlspec.yaml", environments=[environment])
    assert [one.message for one in result.diagnostics if one.severity == "error"] == []
    assert list(result.bundles) == [environment], "and without the others, the deployments are not written"


@pytest.mark.parametrize("gitops", [{}, {"tool": "argocd"}, {"tool": "flux"}, {"tool": "kustomize"}])
def test_without_a_repository_nothing_is_written_for_all_environments(tmp_path: Path, gitops: dict[str, str]) -> None:
    assert [*made(tmp_path, gitops).bundles["_system"].files] == ["design.md"]


@pytest.mark.parametrize(
    ("given", "field"),
    [({**ARGO_CD, "source": "deploy"}, "source"), ({**FLUX, "project": "ml"}, "project")],
)
def test_a_setting_of_the_other_tool_has_no_effect(tmp_path: Path, given: dict[str, str], field: str) -> None:
    found = [d.message for d in made(tmp_path, given).diagnostics if d.id == "MLS012"]
    assert found == [f"`{field}` has no effect here"]


@EACH
def test_the_page_shows_what_is_written(tmp_path: Path, gitops: dict[str, str]) -> None:
    page = (ROOT / "docs" / "gitops.md").read_text()
    blocks = [load(dedent(block)) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    name = "ignoreDifferences" if gitops is ARGO_CD else "ignore"
    (shown,) = [block for block in blocks if name in block]
    written = deployment(made(tmp_path, gitops, metadata__name="fraud-scorer"))["spec"]
    assert {key: written[key] for key in shown} == shown


@EACH
def test_a_cluster_accepts_the_object(tmp_path: Path, gitops: dict[str, str]) -> None:
    for environment in ("staging", "production"):
        assert list(problems(deployment(made(tmp_path, gitops), environment), "1.35")) == []
