"""Constraints of the spec that an evaluation can measure: latency and cost. They can hold a model back. Only a rollout
shows that the served model meets them, with the server and the network around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ...runtime.intervals import quantile_ranks
from ...schema.money import UnitPrice
from ..plan import Plan
from ..plan.choose import count, number, percentiles, seconds
from ..plan.distributions import normal_quantile
from .measures import Z
from .report import Answer, LimitResult, Measurement

__all__ = ["latency_of", "limits", "served"]

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}

MONTH = 730 * 3600
"""Seconds, as for the plan's bill."""


def limits(plan: Plan, metrics: dict[str, Any]) -> list[LimitResult]:
    """What was measured of each constraint."""
    serving = metrics.get("serving", {})
    measured = latency_of(serving)
    bounds = percentiles(plan.system.constraints.latency)
    found = [_latency(name, float(bound.value), measured.get(name)) for name, bound in bounds.items()]
    return [*found, *_cost(plan, serving.get("cost"))]


def served(plan: Plan, metrics: dict[str, Any]) -> list[Measurement]:
    """The other measurements."""
    serving, bounds = metrics.get("serving", {}), percentiles(plan.system.constraints.latency)
    found = [
        Measurement(name=f"latency {name}", value=seconds(entry["value"]))
        for name, entry in latency_of(serving).items()
        if name not in bounds
    ]
    if "throughput" in serving:
        found.append(Measurement(name="throughput", value=f"{number(serving['throughput'])}/s"))
    if "cost" in serving and plan.system.constraints.budget is None:
        found.append(Measurement(name="cost", value=serving["cost"]))
    return found


def latency_of(serving: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entry of each percentile and of the mean, in seconds: as stated, otherwise from the time of each request."""
    latency = dict(serving.get("latency", {}))
    times, samples = sorted(latency.pop("seconds", ())), latency.pop("samples", None)
    if times:
        latency = {name: _of_times(times, share) for name, share in SHARES.items()} | latency
        latency.setdefault("mean", {"value": math.fsum(times) / len(times)})
        samples = len(times) if samples is None else samples
    more = {} if samples is None else {"samples": samples}
    return {name: {**entry, **more} for name, entry in latency.items()}


def _of_times(times: list[float], share: float) -> dict[str, Any]:
    """A percentile of sorted times, with the limits that their ranks have; without a rank, there is no limit."""
    entry: dict[str, Any] = {"value": times[math.ceil(share * len(times)) - 1], "confidence": 0.9}
    low, high = quantile_ranks(len(times), share, Z)
    if low is not None:
        entry["low"] = times[low - 1]
    if high is not None:
        entry["high"] = times[high - 1]
    return entry


def _latency(name: str, bound: float, entry: dict[str, Any] | None) -> LimitResult:
    made = LimitResult(
        title=f"latency {name}",
        asked=f"at most {seconds(bound)}",
        found="not measured",
        verdict=None,
        why="the rollout measures it",
    )
    if entry is None:
        return made
    many = f" of {count(entry['samples'], 'request')}" if "samples" in entry else ""
    verdict, why = _judged(entry, bound)
    return made.but(found=f"{seconds(entry['value'])}{many}", verdict=verdict, why=why)


def _judged(entry: dict[str, Any], bound: float) -> tuple[Answer | None, str]:
    value = entry["value"]
    low, high = (_at_z(entry, key) for key in ("low", "high"))
    if low is not None and low > bound:
        return "reject", f"the lower limit {seconds(low)} is above it"
    if value > bound:
        return "iterate", "the measured value is above it"
    if high is None:
        return None, "there is no upper limit: too few requests, or no interval"
    if high <= bound:
        return "ship", f"the upper limit {seconds(high)} is within it"
    return "iterate", f"the upper limit {seconds(high)} is above it"


def _at_z(entry: dict[str, Any], key: str) -> float | None:
    """A stated limit at our confidence."""
    if key not in entry:
        return None
    stated = normal_quantile((1 + entry.get("confidence", 0.95)) / 2)
    return max(0.0, float(entry["value"] + (entry[key] - entry["value"]) * Z / stated))


def _cost(plan: Plan, given: str | None) -> Iterator[LimitResult]:
    """The monthly cost at the mean rate against the budget, if both are in the same currency."""
    budget, rate = plan.system.constraints.budget, plan.system.constraints.throughput.mean
    if budget is None:
        return
    made = LimitResult(
        title="cost",
        asked=f"at most {budget.value}",
        found="not measured",
        verdict=None,
        why="`mlspec plan` has the bill of the replicas",
    )
    price = UnitPrice.parse(given) if given is not None else None
    if price is None:
        yield made
    elif price.per != "prediction" or rate is None or price.currency != budget.value.currency:
        yield made.but(found=str(price), why="not comparable with the budget, in its currency, per prediction")
    else:
        month = float(price.amount * rate.value.amount) * MONTH
        said = f"{number(month)} {price.currency}/month at {rate.value}"
        over = month > float(budget.value.amount)
        why = "over the budget" if over else "within the budget, for the predictions alone"
        yield made.but(found=f"{price}: {said}", verdict="iterate" if over else "ship", why=why)
