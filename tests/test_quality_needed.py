"""What the rules on the quality need is what the process that measures exports, on small data."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec.runtime.exporter.jobs import jobs_of
from mlspec.runtime.measure.measured import Measured, read

from .support import EXAMPLES, files, run

AT = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
OWN = ("namespace", "service")


def compiled(folder: Path, **changes: str) -> tuple[dict[str, Any], str]:
    """The configuration of the process, and the rules on what it exports, if fields of `monitoring` are others, or left
    out.
    """
    return files_of(result_of(folder, **changes))


def result_of(folder: Path, **changes: str) -> mlspec.Result:
    [example] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    shutil.copytree(example, folder / "spec", ignore=shutil.ignore_patterns("out", "demo"))
    shutil.copy(example.parent / "mlspec.platform.yaml", folder)
    spec = folder / "spec" / "mlspec.yaml"
    before, monitoring = spec.read_text().split("\nmonitoring:\n")
    for name, value in changes.items():
        line = f"  {name}: {value}\n" if value else ""
        monitoring, times = re.subn(rf"^  {name}: .*\n", line, monitoring, count=1, flags=re.MULTILINE)
        assert times == 1
        monitoring = monitoring if value else monitoring.replace(f"{name}: null, ", "")  # staging has none to remove
    spec.write_text(f"{before}\nmonitoring:\n{monitoring}")
    return mlspec.compile(spec)


def files_of(result: mlspec.Result) -> tuple[dict[str, Any], str]:
    assert [one.message for one in result.diagnostics if one.severity == "error"] == []
    made = files(result)
    config = yaml.safe_load(made["production/measuring/configmap-monitor.yaml"])
    return json.loads(config["data"]["monitor.json"]), made["production/monitoring/rules-monitors.yaml"]


def captured(folder: Path, config: dict[str, Any]) -> Path:
    """Predictions of several countries, their labels, and a configuration that reads them."""
    monitoring = config["monitoring"]
    monitoring["capture"] |= {"uri": str(folder / "predictions"), "sample": 1}
    monitoring["labels"] |= {
        "uri": str(folder / "labels"),
        "format": "jsonl",
        "delay": 3 * 86400,
        "unlabeled": "dropped",
    }
    labels = monitoring["labels"]
    (folder / "labels").mkdir()
    answers = []
    for day in range(10):
        at = AT - (day + 1) * DAY
        rows = []
        for number in range(300):
            score, key = (number * 37 % 100) / 100, f"{day}-{number}"
            time = (at + timedelta(seconds=number * 200)).isoformat().replace("+00:00", "Z")
            row = {"payment_id": key, "time": time, "model_version": "1", "country": ("DE", "FR", "IT")[number % 3]}
            rows.append(row | {"amount": 1.0, "score": score, "score__logistic-regression": score / 2})
            answers.append({labels.get("id", "payment_id"): key, labels["column"]: (number * 53 % 100) / 100 < score})
        part = folder / "predictions" / f"date={at.date()}"
        part.mkdir(parents=True)
        (part / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "labels" / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    path = folder / "monitor.json"
    path.write_text(json.dumps(config))
    return path


def exported(measured: list[Measured]) -> list[dict[str, str]]:
    return [{"__name__": one.name, **one.labels} for each in measured for one in each.series]


def needed(rules: str) -> list[dict[str, str]]:
    """The matchers of each series of these monitors that the rules miss if it is absent."""
    found = []
    for name, matchers in re.findall(r"absent\((mlspec_(?:quality|label|capture)\w*)\{([^}]*)\}\)", rules):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', matchers))
        found.append({"__name__": name} | {key: value for key, value in labels.items() if key not in OWN})
    return found


def matches(one: dict[str, str], matchers: dict[str, str]) -> bool:
    return all(one.get(key, "") == value for key, value in matchers.items())


VERSUS = {
    "champion": {},
    "human": {"quality": "{metric: recall, versus: human, margin: -0.1}"},
    "a rival on the same rows": {
        "quality": "{metric: roc_auc, versus: logistic-regression, margin: -2%}",
        "triggers": "[quality-drop]",  # drift needs an estimate, which is no difference
    },
    "a number": {"quality": "{metric: roc_auc, min: 0.6}"},
    "a number for a column": {"segments": "[]", "rules": "[{metric: recall, min: 0.2, segment: country}]"},
    "the champion for a column": {"rules": "[{metric: roc_auc, versus: champion, margin: -3%, segment: country}]"},
}


@pytest.mark.parametrize("changes", VERSUS.values(), ids=VERSUS)
def test_trap_an_alert_reads_a_series_that_the_process_never_exports(changes: dict[str, str], tmp_path: Path) -> None:
    """The result of the champion is about all rows, so its difference by country does not exist. Each alert on such a
    series is blind, and the one on its absence fires forever.
    """
    config, rules = compiled(tmp_path, **changes)
    path, out = captured(tmp_path, config), tmp_path / "out"
    words = ["runtime", "quality", "--config", str(path), "--at", AT.isoformat(), "--out", str(out)]
    ran = run(*words)
    assert ran.status == 0, ran.err
    found = exported([read(file) for file in out.glob("*.json")])
    wanted = needed(rules)
    assert wanted
    assert [one for one in wanted if not any(matches(each, one) for each in found)] == []


def test_the_jobs_of_the_process_export_what_the_command_does(tmp_path: Path) -> None:
    config, rules = compiled(tmp_path)
    captured(tmp_path, config)
    (job,) = [one for one in jobs_of(config) if one.name == "quality"]
    found = exported([*job.measure(AT.timestamp())])
    assert [one for one in needed(rules) if not any(matches(each, one) for each in found)] == []


ARRIVING = {
    "quality": "",
    "decay": "",
    "triggers": "[]",
    "rules": "[{metric: label-age, max: 50d}, {metric: label-coverage, min: 10%}]",
}
"""The labels are watched, and nothing is judged with them."""


def test_trap_a_bound_on_labels_without_one_on_the_quality_has_no_series(tmp_path: Path) -> None:
    """The source of the labels was left out of the configuration, so the age and the coverage were never measured, and
    the alert on their absence fired forever.
    """
    config, rules = compiled(tmp_path, **ARRIVING)
    captured(tmp_path, config)
    (job,) = [one for one in jobs_of(config) if "labels" in one.monitors]
    measured = job.measure(AT.timestamp())
    assert [one.monitor for one in measured] == ["labels"]
    wanted = [one for one in needed(rules) if one["__name__"].startswith("mlspec_label")]
    assert [one["__name__"] for one in wanted] == [
        "mlspec_label_newest_timestamp_seconds",
        "mlspec_label_coverage_ratio",
    ]
    assert [one for one in wanted if not any(matches(each, one) for each in exported([*measured]))] == []


@pytest.mark.parametrize(("name", "changes"), [("roc_auc", {}), ("label-age", ARRIVING)], ids=["quality", "age"])
def test_trap_a_bound_needs_labels_and_the_data_has_none(name: str, changes: dict[str, str], tmp_path: Path) -> None:
    """It was accepted, and the process failed at each of its measurements."""
    assert result_of(tmp_path, **changes).ok
    spec = tmp_path / "spec" / "mlspec.yaml"
    text, times = re.subn(r"^  labels: {column.*\n", "", spec.read_text(), count=1, flags=re.MULTILINE)
    assert times == 1
    spec.write_text(text)
    errors = [one for one in mlspec.lint(spec) if one.severity == "error" and one.id == "MLS009"]
    assert [one.message for one in errors] == [f"`{name}` is measured with labels, and the data has none"]


def test_the_process_reads_labels_only_with_an_access_for_their_store(tmp_path: Path) -> None:
    """An image of the author knows what to do with the keys of another server; the process of mlspec does not."""
    result_of(tmp_path, access="")
    spec = tmp_path / "spec" / "mlspec.yaml"
    lake = "  lake: {kind: tcp, host: minio.data.svc, ports: [9000], secret: minio, keys: {AWS_ACCESS_KEY_ID: user}}\n"
    text, times = re.subn(r"^  lake: .*\n", lake, spec.read_text(), count=1, flags=re.MULTILINE)
    assert times == 1
    spec.write_text(text)
    wrong = [one for one in mlspec.lint(spec) if one.message == "the access `lake` does not work for `s3://`"]
    assert "      uri: s3://lake/chargebacks" in [text.split("\n")[one.span.line - 1] for one in wrong]
