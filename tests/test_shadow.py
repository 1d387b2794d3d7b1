"""The judgment of a shadow, and the alerts on it: promtool runs the queries, and the numbers are worked out by hand.

In production, the example mirrors 10% of the requests for a day. At its trough of 6 per second, those are 51,840, and a
quarter of them is the minimum: 12,960, or 9 per minute. Of the 1,440 minutes, a new replica waits 2 for a node, and
takes 91 s to fetch the image and the model and 20 s to start; it has to answer in 90% of the rest, 1,292 minutes. The
judgment looks back two days. Availability may be missed by 0.389% of the requests, and the bound by 3.96%
(docs/worked-systems.md).
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec

from .online import emitted, spec
from .online import errors as errors_of
from .scenes import counter, labeled, proves, reads, verdict
from .support import ROOT
from .validation import load

FRAUD = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"
LIVE = {"namespace": "fraud", "job": "fraud/fraud-scorer", "app_kubernetes_io_version": "13", "pod": "live"}
SHADOW = {**LIVE, "job": "fraud/fraud-scorer-shadow", "pod": "shadow"}
MODEL = {"model": "fraud-scorer", "version": "1"}
DAY = 1440


@cache
def bundle() -> Any:
    return mlspec.compile(FRAUD, environments=["production"]).bundles["production"]


def metrics() -> dict[str, dict[str, Any]]:
    template = bundle().find("AnalysisTemplate", "fraud-scorer-shadow")
    return {metric["name"]: metric for metric in template["spec"]["metrics"]}


def query(name: str) -> str:
    found: str = metrics()[name]["provider"]["prometheus"]["query"]
    return found


def up(labels: dict[str, str], *phases: tuple[int, int]) -> dict[str, str]:
    """Whether a pod answers, minute by minute."""
    return {labeled("up", **labels): " ".join(f"{value}x{length - 1}" for length, value in phases)}


def answered(labels: dict[str, str], good: float, bad: float, length: int = DAY) -> dict[str, str]:
    """Requests per minute."""
    own = {**labels, **MODEL}
    return {
        labeled("nv_inference_request_success", **own): counter((length, good)),
        labeled("nv_inference_request_failure", **own, reason="BACKEND"): counter((length, bad)),
    }


def test_a_rollout_begins_with_the_judgment_of_the_shadow() -> None:
    steps = bundle().find("Rollout", "fraud-scorer")["spec"]["strategy"]["canary"]["steps"]
    assert steps[0] == {"analysis": {"templates": [{"templateName": "fraud-scorer-shadow"}]}}
    assert steps[1] == {"setWeight": 5}
    assert list(metrics()) == ["ran", "availability", "latency-p99"]


@pytest.mark.parametrize(
    ("series", "value", "judged"),
    [
        (up(SHADOW, (DAY, 1)), 1440, "Successful"),
        (up(SHADOW, (1300, 1), (140, 0)), 1300, "Successful"),
        (up(SHADOW, (1200, 1), (240, 0)), 1200, "Inconclusive"),  # down for four hours of its day
        (up(SHADOW, (DAY, 0)), 0, "Inconclusive"),  # down
        ({}, 0, "Inconclusive"),  # never in the shadow stage
        (up({**SHADOW, "app_kubernetes_io_version": "12"}, (DAY, 1)), 0, "Inconclusive"),  # another version was
        (up(LIVE, (DAY, 1)), 1292, "Successful"),  # the version is live, and its configuration changed
        (up({**LIVE, "app_kubernetes_io_version": "12"}, (DAY, 1)), 0, "Inconclusive"),  # another one is
    ],
)
def test_a_shadow_that_is_down_would_be_promoted(
    series: dict[str, str], value: int, judged: str, tmp_path: Path
) -> None:
    reads(tmp_path, query("ran"), series, DAY - 1, value)
    assert verdict(metrics()["ran"], [value]) == judged


@pytest.mark.parametrize(
    ("series", "value", "judged"),
    [
        (answered(SHADOW, 138, 0.1), 0.000724, "Successful"),
        (answered(SHADOW, 138, 1), 0.007194, "Failed"),
        (answered(SHADOW, 0, 138), 1, "Failed"),
        (answered(SHADOW, 9, 0.1), 0.010989, "Failed"),  # 13,104 requests
        (answered(SHADOW, 8.8, 0.1), None, "Inconclusive"),  # 12,816: too few
        ({}, None, "Inconclusive"),
        ({**answered(SHADOW, 0, 138), **up(LIVE, (DAY, 1))}, 0, "Successful"),  # live already
        ({**answered(LIVE, 0, 138), **answered(SHADOW, 138, 0)}, 0, "Successful"),  # the live version's own failures
    ],
)
def test_a_shadow_that_fails_would_be_promoted(
    series: dict[str, str], value: float | None, judged: str, tmp_path: Path
) -> None:
    reads(tmp_path, query("availability"), series, DAY, value)
    assert verdict(metrics()["availability"], [] if value is None else [value]) == judged


@pytest.mark.parametrize(("fast", "value", "judged"), [(136.0, 0.014493, "Successful"), (131.0, 0.050725, "Failed")])
def test_a_slow_shadow_would_be_promoted(fast: float, value: float, judged: str, tmp_path: Path) -> None:
    name, own = "nv_inference_first_response_histogram_ms", {**SHADOW, **MODEL}
    series = {
        labeled(f"{name}_count", **own): counter((DAY, 138.0)),
        labeled(f"{name}_bucket", **own, le="50"): counter((DAY, fast)),
    }
    reads(tmp_path, query("latency-p99"), series, DAY, value)
    assert verdict(metrics()["latency-p99"], [value]) == judged


STAGES = [{"shadow": {"percent": "10%", "duration": "2h", "agreement": "98%"}}, {"canary": {"steps": ["10%"]}}]


@pytest.mark.parametrize(
    ("values", "value", "judged"),
    [("0.99x120", 0.99, "Successful"), ("0.97x120", 0.97, "Failed"), (None, None, "Inconclusive")],
)
def test_a_shadow_that_disagrees_would_be_promoted(
    values: str | None, value: float | None, judged: str, tmp_path: Path
) -> None:
    """The answers are compared by a job of the author's; without it, the rollout waits."""
    template = emitted(tmp_path, rollout={"stages": STAGES}).one("AnalysisTemplate", "fraud-shadow")
    metric = next(metric for metric in template["spec"]["metrics"] if metric["name"] == "agreement")
    labels = {"namespace": "default", "service": "fraud", "version": "7"}
    series = {} if values is None else {labeled("mlspec_shadow_agreement_ratio", **labels): values}
    reads(tmp_path, metric["provider"]["prometheus"]["query"], series, 120, value)
    assert verdict(metric, [] if value is None else [value]) == judged


