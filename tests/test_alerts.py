"""The alerts of online services, run by promtool: each alert fires when it must, and otherwise stays silent.

The rules are those of the examples. Every alert in them must have its cases here, so a new alert without cases fails.
Budgets and bounds are written by hand. b is the budget, the share of requests that may be bad. The thresholds for a
month are 14.4 b over 1h and 5m, 6 b over 6h and 30m, 3 b over 1d and 2h, and 1 b over 3d and 6h. For four weeks, they
are 13.44, 5.6, 2.8, and 0.9333, and the cases below are on the same side of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mlspec

from .scenes import Phase, counter, labeled, promtool, proves
from .support import EXAMPLES, ROOT, dumped, files, loaded
from .validation import load

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)

BUDGETS = {
    ("digit-reader", "availability"): 0.005,
    ("digit-reader", "latency-p99"): 0.01,
    ("fraud-scorer", "availability"): 0.001,
    ("fraud-scorer", "latency-p99"): 0.01,
    ("feed-ranker", "availability"): 0.001,
    ("feed-ranker", "latency-p99"): 0.01,
    ("support-assistant-chat", "availability"): 0.005,
    ("support-assistant-chat", "latency-p95"): 0.05,
    ("support-assistant-chat", "first-token-p95"): 0.05,
    ("support-assistant-embedder", "availability"): 0.005,
    ("support-assistant-embedder", "latency-p95"): 0.05,
}
"""1 - availability, and 1 - the percentile of the bound."""

BOUNDS = {
    ("digit-reader", "latency-p99"): ("100", "100ms"),
    ("fraud-scorer", "latency-p99"): ("50", "50ms"),
    ("feed-ranker", "latency-p99"): ("121440", "121.44ms"),
    ("support-assistant-chat", "latency-p95"): ("20.0", "20s"),
    ("support-assistant-chat", "first-token-p95"): ("0.5", "500ms"),
    ("support-assistant-embedder", "latency-p95"): ("0.5", "500ms"),
}
"""The histogram's `le` as the runtime writes it, in its own unit, and the bound in words."""

SLOTS = {"digit-reader": 1, "fraud-scorer": 4, "feed-ranker": 8}
"""Concurrent requests of a replica, `serviceTime.at`."""


class Watched(NamedTuple):
    """One service of one environment, and the rules on it."""

    service: str
    namespace: str
    runtime: str
    model: str
    rules: list[dict[str, Any]]

    @property
    def target(self) -> dict[str, str]:
        """The labels that the operator gives every series of a pod."""
        job = f"{self.namespace}/{self.service}"
        return {"namespace": self.namespace, "job": job, "pod": f"{self.service}-5d9c-x7k2p"}

    def alerts(self, name: str | None = None) -> list[dict[str, Any]]:
        return [rule for rule in self.rules if "alert" in rule and name in (None, rule["alert"])]

    def of(self, slo: str) -> list[dict[str, Any]]:
        """The recording rules of one objective, and its alerts."""
        return [rule for rule in self.rules if rule["labels"].get("slo") == slo]


@cache
def watched(example: Path) -> list[Watched]:
    spec = loaded((example / "mlspec.yaml").read_text())
    result = mlspec.compile(example / "mlspec.yaml")
    services = spec.get("services", {spec["metadata"]["name"]: spec.get("serving")})
    if all(service["mode"] != "online" for service in services.values()):
        return []
    rules = [text for path, text in files(result).items() if "/monitoring/rules" in path]
    found = [_watched(services, load(text)["groups"]) for text in rules if "mlspec:model_info" in text]
    assert found, [diagnostic.message for diagnostic in result.diagnostics if diagnostic.severity == "error"]
    return found


def _watched(services: dict[str, Any], groups: list[dict[str, Any]]) -> Watched:
    rules = [rule for group in groups for rule in group["rules"]]
    labels = next(rule["labels"] for rule in rules if rule.get("record") == "mlspec:model_info")
    key = next(key for key in services if labels["service"] in (key, f"{labels['system']}-{key}"))
    return Watched(labels["service"], labels["namespace"], services[key]["runtime"], labels["model"], rules)


# The series that the runtimes export, according to their documentation


