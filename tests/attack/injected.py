"""Injections: strings with a meaning in other languages, in every value and every key of every example."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import Compiled, compile_system
from mlspec.targets.registry import BACKENDS

from ..hostile import INJECTED
from ..leaves import changed
from ..support import EXAMPLES
from .judge import read_back
from .outcome import Invalid, Row
from .structure import PLAIN, changed_files, differences, files, harmless, known

__all__ = ["ROWS"]

STRINGS = (
    *INJECTED,
    "x" * 300_000,
    "a\x1b[2J\x1b]0;x\x07",
    "\x9b31m",
    "a\u2066b\u2069",
    '"} > 0 or up{a="$(x)`x`\'; x #',
)
"""Those of the tests, and some that are too large or too odd to try everywhere."""


def _attempt(number: int, _: random.Random, folder: Path) -> bool:
    example, index, string = _planned()[number % len(_planned())]
    input_, among = known(example)
    leaf = among[index]
    (folder / "injected.txt").write_text(f"{example.name}: {leaf.path} ({leaf.file})\n{string[:500]!r}\n")
    made = compile_system(changed(input_, {id(leaf.node): string}), BACKENDS, RULES)
    if made.failed:
        return False
    text = leaf.kind[:2] == ("scalar", "text") and leaf.file != "PlatformFile"
    wrong = [*_outside(made), *(_structure(_plain(example, index), made, string) if text else ())]
    if wrong:
        raise Invalid(f"{leaf.path} = {string[:200]!r}:\n" + "\n".join(wrong[:20])[:5000])
    return True


@cache
def _planned() -> list[tuple[Path, int, str]]:
    """Every string in every place, in an order that tries each place before the next string."""
    chance = random.Random(0)
    places = [(example, index) for example in EXAMPLES for index in range(len(known(example)[1]))]
    found = []
    for turn in range(len(STRINGS)):
        chance.shuffle(places)
        found += [(*place, STRINGS[(number + turn) % len(STRINGS)]) for number, place in enumerate(places)]
    return found


@cache
def _plain(example: Path, index: int) -> Compiled:
    input_, among = known(example)
    return compile_system(changed(input_, {id(among[index].node): PLAIN}), BACKENDS, RULES)


def _outside(made: Compiled) -> Iterator[str]:
    """Whether a file is not one document any more, or an injected word is a key of it."""
    for path, text in files(made).items():
        try:
            body = read_back(text)
        except yaml.YAMLError as error:
            yield f"{path} is not one YAML document: {error}"
            continue
        yield from (f"{path} has the key `{key}`" for key in _keys(body) if "injected" in str(key))


def _keys(body: Any) -> Iterator[Any]:
    if isinstance(body, dict):
        yield from body
    for child in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _keys(child)


def _structure(plain: Compiled, made: Compiled, string: str) -> Iterator[str]:
    """Where more than the text itself has changed."""
    if not plain.failed:
        for one in differences(*changed_files(plain, made), ()):
            if not harmless(one, string):
                yield repr(one)[:500]


ROWS = (Row("injections", "strings of YAML, PromQL, shells, and terminals in every value and key", 3690, _attempt),)
