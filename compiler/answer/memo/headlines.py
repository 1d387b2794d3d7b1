"""The ten lines at the top of a memo: what a manager asks, answered with values that the memo explains below.

Each line cites the decisions that its numbers come from, or the path of a number in the spec. A line is composed from
those values only, so it cannot say another number than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ...because import Because, Unavailable
from ...diagnostics import Diagnostic
from ...finding import Refusal
from ...plan import Plan
from ...plan.choose import count
from ...plan.service import ServicePlan
from ...plan.serving.identity import Measured
from ...record import Record
from . import names
from .line import shown

__all__ = ["Citation", "Headline", "headlines"]

BOUNDS: tuple[tuple[Measured, str, str], ...] = (
    ("latency", "latency", ""),
    ("first_token", "firstToken", "first token "),
    ("inter_token", "interToken", "inter-token "),
)
"""The bounds of a service: the attribute, the key in the spec, and the words before the percentile."""

SEVERITIES = ("error", "warning", "info")


ASSUMPTIONS = "Assumptions"

MOST = 3
"""How many things to measure are named."""


class Citation(Record):
    """A value that a headline quotes."""

    area: str
    """The area of the decision; empty if the value is set in the spec."""
    title: str
    """The title of the decision, or the path in the spec."""
    value: str


class Headline(Record):
    """One line of the summary."""

    topic: str
    text: str
    cites: tuple[Citation, ...]


class _Quotes:
    """The values that headlines may quote; it notes which ones they do."""

    def __init__(self, values: dict[tuple[str, str], str]) -> None:
        self._values = values
        self.used: list[Citation] = []

    def __call__(self, area: str, title: str) -> str:
        """The value of a decision; empty if the memo has no such decision."""
        value = self._values.get((area, title), "")
        if value:
            self.used.append(Citation(area=area, title=title, value=value))
        return value

    def spec(self, path: str, value: Because[Any]) -> str:
        """A value that the spec sets."""
        said = shown(value.value)
        self.used.append(Citation(area="", title=path, value=said))
        return said

    def assumed(self, path: str, value: str) -> str:
        """The value of an assumption."""
        self.used.append(Citation(area=ASSUMPTIONS, title=path, value=value))
        return value


def headlines(
    plan: Plan, values: dict[tuple[str, str], str], found: Iterable[Diagnostic], estimates: Iterable[tuple[str, str]]
) -> tuple[Headline, ...]:
    """The ten lines. `values` are the decisions by area and title; `estimates` are assumptions with their values, those
    with the largest effect first; `found` are the findings in this environment.
    """
    return tuple(_headline(topic, write, plan, values) for topic, write in _writers(_sorted(found), [*estimates]))


_Write = Callable[[Plan, "_Quotes"], str]


def _writers(found: list[Diagnostic], estimates: list[tuple[str, str]]) -> Iterator[tuple[str, _Write]]:
    """What each line is about, in order, and the function that writes it."""
    yield "purpose", _purpose
    yield "promises", partial(_promises, found)
    yield "runs on", _hardware
    yield "load", _load
    yield "cost", _cost
    yield "rollout", _rollout
    yield "quality", _quality
    yield "learning", _learning
    yield "risk", partial(_risk, found)
    yield "measure", partial(_measure, estimates)


def _headline(topic: str, write: _Write, plan: Plan, values: dict[tuple[str, str], str]) -> Headline:
    quote = _Quotes(values)
    try:
        return Headline(topic=topic, text=write(plan, quote), cites=tuple(quote.used))
    except (Refusal, Unavailable):
        return Headline(topic=topic, text="undecided, because the spec has an error: see `mlspec lint`", cites=())


def _sorted(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Errors first, then what is wrong with the system, and then what is wrong with the spec (MLS0)."""

    def order(one: Diagnostic) -> tuple[bool, bool, int, str]:
        return one.severity != "error", one.id.startswith("MLS0"), SEVERITIES.index(one.severity), one.id

    return sorted(found, key=order)


def _joined(parts: Iterable[str], by: str = ", ") -> str:
    return by.join(part for part in parts if part)


