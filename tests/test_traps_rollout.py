"""The traps of Argo Rollouts and of Gateway API routes, tested on the emitted objects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlspec.schema.units import Duration

from .canaries import GUARDS, judged_steps
from .online import RUNTIMES, Emitted, compiled, emitted, refused, spec
from .scenes import minutes

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
DIGEST = f"sha256:{'2' * 64}"

SHADOW: dict[str, Any] = {
    "release__shadow": {
        "version": 8,
        "artifact": {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"},
    },
    "rollout__stages": [{"shadow": {"percent": "10%"}}, {"canary": {"steps": ["5%", "50%"]}}],
}
NO_CANARY = {"platform__rollout__provider": "none"}
GEP_2257 = r"([0-9]{1,5}(h|m|s|ms)){1,4}"


def canary(of: Emitted) -> dict[str, Any]:
    found: dict[str, Any] = of.workload["spec"]["strategy"]["canary"]
    return found


def rule(of: Emitted, kind: str = "HTTPRoute") -> dict[str, Any]:
    (found,) = of.one(kind)["spec"]["rules"]
    assert isinstance(found, dict)
    return found


def keys(body: object) -> set[str]:
    if isinstance(body, dict):
        return set(body).union(*map(keys, body.values()))
    return set().union(*map(keys, body)) if isinstance(body, list) else set()


# The Rollout


@EACH
def test_the_validator_does_not_require_services_with_a_plugin(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    stable, new = canary(of)["stableService"], canary(of)["canaryService"]
    assert stable != new
    assert of.one("Service", stable)["spec"] == of.one("Service", new)["spec"]


@pytest.mark.parametrize(
    ("protocol", "key", "kind"), [("http", "httpRoute", "HTTPRoute"), ("grpc", "grpcRoute", "GRPCRoute")]
)
def test_the_plugin_is_named_literally_and_names_one_route(protocol: str, key: str, kind: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, serving__protocol=protocol)
    routing = canary(of)["trafficRouting"]
    assert routing == {"plugins": {"argoproj-labs/gatewayAPI": {key: "fraud", "namespace": "default"}}}
    assert of.one(kind)["metadata"]["namespace"] == "default"


def test_fields_that_traffic_routing_ignores_or_refuses_are_not_emitted(tmp_path: Path) -> None:
    """The plugin ignores maxTrafficWeight and does not support ping-pong. Surge applies only to the basic canary."""
    given = keys(canary(emitted(tmp_path)))
    assert not given & {"maxTrafficWeight", "pingPong", "maxSurge", "maxUnavailable", "paused", "restartAt"}


def test_abort_scale_down_delay_of_zero_means_never(tmp_path: Path) -> None:
    assert canary(emitted(tmp_path)).get("abortScaleDownDelaySeconds", 30) > 0


def test_scale_down_delay_and_dynamic_stable_scale_exclude_each_other(tmp_path: Path) -> None:
    """Without either, the stable pods stay for 30 seconds after the switch, which is Argo's default."""
    given = canary(emitted(tmp_path))
    assert "dynamicStableScale" not in given
    assert given.get("scaleDownDelaySeconds", 30) >= 30


def test_the_plugins_own_mirror_and_header_steps_do_nothing(tmp_path: Path) -> None:
    of = emitted(tmp_path, **SHADOW)
    assert not keys(canary(of)) & {"setMirrorRoute", "setHeaderRoute", "managedRoutes", "useHeaderRoutes"}
    assert rule(of)["filters"][0]["type"] == "RequestMirror"


