"""One walk over one tree, driven by the generated table, that binds it to typed parts and reports each mistake."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ...schema.units import UnitError
from .. import system
from ..because import Because, Derived
from ..catalog.load import ships
from ..language import EXACTLY_ONE, NEEDS, OBJECTS, SINGULAR, UNIONS, Entry, Kind
from ..layer import SAME_EVERYWHERE, Layered, is_cataloged
from ..layer.merge import desugar
from ..part import Named, Part
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence, is_null, key_at, name_of, twice
from ..words import closest
from .leaf import NotAChoice, OutOfRange, WrongKind, default_of, parse, what
from .lost import Lost
from .order import falls

if TYPE_CHECKING:
    from ..diagnostics import Diagnostic
    from .elsewhere import Above
    from .mistakes import Mistakes

__all__ = ["Binder", "Known", "Reference", "short_forms"]

_RUNTIME: Kind = ("object", "Runtime")
_TEXT = ("scalar", "text")


class _Wrong:
    """Placeholder for a value that could not be bound; the mistake has been reported."""


_WRONG = _Wrong()


class Reference(Record):
    """A name that refers to something declared elsewhere, resolved once everything is bound."""

    to: str
    kind: Kind
    node: Scalar
    path: str


Known = dict[tuple[int, str], tuple[Node, Kind, Any, list[Reference]]]
"""The mappings and lists that were bound without a mistake, by node and path, each with its value and its references.

A file as it was written and the merged trees of all environments share most of their nodes, and bound values never
change, so each piece is bound once.
"""


def short_forms(tree: Mapping) -> dict[str, str]:
    """The paths at which the author used the short form of a mapping's only entry."""
    short: dict[str, str] = {}
    for plural in SINGULAR["MLSystem"].values():
        key, entries = tree.keys.get(plural), tree.entries.get(plural)
        if key is not None and key.text != plural and isinstance(entries, Mapping):
            short.update({f"{plural}.{name}": key.text for name in entries.entries})
    return short


