"""Whether a text from a spec stays a text: the structure of the output with it and with plain words is compared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.inputs import Input
from mlspec.compiler.pipeline import Compiled

from ..leaves import Leaf, leaves
from ..validation import load

__all__ = ["PLAIN", "changed_files", "differences", "files", "harmless", "known"]

PLAIN = "plain words"
"""What stands where nothing is injected."""


@cache
def known(example: Path) -> tuple[Input, tuple[Leaf, ...]]:
    input_ = mlspec.load(example / "mlspec.yaml")._input
    return input_, tuple(leaves(input_))


def files(made: Compiled) -> dict[str, str]:
    return {f"{e.name}/{file.path}": file.text for e in made.environments for file in e.bundle.files()}


def changed_files(one: Compiled, other: Compiled) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files that differ between two compilations, parsed."""
    before, after = files(one), files(other)
    apart = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return {p: load(before[p]) for p in apart if p in before}, {p: load(after[p]) for p in apart if p in after}


Difference = tuple[tuple[str | int, ...], Any, Any]


def differences(old: Any, new: Any, path: tuple[str | int, ...]) -> Iterator[Difference]:
    """The places where two documents differ: leaves, or parts with different structure."""
    if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
        for key in old:
            yield from differences(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, (*path, index))
    elif old != new:
        yield path, old, new


def harmless(difference: Difference, string: str) -> bool:
    """Whether only the text itself has changed, inside the quotes of the language around it."""
    path, old, new = difference
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    if unquoted(old) == unquoted(new) or _HASH.sub("", old) == _HASH.sub("", new):
        return True
    if str(path[-1]).endswith(".yaml"):  # a file in a ConfigMap, which has quotes of its own
        return all(harmless(each, string) for each in differences(load(old), load(new), ("file",)))
    if str(path[-1]).endswith(".py"):
        return wordless(old) == wordless(new)
    if path[-1] in ("expr", "query", "successCondition", "failureCondition"):
        return False
    if "labels" in path and path[0] != "expr" and _LABEL.fullmatch(new):
        return True  # mlspec turns invalid label values into valid ones
    return new.replace(template_escaped(string), string).replace(string, PLAIN) == old


_HASH = re.compile(r"[0-9a-f]{8}$")
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def unquoted(text: str) -> str:
    """PromQL, JSON, or protobuf text without the contents of its quotes."""
    return _QUOTED.sub('""', text)


def wordless(program: str) -> str:
    """A Python program without its texts."""
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def template_escaped(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')
