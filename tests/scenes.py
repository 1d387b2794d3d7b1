"""What tests of rules and analyses share: promtool, counters written by hand, and Argo's verdicts.

`verdict` and `outcome` follow Argo Rollouts' analysis controller (analysis/analysis.go, utils/evaluate/evaluate.go). A
measurement with both conditions is inconclusive if neither is met, an expression that indexes an empty result is an
error, and a run that reaches its count within all limits is successful.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlspec.terminal import promtool as programs

from .support import tool

__all__ = [
    "Phase",
    "counter",
    "fires",
    "labeled",
    "limits",
    "minutes",
    "outcome",
    "promtool",
    "proves",
    "proves_each",
    "reads",
    "shipped",
    "told_at",
    "verdict",
]

Phase = tuple[int, float]
"""The length in minutes, and the growth of a counter per minute."""


def labeled(name: str, /, **labels: str) -> str:
    """A series in promtool's notation."""
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def counter(*phases: Phase, start: float = 0.0) -> str:
    """A counter in promtool's notation, with one sample per minute: the start, and each minute of each phase."""
    at, parts = start, [f"{start:g}"]
    for length, step in phases:
        parts.append(f"{at + step:.10g}+{step:.10g}x{length - 1}")
        at += length * step
    return " ".join(parts)


FRUGAL = {"GOGC": "400", "GOMAXPROCS": "1"}
"""Lets Go collect garbage rarely, and in the only thread: a third less CPU time for the same answers."""


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool in the folder with the files."""
    return subprocess.run(
        [tool("promtool"), *arguments],
        cwd=folder,
        env={**os.environ, **FRUGAL},
        capture_output=True,
        text=True,
        check=False,
    )


def shipped(files: Mapping[str, str], name: str = "tests") -> dict[str, str]:
    """What promtool says about the tests of a bundle as they are, by the file: those whose names start with `name`."""
    own = {path.rpartition("/")[2]: text for path, text in files.items() if path.startswith("monitoring/")}
    told = programs.run(own, [path for path in own if path.startswith(name)])
    return {path: said for path, (_, said) in told.items()}


def told_at(
    folder: Path, groups: list[dict[str, Any]], alert: str, series: dict[str, str], minute: int, summary: str | None
) -> subprocess.CompletedProcess[str]:
    """Whether an alert on a CronJob has exactly this summary at a minute, with samples every five minutes. None is for
    silence.

    The alert on absence has the labels of the series in its expression; the others have only their own.
    """
    (rule,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    job = re.search(r'absent\(kube_cronjob_info\{.*cronjob="([^"]*)"', rule["expr"])
    labels = {**rule["labels"], **({"cronjob": job[1]} if job is not None else {})}
    annotations = {**rule["annotations"], "summary": summary}
    expected = [{"exp_labels": labels, "exp_annotations": annotations}] if summary is not None else []
    test = {
        "interval": "5m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}],
    }
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yaml").write_text(json.dumps(whole))
    return promtool(folder, "test", "rules", "test.yaml")


def proves(
    folder: Path,
    rules: list[dict[str, Any]],
    series: dict[str, str],
    expected: Iterable[tuple[int, dict[str, Any], str | None]],
    every: str = "1m",
) -> None:
    """At a minute, an alert fires with a summary and its own labels and annotations, or, for None, it is silent.

    All alerts with the same name go into one test, because promtool compares them together. `every` is the evaluation
    interval.
    """
    _run(folder, rules, [_alerts(series, expected)], every)


def proves_each(
    folder: Path,
    rules: list[dict[str, Any]],
    cases: Iterable[tuple[dict[str, str], Iterable[tuple[int, dict[str, Any], str | None]]]],
) -> None:
    """The same for several sets of series, in one run of promtool."""
    _run(folder, rules, [_alerts(series, expected) for series, expected in cases])


def _alerts(series: dict[str, str], expected: Iterable[tuple[int, dict[str, Any], str | None]]) -> dict[str, Any]:
    fired: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for minute, rule, summary in expected:
        told = fired.setdefault((minute, rule["alert"]), [])
        if summary is not None:
            told.append(_fired(rule, summary))
    tests = [
        {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": told} for (minute, name), told in fired.items()
    ]
    return {"input_series": _series(series), "alert_rule_test": tests}


def fires(
    folder: Path, rules: list[dict[str, Any]], series: dict[str, str], expected: dict[int, set[tuple[str, str]]]
) -> None:
    """At each minute, exactly these alerts fire, each with its severity, of all the rules."""
    tests = [
        {
            "expr": 'max by (alertname, severity) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [
                {"labels": labeled("", alertname=name, severity=severity), "value": 1}
                for name, severity in sorted(told)
            ],
        }
        for minute, told in expected.items()
    ]
    _run(folder, rules, [{"input_series": _series(series), "promql_expr_test": tests}])


def _fired(rule: dict[str, Any], summary: str) -> dict[str, Any]:
    return {"exp_labels": rule["labels"], "exp_annotations": {**rule["annotations"], "summary": summary}}


def reads(folder: Path, query: str, series: dict[str, str], minute: int, value: float | None) -> None:
    """A query returns one sample without labels, rounded to six digits, or none."""
    wanted = [] if value is None else [{"labels": "{}", "value": value}]
    test = {"expr": f"round({query}, 1e-6)", "eval_time": f"{minute}m", "exp_samples": wanted}
    _run(folder, [], [{"input_series": _series(series), "promql_expr_test": [test]}])


def _series(series: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]


def _run(folder: Path, rules: list[dict[str, Any]], tests: list[dict[str, Any]], every: str = "1m") -> None:
    groups = [{"name": "all", "rules": rules}] if rules else []
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    each = [{"interval": "1m", **test} for test in tests]
    made = {"rule_files": ["rules.yaml"], "evaluation_interval": every, "tests": each}
    (folder / "test.yaml").write_text(json.dumps(made))
    done = promtool(folder, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def limits(metric: dict[str, Any]) -> dict[str, int]:
    """The limits of one metric of an AnalysisTemplate, with Argo's defaults."""
    defaults = {"failureLimit": 0, "inconclusiveLimit": 0, "consecutiveErrorLimit": 4}
    return {name: int(metric.get(name, value)) for name, value in defaults.items()}


