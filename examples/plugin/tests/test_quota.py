"""The plugin, compiled with a platform file that enables it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import mlspec
from mlspec.api import Result
from mlspec.compiler.answer.explain import explain_object
from mlspec.terminal.render import reasons

SYSTEM = Path(__file__).parent.parent / "system" / "mlspec.yaml"


def texts(result: Result) -> dict[str, str]:
    return {file.path: file.text for bundle in result.bundles for file in bundle.files()}


def test_the_quota_covers_two_versions_of_the_most_replicas() -> None:
    """`maxReplicas: 3` with one core each gives six pods and six cores while both versions run."""
    quota = texts(mlspec.compile(SYSTEM, settings=["constraints.maxReplicas=3"]))["quota/resourcequota.yaml"]
    assert "    pods: '6'\n    requests.cpu: '6'\n" in quota


def test_it_is_listed_with_the_other_objects() -> None:
    assert "- quota/resourcequota.yaml\n" in texts(mlspec.compile(SYSTEM))["kustomization.yaml"]


def test_every_number_has_its_reason() -> None:
    ((_, heading, why),) = explain_object(mlspec.compile(SYSTEM).compiled, "ResourceQuota/digit-reader:spec.hard.pods")
    story = reasons.reason(heading, why)
    assert "times two versions during a rollout" in story
    assert "constraints.throughput.peak" in story


def test_a_system_without_a_cost_center_is_refused_at_its_line(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.platform.yaml").write_text(SYSTEM.with_name("mlspec.platform.yaml").read_text())
    (tmp_path / "mlspec.yaml").write_text(SYSTEM.read_text().replace("  labels: {cost-center: cc-4711}\n", ""))
    (found,) = mlspec.compile(tmp_path / "mlspec.yaml").diagnostics
    assert (found.id, found.severity) == ("ACME001", "error")
    assert found.span.file.lines[found.span.line][found.span.column : found.span.end_column] == "digit-reader"
    assert "cost-center" in found.help


def test_installed_but_not_named_it_changes_no_byte() -> None:
    assert version("acme-quota")
    minimal = SYSTEM.parents[2] / "minimal"
    made = texts(mlspec.compile(minimal / "mlspec.yaml"))
    assert "quota/resourcequota.yaml" not in made
    for path, text in made.items():
        assert (minimal / "out" / "default" / path).read_text() == text
