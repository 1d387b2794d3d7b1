"""Effects: every value in a spec must change something (law 1), and none may be silently ignored (law 2).

Because the output carries its reasons, this can be computed: a value has no effect if no output, decision, or rule
depends on it. An effect in any one environment is enough. A spec with mistakes is not judged, because a mistake also
removes the effects of everything that depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from ..because import Because
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import Lines
from ..finding import finding
from ..layer import Layered
from ..record import Record
from ..tree import Node, Place, Scalar
from ..words import last, listing
from .lint import Rule
from .not_yet import NOT_YET_READ, READ_BY_STAGES, SHOWN
from .patterns import Path, children, covered, selected, values, written

__all__ = ["READERS", "Used", "reached", "without_effect"]

Values = dict[Path, Scalar]
"""Values by their paths."""


class Used(Record):
    """One environment after layering, with everything that it was compiled into."""

    layered: Layered
    artifacts: tuple[Artifact, ...]
    complete: bool
    """Whether nothing was left out."""
    bound: bool
    """Whether every value has the type that the language requires."""


def without_effect(
    environments: Iterable[Used],
    others: Iterable[Used],
    rules: Iterable[Rule],
    told: Iterable[Diagnostic] = (),
    idle_models: frozenset[str] = frozenset(),
) -> Iterator[Diagnostic]:
    """A warning for each subject that is not supported yet, and an error for each value that has no effect.

    Environments that were not requested are examined only when a value has no effect in the requested ones. `told`
    holds findings that already give a better reason. `idle_models` have one finding each, which says it all.
    """
    judged = tuple(path for rule in rules for path in rule.needs)
    asked = [_Effects(one, judged) for one in environments]
    used = {place for effects in asked for place in effects.used}
    for effects in asked:
        yield from effects.not_yet(used)
    empty = [one.layered for one in asked if one.bound and not set(_RUN) & set(one.layered.tree.entries)]
    if empty:
        yield from map(_nothing_runs, empty)
        return
    active = {place for effects in asked for place in effects.active} | {one.span.place for one in told}
    complete = all(effects.complete for effects in asked)
    if complete and any(effects.idle(active) for effects in asked):
        for one in others:
            effects = _Effects(one, judged)
            list(effects.not_yet(used))
            active |= effects.active
            complete = complete and effects.complete
        for effects in asked if complete else ():
            idle = [path for path in effects.idle(active) if not _of_a_model(path, idle_models)]
            if idle and effects.bound:
                yield from _ignored(effects.layered, effects.theirs, idle)


class _Effects:
    """The effects of the author's values in one environment."""

    def __init__(self, made: Used, judged: tuple[str, ...]) -> None:
        self.layered = layered = made.layered
        self.complete, self.bound = made.complete, made.bound
        self._judged = judged
        used = {id(node) for node in reached(*((artifact.body, artifact.why) for artifact in made.artifacts))}
        used |= covered(layered.tree, (*READ_BY_STAGES, *SHOWN))
        both = dict(written(layered.tree))
        self.theirs = _of_author(both, layered)
        self._unused = {path: node for path, node in both.items() if id(node) not in used}
        self.used = {node.place for path, node in self.theirs.items() if path not in self._unused}

    def not_yet(self, used: set[Place]) -> Iterator[Diagnostic]:
        """Warnings for what is not supported yet, here or in another environment. Call it once, before the rest."""
        unread = {path: node for path, node in self._unused.items() if node.place not in used}
        yield from _not_yet(self.layered, unread)
        self._unused = unread

    @cached_property
    def unread(self) -> Values:
        """The values that neither an artifact nor a rule reads."""
        read = covered(self.layered.tree, self._judged) if self._unused else set()
        return {path: node for path, node in self._unused.items() if id(node) not in read}

    @cached_property
    def active(self) -> set[Place]:
        """The author's values that something reads, or that already have a warning."""
        return {node.place for path, node in self.theirs.items() if path not in self.unread}

    def idle(self, active: set[Place]) -> list[Path]:
        """The author's values that are active nowhere."""
        return [path for path in self.unread if path in self.theirs and self.theirs[path].place not in active]


def _of_author(both: Values, layered: Layered) -> Values:
    """The values that the spec's author set; the platform's values serve all systems."""
    files = {id(layer.tree.file) for layer in layered.layers if layer.owner == "system"}
    return {path: node for path, node in both.items() if id(node.file) in files}


def _of_a_model(path: Path, names: frozenset[str]) -> bool:
    return path[0] in ("models", "releases") and len(path) > 1 and path[1] in names


_LEAVES = frozenset((str, int, float, bool, type(None)))
"""The most common types of values that contain no other."""


def reached(*things: Any) -> list[Node]:
    """Every node of the spec that a body, or any value in it, depends on; may contain duplicates."""
    found: list[Node] = []
    stack = list(things)
    seen: set[int] = set()
    while stack:
        thing = stack.pop()
        kind = type(thing)
        if kind is Because:
            name = id(thing)
            if name not in seen:
                seen.add(name)
                stack += thing.sources
                if type(thing.value) not in _LEAVES:
                    stack.append(thing.value)
        elif kind is Scalar:
            found.append(thing)
        elif kind in _LEAVES:
            continue
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, (list, tuple)):
            stack += thing
        elif kind is Lines:
            stack.append(thing.causes)
        elif isinstance(thing, Node):
            found.append(thing)
    return found


_RUN = ("services", "training")
"""Each system has at least one of these sections."""