def counted(of: Watched, good: list[Phase], bad: list[Phase] | None) -> dict[str, str]:
    """Requests that succeed and requests that fail. None is for a runtime without a failure so far, and so without the
    series.
    """
    match of.runtime:
        case "triton":
            own = {**of.target, "model": of.model, "version": "1"}
            names = (
                labeled("nv_inference_request_success", **own),
                labeled("nv_inference_request_failure", **own, reason="BACKEND"),
            )
        case "tensorflow-serving":
            own = {**of.target, "model_name": of.model}
            series = ":tensorflow:serving:request_count"
            names = (labeled(series, **own, status="OK"), labeled(series, **own, status="INTERNAL"))
        case "vllm":
            own = {**of.target, "handler": "/v1/chat/completions", "method": "POST"}
            series = "http_requests_total"
            names = (labeled(series, **own, status="2xx"), labeled(series, **own, status="5xx"))
        case other:
            pytest.fail(f"nothing is known of the series of {other}")
    made = {names[0]: counter(*good)}
    return made if bad is None else {**made, names[1]: counter(*bad)}


def timed(of: Watched, slo: str, fast: list[Phase], slow: list[Phase], *, bucket: bool = True) -> dict[str, str]:
    """Requests within the bound and slower requests, as a histogram."""
    match of.runtime, slo.rpartition("-")[0]:
        case "triton", "latency":
            name, own = "nv_inference_first_response_histogram_ms", {"model": of.model, "version": "1"}
        case "tensorflow-serving", "latency":
            name, own = ":tensorflow:serving:request_latency", {"model_name": of.model, "API": "Predict"}
        case "vllm", "latency":
            name, own = "vllm:e2e_request_latency_seconds", {"model_name": of.model, "engine": "0"}
        case "vllm", "first-token":
            name, own = "vllm:time_to_first_token_seconds", {"model_name": of.model, "engine": "0"}
        case other:
            pytest.fail(f"nothing is known of the histogram of {other}")
    labels = {**of.target, **own}
    every = counter(*[(length, step + late) for (length, step), (_, late) in zip(fast, slow, strict=True)])
    made = {
        labeled(f"{name}_bucket", **labels, le="+Inf"): every,
        labeled(f"{name}_count", **labels): every,
    }
    le, _ = BOUNDS[of.service, slo]
    return {**made, labeled(f"{name}_bucket", **labels, le=le): counter(*fast)} if bucket else made


def answered(of: Watched, slo: str, *phases: tuple[int, float, float]) -> dict[str, str]:
    """Phases: minutes, requests per minute, and the share of bad requests."""
    good = [(length, rate * (1 - share)) for length, rate, share in phases]
    bad = [(length, rate * share) for length, rate, share in phases]
    return counted(of, good, bad) if slo == "availability" else timed(of, slo, good, bad)


# Budgets


class Burn(NamedTuple):
    """What happens, and whether the page and the ticket fire at some minute.

    A number is the share of bad requests in the alert's summary, as a multiple of the budget or as it is.
    """

    series: Callable[[Watched, str, float], dict[str, str]]
    minute: Callable[[float], int]
    page: str | None
    ticket: str | None


def burning(times: float) -> Callable[[Watched, str, float], dict[str, str]]:
    """For 70 minutes, the share of bad requests is a multiple of the budget."""
    return lambda of, slo, budget: answered(of, slo, (70, 1000, times * budget))


def spike(budgets: int) -> Callable[[Watched, str, float], dict[str, str]]:
    """Six hours without errors, a spike that uses the budget of some minutes, and an hour without errors."""
    return lambda of, slo, budget: answered(
        of, slo, (360, 1000, 0), (lasts(budgets, budget), 1000, depth(budget)), (60, 1000, 0)
    )


def depth(budget: float) -> float:
    return min(1.0, 100 * budget)


def lasts(budgets: int, budget: float) -> int:
    return round(budgets * budget / depth(budget))


def few(bad: int) -> Callable[[Watched, str, float], dict[str, str]]:
    """An hour without requests, then one bad request per minute."""
    return lambda of, slo, _: answered(of, slo, (60, 0, 0), (bad, 1, 1), (10, 0, 0))


def quiet(of: Watched, slo: str, _: float) -> dict[str, str]:
    return answered(of, slo, (400, 0, 0))


def nothing(_: Watched, __: str, ___: float) -> dict[str, str]:
    return {}


def never_bad(of: Watched, slo: str, _: float) -> dict[str, str]:
    """Before the first failure, there is no series of failures."""
    good = [(70, 1000.0)]
    return counted(of, good, None) if slo == "availability" else timed(of, slo, good, [(70, 0.0)])


