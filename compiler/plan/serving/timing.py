"""How long requests and draining take, and the timeouts that Kubernetes needs as a result."""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.units import Duration
from ...because import Because, decision
from ..choose import or_else
from .facts import ServiceFacts
from .recording import chosen, recorder

__all__ = ["Timing"]

FLUSH = 20
"""Seconds that the recorder gets to upload its last file, after the server has ended (`runtime/capture/serve.py`)."""


class Timing:
    """The timeouts of one online service, whichever version answers."""

    def __init__(self, service: ServiceFacts) -> None:
        self.service = service

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
        alone = _grace(self.pre_stop, self.drain, self.service.runtime.drain.handles_term)
        found = recorder(self.service.scope, self.service.part)
        if found is None:
            return alone.also(chosen(self.service.scope, self.service.part))
        return _with_recorder(alone, found.part.by)


@decision
def _with_recorder(alone: Because[int], by: Because[str]) -> tuple[int, str]:
    """A sidecar ends after the main container, within the same grace period (kubernetes.io, Sidecar containers)."""
    return alone.value + FLUSH, f"{alone.reason}, and {FLUSH} s for the {by.value} to upload its last file"


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
