"""Contradictions in a spec: values that cannot hold together, found where they stand."""

from __future__ import annotations

import datetime
from pathlib import Path
from textwrap import indent
from zoneinfo import ZoneInfo

import pytest
import yaml

from mlspec.compiler.catalog.load import changes, offsets, time_zones
from mlspec.compiler.language import ASCENDING, OBJECTS

from .attack.structure import unquoted
from .hostile import INJECTED
from .online import emitted, refused, spec
from .rules import BASE, findings
from .support import ROOT, compile_text

CLIPPED = "data: {columns: [{name: x, dtype: float64}], preprocessing: [{step: clip, columns: [x], %s}]}"
SEARCH = "training: {tuning: {parameters: {rate: {type: double, %s}}}}"


# Values in the wrong order


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("data: {columns: [{name: x, dtype: float64, min: 5, max: 1}]}", "the `min` of 5 is above the `max` of 1"),
        (
            CLIPPED % "min: 9, max: 1",
            "the `min` of 9 is above the `max` of 1",
        ),
        (
            CLIPPED % "quantiles: [99%, 1%]",
            "the values of `quantiles` fall from 99% to 1%",
        ),
        (SEARCH % "min: 0.1, max: 0.01", "the `min` of 0.1 is above the `max` of 0.01"),
        (
            "training: {tuning: {parameters: {depth: {type: int, min: 9, max: 3}}}}",
            "the `min` of 9 is above the `max` of 3",
        ),
        ("metrics: {mine: {direction: maximize, min: 1, max: 0}}", "the `min` of 1 is above the `max` of 0"),
        ("serving: {serviceTime: {mean: 20ms, p99: 9ms}}", "the `mean` of 20ms is above the `p99` of 9ms"),
        ("serving: {serviceTime: {mean: 2ms, p99: 9ms, p995: 8ms}}", "the `p99` of 9ms is above the `p995` of 8ms"),
        ("constraints: {latency: {p50: 300ms, p99: 200ms}}", "the `p50` of 300ms is above the `p99` of 200ms"),
    ],
)
def test_values_in_the_wrong_order(fragment: str, said: str, tmp_path: Path) -> None:
    [found] = findings(tmp_path, "MLS008", fragment)
    assert found.message == said
    assert found.note, "it says what would happen"
    assert len(found.others) == 1, "it shows both"


def test_the_order_is_compared_as_values_and_equal_ones_are_fine(tmp_path: Path) -> None:
    assert findings(tmp_path / "a", "MLS008", "constraints: {latency: {p50: 900ms, p99: 1s}}") == []
    assert findings(tmp_path / "b", "MLS008", SEARCH % "min: 1e-2, max: 0.01") == []


def test_everything_with_a_minimum_and_a_maximum_is_in_order() -> None:
    """Gates have one of both, and replicas are compared once the planner has chosen what is left out."""
    pairs = {name for name, table in OBJECTS.items() if {"min", "max"} <= set(table)}
    assert pairs - set(ASCENDING) == {"AlertRule", "Condition", "SuccessCriterion", "Replicas"}


# Metrics, searches, and patterns


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("release: {metrics: {roc_auc: 94.1}}", "0.941"),
        ("evaluation: {primary: roc_auc, gates: [{metric: roc_auc, min: 95, minSamples: 9}]}", "0.95"),
        ("evaluation: {primary: roc_auc, gates: [{metric: roc_auc, max: 1.5, minSamples: 9}]}", "0.015"),
        ("problem: {humanPerformance: {metric: recall, value: 88}}", "0.88"),
        ("model: {candidates: [{name: trees, selected: true, metrics: {f1: 90}}]}", "0.9"),
        ("release: {metrics: {ndcg@10: 55}}", "0.55"),
        ("release: {metrics: {rmse: -2}}", ""),
        ("metrics: {mine: {direction: maximize, min: 0, max: 10}}\nrelease: {metrics: {mine: 11}}", ""),
    ],
)
def test_a_metric_that_cannot_have_this_value(fragment: str, instead: str, tmp_path: Path) -> None:
    [found] = findings(tmp_path, "MLS211", fragment)
    assert found.help.startswith(f"write `{instead}`" if instead else "write a value that the metric can have")