@pytest.mark.parametrize("given", ["1d", "90m", "3600s"])
def test_a_pause_in_days_is_not_a_go_duration(given: str, tmp_path: Path) -> None:
    """Without an objective there is nothing to judge, so the steps pause."""
    unpromised = {"constraints__availability": None, "constraints__latency": None}
    lenient = {"policies": {"severity": {"MLS601": "warning"}}}
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": lenient}
    (tmp_path / "mlspec.platform.yaml").write_text(json.dumps(platform))
    of = emitted(tmp_path, rollout__stages=[{"canary": {"steps": ["5%"], "stepDuration": given}}], **unpromised)
    assert of.all("AnalysisTemplate") == []
    (pause,) = [step["pause"]["duration"] for step in canary(of)["steps"] if "pause" in step]
    assert re.fullmatch(r"[0-9]+(s|m|h)", pause)
    assert minutes(pause) == {"1d": 1440, "90m": 90, "3600s": 60}[given]


def test_weights_are_whole_percentages_and_increase(tmp_path: Path) -> None:
    of = emitted(tmp_path, rollout__stages=[{"canary": {"steps": ["2%", "10%", "50%"]}}])
    assert [step["setWeight"] for step in canary(of)["steps"] if "setWeight" in step] == [2, 10, 50]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["0.5%"], "MLS008: a step of 0.5% is not possible"),
        (["50%", "100%"], "MLS008: a step of 100% is not possible"),
        (["50%", "5%"], "MLS008: a step of 5% cannot follow a step of 50%"),
        (["5%", "5%"], "MLS008: a step of 5% cannot follow a step of 5%"),
    ],
)
def test_a_weight_that_cannot_be_set_is_refused(steps: list[str], said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, "triton", rollout__stages=[{"canary": {"steps": steps}}])


@pytest.mark.parametrize("keep", [1, 3, 10])
def test_a_garbage_collected_replica_set_cannot_be_rolled_back_to(keep: int, tmp_path: Path) -> None:
    spec = emitted(tmp_path, rollout__keepVersions=keep).workload["spec"]
    assert spec["rollbackWindow"] == {"revisions": keep}
    assert spec["revisionHistoryLimit"] > keep


def test_a_deadline_without_abort_only_reports(tmp_path: Path) -> None:
    assert emitted(tmp_path).workload["spec"]["progressDeadlineAbort"] is True


def test_the_default_deadline_is_shorter_than_a_large_model_needs(tmp_path: Path) -> None:
    """Twice the load time of 20 minutes, plus the download."""
    assert emitted(tmp_path).workload["spec"]["progressDeadlineSeconds"] == 600
    assert emitted(tmp_path, serving__load="20m").workload["spec"]["progressDeadlineSeconds"] > 2400


@EACH
def test_replicas_in_git_fight_the_autoscaler(runtime: str, tmp_path: Path) -> None:
    assert "replicas" not in emitted(tmp_path, runtime).workload["spec"]


def test_replicas_are_set_where_nothing_scales(tmp_path: Path) -> None:
    of = emitted(tmp_path, platform__autoscaling__provider="none", constraints__throughput={"mean": "20/s"})
    assert of.workload["spec"]["replicas"] == 2


@EACH
def test_selectors_are_immutable_so_they_contain_no_version(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    assert set(of.workload["spec"]["selector"]["matchLabels"]) == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
    }


@EACH
def test_a_selector_in_the_manifest_would_be_applied_again_in_mid_canary(runtime: str, tmp_path: Path) -> None:
    """The controller adds its hash, which is the whole selector then."""
    of = emitted(tmp_path, runtime)
    assert len(of.all("Service")) == 2
    assert not [service for service in of.all("Service") if "selector" in service["spec"]]


@EACH
def test_a_service_without_a_selector_reaches_nothing_where_no_controller_writes_it(
    runtime: str, tmp_path: Path
) -> None:
    of = emitted(tmp_path, runtime, **NO_CANARY)
    (service,) = of.all("Service")
    selected, pods = service["spec"]["selector"], of.workload["spec"]["template"]["metadata"]["labels"]
    assert selected
    assert selected.items() <= pods.items()
    assert "app.kubernetes.io/version" not in selected


def test_a_config_map_that_changes_alone_starts_no_rollout(tmp_path: Path) -> None:
    """Its digest is in its name, and its name in the pod template."""
    small = emitted(tmp_path, serving__batching={"maxSize": 4})
    large = emitted(tmp_path, serving__batching={"maxSize": 8})
    assert small.volume("config")["configMap"]["name"] != large.volume("config")["configMap"]["name"]


