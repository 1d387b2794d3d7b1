"""Mistakes: how binding says what is wrong with one node, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .diagnostics import Diagnostic, Label, Span
from .language import OBJECTS
from .layer import Layered
from .tree import Mapping, Node, Scalar, Sequence
from .words import closest, last, listing, shown

__all__ = ["Mistakes"]

# What to write where the bare key would not say it.
_EXAMPLES = {
    "apiVersion": " mlspec/v1",
    "kind": " MLSystem",
    "metadata.name": " fraud-scorer",
    "metadata.owner": " payments-ml",
    "problem.useCase": " what the system does for whom",
    "problem.task": " binary-classification",
}


class Mistakes:
    """The findings of one walk over one tree: a merged one, or (without `layered`) a file as it was written."""

    def __init__(self, layered: Layered | None, short: dict[str, str]) -> None:
        self.layered = layered
        self.short = short
        """Long path to the short form that the author used for it."""
        self.found: list[Diagnostic] = []

    def add(self, id: str, message: str, node: Node, path: str, **more: Any) -> None:  # noqa: A002
        """A finding at a node."""
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
        """A path as the author would write it."""
        for long, short in self.short.items():
            if path == long or path.startswith(f"{long}."):
                return short + path[len(long) :]
        return path

    def unknown_key(self, key: Scalar, type_name: str, path: str) -> None:
        """A key that the mapping does not have."""
        known = OBJECTS[type_name]
        near = closest(key.text, known)
        where = f"`{self.called(path)}`" if path else "the top of the file"
        help_ = f"write `{near}`" if near else f"{where} knows {listing(known)}"
        self.add("MLS004", f"{where} has no `{shown(key.text)}`", key, path, label="unknown key", help=help_)

    def missing(self, parent: Mapping, key: str, path: str, choices: tuple[str, ...] = ()) -> None:
        """A key that the mapping must have."""
        holder = f"`{last(self.called(path.rpartition('.')[0]))}`" if "." in path else "the file"
        span = parent.span if "." in path else Span(parent.file, 0, 0, 0, len(parent.file.lines[0]))
        example = f" {'|'.join(choices)}" if choices else _EXAMPLES.get(path, "")
        self._add("MLS009", f"{holder} lacks `{key}`", span, help=f"add `{key}:{example}`")

    def lacks_one_of(self, wanted: Iterable[str], node: Mapping, path: str) -> None:
        """A mapping without any of the keys of which it needs one."""
        names = list(wanted)
        self.add("MLS009", f"`{last(path)}` lacks one of {listing(names)}", node, path, help=f"add `{names[0]}:`")

    def both(self, first: str, second: str, node: Mapping, path: str) -> None:
        """Two keys of which only one can be meant."""
        other = Label(span=node.keys[first].span, text="this is given already")
        message = f"`{first}` and `{second}` cannot both be given"
        self.add("MLS017", message, node.keys[second], path, others=(other,), help="keep one of them")

    def no_value(self, node: Node, path: str, *, text: bool) -> None:
        """`null` where nothing below is removed."""
        help_ = "give it one, or leave the key out" + ("; an empty text is written `''`" if text else "")
        note = "`null` removes what a lower layer gives, and here there is nothing below"
        self.add("MLS011", f"`{last(path)}` has no value", node, path, note=note, help=help_)

    def wrong_type(self, node: Node, wanted: str, path: str) -> None:
        """A value of another type."""
        found = f"`{shown(node.text)}`" if isinstance(node, Scalar) else node.what
        self.add("MLS005", f"`{last(path)}` is {wanted}, not {found}", node, path, help=f"write {wanted}")

    def not_a_choice(self, node: Node, choices: Iterable[str | int], path: str) -> None:
        """A word that the field does not know."""
        texts = [str(choice) for choice in choices]
        if not isinstance(node, Scalar):
            self.wrong_type(node, f"one of {listing(texts)}", path)
            return
        near = closest(node.text, texts)
        message = f"`{shown(node.text)}` is no value of `{last(path)}`"
        self.add("MLS007", message, node, path, help=f"write `{near}`" if near else f"write one of {listing(texts)}")

    def repeated(self, node: Sequence, key: str, path: str) -> None:
        """Items of a list that have one name."""
        seen: dict[str, Node] = {}
        for item in node.items:
            name = item.entries.get(key) if isinstance(item, Mapping) else None
            if not isinstance(name, Scalar):
                continue
            if name.text in seen:
                others = (Label(span=seen[name.text].span, text="first given here"),)
                help_ = "give each a name of its own"
                self.add("MLS003", f"`{name.text}` is given twice", name, path, others=others, help=help_)
            seen.setdefault(name.text, name)
