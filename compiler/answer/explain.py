"""Explain: why a line of output has its value, and which lines of output a value of the spec affects.

All of this is already in the bundle: the reasons of each line, and the nodes of the spec that they depend on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..because import Unavailable
from ..diagnostics import SourceFile
from ..emit.artifact import SYSTEM
from ..emit.dump import plain
from ..errors import NotFoundError
from ..language import SINGULAR
from ..layer import Layered
from ..link import Bundle, File
from ..pipeline import Compiled, Environment
from ..plan.choose import count
from ..read import read
from ..record import Record
from ..tree import Mapping, Node, Scalar, lookup
from ..words import listing
from .reasons import Explainer, Reason, scalars, shown

__all__ = [
    "Effect", "Given", "Reason", "explain_line", "explain_object", "explain_output", "explain_path", "is_output",
    "long_path",
]  # fmt: skip


class Given(Record):
    """One value that a layer sets for a path."""

    value: str
    layer: str
    where: str
    """`file:line:column`, 1-based."""
    wins: bool


class Effect(Record):
    """One line of output that depends on a value of the spec."""

    environment: str
    object: str
    file: str
    line: int
    text: str


class _Place(Record):
    """One output folder, and the layers of the spec that it is compiled from."""

    name: str
    bundle: Bundle
    layered: tuple[Layered, ...]


def _places(compiled: Compiled) -> Iterator[_Place]:
    for environment in compiled.environments:
        yield _Place(name=environment.name, bundle=environment.bundle, layered=(environment.layered,))
    from .design.bundle import together  # most questions are about an environment

    whole = together(compiled)
    if whole is not None:
        layered = tuple(environment.layered for environment in compiled.environments)
        yield _Place(name=SYSTEM, bundle=whole, layered=layered)


_TARGET = re.compile(r"([A-Za-z]+)/([A-Za-z0-9.-]+)(?::(.+))?")


def explain_object(compiled: Compiled, question: str) -> Iterator[tuple[str, str, Reason]]:
    """Explain `Kind/name:path`: the environment, the line of output, and its reason, for each environment with it.

    An environment whose object lacks the path is left out, unless all of them lack it.
    """
    match = _TARGET.fullmatch(question)
    if match is None:
        raise NotFoundError(
            f"`{question}` is not an object: write Kind/name:path, such as Rollout/fraud-scorer:spec.replicas, or "
            "FILE:LINE for a line of a file",
            question,
        )
    kind, name, path = match[1], match[2], match[3] or ""
    seen: dict[str, None] = {}
    answered = False
    missing: NotFoundError | None = None
    for place in _places(compiled):
        for file in place.bundle.files():
            if file.artifact.object is None:
                continue
            tree = _tree(file)
            identity = (_text(lookup(tree, ("kind",))), _text(lookup(tree, ("metadata", "name"))))
            if all(identity):
                seen["/".join(identity)] = None
            if identity == (kind, name):
                try:
                    line = _line_of(file, tree, path)
                except NotFoundError as error:
                    missing = missing or error
                    continue
                answered = True
                yield place.name, file.text.split("\n")[line].strip(), _reason_of(place, file, line)
    if missing is not None and not answered:
        raise missing
    if not answered:
        raise NotFoundError(f"there is no {kind}/{name}: choose {listing(tuple(seen))}", f"{kind}/{name}", tuple(seen))


def _line_of(file: File, tree: Mapping, path: str) -> int:
    steps = tuple(step for step in re.split(r"[.\[\]]+", path) if step)
    node: Node = tree
    line = 0
    for step in steps:
        key = node.keys.get(step) if isinstance(node, Mapping) else None
        inner = lookup(node, (step,))
        if inner is None:
            known = tuple(node.entries) if isinstance(node, Mapping) else ()
            instead = f": instead of `{step}`, choose {listing(known)}" if known else ""
            raise NotFoundError(f"{file.path} has no `{path}`{instead}", path, known)
        node = inner
        line = key.line if key is not None else node.line
    return line if steps else min(1, file.text.count("\n") - 1)


def _tree(file: File) -> Mapping:
    tree, found = read(SourceFile(file.path, file.text))
    assert tree is not None, found
    return tree


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def is_output(compiled: Compiled, environment: str, path: str) -> bool:
    """Whether the system compiles to a file."""
    places = (place for place in _places(compiled) if place.name == environment)
    return any(file.path == path for place in places for file in place.bundle.files())


def explain_output(compiled: Compiled, environment: str, path: str, line: int) -> tuple[str, Reason]:
    """The reason of one line of one file; line numbers are 1-based."""
    chosen = next((place for place in _places(compiled) if place.name == environment), None)
    file = next((f for f in chosen.bundle.files() if f.path == path), None) if chosen is not None else None
    if chosen is None or file is None:
        files = tuple(f"{e.name}/{f.path}" for e in compiled.environments for f in e.bundle.files())
        message = f"this spec does not compile to {environment}/{path}: choose {listing(files)}"
        raise NotFoundError(message, f"{environment}/{path}", files)
    lines = file.text.split("\n")
    if not 0 < line < len(lines):
        raise NotFoundError(f"{path} has only {count(len(lines) - 1, 'line')}", str(line))
    return lines[line - 1].strip(), _reason_of(chosen, file, line - 1)


def _reason_of(place: _Place, file: File, line: int) -> Reason:
    return Explainer(place.layered).explain(file.reasons[line])


def _written(node: Node) -> Iterator[Node]:
    """Every value and every key, because names that the author chooses are keys."""
    if isinstance(node, Mapping):
        yield from node.keys.values()
    for child in node.entries.values() if isinstance(node, Mapping) else getattr(node, "items", ()):
        yield from _written(child)
    if isinstance(node, Scalar):
        yield node


def explain_path(compiled: Compiled, path: str) -> Iterator[tuple[str, list[Given], list[Effect]]]:
    """Explain a path of the spec: the layers that set it, which one wins, and what it affects, in each environment."""
    steps = tuple(step for step in path.split(".") if step)
    answered = False
    for environment in compiled.environments:
        history = environment.layered.history(long_path(environment, steps))
        given = [_given(layer.name, node, first=index == 0) for index, (layer, node) in enumerate(history)]
        nodes = [node for _, node in scalars(history[0][1], ())] if history else []
        answered = answered or bool(given)
        if given:
            effects = list(_effects(environment.name, environment.bundle, nodes))
            yield environment.name, given, effects or list(_told(compiled, nodes))
    if not answered:
        raise NotFoundError(f"no layer sets `{path}`; see the language reference for its default", path)


def long_path(environment: Environment, steps: tuple[str, ...]) -> tuple[str, ...]:
    """The path with short forms expanded: `serving.runtime` becomes `services.<system>.runtime`."""
    plural = SINGULAR["MLSystem"].get(steps[0]) if steps else None
    try:
        return (plural, environment.system.metadata.name.value, *steps[1:]) if plural is not None else steps
    except Unavailable:  # a system without a name has no short forms
        return steps


def _given(layer: str, node: Node, *, first: bool) -> Given:
    value = node.text if isinstance(node, Scalar) else node.what
    return Given(
        value=shown(value), layer=layer, where=f"{node.file.name}:{node.line + 1}:{node.column + 1}", wins=first
    )


def explain_line(compiled: Compiled, number: int, file: SourceFile | None = None) -> Iterator[tuple[str, list[Effect]]]:
    """Explain a line of a file, of the spec by default: everything that it affects, in each environment; line numbers
    are 1-based.
    """
    assert compiled.input.sources is not None
    file = file or compiled.input.sources.spec.file
    if not 0 < number <= len(file.lines):
        raise NotFoundError(f"{file.name} has only {count(len(file.lines), 'line')}", str(number))
    lively = False
    for environment in compiled.environments:
        nodes = [n for n in _written(environment.layered.tree) if n.file is file and n.line == number - 1]
        effects = list(_effects(environment.name, environment.bundle, nodes))
        lively = lively or bool(effects)
        yield environment.name, effects
    trees = [environment.layered.tree for environment in compiled.environments]
    nodes = [n for tree in trees for n in _written(tree) if n.file is file and n.line == number - 1]
    if compiled.whole is not None:
        yield SYSTEM, list(_effects(SYSTEM, compiled.whole.bundle, nodes))
    elif not lively and (told := list(_told(compiled, nodes))):
        yield SYSTEM, told


def _told(compiled: Compiled, nodes: Iterable[Node]) -> Iterator[Effect]:
    """The lines of the design document. It shows nearly every value, so it counts only for what does nothing else."""
    from .design.bundle import together

    whole = together(compiled)
    if whole is not None:
        yield from _effects(SYSTEM, whole, nodes)


def _effects(environment: str, bundle: Bundle, nodes: Iterable[Node]) -> Iterator[Effect]:
    """The lines that depend on some nodes; the first line of an object that exists because of them."""
    for file, numbers in bundle.dependents.lines(nodes):
        lines, identity = file.text.split("\n"), _identity(file)
        for number in numbers:
            yield Effect(
                environment=environment,
                object=identity,
                file=f"{environment}/{file.path}",
                line=number + 1,
                text=lines[number].strip(),
            )


def _identity(file: File) -> str:
    object_ = file.artifact.object or {}
    body = plain({"kind": object_.get("kind"), "metadata": object_.get("metadata")})
    return f"{body.get('kind', file.path)}/{body.get('metadata', {}).get('name', '')}".rstrip("/")
