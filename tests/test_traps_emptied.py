"""The traps of half-written files: every value of every example is emptied, removed, or replaced with a wrong text.

Afterward there is an error, or each object that is gone was there because of what was removed, as its reasons say. The
decisions can be listed in any case. By default, an eighth of the values get one of the five changes, each section gets
another one of them in each example, and each field gets one of the three empty values in one of two examples;
`MLSPEC_EXAMPLES=10000 python -m pytest tests/test_traps_emptied.py` makes all changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

import mlspec
from mlspec.compiler.answer.memo import memo
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.language import OBJECTS, SINGULAR
from mlspec.compiler.pipeline import compile_system
from mlspec.targets.registry import BACKENDS

from .emptied import HOWS, Place, known, unexplained, without
from .support import EXAMPLES, ROOT, files

pytestmark = pytest.mark.exhaustive

ALL = "MLSPEC_EXAMPLES" in os.environ
EMPTY = ("", "{}", "[]")
REMOVES = {
    "platform.alerting": "null removes all receivers, and a system without receivers has no routes",
    "platform.alerting.receivers": "the same",
}
"""Fields of the platform file that a spec may empty on purpose, with the reason."""
ANY = ("minimal", "feed-ranker")
"""Examples in which every field of the language is emptied."""
PARTS = 4
"""The number of tests that share the paths of each example, so that no single test takes long."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_no_object_disappears_silently(example: Path, part: int) -> None:
    input_, before, places = known(example)
    assert not before.failed
    wrong = []
    for index, place in list(enumerate(places))[part :: PARTS if ALL else 8 * PARTS]:
        for how in HOWS if ALL else (HOWS[index // PARTS % len(HOWS)],):
            after = compile_system(without(input_, place.node, how), BACKENDS, RULES)
            for environment in after.environments if after.failed else ():
                memo(environment)
            lost = [] if after.failed else unexplained(before, after, place)
            if lost:
                wrong.append(f"{'.'.join(place.path)}, {how}: {lost}")
    assert wrong == []


@pytest.mark.parametrize("number", range(len(HOWS)))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_no_section_disappears_silently(example: Path, number: int) -> None:
    """The same for the sections of each file, with each of the five in one of the examples."""
    input_, before, places = known(example)
    for place in places:
        if len(place.path) == 2 and (ALL or _turn(example, place) == number):
            after = compile_system(without(input_, place.node, HOWS[number]), BACKENDS, RULES)
            assert after.failed or not unexplained(before, after, place), place.path


def _turn(example: Path, place: Place) -> int:
    """Which of the changes a section gets: each example starts with another one."""
    return (crc32(".".join(place.path).encode()) + EXAMPLES.index(example)) % len(HOWS)


def _fields(type_name: str, path: str = "", depth: int = 3) -> Iterator[str]:
    """The paths of the language, without names that authors choose."""
    for key, (_, _, kind, _, _) in OBJECTS[type_name].items():
        yield f"{path}{key}"
        if kind[0] == "object" and depth > 1:
            yield from _fields(kind[1], f"{path}{key}.", depth - 1)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("example", ANY)
def test_no_empty_setting_makes_an_object_disappear(example: str, part: int) -> None:
    """Every field of the language, also those that no example sets, such as a line that was only begun."""
    spec = ROOT / "examples" / example / "mlspec.yaml"
    before = set(files(mlspec.compile(spec)))
    theirs = [place.path for place in known(spec.parent)[2] if place.path[0] != "PlatformFile"]
    written = {path for place in theirs for path in _prefixes(place[1:])}
    for index, field in list(enumerate(_fields("MLSystem")))[part::PARTS]:
        turn = index // PARTS
        if not ALL and ANY[turn % len(ANY)] != example:
            continue
        for value in EMPTY if ALL else (EMPTY[turn % len(EMPTY)],):
            result = mlspec.compile(spec, settings=(f"{field}={value}",))
            if result.ok and field not in {*written, *REMOVES}:
                assert before <= set(files(result)), field


def _prefixes(path: tuple[str, ...]) -> set[str]:
    """What a path is called in a spec, with its short forms, at any depth."""
    long = [".".join(path[:depth]) for depth in range(1, len(path) + 1)]
    return {*long, *(SINGULAR["MLSystem"].get(one, one) for one in long)}
