"""The compiled feature stores, run by the newest Feast: registered, materialized, and read back."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ...support import EXAMPLES, ROOT
from .feast_store import Store

CODE = """
def amount_zscore(rows):
    seen = rows.groupby("card_id")["amount"]
    return ((rows["amount"] - seen.transform(lambda one: one.expanding().mean())) / 10).fillna(0.0)
"""

BASE = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
"""Noon two days ago: an incremental materialization begins at most a year before now."""


def at(minutes: float) -> datetime:
    return BASE + timedelta(minutes=minutes)


def text(minutes: float) -> str:
    return at(minutes).isoformat()


def payments(store: Store, name: str, *rows: tuple[str, float, float]) -> None:
    cards, minutes, amounts = zip(*rows, strict=True)
    columns: dict[str, list[Any]] = {
        "event_time": [at(one) for one in minutes],
        "card_id": list(cards),
        "amount": list(amounts),
        "country": ["DE"] * len(rows),
        "age_group": ["under-30"] * len(rows),
    }
    store.rows("s3://lake/transactions", name, columns)


@pytest.fixture
def fraud(tmp_path: Path) -> Store:
    store = Store.of(tmp_path, ROOT / "examples" / "fraud-scorer" / "mlspec.yaml", "production")
    store.code("fraud/features.py", CODE)
    payments(store, "1", ("a", 0, 10.0), ("a", 30, 20.0), ("b", 45, 5.0), ("a", 50, 30.0))
    return store


def done(store: Store) -> None:
    ran = store.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_fraud_scorer_reads_back_what_was_computed(fraud: Store) -> None:
    done(fraud)
    found = fraud.online("fraud-scorer", {"card_id": ["a", "b", "c"]})
    assert [(one["card_id"], one["tx_count_1h"]) for one in found] == [("a", 3), ("b", 1), ("c", None)]
    assert found[0]["amount_zscore_7d"] == pytest.approx(1.0), "(30 - mean of 10, 20, 30) / 10"
    assert found[1]["amount_zscore_7d"] == 0


def test_training_gets_the_values_of_the_time_and_no_later_ones(fraud: Store) -> None:
    """Feast's offline store drops rows of training that come before all rows of their entity, so each has a first."""
    done(fraud)
    asked = [text(one) for one in (-1, 0, 29, 30, 49, 50)]
    found = fraud.at("fraud-scorer", {"card_id": ["a"] * 6}, asked)
    assert [one["tx_count_1h"] for one in found] == [0, 1, 1, 2, 2, 3]


def test_a_payment_that_leaves_the_window_is_not_counted_any_more(fraud: Store) -> None:
    """A count that changes only with events would stay at 3 until the card pays again."""
    payments(fraud, "2", ("c", 300, 1.0))
    done(fraud)
    asked = [text(one) for one in (59, 60, 89, 90, 110, 200)]
    found = fraud.at("fraud-scorer", {"card_id": ["a"] * 6}, asked)
    assert [one["tx_count_1h"] for one in found] == [3, 2, 2, 1, 0, 0]
    assert fraud.online("fraud-scorer", {"card_id": ["a"]})[0]["tx_count_1h"] == 0


def test_a_record_that_arrives_late_reaches_the_online_store(fraud: Store) -> None:
    """Feast never goes back before the end of the last materialization, which must not be the time of the run."""
    done(fraud)
    payments(fraud, "2", ("b", 55, 7.0))
    done(fraud)
    assert fraud.online("fraud-scorer", {"card_id": ["b"]})[0]["tx_count_1h"] == 2


def test_a_time_in_the_future_hides_nothing(fraud: Store) -> None:
    payments(fraud, "2", ("z", 60 * 24 * 365 * 20, 7.0))
    done(fraud)
    payments(fraud, "3", ("b", 55, 7.0))
    done(fraud)
    assert fraud.online("fraud-scorer", {"card_id": ["b"]})[0]["tx_count_1h"] == 2


