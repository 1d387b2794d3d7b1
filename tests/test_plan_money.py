"""Storage, traffic to callers, and labels on the bill, against numbers worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlspec.compiler.answer.memo.data import history
from mlspec.compiler.finding import Refusal

from .support import changed
from .test_plan_cost import PLATFORM, RUNS, SPEC, cost, parts

GIB = 2**30


def priced(**prices: str) -> dict[str, Any]:
    return changed(PLATFORM, platform__prices={**PLATFORM["platform"]["prices"], **prices})


def release(size: str, *previous: str) -> dict[str, Any]:
    made: dict[str, Any] = changed(SPEC["release"], artifact={**SPEC["release"]["artifact"], "size": size})
    older = [{"version": f"0.{at}", "artifact": {**made["artifact"], "size": one}} for at, one in enumerate(previous)]
    return {**made, "previous": older}


# Storage


def test_storage_is_what_the_spec_sizes(tmp_path: Path) -> None:
    """3 + 2 GiB of two versions, and a data version of 20 GiB: 25 x 0.08. A stream is not ours to keep."""
    sources = [
        {"name": "pinned", "ingestion": "batch", "volume": {"size": "20Gi"}, "version": {"kind": "dvc", "id": "a"}},
        {"name": "stream", "ingestion": "streaming", "volume": {"size": "900Gi"}},
    ]
    platform = priced(storage="0.08 EUR/GiB-month")
    made = cost(tmp_path, platform, release=release("3Gi", "2Gi"), data={"sources": sources})
    assert parts(made)["storage"] == 2.00
    assert made.parts["storage"].reason == (
        "25 GiB x 0.08 EUR/GiB-month: 5 GiB for 2 versions of `scorer`, 20 GiB for the version of `pinned`"
    )
    assert made.total.reason.endswith("; without networking and the cluster itself")


def test_the_cache_that_pods_share_is_another_copy(tmp_path: Path) -> None:
    platform = priced(storage="0.08 EUR/GiB-month")
    platform["platform"]["storage"] = {"modelCache": "models"}
    assert parts(cost(tmp_path, platform, release=release("50Gi")))["storage"] == 8.00  # 2 x 50 x 0.08


def test_what_has_no_price_or_no_size_is_left_out(tmp_path: Path) -> None:
    unpriced = cost(tmp_path / "a", release=release("50Gi"), serving__endpoint={"responseSize": "4Ki"})
    unsized = cost(tmp_path / "b", priced(storage="1 EUR/GiB-month", egress="1 EUR/GiB"), release__artifact__size=None)
    for made in (unpriced, unsized):
        assert {"storage", "egress of scorer"} & set(made.parts) == set()
        assert made.total.reason.endswith("; without storage, networking, and the cluster itself")


# Traffic to callers


@pytest.mark.parametrize(("share", "expected"), [("100%", 9.02), ("25%", 2.26)])
def test_traffic_is_the_responses_that_pass_the_gateway(share: str, expected: float, tmp_path: Path) -> None:
    """10/s x 730 h are 26,280,000 responses of 4 KiB, which are 100.25 GiB at 0.09; a quarter is 25.06 GiB."""
    endpoint = {"responseSize": "4Ki", "throughGateway": share, "callers": [{"namespace": "web"}]}
    made = cost(tmp_path, priced(egress="0.09 EUR/GiB"), serving__endpoint=endpoint)
    assert parts(made)["egress of scorer"] == expected
    assert made.total.reason.endswith("; without storage, other networking, and the cluster itself")


def test_twice_the_rate_or_the_price_is_twice_the_traffic(tmp_path: Path) -> None:
    def egress(name: str, mean: int, price: str) -> float:
        endpoint, rates = {"responseSize": "4Ki"}, {"mean": f"{mean}/s", "peak": "60/s"}
        changes = {"serving__endpoint": endpoint, "constraints__throughput": rates}
        return parts(cost(tmp_path / name, priced(egress=price), **changes))["egress of scorer"]

    once = egress("a", 10, "0.09 EUR/GiB")
    assert egress("b", 20, "0.09 EUR/GiB") == pytest.approx(2 * once, abs=0.015)
    assert egress("c", 10, "0.18 EUR/GiB") == pytest.approx(2 * once, abs=0.015)


@pytest.mark.parametrize("prices", [{"storage": "1 USD/GiB-month"}, {"egress": "1 USD/GiB"}])
def test_prices_in_another_currency_are_refused(prices: dict[str, str], tmp_path: Path) -> None:
    made = cost(tmp_path, priced(**prices), serving__endpoint={"responseSize": "4Ki"})
    with pytest.raises(Refusal) as found:
        _ = made.parts
    assert found.value.diagnostic.id == "MLS405"


# Labels

LABELED: dict[str, Any] = yaml.safe_load("""
data:
  sources: [{name: rows, ingestion: batch, volume: {records: 1M, history: 100d}}]
  columns: [{name: bad, dtype: bool}, {name: country, dtype: category, values: {max: 20}}]
  labels: {column: bad, cost: 0.05 EUR/label}
  split: {strategy: random, train: 70%, validation: 10%, test: 20%}
""")
GATES = {"evaluation": {"primary": "recall", "gates": [{"metric": "recall", "min": 0.6, "minSamples": 3000}]}}
BY_COUNTRY = {"metric": "recall", "min": 0.6, "segment": "country", "minSamples": 400}


def labels(tmp_path: Path, **changes: Any) -> tuple[dict[str, str], float]:
    made = cost(tmp_path, **{**LABELED, **changes})
    lines = {line.title: line.text for line in history(made.plan) if "labels" in line.title}
    return lines, parts(made)["labels"]


def test_each_run_is_evaluated_on_new_labels(tmp_path: Path) -> None:
    """3,000 labels of 0.05 are 150, in each of 30.4167 runs."""
    lines, month = labels(tmp_path, **GATES)
    assert lines == {
        "labels of an evaluation": "3,000 labels",
        "cost of the labels of an evaluation": "150.00 EUR",
    }
    assert month == pytest.approx(float(RUNS) * 150, abs=0.005)


def test_a_segment_needs_labels_for_each_of_its_values(tmp_path: Path) -> None:
    """20 countries of 400 are 8,000, more than 3,000: the same rows serve both gates."""
    evaluation = {"primary": "recall", "gates": [*GATES["evaluation"]["gates"], BY_COUNTRY]}
    lines, _ = labels(tmp_path, evaluation=evaluation)
    assert list(lines.values()) == ["8,000 labels", "400.00 EUR"]


def test_without_a_minimum_every_test_row_needs_a_label(tmp_path: Path) -> None:
    lines, _ = labels(tmp_path)
    assert list(lines.values()) == ["200,000 labels", "10,000.00 EUR"]  # 20% of 1M


def test_labels_that_arrive_every_day_are_paid_every_day(tmp_path: Path) -> None:
    """500 a day x 30.4167 days x 0.05."""
    data = yaml.safe_load(yaml.safe_dump(LABELED["data"]))
    data["sources"].append({"name": "annotators", "ingestion": "batch", "volume": {"daily": "500"}})
    data["labels"]["source"] = "annotators"
    assert labels(tmp_path, data=data, **GATES)[1] == pytest.approx(500 * 730 / 24 * 0.05, abs=0.005)


def test_a_price_of_something_else_is_no_price_of_a_label(tmp_path: Path) -> None:
    data = {**LABELED["data"], "labels": {"column": "bad", "cost": "0.05 EUR/prediction"}}
    with pytest.raises(Refusal) as found:
        labels(tmp_path, data=data)
    assert found.value.diagnostic.help == "write it like `0.05 USD/label`"
