"""Storage, traffic to callers, and labels on the bill, against numbers worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec.compiler.answer.memo import money
from mlspec.compiler.answer.memo.data import history
from mlspec.compiler.finding import Refusal
from mlspec.compiler.plan.budget.alternatives import Alternative

from .support import changed
from .test_plan_cost import PLATFORM, RUNS, SPEC, cost, parts
from .test_prose import faults

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


def test_labels_count_toward_the_budget(tmp_path: Path) -> None:
    """Serving, rollouts, and training cost 406 EUR a month, and labels 4,563."""
    [enough] = cost(tmp_path / "a", constraints__budget="500 EUR/month").budgets
    [short] = cost(tmp_path / "b", constraints__budget="500 EUR/month", **LABELED, **GATES).budgets
    assert enough.left is not None
    assert short.left is not None
    assert float(enough.left.value.amount) == pytest.approx(94, abs=1)
    assert float(enough.left.value.amount - short.left.value.amount) == pytest.approx(4562.5, abs=0.01)


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


# An API instead of hosting

CHAT = Path(__file__).parent.parent / "examples" / "support-assistant" / "mlspec.yaml"
API = "{input: 0.15 USD/1M tokens, output: 0.6 USD/1M tokens}"


def against(*settings: str, api: str = API) -> Alternative:
    candidates = f"models.chat.candidates=[{{name: own, selected: true}}, {{name: vendor, api: {api}}}]"
    plan = mlspec.compile(CHAT, settings=(candidates, *settings))._compiled.environments[0].plan
    [found] = plan.cost.alternatives
    return found


def test_an_api_costs_its_tokens_and_hosting_its_replicas() -> None:
    """3,100 x 0.15 + 60 x 0.6 = 501 USD per million requests; 2/s x 730 h are 5.256 million of them: 2,633.26 USD.

    Hosting costs 2,986.24 USD, so both cost the same at 2,986.24 / (2,628,000 x 0.000501) = 2.268/s.
    """
    found = against()
    assert (str(found.costs.value), str(found.hosting.value)) == ("2633.26 USD/month", "2986.24 USD/month")
    assert float(found.even.value) == pytest.approx(2986.24 / (2_628_000 * 0.000501), rel=1e-6)
    assert "3,100 prompt tokens x 0.15 USD/1M tokens + 60 output tokens x 0.6 USD/1M tokens" in found.even.reason
    assert "2986.24 USD/month for hosting / (730 h x 3,600 s x 501 USD per million requests)" in found.even.reason


def test_a_price_of_the_request_itself_is_added() -> None:
    """501 + 39 USD per million requests."""
    priced = against(api=API.replace("}", ", request: 39 USD/1M predictions}"))
    assert float(priced.even.value) == pytest.approx(2986.24 / (2_628_000 * 0.00054), rel=1e-6)


def test_the_dearer_an_api_the_less_traffic_is_worth_hosting() -> None:
    prices = ("0.05", "0.15", "0.6", "5")
    even = [float(against(api=f"{{output: {price} USD/1M tokens}}").even.value) for price in prices]
    assert even == sorted(even, reverse=True)


def test_twice_the_traffic_costs_twice_at_an_api() -> None:
    twice = against("services.chat.constraints.throughput.mean=4/s")
    assert float(twice.costs.value.amount) == pytest.approx(2 * 2633.26, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((), "hosting `chat` costs 2986.24 USD/month, 2.56 times what the API `vendor` costs, 1166.83 USD/month"),
        (("services.chat.constraints.throughput.mean=3/s",), None),
    ],
)
def test_hosting_that_costs_twice_an_api_is_found(settings: tuple[str, ...], said: str | None) -> None:
    """3,100 x 0.06 + 60 x 0.6 = 222 USD per million requests: 1,166.83 USD, and 1,750.25 at 3/s, more than half of
    hosting, whose replicas hardly change.
    """
    cheap = API.replace("0.15", "0.06")
    candidates = f"models.chat.candidates=[{{name: own, selected: true}}, {{name: vendor, api: {cheap}}}]"
    found = [d.message for d in mlspec.lint(CHAT, settings=(candidates, *settings)) if d.id == "MLS218"]
    assert found == ([said] if said is not None else [])


def test_tokens_are_not_priced_by_the_prediction() -> None:
    with pytest.raises(Refusal) as found:
        against(api="{input: 1 USD/1M predictions}")
    assert found.value.diagnostic.help == "write it like `0.9 USD/1M tokens`"


# What it says


def test_what_the_bill_says_is_right_english(tmp_path: Path) -> None:
    """With prices that no example has: every title, value, and reason."""
    gates = {"gates": [*GATES["evaluation"]["gates"], BY_COUNTRY], "primary": "recall"}
    candidates = [{"name": "own", "selected": True}, {"name": "vendor", "api": {"request": "9 EUR/1M predictions"}}]
    made = cost(
        tmp_path,
        priced(storage="0.08 EUR/GiB-month", egress="0.09 EUR/GiB"),
        **LABELED,
        evaluation=gates,
        model__candidates=candidates,
        release=release("3Gi", "2Gi"),
        serving__endpoint={"responseSize": "4Ki"},
    )
    lines = [*history(made.plan), *money.cost(made.plan)]
    titles = {line.title for line in lines}
    assert {"storage", "egress of scorer", "labels", "break-even of scorer with vendor"} <= titles
    said = [text for line in lines for text in (line.title, f"{line.title}: {line.text}", f"{line.title}: {line.why}")]
    assert [fault for text in said for fault in faults(text)] == []
