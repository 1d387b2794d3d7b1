"""Read bytes into a tree of nodes with positions.

The tree is built from PyYAML's C event stream, which is fast and shows what loaders hide (duplicate keys, aliases, the
exact text of scalars). Scalars keep their source text; the field that reads one decides what it means, in `bind`.
Everything is bounded, because libyaml's own loader crashes on deep nesting and aliases grow exponentially.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from .diagnostics import Diagnostic, Label, SourceFile, Span
from .limits import FILE, LEVELS, TEXT, VALUES
from .tree import Mapping, Node, Scalar, Sequence

__all__ = ["STARTER", "MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "read"]

MAX_BYTES, MAX_DEPTH, MAX_NODES = FILE.most, LEVELS.most, VALUES.most

# libyaml counts these as line breaks and editors do not, so later positions would be wrong. Surrogates are not text.
_REFUSED = "[\u0085\u2028\u2029\ud800-\udfff]|\r(?!\n)"


class _Stop(Exception):  # noqa: N818 - not a failure of the program: the rest of the file cannot be read
    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


STARTER = "run `mlspec init` to get a starter spec"


def read(file: SourceFile, empty: str = STARTER) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read one file. Without a mapping at the top level there is no tree, and a diagnostic says why. `empty` is the
    help for a file without any text.
    """
    found: list[Diagnostic] = []
    try:
        return _Reader(file, found, empty).document(), found
    except _Stop as stop:
        return None, [*found, stop.diagnostic.but(note="nothing else in the file is checked until this is fixed")]


class _Reader:
    """One pass over the events of one file, which enforces the bounds as it goes."""

    def __init__(self, file: SourceFile, found: list[Diagnostic], empty: str = STARTER) -> None:
        self.file = file
        self.empty = empty
        self.found = found
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.nodes = 0
        _refuse_characters(file)

    def document(self) -> Mapping:
        try:
            return self.parsed(self.file.text)
        except yaml.YAMLError as error:
            from .syntax import mistake, place

            raise _Stop(_beyond_bounds(self.file, *place(self.file, error)) or mistake(self.file, error)) from None

    def parsed(self, text: str) -> Mapping:
        """The tree of the file, or of the start of it. Raises `YAMLError` if the library rejects the text."""
        loader = yaml.CSafeLoader(text)
        try:
            events: Iterator[Any] = iter(loader.get_event, None)
            next(events)  # stream start
            if isinstance(next(events), yaml.StreamEndEvent):
                raise self._stop(
                    "MLS001",
                    "the file is empty",
                    Span(self.file, 0, 0, 0, 0),
                    help=self.empty,
                )
            root = self._node(next(events), events, 0)
            next(events)  # document end
            extra = next(events)
            if not isinstance(extra, yaml.StreamEndEvent):
                mark = extra.start_mark
                at = Span(self.file, mark.line, mark.column, mark.line, mark.column + 3)
                raise self._stop(
                    "MLS001", "a second YAML document starts here", at, help="put each spec in its own file"
                )
        finally:
            loader.dispose()
        if not isinstance(root, Mapping):
            raise self._stop(
                "MLS001",
                f"the file contains {root.what}, not a mapping",
                root.span,
                help="start with `apiVersion: mlspec/v1`",
            )
        return root

    def _at(self, event: Any) -> tuple[SourceFile, int, int, int, int]:
        return self._between(event, event)

    def _stop(self, id: str, message: str, span: Span, help: str) -> _Stop:  # noqa: A002
        return _Stop(Diagnostic(id=id, severity="error", message=message, span=span, help=help))

    def _count(self, event: Any, by: int = 1) -> None:
        self.nodes += by
        if self.nodes > MAX_NODES:
            at = Span(*self._at(event))
            raise self._stop(
                "MLS002",
                f"the file has more than {MAX_NODES:,} values",
                at,
                help="split it into several systems; an alias counts as everything that it expands to",
            )

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self._count(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None and event.tag != "!":
            raise self._stop(
                "MLS001", f"the YAML tag `{event.tag}` is not supported", Span(*self._at(event)), help="remove the tag"
            )
        before = self.nodes
        if isinstance(event, yaml.ScalarEvent):
            node: Node = self._scalar(event)
        elif depth >= MAX_DEPTH:
            raise self._stop(
                "MLS002",
                f"values are nested more than {MAX_DEPTH} levels deep",
                Span(*self._at(event)),
                help="use fewer levels",
            )
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, events, depth)
        else:
            node = self._mapping(event, events, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.nodes - before + 1)
        return node

    def _alias(self, event: Any) -> Node:
        known = self.anchors.get(event.anchor)
        if known is None:
            raise self._stop(
                "MLS001",
                f"the alias `*{event.anchor}` has no anchor before it",
                Span(*self._at(event)),
                help="use an anchor that is defined above, or quote a value that starts with `*`",
            )
        node, size = known
        self._count(event, size)  # every walk visits it again
        return node

    def _scalar(self, event: Any) -> Scalar:
        file, line, column, end_line, end_column = self._at(event)
        if event.style in ("|", ">"):  # libyaml ends a block scalar where the next token begins
            end_line, end_column = line, len(file.lines[line].rstrip())
        scalar = Scalar((file, line, column, end_line, end_column), event.value, event.implicit[0])
        if len(scalar.text) > TEXT.most:
            self._too_long(scalar)
        return scalar

    def _too_long(self, scalar: Scalar) -> None:
        self.found.append(
            Diagnostic(
                id="MLS002",
                severity="error",
                message=f"the value has {len(scalar.text):,} characters, more than {TEXT.most:,}",
                span=Span(scalar.file, scalar.line, scalar.column, scalar.line, scalar.column + 1),
                label="it starts here",
                note=TEXT.why,
                help=f"shorten it by {len(scalar.text) - TEXT.most:,} characters",
            )
        )

    def _sequence(self, start: Any, events: Iterator[Any], depth: int) -> Sequence:
        items: list[Node] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, depth + 1))
        return Sequence(self._between(start, event), items)

    def _mapping(self, start: Any, events: Iterator[Any], depth: int) -> Mapping:
        keys: dict[str, Scalar] = {}
        entries: dict[str, Node] = {}
        others: list[Node] = []
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if isinstance(key, Scalar) and key.plain and key.text == "<<":
                self._merge_key(key)
                others += value.items if isinstance(value, Sequence) else [value]
                continue
            if not isinstance(key, Scalar):
                raise self._stop(
                    "MLS001",
                    f"{key.what} cannot be a key",
                    key.span,
                    help="write a plain word, or quote a key that starts with a bracket",
                )
            if key.text in keys:
                self._duplicate(key, keys[key.text])
            else:
                keys[key.text], entries[key.text] = key, value
        for other in others:
            _complete(keys, entries, other)
        return Mapping(self._between(start, event), keys, entries)

    def _between(self, start: Any, end: Any) -> tuple[SourceFile, int, int, int, int]:
        first, last, lines = start.start_mark, end.end_mark, self.file.lines
        if first.line >= len(lines):  # libyaml looks below the end of the file for the missing value of an explicit key
            after = (len(lines) - 1, len(lines[-1]))
            return (self.file, *after, *after)
        return (self.file, first.line, first.column, last.line, last.column)

    def _merge_key(self, key: Scalar) -> None:
        self.found.append(
            Diagnostic(
                id="MLS001",
                severity="error",
                message="the merge key `<<` is not supported",
                span=key.span,
                note="YAML 1.2 has no merge keys, so some parsers would merge the values, and others would not",
                help="write the keys of the other mapping here, or use an alias for the whole value",
            )
        )

    def _duplicate(self, key: Scalar, first: Scalar) -> None:
        self.found.append(
            Diagnostic(
                id="MLS003",
                severity="error",
                message=f"`{key.text}` is defined twice",
                span=key.span,
                label="defined again",
                others=(Label(span=first.span, text="first defined here"),),
                note="YAML parsers silently keep one of the two, and which one depends on the parser",
                help="remove one of them",
            )
        )