BURNS: dict[str, Burn] = {
    # 1500 b minutes are 25 b over one hour, 12.5 b over two, and 4.2 b over six: of the page, only 1h/5m
    "a spike, when it ends": Burn(spike(1500), lambda b: 360 + lasts(1500, b), "depth", "12.5"),
    "a spike, a quarter of an hour later": Burn(spike(1500), lambda b: 375 + lasts(1500, b), None, "12.5"),
    # 500 b minutes are 8.3 b over one hour and 1.39 b over six, and over one and three days, with data for six hours
    "a short spike": Burn(spike(500), lambda b: 360 + lasts(500, b), None, str(500 / 360)),
    "eight times the budget": Burn(burning(8), lambda _: 65, "8", "8"),  # only 6h/30m of the page, with threshold 6
    "four times the budget": Burn(burning(4), lambda _: 65, None, "4"),  # only 1d/2h of the ticket, with threshold 3
    "twice the budget": Burn(burning(2), lambda _: 65, None, "2"),  # only 3d/6h of the ticket, with threshold 1
    "half the budget": Burn(burning(0.5), lambda _: 65, None, None),
    "two bad requests of two": Burn(few(2), lambda _: 65, None, None),
    "five bad requests of five": Burn(few(5), lambda _: 65, "all", "all"),
    "no traffic": Burn(quiet, lambda _: 390, None, None),
    "no data": Burn(nothing, lambda _: 390, None, None),
    "no failure yet": Burn(never_bad, lambda _: 65, None, None),
}


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("case", BURNS)
def test_budget_burn(example: Path, case: str, tmp_path: Path) -> None:
    burn = BURNS[case]
    for of, slo in objectives(example):
        budget = BUDGETS[of.service, slo]
        rules = of.of(slo)
        expected = []
        for alert in (rule for rule in rules if "alert" in rule):
            said = burn.page if alert["labels"]["severity"] == "page" else burn.ticket
            expected.append((burn.minute(budget), alert, None if said is None else summary(alert, said, budget)))
        proves(tmp_path, rules, burn.series(of, slo, budget), expected, every="5m")


def objectives(example: Path) -> Iterator[tuple[Watched, str]]:
    for of in watched(example):
        for slo in dict.fromkeys(rule["labels"]["slo"] for rule in of.alerts() if "slo" in rule["labels"]):
            yield of, slo


def summary(alert: dict[str, Any], said: str, budget: float) -> str:
    """The summary that the on-call engineer reads, with the share of bad requests calculated by hand."""
    share = {"depth": depth(budget), "all": 1.0}.get(said)
    percent = 100 * (float(said) * budget if share is None else share)
    service, slo = alert["labels"]["service"], alert["labels"]["slo"]
    target = f"{100 - 100 * budget:.4g}%"
    if slo == "availability":
        return f"{service}: {percent:.4g}% of requests are failing; {target} should succeed"
    slow = next((said for kind, said in SLOW.items() if slo.startswith(kind)), "")
    return f"{service}: {percent:.4g}% of {slow} than {BOUNDS[service, slo][1]}; {target} should be faster"


SLOW = {
    "latency": "requests are slower",
    "first-token": "first tokens take longer",
    "inter-token": "tokens take longer",
}
"""What is too slow, by the kind of the objective: a histogram of tokens has a sample of each."""


@pytest.mark.slow
@EACH
def test_a_histogram_without_the_bucket_alerts(example: Path, tmp_path: Path) -> None:
    """An objective on a bucket that does not exist would select nothing, and stay silent forever."""
    for of, slo in objectives(example):
        if slo == "availability":
            continue
        series = timed(of, slo, [(70, 1000.0)], [(70, 0.0)], bucket=False)
        alerts = [rule for rule in of.of(slo) if "alert" in rule]
        told = [(65, alert, summary(alert, "all", BUDGETS[of.service, slo])) for alert in alerts]
        proves(tmp_path, of.of(slo), series, told, every="5m")


# Health


def up(of: Watched, first: str, second: str | None = None) -> dict[str, str]:
    """Whether the replicas answer the scrape. The second one is another pod."""
    made = {labeled("up", **of.target): first}
    return made if second is None else {**made, labeled("up", **{**of.target, "pod": "other"}): second}


def waits(of: Watched, values: str) -> dict[str, str]:
    """The requests in the queue of one replica."""
    own = {**of.target, "model_name": of.model, "engine": "0"}
    return {**up(of, "1x90"), labeled("vllm:num_requests_waiting", **own): values}


def busy(of: Watched, share: float, length: int = 60) -> dict[str, str]:
    """Two replicas with a share of their capacity in use."""
    alive = up(of, f"1x{length + 30}", f"1x{length + 30}")
    match of.runtime:
        case "vllm":
            own = {**of.target, "model_name": of.model, "engine": "0"}
            return {**alive, labeled("vllm:kv_cache_usage_perc", **own): f"0.1x29 {share:g}x{length}"}
        case "triton":
            name, own = "nv_inference_request_duration_us", {**of.target, "model": of.model, "version": "1"}
        case "tensorflow-serving":
            name = ":tensorflow:serving:request_latency_sum"
            own = {**of.target, "model_name": of.model, "API": "Predict"}
        case other:
            pytest.fail(f"nothing is known of how busy {other} is")
    step = share * 2 * SLOTS[of.service] * 60 * 1e6  # microseconds of work in a minute of two replicas
    return {**alive, labeled(name, **own): counter((30, 0), (length, step))}


