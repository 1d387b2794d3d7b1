"""No decision that a user cannot override: every field that a memo names decides its line, and does so alone."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

import mlspec
from mlspec.compiler.answer.memo import Memo, memo

from .canaries import GUARDS
from .online import refused
from .support import EXAMPLES, ROOT, compile_text, minimal, objects

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)

HARM = "rollout.stages=[{{canary: {{detect: [{{metric: {}, from: 1%, to: 2%}}]}}}}]"
LIMIT = "rollout.rollbackWhen=[{{metric: {}, max: 2%, minSamples: 77}}]"

OTHERWISE: tuple[tuple[str, str, str], ...] = (
    # what a line is called, the field with its value, and what the line then says
    ("minimum replicas", "replicas.min=1", "1 replica"),
    ("maximum replicas", "replicas.max=40", "40 replicas"),
    ("CPU per replica", "resources.cpu=7", "7 cores"),
    ("memory per replica", "resources.memory=77Gi", "77Gi"),
    ("requests that may wait", "queue=7", "7 requests"),
    ("shared memory", "container.sharedMemory=777Mi", "777Mi"),
    ("task", "llm.task=generation", "generation"),
    ("disk per replica", "resources.ephemeralStorage=77Gi", "77Gi"),
    ("disk per pod", "resources.ephemeralStorage=77Gi", "77Gi"),
    ("target per replica", "replicas.target=3.5", "3.5 requests"),
    ("fallback replicas", "replicas.fallback=3", "3 replicas"),
    ("load time", "load=77s", "77s"),
    ("progress deadline", "rollout.progressDeadline=1777s", "29m 37s"),
    ("request timeout", "endpoint.timeout=7s", "7s"),
    ("requests that pass the route", "endpoint.throughGateway=50%", "50%"),
    ("preStop delay", "container.drain.preStop=17s", "17s"),
    ("drain timeout", "container.drain.timeout=177s", "2m 57s"),
    ("shadow duration", "rollout.stages=[{shadow: {duration: 7h}}, {canary: {}}]", "7h"),
    ("shadow replicas", "rollout.stages=[{shadow: {replicas: 7}}, {canary: {}}]", "7 replicas"),
    ("availability, requests to detect a regression", HARM.format("error-rate"), "2,319 requests"),
    ("(latency|first-token)-.*, requests to detect a regression", HARM.format("slow-rate"), "2,319 requests"),
    ("duration of the .*% step", "rollout.stages=[{canary: {stepDuration: 6h}}]", "6h"),
    ("availability limit (at|in) .*", LIMIT.format("error-rate"), "2% of requests"),
    ("availability minimum (at|in) .*", LIMIT.format("error-rate"), "77 requests"),
    ("latency-.* limit (at|in) .*", LIMIT.format("slow-rate"), "2% of requests"),
    ("latency-.* minimum (at|in) .*", LIMIT.format("slow-rate"), "77 requests"),
    ("first-token-.* limit at .*", LIMIT.format("slow-rate, of: first-token-p95"), "2% of requests"),
    ("first-token-.* minimum at .*", LIMIT.format("slow-rate"), "77 requests"),
    ("availability, target", "constraints.availability=99%", "99%"),
    ("latency-p95, histogram bucket", "constraints.latency.p95=5s", "5s"),
    ("latency-p99, histogram bucket", "constraints.latency.p99=5s", "5s|4.13043s"),  # the nearest bucket below
    ("first-token-p95, histogram bucket", "constraints.firstToken.p95=5s", "5s"),
    ("headroom: unused budget", "constraints.budget=9999999 USD/month", r"999\d{4}\.\d+ USD/month"),
    ("window", "monitoring.drift.window=7d", "7d"),
    ("sample per window", "monitoring.drift.minSamples=777", "777 rows"),
    ("(features|prediction), rows for a verdict", "monitoring.drift.minSamples=777", "777 rows"),
    ("observations for a verdict", "monitoring.quality.minSamples=777", "777 observations"),
    ("features, drift threshold", "monitoring.drift.features.threshold=5.5", "5.5 PSI"),
    ("prediction, drift threshold", "monitoring.drift.prediction.threshold=5.5", "5.5 PSI"),
    ("parallel pods", "parallel=1", "1 pod"),
    ("time between runs", "schedule=0 4 * * 1", "7d"),
    ("Batch / deadline", "constraints.deadline=77m", "1h 17m"),
    ("page if no success after", "constraints.deadline=77m", "1h 22m"),
    ("retries per partition", "retries=7", "7 retries"),
    ("CPU per pod", "resources.cpu=7", "7 cores"),
    ("memory per pod", "resources.memory=77Gi", "77Gi"),
    ("scheduled", "retraining.schedule=null", "no"),
    ("hyperparameter search", "training.tuning={when: every-run, trials: 2}", "yes"),
    ("Training / shared volume", "training.storage=40Gi", "40Gi"),
    ("Training / deadline", "training.deadline=77m", "1h 17m"),
    ("retries", "training.retries=7", "7 retries"),
    ("mlspec checks the data contract", "training.steps.contract=false", "no"),
    ("delay of the recorder", "monitoring.capture.hop=7ms", "7ms.*"),
    ("accelerators per replica", "resources.accelerator={type: h100, count: 4}", "4 x h100"),
    ("maximum model age", "retraining.maxModelAge=77d", "77d"),
    ("probability of one of the best 5%", "training.tuning.trials=10", r"40\.1%"),
    ("largest .* gap by .*", "constraints.fairness=[{metric: recall, between: age_group, maxGap: 7%}]", "7%"),
    ("knowledge updated every", "llm.knowledge.maxAge=77d", "77d"),
    ("proposed source of knowledge", "llm.knowledge={tokens: 100}", "the prompt"),
    ("concurrent sequences", "batching.maxSize=7", "7 sequences"),
    ("prompt tokens per step", "llm.promptChunk=777", "777 tokens"),
    ("Routing / provider", "alerting.provider=alertmanager", "alertmanager"),
    ("receiver of pages", "alerts.page=support-ml", "support-ml"),
    ("receiver of tickets", "alerts.ticket=support-ml", "support-ml"),
    ("receiver of requests to train", "alerting.retraining=support-ml", "support-ml"),
    ("requests to train, repeated after", "cooldown=4d", "4d"),
    ("pages, wait for the first", "pages.wait=77s", "77s"),
    ("pages, interval of changes", "pages.interval=7m", "7m"),
    ("pages, repeated after", "pages.repeat=7h", "7h"),
    ("tickets, wait for the first", "tickets.wait=77s", "77s"),
    ("tickets, interval of changes", "tickets.interval=7m", "7m"),
    ("tickets, repeated after", "tickets.repeat=7h", "7h"),
)  # fmt: skip
"""Patterns. A field that is not written from the root is that of the line's service."""