def _complete(keys: dict[str, Scalar], entries: dict[str, Node], other: Node) -> None:
    """Add what a merge key was meant to add, so that it is not missing as well."""
    if not isinstance(other, Mapping):
        return
    for name, value in other.entries.items():
        if name not in keys:
            keys[name], entries[name] = other.keys[name], value


def _beyond_bounds(file: SourceFile, line: int, column: int) -> Diagnostic | None:
    """Whether a file exceeds one of our limits before the place where the library rejects it.

    The library reads ahead of the events that it returns, and some versions have limits of their own. PyYAML 6.0.4
    rejects a thousand brackets in a row before it returns the first one. It can still read the text before that place.
    """
    beginning = "\n".join([*file.lines[:line], file.lines[line][:column]])
    try:
        _Reader(file, []).parsed(beginning)
    except yaml.YAMLError:
        return None
    except _Stop as stop:
        return stop.diagnostic if stop.diagnostic.id == "MLS002" else None
    return None


def _refuse_characters(file: SourceFile) -> None:
    if file.text.isascii() and "\r" not in file.text:
        return  # true for most files, and faster than a pattern
    match = re.search(_REFUSED, file.text)
    if match is None:
        return
    line = file.text.count("\n", 0, match.start())
    column = match.start() - (file.text.rfind("\n", 0, match.start()) + 1)
    surrogate = "\ud800" <= match[0] <= "\udfff"
    raise _Stop(
        Diagnostic(
            id="MLS001",
            severity="error",
            message=f"the character U+{ord(match[0]):04X} "
            + ("is half of a surrogate pair" if surrogate else "ends a line for some parsers and not for others"),
            span=Span(file, line, column, line, column + 1),
            help="remove it"
            if surrogate
            else f'remove it, or write it as "\\u{ord(match[0]):04x}" inside double quotes',
        )
    )
