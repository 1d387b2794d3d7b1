"""Every value of a spec, and for each another one that is valid too.

The trees of a system are read once. A change puts other texts in place of some scalars and shares all else, so a leaf
keeps its place in the file, which identifies it in the reasons of the output. What a leaf may be comes from the
language itself; what it names, or what names it, is changed with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from mlspec.compiler.bind.leaf import NotAChoice, OutOfRange, WrongKind, parse
from mlspec.compiler.bind.references import _COLLECTIONS
from mlspec.compiler.inputs import Input
from mlspec.compiler.language import OBJECTS, UNIONS, Kind
from mlspec.compiler.layer import Layers
from mlspec.compiler.layer.merge import desugar
from mlspec.compiler.tree import Mapping, Node, Scalar, Sequence
from mlspec.schema.units import UnitError

__all__ = ["Change", "Leaf", "changed", "changes", "leaves", "misnamed", "one_of_each", "typed"]

Change = dict[int, str]
"""The text that takes the place of a scalar's, by the identity of its node."""


class Leaf(NamedTuple):
    """One scalar: its path, which ends with `#` for a key that the author chose, and what it may be."""

    path: str
    kind: Kind
    node: Scalar
    tag: bool = False
    """Whether it decides which other keys the mapping has."""
    value: Scalar | None = None
    """The value of a key, if it is a scalar."""
    file: str = ""
    """The type of the file that it stands in."""
    field: str = ""
    """The path with `*` for each place in a list and each key that the author chose."""


def _has_another(kind: Kind) -> bool:
    """Whether another scalar could be in its place; a null that removes a section from an environment has none."""
    return kind[0] not in ("object", "union", "list", "map") and (kind[0] != "enum" or len(kind[1]) > 1)


def leaves(input_: Input) -> list[Leaf]:
    """Every scalar that people wrote in the files of one system, once; none that can have only one value."""
    found: dict[int, Leaf] = {}
    for type_name, tree in input_.written:
        for leaf in typed(tree, ("object", type_name), "", ""):
            if _has_another(leaf.kind):
                found.setdefault(id(leaf.node), leaf._replace(file=type_name))
    return list(found.values())


def one_of_each(of: Iterable[Leaf]) -> list[Leaf]:
    """The last leaf of each field of the language, such as the type of the last column."""
    return list({(leaf.file, leaf.field): leaf for leaf in of}.values())


def typed(node: Node, kind: Kind, path: str, field: str) -> Iterator[Leaf]:
    """Every scalar at or under a node, with the kind that the language gives it."""
    if kind[0] == "overlay" and isinstance(node, Mapping):
        node, kind = desugar(node, "MLSystem")[0], ("object", "MLSystem")
    if kind[0] == "either":
        kind = ("object", kind[2]) if isinstance(node, Mapping) else kind[1]
    if isinstance(node, Scalar):
        yield Leaf(path, kind, node, field=field)
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from typed(child, kind[1], f"{path}.{index}", f"{field}.*")
    elif isinstance(node, Mapping) and kind[0] == "map":
        for key, child in node.entries.items():
            if node.keys[key].text == key:  # the short form has none of its own
                inner = child if isinstance(child, Scalar) else None
                yield Leaf(
                    f"{path}.{key}#", ("scalar", kind[2], kind[3]), node.keys[key], value=inner, field=f"{field}.*#"
                )
            yield from typed(child, kind[1], f"{path}.{key}", f"{field}.*")
    elif isinstance(node, Mapping) and kind[0] in ("object", "union"):
        yield from _object(node, kind, path, field)


def _object(node: Mapping, kind: Kind, path: str, field: str) -> Iterator[Leaf]:
    tag, name = None, kind[1]
    if kind[0] == "union":
        tag, variants = UNIONS[kind[1]]
        said = node.entries.get(tag)
        name = variants[said.text] if isinstance(said, Scalar) else _variant(node, tuple(variants.values()))
    for key, child in node.entries.items():
        paths = [f"{before}.{key}".lstrip(".") for before in (path, field)]
        for leaf in typed(child, OBJECTS[name][key][2], *paths):
            yield leaf._replace(kind=("enum", tuple(variants)), tag=True) if key == tag else leaf


def _variant(node: Mapping, variants: tuple[str, ...]) -> str:
    """What an overlay is a piece of, when it does not say so: the first that has all of its keys."""
    return next(name for name in variants if set(node.entries) <= set(OBJECTS[name]))


