"""What people reach from a public module by its functions and objects, they can import from it, and name in a type."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import pytest

import mlspec
import mlspec.plugin
from mlspec import api

from .support import ROOT

Origin = tuple[str, str]
"""The module of mlspec that defines a name, and the name."""

PLANNER = "mlspec.compiler.plan"
"""Whose classes have no public names below those that plugins are handed: see `mlspec.plugin`."""


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(import_module(module)))


@cache
def imports(module: str) -> dict[str, Origin]:
    """What a module imports by name, for type checkers alone or not."""
    package = import_module(module).__package__ or ""
    found: dict[str, Origin] = {}
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            whole = ".".join(part for part in (above, node.module) if part)
            names = [(alias.asname or alias.name, alias.name) for alias in node.names]
            if names == [("*", "*")]:
                names = [(name, name) for name in import_module(whole).__all__]
            found |= {here: (whole, there) for here, there in names}
    return found


def origin(module: str, name: str) -> Origin | None:
    """Where mlspec defines what a name means in a module; None for what is Python's."""
    if name in imports(module):
        return origin(*imports(module)[name]) if imports(module)[name][0].startswith("mlspec") else None
    known = vars(import_module(module)).get(name)
    return (module, name) if known is not None and not isinstance(known, (TypeVar, ParamSpec, ModuleType)) else None


def thing(at: Origin) -> Any:
    return getattr(import_module(at[0]), at[1])


def named(annotation: Any, module: str) -> Iterator[Origin]:
    """Every name of mlspec's in an annotation, with what it stands for."""
    if not isinstance(annotation, ast.AST):
        annotation = ast.parse(getattr(annotation, "__forward_arg__", annotation), mode="eval")
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            node = ast.Name(node.value)  # noqa: PLW2901 - a name that is defined further down
        found = origin(module, node.id) if isinstance(node, ast.Name) else None
        if found is not None:
            yield found


def leads_to(at: Origin) -> Iterator[Origin]:
    """What the signature of a function, the public attributes of a class or the meaning of an alias names."""
    found = thing(at)
    if inspect.isclass(found):
        for cls in (cls for cls in found.__mro__ if cls.__module__.startswith("mlspec")):
            yield from _of_class(cls)
    elif inspect.isfunction(inspect.unwrap(found)):
        yield from _of_function(found)
    for node in parsed(at[0]).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == at[1] for target in targets):
                yield from named(node.value, at[0])


def _of_class(cls: type) -> Iterator[Origin]:
    slots = vars(cls).get("__slots__", ())
    filled = inspect.get_annotations(vars(cls)["__init__"]) if "__init__" in vars(cls) else {}
    of_slots = {name: type_ for name, type_ in filled.items() if name in slots}
    for name, type_ in {**inspect.get_annotations(cls), **of_slots}.items():
        yield from named(type_, cls.__module__) if not name.startswith("_") else ()
    for name, member in vars(cls).items():
        yield from _of_function(member) if not name.startswith("_") else ()


def _of_function(member: Any) -> Iterator[Origin]:
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = member.func
    function = inspect.unwrap(member) if callable(member) else None
    if inspect.isfunction(function):
        for annotation in function.__annotations__.values():
            yield from named(annotation, function.__module__)


def reached(module: ModuleType) -> dict[Origin, str]:
    """Everything that its names lead to, with one way there."""
    starts = ((name, origin(module.__name__, name)) for name in module.__all__)
    waiting = [(name, at) for name, at in starts if at is not None]
    ways = {at: name for name, at in waiting}
    while waiting:
        way, at = waiting.pop()
        for next_ in leads_to(at):
            if next_ not in ways and not (at[0].startswith(PLANNER) and next_[0].startswith(PLANNER)):
                ways[next_] = f"{way} -> {next_[1]}"
                waiting.append((ways[next_], next_))
    return ways


@pytest.mark.parametrize("module", [mlspec, mlspec.plugin], ids=lambda module: module.__name__)
def test_everything_that_can_be_reached_is_exported(module: ModuleType) -> None:
    own = [getattr(module, name) for name in module.__all__]
    inside = {one.__name__ for one in own if isinstance(one, ModuleType)}
    found = {at: way for at, way in reached(module).items() if at[0] not in inside}
    assert [way for at, way in found.items() if not any(thing(at) is one for one in own)] == []


def test_the_search_finds_what_a_list_would_forget() -> None:
    names = {name for _, name in reached(mlspec)}
    assert {"Result", "Bundle", "Diagnostic", "Span", "SourceFile", "Label", "Severity", "Reason", "Decision"} <= names
    assert not names & {"Compiled", "Input", "Plan", "MLSystem", "Because"}, "the compiler itself is private"
    assert {"Service", "Duration", "Node", "Scope"} <= {name for _, name in reached(mlspec.plugin)}


def errors(base: type[Exception]) -> Iterator[type[Exception]]:
    """A class of errors and all below it."""
    yield base
    for below in base.__subclasses__():
        yield from errors(below)


def test_every_error_is_exported_and_called_one() -> None:
    for error in errors(mlspec.MlspecError):
        assert getattr(mlspec, error.__name__) is error
        assert error.__name__.endswith("Error")


@pytest.mark.parametrize(
    "error",
    [
        mlspec.CompileError("m", ()),
        mlspec.NotFoundError("m", "a", ("b", "c")),
        mlspec.ReleaseError("m", ("b",)),
        mlspec.TooEarlyError("m", "2026-11-03T04:00:00Z"),
        mlspec.UnchangedError("m"),
        mlspec.UnmanagedFileError("m", Path("a")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_what_it_carries_on_its_way_from_another_process(error: mlspec.MlspecError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(other), str(other), vars(other)) == (type(error), "m", vars(error))


def test_names_are_seen_and_nothing_else_is_there() -> None:
    assert set(api.__all__) <= set(dir(mlspec))
    assert len(set(api.__all__)) == len(api.__all__)
    names: dict[str, object] = {}
    exec("from mlspec import *", names)
    assert set(api.__all__) <= set(names)
    with pytest.raises(AttributeError, match="has no attribute 'TARGETS'"):
        mlspec.TARGETS  # type: ignore[attr-defined]  # noqa: B018 - what the module of the API imports itself
    with pytest.raises(AttributeError, match="has no attribute 'Foreign'"):
        mlspec.Foreign  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "python.md").read_text()
    own = getattr(mlspec, name)
    assert own.__doc__ or not (inspect.isclass(own) or inspect.isfunction(own))
