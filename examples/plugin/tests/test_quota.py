"""The plugin, compiled with a platform file that enables it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlspec

SYSTEM = Path(__file__).parent.parent / "system" / "mlspec.yaml"
PLATFORM = SYSTEM.with_name("mlspec.platform.yaml")


def chain(reason: mlspec.Reason) -> Iterator[mlspec.Reason]:
    """A reason, and everything that it rests on."""
    yield reason
    for part in reason.parts:
        yield from chain(part)


def compiled(**more: Any) -> mlspec.Result:
    """The system, with the platform file that enables the plugin."""
    return mlspec.compile(SYSTEM, platform=PLATFORM, **more)


def texts(result: mlspec.Result) -> dict[str, str]:
    return {path: text for bundle in result.bundles.values() for path, text in bundle.files.items()}


def test_the_quota_covers_two_versions_of_the_most_replicas() -> None:
    """`maxReplicas: 3` with one core each gives six pods and six cores while both versions run."""
    quota = texts(compiled(settings=["constraints.maxReplicas=3"]))["quota/resourcequota.yaml"]
    assert "    pods: '6'\n    requests.cpu: '6'\n" in quota


def test_it_is_listed_with_the_other_objects() -> None:
    assert "- quota/resourcequota.yaml\n" in texts(compiled())["kustomization.yaml"]


def test_every_number_has_its_reason() -> None:
    (why,) = mlspec.explain(compiled(), "ResourceQuota/digit-reader:spec.hard.pods").values()
    assert "times two versions during a rollout" in " ".join(reason.why for reason in chain(why))
    assert "constraints.throughput.peak" in [reason.path for reason in chain(why)]


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
    bundle = mlspec.compile(minimal / "mlspec.yaml").bundles["default"]
    assert "quota/resourcequota.yaml" not in bundle.files
    for path, text in bundle.files.items():
        assert (minimal / "out" / "default" / path).read_text() == text
