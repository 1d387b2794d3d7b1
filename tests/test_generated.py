"""Generated systems that mean something are accepted, and what is made of them is valid, and the same each time.

Some of them by default; `MLSPEC_EXAMPLES=10000 python -m pytest -s tests/test_generated.py` runs the full count and
prints what was refused, and how often each field and word occurs.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mlspec
from mlspec.api import Result
from mlspec.compiler.diagnostics import Span
from mlspec.compiler.language import OBJECTS, Kind
from mlspec.schema.scalars import SCALARS

from .canaries import judged_steps
from .scenes import promtool
from .shared import Shared
from .support import files
from .systems import Files, generated
from .systems.words import Word, all_words, quantities, words
from .validation import load, pod_of, problems, unrestricted

DEFAULT = 60
COUNT = int(os.environ.get("MLSPEC_EXAMPLES", DEFAULT))
CANARY = ("rollout", "analysistemplate")
"""How the names of the files start that say how a new version rolls out."""
ACCEPTED = 0.95
"""The least share of systems that are accepted."""
DRAWN = 1500
"""How many systems are drawn, and not compiled, to see that every word of the language is."""
CANARIES = max(COUNT, 150)
"""How many systems are compiled, and not validated, to see that their canaries keep what tests/canaries.py says."""
OFTEN = 0.005
"""The least share of accepted systems in which each field and word occurs: in 50 of 10,000."""
SAMPLE = 10
"""Of so many systems the rules of one are given to promtool, which takes longer than the compiler."""


class Outcome(NamedTuple):
    """The result for one system, in short."""

    seed: int
    refused: tuple[str, ...]
    """What refused it: the ids and messages of errors."""
    unhelpful: tuple[str, ...]
    """Errors without a position or without a way out."""
    invalid: tuple[str, ...]
    """What is wrong with the objects."""
    judged: int
    """How many steps of canaries have an analysis."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> list[Outcome]:
    folder = tmp_path_factory.mktemp("generated")
    (folder / ".git").mkdir()
    return shared.once("generated", lambda: [outcome(folder, seed) for seed in range(COUNT)])


def outcome(folder: Path, seed: int) -> Outcome:
    """Compile a system twice, and look at all that comes of it."""
    own = folder / str(seed)
    result = compiled(own, generated(seed))
    refused, unhelpful = errors(result)
    if not result.ok:
        return Outcome(seed, refused, unhelpful, (), 0)
    invalid = [*wrong(result, mlspec.compile(own / "mlspec.yaml"), own, seed)]
    judged = 0
    for bundle in result.bundles.values():
        try:
            judged += judged_steps(list(bundle.objects))
        except AssertionError as failed:
            invalid.append(f"a canary: {failed}")
    return Outcome(seed, refused, unhelpful, tuple(invalid), judged)


def compiled(folder: Path, files: Files) -> Result:
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(body, ensure_ascii=False, indent=1))
    return mlspec.compile(folder / "mlspec.yaml")


def errors(result: Result) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What refuses a system, and what of that has no position or no way out."""
    found = [diagnostic for diagnostic in result.diagnostics if diagnostic.severity == "error"]
    unhelpful = [one for one in found if not one.help or not is_theirs(one.span)]
    return tuple(f"{one.id}: {one.message}" for one in found), tuple(f"{one.id}: {one.message}" for one in unhelpful)


def is_theirs(span: Span) -> bool:
    """Whether it is a place in a file of the author's, and something stands there."""
    return bool(span.file.lines[span.line].strip()) and not span.file.name.startswith("catalog/")


