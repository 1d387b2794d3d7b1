"""The age of models and of features, and the memory of training, worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.data.freshness import _longest_wait
from mlspec.compiler.plan.training.memory import training_memory

from .rules import BASE, findings
from .support import EXAMPLES, compile_text

DAY = 86400


def fraud(*settings: str) -> Plan:
    """The plan of the example in production, where the model is trained."""
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    compiled = mlspec.compile(spec / "mlspec.yaml", settings=list(settings))._compiled
    return next(one.plan for one in compiled.environments if one.name == "production")


def days(value: object) -> float:
    assert value is not None
    return float(value.value.amount) / DAY  # type: ignore[attr-defined]


def test_the_age_at_which_the_tolerated_loss_is_used_up() -> None:
    """0.006 in 30 days; 0.02 is tolerated: 0.02 / 0.006 x 30 = 100 days."""
    found = fraud().cadence
    assert found is not None
    assert days(found.expires) == 100


def test_a_relative_margin_is_of_what_the_live_version_reaches() -> None:
    """2% of 0.941 = 0.01882; 0.01882 / 0.006 x 30 = 94.1 days, in whole hours."""
    found = fraud("monitoring.quality.margin=-2%").cadence
    assert found is not None
    assert days(found.expires) == pytest.approx(94.1, abs=1 / 24)


@pytest.mark.parametrize(
    ("bound", "tolerated"),
    [
        ("{metric: roc_auc, min: 0.92, versus: null, margin: null}", 0.021),
        ("{metric: roc_auc, min: 0.941, versus: null, margin: null}", 0),
        ("{metric: roc_auc, min: 0.96, versus: null, margin: null}", -0.019),
        ("{metric: false_positive_rate, max: 0.5%, versus: null, margin: null}", 0.001),
        ("{metric: false_positive_rate, max: 0.1%, versus: null, margin: null}", -0.003),
        ("{metric: roc_auc, versus: champion, margin: -0.02}", 0.02),
        ("{metric: roc_auc, versus: champion, margin: 0.02}", -0.02),
        ("{metric: roc_auc, versus: champion, margin: 1%}", -0.00941),
    ],
)
def test_what_is_tolerated_is_on_the_allowed_side_of_the_bound(bound: str, tolerated: float) -> None:
    """The live version has 0.941, and 0.4% false positives. A model outside its bound has no room to lose quality."""
    found = fraud(f"monitoring.quality={bound}").cadence
    assert found is not None
    assert found.tolerated is not None
    assert found.tolerated.value == pytest.approx(tolerated)
    assert tolerated > 0 or (found.expires, found.window, found.detected) == (None, None, None)


def test_the_longest_cadence_at_which_one_run_may_fail() -> None:
    """A month has up to 31 days: 62 + 1.05 days are within 100 days, and 184 are not. Within 40 days, only 14 are;
    within 10 days, only 2 are; and nothing is within two days, because a rollout alone takes one.
    """
    for lost, schedule in (("0.006", "0 3 1 * *"), ("0.015", "0 3 * * 1"), ("0.06", "0 3 * * *"), ("0.3", None)):
        found = fraud(f"retraining.decay.loss={lost}").cadence
        assert found is not None
        assert (found.proposed.value if found.proposed is not None else None) == schedule


def test_the_time_to_notice_a_drop_is_the_label_delay_and_the_time_to_collect_enough_labels() -> None:
    """23/s x 86,400 s x 10% x 0.2% = 397.4 positives a day. The variance of one at 0.941: Q2 = 0.912386, A^2 =
    0.885481, 0.026905; at 0.921: 0.883117 - 0.848241 = 0.034876. (1.645 x 0.16403 + 0.8416 x 0.18675)^2 / 0.02^2 = 456.
    The other class adds a thousandth. 457 / 397.4 days = 27.6 hours.
    """
    found = fraud().cadence
    assert found is not None
    assert days(found.window) == 28 / 24
    assert days(found.detected) == pytest.approx(45 + 28 / 24)


def test_correcting_it_takes_until_the_next_run_its_fits_and_the_rollout() -> None:
    """46 d 4 h to notice, 7 d until the next run, 40 min to fit, and the stages, whatever they are."""
    plan = fraud()
    found = plan.cadence
    assert found is not None
    rollout = days(found.rollout)
    assert days(found.recovered) == pytest.approx(45 + 28 / 24 + 7 + 40 / 1440 + rollout, abs=1 / 1440)
    canary = plan.online["fraud-scorer"].canary
    assert canary.shadow_stage is not None
    assert rollout == days(canary.shadow_stage.duration) + days(canary.length)


def test_more_labels_shorten_the_time_to_notice_and_nothing_else_does() -> None:
    windows = [days(fraud(f"monitoring.capture.sample={share}").cadence.window) for share in ("5%", "10%", "100%")]  # type: ignore[union-attr]
    assert windows == sorted(windows, reverse=True)
    assert windows[0] > windows[-1]


@pytest.mark.parametrize(
    ("before", "after", "minutes"),
    [
        ("30 2 * * *", "0 4 * * *", 90),
        ("30 2 * * *", "0 2 * * *", 23 * 60 + 30),
        ("0 3 * * 1", "0 3 * * *", 7 * 1440),
        ("* * * * *", "* * * * *", 1),
        ("0 3 * * 1-5", "0 4 * * *", 2 * 1440 + 60),
        ("0 */6 * * *", "0 7 * * *", 60),
    ],
)
def test_the_time_from_a_materialization_to_a_run(before: str, after: str, minutes: int) -> None:
    """On Monday at three, last Monday's features are the newest that are ready; on Sunday, Friday's are."""
    assert _longest_wait(before, after) == minutes


@pytest.mark.parametrize(
    ("before", "after", "ahead", "minutes"),
    [
        ("30 1 * * *", "0 4 * * *", 60, 90),
        ("30 1 * * *", "0 4 * * *", 120, 30),
        ("30 1 * * *", "0 1 * * *", 120, 21 * 60 + 30),  # 23:00 of the day before
        ("30 1 * * *", "0 23 * * *", -300, 2 * 60 + 30),  # 4:00 of the day after
        ("30 1 * * 0", "0 1 * * 1", 120, 21 * 60 + 30),  # Sunday at 23:00
        ("30 1 1 * *", "0 1 1 * *", 120, 31 * 1440 - 150),
    ],
)
def test_trap_a_run_with_a_time_zone_counts_as_one_at_any_time(
    before: str, after: str, ahead: int, minutes: int
) -> None:
    """Features are materialized in UTC, and the clocks of the run are ahead."""
    assert _longest_wait(before, after, ahead) == minutes


VIEW = """
data:
  columns: [{{name: card_id, dtype: string}}]
  sources: [{{name: transactions, ingestion: streaming, owner: payments-core{freshness}}}]
