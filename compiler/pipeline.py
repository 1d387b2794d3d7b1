"""The road that a spec travels, on one page.

    text -read-> Tree -layer-> Tree per environment -bind-> System -plan-> Plan -emit-> artifacts -link-> Bundle

Each file is also checked as it was written. Every stage reports, none prints, and each goes on as far as it can: a
mistake takes only what rests on it. Writing is not a stage of the core: see `write`.
"""

from __future__ import annotations

from collections.abc import Iterable

from .because import Unavailable
from .bind import bind, check_as_written
from .bind.references import resolve
from .check.effects import without_effect
from .check.honours import unhonoured
from .check.lint import Rule, judge, lint
from .diagnostics import Diagnostic, merged
from .emit import Emitted, emit
from .emit.artifact import Target
from .emit.plugins import plugins
from .inputs import Input
from .layer import Layered, layer
from .layer.locks import broken_locks
from .link import Bundle, link
from .plan import Plan
from .record import Record
from .system import MLSystem

__all__ = ["Compiled", "Environment", "compile_system"]


class Environment(Record):
    """What one environment of a system came to."""

    name: str
    layered: Layered
    system: MLSystem
    plan: Plan
    emitted: Emitted
    bundle: Bundle


class Compiled(Record):
    """What one system came to: its environments, and everything that was found on the way."""

    input: Input
    environments: tuple[Environment, ...] = ()
    declared: tuple[str, ...] = ()
    """The names of all environments, also of those that were not asked for."""
    found: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str | None:
        """The system's name, if it has a valid one."""
        try:
            return self.environments[0].system.metadata.name.value if self.environments else None
        except Unavailable:
            return None

    @property
    def failed(self) -> bool:
        """Whether nothing of it may be written."""
        return any(diagnostic.severity == "error" for diagnostic in self.found)


def compile_system(
    input_: Input,
    targets: Iterable[Target],
    rules: Iterable[Rule],
    today: str | None = None,
    only: Iterable[str] = (),
) -> Compiled:
    """Take one system down the whole road, or as far as it goes; `only` some of its environments, if any is named."""
    targets, rules, found = tuple(targets), tuple(rules), list(input_.found)
    if input_.sources is None:
        return Compiled(input=input_, found=tuple(merged(found)))
    for type_name, tree in input_.written:
        found += check_as_written(tree, type_name)
    trees, wrong = layer(input_.sources)
    found += wrong
    declared = tuple(tree.environment for tree in trees)
    chosen = [tree for tree in trees if not only or tree.environment in only]
    if not chosen:
        return Compiled(input=input_, declared=declared, found=tuple(merged(found)))
    environments = [_environment(tree, input_, targets, rules, found) for tree in chosen]
    others = (_environment(tree, input_, targets, rules, []) for tree in trees if tree not in chosen)
    found += without_effect(
        [(e.layered, e.emitted) for e in environments], ((e.layered, e.emitted) for e in others), rules, found
    )
    judged = judge(merged(found, declared), environments[0].system, input_, today, whole=len(chosen) == len(trees))
    return Compiled(input=input_, environments=tuple(environments), declared=declared, found=tuple(judged))


def _environment(
    layered: Layered, input_: Input, targets: tuple[Target, ...], rules: tuple[Rule, ...], found: list[Diagnostic]
) -> Environment:
    system, references, wrong = bind(layered)
    found += [*broken_locks(layered), *wrong, *resolve(layered, references)]
    plan = Plan(system, layered.environment)
    found += [*unhonoured(plan), *lint(system, plan, rules)]
    added, wrong = plugins(layered)
    found += wrong
    emitted = emit(system, plan, (*targets, *added))
    bundle, wrong = link(emitted, plan, input_.name)
    found += [*emitted.found, *wrong]
    return Environment(
        name=layered.environment, layered=layered, system=system, plan=plan, emitted=emitted, bundle=bundle
    )