def test_runs_in_pieces_compute_the_same_as_one_run(fraud: Store, tmp_path: Path) -> None:
    rows = [(card, 7.0 * number + offset, 1.0 * number) for number in range(40) for offset, card in enumerate("ab")]
    other = Store.of(tmp_path / "other", ROOT / "examples" / "fraud-scorer" / "mlspec.yaml", "production")
    other.code("fraud/features.py", CODE)
    payments(other, "1", *rows)
    shutil.rmtree(tmp_path / "stores" / "lake" / "transactions")
    for name, piece in (("1", rows[:40]), ("2", rows[40:])):
        payments(fraud, name, *piece)
        done(fraud)
    done(other)
    asked = [text(one) for one in range(0, 300, 11)]
    both = [store.at("fraud-scorer", {"card_id": ["a"] * len(asked)}, asked) for store in (fraud, other)]
    assert [one["tx_count_1h"] for one in both[0]] == [one["tx_count_1h"] for one in both[1]]


def test_a_second_run_changes_nothing(fraud: Store) -> None:
    done(fraud)
    before, tables = fraud.state(), sorted(fraud.folder.glob("stores/lake/features/**/*.parquet"))
    ran = fraud.run()
    assert ran.returncode == 0, ran.stderr
    assert "No changes to infrastructure" in ran.stdout, "Feast counts new timestamps as changes of the registry"
    assert sorted(fraud.folder.glob("stores/lake/features/**/*.parquet")) == tables
    assert fraud.state() == before
    assert before


def test_the_age_of_a_view_is_that_of_its_newest_record(fraud: Store) -> None:
    """Feast's own gauge exists only in a feature server, and counts from the last run, whatever it found."""
    done(fraud)
    [file] = fraud.folder.glob("stores/lake/features/fraud_scorer_production/measured/features-*.json")
    result = json.loads(file.read_text())
    assert result["monitor"] == "features"
    assert result["series"] == [
        {
            "name": "mlspec_feature_newest_timestamp_seconds",
            "labels": {"view": "card_activity"},
            "value": at(50).timestamp(),
        }
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def amount_zscore(rows):\n    return [1.0]\n", "returned (1,) values for 4 rows"),
        ("def other(rows):\n    return rows\n", "the image has no fraud.features.amount_zscore"),
        ("def amount_zscore(rows):\n    return rows['card_id']\n", "amount_zscore_7d is not double"),
    ],
)
def test_code_that_cannot_work_is_not_retried(fraud: Store, code: str, said: str) -> None:
    fraud.code("fraud/features.py", code)
    ran = fraud.run()
    assert ran.returncode == 42
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_missing_column_is_named(fraud: Store) -> None:
    shutil.rmtree(fraud.folder / "stores" / "lake" / "transactions")
    fraud.rows("s3://lake/transactions", "1", {"event_time": [at(0)], "card_id": ["a"]})
    ran = fraud.run()
    assert ran.returncode == 42
    assert "has no column amount" in ran.stderr


def test_a_missing_source_is_tried_again(fraud: Store) -> None:
    shutil.rmtree(fraud.folder / "stores" / "lake" / "transactions")
    ran = fraud.run()
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1


def test_the_demand_forecast_computes_tables_without_an_online_store(tmp_path: Path) -> None:
    store = Store.of(tmp_path, ROOT / "examples" / "demand-forecast" / "mlspec.yaml", "production")
    store.code("demand/features.py", "def same_weekday_last_year(rows):\n    return rows['units_sold'] * 0 + 4\n")
    days = [BASE.date() - timedelta(days=10 - number) for number in range(8)]
    columns: dict[str, list[Any]] = {
        "sold_on": days,
        "series_id": ["0001-00000001"] * 8,
        "department": ["bread"] * 8,
        "units_sold": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    }
    store.rows("s3://example-lake/sales/daily-parquet", "1", columns)
    done(store)
    [service] = [name.split(" ", 1)[1] for name in store.state() if name.startswith("feature_services")]
    [found] = store.at(service, {"series_id": ["0001-00000001"]}, [f"{days[-1]}T12:00:00+00:00"])
    assert found["units_mean_7d"] == pytest.approx(5.0), "2 to 8: the first day left the window at the last midnight"
    assert found["units_mean_28d"] == pytest.approx(4.5)
    assert found["units_stddev_28d"] == pytest.approx(6**0.5), "42 / 7, of a sample"
    assert found["units_same_weekday"] == 4