features:
  entities: [{{name: card, key: card_id}}]
  views:
    - {{name: activity, entity: card, source: transactions, owner: p, maxAge: {most}, schedule: "*/15 7-19 * * *"}}
"""


@pytest.mark.parametrize(
    ("most", "freshness", "said"),
    [
        ("1h", "", "get at least 11h 15m old, but may be 1h at most"),  # from 19:45 to 7:00
        ("1h", ", freshness: 1h", "get 12h 15m old, but may be 1h at most"),
        ("12h", "", None),
        ("12h", ", freshness: 1h", "get 12h 15m old, but may be 12h at most"),
        ("11h", "", "get at least 11h 15m old, but may be 11h at most"),
        ("12h", ", version: {kind: as-of-run, lag: 1d}", "get at least 1d 11h 15m old, but may be 12h at most"),
        ("12h", ", freshness: 2h, version: {kind: as-of-run, lag: 1h}", "get 13h 15m old, but may be 12h at most"),
        ("12h", ", freshness: 1h, version: {kind: as-of-run, lag: 2h}", "get 13h 15m old, but may be 12h at most"),
        ("13h", ", freshness: 1h, version: {kind: as-of-run}", None),
    ],
)
def test_values_are_as_old_as_their_schedule_even_if_the_age_of_their_source_is_unknown(
    most: str, freshness: str, said: str | None, tmp_path: Path
) -> None:
    found = findings(tmp_path, "MLS713", VIEW.format(most=most, freshness=freshness))
    assert [one.message for one in found] == ([f"values of `activity` {said}"] if said is not None else [])


DAILY = VIEW.replace("*/15 7-19 * * *", "0 3 * * *")


@pytest.mark.parametrize(
    ("most", "source", "helps", "obeyed"),
    [
        (
            "20h",
            "freshness: 30h",
            "or materialize them more often, and write a shorter `freshness` if records arrive sooner",
            None,
        ),
        ("30h", "freshness: 36h", "or write `freshness: 6h` if records arrive within that time", "freshness: 6h"),
        ("36h", "freshness: 30h", "or materialize them more often", None),
        (
            "30h",
            "freshness: 30h, version: {kind: as-of-run, lag: 20h}",
            "or write `freshness: 6h` and `lag: 6h` if records arrive within that time",
            "freshness: 6h, version: {kind: as-of-run, lag: 6h}",
        ),
        (
            "30h",
            "freshness: 8h, version: {kind: as-of-run, lag: 40h}",
            "or write `freshness: 6h` and `lag: 6h` if records arrive within that time",
            "freshness: 6h, version: {kind: as-of-run, lag: 6h}",
        ),
        (
            "26h",
            "freshness: 1h, version: {kind: as-of-run, lag: 26h}",
            "or write `lag: 2h` if records arrive within that time",
            "freshness: 1h, version: {kind: as-of-run, lag: 2h}",
        ),
    ],
)
def test_trap_no_schedule_makes_values_younger_than_their_source(
    most: str, source: str, helps: str, obeyed: str | None, tmp_path: Path
) -> None:
    (found,) = findings(tmp_path / "before", "MLS713", DAILY.format(most=most, freshness=f", {source}"))
    assert found.help.partition(", ")[2] == helps
    if obeyed is not None:
        assert not findings(tmp_path / "after", "MLS713", DAILY.format(most=most, freshness=f", {obeyed}"))


TUNED = """
model: {{llm: {{family: {family}, tuning: {{method: {method}}}}}}}
training:
  resources: {{accelerator: {{type: {device}, count: {count}}}}}
  {distributed}
