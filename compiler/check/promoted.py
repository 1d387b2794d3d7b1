"""Promotions to an environment that serves no model, while another one does."""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import finding
from ..plan import Plan
from ..words import listing

__all__ = ["promoted_nowhere"]


def promoted_nowhere(plan: Plan) -> Iterator[Diagnostic]:
    """A warning if the training runs of an environment promote models to a release file that nothing serves from."""
    try:
        system, retraining = plan.system, plan.system.retraining
        part = retraining.promote if retraining is not None else None
        if part is None or system.training is None or plan.runs("serving").value or not plan.runs("training").value:
            return
        places = system.environments.items() if system.services else ()
        serving = [name for name, place in places if plan.runs("serving", place).value]
    except Unavailable:
        return
    if serving:
        yield finding(
            "MLS634",
            f"training runs promote their models to `{plan.name}`, which serves none",
            part.repository,
            part,
            others=((plan.runs("serving"), "it does not run `serving`"),),
            severity="warning",
            note=f"the pull request changes `releases/{plan.name}.yaml`, and {listing(serving)} keeps the old model",
            help=f"run `mlspec promote --from {plan.name} --to {serving[0]}` in CI after each merge and suppress this "
            "finding, or run `training` in an environment that also runs `serving`",
        ).but(environments=(plan.name,))
