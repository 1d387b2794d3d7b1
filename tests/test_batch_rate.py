"""The time of a batch run, from the rate of a pod: what it costs, and whether it keeps its deadline."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mlspec
from mlspec.compiler.because import fixed
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.plan.serving.batch import _least_rate
from mlspec.schema.units import Duration, Rate

from .batch import compiled, plan, spec
from .support import changed, dumped

FREE: dict[str, Any] = {"platform__planning": {"download": "100 MB/s"}}


def found(tmp_path: Path, **changes: object) -> list[Diagnostic]:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(changed(spec(), **{**FREE, **changes})))
    return [d for d in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23") if d.id in ("MLS420", "MLS421")]


def test_a_run_takes_as_long_as_its_rounds(tmp_path: Path) -> None:
    """18,000,000 items in 24 partitions are 750,000 each: 750 s at 1,000 a second. The model of 310 MiB takes 325 MB /
    100 MB/s, 4 s in whole seconds. 12 run at a time, so there are two rounds: 1,508 s.
    """
    made = plan(tmp_path, **FREE, serving__rate="1000/s")
    assert made.work is not None
    assert made.length is not None
    assert float(made.work.value) == 754
    assert float(made.length.value) == 1508
    assert "2 rounds" in made.length.reason
    assert plan(tmp_path, **FREE).length is None


def test_the_plan_says_how_fast_a_pod_must_be(tmp_path: Path) -> None:
    """2 rounds of 750,000 items in 7,200 s are 208.33 a second, and 208.3 would miss the deadline."""
    needed = plan(tmp_path).least_rate
    assert needed is not None
    assert float(needed.value) == 208.4
    assert "2 rounds of 750,000 items in 2h" in needed.reason


@given(items=st.integers(1, 10**12), rounds=st.integers(1, 1000), seconds=st.integers(60, 10**8))
@example(items=1, rounds=1, seconds=31 * 86400)
def test_the_rate_that_is_printed_keeps_the_deadline(items: int, rounds: int, seconds: int) -> None:
    """Whatever its size, it is the rate that is needed, and at most a tenth more."""
    whole, deadline = fixed(items, ""), fixed(Duration(seconds), "")
    needed = _least_rate(whole, fixed(rounds, ""), deadline)
    printed = Rate.parse(str(needed.value)).amount
    assert items * rounds <= printed * seconds
    assert printed * seconds <= Decimal("1.101") * items * rounds


@pytest.mark.parametrize(
    ("rate", "severity"),
    [("208/s", "error"), ("209/s", "warning"), ("313/s", "warning"), ("314/s", None)],
)
def test_a_run_beyond_its_deadline(tmp_path: Path, rate: str, severity: str | None) -> None:
    """The deadline is 7,200 s. Two rounds of 750,000 items take 2 x (3,606 + 4) = 7,220 s at 208 a second, and 7,186 s
    at 209. A retry is a third round: 3 x (2,397 + 4) = 7,203 s at 313 a second, and 7,179 s at 314.
    """
    told = found(tmp_path, serving__rate=rate)
    assert [d.severity for d in told] == ([severity] if severity else [])


def test_without_retries_none_needs_time(tmp_path: Path) -> None:
    assert found(tmp_path, serving__rate="209/s", serving__retries=0) == []


def test_more_partitions_keep_the_deadline(tmp_path: Path) -> None:
    """Half of the deadline, without the download, is 3,595 s: 18,000,000 / (100 x 3,595) is 50.07."""
    free = {"serving__rate": "100/s", "constraints__maxReplicas": None}
    [told] = found(tmp_path, **free)
    assert told.help.startswith("write `partitions: 51` and `parallel: 51`, or allow a run `deadline: ")
    assert found(tmp_path, **free, serving__partitions=51, serving__parallel=51) == []
    assert found(tmp_path, **free, serving__partitions=50, serving__parallel=50) != []


def test_a_longer_deadline_keeps_it_where_pods_are_limited(tmp_path: Path) -> None:
    """3 x 7,504 s are 375.2 minutes."""
    [told] = found(tmp_path, serving__rate="100/s")
    assert told.help == ("allow a run `deadline: 376m`; 51 pods at once would keep it, but `maxReplicas` allows 12")
    assert found(tmp_path, serving__rate="100/s", constraints__deadline="376m") == []


def test_a_service_has_bounds_of_its_own(tmp_path: Path) -> None:
    own = {"serving__rate": "100/s", "serving__constraints": {"deadline": "376m"}}
    assert found(tmp_path, **own) == []
    made = plan(tmp_path, **own, serving__constraints__items="12k")
    assert str(made.deadline.value) == "376m"
    assert made.items is not None
    assert made.items.value == 500


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({}, False),  # 208/s
        ({"constraints__deadline": "38s"}, False),  # 39,474/s on 4 cores
        ({"constraints__deadline": "37s"}, True),  # 40,541/s
        ({"constraints__items": "2000B"}, True),
        ({"constraints__deadline": "30s", "serving__rate": "60000/s"}, False),  # measured
        ({"constraints__items": None, "constraints__deadline": "30s"}, False),
    ],
)
def test_trap_a_deadline_that_no_pod_can_keep_makes_a_run_cheap(
    tmp_path: Path, changes: dict[str, object], fires: bool
) -> None:
    """Two rounds of 750,000 items; a core scores at most 10,000 a second."""
    (tmp_path / ".git").mkdir()
    cores = {"serving__resources": {"cpu": 4, "memory": "8Gi"}}
    made = changed(spec(), **{**FREE, **cores, **changes})
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    told = [d for d in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23") if d.id == "MLS435"]
    assert bool(told) is fires


def test_a_rate_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = changed(spec(), serving__rate="0/s")
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    told = [d.message for d in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23") if d.id == "MLS008"]
    assert told == ["a pod that scores nothing never ends"]


def test_a_run_costs_its_time_and_not_its_deadline(tmp_path: Path) -> None:
    """1,508 s instead of 7,200 s."""
    prices = {"platform__prices": {"core": "0.03 EUR/h", "memory": "0.005 EUR/h"}}
    device = {"serving__resources__accelerator": None}
    plans = [compiled(tmp_path, spec(**FREE, **prices, **device, serving__rate=rate)) for rate in (None, "1000/s")]
    costs = [made.environments[0].plan.cost.parts["batch demand"] for made in plans]
    deadline, measured = (float(cost.value.amount) for cost in costs)
    assert measured == pytest.approx(deadline * 1508 / 7200, rel=1e-4)


QUOTA = {
    "serving__schedule": "0 6,14,22 * * *",
    "serving__timeZone": "America/New_York",
    "serving__rate": "40/s",
    "serving__retries": 2,
    "constraints__items": "2M",
    "constraints__maxReplicas": 6,
    "platform": {"planning": {"download": "100 MB/s"}, "quota": {"accelerators": {"l4": 2}}},
}
"""2,000,000 items at 40/s are 50,000 s of one pod, and 25,000 s (6 h 57 m) of the two that the quota allows. The runs
are 7 h apart when clocks go forward.
"""


def ways(tmp_path: Path, id_: str, **changes: object) -> list[tuple[str | None, str]]:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(changed(spec(), **{**QUOTA, **changes})))
    lint = mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23")
    return [(one.note, one.help) for one in lint if one.id == id_]


def test_a_quota_that_leaves_no_time_between_two_runs_is_not_a_way_out(tmp_path: Path) -> None:
    """Six partitions are 333,334 items each: 8,334 s and 4 s to download. Three rounds and a retry are 33,352 s."""
    six = {"serving__partitions": 6, "serving__parallel": 6, "constraints__deadline": "5h"}
    [(note, help_)] = ways(tmp_path, "MLS409", **six)
    assert note is not None
    assert "with `parallel: 2`, a run with one retry takes 9h 15m 52s, and the next one starts after 7h" in note
    assert help_ == "use another accelerator, or request a quota of `l4: 6`"


def test_fewer_at_once_come_with_the_deadline_that_they_need(tmp_path: Path) -> None:
    """At 60/s, a partition takes 5,556 s and 4 s: four of them in a row are 22,240 s, or 370.7 minutes."""
    six = {"serving__partitions": 6, "serving__parallel": 6, "constraints__deadline": "5h", "serving__rate": "60/s"}
    [(_, help_)] = ways(tmp_path, "MLS409", **six)
    assert help_.startswith("write `parallel: 2` for `demand` and allow a run `deadline: 371m`, or ")
    obeyed = {**six, "serving__parallel": 2, "constraints__deadline": "371m"}
    assert [ways(tmp_path, id_, **obeyed) for id_ in ("MLS409", "MLS420", "MLS421", "MLS705")] == [[]] * 4


def test_pods_over_the_quota_and_deadlines_over_the_gap_are_no_way_out(tmp_path: Path) -> None:
    """20 rounds of 50,000 items take 20 x 1,254 s, 418 minutes, and a retry is longer than the 7 h between two runs."""
    forty = {"serving__partitions": 40, "serving__parallel": 2, "constraints__deadline": "6h"}
    [(_, help_)] = ways(tmp_path, "MLS420", **forty)
    assert help_ == (
        "score fewer items, or run less often than every 7h, or make room for 5 pods at once: `platform.quota` has "
        "room for 2"
    )
    assert ways(tmp_path, "MLS409", **forty) == []
