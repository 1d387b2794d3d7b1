"""Rules on the quality of the live model: it meets what production needs, and is replaced before it has lost it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import floor
from typing import TYPE_CHECKING

from ....schema.units import Duration, plain
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...system import Condition, MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.data.cadence import CadencePlan

__all__ = ["already_too_low", "older_than_it_may_be"]

DIGITS = 6
"""The digits of a proposed bound: more of them are noise."""


@rule(
    "MLS712",
    "warning",
    "retraining.decay",
    "retraining.schedule",
    "retraining.maxModelAge",
    "monitoring.quality",
    "evaluation.primary",
    "training.fit",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "models.*.candidates.*.selected",
)
def older_than_it_may_be(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Model that loses too much quality before the next one replaces it.

    Why: quality decays as the world changes. If `retraining.decay` uses up what `monitoring.quality` tolerates before
    the next model is live, quality is too low in normal operation. If the age limit is later than that, no alert says
    so.

    Bad:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
        monitoring:
          quality: {metric: roc_auc, versus: champion, margin: -0.02}
        retraining:
          schedule: "0 3 1 */3 *"
          maxModelAge: 200d
          decay: {loss: 0.01, over: 30d}
    Good:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
        monitoring:
          quality: {metric: roc_auc, versus: champion, margin: -0.02}
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 60d
          decay: {loss: 0.01, over: 30d}
    """
    found = plan.cadence
    if found is None or found.expires is None or found.tolerated is None:
        return
    limit = plan.system.retraining.max_model_age if plan.system.retraining is not None else None
    if found.oldest is not None and found.too_rare:
        yield _too_rare(found, found.expires, found.oldest, limit)
        return
    if limit is not None and limit.value > found.expires.value:
        yield finding(
            "MLS712",
            f"no alert fires until the model is {limit.value} old, but its quality is too low after "
            f"{readable(found.expires.value)}",
            limit,
            others=_why(found),
            note=f"nothing reports that runs fail or pass no gate before quality suffers: {found.expires.reason}",
            help=f"write `maxModelAge: {_days(found.expires.value)}`",
        )


def _too_rare(
    found: CadencePlan, expires: Because[Duration], oldest: Because[Duration], limit: Because[Duration] | None
) -> Diagnostic:
    proposed, late = found.proposed, limit is not None and limit.value > expires.value
    age = f"`maxModelAge: {_days(expires.value)}`"
    if proposed is not None:
        often = f'write `schedule: "{proposed.value}"`' + (f" and {age}" if late else "")
    else:
        often = "train faster and more often" + (f", and write {age}" if late else "")
    return finding(
        "MLS712",
        f"the model gets {readable(oldest.value)} old, but its quality is too low after {readable(expires.value)}",
        found.training.given_schedule,
        others=_why(found),
        note=f"{oldest.reason}; {expires.reason}",
        help=f"{often}, or allow a larger loss in `monitoring.quality`",
    )


def _why(found: CadencePlan) -> tuple[tuple[object, str], ...]:
    decay, quality = found.decay, found.quality
    assert decay is not None
    tolerated = (quality.gate.metric, "what is tolerated") if quality is not None else (None, "")
    return ((decay.loss, "what is lost"), tolerated)


def _days(expires: Duration) -> str:
    """Whole days, or hours for less than three days."""
    hours = floor(expires.amount / 3600)
    return f"{hours // 24}d" if hours >= 72 else f"{max(1, hours)}h"


@rule("MLS779", "warning", "monitoring.quality", "releases.*.metrics")
def already_too_low(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Live version whose recorded metric is outside the bound on its quality.

    Why: the alert fires as soon as enough labels have arrived, and stays on. So it cannot show a drop in quality, and
    the retraining that it triggers starts over and over. Either the bound is wrong, or the version should not be live.

    Bad:
        release: {metrics: {roc_auc: 0.941}}
        monitoring:
          quality: {metric: roc_auc, min: 0.96}
    Good:
        release: {metrics: {roc_auc: 0.941}}
        monitoring:
          quality: {metric: roc_auc, min: 0.92}
    """
    bound = system.monitoring.quality
    if bound is None or bound.of is not None or bound.segment is not None or not plan.runs("monitoring").value:
        return
    live = _live(system, bound)
    if live is None:
        return
    for word, limit, side in (("min", bound.min, 1), ("max", bound.max, -1)):
        if limit is not None and side * (live.value - float(limit.value.amount)) < 0:
            yield finding(
                "MLS779",
                f"`{bound.metric.value}` must be {_side(side)} {limit.value}, and it is {plain(_exact(live.value))} "
                "for the live version",
                limit,
                others=((live, "what the live version measured"),),
                note="the alert would fire as soon as enough labels arrive and stay on, so it could not show a drop",
                help=f"write `{word}: {_met(live.value, side)}` or {'less' if side > 0 else 'more'}, or promote a "
                "version that meets the bound",
            )


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _met(value: float, side: int) -> str:
    """A bound with six digits that a value meets: rounded down for a minimum, and up for a maximum."""
    exact = _exact(value)
    step = Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    if exact == exact.quantize(step):
        return plain(exact)
    return plain(exact.quantize(step, rounding=ROUND_FLOOR if side > 0 else ROUND_CEILING))


def _side(side: int) -> str:
    return "at least" if side > 0 else "at most"


def _live(system: MLSystem, bound: Condition) -> Because[float] | None:
    """The metric of the live version of the model whose quality is measured."""
    models = list(system.models) if len(system.models) == 1 else [system.metadata.name.value]
    release = system.releases.get(models[0])
    return release.metrics.get(bound.metric.value) if release is not None else None
