"""Mistakes that binding finds: what is wrong with a node, and what to write instead. Imported for the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...schema.units import UnitError
from ..diagnostics import Diagnostic, Label, Span
from ..finding import guess
from ..language import OBJECTS, SINGULAR, Kind
from ..layer import Layered
from ..tree import Mapping, Node, Place, Scalar, lookup
from ..words import closest, last, listing, sharing, shown, write_any
from .elsewhere import Above, holder_above, holders_below
from .instead import instead
from .leaf import default_of, what
from .meant import integers_meant, key_meant, value_meant
from .order import Fall
from .pinned import pinned

__all__ = ["LATER", "Mistakes"]

# Example values for missing keys: by path, then by key.
_EXAMPLES = {
    "apiVersion": "mlspec/v1",
    "kind": "MLSystem",
    "metadata": "{name: ..., owner: ...}",
    "metadata.name": "fraud-scorer",
    "metadata.owner": "payments-ml",
    "problem": "{useCase: ..., task: ...}",
    "problem.useCase": "What the system does, and for whom.",
    "problem.task": "binary-classification",
}
_USUAL = {
    "artifact": "{uri: ..., format: ..., digest: ...}",
    "by": "2026-12-31",
    "dtype": "float32",
    "format": "onnx",
    "image": "registry.example.com/team/image@sha256:...",
    "ingestion": "batch",
    "key": "api-key",
    "mean": "9ms",
    "host": "redis.cache.svc",
    "metric": "roc_auc",
    "ports": "[6379]",
    "primary": "roc_auc",
    "runtime": "triton",
    "schedule": '"0 3 * * 1"',
    "steps": "{train: {command: [...]}}",
    "train": "{command: [...]}",
    "uri": "s3://bucket/path",
    "version": "1",
}

_CHOSEN = {
    "secret": "openai",
    "configMap": "settings",
    "min": "0.9",
    "max": "50ms",
    "versus": "champion",
    "shadow": "{duration: 24h}",
    "canary": "{steps: [5%, 25%, 50%]}",
    "gauge": "requests_in_flight",
    "busy": "busy_seconds_total",
    "url": "https://hooks.example.com/alerts",
    "urlFrom": "{secret: alerts, key: url}",
}
"""Example values for keys where exactly one is required; none for what has no effect yet."""

LATER = ("streaming", "edge")
"""Values that have no effect yet, so no help offers them."""

MOST_HOLDERS = 3
"""More mappings that may have a key are no help."""

_FILES = {
    "MLSystem": "a spec",
    "PlatformFile": "a platform file",
    "ReleaseFile": "a release file",
    "Version": "a file that describes a version",
}

_OVERLAY = r"(?:environments\.[^.]+\.)?spec(?:\.|$)"

_HOW = {
    "a list": "write the items in brackets, or one per line below, each after a dash",
    "a mapping": "write its keys in braces, or indented on the lines below",
    "an integer": "write an integer, such as `4`",
    "a number": "write a number, such as `0.9`",
    "true or false": "write `true` or `false`",
}


class Mistakes:
    """The findings of one walk over a tree: the merged tree, or (without `layered`) one file before layering."""

    def __init__(
        self, found: list[Diagnostic], layered: Layered | None, short: dict[str, str], tree: Mapping | None
    ) -> None:
        self.found = found
        self.layered = layered
        self.tree = layered.tree if layered is not None else tree
        self.short = short
        self._said: set[tuple[str, Place]] = set()

    def add(self, id: str, message: str, node: Node, path: str, **more: Any) -> None:  # noqa: A002
        """Report a finding at a node, once per id: a short form uses one node, the system's name, in several places."""
        if (id, node.place) in self._said:
            return
        self._said.add((id, node.place))
        self._add(id, message, node.span, others=(*more.pop("others", ()), *self._overridden(node, path)), **more)

    def _add(self, id: str, message: str, span: Span, **more: Any) -> None:  # noqa: A002
        environments = (self.layered.environment,) if self.layered is not None else ()
        found = Diagnostic(id=id, severity="error", message=message, span=span, environments=environments, **more)
        self.found.append(found)

    def _overridden(self, node: Node, path: str) -> tuple[Label, ...]:
        """Point at the value of a lower layer, whose author may not know that it is overridden."""
        if self.layered is None or not isinstance(node, Scalar):
            return ()
        for layer, other in self.layered.history(path.split("."))[1:]:
            if isinstance(other, Scalar):
                return (Label(span=other.span, text=f"overrides this value from {layer.name}"),)
        return ()

    def called(self, path: str) -> str:
        """A path as the author would write it: in short form, and relative to the overlay that it is in."""
        for long, short in self.short.items():
            if path == long or path.startswith(f"{long}."):
                path = short + path[len(long) :]
        overlay = re.match(_OVERLAY, path)
        return path[overlay.end() :] if overlay is not None else path

    def unknown_key(
        self,
        key: Scalar,
        holder: Mapping,
        type_name: str,
        path: str,
        above: Iterable[Above] = (),
        near: str | None = None,
    ) -> str | None:
        """A key that the mapping does not have; the key that it was probably meant to be, which may be known."""
        known, short = OBJECTS[type_name], SINGULAR.get(type_name, {})
        meant = key_meant(type_name, key.text) if near is None else None
        near = near or (closest(key.text, (*known, *short)) if meant is None else None)
        free = near is not None and short.get(near, near) not in holder.keys
        fix = guess((key, near)) if near and free else None
        where = f"`{self.called(path)}`" if self.called(path) else _FILES[type_name]
        help_ = meant or (f"write `{near}`" if near else self._elsewhere(key.text, type_name, above))
        help_ = help_ or f"write {listing(known)}"
        note = "nothing reads this key, so the setting that it was meant for would silently be missing"
        message = f"{where} has no key `{shown(key.text)}`"
        self.add("MLS004", message, key, path, label="unknown key", note=note, help=help_, fix=fix)
        return short.get(near, near) if near is not None else None

    def _elsewhere(self, key: str, type_name: str, above: Iterable[Above]) -> str:
        """The help for a key of another mapping nearby."""
        path = holder_above(key, above)
        if path is not None:
            place = self.called(path)
            return f"move it to `{place}`" if place else "move it to the top level"
        below = holders_below(key, type_name)
        return write_any(tuple([f"{name}: {{{key}: ...}}" for name in below])) if 0 < len(below) <= MOST_HOLDERS else ""

    def missing(self, parent: Mapping, key: str, path: str, choices: tuple[str, ...] = ()) -> None:
        """A key that the mapping must have."""
        holder = f"`{last(self.called(path.rpartition('.')[0]))}`" if "." in path else "the file"
        span = Span(parent.file, 0, 0, 0, len(parent.file.lines[0]))
        if "." in path:
            span = (self._key(path.rpartition(".")[0], parent) or parent).span
        example = _EXAMPLES.get(path) or _USUAL.get(key, "...")
        help_ = pinned(parent) if key == "digest" else f"add `{key}: {example}`"
        if choices:
            help_ = f"add {listing(f'{key}: {choice}' for choice in choices if choice not in LATER)}"
        note = "it has no default; only you can decide it"
        self._add("MLS009", f"missing `{key}` in {holder}", span, label=f"needs `{key}`", note=note, help=help_)

    def _key(self, path: str, parent: Mapping) -> Scalar | None:
        """The key under which the author wrote a mapping; None for a list item."""
        steps = tuple(path.split("."))
        above = steps[:-1] if path not in self.short else steps[:-2]  # a short form's key stands for the plural
        holder = lookup(self.tree, above) if self.tree is not None else None
        key = holder.keys.get(steps[len(above)]) if isinstance(holder, Mapping) else None
        return key if key is not None and key.file is parent.file else None

    def lacks_one_of(self, wanted: Iterable[str], node: Mapping, path: str) -> None:
        """A mapping that needs exactly one of several keys and has none of them."""
        names, called = listing(wanted), self.called(path)
        holder = f"an item of `{last(called)}`" if called[-1:].isdecimal() else f"`{last(called)}`"
        help_ = listing(f"{key}: {_CHOSEN[key]}" for key in wanted if key in _CHOSEN)
        note = "it has no meaning without one of these keys"
        self.add("MLS009", f"{holder} needs {names}", node, path, note=note, help=f"add {help_}")

    def both(self, first: str, second: str, node: Mapping, path: str) -> None:
        """Two keys that exclude each other."""
        other = Label(span=node.keys[first].span, text="already set here")
        message = f"`{first}` and `{second}` cannot both be set"
        note = "they are alternatives, and mlspec cannot tell which one you mean"
        help_ = f"keep either `{first}` or `{second}`"
        self.add("MLS017", message, node.keys[second], path, others=(other,), note=note, help=help_)

    def alone(self, key: str, other: str, node: Mapping, path: str) -> None:
        """A key that has no meaning without another one."""
        message, note = f"`{key}` needs `{other}`", f"without `{other}`, nothing can use it"
        self.add("MLS009", message, node.keys[key], path, note=note, help=f"add `{other}`, or remove `{key}`")

    def falls(self, fall: Fall, path: str) -> None:
        """Two values in the wrong order."""
        low, high, larger, smaller = fall.low, fall.high, shown(fall.below.text), shown(fall.above.text)
        if low == high:
            message, label = f"the values of `{low}` fall from {larger} to {smaller}", "the next value"
            help_ = "write the values in ascending order"
        else:
            message, label = f"the `{low}` of {larger} is above the `{high}` of {smaller}", f"the `{high}`"
            help_ = f"write `{low}: {smaller}` or less, or raise `{high}`"
        other = (Label(span=fall.above.span, text=label),)
        self.add("MLS008", message, fall.below, path, others=other, note=fall.why, help=help_)

    def no_value(self, node: Node, path: str, *, text: bool, required: bool) -> None:
        """`null` where no lower layer sets a value to remove."""
        help_ = (
            "add a value"
            + ("" if required else ", or remove the key")
            + ("; write `''` for an empty string" if text else "")
        )
        note = "an empty value is `null`, which removes the value of a lower layer; here no lower layer sets one"
        self.add("MLS011", f"`{last(self.called(path))}` has no value", node, path, note=note, help=help_)

    def blank(self, node: Node, path: str) -> None:
        """A text without a character where the system needs one."""
        note = "it has no default; only you can decide it"
        self.add("MLS011", f"`{last(self.called(path))}` is empty", node, path, note=note, help="add a value")

    def empty(self, node: Node, path: str) -> None:
        """A list without items where it needs one."""
        note = "it would have no effect, or the effect of a list that is not there"
        key = last(self.called(path))
        help_ = f"list at least one value, or remove the key; `{key}: null` removes the values of a lower layer"
        self.add("MLS011", f"`{key}` has no values", node, path, note=note, help=help_)

    def wrong_type(self, node: Node, wanted: str, path: str, instead: str = "") -> None:
        """A value of another type. `instead` says what to write if that is known."""
        found = f"`{shown(node.text)}`" if isinstance(node, Scalar) else node.what
        help_ = instead or _HOW.get(wanted, f"write {wanted}")
        if isinstance(node, Scalar) and wanted == "an integer" and (meant := integers_meant(node.text)):
            help_ = write_any(meant)
        if isinstance(node, Scalar) and not node.plain:
            found, help_ = f"the string {found}", f"{help_}, without quotes"
        self.add("MLS005", f"`{last(self.called(path))}` must be {wanted}, not {found}", node, path, help=help_)

    def wrong_shape(self, node: Node, kind: Kind, path: str) -> None:
        """A value of another shape than the field's: a scalar, a list, or a mapping."""
        self.wrong_type(node, what(kind), path, instead(kind, node))

    def no_quantity(self, node: Node, text: str, error: UnitError, kind: Kind, default: str | None, path: str) -> None:
        """A text that is no quantity; the help has the scale of the default, if there is one."""
        help_ = error.help_near(default_of(kind, default)) if default and error.offered else error.help
        self.add("MLS006", f"`{shown(text)}` {error}", node, path, help=help_, note=error.note)

    def same_everywhere(self, place: str, key: Scalar, path: str) -> None:
        """A value that an environment cannot have for itself."""
        help_ = "remove it: it is the same in every environment"
        self.add("MLS004", f"`{place}` cannot be overridden", key, path, help=help_)

    def out_of_range(self, node: Node, text: str, how: str, path: str, *, help_: str) -> None:
        """A number outside the field's bounds."""
        message = f"`{shown(text)}` is {how} for `{last(self.called(path))}`"
        self.add("MLS008", message, node, path, help=help_)

    def not_a_choice(self, node: Node, choices: Iterable[str | int], path: str) -> None:
        """A value that is not one of the field's allowed values."""
        texts = [str(choice) for choice in choices]
        offered = [one for one in texts if one not in LATER]
        if not isinstance(node, Scalar):
            self.wrong_type(node, f"one of {listing(texts)}", path)
            return
        meant = value_meant(node.text, tuple(texts))
        typo = None if meant else closest(node.text, texts)
        meant = meant or ((typo,) if typo is not None else sharing(node.text, offered))
        near = meant[0] if len(meant) == 1 else None
        message = f"invalid value `{shown(node.text)}` for `{last(self.called(path))}`"
        only = near or (offered[0] if len(offered) == 1 else None)
        help_ = f"write `{only}`" if only else write_any(meant) if meant else f"write one of {listing(offered)}"
        self.add("MLS007", message, node, path, help=help_, fix=guess((node, near)) if near else None)

    def repeated(self, first: Scalar, name: Scalar, path: str) -> None:
        """Two list items with the same name."""
        others = (Label(span=first.span, text="first defined here"),)
        note = "a reference to this name could mean either one"
        more = {"label": "defined again", "note": note, "help": "rename one of them, or remove it"}
        self.add("MLS003", f"`{name.text}` is defined twice", name, path, others=others, **more)
