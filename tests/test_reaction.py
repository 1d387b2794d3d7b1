"""Reaction to more load: the time until new replicas serve, and the replicas that must be up before it rises."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.day import shape
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.service import ServicePlan
from mlspec.targets.registry import BACKENDS

from .support import compile_text, minimal
from .test_worked_systems import SYSTEMS


def planned(tmp_path: Path, **changes: object) -> ServicePlan:
    """The plan of a ticket shop: 20/s on average and 1,000/s at the peak, 12 ms with 4 requests in flight."""
    shop: dict[str, object] = {
        "constraints__throughput": {"mean": "20/s", "peak": "1000/s"},
        "constraints__latency": {"p99": "100ms"},
        "constraints__availability": "99.9%",
        "serving__serviceTime": {"mean": "12ms", "at": 4, "p99": "30ms"},
    }
    path = tmp_path / "mlspec.yaml"
    path.write_text(minimal(**{**shop, **changes}))
    [environment] = compile_system(mlspec.load(path)._input, BACKENDS, RULES).environments
    [service] = environment.plan.online.values()
    return service


def test_a_replica_serves_after_every_wait_in_turn(tmp_path: Path) -> None:
    """2 min for a rate, 15 s to decide, 30 s to settle, 2 min for a node, then the image, the model, and a probe."""
    shop = planned(tmp_path)
    known = 120 + 15 + 30 + 120 + 5
    assert int(shop.reaction.time.value.amount) == known + int(
        shop.live.fetch.value.amount + shop.live.start.value.amount
    )
    ready = planned(tmp_path, platform__planning={"nodeWait": "0s"})
    assert shop.reaction.time.value.amount - ready.reaction.time.value.amount == 120


def test_trap_an_adapter_only_sees_what_a_rule_has_recorded(tmp_path: Path) -> None:
    """The rule is evaluated once in a minute, so a HorizontalPodAutoscaler sees the load a minute later than KEDA."""
    adapter = {"provider": "hpa", "adapter": "prometheus-adapter"}
    recorded = planned(tmp_path, platform__autoscaling=adapter).reaction.time
    assert recorded.value.amount - planned(tmp_path).reaction.time.value.amount == 60
    assert recorded.reason.startswith("3m to see the load")


def test_a_jump_to_the_peak_spends_several_error_budgets(tmp_path: Path) -> None:
    """Two replicas answer 2 x 4 / 12 ms = 667/s. The others of 1,000/s are late: 333 x the reaction, of 0.1% x 20 x 30
    days = 51,840.
    """
    shop = planned(tmp_path)
    able, spent = shop.reaction.at_once, shop.reaction.jump
    assert able is not None
    assert str(able.value) == "667/s"
    assert spent is not None
    assert float(spent.value.amount) == pytest.approx(333 * float(shop.reaction.time.value.amount) / 51_840, rel=0.001)


@pytest.mark.parametrize(("ramp", "least"), [("1s", 5), ("30m", 4), ("4h", 2)])
def test_the_minimum_follows_from_the_ramp(tmp_path: Path, ramp: str, least: int) -> None:
    """A reaction of 392 s. In 30 min, the rate rises by 980 / 1,800 = 0.544/s every second, and replicas are behind
    until 0.544 x 392 / 0.3 = 711/s: 8.5 Erlangs / (0.7 x 4) = 3.05. The peak needs 12 / 2.8 = 4.3. In 4 h, it is 89/s.
    """
    shop = planned(tmp_path, constraints__throughput={"mean": "20/s", "peak": "1000/s", "ramp": ramp})
    assert int(shop.reaction.time.value.amount) == 392
    assert shop.scaling.least.value == least


def test_a_slower_ramp_never_needs_more(tmp_path: Path) -> None:
    ramps = ("0s", "1m", "5m", "20m", "1h", "6h", "1d")
    least = [
        planned(tmp_path, constraints__throughput={"mean": "20/s", "peak": "1000/s", "ramp": ramp}).scaling.least.value
        for ramp in ramps
    ]
    assert least == sorted(least, reverse=True)


def test_with_its_ramp_the_simulated_rise_is_answered(tmp_path: Path) -> None:
    """Replicas follow the load after the reaction, 70% busy with it: the rate never exceeds what they answer."""
    for ramp in (60, 600, 1800, 7200):
        rates = {"mean": "20/s", "peak": "1000/s", "ramp": f"{ramp}s"}
        shop = planned(tmp_path, constraints__throughput=rates)
        delay, each = float(shop.reaction.time.value.amount), 4 / 0.012

        def rate(second: float, ramp: int = ramp) -> float:
            return 20 + 980 * min(1.0, max(0.0, second / ramp))

        for second in range(0, ramp + int(delay) + 1, 5):
            up = max(shop.scaling.least.value, rate(second - delay) / 0.7 / each)
            assert rate(second) <= up * each, (ramp, second)


# The trough


@pytest.mark.parametrize(
    ("rates", "least", "carries"),
    [
        # (900 - 100) / 2 x cos(75 deg) = 103.5/s in an hour; 103.5 / 3,600 x 392 / 0.3 = 37.6/s is below the trough
        ({"trough": "100/s", "mean": "500/s", "peak": "900/s"}, 2, "100/s"),
        # 445 x cos(75 deg) = 115.2/s in an hour: 41.8/s
        ({"trough": "10/s", "mean": "455/s", "peak": "900/s"}, 2, "41.9/s"),
        # 0 to 100,000/s: 12,941/s in an hour; 4,697/s x 12 ms = 56.4 Erlangs; 56.4 / 2.8 = 20.1, so 21, and one to lose
        ({"trough": "0/s", "mean": "50000/s", "peak": "100000/s"}, 22, "4697.1/s"),
        # a constant rate
        ({"trough": "5/s", "mean": "5/s", "peak": "5/s"}, 2, "5/s"),
        # less than a tenth per minute
        ({"trough": "0/s", "mean": "0.001/s", "peak": "0.002/s"}, 2, "3.6/h"),
        # 0.48% of a day are less than an hour at the peak, which the autoscaler cannot follow
        ({"trough": "15/s", "mean": "20/s", "peak": "1050/s"}, 2, "20/s"),
    ],
)
def test_the_minimum_follows_from_the_trough(rates: dict[str, str], least: int, carries: str, tmp_path: Path) -> None:
    shop = planned(tmp_path, constraints__throughput=rates)
    assert int(shop.reaction.time.value.amount) == 392
    assert shop.scaling.least.value == least
    assert f"; sized for {carries}: " in shop.scaling.least.reason


def test_only_a_declared_trough_lowers_the_minimum(tmp_path: Path) -> None:
    """500/s x 12 ms = 6 Erlangs; 6 / 2.8 = 2.1, so 3, and one to lose."""
    rates = {"mean": "500/s", "peak": "900/s"}
    assert planned(tmp_path, constraints__throughput=rates).scaling.least.value == 4
    assert planned(tmp_path, constraints__throughput={**rates, "trough": "100/s"}).scaling.least.value == 2


def test_a_ramp_counts_at_night_too(tmp_path: Path) -> None:
    """From 500/s to 900/s in 10 min: 0.667/s every second x 392 s / 0.3 = 871/s, 10.5 Erlangs / 2.8 = 3.7."""
    rates = {"trough": "100/s", "mean": "500/s", "peak": "900/s", "ramp": "10m"}
    assert planned(tmp_path, constraints__throughput=rates).scaling.least.value == 4


def chat(tmp_path: Path, *settings: str) -> ServicePlan:
    """The chat assistant of the worked systems: 3/s on average, 9/s at the peak, and nothing is measured."""
    [spec] = [system.spec for system in SYSTEMS if system.name == "A chat assistant on an 8B model"]
    [environment] = compile_text(tmp_path, spec, settings=settings, today="2026-11-23")._compiled.environments
    [service] = environment.plan.online.values()
    return service


def test_a_language_model_that_is_not_measured_answers_what_its_estimate_says(tmp_path: Path) -> None:
    """A request takes 224 ms of a replica: 2 / 0.224 = 8.9/s. The peak is 0.1/s above it, for 10 min 27 s = 627 s."""
    service = chat(tmp_path)
    able = service.reaction.at_once
    assert able is not None
    assert str(able.value) == "8.9/s"
    assert able.reason.startswith("2 replicas / 224 ms, the replica time of a request with every sequence in use: ")
    spent = service.reaction.jump
    assert spent is not None
    assert float(spent.value.amount) == pytest.approx(0.1 * 627 / (0.005 * 3 * 30 * 86400), abs=0.0006)


@pytest.mark.parametrize(("ramp", "least"), [("5m", 5), ("20m", 5), ("1h", 2), ("12h", 2)])
def test_the_minimum_of_a_language_model_follows_from_the_ramp(tmp_path: Path, ramp: str, least: int) -> None:
    """6/s more in 20 min are 0.005/s every second, x 627 s / 0.3 = 10.5/s: the peak, which needs 9 / 2.17 = 4.1. In an
    hour, it is 3.5/s, and 3.5 / 2.17 = 1.6.
    """
    service = chat(tmp_path, f"constraints.throughput.ramp={ramp}")
    assert service.for_ramp is not None
    assert (service.for_ramp.value, service.scaling.least.value) == (least, least)


def test_the_replicas_follow_every_second_of_a_day(tmp_path: Path) -> None:
    """Replicas follow the load after the reaction, 70% busy with it: the rate never exceeds what they answer."""
    for trough, mean, peak in ((10, 3000, 9000), (10, 4000, 9000), (0, 4500, 9000), (3000, 8000, 9000)):
        rates = {"trough": f"{trough}/s", "mean": f"{mean}/s", "peak": f"{peak}/s"}
        shop = planned(tmp_path, constraints__throughput=rates)
        delay, each, day = float(shop.reaction.time.value.amount), 4 / 0.012, shape(trough, mean, peak)
        for second in range(0, 86_400, 30):
            up = max(shop.scaling.least.value, day.at((second - delay) / 3600) / 0.7 / each)
            assert day.at(second / 3600) <= up * each, (trough, second)


@pytest.mark.slow
@pytest.mark.parametrize("balancing", ["random", "least-request"])
def test_a_simulated_day_keeps_its_promises_from_the_minimum_of_its_trough(balancing: str, tmp_path: Path) -> None:
    changes = {
        "constraints__latency": {"p99": "9s"},
        "constraints__availability": "99.9%",
        "serving__serviceTime": {"mean": "1500ms", "at": 1, "p99": "4s"},
        "platform__gateway": {"loadBalancing": balancing},
    }
    rates = {"trough": "0.2/s", "mean": "3/s", "peak": "8/s"}
    result = compile_text(tmp_path, minimal(constraints__throughput=rates, **changes))
    [service] = next(iter(mlspec.simulate(result, at="day", rollouts=2).values())).services
    verdicts = {promise.title: promise.verdict for promise in service.promises}
    assert (verdicts["latency p99"], verdicts["availability"]) == ("kept", "kept")
    always = planned(tmp_path, constraints__throughput=rates, **changes)
    assert always.scaling.least.value < always.for_mean.value


def test_lint_finds_a_sale_and_a_minimum_below_the_ramp(tmp_path: Path) -> None:
    path = tmp_path / "mlspec.yaml"
    path.write_text(minimal(constraints__throughput={"mean": "20/s", "peak": "9000/s"}))
    [found] = [one for one in mlspec.lint(path) if one.id == "MLS423"]
    assert "times the error budget" in found.message
    rates = {"mean": "20/s", "peak": "9000/s", "ramp": "5m"}
    path.write_text(minimal(constraints__throughput=rates, serving__replicas={"min": 2}))
    [found] = [one for one in mlspec.lint(path) if one.id == "MLS423"]
    assert found.message == "2 replicas cannot answer a load that rises to the peak in 5m"
    path.write_text(minimal(constraints__throughput=rates))
    assert [one for one in mlspec.lint(path) if one.id == "MLS423"] == []
