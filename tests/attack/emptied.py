"""Half-written files: every value of every example is emptied, removed, or replaced with a wrong text."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from mlspec.compiler.answer.memo import memo
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.targets.registry import BACKENDS

from ..emptied import HOWS, known, unexplained, without
from ..support import EXAMPLES
from .outcome import Lost, Row

__all__ = ["ROWS"]


def _attempt(number: int, _: random.Random, folder: Path) -> bool:
    example, index, how = _planned()[number % len(_planned())]
    input_, before, places = known(example)
    place = places[index]
    (folder / "emptied.txt").write_text(f"{example.name}: {'.'.join(place.path)}: {how}\n")
    after = compile_system(without(input_, place.node, how), BACKENDS, RULES)
    for environment in after.environments:
        memo(environment)
    lost = [] if after.failed else unexplained(before, after, place)
    if lost:
        raise Lost(f"{'.'.join(place.path)}, {how}: {lost}")
    return not after.failed


@cache
def _planned() -> list[tuple[Path, int, str]]:
    planned = [(one, index, how) for one in EXAMPLES for index in range(len(known(one)[2])) for how in HOWS]
    random.Random(0).shuffle(planned)
    return planned


ROWS = (Row("empties", "values that are empty, missing, or another type", 2200, _attempt),)