def _each(plan: Plan, say: Callable[[str, Any], str]) -> str:
    """What there is to say about each service, after its name if there are several."""
    services = {**dict(plan.online.items()), **dict(plan.batch.items())}
    said = {key: say(key, service) for key, service in services.items()}
    return _joined((f"{key}: {text}" if len(said) > 1 and text else text for key, text in said.items()), "; ")


# The lines


def _purpose(_: Plan, quote: _Quotes) -> str:
    return quote("Problem", "use case")


def _promises(found: list[Diagnostic], plan: Plan, quote: _Quotes) -> str:
    bounds = _each(plan, lambda _, service: _joined(_bounds(plan, quote, service)))
    if not bounds:
        return "the spec states no bound"
    relevant = [one.severity for one in found if one.id[:4] in ("MLS4", "MLS5") and one.severity != "info"]
    worst = min(relevant, key=SEVERITIES.index, default="")
    measured = all(service.part.service_time is not None for service in plan.online.values())
    kept = "kept by this plan" if measured else "kept if the estimates are right"
    return f"{ {'': kept, 'warning': 'in doubt', 'error': 'not kept'}[worst] }: {bounds}"


def _bounds(plan: Plan, quote: _Quotes, service: Any) -> Iterator[str]:
    own, system = service.part.constraints, plan.system.constraints
    path = f"{service.part.spec_path}.constraints"
    if isinstance(service, ServicePlan):
        for attribute, key, word in BOUNDS:
            latency = service.bounds(attribute)
            at = path if latency is getattr(own, attribute) else "constraints"
            for percentile in latency.fields:
                value = getattr(latency, percentile)
                if value is not None:
                    yield f"{word}{percentile} {quote.spec(f'{at}.{key}.{percentile}', value)}"
        if service.availability is not None:
            at = path if own.availability is not None else "constraints"
            yield f"{quote.spec(f'{at}.availability', service.availability)} available"
    elif own.deadline is not None or system.deadline is not None:
        at, deadline = (path, own.deadline) if own.deadline is not None else ("constraints", system.deadline)
        assert deadline is not None
        yield f"done within {quote.spec(f'{at}.deadline', deadline)}"


def _hardware(plan: Plan, quote: _Quotes) -> str:
    said = _each(plan, lambda key, service: _on(plan, quote, key, service))
    if said or plan.training is None:
        return said or "nothing is served here"
    asked, path = plan.training.part.resources, "training.resources"
    device = asked.accelerator
    devices = ""
    if device is not None:
        many = quote.spec(f"{path}.accelerator.count", device.count)
        devices = f"{many} x {quote.spec(f'{path}.accelerator.type', device.type)}"
    cpu = f"{quote.spec(f'{path}.cpu', asked.cpu)} cores"
    return f"a pod for training: {_joined((devices, cpu, quote.spec(f'{path}.memory', asked.memory)))}"


def _on(plan: Plan, quote: _Quotes, key: str, service: Any) -> str:
    if not isinstance(service, ServicePlan):
        area = names.batch(service, key)
        of = _joined((quote(area, "CPU per pod"), quote(area, "memory per pod")))
        return f"{quote(area, 'parallel pods')}, each {of}"
    area = names.capacity(service, key)
    least, most = quote(area, "minimum replicas"), quote(area, "maximum replicas")
    some = most if least == most else f"{least.partition(' ')[0]} to {most}"
    devices = quote(names.hardware(plan, service, key), "accelerators per replica")
    return f"{some}, each {_joined((devices, quote(area, 'CPU per replica'), quote(area, 'memory per replica')))}"


def _load(plan: Plan, quote: _Quotes) -> str:
    return _each(plan, lambda key, service: _carried(quote, key, service)) or "the spec states no load"


def _carried(quote: _Quotes, key: str, service: Any) -> str:
    own, path = service.part.constraints, f"{service.part.spec_path}.constraints"
    if not isinstance(service, ServicePlan):
        at = path if own.items is not None else "constraints"
        items = f"{quote.spec(f'{at}.items', service.total)} items per run" if service.total is not None else ""
        took = quote(names.batch(service, key), "time of a run")
        return _joined((items, f"a run takes {took}" if took else ""))
    at = path if own.throughput.node is not None else "constraints"
    mean, peak = service.traffic("mean"), service.traffic("peak")
    asked = _joined(
        (
            f"{quote.spec(f'{at}.throughput.mean', mean)} on average" if mean is not None else "",
            f"{quote.spec(f'{at}.throughput.peak', peak)} at the peak" if peak is not None else "",
        )
    )
    able = quote(names.capacity(service, key), "headroom: maximum sustainable rate")
    return _joined((asked, f"the plan can sustain {able}" if able else ""), "; ")


