"""Rules on objectives and rollouts at the actual traffic, with odds, windows and durations worked out by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.rollout.odds import arm_size, sample, step_length
from mlspec.compiler.plan.rollout.verdict import verdict
from mlspec.schema.units import Percent, Rate

from .batch import spec as batch
from .rules import findings, one
from .support import compile_text, dumped, minimal

# Worked examples from the literature


@pytest.mark.parametrize(
    ("before", "after", "requests"),
    [
        (0.01, 0.02, 2319),
        (0.005, 0.015, 1553),
        (0.001, 0.005, 2934),
        (0.001, 0.015, 635),
        (0.05, 0.06, 8158),
    ],
)
def test_requests_of_each_arm(before: float, after: float, requests: int) -> None:
    """Fleiss, section 4.2, in full: the pooled mean, 1.959964 for 5% and 0.841621 for 80%."""
    mean = (before + after) / 2
    spread = 1.959964 * math.sqrt(2 * mean * (1 - mean))
    spread += 0.841621 * math.sqrt(before * (1 - before) + after * (1 - after))
    assert math.ceil(spread**2 / (after - before) ** 2) == requests == sample(before, after)


@pytest.mark.parametrize(
    ("rate", "share", "takes"),
    [
        ("23/s", "5%", "9.2 min"), ("23/s", "25%", "110 s"), ("23/s", "50%", "55.2 s"),
        ("6/s", "5%", "35.3 min"), ("6/s", "25%", "7.06 min"), ("6/s", "50%", "3.53 min"),
    ],
)  # fmt: skip
def test_durations_of_the_steps_of_a_fraud_scorer(rate: str, share: str, takes: str) -> None:
    """How long a share of the traffic takes to bring in 635 requests; steps are rounded up to half minutes."""
    arriving, part = fixed(Rate.parse(rate), ""), fixed(Percent.parse(share), "")
    before, after = (fixed(Percent.parse(text).amount, "") for text in ("0.1%", "1.5%"))
    significance, power = (fixed(Percent.parse(text), "") for text in ("5%", "80%"))
    length = step_length(arriving, part, arm_size(before, after, significance, power))
    assert f"which takes {takes} at {share} of {rate}" in length.reason
    assert float(length.value) == math.ceil(635 / (float(arriving.value) * float(part.value)) / 30) * 30


def test_one_window_of_345_requests_is_not_enough() -> None:
    """Five minutes at 5% of 23/s. A limit of 0.5% allows one failure.

    Without the regression (0.1%), the odds of no failure and of one are 0.7081 and 0.2445: 4.7% of windows have more.
    With it (1.5%), they are 0.00544 and 0.0286: 3.4% of windows have no more.
    """
    found = verdict(23 * 0.05, 0.001, 0.015, 1, 0, limit=0.005, least_minutes=5)
    assert (found.minutes, found.requests) == (5, 345)
    assert round(found.false_abort * 100, 1) == 4.7
    assert round(found.missed * 100, 1) == 3.4


def test_one_window_of_1725_requests_is_enough() -> None:
    """Five minutes at 25% of 23/s with a limit of 0.75%: it allows 12 failures, and 1.7 or 25.9 are expected."""
    found = verdict(23 * 0.25, 0.001, 0.015, 1, 0, limit=0.0075, least_minutes=5)
    assert (found.minutes, found.requests) == (5, 1725)
    assert found.false_abort < 1e-6
    assert round(found.missed * 100, 1) == 0.2


# MLS508


@pytest.mark.parametrize(
    ("period", "share", "long", "help_"),
    [
        ("7d", "10%", "3d", "write `budget: 43%` or `long: 16h`, so that the burn rate is at least 1"),
        ("7d", "38.6%", "3d", None),  # 0.9007
        ("7d", "38.5%", "3d", "write `budget: 43%`"),  # 0.8983
        ("28d", "10%", "3d", None),  # 0.9333
        ("30d", "5%", "14d", "write `budget: 47%` or `long: 35h`"),  # 0.1071 x 14 d = 35.99 h
        ("7d", "20%", "10d", "write `long: 33h`, so that"),
    ],
)
def test_an_alert_fires_at_a_burn_rate_that_leaves_a_budget(
    period: str, share: str, long: str, help_: str | None, tmp_path: Path
) -> None:
    burn = f"{{severity: ticket, budget: {share}, long: {long}}}"
    fragment = f"""
    constraints: {{availability: 99.9%}}
    monitoring: {{slo: {{window: {period}, burn: [{burn}]}}}}
    """
    found = findings(tmp_path, "MLS508", fragment)
    assert bool(found) is (help_ is not None)
    for each in found:
        assert help_ is not None
        assert each.help.startswith(help_)


# MLS503


@pytest.mark.parametrize(
    ("mean", "promise", "period", "fires"),
    [
        ("208/h", "99.9%", "30d", True),  # 208 x 1.44% = 2.995
        ("209/h", "99.9%", "30d", False),  # 3.010
        ("223/h", "99.9%", "28d", True),  # 223 x 1.344% = 2.997
        ("224/h", "99.9%", "28d", False),  # 3.011
        ("20/h", "99%", "30d", True),  # 20 x 14.4% = 2.88
        ("21/h", "99%", "30d", False),
    ],
)
def test_three_bad_requests_an_hour(mean: str, promise: str, period: str, fires: bool, tmp_path: Path) -> None:
    fragment = f"""
    constraints: {{availability: {promise}, throughput: {{mean: {mean}}}}}
    monitoring: {{slo: {{window: {period}}}}}
    """
    assert bool(findings(tmp_path, "MLS503", fragment)) is fires


def test_what_fires_instead(tmp_path: Path) -> None:
    """Of 100 requests an hour, three are 3%, and 1.44% is 1.44; at 99.5%, the threshold is 7.2%, or 7.2 of them."""
    found = one(tmp_path, "MLS503", "constraints: {availability: 99.9%, throughput: {mean: 100/h}}")
    assert found.message == "at 100/h, a page fires only above 3% errors; the objective should page at 1.44%"
    assert found.note.startswith("1.44% of 100 requests in 1h is 1.4, but an alert needs at least 3 bad events")
    assert found.help.startswith("lower the objective to `99.5%`, or send synthetic requests")
    none = one(tmp_path / "none", "MLS503", "constraints: {availability: 99.9%, throughput: {mean: 2/h}}")
    assert none.message == "at 2/h, no page can fire; the objective should page at 1.44%"
    assert none.help.startswith("send synthetic requests"), "no objective is low enough"


def test_trap_more_bad_events_than_there_are_requests_need_no_synthetic_ones(tmp_path: Path) -> None:
    """The spec asks for more than three, which is why no page fires."""
    busy = "constraints: {availability: 99.9%%, throughput: {mean: 23/s}}\nmonitoring: {slo: {minEvents: %s}}"
    found = one(tmp_path, "MLS503", busy % 1000000)
    assert found.help.startswith("write `minEvents: 1192` or less, or ")
    assert findings(tmp_path / "fewer", "MLS503", busy % 1192) == []


# MLS504


@pytest.mark.parametrize(("retention", "fires"), [("71h", True), ("3d", True), ("73h", False), ("15d", False)])
def test_the_longest_window_is_three_days_and_a_quarter_of_an_hour_before_it(
    retention: str, fires: bool, tmp_path: Path
) -> None:
    fragment = f"constraints: {{availability: 99.9%}}\nplatform: {{prometheus: {{retention: {retention}}}}}"
    assert bool(findings(tmp_path, "MLS504", fragment)) is fires
    unpromised = f"platform: {{prometheus: {{retention: {retention}}}}}"
    assert findings(tmp_path / "unpromised", "MLS504", unpromised) == [], "nothing looks back"


# MLS602

FRAUD = """
constraints: {availability: 99.9%%, throughput: {mean: %s, peak: 120/s}}
rollout: {stages: [{canary: {steps: [5%%, 25%%, 50%%], detect: [{metric: error-rate, to: 1.5%%}]}}]}
"""


@pytest.mark.parametrize(("mean", "fires"), [("23/s", False), ("1/s", True)])
def test_odds_of_the_analysis_that_is_emitted(mean: str, fires: bool, tmp_path: Path) -> None:
    """1/s x 5% x 1 h = 180 requests. A limit of 0.389% allows none, and 0.999^180 = 0.8352 of good windows have none.

    The 635 requests of the step take 3.5 h, so it has four windows, and one may fail:
    1 - 0.8352^4 - 4 x 0.1648 x 0.8352^3 = 1 - 0.4866 - 0.3840 = 12.9%.
    """
    found = findings(tmp_path, "MLS602", FRAUD % mean)
    assert bool(found) is fires
    if fires:
        good = 0.999**180
        assert round(1 - good**4 - 4 * (1 - good) * good**3, 3) == 0.129
        assert found[0].message == "12.9% of good versions would be rolled back, judged by `availability`"
        assert "180 requests per window of 60 min at 5% of traffic" in found[0].note


def test_the_remedy_works(tmp_path: Path) -> None:
    """A spec that follows the help has no finding.

    At 50% a window of 5 min has 150 requests without a failure with 0.999^150 = 0.8606, and two of four windows fail
    with 9.6%. In the 300 of 10 min one may: 0.7407 + 0.2224 = 0.9631, and two of four fail with 0.8%. Four are 40 min.
    """
    found = one(tmp_path, "MLS602", FRAUD % "1/s")
    assert found.help == "start with a step of 50%: the rollout then takes 40 min, and all risks are below 5%"
    obeyed = (FRAUD % "1/s").replace("5%, 25%, 50%", "50%")
    assert findings(tmp_path / "fixed", "MLS602", obeyed) == []


@pytest.mark.parametrize(
    ("traffic", "steps"), [("0.4/s", "[5%, 50%]"), ("2/s", "[1%, 50%]"), ("0.2/s", "[50%]"), ("10/h", "[50%]")]
)
def test_each_remedy_works(traffic: str, steps: str, tmp_path: Path) -> None:
    spec = """
    constraints: {availability: 99.9%%, throughput: {mean: %s}}
    rollout: {stages: [{canary: {steps: %s%s}}]}
    """
    found = one(tmp_path, "MLS602", spec % (traffic, steps, ""))
    if found.help.startswith("turn the canary off"):
        assert traffic == "10/h"
        return
    first = re.search(r"with a (?:first )?step of (\d+%)", found.help)
    harm = re.search(r"to: (\d+%)", found.help)
    assert first is not None or harm is not None
    shares = f"[{first[1]}{', 50%' if first[1] != '50%' else ''}]" if first is not None else steps
    detect = f", detect: [{{metric: error-rate, to: {harm[1]}}}]" if harm is not None else ""
    assert findings(tmp_path / "fixed", "MLS602", spec % (traffic, shares, detect)) == []


@pytest.mark.parametrize(("duration", "fires"), [("31m", True), ("9m", True), ("19m", True), ("20m", False)])
def test_a_step_detects_the_harm_or_is_too_long(duration: str, fires: bool, tmp_path: Path) -> None:
    """20/s x 5% are 120 requests in the windows of 2 min that fit into 9 min four times, and into 19 min nine times.

    None of them may fail (a limit of 0.389%): 0.999^120 = 0.8869, so two of four windows fail with
    1 - 0.8869^4 - 4 x 0.1131 x 0.8869^3 = 6.6%, and two of nine with 27.1%. In the 300 of 5 min one may: 0.9631, and
    two of four fail with 0.8%. Four steps of 30 min (31 min are six windows of 5 min) and a fifth are over two hours.
    """
    steps = "5%, 10%, 25%, 40%, 50%" if duration == "31m" else "5%, 25%, 50%"
    found = findings(
        tmp_path,
        "MLS602",
        f"""
        constraints: {{availability: 99.9%}}
        rollout: {{stages: [{{canary: {{steps: [{steps}], stepDuration: {duration}, detect: [
          {{metric: error-rate, to: 1.5%}}]}}}}]}}
        """,
    )
    assert bool(found) is fires
    odds = {"9m": "6.6%", "19m": "27.1%"}.get(duration)
    if odds is not None:
        assert found[0].message == f"{odds} of good versions would be rolled back, judged by `availability`"
    if duration == "31m":
        assert found[0].message.endswith("h, over the limit of 2h")


def test_a_version_that_windows_cannot_judge_is_found(tmp_path: Path) -> None:
    """`minSamples: 400` of the 120 requests that 5% of 20/s bring in 2 min, the longest that fit into 9 min four times.

    Every window lacks requests, so every version waits for an engineer.
    """
    found = one(
        tmp_path,
        "MLS602",
        """
        constraints: {availability: 99.9%}
        rollout:
          stages: [{canary: {steps: [5%, 25%, 50%], stepDuration: 9m}}]
          rollbackWhen: [{metric: error-rate, max: 1.4%, minSamples: 400}]
        """,
    )
    assert found.message.startswith("100.0% of good versions would wait for an engineer, for lack of requests")
    assert "fewer than 400 requests" in found.note


def test_a_step_within_an_accepted_risk_can_still_be_too_short(tmp_path: Path) -> None:
    """The 6.6% of four windows of 2 min are accepted, but 635 requests take 10.6 min, rounded up to 11."""
    found = one(
        tmp_path,
        "MLS602",
        """
        constraints: {availability: 99.9%}
        platform: {planning: {risk: 10%}}
        rollout: {stages: [{canary: {steps: [5%, 25%, 50%], stepDuration: 9m, detect: [
          {metric: error-rate, to: 1.5%}]}}]}
        """,
    )
    assert found.message == "a step of 9m at 5% is too short to detect the regression, which takes 11m"


@pytest.mark.parametrize(
    "fragment",
    [
        "constraints: {throughput: {mean: 1/s, peak: 5/s}}",
        "constraints: {availability: 99.9%, throughput: {mean: null, peak: null}}",
        "constraints: {availability: 99.9%, throughput: {mean: 1/s}}\nplatform: {rollout: {provider: none}}",
    ],
    ids=["nothing is judged", "unknown traffic", "nothing shifts traffic"],
)
def test_without_a_rollout_nothing_is_reported(fragment: str, tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS602", fragment) == []


# Labels that never come

RECALL = "constraints: {availability: 99.9%}\nrollout: {rollbackWhen: [{metric: recall, min: 0.6}]}\n"
DATA = "data: {columns: [{name: y, dtype: bool}], labels: {column: y, delay: 45d}}\n"


def test_a_condition_on_labels_that_never_come_is_reported(tmp_path: Path) -> None:
    found = [d for d in findings(tmp_path, "MLS012", RECALL) if "no rollout analysis" in d.message]
    assert len(found) == 1
    assert "without `data.labels` no labels ever arrive" in found[0].help
    assert findings(tmp_path / "late", "MLS012", RECALL + DATA) == [], "that they come too late is MLS603"
    one(tmp_path / "late", "MLS603", RECALL + DATA)


# Values that only monitoring uses


@pytest.mark.parametrize("key", ["mean", "trough"])
def test_traffic_matters_without_a_canary_too(key: str, tmp_path: Path) -> None:
    """It does not shift any traffic then, but the alerts still depend on it."""
    traffic = {"peak": "60/s", key: "20/s"}
    alone = {"platform": {"rollout": {"provider": "none"}}, "constraints__throughput": traffic}
    assert compile_text(tmp_path, minimal(**alone)).ok


def test_a_batch_run_has_no_traffic(tmp_path: Path) -> None:
    made = batch(constraints__throughput={"mean": "20/s"})
    said = [d.message for d in compile_text(tmp_path, dumped(made)).diagnostics if d.severity == "error"]
    assert "`throughput` has no effect here" in said


def test_a_metric_of_an_alert_is_read(tmp_path: Path) -> None:
    """A metric that nothing uses is a mistake."""
    own = {"metrics": {"own": {"direction": "maximize", "unit": "ratio", "query": "sum(own)"}}}
    assert compile_text(tmp_path, minimal(**own, monitoring={"rules": [{"metric": "own", "min": 0.5}]})).ok
    said = [d.message for d in compile_text(tmp_path, minimal(**own)).diagnostics if d.severity == "error"]
    assert said == ["`metrics` has no effect here"]


def test_a_metric_that_needs_labels_is_read_where_a_rollout_is_judged_by_it(tmp_path: Path) -> None:
    condition = {"rollbackWhen": [{"metric": "own-recall", "min": "0.6"}]}
    metrics = {"own-recall": {"direction": "maximize", "needsLabels": True}}
    columns = [{"name": "fraud", "dtype": "bool", "available": "after-outcome"}]
    late = {"columns": columns, "labels": {"column": "fraud", "delay": "7d"}}
    made = compile_text(tmp_path, minimal(rollout=condition, metrics=metrics, data=late))
    told = {d.id: d.severity for d in made.diagnostics}
    assert told["MLS603"] == "warning"
    assert "error" not in told.values()


# MLS613

NIGHT = """
constraints: {availability: 99.5%%, throughput: {mean: 20/s, peak: 60/s, trough: %s}}
rollout: {stages: [{canary: {steps: [%s]%s}}]}
"""


def test_a_release_at_night_would_wait_for_requests_that_never_come(tmp_path: Path) -> None:
    """5% of 0.5/s in 2 min is 3 requests, and one failure is within the limit of 1.94% from 52 requests on."""
    found = one(tmp_path, "MLS613", NIGHT % ("0.5/s", "5%, 50%", ""))
    assert found.severity == "info"
    assert found.message == (
        "at trough traffic, the 5% step has too few requests for a verdict, so the rollout waits for an engineer "
        "(probability 100%)"
    )
    assert found.note == (
        "`availability`: a window of 2 min at 5% of 0.5/s gets 3 requests, and a verdict needs 52 requests"
    )


def test_the_odds_at_the_trough_calculated_by_hand(tmp_path: Path) -> None:
    """5% of 8/s in 2 min is 48 requests. Fewer than 52 of 48 arrive with probability 70.0%: e^-48 48^k / k! up to 51.

    More than two of four windows: 4 x 0.700^3 x 0.300 + 0.700^4 = 65.1%. Of 72 at 12/s, 0.5% are fewer: 5e-7.
    """
    few = sum(math.exp(-48) * 48**k / math.factorial(k) for k in range(52))
    waits = 4 * few**3 * (1 - few) + few**4
    assert (round(few, 3), round(waits, 3)) == (0.7, 0.651)
    assert "(probability 65.1%)" in one(tmp_path, "MLS613", NIGHT % ("8/s", "5%, 50%", "")).message
    assert findings(tmp_path / "enough", "MLS613", NIGHT % ("12/s", "5%, 50%", "")) == []


@pytest.mark.parametrize(
    ("trough", "steps", "help_", "obeyed"),
    [
        ("8/s", "5%, 50%", "set `window: 5m` under `canary` (the rollout then takes 40 min)", "window: 5m"),
        (
            "0.5/s",
            "5%, 50%",
            "start with a 25% step and set `window: 10m` under `canary` (the rollout then takes 80 min)",
            "",
        ),
        ("0/s", "5%, 50%", "release when there are at least 10/s, and suppress this finding", None),
    ],
)
def test_the_help_for_the_night_works(trough: str, steps: str, help_: str, obeyed: str | None, tmp_path: Path) -> None:
    assert one(tmp_path, "MLS613", NIGHT % (trough, steps, "")).help.startswith(help_)
    if obeyed is not None:
        fixed_ = (trough, steps, f", {obeyed}") if obeyed else (trough, "25%, 50%", ", window: 10m")
        assert findings(tmp_path / "fixed", "MLS613", NIGHT % fixed_) == []
        assert findings(tmp_path / "long", "MLS602", NIGHT % fixed_) == []


def test_a_rollout_that_even_the_mean_rate_cannot_judge_is_found_only_once(tmp_path: Path) -> None:
    spec = """
constraints: {availability: 99.9%, throughput: {mean: 1/s, peak: 5/s, trough: 0.1/s}}
rollout: {stages: [{canary: {steps: [5%, 25%, 50%]}}]}
"""
    assert findings(tmp_path, "MLS602", spec) != []
    assert findings(tmp_path / "again", "MLS613", spec) == []
