"""Load the files of the catalog, each at most once, from the modules that `make generate` creates from them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from ..diagnostics import SourceFile
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence
from .built import MODULES

__all__ = [
    "Change",
    "accelerators",
    "algorithms",
    "approaches",
    "changes",
    "clouds",
    "devices",
    "diagnoses",
    "families",
    "metrics",
    "offsets",
    "providers",
    "rubric",
    "runtime",
    "runtime_names",
    "setup",
    "ships",
    "tests",
    "time_zones",
    "xids",
]


class _Shipped(SourceFile):
    """A file of the catalog. Its text is read only when a message shows part of it."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self.name = f"catalog/{name}"

    def __getattr__(self, attribute: str) -> object:
        if attribute not in ("lines", "text"):
            raise AttributeError(attribute)
        super().__init__(self.name, _content(self.name.removeprefix("catalog/")))
        return getattr(self, attribute)


def ships(file: SourceFile) -> bool:
    """Whether a file is part of the catalog."""
    return isinstance(file, _Shipped)


def _content(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


@cache
def _file(name: str) -> Mapping:
    module = import_module(f".built.{MODULES[name]}", __package__)
    tree = _node(_Shipped(f"{name}.yaml"), module.WRITTEN[name])
    assert isinstance(tree, Mapping)
    return tree


def _node(file: SourceFile, written: Any) -> Node:
    """A node from its place and its content, plus the plain flag of a scalar."""
    place, content = (file, *written[:4]), written[4]
    if isinstance(content, str):
        return Scalar(place, content, written[5])
    if isinstance(content, tuple):
        return Sequence(place, [_node(file, item) for item in content])
    keys = {key[4]: Scalar((file, *key[:4]), key[4], key[5]) for key in content}
    return Mapping(place, keys, {key[4]: _node(file, child) for key, child in content.items()})


def runtime(name: str) -> Mapping | None:
    """The entry of a serving runtime."""
    return _file(f"runtimes/{name}") if name in runtime_names() else None


@cache
def runtime_names() -> tuple[str, ...]:
    """The names of the serving runtimes in the catalog."""
    return tuple(_names("runtimes/"))


def setup(name: str) -> Mapping | None:
    """What the setup of a runtime decides: the flags and variables that a spec must leave to it."""
    return _file(f"setups/{name}") if f"setups/{name}" in MODULES else None


def _names(folder: str) -> Iterator[str]:
    return (name.removeprefix(folder) for name in MODULES if name.startswith(folder))


@cache
def providers(capability: str) -> dict[str, Node]:
    """All providers of one capability, such as `rollout` or `mesh`, by name."""
    folder = f"providers/{capability}/"
    return {name: _file(f"{folder}{name}") for name in _names(folder)}


def devices() -> Mapping:
    """All whole accelerators, by name."""
    return _file("accelerators")


def accelerators() -> dict[str, Node]:
    """All accelerators, by name: whole devices and their slices."""
    return {**devices().entries, **_file("slices").entries}


def algorithms() -> Mapping:
    """All hyperparameter search algorithms, by name."""
    return _file("algorithms")


def approaches() -> Mapping:
    """All types of models, by name."""
    return _file("approaches")


def clouds() -> Mapping:
    """All clouds, by name."""
    return _file("clouds")


def diagnoses() -> Mapping:
    """All causes of worse predictions, by name, in the order to rule them out."""
    return _file("diagnoses")


def families() -> Mapping:
    """All families of language models, by name."""
    return _file("families")


def metrics() -> Mapping:
    """All metrics, by name; ranking metrics without their `@k`."""
    return _file("metrics")


def rubric() -> Mapping:
    """The ML Test Score: its sections, its tests, and the bands of scores."""
    return _file("rubric")


def xids() -> Mapping:
    """The errors of NVIDIA's driver after which a device has to be reset, or its node rebooted, and their source."""
    return _file("xids")


def tests() -> tuple[str, ...]:
    """The IDs of the tests in the rubric."""
    found = rubric().entries["tests"]
    assert isinstance(found, Mapping)
    return tuple(found.entries)


@cache
def time_zones() -> dict[str, tuple[str, ...]]:
    """The zones of the IANA time zone database, release 2026f, by name.

    Each has what its clocks add to UTC from 2027 to 2054, a cycle of the calendar, such as `+01:00,+02:00`. If clocks
    change, it also has the weekday and the times that they skip once a year, such as `sun` and `02:00-03:00`, and the
    dates of that in the same years. Then the same of the times that they repeat.
    """
    return {name: tuple(known) for name, *known in map(str.split, _content("time-zones.txt").splitlines())}


def offsets(zone: str) -> tuple[int, ...]:
    """How many minutes the clocks of a zone are ahead of UTC, at one time of the year or another."""
    given = time_zones()[zone][0].split(",")
    return tuple(int(f"{one[0]}1") * (60 * int(one[1:3]) + int(one[4:])) for one in given)


class Change(Record):
    """How clocks change once a year."""

    weekday: str
    times: str
    """What they skip or repeat, such as `02:00-03:00`."""
    dates: frozenset[tuple[int, int]]
    """The months and the days that it happens on, in one year or another."""


def changes(zone: str) -> tuple[Change, Change] | None:
    """The times that the clocks of a zone skip, and those that they repeat; None if its clocks do not change."""
    told = time_zones().get(zone, ())[1:]
    return (_change(*told[:3]), _change(*told[3:])) if told else None


def _change(weekday: str, times: str, dates: str) -> Change:
    found = frozenset(day for part in dates.split(",") for day in _days(part))
    return Change(weekday=weekday, times=times, dates=found)


def _days(part: str) -> Iterator[tuple[int, int]]:
    """The dates of `03-25..31`, or of `03-25`."""
    month, _, days = part.partition("-")
    first, _, last = days.partition("..")
    return ((int(month), day) for day in range(int(first), int(last or first) + 1))
