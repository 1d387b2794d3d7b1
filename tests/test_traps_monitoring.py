"""The traps of scraping, recording, and alerting, tested on the emitted objects and with Prometheus.

test_alerts.py tests that each alert fires when it must.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .online import RUNTIMES, Emitted, compiled, emitted, refused, spec
from .scenes import counter, labeled, promtool, reads
from .test_traps_rollout import SHADOW

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
DURATION = r"(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)"
OWN = {"namespace": "default", "job": "default/fraud"}


def groups(of: Emitted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = of.one("PrometheusRule")["spec"]["groups"]
    return found


def rules(of: Emitted) -> list[dict[str, Any]]:
    return [rule for group in groups(of) for rule in group["rules"]]


def recorded(of: Emitted, name: str, slo: str) -> str:
    """The expression of a recorded series."""
    (found,) = [r["expr"] for r in rules(of) if r.get("record") == name and r["labels"]["slo"] == slo]
    return str(found)


def alerts(of: Emitted, name: str, **labels: str) -> list[dict[str, Any]]:
    return [r for r in rules(of) if r.get("alert") == name and labels.items() <= r["labels"].items()]


# Scraping


@EACH
def test_two_services_that_select_the_same_pods_would_be_scraped_twice(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    assert of.all("ServiceMonitor") == []
    monitor = of.one("PodMonitor")["spec"]
    labels = of.workload["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert "jobLabel" not in monitor, "queries rely on the operator's default job name"


@EACH
def test_a_port_that_pods_do_not_have_is_never_scraped(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    (endpoint,) = of.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in of.server["ports"]}
    assert set(endpoint) == {"port", "path", "interval"}, "targetPort is deprecated"


@EACH
def test_only_pods_carry_the_hash(runtime: str, tmp_path: Path) -> None:
    assert "rollouts-pod-template-hash" in emitted(tmp_path, runtime).one("PodMonitor")["spec"]["podTargetLabels"]


@EACH
def test_the_operator_selects_by_labels_and_drops_the_rest_silently(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, platform__prometheus__labels={"release": "kube-prometheus-stack"})
    for kind in ("PodMonitor", "PrometheusRule"):
        assert of.one(kind)["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_the_shadow_is_another_job(tmp_path: Path) -> None:
    of = emitted(tmp_path, **SHADOW)
    shadow = of.one("PodMonitor", "fraud-shadow")["spec"]["selector"]["matchLabels"]
    stable = of.one("PodMonitor")["spec"]["selector"]["matchLabels"]
    pods = of.one("Deployment", "fraud-shadow")["spec"]["template"]["metadata"]["labels"]
    assert shadow.items() <= pods.items()
    assert not stable.items() <= pods.items()


@pytest.mark.parametrize(("interval", "written"), [("15s", "15s"), ("1m", "1m"), ("90s", "90s"), ("1.5s", "1500ms")])
def test_the_operator_accepts_no_fractions_in_durations(interval: str, written: str, tmp_path: Path) -> None:
    (endpoint,) = emitted(tmp_path, monitoring={"scrapeInterval": interval}).one("PodMonitor")["spec"][
        "podMetricsEndpoints"
    ]
    assert endpoint["interval"] == written
    assert re.fullmatch(DURATION, written)


@pytest.mark.parametrize("interval", ["5m", "151s"])
def test_a_window_with_fewer_than_two_scrapes_has_no_rate(interval: str, tmp_path: Path) -> None:
    said = refused(tmp_path, "triton", monitoring={"scrapeInterval": interval})
    assert any(text.startswith("MLS008: a scrape interval of ") for text in said), said


RARELY: dict[str, Any] = {"burn": [{"severity": "page", "budget": "5%", "long": "6h", "short": "30m"}]}
"""An alert with windows that have two scrapes even if they are rare."""


@pytest.mark.parametrize("interval", ["5m", "10m"])
def test_trap_prometheus_forgets_a_sample_after_five_minutes(interval: str, tmp_path: Path) -> None:
    """Until the next scrape, `up` does not exist: the autoscaler has no load, and no alert lasts."""
    (said,) = refused(tmp_path, "triton", monitoring={"scrapeInterval": interval, "slo": RARELY})
    assert said == f"MLS008: with a scrape interval of {interval}, queries find no sample between two scrapes"
    assert refused(tmp_path, "triton", monitoring={"scrapeInterval": "2m", "slo": RARELY}) == []


@pytest.mark.parametrize(("interval", "window"), [("30s", "5m"), ("1m", "5m"), ("2m", "8m"), ("4m", "16m")])
def test_trap_saturation_of_rare_scrapes_needs_a_longer_window(interval: str, window: str, tmp_path: Path) -> None:
    """Five minutes have one scrape of four minutes, which is no rate, so the alert on a full server never fires."""
    of = emitted(tmp_path, "triton", monitoring={"scrapeInterval": interval, "slo": RARELY})
    (saturated,) = alerts(of, "ModelServiceSaturated")
    assert set(re.findall(r"\[(\w+)\]", saturated["expr"])) == {window}


# Form


@EACH
def test_rules_load_in_old_and_new_prometheus(runtime: str, tmp_path: Path) -> None:
    """`query_offset` needs 2.53, and group labels need 3.0."""
    for group in groups(emitted(tmp_path, runtime)):
        assert set(group) == {"name", "interval", "rules"}
        assert group["interval"] == "1m", "above the lookback of five minutes, there would be gaps"
        for rule in group["rules"]:
            assert ("record" in rule) is not ("alert" in rule)
            assert set(rule) <= {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
            assert all(re.fullmatch(DURATION, rule[key]) for key in ("for", "keep_firing_for") if key in rule)
            assert "record" not in rule or re.fullmatch(r"[a-z_]+:[a-z_]+(:[a-z0-9_]+)?", rule["record"])


@EACH
def test_promtool_has_nothing_to_say_about_the_rules(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"groups": groups(emitted(tmp_path, runtime))}))
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.json")
    assert done.returncode == 0, done.stdout + done.stderr


@EACH
def test_labels_and_annotations_are_text_and_labels_do_not_change_with_the_value(runtime: str, tmp_path: Path) -> None:
    for rule in rules(emitted(tmp_path, runtime)):
        texts = {**rule.get("labels", {}), **rule.get("annotations", {})}
        assert all(isinstance(text, str) for text in texts.values())
        assert not any("$value" in text for text in rule["labels"].values()), "each value would be a separate alert"


@EACH
def test_recorded_series_and_their_alerts_are_in_the_same_group(runtime: str, tmp_path: Path) -> None:
    """Groups are evaluated in parallel; the rules of a group are evaluated in order."""
    for group in groups(emitted(tmp_path, runtime)):
        known: set[str] = set()
        for rule in group["rules"]:
            read = set(re.findall(r"mlspec:sli_\w+:\w+", rule["expr"]))
            assert read <= known, rule
            known |= {rule["record"]} if "record" in rule else set()


# Budgets


@pytest.mark.parametrize(
    ("window", "thresholds"),
    [
        ("30d", {"0.0144", "0.006", "0.003", "0.001"}),
        ("28d", {"0.01344", "0.0056", "0.0028", "0.0009333"}),
        ("7d", {"0.01428", "0.00588", "0.00294", "0.0010033"}),  # 8.5% of 168 h in 1 h; 21%, 42%, and 43%
    ],
)
def test_thresholds_are_decimal_and_follow_the_period(window: str, thresholds: set[str], tmp_path: Path) -> None:
    """In binary, 1 - 0.999 is 0.0010000000000000009; and for 28 days, the factors are not 14.4, 6, 3, and 1. With the
    shares of a month, those of a week would be 3.36, 1.4, 0.7, and 0.2333, and the budget lasts at the last two.
    """
    of = emitted(tmp_path, constraints__availability="99.9%", monitoring={"slo": {"window": window}})
    burns = alerts(of, "ModelErrorBudgetBurn")
    assert set(re.findall(r"> ([0-9.]+)$", "\n".join(a["expr"] for a in burns), re.MULTILINE)) == thresholds


def test_each_severity_has_both_of_its_pairs(tmp_path: Path) -> None:
    page, ticket = alerts(emitted(tmp_path), "ModelErrorBudgetBurn")
    windows = [re.findall(r"ratio_rate(\w+)\{", alert["expr"]) for alert in (page, ticket)]
    assert windows == [["5m", "1h", "30m", "6h"], ["2h", "1d", "6h", "3d"]]
    assert (page["labels"]["severity"], ticket["labels"]["severity"]) == ("page", "ticket")


@pytest.mark.parametrize(
    ("availability", "first"),
    [("93.06%", ["5m"]), ("93.05%", ["30m"]), ("83%", [])],
)
def test_a_threshold_of_all_requests_can_never_be_exceeded(availability: str, first: list[str], tmp_path: Path) -> None:
    """14.4 x 6.94% is 99.9%, and 14.4 x 6.95% is more than 100%; at 17%, the six-hour pair is dropped, too."""
    of = emitted(tmp_path, constraints__availability=availability)
    pages = alerts(of, "ModelErrorBudgetBurn", severity="page")
    found = [re.findall(r"ratio_rate(\w+)\{", page["expr"])[0] for page in pages]
    assert found == first


@pytest.mark.parametrize("availability", ["100%", "0%"])
def test_an_objective_without_a_budget_or_with_nothing_else_is_refused(availability: str, tmp_path: Path) -> None:
    said = refused(tmp_path, "triton", constraints__availability=availability)
    assert any(text.startswith("MLS502: ") for text in said), said


# Buckets


@pytest.mark.parametrize(
    ("runtime", "bound", "le", "others"),
    [
        ("triton", "70ms", ["70", "70.0"], "500"),  # set at the bound
        ("mlserver", "110ms", ["0.1"], "0.25"),  # the nearest below
        ("custom", "1s", ["1", "1.0"], "2.5"),  # Prometheus 3 writes a whole number with .0
        ("tensorflow-serving", "125ms", ["121440", "121440.0"], "218591"),  # microseconds
        ("tensorflow-serving", "1.3s", ["1.27482e+06"], "2.29468e+06"),  # as C++ and Go write a million or more
    ],
)
def test_a_bucket_matches_in_every_notation(
    runtime: str, bound: str, le: list[str], others: str, tmp_path: Path
) -> None:
    of = emitted(tmp_path, runtime, constraints__latency={"p99": bound})
    expression = recorded(of, "mlspec:sli_error:ratio_rate5m", "latency-p99")
    name, own = {
        "triton": ("nv_inference_first_response_histogram_ms", {"model": "fraud"}),
        "mlserver": ("rest_server_request_duration_seconds", {"path": "/v2/models/{model_name}/infer"}),
        "custom": ("http_request_duration_seconds", {"handler": "/predict"}),
        "tensorflow-serving": (":tensorflow:serving:request_latency", {"model_name": "fraud", "API": "predict"}),
    }[runtime]
    for written in le:
        series = {
            labeled(f"{name}_bucket", **OWN, **own, le=written): counter((30, 90)),
            labeled(f"{name}_bucket", **OWN, **own, le=others): counter((30, 97)),
            labeled(f"{name}_bucket", **OWN, **own, le="+Inf"): counter((30, 100)),
            labeled(f"{name}_count", **OWN, **own): counter((30, 100)),
        }
        reads(tmp_path, f"({expression})", series, 20, 0.1)


def test_a_bucket_far_below_the_bound_is_refused(tmp_path: Path) -> None:
    """MLServer has 0.1 s and 0.25 s: 200 ms is twice the lower one."""
    said = refused(tmp_path, "mlserver", constraints__latency={"p99": "200ms"})
    assert "MLS501: the latency bound is not a histogram bucket of this runtime" in said


def test_a_median_has_no_fast_burn(tmp_path: Path) -> None:
    of = emitted(tmp_path, constraints__latency={"p50": "20ms", "p99": "100ms"})
    assert {r["labels"].get("slo") for r in rules(of) if "slo" in r["labels"]} == {"availability", "latency-p99"}


# What is recorded


def counts(good: float, bad: float | None) -> dict[str, str]:
    made = {labeled("nv_inference_request_success", **OWN, model="fraud"): counter((90, good))}
    if bad is not None:
        made[labeled("nv_inference_request_failure", **OWN, model="fraud", reason="OTHER")] = counter((90, bad))
    return made


@pytest.mark.parametrize(
    ("series", "value"),
    [
        (counts(0, 0), None),  # 0 / 0 is NaN, which would poison every sum over it
        (counts(99, None), 0.0),  # before the first failure
        (counts(99, 1), 0.01),
        (counts(0, 5), 1.0),
        ({}, None),
        ({labeled("nv_inference_request_failure", **OWN, model="fraud", reason="CANCELED"): counter((90, 5))}, None),
    ],
)
def test_no_traffic_gives_no_data_and_no_failures_give_zero(
    series: dict[str, str], value: float | None, tmp_path: Path
) -> None:
    expression = recorded(emitted(tmp_path), "mlspec:sli_error:ratio_rate5m", "availability")
    reads(tmp_path, f"({expression})", series, 60, value)


@EACH
def test_the_guard_of_little_traffic_counts_failures(runtime: str, tmp_path: Path) -> None:
    """A guard on requests would mute the total outage of a quiet service."""
    of = emitted(tmp_path, runtime)
    for alert in (*alerts(of, "ModelErrorBudgetBurn"), *alerts(of, "ModelLatencyBudgetBurn")):
        pairs = alert["expr"].split("\nor\n")
        assert all(re.search(r"and mlspec:sli_bad:increase\w+\{[^}]*\} >= 3\)$", pair) for pair in pairs)


# No data


@EACH
def test_the_alert_on_missing_data_needs_no_data(runtime: str, tmp_path: Path) -> None:
    (absent,) = alerts(emitted(tmp_path, runtime), "ModelServiceAbsent")
    assert absent["expr"] == 'absent(up{namespace="default",job="default/fraud"} == 1)'
    assert absent["for"] == "5m", "two scrapes and a restart of Prometheus"


WAIT_FOR_REPLICAS = {
    "ModelReplicaDown": "triton",
    "ModelServiceSaturated": "triton",
    "ModelRequestsWait": "vllm",
    "ModelShadowDown": "triton",
    "ModelShadowIdle": "triton",
}
"""The alerts, and a runtime that has them."""


@pytest.mark.parametrize(("name", "runtime"), WAIT_FOR_REPLICAS.items())
@pytest.mark.parametrize(("load", "minutes"), [("20s", 15), ("20m", 40)])
def test_a_replica_that_is_still_loading_is_not_down(
    name: str, runtime: str, load: str, minutes: int, tmp_path: Path
) -> None:
    """A pod is a scrape target as soon as it has an address, but answers only once its model is loaded."""
    of = emitted(tmp_path, runtime, serving__load=load, **(SHADOW if runtime == "triton" else {}))
    (alert,) = alerts(of, name)
    waits = int(alert["for"].removesuffix("m"))
    assert waits >= minutes
    assert waits * 60 >= of.workload["spec"]["progressDeadlineSeconds"]


def test_a_patient_rollout_delays_no_alert_on_saturation(tmp_path: Path) -> None:
    (alert,) = alerts(emitted(tmp_path, rollout={"progressDeadline": "6h"}), "ModelServiceSaturated")
    assert alert["for"] == "15m"


def test_rules_stay_where_monitoring_runs(tmp_path: Path) -> None:
    of = emitted(tmp_path, environments={"test": {"runs": ["serving"]}})
    assert of.all("PrometheusRule") == of.all("PodMonitor") == []


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        ({}, ["nothing scrapes the metrics that the canary of `fraud` asks for"]),
        ({"rollout": {"provider": "none"}}, ["nothing scrapes the metrics that the autoscaler of `fraud` asks for"]),
        ({"rollout": {"provider": "none"}, "autoscaling": {"provider": "none"}}, []),
    ],
)
def test_trap_a_canary_waits_forever_for_metrics_that_nothing_scrapes(
    platform: dict[str, Any], found: list[str], tmp_path: Path
) -> None:
    made = spec(environments={"test": {"runs": ["serving"]}}, platform=platform)
    assert [one.message for one in compiled(tmp_path, made).diagnostics if one.id == "MLS633"] == found
    made["environments"]["test"]["runs"].append("monitoring")
    assert compiled(tmp_path, made).diagnostics == ()
