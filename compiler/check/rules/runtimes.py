"""The rule on serving runtimes: one that is no longer maintained gets no fixes."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ...words import listing
from ..lint import rule

__all__ = ["unmaintained_runtime"]

MEANING = {
    "maintenance": "is in maintenance mode: it gets minor fixes and no new features",
    "ended": "is no longer maintained, and gets no security patches",
}


@rule(
    "MLS412",
    "warning",
    "services.*.container.support",
    "services.*.container.notice",
    "services.*.container.successors",
)
def unmaintained_runtime(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Serving runtime that is no longer maintained.

    Why: a server that is exposed to the network needs patches for as long as it runs. Once its maintainers stop, the
    next vulnerability in it or in its dependencies stays open, and the next model or accelerator does not work.
    Migrating takes weeks, so start before support ends.

    Bad:
        serving: {runtime: torchserve}
    Good:
        serving: {runtime: triton}
    """
    for service in plan.online.values():
        name, runtime = service.runtime_name, service.runtime
        meaning = MEANING.get(runtime.support.value)
        if meaning is not None:
            successors = [successor.value for successor in runtime.successors]
            yield finding(
                "MLS412",
                f"`{name.value}` {meaning}",
                name,
                note=runtime.notice.value if runtime.notice is not None else "future vulnerabilities may not be fixed",
                help=f"use {listing(successors)}" if successors else "use a runtime that is maintained",
            )