def test_without_a_shadow_stage_nothing_is_judged(tmp_path: Path) -> None:
    made = emitted(tmp_path)
    assert "fraud-shadow" not in [body["metadata"]["name"] for body in made.all("AnalysisTemplate")]
    assert "setWeight" in made.workload["spec"]["strategy"]["canary"]["steps"][0]


def test_a_share_of_agreement_above_everything_is_refused(tmp_path: Path) -> None:
    stages = [{"shadow": {"agreement": "101%"}}, {"canary": {}}]
    assert [text[:7] for text in errors_of(tmp_path, spec(rollout={"stages": stages}))] == ["MLS006:"]


@pytest.mark.parametrize(
    ("load", "minutes"),
    [
        ("20s", 104),  # 2 min for a node, and 91 s for 40 MiB and an image of 9 GB: 90% of 116 min
        ("10m", 95),  # 90% of 106 min
        ("56m", 54),  # 90% of 60 min
    ],
)
def test_a_shadow_that_starts_slowly_would_always_be_held(load: str, minutes: int, tmp_path: Path) -> None:
    """No replica answers before it has started, so that time does not count."""
    template = emitted(tmp_path, rollout={"stages": STAGES}, serving__load=load).one("AnalysisTemplate", "fraud-shadow")
    ran = template["spec"]["metrics"][0]
    assert ran["name"] == "ran"
    assert verdict(ran, [minutes]) == "Successful"
    assert verdict(ran, [minutes - 1]) == "Inconclusive"


