"""`mlspec score`: a point is earned by an object in the bundle, and is lost with it. A declaration earns nothing."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import mlspec
from mlspec.api import Result
from mlspec.compiler.answer.score import EVIDENCE, Score, ScoredTest, scored, seen
from mlspec.compiler.answer.score import score as scores
from mlspec.compiler.answer.score.report import Remedy, ScoredSection
from mlspec.compiler.answer.score.rubric import rubric
from mlspec.compiler.answer.score.seen import Objects, Seen, Trainer
from mlspec.compiler.answer.score.steps import next_steps
from mlspec.compiler.check.not_yet import NOT_YET_READ
from mlspec.terminal.render import score as render

from .support import EXAMPLES, ROOT, changed, compile_text, dumped, loaded, minimal, run

FRAUD = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"
SPEC: dict[str, Any] = loaded(FRAUD.read_text())
TODAY = "2026-11-28"


def fraud(**changes: object) -> Result:
    """The example in production, with some values changed."""
    made = mlspec.compile(FRAUD, text=dumped(changed(SPEC, **changes)), environments=["production"])
    return made.raise_for_errors()


@cache
def example(name: str) -> Result:
    return mlspec.compile(ROOT / "examples" / name / "mlspec.yaml").raise_for_errors()


def only(result: Result, environment: str = "production") -> Score:
    return mlspec.score(result, today=TODAY)[environment]


def by_id(score: Score) -> dict[str, ScoredTest]:
    return {test.id: test for section in score.sections for test in section.tests}


def sums(score: Score) -> dict[str, float]:
    return {section.key: section.points for section in score.sections}


# The rubric


def test_the_rubric_has_seven_tests_in_each_of_four_sections() -> None:
    letters = {"data": "D", "model": "M", "infrastructure": "I", "monitoring": "O"}
    ids = [test.id for test in rubric().tests]
    assert ids == [f"{letter}{number}" for letter in letters.values() for number in range(1, 8)]
    assert all(test.id[0] == letters[test.section] for test in rubric().tests)
    assert list(rubric().sections) == list(letters)


def test_every_test_is_proven_by_an_object_or_says_why_none_can() -> None:
    for test in rubric().tests:
        assert test.effort in ("hours", "days")
        if test.by == "outside":
            assert test.lacks is None
            assert test.id not in EVIDENCE
        else:
            assert (test.lacks is None) == (test.id in EVIDENCE), test.id
    assert set(EVIDENCE) <= {test.id for test in rubric().tests}


@pytest.mark.parametrize(
    ("score", "begins"),
    [
        (0, "more of a research project"),
        (0.5, "not untested"),
        (1, "not untested"),
        (1.5, "a first pass"),
        (2, "a first pass"),
        (3, "reasonably"),
        (3.5, "strong"),
        (5, "strong"),
        (5.5, "exceptional"),
        (7, "exceptional"),
    ],
)
def test_a_band_includes_its_upper_end(score: float, begins: str) -> None:
    """Table V of the paper: 0, (0, 1], (1, 2], (2, 3], (3, 5], and above 5."""
    assert rubric().means(score).startswith(begins)


# Worked by hand


def test_fraud_scorer_by_hand() -> None:
    """The gate judges a baseline, slices, and groups (M5, M6, M7) before it registers (I4); a canary (I6); alerts on
    data (O2), age (O4), and quality (O7). A source that no pod can read leaves D1 to a record, and three records are
    1.5 points.
    """
    found = only(example("fraud-scorer"))
    proven = {"M5", "M6", "M7", "I4", "I6", "O2", "O4", "O7"}
    assert {name for name, test in by_id(found).items() if test.points == 1} == proven
    assert {name for name, test in by_id(found).items() if test.points == 0.5} == {"D1", "D6", "D7"}
    assert sums(found) == {"data": 1.5, "model": 3, "infrastructure": 2, "monitoring": 3}
    assert found.score == 1.5
    assert [section.key for section in found.weakest] == ["data"]


def test_demand_forecast_by_hand() -> None:
    """A batch system: no gaps between groups (M7), and no canary (I6)."""
    found = only(example("demand-forecast"))
    earned = {name for name, test in by_id(found).items() if test.points}
    assert earned == {"M5", "M6", "I4", "O4"}
    assert sums(found) == {"data": 0, "model": 2, "infrastructure": 1, "monitoring": 1}
    assert found.score == 0


def test_records_by_hand() -> None:
    """Data: 4 records are 2 points. Monitoring: 3 and a half. The minimum of 2, 3, 2, and 3.5 is 2."""
    records = {
        name: {"url": f"https://ci.example.com/{name}", "date": TODAY} for name in ("D1", "D4", "D6", "D7", "O1")
    }
    found = only(fraud(evidence=records))
    assert sums(found) == {"data": 2, "model": 3, "infrastructure": 2, "monitoring": 3.5}
    assert found.score == 2
    assert [section.key for section in found.weakest] == ["data", "infrastructure"]
    assert found.means.startswith("a first pass")


# Proofs


READ: dict[str, object] = {
    "name": "transactions",
    "uri": "s3://lake/transactions",
    "access": "lake",
    "format": "parquet",
}

CHECKED: dict[str, Any] = {
    "data__sources": [{**SPEC["data"]["sources"][0], **READ, "ingestion": "batch"}, *SPEC["data"]["sources"][1:]],
    "access__payments-broker": None,
    "evidence": None,
    "training__steps__validate": None,
    "training__tuning__when": "schedule",
    "training__tuning__schedule": "0 1 1 * *",
}
"""The example with sources that a pod can read, no step of its own that checks them, and a search on a schedule."""


@cache
def full() -> Result:
    """The example with everything that proves a test."""
    return fraud(**CHECKED)


def without(key: str, value: object = None) -> list[dict[str, object]]:
    """The gates of the example without those that have a key, or a value of it."""
    found: list[dict[str, object]] = SPEC["evaluation"]["gates"]
    return [gate for gate in found if key not in gate or (value is not None and gate[key] != value)]


CHANGES: dict[str, tuple[str, dict[str, object], set[str]]] = {
    "D1": ("training.steps.contract", {"training__steps__contract": False}, {"D1"}),
    "M3": ("training.tuning.when", {"training__tuning__when": "manual", "training__tuning__schedule": None}, {"M3"}),
    "M5": ("evaluation.gates", {"evaluation__gates": without("versus", "naive")}, {"M5"}),
    "M6": ("evaluation.gates", {"evaluation__gates": without("segment")}, {"M6"}),
    "M7": ("constraints.fairness", {"constraints__fairness": None}, {"M7"}),
    "I4": ("evaluation.gates", {"evaluation__gates": SPEC["evaluation"]["gates"][:1]}, {"M5", "M6", "I4"}),
    "I6": ("rollout.stages", {"rollout__stages": SPEC["rollout"]["stages"][:1]}, {"I6"}),
    "O2": ("monitoring.rules", {"monitoring__rules": SPEC["monitoring"]["rules"][1:]}, {"O2"}),
    "O4": ("retraining.maxModelAge", {"retraining__maxModelAge": None}, {"O4"}),
    "O7": ("monitoring.quality", {"monitoring__quality": None, "retraining__triggers": None}, {"O7"}),
}
"""For each test, the field that its remedy names, a change of the spec that loses the point, and all that it loses."""


def test_each_provable_test_has_a_spec_that_loses_it() -> None:
    assert set(CHANGES) == set(EVIDENCE)


@pytest.mark.parametrize("name", CHANGES)
def test_without_its_field_a_test_has_no_point_and_the_remedy_names_the_field(name: str) -> None:
    field, changes, lost = CHANGES[name]
    before, after = by_id(only(full())), by_id(only(fraud(**{**CHECKED, **changes})))
    assert before[name].points == 1
    assert before[name].remedies == ()
    assert after[name].points == 0
    assert after[name].proofs == ()
    assert after[name].remedies[0].path == field
    assert {other for other in EVIDENCE if before[other].points != after[other].points} == lost


Change = Callable[[list[tuple[str, dict[str, Any]]]], object]
"""A change of the objects of a bundle, each with its path."""


def looked(change: Change = lambda _: None) -> dict[str, ScoredTest]:
    """The tests of the example in production, after a change of its objects."""
    return by_id(scored(with_objects(change), TODAY))


def with_objects(change: Change) -> Seen:
    environment = next(one for one in full()._compiled.environments if one.name == "production")
    made = seen(environment, None)
    found = copy.deepcopy(list(made.objects.found))
    change(found)
    objects = Objects("production", found)
    return made.but(objects=objects, trainer=Trainer(model="fraud-scorer", objects=objects))


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_point_is_lost_with_each_object_that_proves_it(name: str) -> None:
    proven = looked()[name]
    assert proven.points == 1
    for proof in proven.proofs:
        assert looked(without_object(proof.object))[name].points == 0


def without_object(name: str) -> Change:
    def remove(found: list[tuple[str, dict[str, Any]]]) -> None:
        found[:] = [(path, one) for path, one in found if f"{one['kind']}/{one['metadata']['name']}" != name]

    return remove


def each(kind: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of every object of a kind, whatever its name."""
    return lambda found: [change(one) for _, one in found if one["kind"] == kind]


