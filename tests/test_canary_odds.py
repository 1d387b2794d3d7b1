"""The odds of the verdicts on a canary: what the plan says, calculated again from the distributions."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path

import pytest

from mlspec.compiler.plan.rollout.judgment import Judgment
from mlspec.compiler.plan.rollout.run import window

from .analyses import SMALL_STEPS, TRAFFIC, canary
from .scenes import minutes

SAID = re.compile(
    r"(?P<n>[0-9,]+) requests per window of (?P<minutes>[0-9]+) min at (?P<share>[0-9.]+)% of traffic; with a limit of "
    r"(?P<limit>[0-9.]+)% and (?P<failures>[0-9]+) of (?P<windows>[0-9]+) windows? allowed to fail, the probability of "
    r"a false abort is (?P<abort>(?:less than )?[0-9.]+)%, that of missing (?P<harm>[0-9.]+)% bad requests is "
    r"(?P<missed>(?:less than )?[0-9.]+)%, and that of waiting for an engineer, because windows have fewer than "
    r"(?P<least>[0-9,]+) requests?, is (?P<held>(?:less than )?[0-9.]+)%"
)


def more_than(most: int, n: int, p: Decimal) -> Decimal:
    """P(X > most) for a binomial X: 1 minus the sum of C(n, k) p^k (1 - p)^(n - k) for k up to most."""
    return 1 - sum((math.comb(n, k) * power(p, k) * power(1 - p, n - k) for k in range(most + 1)), Decimal(0))


def fewer_than(least: int, mean: Decimal) -> Decimal:
    """P(X < least) for a Poisson X: the sum of e^-mean mean^k / k! for k below least."""
    return sum(((-mean).exp() * power(mean, k) / math.factorial(k) for k in range(least)), Decimal(0))


def power(base: Decimal, exponent: int) -> Decimal:
    return base**exponent if exponent else Decimal(1)


def is_said(probability: Decimal, percent: str) -> bool:
    """Whether a probability is what the explanation says in percent."""
    if percent == "less than 0.1":
        return float(probability) == pytest.approx(0, abs=0.0005)
    return float(percent) == pytest.approx(float(probability * 100), abs=0.06)


def told(judgment: Judgment) -> re.Match[str]:
    (why,) = {source.why for source in judgment.limit.sources if hasattr(source, "why")}
    found = SAID.fullmatch(why)
    assert found is not None, why
    return found


@pytest.mark.slow
@pytest.mark.parametrize("traffic", TRAFFIC[:4])
@pytest.mark.parametrize("usual", [{"availability": "99.5%"}, {"availability": "99.9%"}])
def test_the_odds_in_the_explanation_are_binomial_and_poisson(
    traffic: dict[str, str], usual: dict[str, str], tmp_path: Path
) -> None:
    plan = canary(tmp_path, constraints__throughput=traffic, constraints__availability=usual["availability"])
    budgets = {"availability": 1 - Decimal(usual["availability"][:-1]) / 100, "latency-p99": Decimal("0.01")}
    for judgment in (judgment for step in plan.steps for judgment in step.judgments):
        said = told(judgment)
        n, windows, failures = (int(said[name].replace(",", "")) for name in ("n", "windows", "failures"))
        most = int(Decimal(said["limit"]) / 100 * n)
        before, after = budgets[judgment.objective.name], Decimal(said["harm"]) / 100
        abort = more_than(failures, windows, more_than(most, n, before))
        missed = 1 - more_than(failures, windows, more_than(most, n, after))
        assert is_said(abort, said["abort"])
        assert is_said(missed, said["missed"])
        rate = Decimal(traffic["mean"].removesuffix("/s")) * Decimal(said["share"]) / 100
        assert n == int(rate * 60 * int(said["minutes"]))
        least = int(said["least"].replace(",", ""))
        assert least == int(judgment.volume.value)
        if n < 10_000:
            held = more_than(failures + 1, windows, fewer_than(least, rate * 60 * int(said["minutes"])))
            assert is_said(held, said["held"])


def test_the_odds_of_one_case_calculated_by_hand(tmp_path: Path) -> None:
    """5% of 20/s gives 120 requests in two minutes. The normal error rate is 0.5%, and a page's 14.4 times that.

    A limit of 1.94% of 120 allows two failures. At 0.5%, the probabilities of zero, one, and two failures are 0.54799,
    0.33044, and 0.09880, which leaves 0.02277 for more. At 7.2%, they are 0.00013, 0.00119, and 0.00548, which leaves
    0.99320. The step needs 129 requests, which is two windows, so it has four: more than one fails without cause with
    probability 6 x 0.02277^2 x 0.97723^2 + 4 x 0.02277^3 x 0.97723 = 0.00302, and fewer than two fail despite that
    with probability 4 x 0.99320 x 0.00680^3 = 1.2e-6. One failure in 52 requests is within 1.94%, and fewer than 52 of
    120 expected arrive with probability 2.7e-12.
    """
    plan = canary(tmp_path)
    said = told(plan.steps[0].judgments[0])
    assert (said["minutes"], said["n"], said["limit"], said["windows"]) == ("2", "120", "1.94", "4")
    assert float(more_than(2, 120, Decimal("0.005"))) == pytest.approx(0.02277, abs=1e-5)
    assert float(more_than(2, 120, Decimal("0.072"))) == pytest.approx(0.99320, abs=1e-5)
    assert (said["abort"], said["missed"]) == ("0.3", "less than 0.1")
    assert (said["least"], said["held"]) == ("52", "less than 0.1")


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_a_step_has_enough_windows_for_its_requests_and_at_least_four(
    traffic: dict[str, str] | None, tmp_path: Path
) -> None:
    plan = canary(tmp_path, constraints__throughput=traffic, serving__load="3m")
    for share, step in zip(plan.shares, plan.steps, strict=True):
        needed = float(plan.arm(share).value)
        for judgment in step.judgments:
            window = 60 * minutes(judgment.window.value)
            assert judgment.windows.value == max(4, math.ceil(needed / window))
            assert float(step.lasts.value) == judgment.windows.value * window


def test_windows_that_are_enough_for_one_objective_can_be_too_short_for_another(tmp_path: Path) -> None:
    """5% of 0.3/s is 0.9 requests per minute, and the step needs 61 requests, which is 68 min.

    Alone, the availability would have 34 windows of 2 min with one request each, and no failure may be among them: at
    1%, more than one window fails with probability 1 - 0.99^34 - 34 x 0.01 x 0.99^33 = 4.5%. In the 14 windows of 5 min
    that the latency needs, with four requests each, 3.9% of windows have a failure, so it is 10.3%. In four of 45 min,
    with 40 requests and one failure allowed, 6.1% of windows fail, so it is 2.0%. The same windows show 30% slow
    requests instead of 72%: five of 40 may be slow, and at 5%, more are with 1.4%, so it is 6 x 0.0139^2 = 0.1%.
    """
    odd = {
        "constraints__availability": "99%",
        "constraints__latency": {"p95": "100ms"},
        "rollout__stages": SMALL_STEPS,
    }
    plan = canary(tmp_path, constraints__throughput={"mean": "0.3/s", "peak": "1/s"}, **odd)
    both = plan.steps[0].judgments
    assert [judgment.window.value for judgment in both] == ["45m", "45m"]
    assert [told(judgment)["abort"] for judgment in both] == ["2.0", "0.1"]
    assert all(judgment.verdict.value.sure for judgment in both)


def test_windows_of_the_mean_rate_would_often_lack_requests_and_hold_a_good_version(tmp_path: Path) -> None:
    """5% of 0.3/s is 27 requests in 30 min, and one failure is within the limit of 3.96% from 26 requests on.

    Fewer than 26 of 27 arrive with probability 39.8%, so more than two of four windows lack requests with
    4 x 0.398^3 x 0.602 + 0.398^4 = 17.7%. Of the 40.5 in 45 min, fewer than 26 arrive with probability 0.6%: 8e-7.
    """
    for mean, windows in (("27", Decimal("0.177")), ("40.5", Decimal("0"))):
        held = more_than(2, 4, fewer_than(26, Decimal(mean)))
        assert float(held) == pytest.approx(float(windows), abs=5e-4)
    plan = canary(
        tmp_path,
        constraints__throughput={"mean": "0.3/s", "peak": "1/s"},
        constraints__availability="99%",
        rollout__stages=SMALL_STEPS,
    )
    (judgment,) = (each for each in plan.steps[0].judgments if each.objective.name == "availability")
    assert (judgment.window.value, judgment.volume.value) == ("45m", "26")
    assert judgment.verdict.value.held == pytest.approx(8e-7, abs=5e-7)


def test_a_minimum_that_the_traffic_never_reaches_would_hold_every_version(tmp_path: Path) -> None:
    """`minSamples: 2k` needs 2,000 requests per window. 5% of 20/s is 1 per second: 30 min have 1,800, 45 min 2,700."""
    condition = {"metric": "error-rate", "max": "2%", "minSamples": "2k"}
    plan = canary(tmp_path, rollout__rollbackWhen=[condition], rollout__stages=SMALL_STEPS)
    (judgment,) = (each for each in plan.steps[0].judgments if each.objective.name == "availability")
    assert (judgment.window.value, judgment.volume.value) == ("45m", "2000")
    assert judgment.verdict.value.held_at(1800 / (45 * 60)) > 0.99


def test_no_window_fails_whose_limit_is_all_requests() -> None:
    """Not even if each of many requests fails: their normal distribution has no spread."""
    assert window(3600, 1.0, 1.0, 900).fails == 0
