"""What a reader does with a help, done by machine: edits of the text that the finding is in.

A help names what to write in backticks, after a verb. `FORMS` lists the verbs with what they do at the place of a
finding. A help that no form matches leaves the decision to a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from mlspec.compiler.diagnostics import Diagnostic, Edit, SourceFile, Span
from mlspec.compiler.read import read
from mlspec.compiler.tree import Mapping, Node, Scalar, Sequence, lookup

__all__ = ["edits"]

DIGEST = "sha256:" + "5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"
FILLED = {
    "sha256:...": DIGEST,
    "https://...": "https://runbooks.example.com/fraud-scorer",
    "useCase: ..., task: ...": "useCase: Stop fraudulent payments., task: binary-classification",
    "kind: ..., id: ...": "kind: lakefs, id: 8f1a22c",
    "owner: ...": "owner: payments-core",
    "<commit>": "4c2074af5ad0646ca328d7ab03eccf944a65b320",
}
"""What a reader writes in place of the dots of a help."""

Inside = tuple[Mapping | Sequence, str | int]
"""A mapping or a list, and a key or a position in it."""


class Where:
    """The place of a finding in the tree of its file."""

    def __init__(self, root: Mapping, around: tuple[Inside, ...], node: Node) -> None:
        self.root = root
        self.around = around
        self.node = node

    @property
    def mappings(self) -> list[Mapping]:
        """The mappings that hold the place, the innermost first."""
        outer = [inside for inside, _ in reversed(self.around) if isinstance(inside, Mapping)]
        return [self.node, *outer] if isinstance(self.node, Mapping) else outer


def edits(found: Diagnostic) -> tuple[Edit, ...]:
    """The edits that obey a finding, or none where a person has to decide."""
    if found.fix is not None:
        return found.fix.edits
    where = _where(found.span)
    if where is None:
        return ()
    for form, obey in FORMS:
        if given := re.match(form, found.help):
            return tuple(obey(where, *given.groups()))
    return ()


# Where


def _where(span: Span) -> Where | None:
    root, _ = read(span.file)
    if root is None:
        return None
    return next((Where(root, around, node) for around, node, at in _places(root) if at == span), None)


def _places(node: Node, around: tuple[Inside, ...] = ()) -> Iterator[tuple[tuple[Inside, ...], Node, Span]]:
    """Every place of a tree: the key of an entry stands for its value."""
    children: list[tuple[Inside, Node]] = []
    if isinstance(node, Mapping):
        children = [((node, key), child) for key, child in node.entries.items()]
    elif isinstance(node, Sequence):
        children = [((node, number), child) for number, child in enumerate(node.items)]
    for (inside, step), child in children:
        below = (*around, (inside, step))
        if isinstance(inside, Mapping) and isinstance(step, str):
            yield below, child, inside.keys[step].span
        yield from _places(child, below)
    yield around, node, node.span


# Edits


def _end(node: Node) -> tuple[int, int]:
    """Where the text of a node ends; libyaml lets a block end where the next token starts."""
    if isinstance(node, Scalar) or _is_flow(node):
        return node.end_line, node.end_column
    below = list(node.entries.values()) if isinstance(node, Mapping) else getattr(node, "items", [])
    return _end(below[-1])


def _is_flow(node: Node) -> bool:
    return node.file.lines[node.line][node.column : node.column + 1] in ("{", "[")


def _start(inside: Mapping | Sequence, step: str | int) -> tuple[int, int]:
    node: Node = inside.keys[str(step)] if isinstance(inside, Mapping) else inside.items[int(step)]
    return node.line, node.column


def _edit(file: SourceFile, start: tuple[int, int], end: tuple[int, int], text: str = "") -> Edit:
    return Edit(span=Span(file, *start, *end), text=text)


def _removed(around: tuple[Inside, ...]) -> Iterator[Edit]:
    """Without the entry or the item, and without what holds nothing else."""
    *outer, (inside, step) = around
    steps: list[str | int] = list(inside.entries) if isinstance(inside, Mapping) else list(range(len(inside.items)))
    at = steps.index(step)
    if len(steps) == 1:
        yield from _removed(tuple(outer))
    elif at + 1 < len(steps):
        yield _edit(inside.file, _start(inside, step), _start(inside, steps[at + 1]))
    else:
        last, child = _child(inside, steps[at - 1]), _child(inside, step)
        yield _edit(inside.file, _end(last), _end(child))


def _child(inside: Mapping | Sequence, step: str | int) -> Node:
    return inside.entries[str(step)] if isinstance(inside, Mapping) else inside.items[int(step)]


def _replaced(node: Node, text: str) -> Edit:
    return _edit(node.file, (node.line, node.column), _end(node), text)


def _added(mapping: Mapping, key: str, value: str) -> Edit:
    """A new first entry."""
    if _is_flow(mapping):
        at = mapping.line, mapping.column + 1
        return _edit(mapping.file, at, at, f"{key}: {value}{', ' if mapping.entries else ''}")
    at = _start(mapping, next(iter(mapping.keys)))
    return _edit(mapping.file, at, at, f"{key}: {value}\n{' ' * at[1]}")


def _written(mapping: Mapping, path: list[str], text: str) -> Edit:
    """The value at a path, replaced or added."""
    key, *below = path
    child = mapping.entries.get(key)
    if child is None:
        for step in reversed(below):
            text = f"{{{step}: {text}}}"
        return _added(mapping, key, text)
    return _written(child, below, text) if below and isinstance(child, Mapping) else _replaced(child, text)


# Forms


def _filled(text: str) -> str:
    for dots, instead in FILLED.items():
        text = text.replace(dots, instead)
    return text


def _pair(text: str) -> tuple[list[str], str] | None:
    """The path and the value of `a.b: c`, if the text is an entry and not a value."""
    pair = re.match(r"([A-Za-z.]+): (.+)$", _filled(text))
    return (pair[1].split("."), pair[2]) if pair else None


def _holder(where: Where, path: list[str]) -> Mapping:
    """The innermost mapping that has the first step of a path, or the whole file."""
    return next((mapping for mapping in where.mappings if path[0] in mapping.entries), where.root)


def remove(where: Where) -> Iterator[Edit]:
    yield from _removed(where.around)


def remove_item(where: Where) -> Iterator[Edit]:
    yield from _removed(_item(where))


def remove_key(where: Where, path: str) -> Iterator[Edit]:
    *above, key = path.split(".")
    if above:
        around = tuple(_around(where.root, path.split(".")))
    else:
        depth = next(at for at, (inside, _) in reversed(list(enumerate(where.around))) if _has(inside, key))
        around = (*where.around[:depth], (where.around[depth][0], key))
    yield from _removed(around)


def _has(inside: Mapping | Sequence, key: str) -> bool:
    return isinstance(inside, Mapping) and key in inside.entries


def _around(node: Node, path: list[str]) -> Iterator[Inside]:
    for step in path:
        if isinstance(node, Mapping):
            yield node, step
            node = node.entries[step]


def _item(where: Where) -> tuple[Inside, ...]:
    """The innermost item of a list that a finding is in."""
    last = max(at for at, (inside, _) in enumerate(where.around) if isinstance(inside, Sequence))
    return where.around[: last + 1]


def write(where: Where, text: str) -> Iterator[Edit]:
    """A value replaces the one that is wrong; an entry replaces the one of its name, or is added next to it."""
    pair = _pair(text)
    if pair is None:
        yield _replaced(where.node, _filled(_quoted(where.node, text)))
        return
    path, value = pair
    inside = [mapping for mapping in where.mappings if path[0] in mapping.entries]
    yield _written((inside or where.mappings)[0], path, value)


def _quoted(node: Node, text: str) -> str:
    return json.dumps(text) if isinstance(node, Scalar) and not node.plain and not text.startswith('"') else text


def write_all(where: Where, *texts: str) -> Iterator[Edit]:
    for text in texts:
        yield from write(where, text)


def write_item(where: Where, text: str) -> Iterator[Edit]:
    """In place of the whole item of a list that the finding is in."""
    inside, step = _item(where)[-1]
    yield _replaced(_child(inside, step), text)


def write_under(where: Where, text: str, under: str) -> Iterator[Edit]:
    if pair := _pair(text):
        path = [*under.split("."), *pair[0]]
        yield _written(_holder(where, path), path, pair[1])


def add(where: Where, text: str) -> Iterator[Edit]:
    if pair := _pair(text):
        yield _written(where.mappings[0], *pair)


def add_to_list(where: Where, text: str, path: str) -> Iterator[Edit]:
    steps = path.split(".")
    there = lookup(where.root, tuple(steps))
    if isinstance(there, Sequence) and not _is_flow(there):
        at = _start(there, 0)
        yield _edit(there.file, at, at, f"{_filled(text)}\n{' ' * (at[1] - 2)}- ")
    elif there is None:
        yield _written(_holder(where, steps), steps, f"[{_filled(text)}]")


def declare(where: Where, under: str, text: str) -> Iterator[Edit]:
    if pair := _pair(text):
        yield _written(where.root, [under, *pair[0]], pair[1])


def add_and_write(where: Where, item: str, path: str, text: str) -> Iterator[Edit]:
    yield from add_to_list(where, item, path)
    yield from write(where, text)


def set_to(where: Where, path: str, text: str) -> Iterator[Edit]:
    yield _written(_holder(where, path.split(".")), path.split("."), text)


def set_path(where: Where, text: str) -> Iterator[Edit]:
    if pair := _pair(text):
        yield _written(_holder(where, pair[0]), *pair)


def suppress(where: Where, id_: str) -> Iterator[Edit]:
    """A comment at the end of the line."""
    line = where.node.line
    at = (line, len(where.node.file.lines[line]))
    yield _edit(where.node.file, at, at, f"  # mlspec: ignore[{id_}] the job is fraud-quality")


TEXT = r"`([^`]+)`"
FORMS: tuple[tuple[str, Callable[..., Iterator[Edit]]], ...] = (
    (r"remove (?:it|the step|`self`|the release)\b", remove),
    (r"remove the input\b", remove_item),
    (rf"remove {TEXT}", remove_key),
    (r"(?:export the metrics of \S+|start a run when .* it), and write `# mlspec: ignore\[(MLS\d+)\]", suppress),
    (rf"write a time outside of both, or remove {TEXT}", remove_key),
    (rf"(?:write|add) {TEXT}(?: or `[^`]+`)? under {TEXT}", write_under),
    (rf"declare `[^`]+` under {TEXT}, such as {TEXT}", declare),
    (rf"add {TEXT} to {TEXT}, and write {TEXT}", add_and_write),
    (rf"add {TEXT} to {TEXT}", add_to_list),
    (rf"add [^`]*{TEXT} to the (?:service|access)", add),
    (rf"add (?:`\w+` to the access, such as |`\w+`, [^`]*, such as |[^`]*, such as )?{TEXT}", add),
    (rf"set {TEXT} to (\S+),", set_to),
    (rf"set {TEXT}", set_path),
    (rf"judge by {TEXT}", write_item),
    (r"write (`\{metric: [^`]+`)", lambda where, text: write_item(where, text.strip("`"))),
    (rf"write {TEXT}, {TEXT}, and {TEXT}", write_all),
    (rf"(?:write|use|set) (?:[^`]*such as |at least |one of |it like )?{TEXT}", write),
    (rf"load-test [^`]*such as {TEXT}", write),
    (rf"have Prometheus keep {TEXT}", write),
    (rf"in the platform file, set it to {TEXT}", write),
)
"""The forms of helps, and what a reader does. The first that matches counts."""
