"""The examples: their committed output, and everything that must be true of any output, checked on theirs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import mlspec
from mlspec.api import Result
from mlspec.compiler.answer.design.bundle import bundles
from mlspec.compiler.link import File
from mlspec.terminal.write import contents, rendered

from .canaries import canaries, judged_steps
from .support import EXAMPLES, ROOT, tool
from .validation import VERSIONS, load, pod_of, problems, unrestricted

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


@cache
def compiled(example: Path) -> Result:
    return mlspec.compile((example / "mlspec.yaml").relative_to(ROOT))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def files(example: Path) -> Iterator[tuple[str, File]]:
    for environment in compiled(example)._compiled.environments:
        for file in environment.bundle.files():
            yield f"{environment.name}/{file.path}", file


def written(example: Path) -> dict[str, bytes]:
    return contents(rendered(bundle) for bundle in bundles(compiled(example)._compiled))


@EACH
def test_output_is_what_is_committed(example: Path, output: SnapshotAssertion) -> None:
    assert compiled(example).ok
    for path, content in written(example).items():
        assert content.decode() == output(name=f"{example.name}/out/{path}"), path


@EACH
def test_findings_are_those_that_the_readme_names(example: Path) -> None:
    """An example lints clean, or its README says which finding it shows and why."""
    readme = (example / "README.md").read_text()
    shown = {f"{d.severity}[{d.id}]" for d in compiled(example).diagnostics}
    named = set(re.findall(r"(?:error|warning)\[MLS[0-9]{3}\]", readme))
    assert {s for s in shown if not s.startswith("info")} == named


@EACH
@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(example: Path, version: str) -> None:
    for path, file in files(example):
        body = load(file.text)
        if "kind" in body and body["kind"] != "Kustomization":
            assert list(problems(body, version)) == [], path


@EACH
def test_no_step_of_a_canary_ends_before_a_verdict_and_no_bad_version_is_held(example: Path) -> None:
    for bundle in compiled(example).bundles.values():
        bodies = list(bundle.objects)
        steps = [step for body, _ in canaries(bodies) for step in body["spec"]["strategy"]["canary"]["steps"]]
        assert judged_steps(bodies) == sum("setWeight" in step for step in steps), "each of them is judged"


@EACH
def test_pods_are_restricted(example: Path) -> None:
    for path, file in files(example):
        body = load(file.text)
        pod = pod_of(body) if "kind" in body else None
        if pod is not None:
            assert list(unrestricted(pod)) == [], path


@EACH
def test_rules_pass_promtool(example: Path, tmp_path: Path) -> None:
    promtool = tool("promtool")
    for path, file in files(example):
        if path.endswith(".yaml") and "/monitoring/rules" in path:
            rules = tmp_path / "rules.yaml"
            rules.write_text(file.text)
            command = [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(rules)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{path}: {done.stdout}{done.stderr}"


@EACH
def test_every_line_has_a_reason(example: Path) -> None:
    for path, file in files(example):
        assert len(file.reasons) == file.text.count("\n"), path
        assert all(file.reasons), path
        assert all(reason.why or reason.sources for reasons in file.reasons for reason in reasons), path


@EACH
def test_objects_fit_their_limits(example: Path) -> None:
    """A PrometheusRule above 512 KiB is refused, and a ConfigMap above 1 MiB."""
    for path, file in files(example):
        assert len(file.text) < 512 * 1024, path


@EACH
def test_kustomization_lists_every_object(example: Path) -> None:
    for environment in compiled(example).environments:
        by_path = {path: load(text) for path, text in compiled(example).bundles[environment].files.items()}
        listed = by_path["kustomization.yaml"]["resources"]
        objects = [path for path, body in by_path.items() if "kind" in body and path != "kustomization.yaml"]
        assert sorted(listed) == sorted(objects)


@EACH
def test_nothing_stale_is_committed(example: Path) -> None:
    committed = {str(p.relative_to(example / "out")) for p in (example / "out").rglob("*") if p.is_file()}
    assert committed == set(written(example))
