"""Layers: which value wins, what it overrode, and where both were written."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import yaml

import mlspec
from mlspec.api import Result

from .test_differential import SCHEMA

SPEC = """
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: digit-reader, owner: vision}
problem: {useCase: Read digits., task: multiclass-classification}
constraints:
  latency: {p99: 100ms}
  throughput: {mean: 20/s, peak: 60/s}
model:
  signature:
    outputs: [{name: digit, dtype: float32}]
release:
  version: 1
  artifact: {uri: "https://models.example.com/1.onnx", format: onnx, digest: "sha256:%s", size: 1Mi}
serving:
  mode: online
  runtime: triton
  serviceTime: {mean: 2ms}
  endpoint: {callers: [{namespace: forms}]}
environments:
  staging: {}
  production:
    cluster: big
    spec:
%s
"""
PLATFORM = """
apiVersion: mlspec/v1
kind: Platform
metadata: {name: example, owner: platform}
platform: {kubernetes: "1.34", prometheus: {scrapeInterval: 15s}}
clusters: {big: {prometheus: {scrapeInterval: 20s}}}
spec: {rollout: {keepVersions: 9}, monitoring: {slo: {window: 7d}}}
"""


def compiled(folder: Path, overlay: str = "{}", platform: str = PLATFORM, **more: object) -> Result:
    (folder / ".git").mkdir(exist_ok=True)
    indented = "\n".join(f"      {line}" for line in dedent(overlay).strip().splitlines())
    (folder / "mlspec.yaml").write_text(SPEC % ("5" * 64, indented))
    (folder / "mlspec.platform.yaml").write_text(platform)
    return mlspec.compile(folder / "mlspec.yaml", **more)  # type: ignore[arg-type]


def given(result: Result, path: str, environment: str = "production") -> list[tuple[str, str, bool]]:
    """Every value set for a path, the winner first, with its layer."""
    values, _ = mlspec.effects(result, path)[environment]
    return [(value.value, value.layer, value.wins) for value in values]


def messages(result: Result) -> list[str]:
    return [f"{found.id}: {found.message}" for found in result.diagnostics if found.severity == "error"]


# Which layer wins


def test_from_the_platform_to_the_command_line(tmp_path: Path) -> None:
    """From lowest to highest: platform, its entry for the cluster, spec, the spec's environment, `--set`."""
    path = "platform.prometheus.scrapeInterval"
    result = compiled(tmp_path, settings=(f"{path}=25s",), overlay="platform: {prometheus: {scrapeInterval: 30s}}")
    assert [value for value, _, _ in given(result, path)] == ["25s", "30s", "20s", "15s"]
    assert [wins for _, _, wins in given(result, path)] == [True, False, False, False]
    assert [value for value, _, _ in given(result, path, "staging")] == ["25s", "15s"]


def test_the_platforms_defaults_for_specs_are_below_the_spec(tmp_path: Path) -> None:
    result = compiled(tmp_path, "rollout: {keepVersions: 3}")
    assert [value for value, _, _ in given(result, "rollout.keepVersions")] == ["3", "9"]
    assert [value for value, _, _ in given(result, "rollout.keepVersions", "staging")] == ["9"]


def test_a_release_file_holds_in_its_environment(tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "production.yaml").write_text(
        dedent(f"""\
        apiVersion: mlspec/v1
        kind: Release
        system: digit-reader
        environment: production
        release:
          version: 2
          artifact: {{uri: "https://models.example.com/2.onnx", format: onnx, digest: "sha256:{"6" * 64}", size: 1Mi}}
        """)
    )
    result = compiled(tmp_path)
    assert [m[:6] for m in messages(result)] == ["MLS015"]  # because the spec has a release, too


# How values merge


def test_mappings_merge_and_values_keep_their_place(tmp_path: Path) -> None:
    result = compiled(tmp_path, "constraints: {throughput: {peak: 90/s}}")
    assert given(result, "constraints.throughput.peak")[0][:2] == ("90/s", "the environment production")
    assert given(result, "constraints.throughput.mean") == [("20/s", "the spec", True)]
    [production] = [e for e in result._compiled.environments if e.name == "production"]
    peak = production.system.constraints.throughput.peak
    assert peak is not None
    [node] = peak.sources
    text = (tmp_path / "mlspec.yaml").read_text().splitlines()
    assert "peak: 90/s" in text[node.span.line]  # type: ignore[union-attr]


def test_null_removes_what_is_below(tmp_path: Path) -> None:
    result = compiled(tmp_path, "constraints: {latency: null}")
    production, staging = (
        next(e.system for e in result._compiled.environments if e.name == name) for name in ("production", "staging")
    )
    assert production.constraints.latency.p99 is None
    assert staging.constraints.latency.p99 is not None


def test_null_where_nothing_is_below_is_a_mistake(tmp_path: Path) -> None:
    assert messages(compiled(tmp_path, "constraints: {budget: null}"))[0].startswith("MLS011")


