"""How long things take: loading, starting, draining, and what Kubernetes must therefore be told to wait."""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Duration, Memory
from ...because import Because, decision
from ...finding import refusal
from ...system import Warmup
from ..choose import assumed, or_else, spelt
from .facts import ServiceFacts
from .files import bytes_of, download_time, transfer

__all__ = ["PROBE_PERIOD", "Timing"]

PROBE_PERIOD = 5
"""Seconds between two probes."""

LEAST_DEADLINE = 600
"""Seconds: Kubernetes' own progress deadline."""


class Timing:
    """The times of one online service."""

    def __init__(self, service: ServiceFacts) -> None:
        self.service = service

    @cached_property
    def load(self) -> Because[Duration]:
        """From the container's start until the model is loaded."""
        part = self.service.part
        size, rate = self.service.files.artifact.size, self.service.scope.platform.planning.load
        if part.load.given is None and size is None:
            guess = _unknown(self.service.accelerated)
            return assumed(f"{part.spec_path}.load", guess.value, guess.reason, guess)
        return or_else(part.load, lambda: _load(size, self.service.accelerated, rate))

    @cached_property
    def start(self) -> Because[Duration]:
        """Loading and warming up: what the startup probe must bear."""
        return _start(self.load, self.service.part.warmup, self.service.mean_time)

    @cached_property
    def startup_failures(self) -> Because[int]:
        """`failureThreshold` of the startup probe."""
        files = self.service.files
        inside = _fetched_inside(files.source, files.artifact.size, self.service.scope.platform.planning.download)
        return _startup_failures(self.start, inside)

    @cached_property
    def fetch(self) -> Because[Duration]:
        """Pulling the image and downloading the model, before the container starts."""
        rate = self.service.scope.platform.planning.download
        return download_time(self.service.files.artifact.size, self.service.runtime.image_size, rate)

    @cached_property
    def progress_deadline(self) -> Because[int]:
        """Seconds after which a version that has not become ready has failed."""
        given = self.service.scope.system.rollout.progress_deadline
        if given.given is None:
            return _progress_deadline(self.fetch, self.start)
        if given.given.value <= self.start.value:
            raise refusal(
                "MLS008",
                f"every new version would have failed after {given.given.value}",
                given.given,
                others=((self.start, "how long it loads"),),
                note=f"until it is ready it takes {spelt(self.start.value)}: {self.start.reason}",
                help="write more than that, with time to fetch the image and the model, or leave it out",
            )
        return given.given.map(lambda wait: math.ceil(wait.amount))

    @cached_property
    def timeout(self) -> Because[Duration]:
        """When the gateway gives up on a request."""
        return or_else(self.service.part.endpoint.timeout, lambda: _timeout(*self.service.latency_bounds))

    @cached_property
    def pre_stop(self) -> Because[int]:
        """Seconds of serving on while the endpoint is taken away."""
        return self.service.runtime.drain.pre_stop.map(lambda wait: math.ceil(wait.amount))

    @cached_property
    def drain(self) -> Because[int]:
        """Seconds that the runtime is given to finish what is in flight."""
        return _drain(self.service.runtime.drain.timeout, self.timeout)

    @cached_property
    def grace(self) -> Because[int]:
        """`terminationGracePeriodSeconds`."""
        return _grace(self.pre_stop, self.drain, self.service.runtime.drain.handles_term)


@decision
def _unknown(accelerated: Because[bool]) -> tuple[Duration, str]:
    return Duration(120 if accelerated.value else 30), "the size of the model is not known"


@decision
def _load(size: Because[Memory] | None, accelerated: Because[bool], rate: Because[Bandwidth]) -> tuple[Duration, str]:
    base = 30 if accelerated.value else 5
    took = base + transfer(bytes_of(size), rate).amount
    said = f"{size.value} read" if size is not None else "the model read"
    return Duration(took), f"{base} s to start and {said} at {rate.value}; `load` replaces the estimate"


@decision
def _fetched_inside(
    source: Because[str], size: Because[Memory] | None, rate: Because[Bandwidth]
) -> tuple[Duration, str]:
    """What the runtime downloads itself, when its container runs already."""
    if source.value != "hub":
        return Duration(0), "the model is there before the container starts"
    return transfer(bytes_of(size), rate), f"the runtime downloads it itself, at {rate.value}"


@decision
def _start(load: Because[Duration], warmup: Warmup | None, each: Because[Duration] | None) -> tuple[Duration, str]:
    if warmup is None:
        return load.value, "the time to load; nothing is warmed up"
    one = each.value if each is not None else Duration(1)
    took = load.value.amount + warmup.requests.value * one.amount
    return Duration(math.ceil(took)), f"{load.value} to load and {warmup.requests.value} requests of {one} to warm up"


@decision
def _startup_failures(start: Because[Duration], inside: Because[Duration]) -> tuple[int, str]:
    needed, why = start.value.amount, f"{start.value} to start"
    if inside.value.amount:
        needed, why = needed + inside.value.amount, f"{inside.value} to download and {why}"
    failures = max(6, math.ceil(2 * needed / PROBE_PERIOD))
    return failures, f"twice {why}, asked every {PROBE_PERIOD} s, and never less than 30 s"


@decision
def _progress_deadline(fetch: Because[Duration], start: Because[Duration]) -> tuple[int, str]:
    needed = 2 * (fetch.value.amount + start.value.amount)
    deadline = max(LEAST_DEADLINE, math.ceil(needed / 60) * 60)
    return deadline, f"twice {fetch.value} to fetch and {start.value} to start, and never less than {LEAST_DEADLINE} s"


@decision
def _timeout(*bounds: Because[Duration]) -> tuple[Duration, str]:
    if not bounds:
        return Duration(30), "no latency bound is given; 30 s is what most callers wait"
    slowest = max(bound.value for bound in bounds)
    waited = max(Duration(1), Duration(math.ceil(4 * slowest.amount)))
    return waited, f"four times the slowest latency bound, {slowest}, and at least 1 s"


@decision
def _drain(usual: Because[Duration], timeout: Because[Duration]) -> tuple[int, str]:
    longest = max(usual.value, timeout.value)
    return math.ceil(
        longest.amount
    ), f"the longer of the runtime's usual {usual.value} and the request timeout of {timeout.value}"


@decision
def _grace(pre_stop: Because[int], drain: Because[int], handles_term: Because[bool]) -> tuple[int, str]:
    if not handles_term.value:
        return pre_stop.value + drain.value, (
            f"{pre_stop.value} s before and {drain.value} s after the signal, which the runtime ignores"
        )
    return pre_stop.value + drain.value + 5, f"{pre_stop.value} s preStop, {drain.value} s to drain, and 5 s to exit"
