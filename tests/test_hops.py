"""Hops, lookups, and calls take time of a latency bound: what is left of it, worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlspec.compiler.plan.latency import unspent
from mlspec.compiler.plan.service import ServicePlan
from mlspec.compiler.simulate.planned import planned as simulated

from .support import ADOPTERS, compile_text, minimal

FEATURES: dict[str, Any] = yaml.safe_load("""
data:
  sources: [{name: events, ingestion: streaming, owner: web}]
  columns: [{name: user, dtype: string}]
features:
  lookup: 3ms
  entities: [{name: user, key: user}]
  views: [{name: clicks, entity: user, source: events, features: [{name: count, dtype: float32}]}]
model:
  signature:
    inputs: [{name: Input3, dtype: float32, shape: [1, 1, 28, 28], from: features.clicks.count}]
    outputs: [{name: Plus214_Output_0, dtype: float32, shape: [1, 10]}]
""")


def planned(tmp_path: Path, name: str = "digit-reader", *settings: str, **changes: object) -> ServicePlan:
    return spec_of(tmp_path, minimal(**changes), name, *settings)


def spec_of(tmp_path: Path, spec: str, name: str, *settings: str) -> ServicePlan:
    tmp_path.mkdir(exist_ok=True)
    [environment] = compile_text(tmp_path, spec, settings=settings)._compiled.environments
    return environment.plan.online[name]


def left(service: ServicePlan) -> dict[str, tuple[str, str]]:
    return {one.title: (str(one.left.value), one.left.reason) for one in unspent(service)}


def test_the_parts_of_a_bound_add_up_to_it(tmp_path: Path) -> None:
    """30/s on each of two replicas of 500/s: ln 100 / 470 = 9.8 ms, 9.2 of them (2 ms x ln 100) on an idle one."""
    [(bound, why)] = left(planned(tmp_path, platform={"gateway": {"hop": "2ms"}}, **FEATURES)).values()
    assert bound == "85.2ms"  # 100 - 2 - 3 - 9.2 - 0.6
    assert why == (
        "2ms for the gateway + 3ms to look features up + 9.2ms for the model + 600us of waiting at 60/s on 2 replicas "
        "= 14.8ms; 85.2ms of 100ms are left"
    )


def test_features_that_the_model_does_not_read_take_no_time(tmp_path: Path) -> None:
    without = {key: value for key, value in FEATURES.items() if key != "model"}
    assert "look features up" not in left(planned(tmp_path, **without))["headroom: p99 latency"][1]


def test_a_hop_leaves_less_time_to_wait(tmp_path: Path) -> None:
    """With 15 ms, exp(-(500 - l) x 0.015) = 1% at l = 193/s a replica; a hop of 5 ms leaves 10, at which l = 39.5/s.

    60/s need two replicas of 39.5/s, which is the least anyway; 400/s need three of 193/s, but eleven of 39.5/s.
    """
    rates = {"mean": "20/s", "peak": "400/s"}
    found = []
    for hop in (None, "1ms", "5ms"):
        made: dict[str, Any] = {"constraints": {"latency": {"p99": "15ms"}, "throughput": rates}}
        platform = {"gateway": {"hop": hop}} if hop else {}
        found.append(planned(tmp_path / str(hop), platform=platform, **made).for_peak.value)
    assert found == [3, 3, 11]
    service = planned(tmp_path / "said", platform={"gateway": {"hop": "5ms"}})
    assert "for 99% of requests within 100ms, with 5ms for the gateway" in service.for_peak.reason


def test_the_simulation_leaves_room_for_the_hops_that_it_has_not(tmp_path: Path) -> None:
    service = planned(tmp_path, platform={"gateway": {"hop": "2ms"}}, **FEATURES)
    assert [round(bound.seconds, 6) for bound in simulated(service).bounds] == [0.095]  # 100 - 2 - 3 ms


@pytest.mark.parametrize("kind", ["gateway", "mesh"])
def test_only_the_hops_that_requests_pass_count(kind: str, tmp_path: Path) -> None:
    """A service that only other pods call has no hop of the gateway, and one without callers has none of the mesh."""
    platform = {"gateway": {"hop": "2ms"}, "mesh": {"provider": "linkerd", "hop": "1ms"}}
    endpoint: dict[str, Any] = {"callers": [{"namespace": "web"}]} if kind == "mesh" else {"hosts": ["a.example.com"]}
    if kind == "mesh":
        endpoint["throughGateway"] = "0%"
    [(_, why)] = left(planned(tmp_path, platform=platform, serving__endpoint=endpoint, rollout=None)).values()
    assert why.startswith(f"{'2ms' if kind == 'gateway' else '1ms'} for the {kind} + ")


CHAIN: dict[str, Any] = {
    "constraints": {"latency": {"p99": "100ms"}, "throughput": {"mean": "20/s", "peak": "60/s"}},
    "access": {"second": {"kind": "service", "service": "second"}, "third": {"kind": "service", "service": "third"}},
    "serving": None,
    "services": {
        "first": {"mode": "online", "runtime": "triton", "access": ["second"], "model": "digit-reader"},
        "second": {
            "mode": "online", "runtime": "triton", "access": ["third"], "model": "digit-reader",
            "serviceTime": {"mean": "4ms"},
        },
        "third": {"mode": "online", "runtime": "triton", "model": "digit-reader", "serviceTime": {"mean": "7ms"}},
    },
}  # fmt: skip


def chain(tmp_path: Path, *settings: str) -> dict[str, tuple[str, str]]:
    """What is left for the first of three services. Each calls the next one."""
    spec = yaml.safe_load(minimal(**CHAIN))
    spec["models"] = {"digit-reader": spec.pop("model")}
    spec["releases"] = {"digit-reader": spec.pop("release")}
    return left(spec_of(tmp_path, yaml.safe_dump(spec, sort_keys=False), "first", *settings))


def test_a_chain_of_services_adds_up(tmp_path: Path) -> None:
    """The second takes 4 ms and waits 7 for the third. Its own promise of 30 ms would contain both."""
    assert chain(tmp_path)["headroom: p99 latency"][0] == "89ms"
    promised = chain(tmp_path, "services.second.constraints.latency.p99=30ms")["headroom: p99 latency"]
    assert promised[0] == "70ms"
    assert "30ms for `second`, as it promises at p99" in promised[1]


def test_a_promise_at_a_lower_percentile_says_nothing_about_a_higher_one(tmp_path: Path) -> None:
    assert chain(tmp_path, "services.second.constraints.latency.p50=5ms")["headroom: p99 latency"][0] == "89ms"


def test_services_that_call_each_other_end_the_chain(tmp_path: Path) -> None:
    spec = yaml.safe_load(minimal(**CHAIN))
    spec["models"], spec["releases"] = {"digit-reader": spec.pop("model")}, {"digit-reader": spec.pop("release")}
    spec["access"]["first"] = {"kind": "service", "service": "first"}
    spec["services"]["third"]["access"] = ["first"]
    assert left(spec_of(tmp_path, yaml.safe_dump(spec), "first"))["headroom: p99 latency"][0] == "89ms"


def test_a_measured_service_time_includes_the_calls_of_its_replica(tmp_path: Path) -> None:
    """20 ms on average are 92.1 ms at p99 with an exponential tail; the 11 ms of calls are among them."""
    found = chain(tmp_path, "services.first.serviceTime.mean=2ms")["headroom: p99 latency"]
    assert found[0] == "90.2ms"  # as without calls
    assert "9.2ms for the model, with a call of 11ms for `second`" in found[1]


def test_calls_of_a_language_model_come_on_top_of_its_estimate() -> None:
    import mlspec

    adopter = next(path for path in ADOPTERS if path.name.startswith("03"))
    environment = mlspec.compile(adopter / "mlspec.yaml")._compiled.environments[0]
    found = left(environment.plan.online["chat"])
    for _, why in found.values():
        assert why.startswith("500ms for `embedder`, as it promises at p95 + 1s for `reranker`")
    assert set(found) == {"headroom: p95 latency", "headroom: p95 time to first token"}


def warned(tmp_path: Path, *settings: str) -> list[str]:
    spec = yaml.safe_load(minimal(**CHAIN))
    spec["models"], spec["releases"] = {"digit-reader": spec.pop("model")}, {"digit-reader": spec.pop("release")}
    tmp_path.mkdir(exist_ok=True)
    found = compile_text(tmp_path, yaml.safe_dump(spec, sort_keys=False), settings=settings).diagnostics
    return [d.message for d in found if d.id == "MLS436"]


@pytest.mark.parametrize(("promise", "fires"), [("99ms", False), ("100ms", True), ("150ms", True)])
def test_a_service_may_not_promise_as_long_as_its_caller(promise: str, fires: bool, tmp_path: Path) -> None:
    """The hop of 0 ms that is not declared leaves all 100 ms; a promise of 100 ms leaves nothing for the model."""
    assert bool(warned(tmp_path, f"services.second.constraints.latency.p99={promise}")) is fires


def test_a_hop_as_long_as_the_bound_has_one_message(tmp_path: Path) -> None:
    """Of a service whose time is unknown it is MLS436, and of the others MLS403."""
    [said] = warned(tmp_path, "platform.gateway.hop=100ms")
    assert said.startswith("the bound on p99 latency is 100ms, and 111ms may be spent")


def test_what_a_gateway_takes_is_named_in_the_help(tmp_path: Path) -> None:
    """A bound on a service is not what to tighten where the gateway takes most of the time."""
    spec = yaml.safe_load(minimal(**CHAIN))
    spec["models"], spec["releases"] = {"digit-reader": spec.pop("model")}, {"digit-reader": spec.pop("release")}
    text = yaml.safe_dump(spec, sort_keys=False)
    [found] = [d for d in compile_text(tmp_path, text, settings=("platform.gateway.hop=99ms",)).diagnostics
               if d.id == "MLS436"]  # fmt: skip
    assert found.help == "write a bound above `110ms`, or shorten the largest part, 99ms for the gateway"
