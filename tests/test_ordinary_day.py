"""On an ordinary day, no alert fires: random traffic from trough to peak, with half of the failures that are allowed.

The scenes next to the rules are exact and short. What they cannot show is an alert whose threshold is below what the
objective allows, or one that takes the night for an outage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlspec
from mlspec.compiler.because import Because, first
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.plan.service import ServicePlan
from mlspec.compiler.plan.serving.day import through
from mlspec.compiler.scenes.notation import Series
from mlspec.compiler.scenes.served import Flow
from mlspec.targets.monitoring.proof import Alert

from .scenes import promtool
from .support import ROOT, compile_text, minimal

DAY = 1440
"""Its minutes, one sample each."""

NOON = 12
"""The hour at which the traffic begins, so that the longer windows soon have many requests, as they do after a day."""

BEGINS = 120
"""The first minute in which an alert counts: until then, a few failures can be a large share of all requests so far."""

EVERY = 10
"""The minutes between two looks at the alerts."""


def flows(service: ServicePlan) -> list[Flow]:
    """The requests of each minute: Poisson arrivals at the rate of the day; half of each budget is used."""
    mean = first(service.traffic("mean"), service.traffic("peak"))
    peak = first(service.traffic("peak"), mean)
    assert mean is not None
    assert peak is not None
    day = through(mean, peak, service.traffic("trough"), service.hours)
    budgets = {
        kind: [float(one.budget.value) for one in service.objectives.all if one.kind == kind]
        for kind in ("availability", "latency")
    }
    failing, slow = (min(budgets[kind], default=0.0) / 2 for kind in ("availability", "latency"))
    random = np.random.default_rng(8)
    made = []
    for minute in range(DAY):
        many = int(random.poisson(60 * day.at(NOON + minute / 60)))
        bad = int(random.binomial(many, failing))
        late = int(random.binomial(many - bad, slow))
        shares = {"failing": bad / many, "slow": late / many} if many else {}
        made.append(Flow(minutes=1, rate=many, **shares))
    return made


def rule_groups(environment: Environment) -> Iterator[list[dict[str, Any]]]:
    """The groups of each plain rule file."""
    for artifact in environment.bundle.artifacts:
        if artifact.path.startswith("monitoring/rules") and isinstance(artifact.body, dict):
            groups = artifact.body["groups"]
            yield [group.value if isinstance(group, Because) else group for group in groups]


def alerts(groups: list[dict[str, Any]]) -> list[Alert]:
    """The alerts whose series are known."""
    rules = [rule.value if isinstance(rule, Because) else rule for group in groups for rule in group["rules"]]
    return [rule for rule in rules if isinstance(rule, Alert) and rule.proof is not None]


def firing(folder: Path, groups: list[dict[str, Any]], series: Series, known: list[Alert]) -> set[str]:
    """The alerts that fire at any time. Their texts are left out: to render them takes most of the time."""
    rules = plain({"groups": groups})
    for group in rules["groups"]:
        group["rules"] = [
            {key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]
        ]
    (folder / "rules.yaml").write_text(json.dumps(rules))
    names = "|".join(sorted({alert["alert"] for alert in known}))
    query = f'count by (alertname, severity) (ALERTS{{alertstate="firing",alertname=~"{names}"}})'
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": f"{minute}m", "exp_samples": []} for minute in range(BEGINS, DAY, EVERY)
        ],
    }
    test_file = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": [test]}
    (folder / "tests.yaml").write_text(json.dumps(test_file))
    done = promtool(folder, "test", "rules", "tests.yaml")
    said = done.stdout + done.stderr
    found = {name for got in re.findall(r"got: (.*)", said) for name in re.findall(r'alertname="(\w+)"', got)}
    assert bool(found) is (done.returncode != 0), said
    return found


def after_a_day(folder: Path, environment: Environment) -> tuple[int, set[str]]:
    """The number of alerts that could fire, and the names of those that did."""
    seen, fired = 0, set[str]()
    for groups in rule_groups(environment):
        known = alerts(groups)
        services = {plain(alert["labels"]["service"]) for alert in known}
        for service in environment.plan.online.values():
            if service.name.value in services:
                day, series = flows(service), Series()
                for alert in known:
                    assert alert.proof is not None
                    series |= alert.proof.healthy(day)
                fired |= firing(folder, groups, series, known)
                seen += len(known)
    return seen, fired


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["feed-ranker", "fraud-scorer", "support-assistant"])
def test_no_alert_fires_on_an_ordinary_day(name: str, tmp_path: Path) -> None:
    result = mlspec.compile(ROOT / "examples" / name / "mlspec.yaml")
    (production,) = [one for one in result._compiled.environments if one.name == "production"]
    seen, fired = after_a_day(tmp_path, production)
    assert seen > 20
    assert fired == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("period", ["7d", "28d", "30d"])
def test_no_alert_fires_on_an_ordinary_day_of_any_budget(period: str, tmp_path: Path) -> None:
    made = minimal(monitoring__slo={"window": period}, constraints__availability="99.5%")
    (environment,) = compile_text(tmp_path, made)._compiled.environments
    seen, fired = after_a_day(tmp_path, environment)
    assert seen > 10
    assert fired == set()


@pytest.mark.exhaustive
def test_an_alert_below_the_budget_fires_on_an_ordinary_day(tmp_path: Path) -> None:
    """What the others assert can fail: these pairs fire at a burn rate of 0.23, and MLS508 warns of it."""
    burn = [{"severity": "ticket", "budget": "10%", "long": "3d"}]
    made = minimal(monitoring__slo={"window": "7d", "burn": burn}, constraints__availability="99.5%")
    (environment,) = compile_text(tmp_path, made)._compiled.environments
    _, fired = after_a_day(tmp_path, environment)
    assert fired == {"ModelErrorBudgetBurn", "ModelLatencyBudgetBurn"}
