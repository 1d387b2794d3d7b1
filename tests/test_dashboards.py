"""Dashboards: Grafana reads them, Prometheus answers every query, and the limits are those of the plan.

Grafana shows a dashboard that is half wrong: a key that it does not know, a query without a result, two panels on top
of each other. So every dashboard here is held against a strict schema, and promtool runs every query of every example
and of every runtime on the series that a healthy service exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import mlspec
from mlspec.api import Result
from mlspec.compiler.limits import APPLIED
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.dashboards import TOGETHER

from . import batch
from .grafana import Row, dashboards, parsed, shown, substituted
from .online import RUNTIMES, compiled, emitted, spec
from .scenes import counter, labeled, promtool
from .support import EXAMPLES, compile_text, files, loaded, minimal


def found(result: Result) -> list[dict[str, Any]]:
    """The dashboards of all environments."""
    assert result.bundles, [f"{d.id}: {d.message}" for d in result.diagnostics if d.severity == "error"]
    return [made for bundle in result.bundles.values() for made in dashboards(bundle.files)]


def one(result: Result) -> dict[str, Any]:
    (made,) = found(result)
    return made


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The dashboard of the minimal example."""
    return one(compile_text(tmp_path_factory.mktemp("digits")))


# The schema


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_dashboard_of_an_example_fits_the_schema(example: Path) -> None:
    made = found(mlspec.compile(example / "mlspec.yaml"))
    assert made
    for each in made:
        fits(each)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_has_a_dashboard_that_fits_the_schema(runtime: str, tmp_path: Path) -> None:
    fits(one(compiled(tmp_path, spec(runtime))))


def fits(made: dict[str, Any]) -> None:
    """Nothing that Grafana would ignore, confuse, or draw on top of something else."""
    board = parsed(made)
    ids = [panel.id for panel in (*board.panels, *board.shown)]
    assert len({*ids}) == len({id(panel) for panel in (*board.panels, *board.shown)})
    for panel in board.shown:
        refs = [target.ref_id for target in panel.targets]
        assert refs == sorted({*refs}), panel.title
        base, *steps = (step.value for step in panel.field_config.defaults.thresholds.steps)
        assert base is None
        values = [value for value in steps if value is not None]
        assert values == sorted(values), panel.title
        assert len(values) == len(steps), panel.title
    apart([(panel.title, panel.grid_pos) for panel in board.panels])
    for row in board.panels:
        if isinstance(row, Row):
            assert row.collapsed == bool(row.panels), row.title
            apart([(panel.title, panel.grid_pos) for panel in row.panels])
            assert all(panel.grid_pos.y > row.grid_pos.y for panel in row.panels)


def apart(places: list[tuple[str, Any]]) -> None:
    for (first, a), (second, b) in combinations(places, 2):
        over = a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
        assert not over, f"{first} is on top of {second}"
    assert all(place.x + place.w <= 24 for _, place in places)


def test_the_schema_refuses_what_grafana_ignores(digits: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(digits))
    panel = next(panel for panel in wrong["panels"] if panel["type"] == "timeseries")
    for changed in ({"treshold": 1}, {"type": "timeserie"}, {"title": 7}, {"gridPos": {**panel["gridPos"], "w": 25}}):
        wrong["panels"] = [{**panel, **changed}]
        with pytest.raises(ValidationError):
            parsed(wrong)


# Queries, run by promtool

POD = {"6": "-5d8f7c9b6d-aaaaa", "7": "-6c7d8e9f5b-bbbbb"}
"""What the names of the pods of two versions end with."""

ABSENT = {"Errors", "Alerts"}
"""Panels whose own series a healthy service lacks: they must show zero, or nothing, from those of the others."""