ELSEWHERE = {
    "progressive rollout": "a test of its own: with one, its steps take the place of the line",
    "runtime": "given: without one there is no service",
    "scaling signal": "a test of its own: not every runtime exports both",
    r".*, (page|ticket) \(.*\)": "a test of its own: the titles change",
    "throughput per replica": "a test of its own: a measurement takes the place of the estimate",
}
"""Lines with a field that the table leaves to other tests, and why."""


FOLLOWS = {
    "(Problem|Model) / .*": "what the spec says, and its candidates side by side",
    "Data / .*": "sums of what sources, labels, gates, and the split say",
    "Peak / .*": "replicas, rollouts and `platform.quota`",
    "Cost / .*": "replicas, lengths, sizes, labels, and prices",
    "Features / .*": "`freshness` and `schedule`",
    "Memory / .*": "the model, how it is tuned, and the accelerators of training",
    "Accelerators / .*": "`fit`, `tokens`, the model, the deadline, `constraints.accelerators`, and prices",
    "Hyperparameter / .*": "`fit`, trials, folds, the resources of training, and prices",
    "Knowledge / cost of .*": "chunks, the traffic, the accelerator, the training, and prices",
    "share of the knowledge that a prompt holds": "`llm.knowledge.tokens` and `llm.tokens`",
    "Evaluation / .*": "the test rows, the labels and the gates",
    "Age / .*": "`retraining.schedule` and `decay`, `monitoring.quality`, labels, fits and the rollout",
    "bar for the live version, .*": "`monitoring.quality` and the result of the live version",
    "newest label at most": "`data.labels.delay` and `monitoring.interval`",
    "Drift / reference sample": "the rows to learn from, or of a window",
    "replicas for the .*": "traffic, times and `platform.planning`",
    "headroom: (maximum sustainable rate|time until the next run)": "traffic, times and `platform.planning`",
    "headroom: p[0-9]+ (latency|time to first token)": "times, traffic, hops, and calls",
    "time until a new replica serves|rate without new replicas": "times, the scrape interval, and `planning.nodeWait`",
    "error budget of a jump to the peak": "traffic, `ramp`, and the availability",
    "full context fits|memory for the KV cache|typical sequences that fit|weights": "the model and its devices",
    "prefill time|decode step time": "the accelerator and its two efficiencies",
    "fetch time": "sizes and `platform.planning.download`",
    "startup time(| of the shadow)": "`load` and `warmup`",
    "(memory|disk) per shadow replica": "`resources`, or the size of the shadow",
    "request timeout|time that a request may take|listener of the GRPCRoute": "the gateway's provider and `protocol`",
    "termination grace period": "`preStop` and `drain`",
    "rollout duration": "its steps",
    "probability of (rolling back|waiting with) a good version": "the steps and their windows",
    "probability that .* misses a bad version": "the steps and their windows",
    ".* to detect at .*": "the traffic, the objective, and `detect`",
    "error budget spent at .*": "the traffic, the steps, the guards, and the availability",
    "judgment of the shadow stage|the judgment looks back": "the shadow stage",
    "shadow duration after startup|required uptime of a shadow": "the shadow stage and the load time",
    "probability of waiting at .*": "the trough, the steps and their windows",
    ".* against the live version at .*": "the traffic, the limit and `platform.planning.risk`",
    ".*, target": "the percentile that is bounded",
    "Batch / (items per partition|sequential rounds)": "items, parts and `parallel`",
    "time of a run": "rounds, items and `rate`",
    "rate that the deadline needs": "rounds, items and `deadline`",
    "Training / (trained model|fit time per run|fits per run)": "the model's name, `fit`, trials and folds",
    "Training / served by another system": "the models that services name",
    "Drift / .* by .*, (threshold|rows)": "those of all rows, and the values of the column",
    "(Batch|Training) / (start deadline|alert if no success for)": "the schedule and the deadline",
}
"""Lines without a field: what they follow from, which has one."""


