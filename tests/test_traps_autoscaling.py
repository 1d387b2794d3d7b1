"""The traps of autoscalers, tested on the emitted objects and on the results of the query."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .online import RUNTIMES, Emitted, compiled, emitted, errors, refused, spec
from .scenes import counter, labeled, reads

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
HPA = {"platform__autoscaling__provider": "hpa", "platform__rollout__provider": "none"}


def scaled(of: Emitted, name: str = "fraud") -> dict[str, Any]:
    found: dict[str, Any] = of.one("ScaledObject", name)["spec"]
    return found


def query(of: Emitted) -> str:
    (trigger,) = scaled(of)["triggers"]
    asked: str = trigger["metadata"]["query"]
    return asked


# KEDA


@EACH
def test_the_default_minimum_is_zero_and_the_default_maximum_a_hundred(runtime: str, tmp_path: Path) -> None:
    given = scaled(emitted(tmp_path, runtime))
    assert 1 <= given["minReplicaCount"] <= given["maxReplicaCount"]


def test_nothing_starts_a_service_with_zero_replicas(tmp_path: Path) -> None:
    """Requests do not wait at a route without pods, and a missing pod exports no load."""
    for provider in ({}, HPA):
        said = refused(tmp_path, "triton", serving__replicas={"min": 0}, **provider)
        assert "MLS012: the autoscaler could not scale up again from zero replicas" in said


@pytest.mark.parametrize(
    ("replicas", "bounds"),
    [({"min": 3, "max": 9}, (3, 9)), ({"max": 1}, (1, 1)), ({"min": 4}, (4, 4)), ({}, (2, 3))],
)
def test_a_minimum_above_the_maximum_is_refused_by_the_cluster(
    replicas: dict[str, int], bounds: tuple[int, int], tmp_path: Path
) -> None:
    given = scaled(emitted(tmp_path, serving__replicas=replicas))
    assert (given["minReplicaCount"], given["maxReplicaCount"]) == bounds


def test_bounds_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "triton", serving__replicas={"min": 5, "max": 3})
    assert said == ["MLS008: the minimum of 5 replicas is above the maximum of 3"]


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        ({"min": 1, "max": 4, "fallback": 4}, []),
        ({"fallback": 50}, ["MLS008: the fallback of 50 replicas is above the maximum of 3"]),
        ({"min": 2, "max": 4, "fallback": 1}, ["MLS008: the fallback of 1 replica is below the minimum of 2"]),
    ],
)
def test_trap_an_autoscaler_never_runs_a_fallback_outside_of_its_bounds(
    replicas: dict[str, int], said: list[str], tmp_path: Path
) -> None:
    assert refused(tmp_path, "triton", serving__replicas=replicas) == said


@EACH
def test_an_empty_result_counts_as_zero_unless_that_is_turned_off(runtime: str, tmp_path: Path) -> None:
    given = scaled(emitted(tmp_path, runtime))
    (trigger,) = given["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert given["minReplicaCount"] <= given["fallback"]["replicas"] <= given["maxReplicaCount"]
    assert given["fallback"]["behavior"] == "currentReplicasIfHigher", "replicas that are needed are not removed"
    assert given["fallback"]["failureThreshold"] == 3


@EACH
def test_dividing_the_total_is_safe_during_a_canary(runtime: str, tmp_path: Path) -> None:
    """A utilization ratio would be multiplied by the pods of both versions. A fallback needs an average, too."""
    (trigger,) = scaled(emitted(tmp_path, runtime))["triggers"]
    assert trigger["type"] == "prometheus"
    assert trigger["metricType"] == "AverageValue"


@EACH
def test_the_metadata_of_a_trigger_are_known_strings(runtime: str, tmp_path: Path) -> None:
    (trigger,) = scaled(emitted(tmp_path, runtime))["triggers"]
    assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold", "ignoreNullValues"}, "no `metricName`"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert float(trigger["metadata"]["threshold"]) > 0


@EACH
def test_polling_and_cooldown_matter_only_at_zero(runtime: str, tmp_path: Path) -> None:
    given = scaled(emitted(tmp_path, runtime))
    assert not set(given) & {"pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount"}


def test_the_name_of_kedas_own_object_has_at_most_63_characters(tmp_path: Path) -> None:
    """`keda-hpa-` leaves 54."""
    made = spec(metadata__name="a" * 28)
    made["services"] = {"b" * 26: made.pop("serving")}
    assert f"MLS032: the name of the ScaledObject `{'a' * 28}-{'b' * 26}` is too long: 55 characters" in errors(
        tmp_path, made
    )


@EACH
def test_the_target_is_the_workload(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    workload = of.workload
    assert scaled(of)["scaleTargetRef"] == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": workload["metadata"]["name"],
    }
    plain = emitted(tmp_path, runtime, platform__rollout__provider="none")
    assert scaled(plain)["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "fraud"}


@EACH
def test_two_autoscalers_on_one_target_are_refused_by_the_webhook(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    assert len(of.all("ScaledObject")) == 1
    assert of.all("HorizontalPodAutoscaler") == []


@EACH
def test_scaling_down_is_slow_and_scaling_up_is_fast(runtime: str, tmp_path: Path) -> None:
    """With zero, scaling up would follow every spike of a rollout. A removed replica must load its model again."""
    behavior = scaled(emitted(tmp_path, runtime))["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    assert 0 < up["stabilizationWindowSeconds"] < down["stabilizationWindowSeconds"] <= 3600
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]


# The results of the query: Triton, a counter of microseconds

OWN = {"namespace": "default", "job": "default/fraud"}


def pod(name: str, share: float, up: str = "1x30", **labels: str) -> dict[str, str]:
    """A replica with a number of in-flight requests, and whether it answers the scrape."""
    own = {**OWN, **labels, "pod": name}
    work = counter((30, share * 60e6))
    return {labeled("nv_inference_request_duration_us", **own, model="fraud"): work, labeled("up", **own): up}


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({**pod("a", 1.5), **pod("b", 0.5)}, 2.0),
        ({**pod("a", 1.5, rollouts_pod_template_hash="5d"), **pod("b", 0.5, rollouts_pod_template_hash="7f")}, 2.0),
        ({**pod("a", 1.5), **pod("b", 4, job="default/fraud-shadow")}, 1.5),  # the shadow has its own replicas
        ({labeled("up", **OWN, pod="a"): "1x30"}, 0.0),  # no request yet
        ({labeled("up", **OWN, pod="a"): "0x30"}, None),  # too busy to answer Prometheus, which does not mean zero load
        ({}, None),
    ],
)
def test_what_the_autoscaler_reads(series: dict[str, str], value: float | None, tmp_path: Path) -> None:
    reads(tmp_path, f"({query(emitted(tmp_path))})", series, 20, value)


def silent(name: str, share: float, since: int, up: str = "0x30") -> dict[str, str]:
    """A replica that answers no scrape from some minute on, so its series end; `up` is what is left of it."""
    own = {**OWN, "pod": name}
    work = f"{counter((since, share * 60e6))} stale"
    return {labeled("nv_inference_request_duration_us", **own, model="fraud"): work, labeled("up", **own): up}


@pytest.mark.parametrize(
    ("others", "minute", "value"),
    [
        (silent("b", 4, 17, "1x17 0x30"), 18, 8.0),  # its window still has samples
        (silent("b", 4, 17, "1x17 0x30"), 20, 8.0),
        (silent("b", 4, 17, "1x17 0x30"), 26, 8.0),
        (silent("b", 4, 17, "1x17 0x30"), 29, 4.0),  # it is not busy but gone: the others have its requests
        (silent("b", 4, 17, "1x17 stale"), 18, 4.0),  # its pod is gone
        ({labeled("up", **OWN, pod="b"): "_x10 0x30"}, 20, 4.0),  # it loads its model
    ],
)
def test_the_load_of_a_replica_that_is_too_busy_to_be_scraped_does_not_disappear(
    others: dict[str, str], minute: int, value: float, tmp_path: Path
) -> None:
    """With the load of the others alone, the autoscaler would remove a replica when it needs one more."""
    reads(tmp_path, f"({query(emitted(tmp_path))})", {**pod("a", 4), **others}, minute, value)


def test_a_gauge_of_a_replica_that_is_too_busy_to_be_scraped_does_not_disappear(tmp_path: Path) -> None:
    gauge = "vllm:num_requests_running"
    series = {
        labeled(gauge, **OWN, pod="a"): "4x30",
        labeled(gauge, **OWN, pod="b"): "4x17 stale",
        labeled("up", **OWN, pod="a"): "1x30",
        labeled("up", **OWN, pod="b"): "1x17 0x30",
    }
    reads(tmp_path, f"({query(emitted(tmp_path, 'vllm'))})", series, 20, 8.0)


@pytest.mark.parametrize(
    ("runtime", "time", "threshold"),
    [
        ("triton", {"mean": "2ms"}, "0.7"),  # 70% of one request at a time
        ("triton", {"mean": "2ms", "at": 8}, "5.6"),
        ("vllm", {"mean": "1s", "at": 16}, "10"),  # 60 in flight at the peak on the 6 replicas that 70% of 16 needs
        ("vllm", None, "5"),  # unknown concurrency: the queue
    ],
)
def test_the_threshold_is_a_share_of_the_slots_of_a_replica(
    runtime: str, time: dict[str, Any] | None, threshold: str, tmp_path: Path
) -> None:
    made: dict[str, Any] = {"serving__serviceTime": time}
    if time is None:
        made["constraints__throughput"] = {"mean": "20/s"}
    (trigger,) = scaled(emitted(tmp_path, runtime, **made))["triggers"]
    assert trigger["metadata"]["threshold"] == threshold
    series = "num_requests_waiting" if time is None else "num_requests_running"
    assert runtime != "vllm" or series in trigger["metadata"]["query"]


def test_a_runtime_without_a_signal_is_refused(tmp_path: Path) -> None:
    container = spec("custom")["serving"]["container"]
    said = refused(tmp_path, "custom", serving__container={**container, "metrics": {}})
    assert "MLS012: `custom` exports no metric for its load" in said


# A plain HorizontalPodAutoscaler


def test_cpu_usage_without_a_canary(tmp_path: Path) -> None:
    of = emitted(tmp_path, **HPA)
    given = of.one("HorizontalPodAutoscaler")["spec"]
    assert given["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "fraud"}
    assert (given["minReplicas"], given["maxReplicas"]) == (2, 3)
    (metric,) = given["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert of.server["resources"]["requests"]["cpu"], "utilization is relative to the request"
    assert of.all("ScaledObject") == []


def test_a_cpu_target_is_at_least_one_percent(tmp_path: Path) -> None:
    """The API server accepts no target of 0%."""
    of = emitted(tmp_path, **HPA, platform__planning__utilization="0.4%", serving__replicas={"min": 2, "max": 900})
    (metric,) = of.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 1


def test_cpu_usage_with_a_canary_counts_both_versions(tmp_path: Path) -> None:
    said = refused(tmp_path, "triton", platform__autoscaling__provider="hpa")
    assert [
        text for text in said if re.match("MLS607: .* would count the canary's pods along with the stable ones", text)
    ]


@pytest.mark.parametrize(
    ("runtime", "accelerated", "without"), [("triton", False, True), ("triton", True, False), ("vllm", True, False)]
)
def test_trap_without_a_canary_cpu_usage_still_does_not_show_the_load_of_an_accelerator(
    runtime: str, accelerated: bool, without: bool, tmp_path: Path
) -> None:
    changes = {"serving__resources__accelerator__type": "l4"} if accelerated else {}
    told = compiled(tmp_path, spec(runtime, platform__autoscaling__provider="hpa", **changes)).diagnostics
    (found,) = [one for one in told if one.id == "MLS607" and "canary's pods" in one.message]
    assert ("`platform.rollout.provider: none`" in found.help) is without


@pytest.mark.parametrize("runtime", ["triton", "vllm", "sglang", "tgi"])
def test_cpu_usage_does_not_show_the_load_of_an_accelerator(runtime: str, tmp_path: Path) -> None:
    """One engine process keeps one of four cores busy, whatever waits for its device: never 70% of them."""
    accelerated = {"serving__resources__accelerator__type": "l4"}
    assert [text for text in refused(tmp_path, runtime, **HPA, **accelerated) if text.startswith("MLS440")]
    of = emitted(tmp_path, runtime, **accelerated, **{**HPA, **ADAPTER})
    assert of.one("HorizontalPodAutoscaler")["spec"]["metrics"][0]["type"] == "External"


ADAPTER = {"platform__autoscaling__provider": "hpa", "platform__autoscaling__adapter": "prometheus-adapter"}


@EACH
def test_a_total_from_an_adapter_is_safe_during_a_canary(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, **ADAPTER)
    given = of.one("HorizontalPodAutoscaler")["spec"]
    assert given["scaleTargetRef"]["kind"] == "Rollout"
    (metric,) = given["metrics"]
    assert metric["external"]["metric"] == {"name": "mlspec_load", "selector": {"matchLabels": {"service": "fraud"}}}
    assert metric["external"]["target"]["type"] == "AverageValue"
    rules = [rule for group in of.one("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    (load,) = [rule for rule in rules if rule.get("record") == "mlspec:load:sum"]
    assert load["labels"] == {"namespace": "default", "system": "fraud", "service": "fraud"}
    assert load["expr"] == query(emitted(tmp_path, runtime))
    assert of.all("ScaledObject") == []


@pytest.mark.parametrize(("at", "written"), [(1, "700m"), (8, "5600m"), (10, "7")])
def test_a_quantity_is_written_as_the_server_writes_it(at: int, written: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, serving__serviceTime={"mean": "2ms", "at": at}, **ADAPTER)
    (metric,) = of.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["external"]["target"]["averageValue"] == written


def test_a_load_that_no_rule_records_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "triton", environments={"test": {"runs": ["serving"]}}, **ADAPTER)
    assert said == ["MLS012: no rule records the load metric that the autoscaler queries"]


def test_without_a_provider_nothing_scales(tmp_path: Path) -> None:
    changes = {"platform__autoscaling__provider": "none", "constraints__throughput": {"mean": "20/s"}}
    of = emitted(tmp_path, **changes)
    assert of.all("ScaledObject") == of.all("HorizontalPodAutoscaler") == []


# The last of the requests that are in flight waits for (target - slots) / slots requests, each of 9 ms. In a queue, it
# waits for all before it. With 4 slots and a bound of 100 ms, that is up to 4 + 44 requests in flight, or 44 queued.
@pytest.mark.parametrize(
    ("signal", "target", "warned"),
    [("in-flight", 48, False), ("in-flight", 49, True), ("queue", 44, False), ("queue", 45, True)],
)
def test_trap_a_target_that_is_reached_when_requests_already_wait_too_long(
    tmp_path: Path, signal: str, target: int, warned: bool
) -> None:
    replicas = {"signal": signal, "target": target}
    made = spec("triton", serving__serviceTime={"mean": "9ms", "at": 4}, serving__replicas=replicas)
    made["constraints"]["latency"] = {"p99": "100ms"}
    found = [one for one in compiled(tmp_path, made).diagnostics if one.id == "MLS425"]
    assert [one.help for one in found] == (
        [f"remove it, and mlspec derives a target, or write `target: {48 if signal == 'in-flight' else 44}` or less"]
        if warned
        else []
    )
