"""Rules on capacity, with their thresholds worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.serving.capacity import carrying, replicas
from mlspec.schema.units import Duration, Percent, Rate

from .rules import findings, one
from .support import CARE

# The load that replicas can serve


@pytest.mark.parametrize(
    ("rate", "time", "slots", "patience", "by_use", "random", "pooled"),
    [
        ("120/s", "9ms", 4, 0.039, 1, 1, 1),
        ("800/s", "9ms", 8, 0.039, 2, 2, 2),
        ("800/s", "9ms", 1, 0.039, 11, 41, 9),
        ("50/s", "200ms", 4, 0.300, 4, 6, 4),
    ],
)
def test_each_rule_of_the_worked_table(
    rate: str, time: str, slots: int, patience: float, by_use: int, random: int, pooled: int
) -> None:
    def carries(wait: float | None, balancing: str) -> int:
        patience_ = fixed(Duration(Decimal(str(wait))), "") if wait is not None else None
        arriving, each = fixed(Rate.parse(rate), ""), fixed(Duration.parse(time), "")
        return carrying(arriving, each, fixed(slots, ""), patience_, fixed(balancing, ""), CARE).value

    assert carries(None, "random") == by_use
    assert carries(patience, "random") == max(by_use, random)
    assert carries(patience, "least-request") == max(by_use, pooled)


def test_losing_a_replica_is_not_part_of_the_load_calculation() -> None:
    """Two replicas have 5.4 of 40 slots busy: one is enough for the load, and two can be replaced or lose one."""
    given = (fixed(Rate.parse("600/s"), ""), fixed(Duration.parse("9ms"), ""), fixed(20, ""), None, fixed("random", ""))
    assert carrying(*given, CARE).value == 1
    assert replicas(*given, fixed(Percent.parse("99%"), ""), CARE).value == 2
    assert replicas(*given, fixed(Percent.parse("99.9%"), ""), CARE).value == 2


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
        ("p99: 30ms", "mean: 9ms, p99: 30ms", None),
        ("p999: 30ms", "mean: 9ms, p99: 31ms", "the p999 bound is 30ms, but the model alone takes 31ms at p99"),
        ("p95: 30ms", "mean: 9ms, p99: 31ms", None),
        ("p99: 30ms", "mean: 9ms, p995: 31ms", None),
        ("p99: 30ms", "mean: 9ms", None),
    ],
    ids=["slower", "as slow", "a higher bound", "a lower bound", "a higher measure", "nothing measured"],
)
def test_no_bound_below_the_models_own_time(bounds: str, time: str, said: str | None, tmp_path: Path) -> None:
    found = findings(
        tmp_path, "MLS403", f"constraints: {{latency: {{{bounds}}}}}\nserving: {{serviceTime: {{{time}}}}}"
    )
    assert [d.message for d in found] == ([said] if said is not None else [])


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


@pytest.mark.parametrize(("deadline", "fires"), [(990, True), (991, False)])
def test_a_deadline_allows_fetching_and_loading(deadline: int, fires: bool, tmp_path: Path) -> None:
    """Triton's 9 GB at 100 MB/s take 90 s, and 4 MiB one second more; then 900 s to load."""
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
    ("bound", "time", "fires"),
    [
        ("47ms", "mean: 9ms", True),  # 5.3 x 9 ms = 47.7 ms
        ("48ms", "mean: 9ms", False),
        ("47ms", "mean: 9ms, p995: 40ms", False),
        ("47ms", "mean: 9ms, p99: 40ms, p995: 47ms", True),
        ("47ms", "mean: 9ms, p99: 48ms", False),  # that is MLS403
    ],
)
def test_an_unmeasured_tail_may_use_up_the_bound(bound: str, time: str, fires: bool, tmp_path: Path) -> None:
    fragment = f"constraints: {{latency: {{p99: {bound}}}}}\nserving: {{serviceTime: {{{time}}}}}"
    found = findings(tmp_path, "MLS410", fragment)
    said = "the model's own tail latency leaves no time for queueing in the p99 bound of 47ms"
    assert [d.message for d in found] == [said] * fires
    if fires and "p99" not in time:
        assert found[0].note.startswith(
            "47ms minus the model's own 47.7ms (5.3 x 9ms, assuming an exponential tail) leaves no time: "
            "it is 0.7 ms short, so"
        )
    if fires and "p99" in time:
        assert " leaves no time, so" in found[0].note


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
