"""Rules on capacity, with their thresholds worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.serving.capacity import Demand, carrying, replicas
from mlspec.schema.units import Percent, Rate

from .rules import findings, one
from .support import CARE, demand

# The load that replicas can serve


def needs(rate: str, of: Demand) -> int:
    return carrying(fixed(Rate.parse(rate), ""), of, CARE).value


@pytest.mark.parametrize(
    ("rate", "time", "slots", "bound", "tail", "by_use", "random"),
    [
        ("120/s", "9ms", 4, {"p99": "50ms"}, None, 1, 1),
        ("800/s", "9ms", 8, {"p99": "50ms"}, None, 2, 2),
        ("800/s", "9ms", 1, {"p99": "50ms"}, None, 11, 43),
        ("800/s", "9ms", 1, {"p99": "50ms"}, (0.01, "11ms"), 11, 13),
        ("12/s", "350ms", 1, {"p95": "1500ms"}, None, 6, 14),
        ("12/s", "350ms", 1, {"p99": "2s"}, None, 6, 22),
        ("30/s", "60ms", 1, {"p99": "200ms"}, (0.01, "90ms"), 3, 7),
        ("50/s", "200ms", 4, {"p99": "1s"}, None, 4, 5),
    ],
)
def test_each_rule_of_the_worked_table(
    rate: str,
    time: str,
    slots: int,
    bound: dict[str, str],
    tail: tuple[float, str] | None,
    by_use: int,
    random: int,
) -> None:
    """With one slot and an exponential tail, P(T > t) = exp(-(u - l)·t): 800/s on 43 are 18.6/s of 111/s that one
    can do, and exp(-(111 - 18.6) x 0.05) is 0.98%. With a measured tail, a simulation needs 13 in the fourth row, and 6
    in the seventh.
    """
    assert needs(rate, demand(time, slots, {}, tail=tail)) == by_use
    assert needs(rate, demand(time, slots, bound, tail=tail)) == random
    assert by_use <= needs(rate, demand(time, slots, bound, "least-request", tail)) <= random


def test_every_promise_counts_and_the_strictest_wins() -> None:
    p95, p99 = {"p95": "1500ms"}, {"p99": "2s"}
    assert needs("12/s", demand("350ms", 1, p95 | p99)) == 22
    assert needs("12/s", demand("350ms", 1, p95 | {"p99": "9s"})) == needs("12/s", demand("350ms", 1, p95)) == 14


def test_losing_a_replica_is_not_part_of_the_load_calculation() -> None:
    """Two replicas have 5.4 of 40 slots busy: one is enough for the load, and two can be replaced or lose one."""
    rate, of = fixed(Rate.parse("600/s"), ""), demand("9ms", 20, {})
    assert carrying(rate, of, CARE).value == 1
    assert replicas(rate, of, fixed(Percent.parse("99%"), ""), CARE).value == 2
    assert replicas(rate, of, fixed(Percent.parse("99.9%"), ""), CARE).value == 2


@pytest.mark.parametrize(("availability", "expected"), [("99.5%", 14), ("99.9%", 15), ("99.99%", 21)])
def test_the_promises_hold_with_a_replica_or_a_zone_lost(availability: str, expected: int) -> None:
    """14 replicas keep the bound. 15 keep it with one lost, and of 21 in three zones, 14 remain without seven."""
    promised = fixed(Percent.parse(availability), "")
    of = demand("350ms", 1, {"p95": "1500ms"})
    assert replicas(fixed(Rate.parse("12/s"), ""), of, promised, CARE).value == expected


def test_the_reason_says_every_rule() -> None:
    said = replicas(fixed(Rate.parse("800/s"), ""), demand("9ms", 1, {"p99": "50ms"}), None, CARE).reason
    assert "11 replicas for 70% utilization" in said
    assert "43 for 99% of requests within 50ms" in said
    assert "2 so that one can be replaced: 43 replicas, 17% busy" in said


# MLS404


@pytest.mark.parametrize(("most", "fires"), [(2, True), (3, False)])
def test_little_s_law(most: int, fires: bool, tmp_path: Path) -> None:
    """800/s x 9 ms = 7.2 in flight; two replicas with 5 slots each are 72% busy, three are 48% busy."""
    serving = f"serving: {{serviceTime: {{mean: 9ms, at: 5}}, replicas: {{max: {most}}}}}"
    found = findings(tmp_path, "MLS404", f"constraints: {{throughput: {{mean: 23/s, peak: 800/s}}}}\n{serving}")
    assert bool(found) is fires
    if fires:
        assert found[0].message == "the peak of 800/s needs 3 replicas, but the limit is 2"
        assert found[0].note.startswith("800/s x 9ms = 7.2 busy slots, with 5 slots per replica; 3 replicas for 70% u")
        assert found[0].note.endswith("2 replicas would be 72% busy")


def test_one_replica_may_serve_the_peak_alone(tmp_path: Path) -> None:
    """That it cannot be replaced without downtime is another matter: 60/s x 2 ms keeps 0.12 slots busy."""
    assert findings(tmp_path, "MLS404", "constraints: {maxReplicas: 1}") == []


def test_without_autoscaling_the_minimum_must_serve_the_peak(tmp_path: Path) -> None:
    peak = "constraints: {throughput: {mean: 20/s, peak: 800/s}}\n"
    serving = "serving: {serviceTime: {mean: 9ms, at: 4}, replicas: {min: 2, max: 50}}\n"
    assert findings(tmp_path, "MLS404", peak + serving) == []
    fixed_ = peak + serving + "platform: {autoscaling: {provider: none}}"
    found_ = one(tmp_path / "fixed", "MLS404", fixed_)
    assert "needs 3 replicas, but the limit is 2" in found_.message
    assert found_.help.startswith("set `replicas.min` to 3")


def test_without_a_service_time_there_is_no_answer(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS404", "serving: {serviceTime: null, replicas: {max: 1}}") == []


# Throughput


@pytest.mark.parametrize(
    ("throughput", "said"),
    [
        ("mean: 61/s", "the `mean` of 61/s is above the `peak` of 60/s"),
        ("mean: 60/s", None),
        ("trough: 21/s", "the `trough` of 21/s is above the `mean` of 20/s"),
        ("trough: 70/s, mean: null", "the `trough` of 70/s is above the `peak` of 60/s"),
        ("trough: 1200/m", None),
        ("mean: 30/s, peak: null, trough: 0/s", None),
    ],
)
def test_rates_are_in_order(throughput: str, said: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS008", f"constraints: {{throughput: {{{throughput}}}}}")
    assert [d.message for d in found] == ([said] if said is not None else [])
    assert all(len(d.others) == 1 for d in found), "both rates are shown"


# MLS403


@pytest.mark.parametrize(
    ("bounds", "time", "said"),
    [
        ("p99: 30ms", "mean: 9ms, p99: 31ms", "the p99 bound is 30ms, but the model alone takes 31ms at p99"),
        ("p999: 30ms", "mean: 9ms, p99: 31ms", "the p999 bound is 30ms, but the model alone takes 31ms at p99"),
        ("p95: 30ms", "mean: 9ms, p99: 31ms", None),
        ("p99: 35ms", "mean: 9ms, p995: 31ms", None),
    ],
    ids=["slower", "a higher bound", "a lower bound", "a higher measure"],
)
def test_no_bound_below_the_models_own_time(bounds: str, time: str, said: str | None, tmp_path: Path) -> None:
    found = findings(
        tmp_path, "MLS403", f"constraints: {{latency: {{{bounds}}}}}\nserving: {{serviceTime: {{{time}}}}}"
    )
    assert [d.message for d in found] == ([said] if said is not None else [])


@pytest.mark.parametrize(
    ("bound", "time", "missed", "helps"),
    [
        ("p99: 43ms", "mean: 9ms", "0.841%", "measure `serviceTime.p995`"),  # exp(-43/9), more than 80% of 1%
        ("p99: 44ms", "mean: 9ms", None, ""),
        ("p95: 28ms", "mean: 9ms", "4.46%", "or write a bound of `29ms`"),  # exp(-28/9); 9 x ln(1 / 4%) = 28.97
        ("p95: 29ms", "mean: 9ms", None, ""),
        ("p50: 8ms", "mean: 9ms", "41.1%", "or write a bound of `9ms`"),
        ("p99: 43ms", "mean: 9ms, p995: 30ms", None, ""),
        ("p99: 31ms", "mean: 9ms, p99: 31ms", "1%", "write a bound of `3"),
    ],
)
def test_a_bound_that_an_idle_replica_misses(
    bound: str, time: str, missed: str | None, helps: str, tmp_path: Path
) -> None:
    fragment = f"constraints: {{latency: {{{bound}}}}}\nserving: {{serviceTime: {{{time}}}}}"
    found = findings(tmp_path, "MLS403", fragment)
    percentile, limit = bound.split(": ")
    said = f"the {percentile} bound is {limit}, but an idle replica takes longer for {missed} of requests"
    assert [d.message for d in found] == ([said] if missed is not None else [])
    assert all(helps in d.help for d in found)


CANDIDATES = "model: {candidates: [{name: a, latency: {p99: 31ms}, selected: true}, {name: b, latency: {p99: %s}}]}\n"


def test_the_selected_candidate_counts_if_nothing_is_measured(tmp_path: Path) -> None:
    bound = "constraints: {latency: {p99: 30ms}}\n"
    one(tmp_path, "MLS403", bound + CANDIDATES % "40ms")
    measured = bound + CANDIDATES % "40ms" + "serving: {serviceTime: {mean: 9ms, p99: 20ms}}"
    assert findings(tmp_path / "measured", "MLS403", measured) == []
    other = bound + CANDIDATES % "20ms"
    assert findings(tmp_path / "other", "MLS403", other) == [], "MLS208 says that another candidate is fast enough"
    one(tmp_path / "208", "MLS208", other)


# MLS406


@pytest.mark.parametrize(("deadline", "fires"), [(1110, True), (1111, False)])
def test_a_deadline_allows_a_node_fetching_and_loading(deadline: int, fires: bool, tmp_path: Path) -> None:
    """A node takes 120 s, Triton's 9 GB at 100 MB/s 90 s, and 4 MiB one second more; then 900 s to load."""
    patch = f"""
    serving: {{load: 15m}}
    patches:
      - target: {{kind: Rollout, name: base}}
        reason: fail fast
        patch: {{spec: {{progressDeadlineSeconds: {deadline}}}}}
    """
    assert bool(findings(tmp_path, "MLS406", patch)) is fires
    another = patch.replace("name: base", "name: another")
    assert findings(tmp_path / "another", "MLS406", another) == []