def test_one_replica_does_not_block_a_drain(tmp_path: Path) -> None:
    of = emitted(tmp_path, serving__replicas={"min": 1, "max": 1})
    for budget in of.all("PodDisruptionBudget"):
        assert budget["spec"].get("minAvailable") in (None, 0)
        assert budget["spec"].get("maxUnavailable") != 0


# Analyses in the Rollout


@EACH
def test_an_argument_that_the_template_does_not_declare_is_dropped(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    steps = [step["analysis"] for step in canary(of)["steps"] if "analysis" in step]
    assert len(steps) == 3
    for analysis in steps:
        assert analysis["args"] == [{"name": "canary-hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]
        for template in analysis["templates"]:
            assert of.one("AnalysisTemplate", template["templateName"])["spec"]["args"] == [{"name": "canary-hash"}]


@EACH
def test_a_background_run_holds_no_step_so_each_step_has_its_own(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    assert judged_steps(of.bodies) == 3
    assert [next(iter(step)) for step in canary(of)["steps"]] == ["setWeight", "analysis"] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"constraints__throughput": {"mean": "0/s"}},
        {"constraints__throughput": {"mean": "1/d"}},
        {"platform__planning": {"failedWindows": 0, "stepWindows": 2}},
        {"platform__planning": {"failedWindows": 3, "stepWindows": 8}},
        {"rollout__stages": [{"canary": {"steps": ["5%", "50%"], "window": "7m"}}]},
        {"rollout__rollbackWhen": [{"metric": "slow-rate", "max": "3%", "minSamples": "2k"}]},
        {"serving__load": "10m"},
        {"constraints__throughput": {"mean": "1/s", "peak": "2/s"}},
        {"constraints__throughput": None},
        {"constraints__availability": "99.99%"},
        {"monitoring": {"scrapeInterval": "1m"}},
        {"rollout__stages": [{"canary": {"steps": ["1%", "50%"]}}]},
        {"rollout__stages": [{"canary": {"steps": ["50%"], "stepDuration": "1h"}}]},
    ],
)
def test_no_step_ends_before_a_verdict_and_no_bad_version_is_held(changes: dict[str, Any], tmp_path: Path) -> None:
    of = emitted(tmp_path, **changes)
    assert judged_steps(of.bodies) == len(canary(of)["steps"]) / 2


@pytest.mark.parametrize(("given", "windows"), [("8m", 4), ("9m", 4), ("10m", 5)])
def test_a_step_lasts_as_many_whole_windows_as_fit(given: str, windows: int, tmp_path: Path) -> None:
    """A rate needs four scrapes of 30 s, so the shortest window is 2 min, and at 10/s it is long enough."""
    stages = [{"canary": {"steps": ["50%"], "stepDuration": given}}]
    metrics = emitted(tmp_path, rollout__stages=stages).one("AnalysisTemplate", "fraud-step-1")["spec"]["metrics"]
    for metric in (metric for metric in metrics if metric["name"] not in GUARDS):
        assert (metric["interval"], metric["count"]) == ("2m", windows)


@pytest.mark.parametrize("given", ["1s", "2m", "479s"])
def test_a_step_that_ends_before_its_analysis_can_fail_is_refused(given: str, tmp_path: Path) -> None:
    """Four windows of 2 min are 8 min."""
    stages = [{"canary": {"steps": ["50%"], "stepDuration": given}}]
    (said,) = [d for d in compiled(tmp_path, spec(rollout__stages=stages)).diagnostics if d.severity == "error"]
    assert f"{said.id}: {said.message}" == f"MLS008: a step of {given} would end before its analysis can fail"
    assert said.help == "write at least `8m`, or remove `stepDuration`"
    for obeyed in ({"steps": ["50%"], "stepDuration": "8m"}, {"steps": ["50%"]}):
        assert compiled(tmp_path, spec(rollout__stages=[{"canary": obeyed}])).diagnostics == ()


@pytest.mark.parametrize(
    ("name", "verbs"),
    [
        ("ModelRolloutHeld", ["get rollout", "promote", "abort"]),
        ("ModelRolloutAborted", ["get rollout", "retry rollout"]),
    ],
)
def test_an_engineer_would_have_to_look_up_what_to_type_at_night(name: str, verbs: list[str], tmp_path: Path) -> None:
    of = emitted(tmp_path, environments={"test": {"namespace": "payments"}})
    rules = [rule for group in of.one("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    (found,) = (rule["annotations"]["action"] for rule in rules if rule.get("alert") == name)
    assert re.findall(r"`(kubectl [^`]*)`", found) == [
        f"kubectl argo rollouts {verb} fraud -n payments" for verb in verbs
    ]
    assert "`mlspec cluster status`" in found


# Without a canary


def test_a_route_without_a_canary_has_one_service(tmp_path: Path) -> None:
    of = emitted(tmp_path, **NO_CANARY)
    assert of.workload["kind"] == "Deployment"
    assert [(b["name"], b["weight"]) for b in rule(of)["backendRefs"]] == [("fraud", 100)]
    assert of.all("AnalysisTemplate") == []
    assert len(of.all("Service")) == 1


# The route


@EACH
def test_a_weight_that_is_left_out_counts_as_one(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime)
    backends = rule(of)["backendRefs"]
    names = (canary(of)["stableService"], canary(of)["canaryService"])
    assert [(b["name"], b["weight"]) for b in backends] == [(names[0], 100), (names[1], 0)]
    for backend in backends:
        ports = {port["port"] for port in of.one("Service", backend["name"])["spec"]["ports"]}
        assert backend["port"] in ports


@pytest.mark.parametrize(
    ("timeout", "written"), [("90s", "1m30s"), ("200ms", "200ms"), ("1.5s", "1s500ms"), ("2h", "2h"), ("1d", "24h")]
)
def test_timeouts_are_in_the_format_of_gateway_api(timeout: str, written: str, tmp_path: Path) -> None:
    timeouts = rule(emitted(tmp_path, serving__endpoint={"timeout": timeout}))["timeouts"]
    assert timeouts == {"request": written, "backendRequest": written}, "backendRequest must not exceed request"
    assert re.fullmatch(GEP_2257, written)


@pytest.mark.parametrize("timeout", ["0s", "500us", "100000h"])
def test_a_timeout_out_of_range_is_refused(timeout: str, tmp_path: Path) -> None:
    assert f"MLS008: a gateway cannot time out after {Duration.parse(timeout)}" in refused(
        tmp_path, "triton", serving__endpoint={"timeout": timeout}
    )


def test_fields_of_the_experimental_channel_are_not_emitted(tmp_path: Path) -> None:
    for protocol in ("http", "grpc"):
        of = emitted(tmp_path, serving__protocol=protocol, **SHADOW)
        route = of.one("HTTPRoute" if protocol == "http" else "GRPCRoute")
        assert not keys(route) & {"retry", "sessionPersistence"}
        assert ("timeouts" in keys(route)) is (protocol == "http"), "a GRPCRoute has none"


def test_a_static_mirror_to_the_canary_would_hit_stable_pods(tmp_path: Path) -> None:
    of = emitted(tmp_path, **SHADOW)
    (mirror,) = rule(of)["filters"]
    assert mirror["requestMirror"]["percent"] == 10
    name = mirror["requestMirror"]["backendRef"]["name"]
    assert name not in (canary(of)["stableService"], canary(of)["canaryService"])
    selected = of.one("Service", name)["spec"]["selector"]
    shadow, stable = of.one("Deployment", name), of.workload
    assert selected.items() <= shadow["spec"]["template"]["metadata"]["labels"].items()
    assert not selected.items() <= stable["spec"]["template"]["metadata"]["labels"].items()
    assert shadow["spec"]["replicas"] >= 1


@pytest.mark.parametrize(
    ("able", "percent", "said"),
    [
        ("none", "100%", "MLS606: this gateway cannot mirror requests"),
        ("all", "10%", "MLS606: this gateway cannot mirror a share of the requests"),
        ("percent", "0.5%", "MLS008: a gateway cannot mirror 0.5% of the requests"),
    ],
)
def test_a_mirror_that_the_gateway_drops_silently_is_refused(
    able: str, percent: str, said: str, tmp_path: Path
) -> None:
    changes = {**SHADOW, "platform__gateway__mirroring": able, "rollout__stages": [{"shadow": {"percent": percent}}]}
    assert said in refused(tmp_path, "triton", **changes)


@pytest.mark.parametrize(("able", "percent"), [("none", "100%"), ("all", "10%"), ("percent", "12.5%")])
def test_trap_a_promotion_would_be_the_first_to_hear_that_nothing_can_be_mirrored(
    able: str, percent: str, tmp_path: Path
) -> None:
    """Weeks later, in the pull request of a training run."""
    changes = {"platform__gateway__mirroring": able, "rollout__stages": [{"shadow": {"percent": percent}}]}
    (found,) = refused(tmp_path, "triton", **changes)
    assert found[:6] in ("MLS606", "MLS008")


def test_a_gateway_without_percentages_mirrors_all(tmp_path: Path) -> None:
    changes = {**SHADOW, "platform__gateway__mirroring": "all", "rollout__stages": [{"shadow": {"percent": "100%"}}]}
    (mirror,) = rule(emitted(tmp_path, **changes))["filters"]
    assert "percent" not in mirror["requestMirror"]


def test_nothing_is_mirrored_while_no_version_is_in_the_shadow(tmp_path: Path) -> None:
    of = emitted(tmp_path, rollout__stages=SHADOW["rollout__stages"])
    assert "filters" not in rule(of)
    assert of.all("Deployment") == []


@pytest.mark.parametrize("wait", ["0s", "2m", "9m", "30m"])
def test_a_version_that_waits_for_a_node_would_be_aborted(wait: str, tmp_path: Path) -> None:
    """A node with an accelerator takes minutes; then come 91 s to fetch and 5 min to start."""
    of = emitted(tmp_path, serving__load="5m", platform__planning={"nodeWait": wait})
    minutes = int(wait[:-1]) if wait.endswith("m") else 0
    assert of.workload["spec"]["progressDeadlineSeconds"] >= 2 * (60 * minutes + 91 + 300)


@pytest.mark.parametrize(("wait", "given", "enough"), [("0s", "6m", "7m"), ("9m", "14m", "16m")])
def test_a_deadline_of_ones_own_allows_for_a_node(wait: str, given: str, enough: str, tmp_path: Path) -> None:
    """91 s to fetch and 5 min to start are 6 min 31 s, after the wait for a node."""
    changes: dict[str, Any] = {"serving__load": "5m", "platform__planning": {"nodeWait": wait}}
    said = refused(tmp_path, "triton", **changes, rollout__progressDeadline=given)
    assert said == [f"MLS008: every new version would fail after {given}, before it is ready"]
    assert emitted(tmp_path, **changes, rollout__progressDeadline=enough).workload["spec"]["progressDeadlineSeconds"]


@pytest.mark.parametrize("stage", [{"blueGreen": {}}, {"blueGreen": {"preview": "5m"}}])
def test_trap_a_stage_that_is_not_supported_would_silently_replace_the_canary(
    stage: dict[str, Any], tmp_path: Path
) -> None:
    """All requests would go to a version that nothing judges, while the warning says that the stage has no effect."""
    result = compiled(tmp_path, spec(rollout={"stages": [stage]}))
    assert [one.id for one in result.diagnostics] == ["MLS013"]
    alone = emitted(tmp_path, "triton").workload
    assert emitted(tmp_path, "triton", rollout={"stages": [stage]}).workload == alone
    assert alone["kind"] == "Rollout"
