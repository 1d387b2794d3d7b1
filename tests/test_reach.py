"""How far back the compiled rules look, compared with what Prometheus keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

import mlspec
from mlspec.compiler.plan.alerting.reach import LONGEST, reaches
from mlspec.schema.units import Duration

from .support import ADOPTERS, EXAMPLES, ROOT

CASES = sorted((ROOT / "tests" / "errors").glob("*/mlspec.yaml"))

TOKEN = re.compile(r"\[([0-9a-z]+)(?::[0-9a-z]*)?\]|offset\s+([0-9a-z]+)|([()])")
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "w": 604800}


def seconds(text: str) -> int:
    return sum(int(many) * UNITS[unit] for many, unit in re.findall(r"(\d+)([wdhms])", text))


def reach(expression: str) -> int:
    """How many seconds back an expression looks: ranges and offsets, added up along nested subqueries."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|#[^\n]*', '""', expression)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    depths, last = [0], 0
    at = 0
    for token in TOKEN.finditer(bare):
        if bare[at : token.start()].strip():
            last = 0  # another operand began
        at = token.end()
        length, offset, paren = token.groups()
        if paren == "(":
            depths.append(0)
            last = 0
        elif paren == ")":
            last = depths.pop()
        else:
            last += seconds(length or offset)
        depths[-1] = max(depths[-1], last)
    return max(depths)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", 0),
        ('rate(a{x="[9d]"}[5m])', 300),
        ("a offset 1h > b", 3600),
        ("min_over_time(a[1h]) > 2 and present_over_time(a[15m] offset 1h)", 4500),
        ("max_over_time(sum(rate(a[5m]))[1h:1m] offset 1d)", 300 + 3600 + 86400),
        ("sum(rate(a[5m])) / sum(rate(b[6h]))", 21600),
        ("max_over_time((a offset 1h)[1d:]) or b[2d]", 172800),
    ],
)
def test_the_reach_of_an_expression(expression: str, expected: int) -> None:
    assert reach(expression) == expected


def expressions(files: dict[str, str]) -> Iterator[str]:
    for path, text in files.items():
        if "/monitoring/rules" in f"/{path}":
            for group in yaml.safe_load(text)["groups"]:
                yield from (rule["expr"] for rule in group["rules"])


def compared(spec: Path, settings: Sequence[str] = ()) -> int:
    """How many expressions of a spec were compared. None looks back farther than Prometheus keeps samples."""
    result = mlspec.compile(spec, settings=settings)
    many = 0
    for one in result._compiled.environments:
        bundle = result.bundles.get(one.name)
        if bundle is None or any(found.id == "MLS504" for found in result.diagnostics):
            continue
        kept = one.plan.platform.prometheus.retention.value
        said = max((reached.length.value for reached in reaches(one.plan)), default=Duration(0))
        for expression in expressions(dict(bundle.files)):
            found = reach(expression)
            many += 1
            assert found <= kept.amount, expression
            if "[" not in expression or "last_over_time" not in expression:
                assert found <= max(said, LONGEST).amount, expression
    return many


def test_trap_an_alert_reaches_before_what_prometheus_keeps() -> None:
    """Its query then finds less than its threshold is for, or nothing."""
    assert sum(compared(spec / "mlspec.yaml") for spec in (*EXAMPLES, *ADOPTERS)) > 100


@pytest.mark.exhaustive
def test_no_alert_of_a_case_reaches_before_what_prometheus_keeps() -> None:
    assert sum(compared(spec) for spec in CASES) > 500


@pytest.mark.parametrize(("window", "kept", "fires"), [("7d", "15d", False), ("8d", "15d", True), ("8d", "17d", False)])
def test_trap_a_long_window_of_drift_never_has_an_alert(window: str, kept: str, fires: bool) -> None:
    """Its `offset` is one and a quarter windows ago, and a column that is gone is noticed after two."""
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    settings = [f"monitoring.drift.window={window}", f"platform.prometheus.retention={kept}"]
    result = mlspec.compile(spec / "mlspec.yaml", settings=settings)
    assert any(one.id == "MLS504" for one in result.diagnostics) is fires


@pytest.mark.parametrize(("deadline", "kept", "fires"), [("1d", "2d", False), ("3d", "2d", True), ("3d", "4d", False)])
def test_trap_a_batch_run_that_may_take_longer_than_prometheus_remembers_never_pages(
    deadline: str, kept: str, fires: bool
) -> None:
    """The page asks for the run that was due a deadline ago, with an `offset`."""
    [spec] = [path for path in EXAMPLES if path.name == "demand-forecast"]
    settings = [
        f"constraints.deadline={deadline}",
        f"platform.prometheus.retention={kept}",
        'services.demand-forecast.schedule="0 4 * * 1"',
    ]
    found = [one for one in mlspec.compile(spec / "mlspec.yaml", settings=settings).diagnostics if one.id == "MLS504"]
    assert bool(found) is fires
    assert all("looks back 3d 5m" in one.message for one in found)
    assert fires or compared(spec / "mlspec.yaml", settings) > 20
