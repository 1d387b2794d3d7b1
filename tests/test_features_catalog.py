"""The catalog of features: what it lists, which features it takes for the same, and its forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

import mlspec
from mlspec.api import CatalogFeature, FeatureCatalog
from mlspec.compiler.answer.features import catalog
from mlspec.terminal.render import features as render
from mlspec.terminal.render.features_page import page

from .support import ROOT, changed, compile_text, dumped, loaded, run

FRAUD = ROOT / "examples" / "fraud-scorer"


def compiled(tmp_path: Path, name: str, **changes: Any) -> mlspec.Result:
    """The fraud scorer under another name, with its releases."""
    folder = tmp_path / name
    (folder / "releases").mkdir(parents=True)
    for file in (FRAUD / "releases").iterdir():
        text = file.read_text().replace("system: fraud-scorer", f"system: {name}")
        (folder / "releases" / file.name).write_text(text)
    spec = changed(loaded((FRAUD / "mlspec.yaml").read_text()), metadata__name=name, **changes)
    platform = (ROOT / "examples" / "mlspec.platform.yaml").read_text()
    return compile_text(folder, dumped(spec), platform=platform)


def views(**changes: Any) -> list[dict[str, Any]]:
    """The views of the fraud scorer, with a change of the first feature of the first one."""
    found = loaded((FRAUD / "mlspec.yaml").read_text())["features"]["views"]
    found[0]["features"][0] |= changes
    return found  # type: ignore[no-any-return]


def inputs(name: str) -> list[dict[str, Any]]:
    """The inputs of the fraud scorer, which read the first feature under another name."""
    found = loaded((FRAUD / "mlspec.yaml").read_text())["model"]["signature"]["inputs"]
    found[2]["from"] = f"features.card_activity.{name}"
    return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def fraud() -> mlspec.Result:
    return mlspec.compile(FRAUD / "mlspec.yaml")


@pytest.fixture(scope="module")
def count(fraud: mlspec.Result) -> CatalogFeature:
    """The number of payments in the last hour."""
    return next(one for one in mlspec.features([fraud]).features if one.name == "tx_count_1h")


def test_a_feature_has_all_that_a_reader_asks(count: CatalogFeature) -> None:
    assert count.path == "fraud-scorer: card_activity.tx_count_1h"
    assert (count.entity, count.key, count.dtype) == ("card", "card_id", "int64")
    assert (count.owner, count.max_age, count.schedule) == ("payments-ml", "15m", "*/5 * * * *")
    assert (count.source, count.location) == ("transactions", "s3://lake/transactions"), "the copy that the view reads"
    assert count.computed == "count of rows over 1h"
    assert [(one.model, one.inputs, one.services) for one in count.readers] == [
        ("fraud-scorer", ("tx_count_1h",), ("fraud-scorer",))
    ]
    assert [(one.environment, one.training, one.serving) for one in count.places] == [
        (
            environment,
            f"s3://lake/features/fraud_scorer_{environment}/card_activity",
            "redis at redis.feature-store.svc:6379",
        )
        for environment in ("staging", "production")
    ]
    file, _, line = count.where.rpartition(":")
    assert "name: tx_count_1h" in Path(file).read_text().splitlines()[int(line) - 1]


def test_a_feature_that_differs_between_environments_is_listed_in_each_form(tmp_path: Path) -> None:
    ours = views()
    ours[0]["maxAge"] = "30m"
    result = compiled(tmp_path, "s", environments__staging__spec__features={"views": ours})
    assert result.ok, [one.message for one in result.diagnostics if one.severity == "error"]
    found = [one for one in mlspec.features([result]).features if one.name == "tx_count_1h"]
    assert {(one.max_age, *(at.environment for at in one.places)) for one in found} == {
        ("30m", "staging"),
        ("15m", "production"),
    }
    assert mlspec.features([result]).hints == (), "one feature is not like itself"


def test_without_materialization_another_system_fills_the_store(tmp_path: Path) -> None:
    features = loaded((FRAUD / "mlspec.yaml").read_text())["features"]
    unfilled = {key: one for key, one in features.items() if key != "materialization"}
    result = compiled(tmp_path, "s", features=unfilled, **{"access__feature-cache": None})
    found = mlspec.features([result])
    assert {(at.training, at.serving, at.project) for one in found.features for at in one.places} == {("", "", "")}
    assert "another system fills the store" in render.markdown(found)


# Reuse


def hinted(count: CatalogFeature, **changes: Any) -> list[tuple[str, str]]:
    """The hints for a feature and the same one of another system, with changes."""
    other = count.but(**{"system": "limits", **changes})
    found = [[(one.kind, one.subject) for one in _catalog(order).hints] for order in ([count, other], [other, count])]
    assert found[0] == found[1] or "location" in changes, "the order of the specs does not matter"
    return found[0]


def _catalog(features: list[CatalogFeature]) -> FeatureCatalog:
    return catalog(["fraud-scorer", "limits"], features)


SAME = ("same", "count of rows over 1h of `s3://lake/transactions`, by `card_id`")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [SAME]),
        ({"name": "payments_1h", "view": "v", "entity": "plastic"}, [SAME]),
        ({"location": "s3://lake/transactions/"}, [SAME]),
        ({"window": "2h"}, [("name", "the name `tx_count_1h`, but not the computation")]),
        ({"dtype": "int8", "code": "a.b"}, [("name", "the name `tx_count_1h`, but not the type and the computation")]),
        ({"location": "s3://lake/other"}, [("name", "the name `tx_count_1h`, but not the source")]),
        ({"key": "shop_id"}, [("name", "the name `tx_count_1h`, but not the entity")]),
        ({"name": "other", "window": "2h"}, []),
        ({"system": "fraud-scorer", "window": "2h"}, []),
        ({"system": "fraud-scorer", "view": "again"}, [SAME]),
    ],
)  # fmt: skip
def test_what_two_features_share(count: CatalogFeature, changes: Any, expected: list[tuple[str, str]]) -> None:
    assert hinted(count, **changes) == expected


def test_a_column_that_two_systems_read_is_a_hint(count: CatalogFeature) -> None:
    mean = count.but(aggregate="mean", column="amount", name="mean_1h")
    most = mean.but(system="limits", aggregate="max", name="max_1h")
    assert [(one.kind, one.subject) for one in _catalog([mean, most]).hints] == [
        ("column", "the column `amount` of `s3://lake/transactions`")
    ]
    assert _catalog([mean, most.but(system="fraud-scorer")]).hints == (), "one team knows its own columns"


def test_sources_without_a_place_are_not_the_same(count: CatalogFeature) -> None:
    nowhere = count.but(location="")
    assert [one.kind for one in _catalog([nowhere, nowhere.but(system="limits")]).hints] == ["name"]


def test_hints_of_two_specs(tmp_path: Path, fraud: mlspec.Result) -> None:
    other = compiled(
        tmp_path, "limits", features__views=views(name="payments_1h"), model__signature__inputs=inputs("payments_1h")
    )
    assert other.ok, [one.message for one in other.diagnostics if one.severity == "error"]
    hints = mlspec.features([fraud, other]).hints
    assert [(one.kind, one.features) for one in hints] == [
        ("same", ("fraud-scorer: card_activity.amount_zscore_7d", "limits: card_activity.amount_zscore_7d")),
        ("same", ("limits: card_activity.payments_1h", "fraud-scorer: card_activity.tx_count_1h")),
    ]


# The forms


def test_the_json_follows_its_schema(fraud: mlspec.Result) -> None:
    schema = json.loads((ROOT / "schema" / "features.v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    found = mlspec.features([fraud])
    for one in (found, _catalog([*found.features, *(one.but(system="limits") for one in found.features)])):
        assert list(Draft202012Validator(schema).iter_errors(json.loads(render.json(one)))) == []
    assert list(Draft202012Validator(schema).iter_errors({**json.loads(render.json(found)), "more": 1})) != []


def test_a_name_cannot_become_markup(count: CatalogFeature) -> None:
    hostile = "</code><script>alert(1)</script>|[a](b) `x"
    found = _catalog([count.but(description=hostile, owner=hostile, code=hostile, column=""), count])
    root = ElementTree.fromstring(page(found).partition("\n")[2])
    assert len(list(root.iter("script"))) == 1, "the search"
    assert hostile in "".join(root.itertext())
    written = render.markdown(found)
    assert "<script" not in written
    rows = [line for line in written.splitlines() if "tx\\_count" in line and line.startswith("|")]
    assert rows, "there are rows"
    assert all(line.replace("\\|", "").count("|") == len(render.HEAD) + 1 for line in rows if "<code>card" in line[:30])


def test_the_search_of_the_page_finds_each_row(fraud: mlspec.Result) -> None:
    """Its script finds the rows by the class of their tables, and is hidden where scripts do not run."""
    root = ElementTree.fromstring(page(mlspec.features([fraud])).partition("\n")[2])
    tables = list(root.iter("table"))
    assert all("searched" in (one.get("class") or "") for one in tables)
    assert [len(list(one.iter("tr"))) - 1 for one in tables if "features" in (one.get("class") or "").split()] == [2]
    (search,) = root.iter("search")
    assert search.get("hidden") == "hidden"
    assert {one.get("id") for one in search.iter()} >= {"search", "found"}


@pytest.mark.slow
def test_a_system_with_errors_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wrong = tmp_path / "wrong.mlspec.yaml"
    wrong.write_text("apiVersion: mlspec/v1\nkind: MLSystem\nmetadata: {nam: wrong}\n")
    drawn = tmp_path / "features.html"
    ran = run("report", "features", "examples/fraud-scorer", wrong, "--page", drawn)
    assert ran.status == 1
    assert f"Left out, because of errors: {str(wrong).replace('_', chr(92) + '_')}." in ran.out
    assert "tx\\_count\\_1h" in ran.out
    assert str(wrong) in "".join(ElementTree.fromstring(drawn.read_text().partition("\n")[2]).itertext())
    assert json.loads(run("report", "features", "examples/minimal", "--format", "json").out)["features"] == []
