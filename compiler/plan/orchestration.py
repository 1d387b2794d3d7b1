"""What starts training runs, and how Prometheus sees them: the platform's orchestration provider.

Argo Workflows traps handled here: its own metrics count workflows of the whole cluster, and start again with its
controller, so none of them says when a run last succeeded. Each of its runs is a Job, which kube-state-metrics exports
as long as it exists. So a run is kept until the alerts on the age of the last success no longer need it.
"""

from __future__ import annotations

from functools import cached_property

from ...schema.units import Duration
from ..because import Because, because, decision
from ..system import OrchestrationCapability
from .scope import Scope

__all__ = ["Orchestration", "kept"]

SPARE = 86400
"""Seconds that a run is kept after an alert on it has fired, so that the alert does not end with its reason."""


class Orchestration:
    """The orchestration provider of an environment."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def provider(self) -> Because[str]:
        """The provider."""
        return self._scope.platform.orchestration.provider

    @property
    def _entry(self) -> OrchestrationCapability:
        return self._scope.platform.providers.orchestration[self.provider.value]

    @cached_property
    def starts(self) -> Because[str]:
        """The object that a run is created from: `cron-job` or `cron-workflow`."""
        starts = self._entry.starts
        return because(starts.value, "the object that a run is created from", starts, self.provider)

    @cached_property
    def observed(self) -> Because[str]:
        """What kube-state-metrics exports: the status of a `schedule`, or only the Jobs of its `runs`."""
        observed = self._entry.observed
        return because(observed.value, "what kube-state-metrics exports", observed, self.provider)


@decision
def kept(least: Because[int], stale: Because[Duration], observed: Because[str]) -> tuple[int, str]:
    """How many seconds to keep a finished run."""
    needed = int(stale.value.amount) + SPARE
    why = f"{observed.reason}: {observed.value}; an alert reads the age of the last success from its Job"
    return max(least.value, needed), why
