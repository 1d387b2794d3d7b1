"""Rules on capacity: promises must be possible within the limits, and must be based on measurements."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Cores, Duration, Rate
from ...because import Because, first
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number, percentiles
from ...plan.service import ServicePlan
from ...plan.serving.capacity import carrying, for_a_guess
from ...plan.training.comparison import at_least_takes
from ...system import Batching, MLSystem
from ..lint import rule

__all__ = ["bound_below_the_model", "idle_slots", "too_few_replicas", "unproven"]


@rule(
    "MLS403",
    "error",
    "constraints.latency",
    "services.*.constraints.latency",
    "services.*.serviceTime",
    "models.*.candidates.*.latency",
)
def bound_below_the_model(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Latency bound that an idle replica misses.

    Why: queueing, the runtime, and the network add to the model's own latency. More replicas do not make a single
    request faster, so the error budget burns from day one. Without a measured tail, the planner assumes an exponential
    one, in which 1% of requests take 4.6 times the mean.

    Bad:
        constraints: {latency: {p99: 30ms}}
        serving: {serviceTime: {mean: 9ms, p99: 38ms}}
    Good:
        constraints: {latency: {p99: 60ms}}
        serving: {serviceTime: {mean: 9ms, p99: 38ms}}
    """
    for service in plan.online.values():
        known = _own_time(plan, service)
        for percentile, bound in percentiles(service.bounds("latency")).items():
            slow = at_least_takes(known, percentile)
            if slow is None or slow.value <= bound.value:
                yield from _missed_when_idle(service, percentile)
            elif not _told(plan, service, slow):
                what = next(name for name, time in known.items() if time is slow)
                yield finding(
                    "MLS403",
                    f"the {percentile} bound is {bound.value}, but the model alone takes {slow.value} at {what}",
                    bound,
                    others=((slow, "the model's own latency"),),
                    note="queueing and the network add to it, and more replicas do not make a single request faster",
                    help=f"write a bound above `{slow.value}`, or use a faster model or an accelerator",
                )


def _missed_when_idle(service: ServicePlan, percentile: str) -> Iterator[Diagnostic]:
    """A bound that leaves no time for queueing, although no measured percentile exceeds it."""
    if service.demand is None:
        return
    promises = service.demand.promises
    for promise in promises.bounds:
        if promise.percentile != percentile or promises.possible(promise):
            continue
        alone, least = promises.alone(promise), promises.least(promise)
        measured = promises.work.value.spread is not None
        delay = [(promises.delay, "how long each batch waits")] if promises.delay is not None else []
        yield finding(
            "MLS403",
            f"the {percentile} bound is {promise.bound.value}, but an idle replica takes longer for {_share(alone)} of "
            "requests",
            promise.bound,
            others=((service.mean_time, "the time per request"), *delay, *((hop, hop.reason) for hop in promises.hops)),
            note=f"{promises.work.reason}; only {_share(promise.late)} may be late, queueing adds to it, and more "
            "replicas do not make a single request faster",
            help=f"write a bound of `{least}` or more, or use a faster model"
            if measured
            else f"measure `serviceTime.p995`, which replaces the assumed tail, or write a bound of `{least}` or more",
        )


def _share(share: float) -> str:
    return f"{number(100 * share)}%"


def _own_time(plan: Plan, service: ServicePlan) -> dict[str, Because[Duration]]:
    """The model's own latency by percentile: as measured, else as the selected candidate declares it."""
    measured = service.part.service_time
    if measured is not None and (measured.p99 is not None or measured.p995 is not None):
        found = {"p99": measured.p99, "p995": measured.p995}
        return {name: time for name, time in found.items() if time is not None}
    selection = plan.selections.get(service.model.value)
    selected = selection.selected if selection is not None else None
    return percentiles(selected.latency) if selected is not None and selected.latency is not None else {}


def _told(plan: Plan, service: ServicePlan, time: Because[Duration]) -> bool:
    """Whether MLS208 reports that another candidate is fast enough."""
    selection = plan.selections.get(service.model.value)
    if selection is None or selection.selected is None:
        return False
    missed = selection.missed(selection.selected)
    return any(check.reached is time and selection.keepers(check) for check in missed)


