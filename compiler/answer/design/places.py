"""The environments: which one the document describes, and what differs in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from ...because import Because, Unavailable, because, first
from ...finding import Refusal
from ...pipeline import Environment
from ...plan import Plan
from .draft import Block, Said, Table, just, paragraph, say
from .scene import Scene
from .words import listed

__all__ = ["chief", "differences"]


def chief(environments: Sequence[Environment]) -> Because[str]:
    """The name of the environment that a system is for: the one with the most load, else the most expensive one, else
    the last one. Promotions go from the first to the last.
    """
    if len(environments) == 1:
        return because(environments[0].name, "it is the only environment")
    for why, measure in _MEASURES:
        found = [_known(measure, one) for one in environments]
        amounts = [one.value if one is not None else Decimal(-1) for one in found]
        if amounts.count(max(amounts)) == 1:
            return because(environments[amounts.index(max(amounts))].name, why, found)
    return because(environments[-1].name, "it is the last one in the spec")


_Measure = Callable[[Plan], Because[Decimal]]


def _known(measure: _Measure, environment: Environment) -> Because[Decimal] | None:
    try:
        return measure(environment.plan)
    except (Refusal, Unavailable):
        return None


def _load(plan: Plan) -> Because[Decimal]:
    """The requests per second of all online services, and the items of all batch runs."""
    rates = [first(one.traffic("mean"), one.traffic("peak")) for one in plan.online.values()]
    known = [*rates, *(one.total for one in plan.batch.values())]
    return because(sum((one.value.amount for one in known if one is not None), Decimal(0)), "the load", known)


def _price(plan: Plan) -> Because[Decimal]:
    return plan.cost.total.map(lambda price: price.amount)


_MEASURES: tuple[tuple[str, _Measure], ...] = (("it has the most load", _load), ("its plan costs the most", _price))


_Column = Callable[[Scene], Said | None]


def differences(scenes: Sequence[Scene], main: Because[str]) -> Iterator[Block]:
    """What is different in each environment."""
    if len(scenes) < 2:
        yield from paragraph(say("There is one environment, {name}.", name=scenes[0].plan.environment))
        return
    yield from paragraph(
        say(f"This document describes {{name}}, because {main.reason}.", name=main),
        say("The others differ as follows.", _=main),
    )
    rows = []
    for title, column in _COLUMNS.items():
        cells = [_cell(column, scene) for scene in scenes]
        if len({cell.value if cell is not None else None for cell in cells}) > 1:
            rows.append((title, *cells))
    yield Table(caption="", head=("what", *(scene.environment.name for scene in scenes)), rows=tuple(rows))


def _cell(column: _Column, scene: Scene) -> Said | None:
    try:
        return column(scene)
    except (Refusal, Unavailable):
        return None


def _rate(name: str) -> _Column:
    def load(scene: Scene) -> Said | None:
        return _each(scene, lambda _, service: just(service.traffic(name)))

    return load


def _replicas(end: str) -> _Column:
    def replicas(scene: Scene) -> Said | None:
        return _each(scene, lambda _, service: just(getattr(service, end)))

    return replicas


def _rollout(scene: Scene) -> Said | None:
    return _each(scene, lambda _, one: just(one.canary.length) if one.canary.progressive.value else None)


def _each(scene: Scene, say_: Callable[..., Said | None]) -> Said | None:
    """What there is to say about each online service."""
    found = {key: say_(key, service) for key, service in scene.plan.online.items()}
    known = {key: said for key, said in found.items() if said is not None}
    if len(found) < 2:
        return next(iter(known.values()), None)
    named = (say(f"{key} {{_}}", _=said) for key, said in known.items())
    return listed([said for said in named if said is not None]) if known else None


def _runs(scene: Scene) -> Said | None:
    words = ("serving", "monitoring", "training")
    return listed([because(word, "", runs) for word in words if (runs := scene.plan.runs(word)).value])


def _live(scene: Scene) -> Said | None:
    return listed([release.version for release in scene.system.releases.values()])


_COLUMNS: dict[str, _Column] = {
    "namespace": lambda scene: just(scene.plan.namespace),
    "cluster": lambda scene: just(scene.plan.cluster),
    "runs": _runs,
    "live version": _live,
    "load on average": _rate("mean"),
    "load at the peak": _rate("peak"),
    "minimum replicas": _replicas("min_replicas"),
    "maximum replicas": _replicas("max_replicas"),
    "rollout duration": _rollout,
    "cost": lambda scene: just(scene.plan.cost.total) if scene.plan.cost.parts else None,
}
