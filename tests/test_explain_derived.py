"""`mlspec explain` answers for what no one wrote: the planner's decisions, and the defaults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from mlspec.compiler.language import OBJECTS, UNIONS, Kind

from .support import ROOT, run

FRAUD = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"


def unset(kind: Kind, path: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The path and the reason of every derived field of a spec; `a` stands for any name, and 0 for any item."""
    match kind[0]:
        case "list":
            yield from unset(kind[1], f"{path}.0", above)
        case "map":
            yield from unset(kind[1], f"{path}.a", above)
        case "union":
            for variant in UNIONS[kind[1]][1].values():
                yield from unset(("object", variant), path, above)
        case "object" if kind[1] not in above:
            for key, (_, mode, inner, _, why) in OBJECTS[kind[1]].items():
                here = f"{path}.{key}".lstrip(".")
                if mode == "derived":
                    yield here, why
                yield from unset(inner, here, (*above, kind[1]))


DERIVED = dict(unset(("object", "MLSystem"), ""))


@pytest.mark.parametrize("path", sorted(DERIVED))
def test_every_derived_field_is_explained(path: str) -> None:
    ran = run("explain", FRAUD, path)
    assert ran.status == 0, ran.err
    assert DERIVED[path] in ran.out or " = " in ran.out or f"{path}: " in ran.out


def test_there_are_derived_fields_in_many_places() -> None:
    assert {"training.deadline", "rollout.progressDeadline", "services.a.load", "environments.a.namespace"} <= set(
        DERIVED
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("serving.load", "load time: "),
        ("serving.replicas.min", "minimum replicas: 2 replicas"),
        ("services.digit-reader.replicas.min", "minimum replicas: 2 replicas"),
        ("rollout.progressDeadline", "progress deadline: 10m"),
        ("serving.resources.memory", "memory per replica: "),
    ],
)
def test_a_decision_is_explained_with_its_arithmetic(path: str, said: str) -> None:
    ran = run("explain", ROOT / "examples" / "minimal" / "mlspec.yaml", path)
    assert ran.status == 0, ran.err
    assert f"{path}: {said}" in ran.out
    assert " x " in ran.out or ": " in ran.out.splitlines()[2]


def test_a_default_is_explained() -> None:
    ran = run("explain", ROOT / "examples" / "minimal" / "mlspec.yaml", "rollout.keepVersions")
    assert (ran.status, "the default" in ran.out) == (0, True)


def test_what_is_not_in_the_language_is_not_explained() -> None:
    ran = run("explain", ROOT / "examples" / "minimal" / "mlspec.yaml", "serving.nothing")
    assert (ran.status, "`serving` has no field `nothing`" in ran.err) == (2, True)


def test_the_answer_is_also_json() -> None:
    ran = run("explain", ROOT / "examples" / "minimal" / "mlspec.yaml", "serving.load", "--format", "json")
    assert "load time" in json.dumps(json.loads(ran.out))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nosuch.path", "a spec has no field `nosuch`"),
        ("serving.laod", "`serving` has no field `laod`; the nearest name is `serving.load`"),
        ("services.a.laod", "`services.a` has no field `laod`; the nearest name is `services.a.load`"),
        ("serving.replicas.min.x", "`serving.replicas.min` has no field `x`"),
        ("model.candidates.0.nmae", "the nearest name is `model.candidates.0.name`"),
        ("training.revision.0", "`training.revision` has no field `0`"),
        ("data.labels.column", "no layer sets `data.labels.column`, and it has no default"),
    ],
)
def test_a_path_that_the_language_does_not_have_is_said_to_be_none(path: str, said: str) -> None:
    ran = run("explain", ROOT / "examples" / "minimal", path)
    assert (ran.status, said in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("replicas", "explain `serving.replicas` or `ScaledObject/digit-reader:spec.fallback.replicas`"),
        ("P99", "explain `constraints.latency.p99` or `serving.constraints.latency.p99`"),
        (".spec.minReplicaCount", "explain `ScaledObject/digit-reader:spec.minReplicaCount`"),
        ("ScaledObject", "explain `ScaledObject/digit-reader`"),
        ("Rollout", "explain `rollout` or `Rollout/digit-reader`"),
        ("ModelServiceAbsent", "explain `default/monitoring/prometheusrule.yaml:"),
        ("rollout.canary", "explain `Rollout/digit-reader:spec.strategy.canary`"),
        ("environment", "the nearest name is `environments`"),
        ("cost", "`mlspec plan` shows all decisions, with their fields"),
        ("rollout", "explain `rollout.progressDeadline`, `rollout.stages`, or `rollout.rollbackWhen`"),
        ("ScaledObject:spec", "is not an object: write Kind/name:path"),
    ],
)
def test_trap_a_word_that_is_no_path_gets_no_answer(word: str, said: str) -> None:
    """Readers ask with the name of a field, of a kind, or of an alert. The answer is a question that has one."""
    ran = run("explain", ROOT / "examples" / "minimal", word)
    assert (ran.status, said in ran.err) == (2, True), ran.err


def test_each_question_that_is_offered_has_an_answer() -> None:
    for word in ("replicas", "p99", "ScaledObject", "ModelServiceAbsent", "memory"):
        ran = run("explain", ROOT / "examples" / "minimal", word)
        for question in re.findall(r"`([^`]+)`", ran.err.partition("; explain ")[2]):
            assert run("explain", ROOT / "examples" / "minimal", question).status == 0, question


def test_trap_a_field_with_fields_below_it_has_no_default() -> None:
    ran = run("explain", ROOT / "examples" / "minimal", "serving.replicas")
    assert ran.status == 0, ran.err
    for said in ("serving.replicas.min: minimum replicas: 2 replicas", "serving.replicas.max: maximum replicas: "):
        assert said in ran.out