def test_a_metric_within_its_range_is_fine(tmp_path: Path) -> None:
    for index, value in enumerate(("0", "1", "0.941")):
        assert findings(tmp_path / str(index), "MLS211", f"release: {{metrics: {{roc_auc: {value}}}}}") == []
    assert findings(tmp_path / "r2", "MLS211", "release: {metrics: {r2: -7}}") == [], "it has no lower bound"


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ("min: 0", ["`roc_auc` is always at least 0"]),
        ("max: 1", ["`roc_auc` is always at most 1"]),
        ("min: 0.01", []),
        ("min: 1", []),
        ("max: 99%", []),
    ],
)
def test_trap_a_bound_at_the_end_of_the_range_judges_nothing(bound: str, said: list[str], tmp_path: Path) -> None:
    fragment = f"evaluation: {{primary: roc_auc, gates: [{{metric: roc_auc, {bound}, minSamples: 9}}]}}"
    assert [one.message for one in findings(tmp_path, "MLS211", fragment)] == said


GATE = """
release: {metrics: {roc_auc: 0.95}}
evaluation: {primary: roc_auc, gates: [{metric: roc_auc, versus: champion, margin: %s}]}
"""


def test_trap_a_gate_is_judged_where_nothing_trains(tmp_path: Path) -> None:
    """A gate on the live version of staging, where no run is ever judged, was refused."""
    assert len(findings(tmp_path / "trains", "MLS211", GATE % 0.06)) == 1
    serves = f"{BASE}environments:\n  test:\n    runs: [serving, monitoring]\n    spec:\n{indent(GATE % 0.06, ' ' * 6)}"
    assert [one.id for one in compile_text(tmp_path, serves).diagnostics if one.id == "MLS211"] == []


def test_an_impossible_result_is_one_finding(tmp_path: Path) -> None:
    """It was reported at the result, and again at the margin that is added to it."""
    found = findings(tmp_path, "MLS211", GATE.replace("0.95", "1.95") % 0.01)
    assert [one.message for one in found] == ["`roc_auc` cannot be 1.95"]


@pytest.mark.parametrize(
    ("metric", "bound", "differs"),
    [
        ("recall", "min: 50ms", True),
        ("recall", "min: 20/s", True),
        ("recall", "min: 60%", False),
        ("recall", "min: 0.6", False),
        ("inference_time", "max: 50ms", False),
        ("inference_time", "max: 0.05", False),
        ("inference_time", "max: 20/s", True),
    ],
)
def test_a_gate_in_another_unit(metric: str, bound: str, differs: bool, tmp_path: Path) -> None:
    """50 ms are 0.05, which is a recall that a gate can ask for."""
    time = "metrics: {inference_time: {direction: minimize, unit: seconds}}"
    fragment = f"{time}\nevaluation: {{primary: recall, gates: [{{metric: {metric}, {bound}}}]}}"
    assert [one.message for one in findings(tmp_path, "MLS211", fragment)] == (
        [f"`{metric}` and {bound.split()[1]} have different units"] if differs else []
    )


@pytest.mark.parametrize(
    "fragment",
    [
        "training: {storage: 0Mi}",
        "training: {resources: {memory: 0Gi}}",
        "training: {resources: {ephemeralStorage: 0.0Gi}}",
        "serving: {resources: {ephemeralStorage: 0Mi}}",
        "serving: {caching: {size: 0Mi}}",
        "release: {artifact: {size: 0Gi}}",
    ],
)
def test_trap_nothing_has_a_size_of_zero(fragment: str, tmp_path: Path) -> None:
    """An API server refused the volume, with all objects that were applied after it."""
    [found] = findings(tmp_path, "MLS006", fragment)
    assert found.message.endswith("is not a size above zero")


def test_zero_has_no_logarithm(tmp_path: Path) -> None:
    assert findings(tmp_path / "a", "MLS708", SEARCH % "min: 0, max: 0.1, scale: log")
    assert findings(tmp_path / "b", "MLS708", SEARCH % "min: 0.001, max: 0.1, scale: log") == []
    assert findings(tmp_path / "c", "MLS708", SEARCH % "min: 0, max: 0.1") == []


@pytest.mark.parametrize("pattern", ["[0-9", "(", "*", "a{2,1}", "(?P<a>x)(?P<a>y)"])
def test_a_pattern_that_is_none(pattern: str, tmp_path: Path) -> None:
    columns = f"data: {{columns: [{{name: x, dtype: string, pattern: '{pattern}'}}]}}"
    [found] = findings(tmp_path, "MLS006", columns)
    assert "is not a regular expression: " in found.message