@pytest.mark.parametrize(
    ("probe", "fires"),
    [
        ("periodSeconds: 10, failureThreshold: 4", False),
        ("periodSeconds: 10", True),  # Kubernetes gives up after three failures
        ("failureThreshold: 3, initialDelaySeconds: 10", False),  # and probes every ten seconds
        ("periodSeconds: ten", False),  # not a number; Kubernetes will reject it
    ],
)
def test_a_probe_allows_loading(probe: str, fires: bool, tmp_path: Path) -> None:
    patch = f"""
    serving: {{load: 40s}}
    patches:
      - target: {{kind: Rollout, name: base}}
        reason: an image of our own
        patch: {{spec: {{template: {{spec: {{containers: [{{name: model, startupProbe: {{{probe}}}}}]}}}}}}}}
    """
    found = findings(tmp_path, "MLS406", patch)
    assert bool(found) is fires
    assert [d.help for d in found] == ["write `failureThreshold: 4` or more"] * fires  # as in the first case


# MLS410 and MLS411

UNSET = "the service time is not set"


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("serving: {serviceTime: null}", f"{UNSET}, so it is unclear how many replicas can serve 60/s"),
        ("constraints: {throughput: {peak: null}}\nserving: {serviceTime: null}", UNSET),
        ("constraints: {throughput: {mean: null, peak: null}}\nserving: {serviceTime: null}", None),  # no load
        ("serving: {serviceTime: null, replicas: {min: 2, max: 4}}", None),
        ("serving: {serviceTime: null, replicas: {min: 2}}", UNSET),
    ],
)
def test_unproven_capacity_says_what_to_measure(fragment: str, said: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS410", fragment)
    assert bool(found) is (said is not None)
    for diagnostic in found:
        assert diagnostic.message.startswith(said or "")
        assert diagnostic.note == "the number of replicas, 2, is a guess until a load test confirms it"


@pytest.mark.parametrize(
    ("bound", "serving", "needed"),
    [
        ("100ms", "serviceTime: {mean: 20ms}", 16),  # 50/s - x >= ln(100) / 0.1 s, so x <= 3.9/s, and 60 / 3.9 = 15.2
        ("105ms", "serviceTime: {mean: 20ms}", 10),  # x <= 6.1/s; 1.2 busy slots of 10
        ("109ms", "serviceTime: {mean: 20ms}", None),  # x <= 7.8/s, so 8 replicas, which are 15% busy
        ("10ms", "serviceTime: {mean: 2ms}", None),  # x <= 39/s, so 2 replicas, although they are 6% busy
        ("100ms", "serviceTime: {mean: 20ms, p99: 40ms}", None),
        ("100ms", "serviceTime: {mean: 20ms, p995: 90ms}", None),
        ("100ms", "serviceTime: {mean: 20ms}, replicas: {min: 2, max: 20}", None),
    ],
)
def test_trap_most_replicas_were_for_unmeasured_slow_requests(
    bound: str, serving: str, needed: int | None, tmp_path: Path
) -> None:
    found = findings(tmp_path, "MLS410", f"constraints: {{latency: {{p99: {bound}}}}}\nserving: {{{serving}}}")
    said = [f"most of the {needed} replicas are for slow requests that were never measured"] * (needed is not None)
    assert [one.message for one in found] == said


def test_the_budget_needs_a_measurement_before_other_devices(tmp_path: Path) -> None:
    costly = "constraints: {latency: {p99: 100ms}, budget: 1 USD/month}\nserving: {serviceTime: {mean: 20ms%s}}"
    known = findings(tmp_path, "MLS405", costly % ", p99: 40ms")
    [found] = findings(tmp_path, "MLS405", costly % "")
    assert found.help.startswith("measure the slow requests, too (`serviceTime.p99`)")
    assert [one.help for one in known if "slow requests" in one.help] == []


@pytest.mark.parametrize(
    ("serving", "fires"),
    [
        ("serviceTime: {mean: 2ms, at: 4}, batching: {maxSize: 5, maxDelay: 5ms}", True),
        ("serviceTime: {mean: 2ms, at: 4}, batching: {maxSize: 4, maxDelay: 5ms}", False),
        ("serviceTime: {mean: 2ms, at: 4}, batching: {maxSize: 5}", False),  # nothing waits
        ("serviceTime: {mean: 2ms, at: 4}, resources: {cpu: 3}", True),
        ("serviceTime: {mean: 2ms, at: 4}, resources: {cpu: 3500m}", True),
        ("serviceTime: {mean: 2ms, at: 4}, resources: {cpu: 4}", False),
        ("serviceTime: {mean: 2ms, at: 4}", False),  # then there is a core for each request
        ("serviceTime: {mean: 2ms, at: 4}, resources: {cpu: 1, accelerator: {type: l4}}", False),
        ("serviceTime: {mean: 2ms, at: 4}, resources: {cpu: 1}, container: {cpuBound: false}", False),
    ],
)
def test_concurrency_matches_cores_and_batch_size(serving: str, fires: bool, tmp_path: Path) -> None:
    allowed = "constraints: {accelerators: [l4]}\n" if "l4" in serving else ""
    assert bool(findings(tmp_path, "MLS411", f"{allowed}serving: {{{serving}}}")) is fires