@pytest.mark.parametrize(
    ("part", "file", "changed", "without"),
    [
        ("latency: {match: 'own=\"x\"'}", "monitoring/rules.yaml", 'digit-reader",own="x",le', 'digit-reader",le'),
        ("inFlight: {plus: null}", "autoscaling/scaledobject.yaml", "inference_request_duration_us", "pending"),
        ("inFlight: {gauge: own}", "autoscaling/scaledobject.yaml", "sum(own{", "inference_request_duration_us"),
        ("inFlight: {gauge: own, busy: null}", "autoscaling/scaledobject.yaml", "sum(own{", "request_duration_us"),
    ],
)
@pytest.mark.parametrize("section", ["platform", "clusters.big"])
def test_a_platform_file_may_write_a_part_of_an_entry_of_the_catalog(
    tmp_path: Path, section: str, part: str, file: str, changed: str, without: str
) -> None:
    """It may remove a value of the entry, and choose another alternative than the entry does."""
    first, _, second = section.partition(".")
    runtimes = f"{{runtimes: {{triton: {{metrics: {{{part}}}}}}}}}"
    written = f"{first}: {{{second}: {runtimes}}}" if second else f"{first}: {runtimes}"
    head = "apiVersion: mlspec/v1\nkind: Platform\nmetadata: {name: example, owner: platform}\n"
    result = compiled(tmp_path, platform=f"{head}{written}\n" + ("" if second else "clusters: {big: {}}\n"))
    assert [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"] == []
    assert SCHEMA.is_valid(yaml.safe_load((tmp_path / "mlspec.platform.yaml").read_text()))
    text = result.bundles["production"].files[file]
    assert changed in text
    assert without not in text


def test_an_entry_that_the_catalog_lacks_is_whole(tmp_path: Path) -> None:
    own = "platform: {runtimes: {triton-2: {metrics: {latency: {buckets: [10, 100]}, inFlight: {plus: waiting}}}}}"
    head = "apiVersion: mlspec/v1\nkind: Platform\nmetadata: {name: example, owner: platform}\nclusters: {big: {}}\n"
    result = compiled(tmp_path, platform=f"{head}{own}\n")
    assert not SCHEMA.is_valid(yaml.safe_load(f"{head}{own}"))
    assert [one.message for one in result.diagnostics if one.severity == "error"] == [
        "missing `series` in `latency`",
        "`inFlight` needs `gauge` or `busy`",
    ]


def test_lists_are_replaced(tmp_path: Path) -> None:
    result = compiled(tmp_path, "serving: {endpoint: {callers: [{namespace: desk}]}}")
    service = result._compiled.environments[1].system.services["digit-reader"]
    assert [caller.namespace.value for caller in service.endpoint.callers] == ["desk"]


def test_lists_with_a_key_merge_by_it(tmp_path: Path) -> None:
    result = compiled(
        tmp_path, "model: {signature: {outputs: [{name: digit, means: a digit}, {name: sure, dtype: bool}]}}"
    )
    signature = result._compiled.environments[1].system.models["digit-reader"].signature
    assert signature is not None
    assert [(o.name.value, o.dtype.value) for o in signature.outputs] == [("digit", "float32"), ("sure", "bool")]


def test_a_changed_discriminator_replaces_the_whole_object(tmp_path: Path) -> None:
    """Fields of an online service must not leak into a batch service."""
    overlay = """
    serving:
      mode: batch
      image: registry.example.com/score@sha256:5555555555555555555555555555555555555555555555555555555555555555
      schedule: "0 4 * * *"
      input: {uri: "https://data.example.com/in"}
      output: {uri: "https://data.example.com/out"}
    """
    result = compiled(tmp_path, overlay)
    production = result._compiled.environments[1].layered.tree
    service = production.entries["services"].entries["digit-reader"]  # type: ignore[attr-defined]
    assert "serviceTime" not in service.entries
    assert "endpoint" not in service.entries


# What is not allowed


@pytest.mark.parametrize(
    "overlay", ["metadata: {name: other}", "apiVersion: mlspec/v2", "kind: Platform", "environments: {more: {}}"]
)
def test_what_identifies_a_system_cannot_be_overridden(tmp_path: Path, overlay: str) -> None:
    assert messages(compiled(tmp_path, overlay))


def test_a_locked_path_cannot_be_changed_above(tmp_path: Path) -> None:
    locked = PLATFORM.replace('kubernetes: "1.34"', 'kubernetes: "1.34", policies: {locked: [monitoring.slo.window]}')
    assert messages(compiled(tmp_path, "monitoring: {slo: {window: 7d}}", locked)) == []  # not a change
    result = compiled(tmp_path, "monitoring: {slo: {window: 30d}}", locked)
    assert messages(result) == ["MLS014: `monitoring.slo.window` is locked by the platform"]
    [found] = [found for found in result.diagnostics if found.id == "MLS014"]
    assert [label.text for label in found.others] == ["locked here", "the platform's value"]
    assert messages(compiled(tmp_path, "{}", locked, settings=("monitoring.slo.window=30d",)))


def test_a_mistake_in_the_merged_spec_points_at_the_value_that_wins(tmp_path: Path) -> None:
    result = compiled(tmp_path, "serving: {replicas: {min: 5, max: 2}}")
    [found] = [found for found in result.diagnostics if found.severity == "error"]
    assert found.environments == ("production",)
    assert "min: 5" in found.span.file.lines[found.span.line]


def test_what_identifies_a_system_cannot_be_set_for_one_run(tmp_path: Path) -> None:
    assert messages(compiled(tmp_path, settings=("metadata.name=other",))) == [
        "MLS002: `metadata.name` cannot be set for one run"
    ]
