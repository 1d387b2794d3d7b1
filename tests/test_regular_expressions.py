"""Every regular expression of mlspec is fast on long texts: no author of a spec can stop the run of a reader."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mlspec.compiler.check.rules import security
from mlspec.compiler.plan import identities
from mlspec.schema.scalars import SCALARS

from .support import ROOT

LENGTH = 50_000
"""Characters of each text. An expression that takes quadratic time takes more than 5 s for one of them."""

LIMIT = 60
"""Seconds of CPU time for all expressions together, which take about 5 s."""

METHODS = ("match", "fullmatch", "search", "sub", "split", "findall", "finditer")
FOLDERS = ("compiler", "targets", "terminal", "runtime", "schema", "mlspec")
COMPUTED = {
    "schema/scalars.py": "the patterns of scalars, which are added below",
    "schema/units.py": "the same",
    "compiler/check/rules/security.py": "a table of forms, which is added below",
    "compiler/evaluation/shape.py": "the patterns of a date and of a digest in the schema of metrics",
    "compiler/words.py": "a class of single characters",
    "compiler/emit/dump.py": "the same",
    "compiler/scenes/labels.py": "the matchers of an expression that mlspec wrote",
    "compiler/rehearse/mutants.py": "names and windows of an expression that mlspec wrote",
    "runtime/promote/task.py": "the pattern of a name of a model's version, without nested repetition",
    "runtime/capture/paths.py": "paths without nested repetition, for the path of one request line",
    "compiler/check/lint.py": "the dates of a suppression, one after the other, without nested repetition",
    "compiler/plan/identities.py": "names of a cloud, which are added below",
}
"""Files that use expressions from a table."""


class Used(NamedTuple):
    """An expression, and how it is used."""

    pattern: str
    flags: int
    method: str
    where: str


def expressions() -> Iterator[Used]:
    """Every expression of the source code, and those of the language's scalars."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _of_a_file(path, str(path.relative_to(ROOT)))
    for name, scalar in SCALARS.items():
        if scalar.pattern is not None:
            yield Used(scalar.pattern, 0, "fullmatch", f"the scalar {name}")
    for _, _, pattern in security._FORMS:
        yield Used(pattern, 0, "search", security.__name__)
    for pattern in identities._PATTERNS.values():
        yield Used(pattern, 0, "fullmatch", identities.__name__)


def _of_a_file(path: Path, where: str) -> Iterator[Used]:
    tree = ast.parse(path.read_text())
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        method, on = call.func.attr, call.func.value
        if isinstance(on, ast.Name) and on.id == "re" and method in METHODS:
            pattern = _value(call.args[0], where)
            if pattern is not None:
                yield Used(str(pattern), 0, method, where)
        elif method in METHODS and isinstance(on, ast.Name) and on.id.isupper():
            compiled = getattr(_module(where), on.id, None)
            if isinstance(compiled, re.Pattern) and isinstance(compiled.pattern, str):
                yield Used(compiled.pattern, compiled.flags, method, where)
        elif method in METHODS and isinstance(on, ast.Call) and getattr(on.func, "id", "") == "compiled":
            pattern = _value(on.args[0], where)
            if pattern is not None:
                yield Used(str(pattern), 0, method, where)


def _module(where: str) -> Any:
    return import_module(
        "mlspec." + where.removesuffix(".py").removesuffix("/__init__").removeprefix("mlspec/").replace("/", ".")
    )


def _value(argument: ast.expr, where: str) -> object:
    if isinstance(argument, ast.Constant):
        return argument.value
    if isinstance(argument, ast.Name) and hasattr(_module(where), argument.id):
        return getattr(_module(where), argument.id)
    assert where in COMPUTED, f"{where}:{argument.lineno}: this test cannot find the expression"
    return None


def sample(parsed: Any) -> str:
    """A text that an expression matches, with one repetition of everything that can be repeated."""
    return "".join(_sample(str(operation), argument) for operation, argument in parsed)


def _sample(operation: str, argument: Any) -> str:
    match operation:
        case "LITERAL":
            return chr(argument)
        case "IN":
            first, *_ = argument
            return _sample(str(first[0]), first[1]) if str(first[0]) != "NEGATE" else "a"
        case "RANGE":
            return chr(argument[0])
        case "CATEGORY":
            return {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "0"}.get(str(argument), "a")
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return sample(argument[2]) * max(1, int(argument[0]))
        case "SUBPATTERN":
            return sample(argument[-1])
        case "ATOMIC_GROUP":
            return sample(argument)
        case "BRANCH":
            return max((sample(one) for one in argument[1]), key=len)
        case "ANY" | "NOT_LITERAL":
            return "a"
    return ""


def texts(used: Used) -> Iterator[str]:
    """A matching text in which each part is repeated in turn, and that does not match at its end."""
    from re import _parser  # type: ignore[attr-defined]

    start = sample(_parser.parse(used.pattern, used.flags & ~re.UNICODE))[:80]
    for end in range(len(start) + 1):
        for part in {
            " ",
            "a",
            "0",
            start[max(0, end - 1) : end],
            start[max(0, end - 3) : end],
            start[end : end + 1],
        } - {""}:
            yield start[:end] + part * (LENGTH // len(part)) + "\0"


def run_all() -> None:
    for used in dict.fromkeys(expressions()):
        sys.stdout.write(f"{used}\n")
        sys.stdout.flush()
        compiled = re.compile(used.pattern, used.flags)
        for text in dict.fromkeys(texts(used)):
            arguments = ("", text) if used.method == "sub" else (text,)
            found = getattr(compiled, used.method)(*arguments)
            if used.method == "finditer":
                list(found)


@pytest.mark.exhaustive
def test_no_expression_takes_quadratic_time() -> None:
    """The kernel limits the CPU time, so the test needs no clock. The last line of output is the slow expression."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))

    code = "from tests.test_regular_expressions import run_all; run_all()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=bounded
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + done.stderr.splitlines()[-3:]
    assert len(done.stdout.splitlines()) > 60