def test_a_shadow_stage_that_is_mostly_startup_is_refused(tmp_path: Path) -> None:
    """2 min for a node, 91 s to fetch, and 57 min to start are more than half of two hours."""
    slow = spec(rollout={"stages": STAGES}, serving__load="57m")
    assert [text[:7] for text in errors_of(tmp_path, slow)] == ["MLS437:"]


def test_a_shadow_version_that_starts_more_slowly_than_the_live_one_is_refused(tmp_path: Path) -> None:
    """Reading 400 GiB takes longer than half of two hours; the live version has 40 MiB."""
    shadow = copy.deepcopy(spec()["release"])
    shadow["version"] = 8
    shadow["artifact"]["size"] = "400Gi"
    made = spec(rollout={"stages": STAGES}, release__shadow=shadow)
    assert "MLS437:" in [text[:7] for text in errors_of(tmp_path, made)]


# Alerts


def alert(name: str, objective: str | None = None) -> dict[str, Any]:
    groups = load(bundle().files["monitoring/rules.yaml"])["groups"]
    (found,) = [
        rule
        for group in groups
        for rule in group["rules"]
        if rule.get("alert") == name and rule["labels"].get("objective") == objective
    ]
    return dict(found)


def test_a_shadow_that_is_down_tells_no_one(tmp_path: Path) -> None:
    rule = alert("ModelShadowDown")
    told = "fraud-scorer: no replica of version 14 in the shadow stage answers, so it cannot be promoted"
    for series, said in (
        ({}, told),
        (up(SHADOW, (90, 0)), told),
        (up(SHADOW, (90, 1)), None),
        (up(LIVE, (90, 1)), told),
    ):
        proves(tmp_path, [rule], series, [(60, rule, said)])
    proves(tmp_path, [rule], {}, [(14, rule, None)])  # it may still download its model


def test_a_mirror_that_does_nothing_tells_no_one(tmp_path: Path) -> None:
    rule = alert("ModelShadowIdle")
    told = (
        "fraud-scorer: no requests are mirrored to version 14 in the shadow stage, so it is not tested; check that the "
        "gateway supports mirroring"
    )
    busy, night = answered(LIVE, 1000, 0, 120), answered(LIVE, 10, 0, 120)
    for series, said in (
        (busy, told),
        ({**busy, **answered(SHADOW, 100, 0, 120)}, None),
        (night, None),  # a tenth of 600 requests an hour is 60, fewer than 100
        ({}, None),
    ):
        proves(tmp_path, [rule], series, [(100, rule, said)])


def test_a_shadow_that_fails_tells_no_one(tmp_path: Path) -> None:
    rule = alert("ModelShadowFailing", "availability")
    told = (
        "fraud-scorer: {} of the requests to version 14 in the shadow stage violate the objective availability; its "
        "rollout would be rolled back"
    )
    for series, said in (
        (answered(SHADOW, 90, 10, 120), told.format("10%")),
        (answered(SHADOW, 0, 100, 120), told.format("100%")),
        (answered(SHADOW, 99.7, 0.3, 120), None),  # within 0.389%
        (answered(SHADOW, 0, 0.03, 120), None),  # two requests in an hour
        (answered(LIVE, 0, 100, 120), None),
    ):
        proves(tmp_path, [rule], series, [(100, rule, said)])


def test_a_slow_shadow_tells_no_one() -> None:
    """The alert and the judgment have the same limit."""
    assert "\n> 0.0396\n" in alert("ModelShadowFailing", "latency-p99")["expr"]
    assert metrics()["latency-p99"]["failureCondition"].endswith("> 0.0396")