def config(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the configuration of the gate."""
    return settings("training.json", change)


def gates(fits: Callable[[dict[str, Any]], bool], **values: object) -> Change:
    """New values in the gates that fit."""

    def change(content: dict[str, Any]) -> None:
        for gate in content["evaluation"]["gates"]:
            gate.update(values if fits(gate) else {})

    return config(change)


def cron(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Change:
    """A change of the spec of the CronJob of training runs, and of its pod's."""

    def changes(one: dict[str, Any]) -> None:
        if one["metadata"]["name"].endswith("-retrain"):
            change(one["spec"], one["spec"]["jobTemplate"]["spec"]["template"]["spec"])

    return each("CronJob", changes)


def step_of(name: str, change: Callable[[list[dict[str, Any]], int], object]) -> Change:
    """A change at one of the containers, by its name."""

    def changes(_: object, pod: dict[str, Any]) -> None:
        for among in (pod["initContainers"], pod["containers"]):
            for index, one in enumerate(among):
                if one["name"] == name:
                    change(among, index)
                    return

    return cron(changes)


def analyses(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of every metric of the analyses."""
    return each("AnalysisTemplate", lambda one: [change(metric) for metric in one["spec"]["metrics"]])


def canary(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    return each("Rollout", lambda one: change(one["spec"]["strategy"]["canary"]["steps"]))


def alerts(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the alert on the age of the model."""
    return each(
        "PrometheusRule",
        lambda one: [
            change(rule)
            for group in one["spec"]["groups"]
            for rule in group["rules"]
            if rule.get("alert") == "ModelTooOld"
        ],
    )


def weigh(steps: list[dict[str, Any]], weight: int) -> None:
    for step in steps:
        if "setWeight" in step:
            step["setWeight"] = weight


AGAINST_THE_LIVE_MODEL = [
    {"metric": "roc_auc", "versus": "champion", "margin": -0.002},
    {"metric": "false_positive_rate", "segment": "age_group", "maxGap": 0.005},
]

GATED = {"M5", "M6", "M7", "I4"}

MEASURED = {"O2", "O7"}


def search(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the CronJob of the search."""
    return each("CronJob", lambda one: change(one) if one["metadata"]["name"].endswith("-search") else None)


def settings(file: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of a configuration in JSON."""

    def changes(one: dict[str, Any]) -> None:
        if file in one["data"]:
            content = json.loads(one["data"][file])
            change(content)
            one["data"][file] = json.dumps(content)

    return each("ConfigMap", changes)


def monitor(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the process that measures."""
    return each("Deployment", lambda one: change(one["spec"]) if "monitor" in one["metadata"]["name"] else None)


def raised(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the alerts of a name that page or open a ticket."""
    return each(
        "PrometheusRule",
        lambda one: [
            change(rule) for group in one["spec"]["groups"] for rule in group["rules"] if rule.get("alert") == name
        ],
    )


MUTANTS: dict[str, tuple[set[str], Change]] = {
    "a check that does nothing": ({"D1"}, step_of("validate", lambda steps, at: steps[at].update(command=["true"]))),
    "a check after training": ({"D1"}, step_of("validate", lambda steps, at: steps.insert(at + 1, steps.pop(at)))),
    "no expectations": ({"D1"}, config(lambda content: content["data"].update(columns=[]))),
    "a suspended search": ({"M3"}, search(lambda one: one["spec"].update(suspend=True))),
    "a search of one trial": ({"M3"}, settings("search.json", lambda content: content.update(trials=1))),
    "a search of nothing": ({"M3"}, settings("search.json", lambda content: content.update(parameters={}))),
    "a result that no run gets": ({"M3"}, step_of("train", lambda steps, at: steps[at].update(env=[]))),
    "a result of another name": ({"M3"}, settings("search.json", lambda content: content.update(result="other"))),
    "a monitor that does nothing": (
        MEASURED,
        monitor(lambda spec: spec["template"]["spec"]["containers"][0].update(command=["true"])),
    ),
    "no replica of the monitor": (MEASURED, monitor(lambda spec: spec.update(replicas=0))),
    "a monitor of another service": (
        MEASURED,
        settings("monitor.json", lambda content: content["monitoring"].update(service="other")),
    ),
    "no expectations of requests": (
        {"O2"},
        settings("monitor.json", lambda content: content["data"].update(columns=[])),
    ),
    "a bound on violations that nothing exceeds": (
        {"O2"},
        raised("ModelDataViolations", lambda rule: rule.update(expr=rule["expr"].replace("0.01", "1"))),
    ),
    "an alert on violations to no one": (
        {"O2"},
        raised("ModelDataViolations", lambda rule: rule["labels"].pop("receiver")),
    ),
    "quality that may be worse by all": (
        {"O7"},
        settings("monitor.json", lambda content: content["monitoring"]["quality"]["bounds"][0].update(margin=-1)),
    ),
    "an alert on good quality": (
        {"O7"},
        raised("ModelQualityLow", lambda rule: rule.update(expr=rule["expr"].replace("<", ">"))),
    ),
    "an alert on another metric": ({"O7"}, raised("ModelQualityLow", lambda rule: rule["labels"].update(metric="x"))),
    "a suspended run": ({*GATED, "D1"}, cron(lambda spec, _: spec.update(suspend=True))),
    "a gate that does nothing": (GATED, step_of("gate", lambda steps, at: steps[at].update(command=["true"]))),
    "a gate before the measurement": (GATED, step_of("gate", lambda steps, at: steps.insert(0, steps.pop(at)))),
    "no measurement": (GATED, step_of("evaluate", lambda steps, at: steps.pop(at))),
    "a run that publishes nothing": (GATED, step_of("register", lambda steps, at: steps[at].update(name="main"))),
    "another configuration": ({*GATED, "D1"}, cron(lambda _, pod: pod["volumes"][0]["configMap"].update(name="other"))),
    "no gates": (GATED, config(lambda content: content["evaluation"].update(gates=None))),
    "a baseline that may be better": ({"M5"}, gates(lambda gate: gate.get("versus") == "naive", margin=-0.01)),
    "a slice that passes at zero": ({"M6"}, gates(lambda gate: gate.get("min") is not None, min=0.0)),
    "a gap as wide as the metric": ({"M7"}, gates(lambda gate: "maxGap" in gate, maxGap=1.0)),
    "a live model that may be better by all": ({"I4"}, gates(lambda gate: gate.get("versus") == "champion", margin=-1)),
    "only the live model": (
        GATED - {"M7"},
        config(lambda content: content["evaluation"].update(gates=AGAINST_THE_LIVE_MODEL)),
    ),
    "an analysis without a condition": ({"I6"}, analyses(lambda metric: metric.pop("failureCondition"))),
    "a condition that is never met": ({"I6"}, analyses(lambda metric: metric.update(failureCondition="false"))),
    "as many failures as measurements": (
        {"I6"},
        analyses(lambda metric: metric.update(failureLimit=metric.get("count", 1))),
    ),
    "a query of the live version": (
        {"I6"},
        analyses(lambda metric: metric["provider"]["prometheus"].update(query="vector(0)")),
    ),
    "all traffic at once": ({"I6"}, canary(lambda steps: weigh(steps, 100))),
    "no traffic": ({"I6"}, canary(lambda steps: weigh(steps, 0))),
    "a dry run": ({"I6"}, each("AnalysisTemplate", lambda one: one["spec"].update(dryRun=[{"metricName": ".*"}]))),
    "a dry run of a step": (
        {"I6"},
        canary(
            lambda steps: [
                step["analysis"].update(dryRun=[{"metricName": ".*"}]) for step in steps if "analysis" in step
            ]
        ),
    ),
    "no analyses": ({"I6"}, canary(lambda steps: [step.pop("analysis", None) for step in steps])),
    "ten times the age": ({"O4"}, alerts(lambda rule: rule.update(expr=rule["expr"] + "0"))),
    "an alert when the model is young": ({"O4"}, alerts(lambda rule: rule.update(expr=rule["expr"].replace(">", "<")))),
    "the age of another version": ({"O4"}, alerts(lambda rule: rule.update(expr=rule["expr"].replace("- 1", "- 2")))),
    "an alert to no one": ({"O4"}, alerts(lambda rule: rule["labels"].pop("receiver"))),
    "an alert of no severity": ({"O4"}, alerts(lambda rule: rule["labels"].update(severity="none"))),
    "an alert of another service": ({"O4"}, alerts(lambda rule: rule["labels"].update(service="other"))),
}
"""Objects that are there and test nothing: the tests that lose their point."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_object_that_tests_nothing_proves_nothing(mutant: str) -> None:
    lost, change = MUTANTS[mutant]
    found = looked(change)
    assert {name for name in EVIDENCE if not found[name].points} == lost


SHAPES: tuple[object, ...] = (None, "x", 7, True, [], [None], ["x"], {}, {"x": None})


def shapes(body: Any) -> Iterator[Callable[[], object]]:
    """Every way to replace one part of an object by something of another shape."""
    keys = list(body) if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    for key in keys:
        for shape in SHAPES:
            yield lambda key=key, shape=shape: body.__setitem__(key, shape)  # type: ignore[misc]
        yield from shapes(body[key])


@pytest.mark.slow
def test_an_object_of_any_shape_is_judged() -> None:
    """A patch or a plugin may write anything: such an object proves nothing, but it is no reason to fail."""
    kinds = ("CronJob", "ConfigMap", "Deployment", "Rollout", "AnalysisTemplate", "PrometheusRule")
    chance = random.Random(1)
    looking = with_objects(lambda _: None)
    names = [at for at, (_, one) in enumerate(looking.objects.found) if one["kind"] in kinds]
    for name in names:
        choices = chance.sample(range(sum(1 for _ in shapes(looking.objects.found[name][1]))), 15)
        for choice in choices:
            found = list(looking.objects.found)
            path, body = found[name]
            found[name] = (path, body := copy.deepcopy(body))
            next(islice(shapes(body), choice, None))()
            objects = Objects("production", found)
            scored(looking.but(objects=objects, trainer=Trainer(model="fraud-scorer", objects=objects)))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", '{"evaluation": 7}', '{"evaluation": {"gates": [7, {}]}}']
)
def test_a_configuration_of_any_shape_is_judged(text: str) -> None:
    changes = each(
        "ConfigMap", lambda one: one["data"].update({"training.json": text} if "training.json" in one["data"] else {})
    )
    found = looked(changes)
    assert not any(found[name].points for name in GATED)


def test_every_provable_test_has_a_mutant() -> None:
    assert set().union(*(lost for lost, _ in MUTANTS.values())) == set(EVIDENCE)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_path_is_in_the_output_and_has_that_object(folder: Path) -> None:
    result = example(folder.name)
    for environment, found in mlspec.score(result, today=TODAY).items():
        for test in by_id(found).values():
            assert (test.points == 1) == bool(test.proofs)
            for proof in test.proofs:
                where, _, path = proof.path.partition("/")
                body = loaded(result.bundles[where].files[path])
                assert proof.object == f"{body['kind']}/{body['metadata']['name']}", environment


# Declarations


def test_what_is_not_compiled_yet_earns_nothing() -> None:
    """The example declares drift detection, quality monitoring, capture, and triggers: without them, the same score."""
    dropped = [path for path in NOT_YET_READ if "*" not in path and path != "features" and declared(path)]
    bare = fraud(**{path.replace(".", "__"): None for path in dropped})
    assert sums(only(bare)) == sums(only(example("fraud-scorer")))


def declared(path: str) -> bool:
    at: Any = SPEC
    for step in path.split("."):
        if not isinstance(at, dict) or step not in at:
            return False
        at = at[step]
    return True


def test_expectations_a_search_and_a_decay_without_an_object_earn_nothing() -> None:
    """Without a source that a pod can read, and without a schedule, they are only passed to the author's code."""
    bare = changed(SPEC["training"], steps__validate=None, tuning__when=None)
    plain = [
        {key: column[key] for key in column if key not in ("nullable", "min")} for column in SPEC["data"]["columns"]
    ]
    unchecked = only(fraud(training=bare, data__columns=plain, retraining__decay=None))
    searching = only(fraud(training__tuning__when="every-run", training__tuning__trials=4))
    assert sums(unchecked) == sums(searching) == sums(only(example("fraud-scorer")))


def test_a_run_that_someone_starts_is_not_automatic() -> None:
    found = by_id(only(fraud(retraining__schedule=None, retraining__decay=None)))
    assert {name: found[name].points for name in GATED} == dict.fromkeys(GATED, 0)
    assert {found[name].remedies[0].path for name in GATED} == {"retraining.schedule"}


def test_a_model_that_is_not_trained_here_is_not_judged() -> None:
    looking = with_objects(lambda _: None)
    assert looking.trainer is not None
    found = by_id(scored(looking.but(trainer=looking.trainer.but(model="another")), TODAY))
    assert not any(found[name].points for name in GATED)
    assert "`fraud-scorer`" in found["I4"].why


def test_one_service_without_a_canary_loses_the_point() -> None:
    """The embedder's callers reach its Service directly, which no route can shift."""
    found = by_id(only(example("support-assistant")))["I6"]
    assert found.points == 0
    assert "`embedder`" in found.why
    assert found.remedies[0].path == "services.embedder.endpoint.hosts"


# Remedies and steps


def test_the_remedy_of_the_age_earns_the_point(tmp_path: Path) -> None:
    release = {**loaded(minimal())["release"], "trainedAt": "2026-11-01T00:00:00Z"}
    bare, done = minimal(), minimal(release=release, retraining={"maxModelAge": "45d"})
    before = by_id(only(compile_text(tmp_path, bare), "default"))["O4"]
    assert (before.points, before.remedies[0].path) == (0, "retraining.maxModelAge")
    assert by_id(only(compile_text(tmp_path, done), "default"))["O4"].points == 1


def made_up(**points: list[tuple[float, str]]) -> tuple[ScoredSection, ...]:
    """Sections of tests with the points that they can reach, and the effort."""
    return tuple(
        ScoredSection(
            key=key,
            title=key,
            points=0.0,
            tests=tuple(
                ScoredTest(
                    id=f"{key}{number}",
                    title="",
                    needs="",
                    points=0.0,
                    why="",
                    remedies=(Remedy(how="spec", path="", text="", points=reach, effort=effort),),  # type: ignore[arg-type]
                )
                for number, (reach, effort) in enumerate(some, 1)
            ),
        )
        for key, some in points.items()
    )


def test_steps_are_in_the_weakest_section_and_cheapest_first() -> None:
    """Both are at 0. b2 takes minutes, so b is 1. Then a is the weakest: a2 takes hours, and a1 days."""
    found = next_steps(made_up(a=[(1.0, "days"), (0.5, "hours")], b=[(1.0, "days"), (1.0, "minutes")]))
    assert [(step.test, step.points, step.score) for step in found] == [("b2", 1, 0), ("a2", 0.5, 0.5), ("a1", 1.5, 1)]


def test_of_the_same_effort_the_larger_gain_is_first() -> None:
    found = next_steps(made_up(a=[(0.5, "hours"), (1.0, "hours")]))
    assert [step.test for step in found] == ["a2", "a1"]


def test_no_step_is_listed_where_nothing_raises_the_weakest_section() -> None:
    weak, strong = made_up(a=[(1.0, "days")], b=[(1.0, "days"), (1.0, "minutes")])
    done = [strong.tests[0].but(points=1.0, remedies=()), strong.tests[1]]
    assert next_steps((weak.but(tests=(weak.tests[0].but(remedies=()),)), strong.but(tests=tuple(done)))) == ()


# Records of runs by hand


def recorded(**records: str) -> Result:
    evidence = {name: {"url": "https://ci.example.com/1", "date": date} for name, date in records.items()}
    return fraud(evidence=evidence)


def test_a_record_of_the_future_counts_for_nothing() -> None:
    found = by_id(only(recorded(D1="2026-11-29", D2=TODAY)))
    assert (found["D1"].points, found["D2"].points) == (0, 0.5)
    assert "in the future" in found["D1"].why
    assert TODAY in found["D2"].why
    assert [remedy.how for remedy in found["D1"].remedies] == ["evidence"]
    assert found["D2"].remedies == ()


def test_a_record_adds_nothing_to_a_proof() -> None:
    found = by_id(only(recorded(M5=TODAY)))["M5"]
    assert (found.points, bool(found.proofs)) == (1, True)


def test_an_unknown_test_is_refused(tmp_path: Path) -> None:
    evidence = {"D8": {"url": "https://ci.example.com/1", "date": TODAY}}
    result = compile_text(tmp_path, minimal(evidence=evidence))
    assert [found.id for found in result.diagnostics if "ML Test Score" in found.message] == ["MLS010"]


# The command


def test_the_document_is_what_the_schema_describes() -> None:
    schema = json.loads((ROOT / "schema" / "score.v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    found = scores(example("fraud-scorer")._compiled.environments, TODAY)
    document = json.loads(render.json(found))
    Draft202012Validator(schema).validate(document)
    assert [one["environment"] for one in document["environments"]] == ["staging", "production"]
    assert [one["weakest"] for one in document["environments"]] == [["monitoring"], ["data"]]


def test_the_score_of_an_environment_does_not_depend_on_what_else_is_asked_for() -> None:
    """Training runs in production, and its gate judges what staging serves, too."""
    done = run("score", FRAUD, "--env", "staging", "--format", "json", "--today", TODAY)
    assert done.status == 0
    (alone,) = json.loads(done.out)["environments"]
    assert alone == json.loads(render.json([only(example("fraud-scorer"), "staging")]))["environments"][0]
    assert alone["sections"][1]["points"] == 3


@pytest.mark.parametrize("width", [80, 116])
def test_lines_of_text_fit_except_those_with_a_path(width: int) -> None:
    lines = render.text([only(example("fraud-scorer"))], width).splitlines()
    assert max(len(line) for line in lines if ".yaml" not in line) <= width
    (shown,) = re.findall(r"^```text\n(.*?)^```", (ROOT / "docs" / "score.md").read_text(), re.MULTILINE | re.DOTALL)
    assert " ".join(shown.split()) in " ".join(" ".join(lines).split())


def test_markdown_has_a_row_for_each_test() -> None:
    rows = [line for line in render.markdown([only(example("fraud-scorer"))]).splitlines() if line.startswith("| ")]
    assert [f"| {test.id} |" in "\n".join(rows) for test in rubric().tests] == [True] * 28


def test_a_system_with_errors_has_no_score(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal(constraints__availability=99.5))
    done = run("score", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "error[MLS006]" in done.err