def lines(said: tuple[Memo, ...]) -> list[tuple[str, str, str, str]]:
    """Environment and area, title, text and field of every line."""
    return [
        (f"{m.environment} {a.title}", x.title, x.value, x.field) for m in said for a in m.areas for x in a.decisions
    ]


@cache
def told(spec: Path, *settings: str) -> list[tuple[str, str, str, str]]:
    """Every line of the memos of a spec with some settings. Several lines need the same memos."""
    return lines(memos(spec, *settings))


def memos(spec: Path, *settings: str) -> tuple[Memo, ...]:
    return tuple(memo(environment) for environment in mlspec.compile(spec, settings=settings)._compiled.environments)


@EACH
def test_a_decision_without_a_field_follows_from_some_that_have_one(example: Path) -> None:
    for area, title, _, field in told(example / "mlspec.yaml"):
        assert field or any(called(pattern, area, title) for pattern in FOLLOWS), (area, title)


def called(pattern: str, area: str, title: str) -> bool:
    return bool(re.fullmatch(pattern, title) or re.fullmatch(pattern, f"{area.split(' ')[1]} / {title}"))


@pytest.mark.exhaustive
@EACH
def test_every_decision_with_a_field_is_decided_by_it(example: Path) -> None:
    path = example / "mlspec.yaml"
    for area, title, _, field in told(path):
        if not field or any(called(pattern, area, title) for pattern in ELSEWHERE):
            continue
        row = next((row for row in OTHERWISE if called(row[0], area, title)), None)
        assert row is not None, f"{area}, {title} is decided by {field}, and no test writes it"
        pattern, setting, expected = row
        written, _, value = setting.partition("=")
        assert field.endswith(written) or written.startswith(field), (title, field)
        whole = field if field.endswith(written) else written
        after = told(path, f"{whole}={value}")
        same = {text for place, other, text, _ in after if place == area and called(pattern, place, other)}
        assert same, (title, whole)
        assert all(re.fullmatch(expected, text) for text in same), (title, whole, same)


