"""The commands, one module each. Each declares its parameters and passes them on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

__all__ = ["COMMANDS", "NAMES"]

NAMES = (
    "compile",
    "check",
    "explain",
    "lint",
    "plan",
    "simulate",
    "report",
    "score",
    "test",
    "calibrate",
    "promote",
    "rollback",
    "init",
    "schema",
    "digest",
    "cluster",
    "runtime",
)


class _Commands(Mapping[str, click.Command]):
    """The commands by name. A module is imported when its command is asked for: most runs need one of them."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in NAMES:
            raise KeyError(name)
        found: click.Command = import_module(f".{name}", __name__).command
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


COMMANDS = _Commands()
