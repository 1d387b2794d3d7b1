"""How long loading, starting, and draining take, and the timeouts that Kubernetes needs as a result."""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Duration, Memory
from ...because import Because, decision
from ...finding import refusal
from ...system import Warmup
from ..choose import assumed, count, or_else, readable
from .facts import ServiceFacts
from .files import bytes_of, download_time, transfer

__all__ = ["PROBE_PERIOD", "Timing"]

PROBE_PERIOD = 5
"""Seconds between probes."""

LEAST_DEADLINE = 600
"""The default progress deadline of Kubernetes, in seconds."""


class Timing:
    """The timeouts of one online service."""

    def __init__(self, service: ServiceFacts) -> None:
        self.service = service

    @cached_property
    def load(self) -> Because[Duration]:
        """The time from container start until the model is loaded."""
        part = self.service.part
        size, rate = self.service.files.artifact.size, self.service.scope.platform.planning.load
        if part.load.given is None and size is None:
            guess = _unknown(self.service.accelerated)
            return assumed(f"{part.spec_path}.load", guess.value, guess.reason, guess)
        own = self.service.runtime.start_time
        return or_else(part.load, lambda: _load(size, self.service.accelerated, rate, own))

    @cached_property
    def start(self) -> Because[Duration]:
        """The time to load and to warm up, which the startup probe must allow."""
        return _start(self.load, self.service.part.warmup, self.service.mean_time)

    @cached_property
    def startup_failures(self) -> Because[int]:
        """`failureThreshold` of the startup probe."""
        files = self.service.files
        inside = _fetched_inside(files.source, files.artifact.size, self.service.scope.platform.planning.download)
        return _startup_failures(self.start, inside)

    @cached_property
    def fetch(self) -> Because[Duration]:
        """The time to pull the image and to download the model, before the container starts."""
        rate = self.service.scope.platform.planning.download
        return download_time(self.service.files.artifact.size, self.service.runtime.image_size, rate)

    @cached_property
    def progress_deadline(self) -> Because[int]:
        """Seconds after which a version that is not ready counts as failed."""
        given = self.service.scope.system.rollout.progress_deadline
        if given.given is None:
            return _progress_deadline(self.fetch, self.start)
        if given.given.value <= self.start.value:
            raise refusal(
                "MLS008",
                f"every new version would fail after {given.given.value}, before it is ready",
                given.given,
                others=((self.start, "the load time"),),
                note=f"it becomes ready after {readable(self.start.value)}: {self.start.reason}",
                help="write more than that, plus the time to fetch the image and the model, or remove it",
            )
        return given.given.map(lambda wait: math.ceil(wait.amount))

    @cached_property
    def timeout(self) -> Because[Duration]:
        """How long a request may take: the request timeout of the gateway, if it enforces one."""
        return or_else(self.service.part.endpoint.timeout, lambda: _timeout(*self.service.latency_bounds))

    @cached_property
    def pre_stop(self) -> Because[int]:
        """The preStop delay: seconds to keep serving while endpoints are being updated."""
        return self.service.runtime.drain.pre_stop.map(lambda wait: math.ceil(wait.amount))

    @cached_property
    def drain(self) -> Because[int]:
        """Seconds that the runtime gets to finish requests in flight."""
        return _drain(self.service.runtime.drain.timeout, self.timeout)

    @cached_property
    def grace(self) -> Because[int]:
        """`terminationGracePeriodSeconds`."""
        return _grace(self.pre_stop, self.drain, self.service.runtime.drain.handles_term)


@decision
def _unknown(accelerated: Because[bool]) -> tuple[Duration, str]:
    return Duration(120 if accelerated.value else 30), "a guess, because the model size is unknown"


@decision
def _load(
    size: Because[Memory] | None, accelerated: Because[bool], rate: Because[Bandwidth], own: Because[Duration] | None
) -> tuple[Duration, str]:
    base = 30 if accelerated.value else 5
    if own is not None:
        base = max(base, math.ceil(own.value.amount))
    took = base + transfer(bytes_of(size), rate).amount
    said = f"{size.value} of model files" if size is not None else "a model of unknown size (counted as 1 GB)"
    return Duration(took), f"{base} s to start, plus reading {said} at {rate.value}; set `load` to replace the estimate"


@decision
def _fetched_inside(
    source: Because[str], size: Because[Memory] | None, rate: Because[Bandwidth]
) -> tuple[Duration, str]:
    """The time that the runtime spends on downloading the model itself, inside the running container."""
    if source.value != "hub":
        return Duration(0), "the model is in place before the container starts"
    return transfer(bytes_of(size), rate), f"the runtime downloads the model itself at {rate.value}"


@decision
def _start(load: Because[Duration], warmup: Warmup | None, each: Because[Duration] | None) -> tuple[Duration, str]:
    if warmup is None:
        return load.value, "the load time; there is no warmup"
    one = each.value if each is not None else Duration(1)
    took = load.value.amount + warmup.requests.value * one.amount
    warm = count(warmup.requests.value, "warmup request")
    return Duration(math.ceil(took)), f"{load.value} to load plus {warm} of {one}"


@decision
def _startup_failures(start: Because[Duration], inside: Because[Duration]) -> tuple[int, str]:
    needed, why = start.value.amount, f"{start.value} to start"
    if inside.value.amount:
        needed, why = needed + inside.value.amount, f"({inside.value} to download + {start.value} to start)"
    failures = max(6, math.ceil(2 * needed / PROBE_PERIOD))
    return failures, f"2 x {why}, but at least 30 s, with a probe every {PROBE_PERIOD} s"


@decision
def _progress_deadline(fetch: Because[Duration], start: Because[Duration]) -> tuple[int, str]:
    needed = 2 * (fetch.value.amount + start.value.amount)
    deadline = max(LEAST_DEADLINE, math.ceil(needed / 60) * 60)
    why = f"2 x ({fetch.value} to fetch + {start.value} to start), but at least {LEAST_DEADLINE} s"
    return deadline, f"{why}, in whole minutes"


@decision
def _timeout(*bounds: Because[Duration]) -> tuple[Duration, str]:
    if not bounds:
        return Duration(30), "no latency bound is set; most clients wait 30 s"
    slowest = max(bound.value for bound in bounds)
    waited = max(Duration(1), Duration(math.ceil(4 * slowest.amount)))
    return waited, f"four times the highest latency bound of {slowest}, but at least 1 s"


@decision
def _drain(usual: Because[Duration], timeout: Because[Duration]) -> tuple[int, str]:
    longest = max(usual.value, timeout.value)
    return math.ceil(
        longest.amount
    ), f"the longer of the runtime's default of {usual.value} and the request timeout of {timeout.value}"


@decision
def _grace(pre_stop: Because[int], drain: Because[int], handles_term: Because[bool]) -> tuple[int, str]:
    if not handles_term.value:
        return pre_stop.value + drain.value, (
            f"{pre_stop.value} s before SIGTERM and {drain.value} s after it, because the runtime ignores SIGTERM"
        )
    return pre_stop.value + drain.value + 5, f"{pre_stop.value} s preStop, {drain.value} s to drain, and 5 s to exit"