# What the fields do, worked by hand


def one(*settings: str) -> dict[str, str]:
    """Every line of the minimal example's memo, by its title."""
    found = told(ROOT / "examples" / "minimal" / "mlspec.yaml", *settings)
    return {title: text for _, title, text, _ in found}


def emitted(tmp_path: Path, kind: str, **changes: object) -> dict[str, Any]:
    result = compile_text(tmp_path, minimal(**changes))
    assert [d for d in result.diagnostics if d.severity == "error"] == []
    return cast(dict[str, Any], objects(result, kind)[0])


def errors(tmp_path: Path, **changes: object) -> list[str]:
    found = compile_text(tmp_path, minimal(**changes)).diagnostics
    return [f"{d.id}: {d.message}" for d in found if d.severity == "error"]


def test_pairs_of_windows_of_ones_own(tmp_path: Path) -> None:
    """3 % of 720 h in 2 h: 0.03 x 360 = 10.8 times 0.5 % is 5.4 %; the short window is a twelfth, 10 min."""
    burn = [
        {"severity": "ticket", "budget": "50%", "long": "3d", "short": "1d"},
        {"severity": "page", "budget": "3%", "long": "2h"},
    ]
    rules = emitted(tmp_path, "PrometheusRule", monitoring__slo={"burn": burn, "minEvents": 7})
    [group] = [g for g in rules["spec"]["groups"] if g["name"] == "mlspec-digit-reader-availability"]
    recorded = [rule["record"] for rule in group["rules"] if "record" in rule]
    assert recorded[:4] == [f"mlspec:sli_error:ratio_rate{window}" for window in ("10m", "2h", "1d", "3d")]
    assert recorded[4:] == ["mlspec:sli_bad:increase2h", "mlspec:sli_bad:increase3d"]
    page, ticket = (rule for rule in group["rules"] if "alert" in rule)
    assert (page["labels"]["severity"], ticket["labels"]["severity"]) == ("page", "ticket")
    assert page["expr"].count("> 0.054") == 2
    assert "ratio_rate10m{" in page["expr"]
    assert 'increase2h{service="digit-reader",namespace="default",slo="availability"} >= 7' in page["expr"]
    assert ticket["expr"].count("> 0.025") == 2  # 50 % of 30 d in 3 d: 5 times 0.5 %


def test_a_short_window_is_within_its_long_one(tmp_path: Path) -> None:
    burn = [{"severity": "page", "budget": "2%", "long": "1h", "short": "2h"}]
    assert errors(tmp_path, monitoring__slo={"burn": burn}) == [
        "MLS008: the short window of 2h is not shorter than the long window of 1h"
    ]