def verdict(metric: dict[str, Any], result: list[float]) -> str:
    """Argo's verdict on one measurement."""
    try:
        good, bad = (_holds(metric[f"{kind}Condition"], result) for kind in ("success", "failure"))
    except IndexError:
        return "Error"
    if bad:
        return "Failed"
    return "Successful" if good else "Inconclusive"


def outcome(metric: dict[str, Any], results: list[list[float]]) -> str:
    """Argo's verdict on a metric after these measurements; `Running` if it would continue."""
    counts = dict.fromkeys(("Failed", "Inconclusive", "Successful", "Error"), 0)
    allowed = limits(metric)
    for result in results:
        phase = verdict(metric, result)
        counts[phase] += 1
        counts["Error"] = counts["Error"] if phase == "Error" else 0
        if counts["Failed"] > allowed["failureLimit"]:
            return "Failed"
        if counts["Inconclusive"] > allowed["inconclusiveLimit"]:
            return "Inconclusive"
        if counts["Error"] > allowed["consecutiveErrorLimit"]:
            return "Error"
        judged = counts["Failed"] + counts["Inconclusive"] + counts["Successful"]
        if "count" in metric and judged >= metric["count"]:
            return "Successful"
    return "Running"


_OPERATORS = (("&&", " and "), ("||", " or "), ("!isNaN", "not isNaN"))


_KINDS: tuple[type[ast.AST], ...] = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop),
    *(ast.Call, ast.Name, ast.expr_context, ast.Subscript, ast.Constant),
)


def _holds(condition: str, result: list[float]) -> bool:
    """Evaluate the subset of expr-lang that mlspec emits; anything else is an error in the test."""
    text = condition
    for theirs, ours in _OPERATORS:
        text = text.replace(theirs, ours)
    assert re.fullmatch(r"[\w\s()\[\]<>=.+-]+", text), condition
    tree = ast.parse(text, mode="eval")
    assert all(isinstance(node, _KINDS) for node in ast.walk(tree)), condition
    names = {"result": result, "len": len, "isNaN": _is_nan, "__builtins__": {}}
    found = eval(compile(tree, "condition", "eval"), names)
    assert isinstance(found, bool), "a condition must be a truth value"
    return found


def _is_nan(value: object) -> bool:
    assert isinstance(value, (int, float)), "isNaN of anything but a number is a type error in expr"
    return math.isnan(value)


def minutes(duration: str) -> float:
    """A Go duration with one unit; Go has no unit for days."""
    number, unit = duration[:-1], duration[-1]
    return float(number) * {"s": 1 / 60, "m": 1.0, "h": 60.0}[unit]
