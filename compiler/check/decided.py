"""The flags and variables of a server that mlspec decides, as `compiler/catalog/setups` declares them.

A server takes a flag in several forms: `--flag=value`, or `--flag` and then the value. Some take aliases, unique
prefixes (argparse, getopt), underscores, or a key of a JSON value after a dot (vLLM).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import takewhile
from typing import NamedTuple

from ..catalog import load as catalog
from ..record import Record
from ..tree import Mapping, Node, Scalar
from ..tree import Sequence as Items

__all__ = ["Decided", "Setting", "Use", "decided"]


class Setting(Record):
    """One flag or variable that mlspec decides."""

    name: str
    aliases: tuple[str, ...]
    """Other names of the same flag."""
    only: tuple[str, ...]
    """The values that contradict the plan, without what follows `=` or `,` in them; all of them if empty."""
    harmless: tuple[str, ...]
    """The values that contradict no plan."""
    switch: bool
    """Whether the flag takes no value."""
    plan: str | None
    """What the plan says about it, by its name in `planned`; a value that is equal contradicts nothing."""
    when: str | None
    """What the plan must have for a contradiction, by its name in `planned`; None if it always does."""
    default: str | None
    """The value that mlspec does not write, as it is the server's own."""
    field: str | None
    """The field that decides it; None if nothing in a spec does."""
    of: str
    """What has that field: `service`, `model`, `release`, or `system`."""
    why: str
    """What goes wrong in production if it has another value."""
    instead: str | None
    """What to do instead of setting it, if no field does that."""

    def contradicts(self, value: str) -> bool:
        """Whether a value contradicts some plan. Servers that know words for on and off read them in any case."""
        lower = value.lower()
        return lower not in self.harmless and (not self.only or re.split("[=, ]", lower)[0] in self.only)


class Use(NamedTuple):
    """A word of a command line that sets what mlspec decides."""

    number: int
    setting: Setting
    value: str


class Decided(Record):
    """What one setup decides."""

    flags: tuple[Setting, ...]
    variables: dict[str, Setting]
    abbreviations: bool
    underscores: bool
    any_case: bool
    once: bool
    """Whether the server refuses a flag that is given twice."""

    def in_words(self, words: Sequence[str]) -> Iterator[Use]:
        """The words of a command line that set what mlspec decides to what contradicts some plan."""
        for number, word in enumerate(words):
            setting = self._flag(word)
            if setting is None:
                continue
            value = _value(setting, word, words[number + 1 :])
            if setting.contradicts(value):
                yield Use(number, setting, value)

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


def _value(setting: Setting, word: str, following: Sequence[str]) -> str:
    """The value of a flag, with spaces between several."""
    name, is_assigned, value = word.partition("=")
    if is_assigned:
        return "" if "." in name else value  # one key of a JSON value
    if len(name) > 2 and not name.startswith("--") and name[:2] in (setting.name, *setting.aliases):
        return name[2:]
    return "true" if setting.switch else " ".join(takewhile(lambda one: not one.startswith("-"), following))


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
        once="once" in tree.entries,
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
            harmless=_texts(node, "except"),
            switch="switch" in node.entries,
            plan=_text(node, "plan"),
            when=_text(node, "when"),
            default=_text(node, "default"),
            instead=_text(node, "instead"),
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