def test_the_autoscaler_follows_what_it_is_told_to(tmp_path: Path) -> None:
    """Triton exports both; a queue of 5 is the default target, and the spec sets 2.5."""
    queue = emitted(tmp_path, "ScaledObject", serving__replicas={"signal": "queue"})["spec"]["triggers"][0]
    assert "nv_inference_pending_request_count" in queue["metadata"]["query"]
    assert queue["metadata"]["threshold"] == "5"
    made = emitted(tmp_path, "ScaledObject", serving__replicas={"signal": "queue", "target": 2.5, "fallback": 3})
    assert made["spec"]["triggers"][0]["metadata"]["threshold"] == "2.5"
    assert made["spec"]["fallback"]["replicas"] == 3


def test_a_signal_that_the_runtime_does_not_export_is_refused(tmp_path: Path) -> None:
    found = refused(tmp_path, "tensorflow-serving", serving__replicas={"signal": "queue"})
    assert found == ["MLS012: `tensorflow-serving` does not export a metric for the signal `queue`"]


def test_windows_that_may_fail_and_windows_of_a_step(tmp_path: Path) -> None:
    """One more may have too few requests than may fail: two fail, three have too few, and two are good."""
    made = {"failedWindows": 2, "stepWindows": 7}
    templates = compile_text(tmp_path, minimal(platform={"planning": made}))
    for template in objects(templates, "AnalysisTemplate"):
        ratio = {metric["name"]: metric for metric in cast(Any, template)["spec"]["metrics"]}["availability"]
        assert (ratio["count"], ratio["failureLimit"], ratio["inconclusiveLimit"]) == (7, 2, 3)


@pytest.mark.parametrize(("failed", "least"), [(0, 2), (1, 4), (3, 8), (10, 22)])
def test_an_analysis_that_could_pass_without_a_good_window_is_refused(failed: int, least: int, tmp_path: Path) -> None:
    """Of 8 windows, 3 may fail and 4 may have too few requests, so one is good; of 7, none has to be."""
    few = {"failedWindows": failed, "stepWindows": max(2, least - 1)}
    said = [d for d in compile_text(tmp_path, minimal(platform={"planning": few})).diagnostics if d.severity == "error"]
    if least > 2:
        (found,) = said
        assert found.id == "MLS008"
        assert found.message == f"{least - 1} windows at each step cannot judge a version if {failed} may fail"
        assert found.help == f"write `stepWindows: {least}` or more"
    obeyed = {"failedWindows": failed, "stepWindows": least}
    assert errors(tmp_path, platform={"planning": obeyed}) == []


def test_significance_and_power() -> None:
    """0.5 % to 7.2 %, mean 3.85 %: z of 99.5 % is 2.5758 and of 90 % 1.2816;
    (2.5758 x 0.27209 + 1.2816 x sqrt(0.004975 + 0.066816))^2 / 0.067^2 = (0.70085 + 0.34338)^2 / 0.004489 = 242.9.
    """
    usual, title = one(), "availability, requests to detect a regression"
    assert usual[title] == "129 requests"
    assert one("platform.planning.significance=1%", "platform.planning.power=90%")[title] == "243 requests"


def test_a_window_of_ones_own(tmp_path: Path) -> None:
    """Four windows of 7 min."""
    made = one("rollout.stages=[{canary: {window: 7m}}]")
    assert made["duration of the 5% step"] == "28m"
    judged = compile_text(tmp_path, minimal(rollout={"stages": [{"canary": {"window": "7m"}}]}))
    template = cast(Any, objects(judged, "AnalysisTemplate")[0])
    assert {metric["interval"] for metric in template["spec"]["metrics"] if metric["name"] not in GUARDS} == {"7m"}
    assert errors(tmp_path, rollout={"stages": [{"canary": {"window": "90s"}}]}) == [
        "MLS008: an analysis window of 90s is not possible"
    ]