def rollout(
    of: Watched,
    phase: str,
    label: str = "namespace",
    *,
    name: str | None = None,
    namespace: str | None = None,
    values: str = "1x60",
) -> dict[str, str]:
    """What Argo Rollouts exports of a Rollout: one series, for the phase that it is in.

    A scrape adds the namespace of the controller, unless it keeps the series' own labels.
    """
    own = {"namespace": "argo-rollouts", label: namespace or of.namespace, "name": name or of.service}
    return {labeled("rollout_info", **own, strategy="canary", phase=phase): values}


HELD = "the rollout waits, because the new version gets too few requests for a verdict, or an engineer paused it"
ABORTED = "the new version was rolled back, and the old version stays live"


Case = tuple[Callable[[Watched], dict[str, str]], int, str | None]

HEALTH: dict[str, list[Case]] = {
    "ModelServiceAbsent": [
        (lambda _: {}, 5, "Prometheus cannot scrape any replica, so no other alert can fire"),
        (lambda of: up(of, "0x60", "0x60"), 5, "Prometheus cannot scrape any replica, so no other alert can fire"),
        (lambda of: up(of, "1x20 stale"), 40, "Prometheus cannot scrape any replica, so no other alert can fire"),
        (lambda _: {}, 4, None),
        (lambda of: up(of, "0x60", "1x60"), 40, None),
        (lambda of: up(of, "1x20 0x3 1x40"), 25, None),  # a restart of Prometheus, or of the pod
    ],
    "ModelReplicaDown": [
        (lambda of: up(of, "0x60", "1x60"), 40, "Prometheus cannot scrape 1 of the replicas"),
        (lambda of: up(of, "0x60", "0x60"), 40, "Prometheus cannot scrape 2 of the replicas"),
        (lambda of: up(of, "0x60", "1x60"), 14, None),  # a replica that is loading its model
        (lambda of: up(of, "0x10 stale", "1x60"), 40, None),  # a replica that is gone
        (lambda of: up(of, "1x60", "1x60"), 40, None),
    ],
    "ModelServiceSaturated": [
        (lambda of: busy(of, 0.9), 55, "90% of the capacity is in use; the limit is 85%"),
        (lambda of: busy(of, 0.8), 55, None),
        (lambda of: busy(of, 0.9), 42, None),  # a spike before the autoscaler reacts
        (lambda of: up(of, "1x90"), 55, None),  # no request yet
    ],
    "ModelRequestsWait": [
        (lambda of: waits(of, "5x60"), 40, "5 requests wait, and some have all the time"),
        (lambda of: waits(of, "0x20 5x60"), 30, None),
        (lambda of: waits(of, "0x60"), 40, None),
    ],
    "ModelRolloutHeld": [
        (lambda of: rollout(of, "Paused"), 5, HELD),
        (lambda of: rollout(of, "Paused", "exported_namespace"), 5, HELD),  # the scrape keeps the controller's labels
        (lambda of: rollout(of, "Paused", values="_x10 1x60"), 15, HELD),
        (lambda of: rollout(of, "Paused"), 1, None),  # the controller may only be about to go on
        (lambda of: rollout(of, "Paused", values="1x3 stale"), 10, None),  # promoted
        (lambda of: rollout(of, "Progressing"), 30, None),
        (lambda of: rollout(of, "Healthy"), 30, None),
        (lambda of: rollout(of, "Degraded"), 30, None),
        (lambda of: rollout(of, "Paused", name="another"), 30, None),
        (lambda of: rollout(of, "Paused", namespace="another"), 30, None),
        (lambda of: rollout(of, "Paused", "exported_namespace", namespace="another"), 30, None),
        (lambda _: {}, 30, None),  # no controller that exports it
    ],
    "ModelRolloutAborted": [
        (lambda of: rollout(of, "Degraded"), 5, ABORTED),
        (lambda of: rollout(of, "Degraded", "exported_namespace"), 5, ABORTED),
        (lambda of: rollout(of, "Degraded", values="1x60 stale"), 90, None),  # the next release
        (lambda of: rollout(of, "Paused"), 30, None),
        (lambda of: rollout(of, "Progressing"), 30, None),
        (lambda of: rollout(of, "Healthy"), 30, None),
        (lambda of: rollout(of, "Degraded", name="another"), 30, None),
        (lambda of: rollout(of, "Degraded", namespace="another"), 30, None),
        (lambda _: {}, 30, None),
    ],
    "ModelTooOld": [],  # tested below: it depends only on the clock
    "ModelShadowDown": [],  # in test_shadow.py, like the next two
    "ModelShadowIdle": [],
    "ModelShadowFailing": [],
    "ModelRequestsHang": [],  # in test_outages.py, like the next nine
    "ModelTrafficGone": [],
    "ModelRequestsCanceled": [],
    "ModelServiceFlapping": [],
    "ModelReplicaFlapping": [],
    "ModelReplicaRestarting": [],
    "ModelReplicasMissing": [],
    "ModelPodMetricsAbsent": [],
    "ModelAutoscalerAtMaximum": [],
    "ModelAutoscalerFailing": [],
    "GPUFailed": [],  # in test_gpu_alerts.py, like the next two
    "GPUMemoryUnrepaired": [],
    "GPUIdle": [],
    "CaptureLossy": [],  # in test_loop_alerts.py
    "CaptureUnread": [],
    "CaptureAbsent": [],
}


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("name", [name for name, cases in HEALTH.items() if cases])
def test_health(example: Path, name: str, tmp_path: Path) -> None:
    for of in watched(example):
        for alert in of.alerts(name):
            for series, minute, said in HEALTH[name]:
                proves(tmp_path, [alert], series(of), [(minute, alert, said and f"{of.service}: {said}")])