@rule(
    "MLS404",
    "error",
    "constraints.throughput if services.*[mode=online]",
    "services.*.constraints.throughput",
    "services.*.constraints.maxReplicas",
    "services.*.replicas",
    "services.*.serviceTime",
)
def too_few_replicas(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Fewer replicas than the peak needs.

    Why: the arrival rate times the service time is the number of requests in progress (Little's law). If the allowed
    replicas have fewer slots than that, queues grow for as long as the peak lasts.

    Bad:
        constraints: {throughput: {mean: 200/s, peak: 2000/s}}
        serving: {serviceTime: {mean: 9ms, at: 4}, replicas: {max: 4}}
    Good:
        constraints: {throughput: {mean: 200/s, peak: 2000/s}}
        serving: {serviceTime: {mean: 9ms, at: 4}, replicas: {max: 8}}
    """
    for service in plan.online.values():
        peak = first(service.traffic("peak"), service.traffic("mean"))
        if peak is None or service.demand is None:
            continue
        needed = carrying(peak, service.demand, service.care)
        scaled = service.scales.value
        allowed = service.max_replicas if scaled else service.min_replicas
        if allowed.value < needed.value:
            given = service.part.replicas.max.given if scaled else service.part.replicas.min.given
            key = "maxReplicas" if given is None else f"replicas.{'max' if scaled else 'min'}"
            busy = service.demand.load(float(peak.value)) / (service.slots.value * allowed.value or 1)
            yield finding(
                "MLS404",
                f"the peak of {peak.value} needs {count(needed.value, 'replica')}, but the limit is {allowed.value}",
                first(given, service.part.constraints.max_replicas, system.constraints.max_replicas),
                peak,
                others=((peak, "the peak"), (service.mean_time, "the time per request")),
                note=f"{needed.reason}; {count(allowed.value, 'replica')} would be {busy:.0%} busy",
                help=f"set `{key}` to {needed.value}, or make the model faster",
            )


@rule(
    "MLS410",
    "warning",
    "services.*.serviceTime",
    "constraints.throughput if services.*[mode=online]",
    "services.*.constraints.throughput",
)
def unproven(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Capacity without a measurement.

    Why: the number of replicas follows from the request rate and the service time. Without a measured service time
    there are two replicas, and the first busy day shows whether that is enough.

    Bad:
        serving: {serviceTime: null}
    Good:
        serving: {serviceTime: {mean: 2ms, at: 1}}
    """
    for service in plan.online.values():
        given, rate = service.part.replicas, first(service.traffic("peak"), service.traffic("mean"))
        derived = given.min.given is None or given.max.given is None
        if not derived or rate is None:
            continue
        yield from _for_a_guess(service, rate)
        if service.needed(rate) is None:
            yield finding(
                "MLS410",
                f"the service time is not set, so it is unclear how many replicas can serve {rate.value}",
                service.runtime_name,
                others=((rate, "the load"),),
                note=f"the number of replicas, {service.for_peak.value}, is a guess until a load test confirms it",
                help="load-test one replica at the concurrency that it should handle, and write the result, such as "
                "`serviceTime: {mean: 9ms, at: 4, p995: 20ms}`",
            )


def _for_a_guess(service: ServicePlan, peak: Because[Rate]) -> Iterator[Diagnostic]:
    """Replicas for a tail of the service time that was never measured: the plan assumes the most cautious one."""
    demand, needed = service.demand, service.for_peak
    if demand is None or not for_a_guess(float(peak.value), demand, needed.value):
        return
    mean = demand.service
    yield finding(
        "MLS410",
        f"most of the {needed.value} replicas are for slow requests that were never measured",
        mean,
        others=((peak, f"keeps {demand.busy(float(peak.value), needed.value):.0%} of their slots busy"),),
        note=f"the plan assumes an exponential distribution: {demand.promises.work.reason}",
        help=f"load-test one replica, and write its p99, too: `serviceTime: {{mean: {mean.value}, p99: ...}}`",
    )


@rule("MLS411", "warning", "services.*.serviceTime.at", "services.*.batching", "services.*.resources.cpu")
def idle_slots(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Concurrency that does not match the cores or the batch size.

    Why: if a request keeps a core busy, more requests than cores only take turns. And a batch larger than the number of
    requests in flight never fills, so every batch waits out its full delay. A language-model server works on at most
    `maxSize` requests, so a time that was measured with more of them does not hold.

    Bad:
        serving: {serviceTime: {mean: 2ms, at: 4}, batching: {maxSize: 64, maxDelay: 5ms}}
    Good:
        serving: {serviceTime: {mean: 2ms, at: 4}, batching: {maxSize: 4, maxDelay: 5ms}}
    """
    for service in plan.online.values():
        time, cores = service.part.service_time, service.part.resources.cpu.given
        if time is None:
            continue
        yield from _never_full(service.part.batching, time.at)
        yield from _never_taken(service, time.at)
        bound = service.runtime.cpu_bound.value and not service.accelerated.value
        if cores is not None and bound and time.at.value > cores.value.amount:
            yield finding(
                "MLS411",
                f"a replica works on {count(time.at.value, 'request')} at once with only {_cores(cores)}",
                cores,
                others=((time.at, "requests in flight"),),
                note="each request keeps a core busy, so the others wait and every response takes longer",
                help=f"write `cpu: {time.at.value}`"
                + (f", or measure again with `at: {whole}`" if (whole := int(cores.value.amount)) else ""),
            )


def _cores(cores: Because[Cores]) -> str:
    whole = int(cores.value.amount)
    return count(whole, "core") if whole == cores.value.amount else f"{cores.value.amount} cores"


def _never_taken(service: ServicePlan, at: Because[int]) -> Iterator[Diagnostic]:
    """A service time that was measured with more requests in flight than the server takes."""
    if service.slots.value < at.value:
        yield finding(
            "MLS411",
            f"the service time holds for {count(at.value, 'request')} in flight, but a replica takes at most "
            f"{service.slots.value}",
            at,
            others=((service.slots, "the limit"),),
            note="the others wait, so a replica answers fewer requests per second than planned",
            help=f"write `maxSize: {at.value}`, or measure again with `at: {service.slots.value}`",
        )


def _never_full(batching: Batching | None, slots: Because[int]) -> Iterator[Diagnostic]:
    """A batch that waits for more requests than are ever in flight; without a delay, it does not wait."""
    if batching is not None and batching.max_delay is not None and batching.max_size.value > slots.value:
        yield finding(
            "MLS411",
            f"a batch of {batching.max_size.value} never fills with {count(slots.value, 'request')} in flight",
            batching.max_size,
            others=((slots, "in flight on one replica"), (batching.max_delay, "how long each batch waits")),
            note=f"every batch waits the full {batching.max_delay.value} for requests that do not come",
            help=f"write `maxSize: {slots.value}`, or measure again with `at: {batching.max_size.value}`",
        )
