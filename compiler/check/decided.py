"""The flags and variables of a server that mlspec decides, as `compiler/catalog/setups` declares them.

A server takes a flag in several forms: `--flag=value`, or `--flag` and then the value. Some take aliases, unique
prefixes (argparse, getopt), underscores, or a key of a JSON value after a dot (vLLM).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from ..catalog import load as catalog
from ..record import Record
from ..tree import Mapping, Node, Scalar
from ..tree import Sequence as Items

__all__ = ["Decided", "Setting", "decided"]


class Setting(Record):
    """One flag or variable that mlspec decides."""

    name: str
    aliases: tuple[str, ...]
    """Other names of the same flag."""
    only: tuple[str, ...]
    """The values that contradict the plan, without what follows `=` or `,` in them; all of them if empty."""
    field: str | None
    """The field that decides it; None if nothing in a spec does."""
    of: str
    """What has that field: `service`, `model`, `release`, or `system`."""
    why: str
    """What goes wrong in production if it has another value."""


class Decided(Record):
    """What one setup decides."""

    flags: tuple[Setting, ...]
    variables: dict[str, Setting]
    abbreviations: bool
    underscores: bool
    any_case: bool

    def in_words(self, words: Sequence[str]) -> Iterator[tuple[int, Setting]]:
        """The words of a command line that set what mlspec decides, by their position."""
        for number, word in enumerate(words):
            setting = self._flag(word)
            value = word.partition("=")[2] if "=" in word else "".join(words[number + 1 : number + 2])
            if setting is not None and (not setting.only or re.split("[=,]", value)[0] in setting.only):
                yield number, setting

    def variable(self, name: str) -> Setting | None:
        """What an environment variable sets, if mlspec decides it."""
        return self.variables.get(name.upper() if self.any_case else name)

    def _flag(self, word: str) -> Setting | None:
        if not word.startswith("-"):
            return None
        name = word.partition("=")[0]
        if self.underscores and name.startswith("--"):
            name = name.partition(".")[0].replace("_", "-")
        exact = self._named(name)
        if exact is not None or not name.startswith("--"):
            return exact or self._named(name[:2])  # -p8080
        return self._longer(name) if self.abbreviations and name != "--" else None

    def _named(self, name: str) -> Setting | None:
        return next((flag for flag in self.flags if name in (flag.name, *flag.aliases)), None)

    def _longer(self, start: str) -> Setting | None:
        """The flag that a prefix stands for. Servers refuse one that stands for several."""
        return next(
            (flag for flag in self.flags if any(known.startswith(start) for known in (flag.name, *flag.aliases))), None
        )


@cache
def decided(setup: str) -> Decided | None:
    """What the setup of a runtime decides; None if it passes everything on."""
    tree = catalog.setup(setup)
    if tree is None:
        return None
    flags = tuple(_settings(tree.entries.get("flags")))
    variables = {one.name: one for one in _settings(tree.entries.get("variables"))}
    if "flagsAreVariables" in tree.entries:
        variables = {**_as_variables(flags), **variables}
    return Decided(
        flags=flags,
        variables=variables,
        abbreviations="abbreviations" in tree.entries,
        underscores="underscores" in tree.entries,
        any_case="anyCase" in tree.entries,
    )


def _as_variables(flags: Iterable[Setting]) -> dict[str, Setting]:
    """The flags by the names that clap gives them as variables; short ones have none."""
    named = ((name, flag) for flag in flags for name in (flag.name, *flag.aliases))
    return {name[2:].replace("-", "_").upper(): flag for name, flag in named if name.startswith("--")}


def _settings(tree: Node | None) -> Iterator[Setting]:
    for name, node in tree.entries.items() if isinstance(tree, Mapping) else ():
        assert isinstance(node, Mapping)
        why = _text(node, "why")
        assert why is not None
        yield Setting(
            name=name,
            aliases=_texts(node, "also"),
            only=_texts(node, "only"),
            field=_text(node, "field"),
            of=_text(node, "of") or "service",
            why=why,
        )


def _text(node: Mapping, key: str) -> str | None:
    found = node.entries.get(key)
    return found.text if isinstance(found, Scalar) else None


def _texts(node: Mapping, key: str) -> tuple[str, ...]:
    found = node.entries.get(key)
    return tuple(item.text for item in found.items if isinstance(item, Scalar)) if isinstance(found, Items) else ()
