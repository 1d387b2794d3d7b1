"""Mistakes: how binding says what is wrong with one node, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..diagnostics import Diagnostic, Label, Span
from ..finding import guess
from ..language import OBJECTS
from ..layer import Layered
from ..tree import Mapping, Node, Place, Scalar, Sequence, lookup
from ..words import closest, last, listing, shown

__all__ = ["Mistakes"]

# What to write where the bare key would not say it: by path, then by key.
_EXAMPLES = {
    "apiVersion": "mlspec/v1",
    "kind": "MLSystem",
    "metadata": "{name: ..., owner: ...}",
    "metadata.name": "fraud-scorer",
    "metadata.owner": "payments-ml",
    "problem": "{useCase: ..., task: ...}",
    "problem.useCase": "what the system does for whom",
    "problem.task": "binary-classification",
}
_USUAL = {
    "artifact": "{uri: ..., format: ..., digest: ...}",
    "by": "2026-12-31",
    "digest": "sha256:...",
    "dtype": "float32",
    "format": "onnx",
    "image": "registry.example.com/team/image@sha256:...",
    "ingestion": "batch",
    "mean": "9ms",
    "metric": "roc_auc",
    "primary": "roc_auc",
    "runtime": "triton",
    "schedule": '"0 3 * * 1"',
    "steps": "{train: {command: [...]}}",
    "train": "{command: [...]}",
    "uri": "s3://bucket/path",
    "version": "1",
}

_WHENCE = {
    "digest": ", which `sha256sum` prints for a file",
}
"""Where to find the value of a missing key."""

_CHOSEN = {
    "min": "0.9",
    "max": "50ms",
    "versus": "champion",
    "shadow": "{duration: 24h}",
    "canary": "{steps: [5%, 25%, 50%]}",
    "experiment": "{...}",
    "blueGreen": "{...}",
}
"""What to write for keys of which one is needed."""

_FILES = {"MLSystem": "a spec", "PlatformFile": "a platform file", "ReleaseFile": "a release file"}

_OVERLAY = re.compile(r"(?:environments\.[^.]+\.)?spec(?:\.|$)")

_HOW = {
    "a list": "write its items in brackets, or below it with a dash before each",
    "a mapping": "write its keys in braces, or below it and indented",
    "a whole number": "write a whole number, such as `4`",
    "a number": "write a number, such as `0.9`",
    "true or false": "write `true` or `false`",
}


class Mistakes:
    """The findings of one walk over one tree: a merged one, or (without `layered`) a file as it was written."""

    def __init__(self, layered: Layered | None, short: dict[str, str]) -> None:
        self.layered = layered
        self.short = short
        """Long path to the short form that the author used for it."""
        self.found: list[Diagnostic] = []
        self._said: set[tuple[str, Place]] = set()

    def add(self, id: str, message: str, node: Node, path: str, **more: Any) -> None:  # noqa: A002
        """A finding at a node; none but the first of its kind, as a name also names what a short form is long for."""
        if (id, node.place) in self._said:
            return
        self._said.add((id, node.place))
        self._add(id, message, node.span, others=(*more.pop("others", ()), *self._overridden(node, path)), **more)

    def _add(self, id: str, message: str, span: Span, **more: Any) -> None:  # noqa: A002
        environments = (self.layered.environment,) if self.layered is not None else ()
        found = Diagnostic(id=id, severity="error", message=message, span=span, environments=environments, **more)
        self.found.append(found)

    def _overridden(self, node: Node, path: str) -> tuple[Label, ...]:
        """Where a lower layer gave another value: the reader of that file may not know that it lost."""
        if self.layered is None or not isinstance(node, Scalar):
            return ()
        for layer, other in self.layered.history(path.split("."))[1:]:
            if isinstance(other, Scalar):
                return (Label(span=other.span, text=f"in place of this, from {layer.name}"),)
        return ()

    def called(self, path: str) -> str:
        """A path as the author would write it: in short forms, and in a piece of a spec from its own top."""
        for long, short in self.short.items():
            if path == long or path.startswith(f"{long}."):
                path = short + path[len(long) :]
        return _OVERLAY.sub("", path, count=1) if _OVERLAY.match(path) else path

    def unknown_key(self, key: Scalar, holder: Mapping, type_name: str, path: str) -> None:
        """A key that the mapping does not have."""
        known = OBJECTS[type_name]
        near = closest(key.text, known)
        fix = guess((key, near)) if near and near not in holder.keys else None
        where = f"`{self.called(path)}`" if self.called(path) else _FILES[type_name]
        help_ = f"write `{near}`" if near else f"write {listing(known)}"
        note = "nothing would read it, and what it was meant to set would be left out without a word"
        message = f"{where} has no `{shown(key.text)}`"
        self.add("MLS004", message, key, path, label="unknown key", note=note, help=help_, fix=fix)

    def missing(self, parent: Mapping, key: str, path: str, choices: tuple[str, ...] = ()) -> None:
        """A key that the mapping must have."""
        holder = f"`{last(self.called(path.rpartition('.')[0]))}`" if "." in path else "the file"
        span = Span(parent.file, 0, 0, 0, len(parent.file.lines[0]))
        if "." in path:
            span = (self._key(path.rpartition(".")[0], parent) or parent).span
        example = _EXAMPLES.get(path) or _USUAL.get(key, "...")
        help_ = f"add `{key}: {example}`{_WHENCE.get(key, '')}"
        if choices:
            help_ = f"add {listing(f'{key}: {choice}' for choice in choices)}"
        note = "there is no sensible answer but the author's"
        self._add("MLS009", f"{holder} lacks `{key}`", span, label=f"has no `{key}`", note=note, help=help_)

    def _key(self, path: str, parent: Mapping) -> Scalar | None:
        """The key under which the author wrote a mapping; none for an item of a list."""
        steps = tuple(path.split("."))
        above = steps[:-1] if path not in self.short else steps[:-2]  # a short form's key stands for the plural
        holder = lookup(self.layered.tree, above) if self.layered is not None else None
        key = holder.keys.get(steps[len(above)]) if isinstance(holder, Mapping) else None
        return key if key is not None and key.file is parent.file else None

    def lacks_one_of(self, wanted: Iterable[str], node: Mapping, path: str) -> None:
        """A mapping without any of the keys of which it needs one."""
        names, called = listing(wanted), self.called(path)
        holder = f"an item of `{last(called)}`" if called[-1:].isdecimal() else f"`{last(called)}`"
        help_ = " or ".join(f"`{key}: {_CHOSEN[key]}`" for key in wanted)
        note = "without one of them it says nothing"
        self.add("MLS009", f"{holder} needs {names}", node, path, note=note, help=f"add {help_}")

    def both(self, first: str, second: str, node: Mapping, path: str) -> None:
        """Two keys of which only one can be meant."""
        other = Label(span=node.keys[first].span, text="this is given already")
        message = f"`{first}` and `{second}` cannot both be given"
        note = "each is a whole answer, and nothing says which of the two is meant"
        help_ = f"keep `{first}` or `{second}`"
        self.add("MLS017", message, node.keys[second], path, others=(other,), note=note, help=help_)

    def no_value(self, node: Node, path: str, *, text: bool) -> None:
        """`null` where nothing below is removed."""
        help_ = "give it one, or leave the key out" + ("; an empty text is written `''`" if text else "")
        note = "`null` removes what a lower layer gives, and here there is nothing below"
        self.add("MLS011", f"`{last(self.called(path))}` has no value", node, path, note=note, help=help_)

    def wrong_type(self, node: Node, wanted: str, path: str) -> None:
        """A value of another type."""
        found = f"`{shown(node.text)}`" if isinstance(node, Scalar) else node.what
        help_ = _HOW.get(wanted, f"write {wanted}")
        if isinstance(node, Scalar) and not node.plain:
            found, help_ = f"the text {found}", f"{help_}, without quotes"
        self.add("MLS005", f"`{last(self.called(path))}` must be {wanted}, not {found}", node, path, help=help_)

    def out_of_range(self, node: Node, text: str, how: str, path: str, *, help_: str) -> None:
        """A number that is not within the field's bounds."""
        message = f"`{shown(text)}` is {how} for `{last(self.called(path))}`"
        self.add("MLS008", message, node, path, help=help_)

    def not_a_choice(self, node: Node, choices: Iterable[str | int], path: str) -> None:
        """A word that the field does not know."""
        texts = [str(choice) for choice in choices]
        if not isinstance(node, Scalar):
            self.wrong_type(node, f"one of {listing(texts)}", path)
            return
        near = closest(node.text, texts)
        message = f"`{shown(node.text)}` is no value of `{last(self.called(path))}`"
        help_ = f"write `{near}`" if near else f"write one of {listing(texts)}"
        self.add("MLS007", message, node, path, help=help_, fix=guess((node, near)) if near else None)

    def repeated(self, node: Sequence, key: str, path: str) -> None:
        """Items of a list that have one name."""
        seen: dict[str, Node] = {}
        for item in node.items:
            name = item.entries.get(key) if isinstance(item, Mapping) else None
            if not isinstance(name, Scalar):
                continue
            if name.text in seen:
                others = (Label(span=seen[name.text].span, text="first given here"),)
                note = "whatever refers to it by name could mean either"
                more = {"label": "given again", "note": note, "help": "give each a name of its own, or delete one"}
                self.add("MLS003", f"`{name.text}` is given twice", name, path, others=others, **more)
            seen.setdefault(name.text, name)