def wrong(result: Result, again: Result, folder: Path, seed: int) -> Iterator[str]:
    """What an API server, an admission controller or Prometheus would refuse of it."""
    if files(result) != files(again):
        yield "two compilations differ"
    version = next(iter(result._compiled.environments)).system.platform.kubernetes.value
    for path, content in files(result).items():
        body = load(content)
        if "kind" in body and body["kind"] != "Kustomization":
            yield from (f"{path}: {problem}" for problem in problems(body, version))
            pod = pod_of(body)
            yield from (f"{path}: {problem}" for problem in (unrestricted(pod) if pod is not None else ()))
        if "groups" in body and seed % SAMPLE == 0:
            (folder / "rules.yaml").write_text(content)
            done = promtool(folder, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
            yield from (f"{path}: {line}" for line in (done.stdout + done.stderr).splitlines() if done.returncode)


@pytest.mark.slow
def test_most_generated_systems_are_accepted(outcomes: list[Outcome]) -> None:
    refused = Counter(why for one in outcomes for why in set(one.refused))
    seeds = {why: next(one.seed for one in outcomes if why in one.refused) for why in refused}
    report = "\n".join(f"{count:6} {why} (seed {seeds[why]})" for why, count in refused.most_common())
    share = sum(not one.refused for one in outcomes) / len(outcomes)
    print(f"accepted: {share:.1%} of {len(outcomes)}\n{report}")  # noqa: T201 - asked for with -s
    assert share >= ACCEPTED, report


@pytest.mark.slow
def test_what_refuses_a_system_has_a_position_and_a_way_out(outcomes: list[Outcome]) -> None:
    assert [(one.seed, one.unhelpful) for one in outcomes if one.unhelpful] == []


@pytest.mark.slow
def test_what_refuses_a_spoiled_system_has_a_position_and_a_way_out(tmp_path: Path) -> None:
    """Of systems with one value that is another's, most are refused."""
    (tmp_path / ".git").mkdir()
    refused = 0
    for seed in range(COUNT):
        files = generated(seed)
        spoil(random.Random(seed), files["mlspec.yaml"])
        found, unhelpful = errors(compiled(tmp_path / str(seed), files))
        assert unhelpful == (), f"seed {seed}"
        refused += bool(found)
    assert refused > COUNT / 2


@pytest.mark.slow
def test_what_refuses_an_extreme_system_has_a_position_and_a_way_out(tmp_path: Path) -> None:
    """Of systems with one number or amount at an end of what it may be, or beyond; a formula may divide by it."""
    (tmp_path / ".git").mkdir()
    for seed in range(COUNT):
        files = generated(seed)
        exaggerate(random.Random(seed), files)
        assert errors(compiled(tmp_path / str(seed), files))[1] == (), f"seed {seed}"


def exaggerate(chance: random.Random, files: Files) -> None:
    """Put the least or the most that people can write in the place of an amount."""
    spec, platform = files["mlspec.yaml"], files["mlspec.platform.yaml"]
    places = [*quantities(spec, ("object", "MLSystem")), *quantities(platform, ("object", "PlatformFile"))]
    holder, key, kind = chance.choice(places)
    holder[key] = chance.choice(extremes(kind))


def extremes(kind: Kind) -> list[Any]:
    """Nothing, next to nothing, everything and more than that."""
    if kind[0] != "scalar":
        ends = (kind[1], kind[2], 0, 1, -1, 10**15 - 1)
        return [*(end for end in ends if end is not None), *([1e-9, 1e299] if kind[0] == "number" else [])]
    whole = SCALARS[kind[1]].examples[0]
    return [re.sub(r"^[0-9.]+", amount, whole) for amount in ("0", "0.000000001", "1", "100", "9" * 15)]


def spoil(chance: random.Random, body: dict[str, Any]) -> None:
    """Put the value of one leaf in the place of another."""
    places = list(leaves(body))
    (holder, key), (other, its) = chance.sample(places, 2)
    holder[key] = other[its]


def leaves(thing: Any) -> Iterator[tuple[Any, Any]]:
    for key, child in thing.items() if isinstance(thing, dict) else enumerate(thing):
        if isinstance(child, (dict, list)):
            yield from leaves(child)
        else:
            yield thing, key


@pytest.mark.slow
def test_what_is_made_of_an_accepted_system_is_valid_and_the_same_each_time(outcomes: list[Outcome]) -> None:
    assert [(one.seed, one.invalid[:5]) for one in outcomes if one.invalid] == []
    assert sum(one.judged for one in outcomes) >= len(outcomes), "every other system has a canary"


@pytest.mark.exhaustive
def test_no_canary_of_many_systems_ends_a_step_before_its_verdict_or_holds_a_bad_version(
    tmp_path: Path, shared: Shared
) -> None:
    (tmp_path / ".git").mkdir()
    wrong, judged = shared.once("generated canaries", lambda: canaries(tmp_path))
    assert wrong == []
    assert judged > CANARIES


def canaries(folder: Path) -> tuple[list[str], int]:
    """What is wrong with the canaries of many systems, and how many of their steps have an analysis."""
    wrong, judged = [], 0
    for seed in range(CANARIES):
        files = generated(seed)
        if '"online"' not in json.dumps(files["mlspec.yaml"]):
            continue
        for name, bundle in compiled(folder / str(seed), files).bundles.items():
            bodies = [load(text) for path, text in bundle.files.items() if path.rpartition("/")[2].startswith(CANARY)]
            try:
                judged += judged_steps(bodies)
            except AssertionError as failed:
                wrong.append(f"seed {seed}, {name}: {failed}")
    return wrong, judged


# What they are drawn from

STORES = ("FeatureTables", "RedisStore", "PostgresStore", "DynamoStore")


def _within(*objects: str) -> tuple[str, ...]:
    """All fields and words of some objects."""
    return tuple(".".join(word) for word in all_words() if word[0] in objects)


NEVER = {
    "OciAccess.keys": "images are pulled with a Secret of a type of its own",
    "OnlineService.preprocessing.transformer": "no target runs one yet",
    "Capture.by.gateway": "no gateway can",
    "Platform.plugins": "code of an organization: see test_plugins",
    "Monitoring.access": "an identity that no other pod has: see test_exporter",
    "Runtime.capture.none": "what a server of the catalog records: see test_capture_records",
    **dict.fromkeys(
        (
            "Features.materialization",
            *(f"Materialization.{field}" for field in OBJECTS["Materialization"]),
            *(f"{part}.{field}" for part in STORES for field in OBJECTS[part]),
            *(
                f"{store}.type.{word}"
                for store, word in zip(STORES[1:], ("redis", "postgres", "dynamodb"), strict=True)
            ),
        ),
        "it needs sources, keys, and times that fit: see test_features",
    ),
    **dict.fromkeys(
        ("Model.ensemble", *_within("ModelEnsemble")),
        "its members are models with signatures like its own: see test_retraining_config",
    ),
    **dict.fromkeys(
        ("Training.fineTuning", *_within("TrainingFineTuning", "Lora")),
        "it needs a language model, and rows in one of its forms: see test_fine_tuning",
    ),
    **dict.fromkeys(
        ("Retraining.triggers.new-labels", "Retraining.online", *_within("OnlineLearning")),
        "they need labels, a store, and an identity that fit: see test_new_labels and test_online_learning",
    ),
}
"""Fields and words that no valid system has, with the reason why they are in the language."""


@cache
def drawn(seed: int) -> frozenset[Word]:
    return frozenset(words(generated(seed)))


def test_every_field_and_every_word_of_the_language_is_drawn() -> None:
    seen = Counter(word for seed in range(DRAWN) for word in drawn(seed))
    assert [word for word in all_words() if not seen[word] and ".".join(word) not in NEVER] == []


def test_every_excuse_is_needed() -> None:
    seen = {".".join(word) for seed in range(DRAWN) for word in drawn(seed)}
    known = {".".join(word) for word in all_words()}
    assert [name for name in NEVER if name not in known or name in seen] == []


@pytest.mark.slow
def test_every_field_and_every_word_is_accepted_often(outcomes: list[Outcome]) -> None:
    """Of the full count; a few dozen systems cannot show it."""
    seen = Counter(word for one in outcomes if not one.refused for word in drawn(one.seed))
    for word in all_words():
        print(f"{seen[word]:6} {'.'.join(word)}")  # noqa: T201 - asked for with -s
    if len(outcomes) >= DRAWN:
        least = OFTEN * len(outcomes)
        assert [word for word in all_words() if seen[word] < least and ".".join(word) not in NEVER] == []


def test_one_seed_is_one_system() -> None:
    assert [generated(seed) for seed in range(20)] == [generated(seed) for seed in range(20)]
