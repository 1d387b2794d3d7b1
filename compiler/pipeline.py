"""The compiler pipeline, on one page.

    text -read-> Tree -layer-> Tree per environment -bind-> System -plan-> Plan -emit-> artifacts -link-> Bundle

Each file is also checked on its own, before layering. Every stage returns diagnostics, and none prints. Each stage
continues as far as it can: an error affects only what depends on it. Writing files is not part of the core: see
`write`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .because import Unavailable
from .bind import Bound, Known, Lost, bind, check_as_written, hidden
from .bind.references import Undeclared, resolve
from .check.claims import Claims, claims
from .check.clusters import between_clusters
from .check.collisions import between_environments, graded
from .check.complete import Lacking, incomplete
from .check.dates import dated
from .check.deployments import deployments, prunes, shared_deployments, told_to_apply
from .check.effects import Used, without_effect
from .check.folders import folders, shared_folders
from .check.lint import Rule, judge, lint
from .check.promoted import promoted_nowhere
from .check.pulled import forbidden_helpers
from .check.repeated import repeated
from .check.stores import mismatched_accesses
from .check.subjects import unknown_subjects
from .check.support import unsupported
from .check.unscraped import unscraped
from .check.unserved import unserved, used_models
from .diagnostics import Diagnostic, merged
from .emit import Emitted, emit, emit_system
from .emit.artifact import SYSTEM, Made
from .emit.backends import Backends
from .emit.plugins import named, plugins
from .errors import NotFoundError
from .inputs import Input
from .layer import Layered, Layers
from .layer.locks import broken_locks
from .link import Bundle, link, link_system
from .plan import Plan
from .record import Record, one_line
from .system import MLSystem
from .words import listing

__all__ = ["Compiled", "Environment", "Whole", "compile_system", "missing_environments"]


class Environment(Record):
    """The result for one environment of a system."""

    name: str
    layered: Layered
    system: MLSystem
    plan: Plan
    backends: Backends
    """The targets and providers that compiled it, including plugins."""
    emitted: Emitted
    bundle: Bundle
    bound: bool
    """Whether the whole spec has valid structure and values."""
    models: frozenset[str] | None
    """The models that something in it uses; None if a mistake hides what does."""
    left_out: tuple[str, ...]
    """What was skipped because it needs a value that is missing: rules, and pieces of the output."""

    def claims(self) -> Claims:
        """What it takes for itself in its cluster."""
        name, namespace = self.system.metadata.name.value, self.plan.namespace
        made, owned = self.bundle.made, prunes(self.plan)
        known = claims(name, self.name, self.plan.cluster, namespace, made, folders(self.plan), owned=owned)
        return known.but(objects=(*known.objects, *told_to_apply(self.plan)), deployed=deployments(self.plan))


class Whole(Record):
    """The result for all environments together."""

    emitted: Emitted
    bundle: Bundle


class Compiled(Record):
    """The result for one system: its environments, and all diagnostics."""

    input: Input
    environments: tuple[Environment, ...] = ()
    whole: Whole | None = None
    """The result for all environments together, if all were compiled and a target produces one."""
    declared: tuple[str, ...] = ()
    """The names of all environments, including those that were not requested."""
    found: tuple[Diagnostic, ...] = ()
    timeless: tuple[Diagnostic, ...] = ()
    """The findings if no suppression had expired, for output, which does not depend on the day."""
    claims: tuple[Claims, ...] = ()
    """What it takes for itself in each cluster, to compare with the other systems of a run."""
    plugged: bool = False
    """Whether the platform names plugins, so that the result depends on code that is not part of mlspec."""

    @property
    def name(self) -> str | None:
        """The system's name, if it has a valid one."""
        try:
            return self.environments[0].system.metadata.name.value if self.environments else None
        except Unavailable:
            return None

    @property
    def kept(self) -> tuple[str, ...]:
        """The output folders to leave alone unless they were compiled: of each environment, and of all together."""
        return (*self.declared, SYSTEM)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundle of each environment, then the one for all of them together."""
        own = tuple(environment.bundle for environment in self.environments)
        return own if self.whole is None else (*own, self.whole.bundle)

    @property
    def failed(self) -> bool:
        """Whether an error prevents writing any output."""
        return any(diagnostic.severity == "error" for diagnostic in self.found)

    def __repr__(self) -> str:
        return one_line(self, f"{self.name}: {len(self.environments)} environments, {len(self.found)} findings")


def compile_system(
    input_: Input,
    backends: Backends,
    rules: Iterable[Rule],
    today: str | None = None,
    only: Iterable[str] = (),
) -> Compiled:
    """Run one system through the whole pipeline, or as far as possible; `only` limits it to some environments.

    Names in `only` that are not environments are ignored: see `missing_environments`.
    """
    rules, found = tuple(rules), list(input_.found)
    if input_.sources is None:
        return Compiled(input=input_, found=tuple(merged(found)))
    known: Known = {}
    for type_name, tree in input_.written:
        found += check_as_written(tree, type_name, known)
    layers = Layers(input_.sources)
    declared = layers.names
    chosen = [layers.of(name) for name in declared if not only or name in only]
    found += layers.found
    if not chosen:
        return Compiled(input=input_, declared=declared, found=tuple(merged(found)))
    environments = [_environment(tree, input_, backends, rules, known, found) for tree in chosen]
    left = set(declared).difference(tree.environment for tree in chosen)
    others = (_environment(layers.of(name), input_, backends, rules, known, []) for name in declared if name in left)
    every = not left
    together = _whole(environments, input_, found if every else [])
    whole = together if every else None  # without the others, it lacks a part, but it shows what has an effect
    claimed = _claims(environments)
    found += [*between_environments(claimed), *shared_folders(claimed), *shared_deployments(claimed)]
    found += between_clusters(e.plan for e in environments)
    idle = unserved((e.system, e.models) for e in environments) if every else {}
    found += idle.values()
    asked = [_used(e, together) for e in environments]
    found += without_effect(asked, (_used(e) for e in others), rules, found, frozenset(idle))
    system = environments[0].system
    once = merged(found, declared)
    late = [one for e in environments for one in dated(e.system, today)]
    whole_bound = every and all(e.bound for e in environments)
    judged = list(judge([*once, *merged(late, declared)], system, input_, today, whole=whole_bound))
    judged += incomplete(_lacking(environments, whole), judged, input_.sources.spec)
    return Compiled(
        input=input_,
        environments=tuple(environments),
        whole=whole,
        declared=declared,
        found=tuple(judged),
        timeless=tuple(judge(once, system, input_, None)),
        claims=graded(claimed, system, input_, today),
        plugged=any(map(named, layers.made)),
    )


def missing_environments(shown: str, declared: Sequence[str], asked: Iterable[str]) -> list[NotFoundError]:
    """One error for each name that is not an environment of the spec; none for a spec that could not be read."""
    return [
        NotFoundError(f"{shown} has no environment `{name}`: choose {listing(declared)}", name, tuple(declared))
        for name in asked
        if declared and name not in declared
    ]


def _environment(
    layered: Layered, input_: Input, backends: Backends, rules: tuple[Rule, ...], known: Known, found: list[Diagnostic]
) -> Environment:
    bound, undeclared = _bound(layered, known, hidden(input_.written, layered))
    system = bound.system
    unknown = [one.finding for one in undeclared if one.finding is not None]
    found += [*broken_locks(layered), *bound.found, *unknown, *_undecided(layered, system)]
    added, broken = plugins(layered)
    backends = backends.also(added) if added else backends
    plan = Plan(system, layered.environment, backends.chosen)
    skipped: list[str] = []
    found += [
        *unsupported(plan),
        *mismatched_accesses(plan),
        *unscraped(plan),
        *promoted_nowhere(plan),
        *unknown_subjects(plan),
        *repeated(system),
        *lint(system, plan, rules, skipped),
        *broken,
    ]
    emitted = emit(system, plan, backends.targets)
    bundle, unlinked = link(emitted, system, layered, input_.name, backends.kinds)
    found += [*emitted.found, *unlinked, *forbidden_helpers(plan, emitted.artifacts)]
    return Environment(
        name=layered.environment,
        layered=layered,
        system=system,
        plan=plan,
        backends=backends,
        emitted=emitted,
        bundle=bundle,
        bound=not bound.found and not undeclared,
        models=used_models(system, bound.references, {one.place for one in undeclared}),
        left_out=(*skipped, *emitted.left_out),
    )


def _bound(layered: Layered, known: Known, sections: frozenset[str]) -> tuple[Bound, list[Undeclared]]:
    """The system, and each name that nothing declares. Where such a name is, the system has no value, so it is bound
    again.
    """
    lost = Lost(sections=sections)
    bound = bind(layered, known, lost)
    undeclared = list(resolve(layered, bound.references, (*bound.unread, *sections)))
    if not undeclared:
        return bound, undeclared
    without = bind(layered, {}, lost.but(names=frozenset(one.place for one in undeclared)))
    return bound.but(system=without.system), undeclared


def _undecided(layered: Layered, system: MLSystem) -> Iterator[Diagnostic]:
    """The services without a runtime, unless a mistake hides their runtimes, their models, or the formats of these."""
    for name, found in layered.undecided:
        if _readable(system, name):
            yield found


def _readable(system: MLSystem, service: str) -> bool:
    try:
        formats = [release.artifact.format for release in system.releases.values()]
        return all(one is not None for one in (system.services[service].runtime, system.models, formats))
    except Unavailable:
        return False


def _claims(environments: Iterable[Environment]) -> tuple[Claims, ...]:
    """The claims of each environment; none of one whose name or namespace is unknown."""
    found = []
    for environment in environments:
        try:
            found.append(environment.claims())
        except Unavailable:
            continue
    return tuple(found)


def _whole(environments: list[Environment], input_: Input, found: list[Diagnostic]) -> Whole | None:
    """The result for all environments together, from the targets of every environment."""
    targets = {target.name: target for e in environments for target in e.backends.system_targets}
    if not targets:
        return None
    made = tuple(Made(system=e.system, plan=e.plan, artifacts=e.emitted.artifacts) for e in environments)
    emitted = emit_system(made, targets.values())
    if not emitted.artifacts and emitted.complete:
        return None
    kinds = {name: kind for e in environments for name, kind in e.backends.kinds.items()}
    bundle, wrong = link_system(emitted, tuple(e.name for e in environments), input_.name, kinds)
    found += [*emitted.found, *wrong]
    return Whole(emitted=emitted, bundle=bundle)


def _lacking(environments: Iterable[Environment], whole: Whole | None) -> Iterator[Lacking]:
    """What the environments, and the result for all of them together, lack."""
    for one in environments:
        yield Lacking(environment=one.name, left_out=one.left_out, refused=one.emitted.found)
    if whole is not None:
        yield Lacking(environment=SYSTEM, left_out=whole.emitted.left_out, refused=whole.emitted.found)


def _used(environment: Environment, whole: Whole | None = None) -> Used:
    """The result of an environment, as input for the check which values have an effect."""
    made = environment.emitted.artifacts
    return Used(
        layered=environment.layered,
        artifacts=made if whole is None else (*made, *whole.emitted.artifacts),
        complete=environment.emitted.complete and (whole is None or whole.emitted.complete),
        bound=environment.bound,
    )
