"""The rule on the serving mode: replicas that wait for inputs that are known in advance."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ...diagnostics import Diagnostic
from ...finding import Refusal, finding
from ...plan import Plan
from ...plan.choose import number
from ...system import MLSystem, OnlineService
from ..lint import rule

__all__ = ["costlier_than_runs"]

TWICE = 2
"""From this factor on, the estimate decides whatever the store of the answers costs."""

CENT = Decimal("0.01")
"""The least that runs count for, so that a price of zero has a factor."""


@rule(
    "MLS224",
    "info",
    "services.*.knownInputs",
    "services.*.serviceTime",
    "constraints.throughput if services.*[mode=online]",
    "platform.prices",
)
def costlier_than_runs(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Online serving of known inputs that costs twice what batch runs would cost.

    Why: a batch run computes each answer once and ends, and replicas wait for requests at night, too. Where all inputs
    are known in advance and an answer may be some hours old, a store of answers is cheaper, faster, and does not fail
    with the model.

    Bad:
        serving:
          runtime: triton
          serviceTime: {mean: 2ms}
          knownInputs: {count: 2M, maxAge: 1d}
    Good:
        serving:
          runtime: triton
          serviceTime: {mean: 2ms}
          knownInputs: {count: 2B, maxAge: 1h}
    """
    if not any(isinstance(one, OnlineService) and one.known_inputs is not None for one in system.services.values()):
        return
    from ...plan.budget.modes import precomputed

    for name, online in plan.cost.online.items():
        try:
            found = precomputed(online)
        except Refusal:
            continue  # without a price there is nothing to compare; MLS405 asks for it if there is a budget
        known = online.service.part.known_inputs
        if found is None or known is None or found.cost is None:
            continue
        serving, runs = online.serving.value, found.cost.value
        times = float(serving.amount / max(runs.amount, CENT))
        if times < TWICE:
            continue
        yield finding(
            "MLS224",
            f"serving `{name}` online costs {serving}, {number(times)} times what batch runs would cost, {runs}",
            known.count,
            others=((known.max_age, "how old an answer may be"),),
            note=found.cost.reason,
            help="serve the answers from a store that a batch service fills, or suppress this finding and say what is "
            "worth the difference",
        )