def asked(made: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The queries of all panels, each with the title of its panel."""
    for panel in parsed(made).shown:
        for target in panel.targets:
            yield panel.title, substituted(target.expr)


def matched(pattern: str) -> str:
    """A text that a regular expression of a query matches, as mlspec writes them."""
    simple = re.sub(r"\(\[\.\]0\)\?", "", pattern.removeprefix("(?i)"))
    simple = simple.replace("[.]", ".").replace("[+]", "+").replace("[0-9]+", "29000000")
    simple = re.sub(r"-\[a-z0-9\]\{1,10\}-\?\[a-z0-9\]\{5\}", POD["7"], simple)
    simple = re.sub(r"\(([^|()]*)\|[^()]*\)", r"\1", simple)
    simple = simple.split("|")[0].replace(".*", "1").replace("..", "00")
    assert re.fullmatch(pattern, simple), f"{simple} does not match {pattern}"
    return simple


def selected(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The series that a query selects: their names, and labels that its matchers accept."""
    for name, matchers in re.findall(r'([a-zA-Z_:][\w:]*)\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}', query):
        labels: dict[str, str] = {}
        for label, how, value in re.findall(r'(\w+)(=~|!=|!~|=)"((?:[^"\\]|\\.)*)"', matchers):
            if how == "=":
                labels[label] = value
            elif how == "=~":
                labels[label] = matched(value)
            elif how == "!=" and not value:
                labels[label] = "1"
        yield name, labels


GAUGES = {
    "up": "1x30",
    "kube_job_failed": "0x30",
    "kube_job_status_start_time": "-1200x30",
    "kube_job_status_completion_time": "-600x30",
    "kube_cronjob_created": "-86400x30",
    "kube_cronjob_status_last_schedule_time": "-1200x30",
    "kube_cronjob_status_last_successful_time": "-600x30",
}
"""The samples of series that do not count."""


def healthy(made: dict[str, Any], buckets: dict[str, list[float]]) -> dict[str, str]:
    """The series of a service that serves two versions, without an error."""
    series: dict[str, str] = {}
    for title, query in asked(made):
        if title in ABSENT or title.startswith(("Judged: availability", "Budget left: availability")):
            continue
        for name, labels in selected(query):
            if name.startswith("mlspec:"):
                continue
            for version, suffix in POD.items():
                own = {**labels, "app_kubernetes_io_version": version, "instance": version}
                own = {"pod": f"fraud{suffix}", **own}
                for whole in in_buckets(name, own, buckets):
                    series[labeled(name, **whole)] = GAUGES.get(name, "0+60x30")
    started = [text for text in series if text.startswith("kube_job_status_start_time")]
    return {**series, **{text.replace("29000000", "29000060"): "0x30" for text in started}}  # a run that goes on


def in_buckets(name: str, labels: dict[str, str], buckets: dict[str, list[float]]) -> Iterator[dict[str, str]]:
    """The labels of each bucket, if the series is a histogram's; one of them is that of an objective."""
    base = name.removesuffix("_bucket")
    if name == base:
        yield labels
        return
    bounds = {f"{bound:g}" for bound in buckets[base]} | {"+Inf", labels.get("le", "+Inf")}
    yield from ({**labels, "le": bound} for bound in bounds)


def answered(folder: Path, made: dict[str, Any], rules: list[Any], buckets: dict[str, list[float]]) -> None:
    """Every query has a result that is a number. Whether alerts fire is what other tests are about."""
    tests = [
        {
            "expr": f"count(({query}) > -Inf) > bool 0",
            "eval_time": "20m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for title, query in asked(made)
        if title != "Alerts"
    ]
    series = [{"series": key, "values": value} for key, value in healthy(made, buckets).items()]
    whole = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}],
    }
    groups = [{**group, "rules": recording(group)} for each in rules for group in each["groups"] if recording(group)]
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    (folder / "test.yaml").write_text(json.dumps(whole))
    done = promtool(folder, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def recording(group: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules that record a series, which are much faster to run than those of alerts."""
    return [rule for rule in group["rules"] if "record" in rule]


def histograms(plan: Plan) -> dict[str, list[float]]:
    """The buckets of each histogram, by its base name."""
    return {
        series.series.value: [bucket.value for bucket in series.buckets]
        for service in plan.online.values()
        for series in (service.metrics.latency, service.metrics.first_token, service.metrics.inter_token)
        if series is not None and series.series is not None
    }


def answers(folder: Path, result: Result) -> None:
    """Prometheus answers every query of every environment."""
    for environment in result._compiled.environments:
        bundle = result.bundles[environment.name].files
        rules = [loaded(text) for path, text in bundle.items() if Path(path).name.startswith("rules")]
        for made in dashboards(bundle):
            answered(folder, made, rules, histograms(environment.plan))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_query_of_an_example_has_a_result(example: Path, tmp_path: Path) -> None:
    answers(tmp_path, mlspec.compile(example / "mlspec.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_query_of_a_runtime_has_a_result(runtime: str, tmp_path: Path) -> None:
    answers(tmp_path, compiled(tmp_path, spec(runtime)))


def evaluated(folder: Path, series: dict[str, str], query: str, samples: dict[str, float], minute: int = 20) -> None:
    """What Prometheus answers to one query: the value of each series by its labels."""
    test = {"expr": f"round({substituted(query)}, 0.0001)", "eval_time": f"{minute}m"}
    expected = [{"labels": labels, "value": value} for labels, value in samples.items()]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    whole = {
        "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": [{**test, "exp_samples": expected}]}]
    }
    (folder / "test.yaml").write_text(json.dumps({"evaluation_interval": "1m", **whole}))
    done = promtool(folder, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def of_digits(name: str, version: str, **labels: str) -> str:
    """A series of the minimal example's replicas."""
    own = {"namespace": "default", "job": "default/digit-reader", "model": "digit-reader"}
    return labeled(name, **own, app_kubernetes_io_version=version, pod=f"digit-reader{POD[version]}", **labels)


def query_of(made: dict[str, Any], title: str, index: int = 0) -> str:
    found: str = shown(made)[title]["targets"][index]["expr"]
    return found


SIX, SEVEN = (f'{{app_kubernetes_io_version="{version}"}}' for version in POD)
"""The labels of the answers for two versions."""


COUNTED = {
    of_digits("nv_inference_request_success", "6"): counter((30, 5700)),
    of_digits("nv_inference_request_failure", "6", reason="OTHER"): counter((30, 0)),
    of_digits("nv_inference_request_success", "7"): counter((30, 285)),
    of_digits("nv_inference_request_failure", "7", reason="OTHER"): counter((30, 12)),
    of_digits("nv_inference_request_failure", "7", reason="BACKEND"): counter((30, 3)),
    of_digits("nv_inference_request_failure", "7", reason="CANCELED"): counter((30, 60)),
}
"""In a minute, version 6 answers 5,700 requests. Version 7 answers 285, fails 15, and 60 callers leave: 5% of the
requests are for it, and 5% of those fail."""


@pytest.mark.parametrize(
    ("title", "six", "seven"),
    [
        ("Requests", 5700 / 60, 300 / 60),
        ("Errors", 0, 15 / 300),
        ("Traffic by version", 0.95, 0.05),
        ("Judged: availability", 0, 15 / 300),
    ],
)
def test_each_version_has_its_own_line(
    title: str, six: float, seven: float, digits: dict[str, Any], tmp_path: Path
) -> None:
    evaluated(tmp_path, COUNTED, query_of(digits, title), {SIX: six, SEVEN: seven})


def test_who_leaves_is_no_error(digits: dict[str, Any], tmp_path: Path) -> None:
    evaluated(tmp_path, COUNTED, query_of(digits, "Canceled requests"), {SEVEN: 1})


def test_a_version_without_an_error_series_has_no_gap(digits: dict[str, Any], tmp_path: Path) -> None:
    series = {name: values for name, values in COUNTED.items() if "failure" not in name}
    evaluated(tmp_path, series, query_of(digits, "Errors"), {SIX: 0, SEVEN: 0})


def test_no_traffic_is_no_data_rather_than_no_errors(digits: dict[str, Any], tmp_path: Path) -> None:
    series = dict.fromkeys(COUNTED, counter((30, 0)))
    for title in ("Errors", "Traffic by version", "Judged: availability", "Budget left: availability"):
        evaluated(tmp_path, series, query_of(digits, title), {})
        assert shown(digits)[title]["fieldConfig"]["defaults"]["noValue"] == "No traffic"


TIMED = {
    of_digits("nv_inference_first_response_histogram_ms_bucket", "7", le="100"): counter((30, 90)),
    of_digits("nv_inference_first_response_histogram_ms_bucket", "7", le="500"): counter((30, 100)),
    of_digits("nv_inference_first_response_histogram_ms_bucket", "7", le="+Inf"): counter((30, 100)),
    of_digits("nv_inference_first_response_histogram_ms_count", "7"): counter((30, 100)),
}
"""Of 100 requests per minute, 90 take up to 100 ms, and the others up to 500 ms."""


@pytest.mark.parametrize(
    ("index", "milliseconds"), [(0, 100 * 50 / 90), (1, 100 + 400 * 5 / 10), (2, 100 + 400 * 9 / 10)]
)
def test_percentiles_are_in_the_unit_of_the_histogram(
    index: int, milliseconds: float, digits: dict[str, Any], tmp_path: Path
) -> None:
    """The median is 50 of the 90 in the first bucket, and p95 is the fifth of the ten in the second."""
    panel = shown(digits)["Latency"]
    assert panel["fieldConfig"]["defaults"]["unit"] == "ms"
    evaluated(tmp_path, TIMED, panel["targets"][index]["expr"], {SEVEN: round(milliseconds, 4)})


def test_the_judged_latency_counts_at_the_bound_of_the_objective(digits: dict[str, Any], tmp_path: Path) -> None:
    evaluated(tmp_path, TIMED, query_of(digits, "Judged: latency-p99"), {SEVEN: 0.1})


def test_the_budget_that_is_left_is_what_the_window_did_not_use(digits: dict[str, Any], tmp_path: Path) -> None:
    """Two of 1,000 requests fail, and 99.5% should succeed: 0.2% of 0.5% is spent, so 60% is left."""
    series = {
        of_digits("nv_inference_request_success", "7"): "0 998x29",
        of_digits("nv_inference_request_failure", "7", reason="OTHER"): "0 2x29",
    }
    evaluated(tmp_path, series, query_of(digits, "Budget left: availability"), {"{}": 0.6})


# Limits


def limits(made: dict[str, Any], title: str) -> list[float]:
    """The values of the lines of a panel, lowest first."""
    return [step["value"] for step in shown(made)[title]["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]


def test_the_lines_are_the_limits_of_the_plan_and_of_the_alerts(digits: dict[str, Any]) -> None:
    """The spec of the minimal example: 99.5% of requests succeed, and 99% within 100 ms; 60/s at the peak. Burn rates
    are 14.4, 6, 3, and 1 (Site Reliability Workbook, table 5-8). The README has the two replicas.
    """
    assert limits(digits, "Burn rate: availability") == [1, 3, 6, 14.4]
    assert limits(digits, "Errors") == [0.005]
    assert limits(digits, "Latency") == [100]
    assert limits(digits, "Requests") == [60]
    assert limits(digits, "Capacity in use") == [0.85]
    assert limits(digits, "Replicas")[0] == 2
    assert limits(digits, "Budget left: availability") == [0, 0.25]


def test_the_lines_of_a_rollout_are_its_steps_and_its_strictest_limit(tmp_path: Path) -> None:
    result = compile_text(tmp_path)
    files_ = result.bundles["default"].files
    steps = loaded(files_["serving/rollout.yaml"])["spec"]["strategy"]["canary"]["steps"]
    shares = [step["setWeight"] / 100 for step in steps if "setWeight" in step]
    made = one(result)
    assert limits(made, "Traffic by version") == shares
    conditions = [
        metric["failureCondition"]
        for path, text in files_.items()
        if "analysistemplate" in path
        for metric in loaded(text)["spec"]["metrics"]
        if metric["name"] == "availability"
    ]
    allowed = [float(re.findall(r"> ([0-9.]+)", condition)[-1]) for condition in conditions]
    assert limits(made, "Judged: availability") == [min(allowed)]


def test_a_run_that_is_late_and_one_that_is_too_long_cross_the_lines(tmp_path: Path) -> None:
    pinned = {"serving__image": f"registry.example.com/demand/score@sha256:{'1' * 64}"}
    result = compiled(tmp_path, batch.spec(**pinned))
    (run,) = result._compiled.environments[0].plan.batch.values()
    made = one(result)
    assert limits(made, "Duration of runs") == [float(run.deadline.value.amount)]
    assert limits(made, "Time since the last success") == [float(run.stale.value.amount)]


# What is there, and what is not


def test_a_panel_exists_only_if_the_runtime_exports_its_metrics(tmp_path: Path) -> None:
    titles = {runtime: {*shown(one(compiled(tmp_path, spec(runtime))))} for runtime in ("vllm", "torchserve", "triton")}
    assert {"Time to first token", "Tokens per second"} <= titles["vllm"]
    assert "GPU memory" in titles["vllm"]
    assert not {"Time to first token", "GPU memory"} & titles["triton"]
    assert "Canceled requests" in titles["triton"]
    assert not {"Latency", "Canceled requests"} & titles["torchserve"]


def test_an_embedding_model_has_no_latency_of_tokens(tmp_path: Path) -> None:
    made = one(compiled(tmp_path, spec("vllm", problem__task="embedding")))
    assert "Time to first token" not in shown(made)


def test_a_slice_has_no_utilization_of_its_own(tmp_path: Path) -> None:
    whole = shown(one(compiled(tmp_path, spec("vllm"))))
    changes = {"platform__accelerators": {"l4": {"slice": True}}}
    sliced = shown(one(compiled(tmp_path, spec("vllm", **changes))))
    assert "GPU utilization" in whole
    assert "GPU utilization" not in sliced
    assert "GPU memory" in sliced


def test_an_environment_without_monitoring_has_no_dashboard(tmp_path: Path) -> None:
    made = spec(environments={"prod": {"runs": ["serving"]}}, serving__endpoint={"hosts": ["a.example.com"]})
    assert found(compiled(tmp_path, made)) == []


# Identity


def test_links_to_a_dashboard_and_to_its_panels_outlive_a_change_of_the_spec(tmp_path: Path) -> None:
    before = one(compiled(tmp_path, spec()))
    more = {"constraints__latency": {"p95": "50ms", "p99": "100ms"}, "constraints__availability": "99.9%"}
    after = one(compiled(tmp_path, spec(release__version=8, **more)))
    assert before["uid"] == after["uid"] == "fraud-default"
    ids = [{title: panel["id"] for title, panel in shown(made).items()} for made in (before, after)]
    assert ids[0].items() < ids[1].items()


def test_no_two_environments_share_a_uid(tmp_path: Path) -> None:
    places = {name: {"spec": {"serving": {"endpoint": {"hosts": [f"{name}.example.com"]}}}} for name in ("a", "b")}
    made = spec(environments=places, monitoring={"dashboard": {"uid": "stop-fraud"}}, serving__endpoint={})
    assert [each["uid"] for each in found(compiled(tmp_path, made))] == ["stop-fraud-a", "stop-fraud-b"]


def test_a_long_name_is_shortened_to_what_grafana_accepts(tmp_path: Path) -> None:
    uids = []
    for name in ("production-eu-central-a", "production-eu-central-b"):
        made = spec(metadata__name="fraud-scorer-for-card-payments", environments={name: {}})
        uids.append(one(compiled(tmp_path, made))["uid"])
    assert [len(uid) <= 40 for uid in uids] == [True, True]
    assert uids[0] != uids[1]


def many(services: int) -> dict[str, Any]:
    """A system of language models with long names, each with all metrics."""
    made = spec("vllm", metadata__name="a-system-with-a-long-name", platform__prometheus__namespace="monitoring")
    serving = made.pop("serving")
    made["services"] = {
        f"service-with-a-long-name-{index}": {**serving, "endpoint": {"hosts": [f"{index}.example.com"]}}
        for index in range(services)
    }
    made["constraints"] |= {"latency": {"p95": "10s", "p99": "20s"}, "firstToken": {"p95": "1s", "p99": "2.5s"}}
    return made


def test_services_that_share_a_dashboard_leave_room_for_kubectl_apply(tmp_path: Path) -> None:
    result = compiled(tmp_path, many(TOGETHER))
    assert "MLS041" not in {each.id for each in result.diagnostics}
    (text,) = [text for path, text in files(result).items() if "dashboard" in path]
    assert len(text) < APPLIED.most
    fits(one(result))


def test_a_system_of_many_services_has_a_dashboard_for_each(tmp_path: Path) -> None:
    made = found(compiled(tmp_path, many(TOGETHER + 1)))
    assert len(made) == TOGETHER + 1
    assert len({each["uid"] for each in made}) == TOGETHER + 1
    for each in made:
        fits(each)


# How it gets into Grafana


def test_the_sidecar_finds_its_label_and_its_folder(tmp_path: Path) -> None:
    of = emitted(tmp_path, monitoring={"dashboard": {"folder": "Machine learning"}})
    metadata = of.one("ConfigMap", "fraud-dashboard")["metadata"]
    assert metadata["labels"]["grafana_dashboard"] == "1"
    assert metadata["annotations"] == {"grafana_folder": "Machine learning"}


def test_the_label_is_the_platforms_choice(tmp_path: Path) -> None:
    own = {"sidecar": {"labels": {"grafana_dashboard": None, "dashboards.example.com/team": "payments"}}}
    of = emitted(tmp_path, platform__providers__dashboards=own)
    labels = of.one("ConfigMap", "fraud-dashboard")["metadata"]["labels"]
    assert labels["dashboards.example.com/team"] == "payments"
    assert "grafana_dashboard" not in labels


def test_the_operator_gets_the_same_dashboard(tmp_path: Path) -> None:
    changes = {"platform__dashboards__provider": "grafana-operator", "monitoring": {"dashboard": {"folder": "Models"}}}
    of = emitted(tmp_path, **changes)
    made = of.one("GrafanaDashboard", "fraud-dashboard")["spec"]
    plain = json.loads(emitted(tmp_path).one("ConfigMap", "fraud-dashboard")["data"]["fraud-default.json"])
    assert json.loads(made.pop("json")) == plain
    assert made == {
        "allowCrossNamespaceImport": True,
        "instanceSelector": {"matchLabels": {"dashboards": "grafana"}},
        "folder": "Models",
        "uid": plain["uid"],
    }


def test_a_file_is_not_applied(tmp_path: Path) -> None:
    result = compile_text(tmp_path, minimal(platform={"dashboards": {"provider": "file"}}))
    paths = result.bundles["default"].files
    assert "monitoring/dashboard.json" in paths
    assert "dashboard" not in paths["kustomization.yaml"]
    fits(one(result))


def test_none_means_none(tmp_path: Path) -> None:
    assert found(compile_text(tmp_path, minimal(platform={"dashboards": {"provider": "none"}}))) == []