# Objectives


@pytest.mark.parametrize(("availability", "fires"), [("0.995%", True), ("83%", True), ("84%", False), ("99.5%", False)])
def test_an_objective_that_pages_no_one(availability: str, fires: bool, tmp_path: Path) -> None:
    """5% of 30 days in 6 hours is a burn rate of 6, and 6 x 16.7% are all requests: below 83.4%, no page can fire."""
    found = findings(tmp_path, "MLS507", f"constraints: {{availability: {availability}}}")
    assert bool(found) is fires


# Schedules


@pytest.mark.parametrize(
    ("schedule", "zone", "said"),
    [
        ("30 2 * * *", "Europe/Berlin", "02:30 does not exist on one day of the year and comes twice on another"),
        ("30 2 * * *", "America/New_York", "02:30 does not exist on one day of the year"),
        ("30 1 * * *", "America/New_York", "01:30 comes twice on one day of the year"),
        ("30 3 * * *", "Europe/Berlin", None),
        ("30 2 * * 1", "Europe/Berlin", None),  # clocks change on Sundays
        ("30 2 * * 0", "Europe/Berlin", "02:30 does not exist on one day of the year and comes twice on another"),
        ("0 * * * *", "Europe/Berlin", None),  # one run more or less
        # clocks change from March 25 to 31 and from October 25 to 31, on the last Sundays
        ("30 2 1 * *", "Europe/Berlin", None),
        ("30 2 24 * *", "Europe/Berlin", None),
        ("30 2 25 * *", "Europe/Berlin", "02:30 does not exist on one day of some years and comes twice on another"),
        ("30 2 25-31 3 *", "Europe/Berlin", "02:30 does not exist on one day of the year"),
        ("30 2 * 4-9 *", "Europe/Berlin", None),
        ("30 2 31 10 *", "Europe/Berlin", "02:30 comes twice on one day of some years"),
        ("30 2 1 * 0", "Europe/Berlin", "02:30 does not exist on one day of the year and comes twice on another"),
        ("30 2 1 * 1", "Europe/Berlin", None),  # the first of a month, or a Monday
        ("30 2 8 3 *", "America/New_York", "02:30 does not exist on one day of some years"),  # the second Sunday
        ("30 2 7 3 *", "America/New_York", None),
        ("30 2 * * *", "UTC", None),
        ("30 2 * * *", "Asia/Tokyo", None),
    ],
)
def test_an_hour_that_clocks_skip_or_repeat(schedule: str, zone: str, said: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS709", f'retraining: {{schedule: "{schedule}", timeZone: {zone}}}')
    assert [d.message for d in found] == ([f"{said} in {zone}"] if said is not None else [])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"])
def test_the_times_of_the_catalog_are_those_of_the_database(zone: str) -> None:
    """At a skipped time, the offset after the change differs; at a repeated one, both folds exist."""
    place, known = ZoneInfo(zone), changes(zone)
    assert known is not None
    for change, gap in zip(known, (True, False), strict=True):
        hour, minute = map(int, change.times[:5].split(":"))
        start = datetime.datetime(2027, 1, 1, hour, minute)
        days = (start + datetime.timedelta(days=day) for day in range(28 * 365 + 7))
        found = []
        for day in days:
            first, second = day.replace(tzinfo=place, fold=0), day.replace(tzinfo=place, fold=1)
            there = first.astimezone(datetime.UTC).astimezone(place).replace(tzinfo=None) == day
            if first.utcoffset() != second.utcoffset() and there is not gap:
                found.append(day)
        assert {day.strftime("%a").lower() for day in found} == {change.weekday}
        assert len(found) == len({day.year for day in found}) == 28
        assert {(day.month, day.day) for day in found} == change.dates


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("*/90 * * * *", "`*/90` does not mean every 90 minutes: it runs at minute 0"),
        ("*/45 * * * *", "`*/45` does not mean every 45 minutes: it runs at minutes 0, 45"),
        ("0 */36 * * *", "`*/36` does not mean every 36 hours: it runs at hour 0"),
        ("*/15 * * * *", None),
        ("0 */6 * * *", None),
    ],
)
def test_a_step_that_does_not_divide(schedule: str, said: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS710", f'retraining: {{schedule: "{schedule}"}}')
    assert [d.message for d in found] == ([said] if said is not None else [])


SCHEDULED = """
training:
  image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
  steps: {{train: {{command: [train]}}, evaluate: {{command: [evaluate]}}}}
  tuning:
    when: {when}
    schedule: "{schedule}"
    algorithm: tpe
    trials: 10
    parameters: {{lr: {{type: double, min: 0.1, max: 1}}}}
"""

VIEW = """
data: {{sources: [{{name: payments, ingestion: batch, owner: payments}}], columns: [{{name: card_id, dtype: string}}]}}
features:
  entities: [{{name: card, key: card_id}}]
  views: [{{name: activity, entity: card, source: payments, owner: payments-ml, maxAge: 6h, schedule: "{schedule}"}}]
"""


def test_trap_a_search_is_skipped_and_repeated_once_a_year(tmp_path: Path) -> None:
    """It has a schedule of its own, in the time zone of the training runs."""
    said = "02:30 does not exist on one day of the year and comes twice on another in Europe/Berlin"
    retraining = 'retraining: {schedule: "0 4 * * 1", timeZone: Europe/Berlin}'
    for when, expected in (("schedule", [said]), ("manual", [])):
        search = SCHEDULED.format(when=when, schedule="30 2 * * 0")
        assert [d.message for d in findings(tmp_path, "MLS709", search + retraining)] == expected


@pytest.mark.parametrize(
    ("section", "step"),
    [
        (SCHEDULED.format(when="schedule", schedule="0 */36 * * *"), "*/36"),
        (VIEW.format(schedule="*/90 * * * *"), "*/90"),
    ],
    ids=["search", "view"],
)
def test_trap_a_step_that_does_not_divide_runs_something_else_too_often(
    section: str, step: str, tmp_path: Path
) -> None:
    [found] = findings(tmp_path, "MLS710", section)
    assert found.message.startswith(f"`{step}` does not mean every")


BATCH = """
services:
  nightly:
    mode: batch
    image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    schedule: "{schedule}"
    input: {{uri: "s3://lake/accounts/"}}
    output: {{uri: "{uri}", format: {format}}}
"""


@pytest.mark.parametrize(
    ("schedule", "uri", "format_", "said"),
    [
        ("0 4 * * *", "s3://lake/{date}/", "parquet", None),
        ("0 4 * * *", "s3://lake/", "parquet", ("all runs", "s3://lake/{date}/")),
        ("0 4 * * *", "s3://lake/scores", "parquet", ("all runs", "s3://lake/scores/{date}")),
        ("0 4 1 * *", "s3://lake/", "parquet", ("all runs", "s3://lake/{date}/")),
        ("0 * * * *", "s3://lake/{date}/", "parquet", ("up to 24 runs of a day", "s3://lake/{run}/")),
        ("0 * * * *", "s3://lake/", "parquet", ("all runs", "s3://lake/{run}/")),
        ("0 6,14,22 * * 1", "s3://lake/{date}/", "csv", ("up to 3 runs of a day", "s3://lake/{run}/")),
        ("0 * * * *", "s3://lake/{run}/", "parquet", None),
        ("0 * * * *", "s3://lake/{date}/{run}/", "parquet", None),
        ("0 * * * *", "s3://lake/scores", "iceberg", None),  # a table has commits
        ("0 4 31 2 *", "s3://lake/scores", "parquet", None),  # never, which is another finding
    ],
)
def test_runs_that_replace_each_other(
    schedule: str, uri: str, format_: str, said: tuple[str, str] | None, tmp_path: Path
) -> None:
    found = findings(tmp_path, "MLS718", BATCH.format(schedule=schedule, uri=uri, format=format_))
    assert [one.message.partition(" write to")[0] for one in found] == ([said[0]] if said is not None else [])
    assert [one.help.split('"')[1] for one in found] == ([said[1]] if said is not None else [])


IN_AND_OUT = """
services:
  nightly:
    mode: batch
    image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    schedule: "0 4 * * *"
    input: {{uri: "{read}", format: {format}}}
    output: {{uri: "{written}", format: {format}}}
"""
NEXT_TO = "s3://lake/a-output/{date}/"
ANOTHER = "write to another bucket, or read a folder of this one that is not the one of the scores"


@pytest.mark.parametrize(
    ("read", "written", "format_", "help_"),
    [
        ("s3://lake/a/{date}/", "s3://lake/a/{date}/", "parquet", NEXT_TO),
        ("s3://lake/a/{date}", "s3://lake/a/{date}/", "csv", NEXT_TO),
        ("s3://lake/a/", "s3://lake/a/scores/{date}/", "parquet", NEXT_TO),
        ("s3://lake/a/{date}/", "s3://lake/a/", "parquet", "s3://lake/a-output/"),
        ("s3://lake/{date}/", "s3://lake/{date}/", "parquet", "s3://lake/output/{date}/"),
        ("s3://lake/a/{date}/", "s3://lake/", "parquet", "s3://lake/a-output/"),
        ("s3://lake/", "s3://lake/scores/{date}/", "parquet", ANOTHER),
        ("s3://lake/a/{date}/", "s3://lake/ab/{date}/", "parquet", None),
        ("s3://lake/{date}/in/", "s3://lake/{date}/out/", "parquet", None),
        ("s3://lake/a/{date}/", "s3://lake/a/{run}/", "parquet", None),
        ("s3://lake/a/", "s3://lake/a/", "delta", None),
        ("bigquery://shop/accounts", "bigquery://shop/accounts", "parquet", None),
    ],
)
def test_trap_a_batch_run_overwrites_its_own_input(
    read: str, written: str, format_: str, help_: str | None, tmp_path: Path
) -> None:
    """A retry scores scores. What the help proposes is apart from the input."""
    found = findings(tmp_path, "MLS719", IN_AND_OUT.format(read=read, written=written, format=format_))
    assert [one.help.removeprefix('write `uri: "').removesuffix('"`') for one in found] == ([help_] if help_ else [])
    if help_ is not None and help_ != ANOTHER:
        assert findings(tmp_path, "MLS719", IN_AND_OUT.format(read=read, written=help_, format=format_)) == []


# Language models


@pytest.mark.parametrize(("devices", "fits"), [(1, True), (2, True), (3, False), (4, True), (5, False), (6, False),
                                               (7, False), (8, True), (12, False), (16, True)])  # fmt: skip
def test_heads_are_divided_among_the_devices(devices: int, fits: bool, tmp_path: Path) -> None:
    """Eight key-value heads: vLLM exits with three, five, six, seven, or twelve devices."""
    said = refused(
        tmp_path,
        "vllm",
        problem__task="generation",
        model__llm={"family": "llama-3.1-8b"},
        serving__resources={"cpu": 6, "memory": "24Gi", "accelerator": {"type": "h100", "count": devices}},
        serving__llm={"tokens": {"context": 4096, "output": 256}},
    )
    assert bool([line for line in said if line.startswith("MLS415")]) is not fits


# Names of tensors


@pytest.mark.parametrize(
    "name", ["onnx::Shape_261", "dense/BiasAdd:0", "508", "input:0", "model.layers[0].out", 'a"b\\c']
)
def test_a_tensor_has_the_name_that_its_exporter_wrote(name: str, tmp_path: Path) -> None:
    made = emitted(tmp_path, model__signature__inputs=[{"name": name, "dtype": "float32", "shape": [4]}])
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert f'  name: "{escaped}"' in made.file("config.pbtxt").splitlines()


@pytest.mark.parametrize("text", [text for text in INJECTED if text.isprintable() and 0 < len(text) <= 256])
def test_the_name_of_a_tensor_injects_nothing(text: str, tmp_path: Path) -> None:
    made = spec(model__signature__inputs=[{"name": text, "dtype": "float32", "shape": [4]}])
    assert yaml.safe_load(yaml.safe_dump(made)) == made
    inputs = made["model"]["signature"]["inputs"]
    named = emitted(tmp_path, model__signature__inputs=inputs).file("config.pbtxt")
    assert unquoted(named) == unquoted(emitted(tmp_path).file("config.pbtxt"))


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]
)
def test_the_offsets_of_the_catalog_are_those_of_the_database(zone: str) -> None:
    noon = datetime.datetime(2027, 1, 1, 12, tzinfo=datetime.UTC)
    days = (noon + datetime.timedelta(days=day) for day in range(28 * 365 + 7))
    found = {day.astimezone(ZoneInfo(zone)).utcoffset() for day in days}
    assert {datetime.timedelta(minutes=ahead) for ahead in offsets(zone)} == found


def test_the_catalog_has_every_zone_once() -> None:
    lines = (ROOT / "compiler" / "catalog" / "time-zones.txt").read_text().splitlines()
    assert len(lines) == len(time_zones()) > 500
