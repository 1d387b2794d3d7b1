"""Merge one tree over another by the rules of the language, and expand short forms."""

from __future__ import annotations

from ..catalog.load import ships
from ..diagnostics import Diagnostic, Label
from ..language import EXACTLY_ONE, NEEDS, OBJECTS, SINGULAR, UNIONS, Kind
from ..tree import Mapping, Node, Scalar, Sequence, is_null, name_of, wrapped

__all__ = ["desugar", "merge", "system_name"]


def merge(low: Node | None, high: Node, kind: Kind) -> Node | None:
    """Merge `high` over `low`; None if `high` removes it."""
    if is_null(high) and low is not None:
        return None
    if isinstance(low, Mapping) and isinstance(high, Mapping):
        children = _children(kind, low, high)
        return high if children is None else _merge_mappings(_without_alternatives(low, high, kind), high, children)
    if isinstance(low, Sequence) and isinstance(high, Sequence) and kind[0] == "list" and kind[2]:
        return _merge_lists(low, high, kind)
    return high


def _children(kind: Kind, low: Mapping, high: Mapping) -> dict[str, Kind] | Kind | None:
    """How the entries of two mappings merge: key by key, all the same way, or (None) not at all."""
    match kind[0]:
        case "object":
            return {key: entry[2] for key, entry in OBJECTS[kind[1]].items()}
        case "map":
            item: Kind = kind[1]
            return item
        case "any" | "overlay":
            return ("any",)
        case "union":
            tag, variants = UNIONS[kind[1]]
            above = high.entries.get(tag)
            below = low.entries.get(tag)
            if isinstance(above, Scalar) and isinstance(below, Scalar) and above.text != below.text:
                return None
            said = above or below
            name = variants.get(said.text) if isinstance(said, Scalar) else None
            return {key: entry[2] for key, entry in OBJECTS[name].items()} if name else ("any",)
    return None


def _without_alternatives(low: Mapping, high: Mapping, kind: Kind) -> Mapping:
    """What the catalog says, without the alternatives to what `high` chooses, and without what needs them."""
    exclusive = EXACTLY_ONE.get(kind[1], ()) if kind[0] == "object" else ()
    chosen = {key for key in exclusive if key in high.entries and not is_null(high.entries[key])}
    gone = {key for key in exclusive if key in low.keys and ships(low.keys[key].file)} - chosen
    if not chosen or not gone:
        return low
    gone |= {key for key, needed in NEEDS.get(kind[1], {}).items() if needed in gone}
    kept = {key: node for key, node in low.entries.items() if key not in gone or key in high.entries}
    return Mapping(low.place, {key: low.keys[key] for key in kept}, kept)


def _merge_mappings(low: Mapping, high: Mapping, children: dict[str, Kind] | Kind) -> Mapping:
    keys, entries = dict(low.keys), dict(low.entries)
    for key, above in high.entries.items():
        kind = children.get(key, ("any",)) if isinstance(children, dict) else children
        merged = merge(entries.get(key), above, kind)
        if merged is None:
            del keys[key], entries[key]
        else:
            keys[key] = high.keys[key] if key not in keys or merged is above else keys[key]
            entries[key] = merged
    return Mapping(high.place, keys, entries)


def _merge_lists(low: Sequence, high: Sequence, kind: Kind) -> Sequence:
    item, key = kind[1], kind[2]
    items = list(low.items)
    places = {name_of(node, key) or id(node): index for index, node in enumerate(items)}
    for above in high.items:
        place = places.get(name_of(above, key) or id(above))
        if place is None:
            items.append(above)
        else:
            items[place] = merge(items[place], above, item) or above
    return Sequence(high.place, items)


def desugar(tree: Mapping, type_name: str, name: Scalar | None = None) -> tuple[Mapping, list[Diagnostic]]:
    """Expand every short form into the only entry of its mapping, named after the system."""
    found: list[Diagnostic] = []
    short = SINGULAR.get(type_name, {})
    if not any(key in tree.entries for key in short):
        return tree, found
    name = name or system_name(tree)
    keys: dict[str, Scalar] = {}
    entries: dict[str, Node] = {}
    for key, node in tree.entries.items():
        plural = short.get(key)
        if plural is None:
            keys[key], entries[key] = tree.keys[key], node
        elif plural in tree.entries:
            found.append(_both(tree.keys[key], tree.keys[plural]))
        else:
            keys[plural] = tree.keys[key]
            entries[plural] = wrapped(name.text if name else "", node, node, name or tree.keys[key])
    return Mapping(tree.place, keys, entries), found


def system_name(tree: Mapping) -> Scalar | None:
    metadata = tree.entries.get("metadata")
    name = metadata.entries.get("name") if isinstance(metadata, Mapping) else tree.entries.get("system")
    return name if isinstance(name, Scalar) else None


def _both(short: Scalar, plural: Scalar) -> Diagnostic:
    return Diagnostic(
        id="MLS017",
        severity="error",
        message=f"`{short.text}` and `{plural.text}` cannot both be set",
        span=short.span,
        label=f"short form of `{plural.text}` with a single entry",
        others=(Label(span=plural.span, text="long form"),),
        note="they are alternatives: with both, it is unclear which entries the system has",
        help=f"move `{short.text}` into `{plural.text}` as an entry with its own name",
    )
