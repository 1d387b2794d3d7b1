"""Simulations as text and JSON: what the plan promises, what happened, and the margin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json import dumps
from textwrap import wrap
from typing import Any

from ...compiler.plan.choose import count, number, seconds
from ...compiler.record import Record
from ...compiler.simulate import Simulation
from ...compiler.simulate.report import CANARY, OPEN, Promise, SimulatedRollouts, SimulatedService, percent

__all__ = ["HEAD", "NOTE", "conditions", "json", "margin", "of_rollouts", "summary", "text"]

NARROW = 100
"""Below this width, each promise takes two lines instead of the columns of a table."""

HEAD = ("promise", "promised", "happened", "margin", "verdict")
WIDTHS = (28, 24, 36, 10)

NOTE = "± is half of a 95% confidence interval. A promise is broken only if it is missed by more than that."


def text(simulations: Iterable[Simulation], width: int) -> str:
    """Simulations for a terminal of some width."""
    return "\n".join(line for simulation in simulations for line in _simulation(simulation, width))


def _simulation(simulation: Simulation, width: int) -> Iterator[str]:
    yield f"in {simulation.environment}:"
    for service in simulation.services:
        yield ""
        yield from _wrapped(f"{service.name}: {conditions(service)}", width, "  ")
        yield from _promises(service.promises, width)
        yield from (line for said in service.unjudged for line in _wrapped(f"not simulated: {said}", width, "    "))
        if service.rollouts is not None:
            yield from _wrapped(of_rollouts(service.rollouts), width, "    ")
        yield "    assumptions:"
        for assumption in service.assumptions:
            yield from _wrapped(f"- {assumption}", width, "    ")
    if simulation.unsimulated:
        yield ""
        yield "  Not simulated"
        for one in simulation.unsimulated:
            yield from _wrapped(f"{one.name}: {one.why}", width, "    ")
    yield ""
    yield from _wrapped(f"{summary(simulation)} {NOTE}", width, "  ")


def conditions(service: SimulatedService) -> str:
    """What was simulated, in words."""
    fewest, most = service.replicas
    ready = count(most, "replica") if fewest == most else f"{fewest} to {count(most, 'replica')}"
    runs = f"; {service.runs} runs" if service.runs > 1 else ""
    return f"{service.conditions}{runs}; {count(service.requests, 'request')}, {ready} ready"


def summary(simulation: Simulation) -> str:
    """How many promises were kept, in a sentence."""
    promises = [promise for service in simulation.services for promise in service.promises]
    kept, broken = (sum(one.verdict == verdict for one in promises) for verdict in ("kept", "broken"))
    unclear = len(promises) - kept - broken
    if not promises:
        return "Nothing was simulated."
    said = f"{kept} of {count(len(promises), 'promise')} kept, {broken} broken"
    return f"{said}, {unclear} too close to tell{_more(simulation)}." if unclear else f"{said}."


def _more(simulation: Simulation) -> str:
    """The options that make what is unclear clearer: more rollouts for a canary, and more runs for the rest."""
    open_ = [(service, one) for service in simulation.services for one in service.promises if one.verdict == OPEN]
    options = []
    if any(one.title not in CANARY for _, one in open_):
        options.append("`--runs 10`")
    many = max((service.rollouts.runs for service, one in open_ if service.rollouts and one.title in CANARY), default=0)
    if many:
        options.append(f"`--rollouts {10 * many}`")
    return f": simulate more, with {' and '.join(options)}" if options else ""


def _promises(promises: Iterable[Promise], width: int) -> Iterator[str]:
    if width < NARROW:
        for promise in promises:
            said = margin(promise)
            yield f"    {promise.title}: {promise.verdict}{f', {said}' if said else ''}"
            yield from _wrapped(f"{promise.promised}; happened: {promise.happened}", width, "      ")
        return
    yield _row(*HEAD)
    for promise in promises:
        yield _row(promise.title, promise.promised, promise.happened, margin(promise), promise.verdict)


def _row(*cells: str) -> str:
    padded = [f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=False)]
    return f"    {' '.join((*padded, *cells[len(WIDTHS) :]))}".rstrip()


def margin(promise: Promise) -> str:
    """How far a promise is from its limit: `57% left`, or `30% over`; empty if that says nothing."""
    if promise.verdict == OPEN or (not promise.allowed and not promise.measured):
        return ""
    over = promise.margin < 0
    return f"{percent(abs(promise.margin)) if abs(promise.margin) < 10 else '10x'} {'over' if over else 'left'}"


def of_rollouts(found: SimulatedRollouts) -> str:
    """How the rollouts of a new version ended, in words."""
    parts = [
        f"{percent(many / found.runs)} {what}"
        for what, many in (("promoted", found.promoted), ("rolled back", found.rolled_back), ("held", found.held))
    ]
    said = (
        f"new version ({found.version}), {count(found.runs, 'rollout')} at {number(found.rate)}/s: {', '.join(parts)}"
    )
    if found.seconds is not None and found.slowest is not None:
        said += f"; rolled back after {seconds(found.seconds)}, 95% within {seconds(found.slowest)}"
    if found.spent is not None and found.most_spent is not None:
        most = percent(found.most_spent)
        said += f"; its failures spend {percent(found.spent)} of the error budget, at most {most} in 95%"
    if found.runs < found.asked:
        said += (
            f"; fewer than {found.asked} rollouts, because each takes long: `--rollouts {found.asked}` simulates all"
        )
    return said


def _wrapped(said: str, width: int, indent: str) -> Iterator[str]:
    more = indent + "  "
    yield from wrap(said, max(40, width), initial_indent=indent, subsequent_indent=more)


def json(simulations: Iterable[Simulation]) -> str:
    """Simulations as one JSON document; `version` increases when its structure changes."""
    return dumps({"version": 1, "environments": [_plain(one) for one in simulations]}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    """Records as mappings, and tuples as lists."""
    if isinstance(value, Record):
        found = {name: _plain(getattr(value, name)) for name in value._fields}
        return {**found, "margin": value.margin} if isinstance(value, Promise) else found
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