def test_every_example_with_a_feature_store_is_run_here() -> None:
    run = {"fraud-scorer", "demand-forecast"}
    assert {one.name for one in EXAMPLES if "materialization:" in (one / "mlspec.yaml").read_text()} == run


PLAIN = """
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: churn, owner: crm}
problem: {useCase: Keep customers., task: binary-classification}
data:
  sources: [{name: profiles, ingestion: batch, uri: "s3://lake/profiles", format: parquet, owner: crm}]
  columns:
    - {name: changed_at, dtype: timestamp, nullable: false}
    - {name: customer_id, dtype: int64, nullable: false}
    - {name: plan, dtype: category, values: {oneOf: [small, large]}}
    - {name: seats, dtype: int16, min: 1}
features:
  materialization:
    image: registry.example.com/churn/features@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    tables: {uri: "s3://lake/features"}
    online: {type: redis, address: "redis:6379"}
  entities: [{name: customer, key: customer_id}]
  views:
    - name: profile
      entity: customer
      source: profiles
      owner: crm
      maxAge: 30d
      schedule: "0 * * * *"
      features: [{name: plan, dtype: string}, {name: seats, dtype: int64}]
model:
  signature:
    inputs:
      - {name: plan, dtype: string, from: features.profile.plan}
      - {name: seats, dtype: int64, from: features.profile.seats}
    outputs: [{name: score, dtype: float32}]
release: {version: 1, artifact: {uri: "s3://models/churn.onnx", format: onnx, size: 1Mi, digest: "sha256:%s"}}
serving: {mode: online, runtime: triton, serviceTime: {mean: 5ms}, load: 20s}
constraints: {latency: {p99: 100ms}, throughput: {mean: 2/s, peak: 5/s}, availability: 99%%}
""" % ("a" * 64)


@pytest.fixture
def plain(tmp_path: Path) -> Store:
    spec = tmp_path / "spec" / "mlspec.yaml"
    spec.parent.mkdir()
    (spec.parent / ".git").mkdir()
    spec.write_text(PLAIN)
    return Store.of(tmp_path, spec, "default")


def profiles(store: Store, name: str, *rows: tuple[int, float, str, int]) -> None:
    keys, minutes, plans, seats = zip(*rows, strict=True)
    times = [at(one) for one in minutes]
    columns = {"changed_at": times, "customer_id": list(keys), "plan": list(plans), "seats": list(seats)}
    store.rows("s3://lake/profiles", name, columns)


def test_columns_are_read_from_the_source_itself(plain: Store) -> None:
    profiles(plain, "1", (1, 0, "small", 2), (2, 0, "large", 30), (1, 60, "large", 12))
    done(plain)
    found = plain.online("churn", {"customer_id": [1, 2]})
    assert [(one["plan"], one["seats"]) for one in found] == [("large", 12), ("large", 30)]
    early = plain.at("churn", {"customer_id": [1, 1]}, [text(30), text(90)])
    assert [(one["plan"], one["seats"]) for one in early] == [("small", 2), ("large", 12)]
    assert plain.settings["views"][0].get("table") is None


def test_trap_training_loses_rows_whose_value_is_older_than_its_maximum_age(plain: Store) -> None:
    """Feast's offline store Dask drops the row, and does not leave the column empty."""
    profiles(plain, "1", (1, 0, "small", 2))
    done(plain)
    found = plain.at("churn", {"customer_id": [1, 1]}, [text(60 * 24 * 29), text(60 * 24 * 31)])
    assert [one["plan"] for one in found] == ["small"]


def test_views_that_are_removed_leave_the_registry(plain: Store) -> None:
    profiles(plain, "1", (1, 0, "small", 2))
    done(plain)
    assert "feature_views profile" in plain.state()
    file = plain.mounted / "..data" / "features.py"
    file.write_text(file.read_text().split("\nview_profile")[0])
    settings = plain.mounted / "..data" / "features.json"
    settings.write_text(json.dumps({**plain.settings, "views": []}))
    done(plain)
    assert not [name for name in plain.state() if name.startswith("feature_")]
