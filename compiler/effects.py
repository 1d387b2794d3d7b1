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
from .tree import Mapping, Node, Scalar, Sequence

__all__ = ["leaves", "matches", "reached", "without_effect"]


def without_effect(environments: Iterable[tuple[Layered, Emitted]], rules: Iterable[Rule]) -> Iterator[Diagnostic]:
    """A warning for what is not read yet; an error for what nothing here can honour."""
    environments = tuple(environments)
    read = tuple(pattern for rule in rules for pattern in rule.needs)
    for layered, _ in environments:
        yield from _not_yet(layered)
    if not all(emitted.complete for _, emitted in environments):
        return
    idle: dict[Span, str] = {}
    active: set[Span] = set()
    for layered, emitted in environments:
        used = {id(node) for artifact in emitted.artifacts for node in reached(artifact.body, artifact.why)}
        for path, node in leaves(layered):
            if id(node) in used or matches(path, (*READ_BY_STAGES, *NOT_YET_READ, *read)):
                active.add(node.span)
            else:
                idle.setdefault(node.span, path)
    for span, path in idle.items():
        if span not in active:
            yield _ignored(span, path)


def leaves(layered: Layered) -> Iterator[tuple[str, Scalar]]:
    """Every value that the author of the spec gives: not the catalogue's, and not the platform's, which serves all
    systems.
    """
    theirs = {
        id(layer.tree.file) for layer in layered.layers if not layer.name.startswith(("the catalogue", "the platform"))
    }
    return ((path, node) for path, node in _walk(layered.tree, ()) if id(node.file) in theirs)


def _walk(node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    if isinstance(node, Mapping):
        for key, child in node.entries.items():
            yield from _walk(child, (*path, key))
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from _walk(child, (*path, str(index)))
    elif isinstance(node, Scalar):
        yield ".".join(path), node


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


def matches(path: str, patterns: Iterable[str]) -> str | None:
    """The pattern that a path, or something above it, fits: `*` stands for one step."""
    steps = path.split(".")
    return next((pattern for pattern in patterns if _fits(steps, pattern.split("."))), None)


def _fits(steps: list[str], pattern: list[str]) -> bool:
    return len(steps) >= len(pattern) and all(want in ("*", step) for step, want in zip(steps, pattern, strict=False))


def _not_yet(layered: Layered) -> Iterator[Diagnostic]:
    """One warning for each subject, at the first of its values."""
    warned: set[str] = set()
    for path, node in leaves(layered):
        pattern = matches(path, NOT_YET_READ)
        if pattern is None or NOT_YET_READ[pattern] in warned:
            continue
        subject = NOT_YET_READ[pattern]
        warned.add(subject)
        place = ".".join(path.split(".")[: len(pattern.split("."))])
        yield finding(
            "MLS013",
            f"{subject} is not compiled yet",
            _key(layered, path, pattern) or node,
            severity="warning",
            note=f"`{place}` is checked and kept, but changes no output of this version",
            help="keep it for a later version of mlspec, or leave it out",
        ).but(environments=(layered.environment,))


def _key(layered: Layered, path: str, pattern: str) -> Node | None:
    """The key at which the pattern ends, to point at it rather than at a value deep inside."""
    node: Node | None = layered.tree
    key: Node | None = None
    for step in path.split(".")[: len(pattern.split("."))]:
        if isinstance(node, Mapping):
            key, node = node.keys.get(step), node.entries.get(step)
        elif isinstance(node, Sequence):
            key, node = None, node.items[int(step)]
    return key


def _ignored(span: Span, path: str) -> Diagnostic:
    return Diagnostic(
        id="MLS012",
        severity="error",
        message=f"`{path}` has no effect here",
        span=span,
        note="nothing that is compiled from this spec depends on it, so the system would not do what is written",
        help="leave it out, or choose a runtime or a mode that can honour it",
    )