"""


@pytest.mark.parametrize(
    ("family", "method", "distributed", "gigabytes"),
    [
        (
            "llama-3.1-8b",
            "full",
            "distributed: {strategy: fully-sharded, nodes: 1, processesPerNode: 8}",
            8.03 * 16 / 8,
        ),
        ("llama-3.1-8b", "full", "distributed: {strategy: data-parallel, nodes: 1, processesPerNode: 8}", 8.03 * 16),
        (
            "llama-3.1-8b",
            "full",
            "distributed: {strategy: fully-sharded, nodes: 2, processesPerNode: 8}",
            8.03 * 16 / 16,
        ),
        ("llama-3.1-8b", "dpo", "", 8.03 * 18 / 8),
        ("llama-3.1-70b", "lora", "", 70.6 * 2 / 8),
        ("llama-3.1-70b", "qlora", "", ((70.6 - 2.1) * 4.127 / 8 + 2.1 * 2) / 8),
    ],
)
def test_the_memory_of_a_device(family: str, method: str, distributed: str, gigabytes: float, tmp_path: Path) -> None:
    """Billions of parameters times bytes; only data-parallel training holds all of it on each of the eight devices."""
    over = TUNED.format(family=family, method=method, device="h100", count=8, distributed=distributed)
    text = f"{BASE}environments:\n  test:\n    spec:\n" + "\n".join(f"      {line}" for line in over.splitlines())
    [environment] = compile_text(tmp_path, text)._compiled.environments
    found = training_memory(environment.plan)
    assert found is not None
    assert found.needed.value == pytest.approx(gigabytes * 1e9, rel=1e-6)


def test_qlora_of_70b_fits_where_lora_does_not(tmp_path: Path) -> None:
    """141.2 GB / 4 do not fit into 24 GB, and 39.5 GB / 4 do."""
    for method, ids in (("lora", 1), ("qlora", 0)):
        over = TUNED.format(family="llama-3.1-70b", method=method, device="l4", count=4, distributed="")
        assert len(findings(tmp_path / method, "MLS714", over)) == ids


# What the rules propose

QUALITY = """
evaluation: {primary: recall, gates: [{metric: recall, versus: champion, minSamples: 20000}]}
release: {metrics: {recall: %s}}
monitoring: {quality: {metric: recall, %s}}
"""
LOSES = "retraining: {schedule: '%s', maxModelAge: %s, decay: {loss: %s, over: 30d}}\n"


@pytest.mark.parametrize(
    ("live", "bound", "proposed"),
    [
        ("0.9123456", "min: 0.912346", "`min: 0.912345` or less"),
        ("0.9123456", "max: 0.912345", "`max: 0.912346` or more"),
        ("0.41", "min: 0.45", "`min: 0.41` or less"),
        ("0.00001234567", "min: 0.5", "`min: 0.0000123456` or less"),
        ("0", "min: 0.5", "`min: 0` or less"),
    ],
)
def test_trap_the_bound_that_is_proposed_is_refused_again(live: str, bound: str, proposed: str, tmp_path: Path) -> None:
    """Rounded to the nearest, a bound may be on the wrong side of the metric that it is for."""
    [found] = findings(tmp_path, "MLS779", QUALITY % (live, bound))
    assert found.help.startswith(f"write {proposed}, or promote")
    again = QUALITY % (live, proposed.split("`")[1])
    assert findings(tmp_path, "MLS779", again) == []


def test_the_age_of_a_model_that_no_schedule_replaces_in_time(tmp_path: Path) -> None:
    """A loss of 1 in 30 days uses up 0.02 in 14 hours."""
    quality = QUALITY % ("0.9", "versus: champion, margin: -0.02")
    [found] = findings(tmp_path, "MLS712", quality + LOSES % ("0 3 * * *", "40d", "1"))
    assert found.help == (
        "train faster and more often, and write `maxModelAge: 14h`, or allow a larger loss in `monitoring.quality`"
    )


def test_trap_two_findings_ask_for_the_opposite_of_each_other(tmp_path: Path) -> None:
    """One for more runs, and one for a larger age, which the first then reports. More runs resolve both."""
    quality = QUALITY % ("0.9", "versus: champion, margin: -0.02")
    rare = quality + LOSES % ("0 3 31 * *", "60d", "0.01")
    [found] = findings(tmp_path, "MLS712", rare)
    assert found.help.startswith('write `schedule: "0 3 * * 1"`, or')
    assert findings(tmp_path, "MLS703", rare) == []
    weekly = quality + LOSES % ("0 3 * * 1", "60d", "0.01")
    assert findings(tmp_path, "MLS712", weekly) + findings(tmp_path, "MLS703", weekly) == []