def test_a_limit_on_slow_answers_and_the_fewest_that_count(tmp_path: Path) -> None:
    """The objective is 99% within 100 ms, and the alert pages above 14.4%."""
    condition = {"metric": "slow-rate", "of": "latency-p99", "max": "4%", "minSamples": 500}
    templates = compile_text(tmp_path, minimal(rollout={"rollbackWhen": [condition]}))
    metrics = {m["name"]: m for t in objects(templates, "AnalysisTemplate") for m in cast(Any, t)["spec"]["metrics"]}
    assert metrics["latency-p99"]["failureCondition"].endswith("> 0.04")
    assert metrics["latency-p99"]["provider"]["prometheus"]["query"].endswith(">= 500")
    assert not metrics["availability"]["failureCondition"].endswith("> 0.04")
    loose = errors(tmp_path, rollout={"rollbackWhen": [{**condition, "max": "20%"}]})
    assert loose == ["MLS210: the rollout tolerates 20% slow responses, but the page alert fires at 14.4%"]


def test_a_condition_of_nothing_is_refused(tmp_path: Path) -> None:
    condition = {"metric": "slow-rate", "of": "latency-p95", "max": "4%"}
    found = errors(tmp_path, rollout={"rollbackWhen": [condition]})
    assert found == ["MLS008: this condition on `slow-rate` has no effect"]
    condition["of"] = "p95"
    assert errors(tmp_path, rollout={"rollbackWhen": [condition]}) == [
        "MLS008: `p95` is neither a service nor an objective"
    ]


def test_how_full_is_too_full(tmp_path: Path) -> None:
    rules = emitted(tmp_path, "PrometheusRule", monitoring__saturation="60%")
    [alert] = [r for g in rules["spec"]["groups"] for r in g["rules"] if r.get("alert") == "ModelServiceSaturated"]
    assert alert["expr"].endswith("> 0.6")


def test_versions_a_month() -> None:
    """Each takes a pod of 0.041 USD per hour for two steps of 8 min and one of 20: 0.0246 USD, and ten take 0.25."""
    assert one()["canary pods of digit-reader"] == "0.02 USD/month"
    assert one("platform.planning.versions=10")["canary pods of digit-reader"] == "0.25 USD/month"


def test_a_pair_that_can_never_fire_is_no_alert(tmp_path: Path) -> None:
    """90 % of 720 h in one hour is 648 times 0.5 %: 324 % of requests."""
    burn = [{"severity": "page", "budget": share, "long": "1h"} for share in ("90%", "2%")]
    [found] = [
        d for d in compile_text(tmp_path, minimal(monitoring__slo={"burn": burn})).diagnostics if d.id == "MLS012"
    ]
    assert found.help == "write a smaller `budget` or a longer window: it cannot fire even if every request fails"


@pytest.mark.parametrize("of", [None, "digit-reader", "availability"])
def test_a_second_condition_on_the_same_requests_is_refused(of: str | None, tmp_path: Path) -> None:
    """The one that names the service or its only objective on failures leaves nothing to the other."""
    conditions: list[dict[str, str]] = [{"metric": "error-rate", "max": most} for most in ("1%", "2%")]
    if of is not None:
        conditions[1]["of"] = of
    assert errors(tmp_path, rollout={"rollbackWhen": conditions}) == [
        "MLS008: this condition on `error-rate` has no effect"
    ]


def test_a_condition_for_one_bound_and_one_for_the_others(tmp_path: Path) -> None:
    """5 % of requests may miss the bound on p95, and 1 % that on p99."""
    bounds = {"p95": "50ms", "p99": "100ms"}
    conditions = [{"metric": "slow-rate", "max": "8%"}, {"metric": "slow-rate", "of": "latency-p99", "max": "3%"}]
    templates = compile_text(tmp_path, minimal(constraints__latency=bounds, rollout={"rollbackWhen": conditions}))
    metrics = {m["name"]: m for t in objects(templates, "AnalysisTemplate") for m in cast(Any, t)["spec"]["metrics"]}
    assert metrics["latency-p95"]["failureCondition"].endswith("> 0.08")
    assert metrics["latency-p99"]["failureCondition"].endswith("> 0.03")