class Binder:
    """One walk over one tree."""

    def __init__(
        self,
        layered: Layered | None,
        short: dict[str, str],
        known: Known | None = None,
        *,
        partial: bool = False,
        tree: Mapping | None = None,
        lost: Lost | None = None,
    ) -> None:
        self.partial = partial
        self.lost = lost or Lost()
        self.layered = layered
        self.tree = tree
        self.short = short
        """Maps a long path to the short form that the author used."""
        self.found: list[Diagnostic] = []
        self.references: list[Reference] = []
        self.known: Known = known if known is not None else {}
        self.unread: list[str] = []
        self.above: list[Above] = []
        """The mappings around the one that is bound, outermost first."""
        self.lacking = 0
        """The number of missing values that only a partial tree may omit."""

    @cached_property
    def wrong(self) -> Mistakes:
        """What says which mistakes there are."""
        from .mistakes import Mistakes  # rarely needed, so imported late

        return Mistakes(self.found, self.layered, self.short, self.tree)

    # Mappings

    def object(self, type_name: str, node: Mapping | None, path: str) -> Part:
        """Bind a mapping with known keys; `node` is None if the spec omits it and only the defaults apply."""
        part: Part = getattr(system, type_name)(path, node)
        table = OBJECTS[type_name]
        entries = node.entries if node is not None else {}
        values: dict[str, Any] = {}
        lost = self._unknown_keys(type_name, node, path) if node is not None else frozenset[str]()
        if not path:
            lost |= self.lost.sections
        self.above.append((type_name, path, entries.keys()))
        for key, entry in table.items():
            child = entries.get(key)
            where = f"{path}.{key}" if path else key
            if key in lost:
                self._hidden(entry, child, where)
                continue
            value = self._absent(entry, node, key, where) if child is None else self._present(entry, child, where)
            if value is not _WRONG:
                setattr(part, entry[0], value)
                values[key] = value
        self.above.pop()
        if node is not None:
            self._exactly_one(type_name, node, path, lost)
            self._needs(type_name, node, path, lost)
            for fall in falls(type_name, values, node):
                self.wrong.falls(fall, path)
        return part

    def _unknown_keys(self, type_name: str, node: Mapping, path: str) -> frozenset[str]:
        """Report the keys that a mapping does not have; the keys that they were meant for, whose values are unknown."""
        table = OBJECTS[type_name]
        lost: set[str] = set()
        for key in (key for key in node.entries if key not in table):
            meant = self.wrong.unknown_key(node.keys[key], node, type_name, path, self.above)
            lost |= {meant} if meant is not None else _could_be(table, node)
        return frozenset(lost)

    def _hidden(self, entry: Entry, node: Node | None, path: str) -> None:
        """Report what is wrong with a value that another, under a key that is unknown, may override or complete."""
        self.unread.append(path)
        if node is not None and not is_null(node):
            partial, self.partial = self.partial, True
            self._value(entry[2], node, path)
            self.partial = partial

    def _absent(self, entry: Entry, parent: Mapping | None, key: str, path: str) -> Any:
        _, mode, kind, default, why = entry
        match mode:
            case "optional":
                return None
            case "default":
                return Because(default_of(kind, default or ""), why, (), "default", path)
            case "derived":
                return Derived()
            case "list":
                return ()
            case "map":
                return Named()
            case "group" if kind == _RUNTIME:
                return _WRONG  # layering adds the runtime's entry to each service, unless that runtime does not exist
            case "group":
                return None if kind[0] == "overlay" else _omitted(kind[1], path)
        self.unread.append(path)
        if self.partial:
            self.lacking += 1
        elif parent is not None:
            self.wrong.missing(parent, key, path)
        return _WRONG

    def _present(self, entry: Entry, node: Node, path: str) -> Any:
        _, mode, kind, default, _ = entry
        if is_null(node):
            return self._null(kind, node, path, required=mode == "required")
        if mode == "required" and kind[:2] == _TEXT and isinstance(node, Scalar) and not node.text.strip():
            self.unread.append(path)
            self.wrong.blank(node, path)
            return _WRONG
        leaf = default is not None and kind[0] == "scalar"
        value = self._scalar(kind, node, path, default=default) if leaf else self._value(kind, node, path)
        return Derived(value) if mode == "derived" and value is not _WRONG else value

    def _null(self, kind: Kind, node: Node, path: str, *, required: bool = False) -> _Wrong:
        """Before layering, `null` removes a value. In the merged tree nothing is left to remove, so it is a mistake."""
        self.unread.append(path)
        if self.partial:
            self.lacking += 1
        else:
            text = (kind[1] if kind[0] == "either" else kind)[:2] == _TEXT
            self.wrong.no_value(node, path, text=text and not required, required=required)
        return _WRONG

    def _exactly_one(self, type_name: str, node: Mapping, path: str, lost: frozenset[str]) -> None:
        """Report a lack or a surplus. A key without a value is no lack: `_null` reports it."""
        wanted = EXACTLY_ONE.get(type_name, ())
        given = [key for key in wanted if _has(node, key)]
        if wanted and lost.isdisjoint(wanted) and node.entries.keys().isdisjoint(wanted):
            if self.partial:
                self.lacking += 1
            else:
                self.wrong.lacks_one_of(wanted, node, path)
        for key in given[1:]:
            self.wrong.both(given[0], key, node, path)

    def _needs(self, type_name: str, node: Mapping, path: str, lost: frozenset[str]) -> None:
        for key, other in NEEDS.get(type_name, {}).items():
            if _has(node, key) and other not in node.entries and other not in lost:
                if self.partial:
                    self.lacking += 1
                else:
                    self.wrong.alone(key, other, node, path)

    def _value(self, kind: Kind, node: Node, path: str) -> Any:
        if isinstance(node, Scalar):
            return self._bound(kind, node, path)
        known = self.known.get((id(node), path))
        if known is not None and known[1] == kind:
            self.references += known[3]
            return known[2]
        before = (len(self.found), self.lacking)
        first = len(self.references)
        value = self._bound(kind, node, path)
        if before == (len(self.found), self.lacking):
            self.known[id(node), path] = (node, kind, value, self.references[first:])
        return value

    def _bound(self, kind: Kind, node: Node, path: str) -> Any:
        match kind[0]:
            case "list" if isinstance(node, Sequence):
                return self._list(kind, node, path)
            case "object" if isinstance(node, Mapping):
                return self.object(kind[1], node, path)
            case "union" if isinstance(node, Mapping):
                return self._union(kind[1], node, path)
            case "map" if isinstance(node, Mapping):
                return self._map(kind, node, path)
            case "overlay" if isinstance(node, Mapping):
                return self._overlay(node, path)
            case "any" if isinstance(node, Mapping):
                return node
            case "either":
                named = isinstance(node, Mapping)
                return self._bound(("object", kind[2]) if named else kind[1], node, path)
            case "list" | "object" | "union" | "map" | "overlay" | "any":
                self.unread.append(path)
                self.wrong.wrong_shape(node, kind, path)
                return _WRONG
        return self._scalar(kind, node, path)

    def _overlay(self, node: Mapping, path: str) -> Mapping:
        """A partial spec inside another file, checked before layering, with nothing required."""
        if self.layered is not None:
            return node  # already checked, before layering
        long, twice = desugar(node, "MLSystem", Scalar(node.place, "it", True))
        binder = Binder(None, {f"{path}.{p}": f"{path}.{s}" for p, s in short_forms(long).items()}, partial=True)
        binder.object("MLSystem", long, path)
        self.found += [*twice, *binder.found]
        for place in SAME_EVERYWHERE:
            key = key_at(node, place)
            if key is not None:
                self.wrong.same_everywhere(place, key, path)
        return node

    def _union(self, name: str, node: Mapping, path: str) -> Any:
        tag, variants = UNIONS[name]
        said = node.entries.get(tag)
        if said is None and self._misspelled(tag, variants, node, path):
            return _WRONG
        if said is None and self.partial:
            return self._any_variant(name, node, path)
        if said is None:
            self.wrong.missing(node, tag, f"{path}.{tag}", choices=tuple(variants))
        elif not isinstance(said, Scalar) or said.text not in variants:
            self.wrong.not_a_choice(said, tuple(variants), f"{path}.{tag}")
        else:
            return self.object(variants[said.text], node, path)
        return _WRONG

    def _misspelled(self, tag: str, variants: dict[str, str], node: Mapping, path: str) -> bool:
        """Whether a key was meant to be the discriminator, by its name or its value. It is then the only finding."""
        for key, child in node.entries.items():
            known = any(key in OBJECTS[variant] for variant in variants.values())
            named = isinstance(child, Scalar) and child.text in variants
            if not known and (named or closest(key, (tag,)) is not None):
                self.wrong.unknown_key(node.keys[key], node, next(iter(variants.values())), path, near=tag)
                return True
        return False

    def _any_variant(self, name: str, node: Mapping, path: str) -> _Wrong:
        """An overlay may omit the discriminator: each key is checked by any variant that has it."""
        self.lacking += 1
        variants = UNIONS[name][1].values()
        for key, child in node.entries.items():
            owner = next((variant for variant in variants if key in OBJECTS[variant]), None)
            if owner is None:
                self.wrong.unknown_key(node.keys[key], node, next(iter(variants)), path, self.above)
            else:
                self._present(OBJECTS[owner][key], child, f"{path}.{key}")
        return _WRONG

    def _list(self, kind: Kind, node: Sequence, path: str) -> tuple[Any, ...] | _Wrong:
        _, item, key, *least = kind
        if least and len(node.items) < least[0]:
            self.unread.append(path)
            self.wrong.empty(node, path)
            return _WRONG
        items = []
        for index, child in enumerate(node.items):
            where = f"{path}.{_step(child, key, index)}"
            items.append(self._null(item, child, where) if is_null(child) else self._value(item, child, where))
        if key:
            for first, again in twice(node, key):
                self.wrong.repeated(first, again, path)
        return _WRONG if any(value is _WRONG for value in items) else tuple(items)

    def _map(self, kind: Kind, node: Mapping, path: str) -> Named[Any] | _Wrong:
        _, item, key_kind, key_ref = kind
        bound: Named[Any] = Named()
        whole = True
        for key, child in node.entries.items():
            where = f"{path}.{key}"
            named = bool(key or not node.keys[key].text)  # a short form has no name if the system has none
            name: Any = (
                self._scalar(("scalar", key_kind, key_ref), node.keys[key], where, text=key) if named else _WRONG
            )
            partial, self.partial = self.partial, self._may_be_partial(path, key)
            value = self._null(item, child, where) if is_null(child) else self._entry(item, child, where)
            self.partial = partial
            if named and name is _WRONG:
                self.unread.append(path)
                whole = whole and (where in self.short or not isinstance(value, Part))
            if value is _WRONG or (key_ref and name is _WRONG):
                whole = False
                continue
            if isinstance(value, Part) and name is not _WRONG:
                value.own_name = name
            bound[key] = value
        return bound if whole else _WRONG

    def _may_be_partial(self, collection: str, name: str) -> bool:
        """Whether an entry may leave out what another layer has: before layering, also what the catalog has of it."""
        return self.partial or (self.layered is None and is_cataloged(collection, name))

    def _entry(self, kind: Kind, node: Node, path: str) -> Any:
        shipped = _shipped(kind, node, path) if isinstance(node, Mapping) and ships(node.file) else None
        if shipped is None:
            return self._value(kind, node, path)
        value, references = shipped
        self.references += references
        return value

    # Scalars

    def _scalar(self, kind: Kind, node: Node, path: str, text: str | None = None, default: str | None = None) -> Any:
        """Bind a leaf; `text` replaces the node's text for a key that a short form leaves implicit."""
        value = self._leaf(kind, node, path, text, default)
        if value is _WRONG:
            self.unread.append(path)
        return value

    def _leaf(self, kind: Kind, node: Node, path: str, text: str | None, default: str | None) -> Any:
        if not isinstance(node, Scalar):
            self.wrong.wrong_type(node, what(kind), path)
            return _WRONG
        text = node.text if text is None else text
        try:
            value = parse(kind, text, node.plain)
        except UnitError as error:
            self.wrong.no_quantity(node, text, error, kind, default, path)
        except OutOfRange as error:
            self.wrong.out_of_range(node, text, str(error), path, help_=error.help)
        except NotAChoice:
            self.wrong.not_a_choice(node, kind[1], path)
        except WrongKind:
            self.wrong.wrong_type(node, what(kind), path)
        else:
            if kind[0] == "scalar" and kind[2] and node.text == text:  # a short form has no name of its own
                self.references.append(Reference(to=kind[2], kind=kind, node=node, path=path))
                if node.place in self.lost.names:
                    return _WRONG
            return Because(value, "", (node,))
        return _WRONG


@lru_cache(maxsize=256)  # the same in a file as it was written, and in every environment
def _omitted(type_name: str, path: str) -> Part:
    """A mapping that the spec omits, with its defaults."""
    return Binder(None, {}).object(type_name, None, path)


@lru_cache(maxsize=512)  # the catalog is the same for every system
def _shipped(kind: Kind, node: Mapping, path: str) -> tuple[Any, list[Reference]] | None:
    """An entry of the catalog, with its references; None if it has a mistake, which each system reports."""
    binder = Binder(None, {})
    value = binder._value(kind, node, path)
    return None if binder.found else (value, binder.references)


def _could_be(table: dict[str, Entry], node: Mapping) -> set[str]:
    """The keys that an unknown key of a mapping could stand for: those that it omits, and may omit."""
    return {key for key, entry in table.items() if key not in node.entries and entry[1] != "required"}


def _step(item: Node, key: str, index: int) -> str | int:
    """The step of a path to an item of a list: its name, or its position if a path cannot contain its name."""
    name = name_of(item, key) if key else None
    return name if name and "." not in name else index


def _has(node: Mapping, key: str) -> bool:
    """Whether a mapping has a value for a key; `null` removes the one of a lower layer."""
    return key in node.entries and not is_null(node.entries[key])
