"""Read the catalogue's files, each at most once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..diagnostics import SourceFile
from ..read import read
from ..tree import Mapping, Node

__all__ = [
    "accelerators",
    "algorithms",
    "devices",
    "families",
    "metrics",
    "providers",
    "runtime",
    "runtime_names",
    "time_zones",
]

_HERE = Path(__file__).parent


@cache
def _file(name: str) -> Mapping:
    path = _HERE / name
    tree, found = read(SourceFile(f"catalogue/{name}", path.read_text(encoding="utf-8")))
    if tree is None or found:
        raise AssertionError(f"the catalogue's {name} cannot be read: {found}")
    return tree


def runtime(name: str) -> Mapping | None:
    """The entry of one serving runtime."""
    return _file(f"runtimes/{name}.yaml") if name in runtime_names() else None


@cache
def runtime_names() -> tuple[str, ...]:
    """The serving runtimes that the catalogue knows."""
    return tuple(sorted(path.stem for path in (_HERE / "runtimes").iterdir() if path.suffix == ".yaml"))


@cache
def providers(capability: str) -> dict[str, Node]:
    """All providers of `rollout`, `traffic` or `autoscaling` by name."""
    names = sorted(path.stem for path in (_HERE / "providers" / capability).iterdir() if path.suffix == ".yaml")
    return {name: _file(f"providers/{capability}/{name}.yaml") for name in names}


def devices() -> Mapping:
    """All whole accelerators by name."""
    return _file("accelerators.yaml")


def accelerators() -> dict[str, Node]:
    """All accelerators by name: whole devices, and the parts that they can be divided into."""
    return {**devices().entries, **_file("slices.yaml").entries}


def algorithms() -> Mapping:
    """All algorithms that search for hyperparameters, by name."""
    return _file("algorithms.yaml")


def families() -> Mapping:
    """All families of language models by name."""
    return _file("families.yaml")


def metrics() -> Mapping:
    """All metrics by name, without the `@k` of those that take one."""
    return _file("metrics.yaml")


@cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zone database, release 2026a or later."""
    return frozenset((_HERE / "time-zones.txt").read_text(encoding="utf-8").split())
