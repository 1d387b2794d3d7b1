"""What a search is: `search.json`, which the compiler writes, read and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...compiler.record import Record

__all__ = ["Settings", "UnreadableError", "budgets", "read"]

VERSION = 1

GROWTH = 3
"""How much larger each budget of hyperband is (L. Li et al., Hyperband, JMLR 18, 2018, which recommends 3 or 4)."""


class UnreadableError(Exception):
    """A file that violates the contract; a retry would read the same."""


class Settings(Record):
    """A search."""

    trials: int
    parallel: int
    algorithm: str
    metric: str
    maximize: bool
    folds: int
    parameters: dict[str, dict[str, Any]]
    train: list[str]
    evaluate: list[str]
    resource: str | None = None
    seed: int | None = None
    result: str | None = None
    """The ConfigMap that the best parameters are written to."""


def read(path: Path) -> Settings:
    """The settings in a file. Raises `UnreadableError` if it is not what the compiler writes."""
    try:
        given = json.loads(path.read_bytes())
        if given["version"] != VERSION:
            raise UnreadableError(f"{path} has version {given['version']}, and this program reads version {VERSION}")
        known = {name: given[name] for name in Settings._fields if given.get(name) is not None}
        made = Settings(**known)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise UnreadableError(f"{path} does not describe a search: {wrong!r}") from None
    if made.resource is not None and made.resource not in made.parameters:
        raise UnreadableError(f"{path}: the resource `{made.resource}` is not a parameter")
    return made


def budgets(settings: Settings) -> list[Any]:
    """The budgets of a trial, smallest first: the resource's bounds, and what is a third of the next one. [None] if the
    algorithm has none.
    """
    if settings.algorithm != "hyperband" or settings.resource is None:
        return [None]
    parameter = settings.parameters[settings.resource]
    least, most = parameter["min"], parameter["max"]
    found = [most]
    while found[-1] / GROWTH >= max(least, 1e-12):
        lower = found[-1] / GROWTH
        found.append(int(lower) if parameter["type"] == "int" else lower)
    return found[::-1]
