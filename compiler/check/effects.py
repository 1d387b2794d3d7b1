"""Effects: every value in a spec must change something (law 1), and none may be silently ignored (law 2).

Because the output carries its reasons, this can be computed: a value has no effect if no output, decision, or rule
depends on it. An effect in any one environment is enough. A spec with mistakes is not judged, because a mistake also
removes the effects of everything that depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..because import Because
from ..diagnostics import Diagnostic, Span
from ..emit.artifact import Artifact
from ..emit.dump import Lines
from ..finding import finding
from ..layer import RELEASE_FILE, Layered
from ..record import Record
from ..tree import Mapping, Node, Place, Scalar, Sequence, lookup
from ..words import last, listing
from .lint import Rule
from .not_yet import NOT_YET_READ, READ_BY_STAGES, SHOWN
from .patterns import Path, children, covered, selected, values, written

__all__ = ["READERS", "Used", "reached", "without_effect"]

Values = dict[Path, Scalar]
"""Values by their paths."""


_TWICE = "MLS017"
"""The finding on what an earlier setting hides."""


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
    told = tuple(told)
    twice = {one.span for one in told if one.id == _TWICE}
    judged = tuple(path for rule in rules for path in rule.needs)
    asked = [_Effects(one, judged) for one in environments]
    idle = {place for effects in asked for place in effects.asleep} - {one.span.place for one in told}
    idle = idle.difference(*(effects.active for effects in asked), *(_hidden(one.layered.tree, twice) for one in asked))
    missing = idle.union(*(effects.promised for effects in asked)).difference(*(effects.staged for effects in asked))
    for effects in asked:
        effects.find(missing)
    for effects in asked if all(effects.bound for effects in asked) else ():
        yield from _not_yet(effects.layered, effects.among(missing))
    empty = [one.layered for one in asked if one.bound and not set(_RUN) & set(one.layered.tree.entries)]
    if empty:
        yield from map(_nothing_runs, empty)
        return
    idle &= missing
    complete = all(effects.complete for effects in asked)
    for one in others if idle and complete else ():
        effects = _Effects(one, judged)
        idle -= effects.active
        effects.find(idle)
        complete = complete and effects.complete
    for effects in asked if idle and complete else ():
        paths = [path for path in effects.among(idle) if not _of_a_model(path, idle_models)]
        if paths and effects.bound:
            yield from _ignored(effects.layered, effects.theirs, paths)


class _Effects:
    """The effects of values in one environment. Values are compared by their places, which environments share."""

    def __init__(self, made: Used, judged: tuple[str, ...]) -> None:
        self.layered, self.artifacts = made.layered, made.artifacts
        self.complete, self.bound = made.complete, made.bound
        tree, self._values = made.layered.tree, dict(written(made.layered.tree))
        self.theirs = _of_author(self._values, made.layered)
        self._places = {id(node): node.place for node in self._values.values()}
        self.asleep = {self._places[id(node)] for node in self.theirs.values()}
        """The author's values, as long as nothing is known that they affect."""
        self.staged = self._in(covered(tree, (*READ_BY_STAGES, *SHOWN)))
        """What has an effect that no artifact shows."""
        self.promised = self._in(covered(tree, NOT_YET_READ))
        """What has an effect, or a warning that it has none yet."""
        self.active = self.staged | self.promised | self._in(covered(tree, judged))
        """What has an effect or a warning without the artifacts."""

    def _in(self, values: set[int]) -> set[Place]:
        return {place for value, place in self._places.items() if value in values}

    def among(self, places: set[Place]) -> Values:
        """The values in some places."""
        return {path: node for path, node in self._values.items() if self._places[id(node)] in places}

    def find(self, missing: set[Place]) -> None:
        """Remove all that the artifacts depend on. The search ends when nothing is missing."""
        wanted = {value: place for value, place in self._places.items() if place in missing}
        sought = set(wanted.values())
        for node in reached(*((artifact.body, artifact.why) for artifact in self.artifacts)) if sought else ():
            if id(node) in wanted:
                sought.discard(wanted[id(node)])
                if not sought:
                    break
        missing -= set(wanted.values()) - sought


def _hidden(node: Node, twice: set[Span], hidden: bool = False) -> Iterator[Place]:
    """The places of the values that an earlier setting hides: those in the mapping that a finding underlines, or next
    to the value that it underlines.
    """
    below = [child for _, _, child in children(node)] if twice else []
    hidden = hidden or node.span in twice or any(isinstance(one, Scalar) and one.span in twice for one in below)
    if isinstance(node, Scalar) and hidden:
        yield node.place
    for child in below:
        yield from _hidden(child, twice, hidden)


def _of_author(both: Values, layered: Layered) -> Values:
    """The values that the spec's author set; the platform's values serve all systems. Where nothing serves, a release
    file is a record of the champion, which `mlspec promote` writes as a whole.
    """
    own = (layer for layer in layered.layers if layer.owner == "system")
    files = {id(layer.tree.file) for layer in own if layer.name != RELEASE_FILE or _serves(layered)}
    return {path: node for path, node in both.items() if id(node.file) in files}


def _serves(layered: Layered) -> bool:
    """Whether the environment runs what it serves."""
    runs = lookup(layered.tree, ("environments", layered.environment, "runs"))
    return not isinstance(runs, Sequence) or any(
        isinstance(one, Scalar) and one.text == "serving" for one in runs.items
    )


def _of_a_model(path: Path, names: frozenset[str]) -> bool:
    return path[0] in ("models", "releases") and len(path) > 1 and path[1] in names


_LEAVES = frozenset((str, int, float, bool, type(None)))
"""The most common types of values that contain no other."""


def reached(*things: Any) -> Iterator[Node]:
    """Every node of the spec that a body, or any value in it, depends on, some more than once."""
    stack = list(things[::-1])
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
            yield thing
        elif kind in _LEAVES:
            continue
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, (list, tuple)):
            stack += thing
        elif kind is Lines:
            stack.append(thing.causes)
        elif isinstance(thing, Node):
            yield thing


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
    """One warning per subject, at its first unread place."""
    warned: set[str] = set()
    for pattern, subject in NOT_YET_READ.items():
        for place, key, node in selected(layered.tree, pattern):
            inside = [path for path, _ in values(node, place)]
            if subject not in warned and (_is_empty(node) or any(path in unread for path in inside)):
                warned.add(subject)
                read = dict.fromkeys(path[len(place)] for path in inside if path not in unread)
                yield _not_compiled(subject, place, key, tuple(map(str, read))).but(environments=(layered.environment,))


def _is_empty(node: Node) -> bool:
    """Whether a section has no values of its own: it asks for what its defaults say."""
    return isinstance(node, Mapping) and not node.entries


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
