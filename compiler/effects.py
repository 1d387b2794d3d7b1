"""Effects: every value that a spec gives must change something (law 1), and none may be ignored without a word (law 2).

Because reasons sit in the output, the question has an answer: what was given, less what any output, decision or rule
rests on, has no effect. A value counts if it has an effect in any environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .because import Because
from .diagnostics import Diagnostic, Span
from .dump import Lines
from .emit import Emitted
from .finding import finding
from .layer import Layered
from .lint import Rule
from .not_yet import NOT_YET_READ, READ_BY_STAGES
from .tree import Mapping, Node, Scalar, Sequence, name_of

__all__ = ["reached", "selected", "values", "without_effect"]

Path = tuple[str, ...]
Values = dict[Path, Scalar]
"""Values by their paths."""


def without_effect(environments: Iterable[tuple[Layered, Emitted]], rules: Iterable[Rule]) -> Iterator[Diagnostic]:
    """A warning for what is not read yet; an error for what nothing here can honour."""
    environments = tuple(environments)
    judged = tuple(path for rule in rules for path in rule.needs)
    idle: list[tuple[Layered, Values]] = []
    active: set[Span] = set()
    for layered, emitted in environments:
        used = {id(node) for artifact in emitted.artifacts for node in reached(artifact.body, artifact.why)}
        used |= _under(layered, READ_BY_STAGES)
        unread = {path: node for path, node in given(layered, "system", "platform").items() if id(node) not in used}
        yield from _not_yet(layered, unread)
        read = _under(layered, judged)
        unread = {path: node for path, node in unread.items() if id(node) not in read}
        active |= {node.span for path, node in given(layered).items() if path not in unread}
        idle.append((layered, unread))
    if all(emitted.complete for _, emitted in environments):
        for layered, unread in idle:
            theirs = given(layered)
            paths = [path for path in unread if path in theirs and theirs[path].span not in active]
            yield from _ignored(layered, paths)


def _under(layered: Layered, patterns: Iterable[str]) -> set[int]:
    """Every value at or under the places that some patterns name."""
    return {id(node) for path in patterns for _, _, at in selected(layered.tree, path) for _, node in values(at)}


def given(layered: Layered, *owners: str) -> Values:
    """Every value that some owners give; by default the author of the spec, as the platform's serve all systems."""
    files = {id(layer.tree.file) for layer in layered.layers if layer.owner in (owners or ("system",))}
    return {path: node for path, node in values(layered.tree) if id(node.file) in files}


def values(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Every value at or under a node, with its path."""
    if isinstance(node, Scalar):
        yield path, node
    else:
        for step, _, child in _children(node):
            yield from values(child, (*path, step))


def selected(tree: Node, pattern: str) -> list[tuple[Path, Node, Node]]:
    """Path, key and node of every place that a pattern names: `*` stands for one step, and `*[mode=edge]` for one
    under which `mode` is `edge`.
    """
    places: list[tuple[Path, Node, Node]] = [((), tree, tree)]
    for wanted in pattern.split("."):
        name, _, condition = wanted.removesuffix("]").partition("[")
        places = [
            ((*path, step), key, child)
            for path, _, node in places
            for step, key, child in _children(node)
            if name in ("*", step) and _meets(child, condition)
        ]
    return places


def _children(node: Node) -> Iterator[tuple[str, Node, Node]]:
    if isinstance(node, Mapping):
        yield from ((step, node.keys[step], child) for step, child in node.entries.items())
    elif isinstance(node, Sequence):
        yield from ((str(index), child, child) for index, child in enumerate(node.items))


def _meets(node: Node, condition: str) -> bool:
    key, _, value = condition.partition("=")
    return not condition or name_of(node, key) == value


def reached(*things: Any) -> Iterator[Node]:
    """Every node of the spec that a body, or any value in it, rests on."""
    stack = list(things)
    seen: set[int] = set()
    while stack:
        thing = stack.pop()
        if isinstance(thing, Because):
            if id(thing) not in seen:
                seen.add(id(thing))
                stack += [*thing.sources, thing.value]
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, (list, tuple)):
            stack += thing
        elif isinstance(thing, Lines):
            stack += thing.lines
        elif isinstance(thing, Node):
            yield thing


def _not_yet(layered: Layered, unread: Values) -> Iterator[Diagnostic]:
    """One warning for each subject, at the first place of it that nothing reads; what is warned of leaves `unread`."""
    warned: set[str] = set()
    for pattern, subject in NOT_YET_READ.items():
        for place, key, node in selected(layered.tree, pattern):
            told = [path for path, _ in values(node, place) if path in unread]
            if told and subject not in warned:
                warned.add(subject)
                yield _not_compiled(subject, place, key).but(environments=(layered.environment,))
            for path in told:
                del unread[path]


def _not_compiled(subject: str, place: Path, key: Node) -> Diagnostic:
    return finding(
        "MLS013",
        f"{subject} is not compiled yet",
        key,
        severity="warning",
        note=f"`{'.'.join(place)}` is checked and kept, but changes no output of this version",
        help="keep it for a later version of mlspec, or leave it out",
    )


def _ignored(layered: Layered, paths: list[Path]) -> Iterator[Diagnostic]:
    """One error for each largest piece of the spec of which nothing has an effect."""
    told: set[Path] = set()
    lively = {path[:depth] for path in given(layered) if path not in paths for depth in range(len(path) + 1)}
    for path in paths:
        whole = next(path[:depth] for depth in range(1, len(path) + 1) if path[:depth] not in lively)
        if whole not in told:
            told.add(whole)
            yield _no_effect(layered.tree, whole)


def _no_effect(tree: Node, path: Path) -> Diagnostic:
    key: Node = tree
    for wanted in path:
        key, tree = next((key, child) for step, key, child in _children(tree) if step == wanted)
    return finding(
        "MLS012",
        f"`{path[-1]}` has no effect here",
        key,
        note="nothing that is compiled from this spec depends on it, so the system would not do what is written",
        help="leave it out, or choose a runtime or a mode that can honour it",
    )
