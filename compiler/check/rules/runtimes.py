"""The rule on serving runtimes: what nobody develops any more is nobody's to mend."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ...words import listing
from ..lint import rule

__all__ = ["forsaken_runtime"]

MEANING = {
    "maintenance": "is in maintenance mode: it gets small fixes, and nothing new",
    "ended": "is no longer developed, and gets no security patches",
}


@rule(
    "MLS412",
    "warning",
    "services.*.container.support",
    "services.*.container.notice",
    "services.*.container.successors",
)
def forsaken_runtime(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Serving runtime that is no longer developed.

    Why: a server that answers the network is patched for as long as it runs. Once its makers stop, the next hole in it
    or in what it is built on stays open, and the next model or accelerator does not work. Changing the runtime takes
    weeks, which are there before that day and not after it.

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
                note=runtime.notice.value if runtime.notice is not None else "its next hole stays open",
                help=f"use {listing(successors)}" if successors else "use a runtime that is developed",
            )