def _nothing_runs(layered: Layered) -> Diagnostic:
    """The cause for which nothing at all would have an effect."""
    key = next(iter(layered.tree.keys.values()))
    return finding(
        "MLS009",
        "nothing runs here: there is neither `serving` nor `training`",
        layered.tree.keys.get("metadata", key),
        note="a system without either compiles to nothing",
        help="add `serving: {mode: online, runtime: ...}`, or `training: {image: ..., steps: {train: {}}}`",
    ).but(environments=(layered.environment,))


def _not_yet(layered: Layered, unread: Values) -> Iterator[Diagnostic]:
    """One warning per subject, at its first unread place. Everything that is warned about is removed from `unread`."""
    warned: set[str] = set()
    for pattern, subject in NOT_YET_READ.items():
        for place, key, node in selected(layered.tree, pattern):
            inside = [path for path, _ in values(node, place)]
            told = [path for path in inside if path in unread]
            if told and subject not in warned:
                warned.add(subject)
                read = dict.fromkeys(path[len(place)] for path in inside if path not in unread)
                yield _not_compiled(subject, place, key, tuple(map(str, read))).but(environments=(layered.environment,))
            for path in told:
                del unread[path]


def _not_compiled(subject: str, place: Path, key: Node, read: tuple[str, ...]) -> Diagnostic:
    """A warning at a key. The fields of it that are in `read` do have an effect."""
    what = f"`{key.text}`" if isinstance(key, Scalar) else f"`{place[-1]}`"
    apart, it = (f", except for {listing(read)},", "the rest") if read else ("", "it")
    return finding(
        "MLS013",
        f"{what}{apart} has no effect: {subject} is not supported yet",
        key,
        severity="warning",
        note=f"this version of mlspec validates {it} and then ignores it: the system runs as if it were absent",
        help=f"remove {it}, or keep it for a later version of mlspec",
    )


def _ignored(layered: Layered, theirs: Values, paths: list[Path]) -> Iterator[Diagnostic]:
    """One error for each of the largest pieces of the author's files in which nothing has an effect."""
    told: set[Path] = set()
    lively = {path[:depth] for path in theirs if path not in paths for depth in range(len(path) + 1)}
    files = {id(node.file) for node in theirs.values()}
    for path in paths:
        pieces = _pieces(layered.tree, path)
        whole, key = next((at, key) for at, key in pieces if at not in lively and id(key.file) in files)
        if whole not in told:
            told.add(whole)
            yield _no_effect(whole, key)


def _pieces(tree: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """The pieces that contain a value, from the largest down to the value itself, each with its path and key."""
    for depth, wanted in enumerate(path, 1):
        key, tree = next((key, child) for step, key, child in children(tree) if step == wanted)
        yield path[:depth], key


def _no_effect(path: Path, key: Node) -> Diagnostic:
    name = key.text if isinstance(key, Scalar) else path[-1]
    what = f"`{name}`" if isinstance(key, Scalar) else f"an item of `{last('.'.join(path))}`"
    return finding(
        "MLS012",
        f"{what} has no effect here",
        key,
        note="nothing that is compiled from this spec depends on it, so the system would not do what the spec says",
        help=next((help_ for pattern, help_ in READERS.items() if _is_at(path, pattern)), _NOBODY).format(name=name),
    )


def _is_at(path: Path, pattern: str) -> bool:
    """Whether a path lies at or under a pattern."""
    wanted = pattern.split(".")
    return len(path) >= len(wanted) and all(one in ("*", step) for one, step in zip(wanted, path, strict=False))


_NOBODY = "remove it, or choose a mode or a runtime that uses it"

_USER = "remove it: the cluster chooses the users of pods (`platform.security.users`)"
_BATCH = "remove it: only a service with `mode: batch` uses it"
_ONLINE = "remove it: only a service with `mode: online` uses it"

READERS = {
    "access.*.keys": "add the `secret` that has these keys, or remove it",
    "access.*.identity": "add the `serviceAccount` that is bound to it, or remove it",
    "access.*.*": _NOBODY,
    "access.*": "refer to it where it is needed, such as `access: {name}` in a source or an artifact, or remove it",
    "access": "refer to its entries where they are needed, such as in a source or an artifact, or remove it",
    "data": "add `training`, which uses it, or remove it",
    "evaluation": "add `training`, whose models it evaluates, or remove it",
    "retraining": "add `training`, which defines what to run, or remove it",
    "services.*.user": _USER,
    "services.*.container.user": _USER,
    "training.user": _USER,
    "constraints.deadline": _BATCH,
    "constraints.items": _BATCH,
    "constraints": _ONLINE,
    "rollout.stages.*.canary.detect": "write `{{metric: error-rate, to: 1.5%}}`, which sizes a canary, or remove it",
    "monitoring.slo.burn": "write a smaller `budget` or a longer window: it cannot fire even if every request fails",
    "rollout": _ONLINE,
    "metrics.*.*": _NOBODY,
    "metrics.*": "use it in a condition, or remove it",
    "models.*.optimization.quantization.bits": "remove it, or add the model's `llm.family` or `llm.shape`, from which "
    "the memory of its weights follows",
    "models.*.optimization": "remove it, or use `vllm` or `sglang`, which load quantized weights",
    "models.*.operatingPoint": "add `training`, whose steps receive it, or remove it",
    "models.*.*": _NOBODY,
    "models.*": "serve the model `{name}` with a service, or remove it",
    "releases.*.*": _NOBODY,
    "releases.*": "serve the model `{name}` with a service, or remove it",
}
"""What uses a field, by the first matching pattern. Runtime features are checked in `support`."""