def _cost(plan: Plan, quote: _Quotes) -> str:
    total, budget = quote("Cost", "total"), plan.system.constraints.budget
    if not total:
        return "nothing that has a price runs here"
    of = f"of a budget of {quote.spec('constraints.budget', budget)}" if budget is not None else "(no budget set)"
    units = [(name, quote("Cost", f"unit price, {name}")) for name in (*plan.online, *plan.batch)]
    several = sum(bool(price) for _, price in units) > 1
    each = (f"{name} {price}" if several else price for name, price in units if price)
    return _joined((f"{total} {of}", *each), "; ")


def _rollout(plan: Plan, quote: _Quotes) -> str:
    return _each(plan, lambda key, service: _replaced(quote, key, service)) or "nothing is served here"


def _replaced(quote: _Quotes, key: str, service: Any) -> str:
    if not isinstance(service, ServicePlan):
        return (
            f"the next run uses a new version; runs are {quote(names.batch(service, key), 'time between runs')} apart"
        )
    area = names.rollout(service, key)
    shadow, canary = quote(area, "shadow duration"), quote(area, "rollout duration")
    stages = _joined((f"{shadow} of shadow" if shadow else "", f"{canary} of canary" if canary else ""), ", then ")
    return f"a new version takes {stages}" if stages else "a new version replaces all replicas at once"


def _quality(plan: Plan, quote: _Quotes) -> str:
    evaluation = plan.system.evaluation
    live = (f"{name} {quote(f'Model {name}', 'live version')}" for name in plan.system.models)
    if evaluation is None:
        return f"no evaluation judges it; live is {_joined(live)}"
    metric, said = evaluation.primary.value, ""
    for name, selection in plan.selections.items():
        chosen = selection.selected
        value = quote(f"Model {name}", f"{chosen.name.value}, {metric}") if chosen is not None else ""
        said = (
            f"{chosen.name.value} has a {metric} of {value.partition(' ')[0]}" if chosen is not None and value else said
        )
    seen = quote("Evaluation", f"{metric}, smallest visible difference")
    gates = f"gates see differences from {seen.partition(' ')[0]}" if seen else ""
    return _joined((said, gates), "; ") or f"judged by {metric}"


def _learning(plan: Plan, quote: _Quotes) -> str:
    cadence, area = plan.cadence, "Age of the model"
    if cadence is None:
        return "no model is trained here"
    oldest, most = quote(area, "age of the model that is replaced"), quote(area, "maximum model age")
    proposed = quote(area, "proposed maximum model age")
    noticed, corrected = quote(area, "time to notice a drop in quality"), quote(area, "time to correct it")
    limit = f"its limit is {most}" if most else f"no limit is set, and {proposed} is proposed" if proposed else ""
    return _joined(
        (
            f"a model is {oldest} old when it is replaced" if oldest else "runs start manually",
            limit,
            f"a drop in quality shows after {noticed} and is gone after {corrected}" if noticed else "",
        ),
        "; ",
    )


def _risk(found: list[Diagnostic], _: Plan, __: _Quotes) -> str:
    if not found:
        return "none found by lint"
    worst = found[0]
    more = count(len(found) - 1, "more finding") if len(found) > 1 else ""
    return _joined((f"{worst.severity} {worst.id}, {worst.message}", more), "; ")


def _measure(estimates: list[tuple[str, str]], plan: Plan, quote: _Quotes) -> str:
    """What is not measured yet, and the estimates with the largest effect."""
    missing = [
        f"{service.part.spec_path}.serviceTime, which is not measured"
        for service in plan.online.values()
        if service.part.service_time is None
    ]
    named = estimates[: max(0, MOST - len(missing))]
    said = [f"{path} (assumed {quote.assumed(path, value)})" for path, value in named]
    next_ = _joined(missing[:MOST] + said, "; ")
    return f"next: {next_}" if next_ else "everything that matters is measured"