# What a name that is declared here is known as where it is used.
_DECLARED = {
    "access.*#": "access",
    "models.*#": "models",
    "services.*#": "services",
    "data.sources.*.name": "sources",
    "data.columns.*.name": "columns",
    "features.entities.*.name": "entities",
    "training.tuning.parameters.*#": "parameters",
    "features.views.*.name": "origins",
    "features.views.*.features.*.name": "origins",
    "models.*.signature.outputs.*.name": "outputs",
    "models.*.candidates.*.name": "rivals",
    "metadata.name": "system",
    "environments.*#": "environments",
}


def changes(leaf: Leaf, among: list[Leaf], input_: Input) -> Iterator[Change]:
    """Other valid values of a leaf, the most telling first, each with what must change with it."""
    taken = _siblings(leaf, among)
    for text in dict.fromkeys(_others(leaf, input_)):
        if text in taken or not _valid(leaf, text):
            continue
        uses = {id(use.node): _renamed(use, leaf.node.text, text) for use in _uses(leaf, among)}
        yield {**uses, id(leaf.node): text}


def _siblings(leaf: Leaf, among: list[Leaf]) -> set[str]:
    """What it cannot become: what it is, and for a key, the other keys of its mapping."""
    mapping = leaf.path.rpartition(".")[0] if leaf.path.endswith("#") else None
    return {leaf.node.text} | {
        other.node.text for other in among if other.path.endswith("#") and other.path.rpartition(".")[0] == mapping
    }


def misnamed(leaf: Leaf, among: list[Leaf]) -> Change | None:
    """An undeclared name, for a leaf that is used by its name or uses another's."""
    linked = leaf.kind[0] == "scalar" and (leaf.kind[2] or any(_uses(leaf, among)))
    return {id(leaf.node): f"{leaf.node.text}x"} if linked else None


def _uses(leaf: Leaf, among: list[Leaf]) -> Iterator[Leaf]:
    """Where the name that a leaf declares is used."""
    collection = next((name for pattern, name in _DECLARED.items() if fnmatchcase(leaf.path, pattern)), None)
    name = leaf.node.text
    for other in among:
        ref = other.kind[2] if other.kind[0] == "scalar" else ""
        if collection == "origins" and ref in ("origins", "columns"):
            if name in other.node.text.split("."):
                yield other
        elif other.node.text == name and collection is not None:
            whose = "models" if ref == "released" else ref  # a release is of a model
            known = whose or {"system": "system", "environment": "environments"}.get(other.path, "")
            if known == collection:
                yield other


def _renamed(use: Leaf, old: str, new: str) -> str:
    return ".".join(new if step == old else step for step in use.node.text.split("."))


def _valid(leaf: Leaf, text: str) -> bool:
    try:
        parse(leaf.kind, text, leaf.node.plain)
    except (UnitError, NotAChoice, OutOfRange, WrongKind):
        return False
    return True


def _others(leaf: Leaf, input_: Input) -> Iterator[str]:
    kind, text = leaf.kind, leaf.node.text
    match kind[0]:
        case "enum":
            choices = [str(choice) for choice in kind[1]]
            at = choices.index(text)
            yield from choices[at + 1 :] + choices[:at]
        case "bool":
            yield "false" if text.lower() == "true" else "true"
        case "integer" | "number":
            yield from _numbers(text)
        case "scalar" if kind[2]:
            yield from _named(kind[2], leaf, input_)
        case "scalar":
            yield from _spelled(kind[1], text)


def _named(collection: str, leaf: Leaf, input_: Input) -> Iterator[str]:
    """The other names that are declared, the nearest in the list first."""
    assert input_.sources is not None
    layers = Layers(input_.sources)
    for environment in layers.names:
        names = list(_COLLECTIONS[collection][1](layers.of(environment)))
        at = names.index(leaf.node.text) if leaf.node.text in names else 0
        yield from (names[at + 1 :] + names[:at])[:8]


def _numbers(text: str) -> Iterator[str]:
    """Other numbers of the same size, then of others; the unit and the number of decimals stay."""
    match = re.match(r"-?[0-9]+(?:\.([0-9]+))?", text)
    if match is None:
        return
    unit, decimals = text[match.end() :], len(match[1] or "")
    numbers = (float(match[0]) * factor for factor in (2, 0.5, 1.1, 100_000, 0.9, 10, 0.1))
    for number in (*numbers, 1.0, 0.5):
        rounded = f"{number:.{decimals}f}"
        yield f"{rounded if float(rounded) not in (0, float(match[0])) else f'{number:.6g}'}{unit}"