@EACH
def test_a_model_is_too_old_after_its_limit(example: Path, tmp_path: Path) -> None:
    """The clock of a test starts in 1970, so the day of training is set to that, and the limit to two hours."""
    for of in watched(example):
        for alert in of.alerts("ModelTooOld"):
            trained, oldest = re.fullmatch(r"vector\(time\(\) - ([0-9]+)\) > ([0-9]+)", alert["expr"]).groups()  # type: ignore[union-attr]
            assert datetime.fromtimestamp(int(trained), UTC).year >= 2020
            assert alert["annotations"]["summary"].endswith(f"ago; the limit is {int(oldest) // 86400}d")
            moved = {**alert, "expr": alert["expr"].replace(trained, "0").replace(oldest, "7200")}
            told = alert["annotations"]["summary"].replace("{{ $value | humanizeDuration }}", "2h 1m 0s")
            proves(tmp_path, [moved], {}, [(121, moved, told), (120, moved, None)])


# All of them


@EACH
def test_every_alert_has_its_cases(example: Path) -> None:
    for of in watched(example):
        for alert in of.alerts():
            if alert["alert"] in ("ModelErrorBudgetBurn", "ModelLatencyBudgetBurn"):
                assert (of.service, alert["labels"]["slo"]) in BUDGETS
            else:
                assert alert["alert"] in HEALTH, "an alert without a proof"


def test_every_case_has_its_alert() -> None:
    """An alert in no example is not tested."""
    every = [alert for example in EXAMPLES for of in watched(example) for alert in of.alerts()]
    assert {alert["alert"] for alert in every} == {"ModelErrorBudgetBurn", "ModelLatencyBudgetBurn", *HEALTH}
    assert {(a["labels"]["service"], a["labels"]["slo"]) for a in every if "slo" in a["labels"]} == set(BUDGETS)


@EACH
def test_rules_pass_promtool_without_a_warning(example: Path, tmp_path: Path) -> None:
    for of in watched(example):
        text = dumped({"groups": [{"name": "all", "rules": of.rules}]})
        (tmp_path / "rules.yaml").write_text(text)
        done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
        assert done.returncode == 0, done.stdout + done.stderr


@EACH
def test_every_alert_names_its_receiver_and_its_runbook(example: Path) -> None:
    spec = loaded((example / "mlspec.yaml").read_text())
    receivers = spec.get("monitoring", {}).get("alerts", {})
    for of in watched(example):
        for alert in of.alerts():
            labels, told = alert["labels"], alert["annotations"]
            assert labels["receiver"] == receivers.get(labels["severity"], spec["metadata"]["owner"])
            assert labels["namespace"] == of.namespace, "the operator's Alertmanager routes by namespace"
            assert told["runbook_url"] == spec["metadata"]["links"]["runbook"]
            assert "{{" not in told["impact"]


def test_the_examples_are_found() -> None:
    assert {example.name for example in EXAMPLES if watched(example)} >= {"minimal", "fraud-scorer", "feed-ranker"}
    assert all(example.is_relative_to(ROOT) for example in EXAMPLES)