def _spelled(kind: str, text: str) -> Iterator[str]:
    match kind:
        case "digest" | "image" if text[-1] in "0123456789abcdef":
            yield text[:-1] + ("0" if text[-1] != "0" else "1")
        case "cron":
            yield from (f"17 {text.partition(' ')[2]}", re.sub(r"^(\S+) (\S+)", r"\1 5", text), "0 1 * * *")
        case "date" | "timestamp":
            yield from (f"{int(text[:4]) + years}{text[4:]}" for years in (1, -1))
        case "uri" | "dated-uri" | "url":
            yield from (text.replace("://", "://x", 1), f"{text}x")
        case "percent":
            yield f"{100 - (100 - float(text[:-1])) / 2:.6g}%"
        case "series" | "matcher":
            yield text.replace("e", "x")
    if text[:1].isdigit() or text[:1] == "-":
        yield from _numbers(text)
    yield from (f"{text}x", f"{text}-2", f"x{text}", f"{text[:-1]}x")


def changed(input_: Input, change: Change) -> Input:
    """The same system with other texts in some places."""
    assert input_.sources is not None
    put = _Putter(change)
    sources = input_.sources.but(
        spec=put.mapping(input_.sources.spec),
        platform=None if input_.sources.platform is None else put.mapping(input_.sources.platform),
        releases={put.name(name, input_): put.mapping(tree) for name, tree in input_.sources.releases.items()},
    )
    written = tuple((type_name, put.mapping(tree)) for type_name, tree in input_.written)
    return input_.but(sources=sources, written=written)


class _Putter:
    """Rebuilds the way to what changes; each tree once, as it is both a source and a file as it was written."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.made: dict[int, Any] = {}

    def name(self, environment: str, input_: Input) -> str:
        """A release file is named like its environment."""
        assert input_.sources is not None
        node = input_.sources.releases[environment].entries.get("environment")
        return self.change.get(id(node), environment)

    def mapping(self, node: Mapping) -> Mapping:
        put = self.node(node)
        assert isinstance(put, Mapping)
        return put

    def node(self, node: Node) -> Node:
        if id(node) not in self.made:
            self.made[id(node)] = self._made(node)
        made: Node = self.made[id(node)]
        return made

    def _made(self, node: Node) -> Node:
        if isinstance(node, Scalar):
            text = self.change.get(id(node))
            return node if text is None else Scalar(node.place, text, node.plain)
        if isinstance(node, Sequence):
            items = [self.node(item) for item in node.items]
            same = all(new is old for new, old in zip(items, node.items, strict=True))
            return node if same else Sequence(node.place, items)
        assert isinstance(node, Mapping)
        keys = {self._key(key, scalar): self.node(scalar) for key, scalar in node.keys.items()}
        entries = {self._key(key, node.keys[key]): self.node(child) for key, child in node.entries.items()}
        same = list(keys.values()) == list(node.keys.values()) and list(entries.values()) == list(node.entries.values())
        return node if same else Mapping(node.place, keys, entries)  # type: ignore[arg-type] # a scalar stays one

    def _key(self, key: str, node: Scalar) -> str:
        return self.change.get(id(node), key)


def known_keys(input_: Input) -> list[Leaf]:
    """Every key of the language in the files of one system, once, with the type of the mapping that has it."""
    found: dict[int, Leaf] = {}
    for type_name, tree in input_.written:
        for leaf in _keys(tree, ("object", type_name), ""):
            found.setdefault(id(leaf.node), leaf._replace(file=type_name))
    return list(found.values())


def _keys(node: Node, kind: Kind, path: str) -> Iterator[Leaf]:
    if kind[0] == "overlay" and isinstance(node, Mapping):
        node, kind = desugar(node, "MLSystem")[0], ("object", "MLSystem")
    if kind[0] == "either":
        kind = ("object", kind[2]) if isinstance(node, Mapping) else kind[1]
    if isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from _keys(child, kind[1], f"{path}.{index}")
    elif isinstance(node, Mapping) and kind[0] == "map":
        for key, child in node.entries.items():
            yield from _keys(child, kind[1], f"{path}.{key}")
    elif isinstance(node, Mapping) and kind[0] in ("object", "union"):
        name = kind[1] if kind[0] == "object" else _which(node, kind[1])
        for key, child in node.entries.items():
            where = f"{path}.{key}".lstrip(".")
            yield Leaf(where, ("key", name), node.keys[key], field=name)
            yield from _keys(child, OBJECTS[name][key][2], where)


def _which(node: Mapping, union: str) -> str:
    tag, variants = UNIONS[union]
    said = node.entries.get(tag)
    return variants[said.text] if isinstance(said, Scalar) else _variant(node, tuple(variants.values()))
