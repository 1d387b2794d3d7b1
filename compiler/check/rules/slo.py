"""Rules on objectives and rollouts at the actual traffic: a violation must be detectable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, first
from ...diagnostics import Diagnostic
from ...finding import finding
from ...language import OBJECTS
from ...plan import Plan
from ...plan.alerting.reach import reaches
from ...plan.choose import count, number, readable, seconds
from ...plan.objectives import Objective
from ...plan.objectives.burn import BurnPair, burn_windows
from ...plan.rollout.canary import CanaryPlan
from ...plan.rollout.judgment import Change
from ...plan.rollout.ladder import LONGEST
from ...plan.rollout.rollback import limit, looser_than_the_page
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["FIRST_STEPS", "forgotten_window", "lasting_budget", "quiet_service", "silent_page", "unsure_rollout"]

PROMISES = tuple(Percent.parse(text) for text in ("99.9%", "99.5%", "99%", "98%", "95%"))
"""The objectives that may be proposed instead, strictest first."""

USUAL = int(OBJECTS["Slo"]["minEvents"][3] or 1)
"""The default of `monitoring.slo.minEvents`."""

LOWEST_RATE = Decimal("0.9")
"""The lowest burn rate of an alert that gets no warning. With a budget for 28 days, the lowest standard one is 0.93."""

FIRST_STEPS = tuple(Percent.parse(text) for text in ("10%", "25%", "50%"))
HARMS = tuple(Decimal(text) for text in ("0.02", "0.03", "0.05", "0.1", "0.2"))


@rule(
    "MLS503",
    "warning",
    "constraints.throughput if services.*[mode=online]",
    "services.*.constraints.throughput",
    "services.*.constraints.availability",
)
def quiet_service(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Traffic too low for the page alert.

    Why: with few requests, one failure exceeds the error budget many times over, so an alert also requires three bad
    events. If the window rarely has that many, only failures well beyond the objective fire the alert.

    Bad:
        constraints: {availability: 99.9%, throughput: {mean: 100/h, peak: 1/s}}
    Good:
        constraints: {availability: 99%, throughput: {mean: 100/h, peak: 1/s}}
    """
    for service in plan.online.values():
        pages = [
            (objective, pairs[0])
            for objective in service.objectives.all
            if (pairs := service.objectives.pairs(objective)) and pairs[0].severity.value == "page"
        ]
        quietest = min(pages, key=lambda page: Decimal(page[1].threshold.value), default=None)
        rate = first(service.traffic("mean"), service.traffic("peak"))
        if quietest is not None and rate is not None:
            yield from _quiet(service, rate, *quietest)


def _quiet(service: ServicePlan, rate: Because[Rate], objective: Objective, page: BurnPair) -> Iterator[Diagnostic]:
    least = service.objectives.slo.min_events.value
    requests = rate.value.amount * page.long.value.amount
    threshold = Decimal(page.threshold.value)
    expected = requests * threshold
    if expected >= least:
        return
    bad, share = "errors" if objective.kind == "availability" else "slow responses", f"{plain(threshold * 100)}%"
    fires = "no page can fire"
    if requests >= least:
        fires = f"a page fires only above {number(float(least / requests * 100))}% {bad}"
    times = threshold / (1 - objective.target.value.amount)
    less = (p for p in PROMISES if p < objective.target.value and times * (1 - p.amount) * requests >= least)
    lower = next(less, None) if objective.kind == "availability" else None
    yield finding(
        "MLS503",
        f"at {rate.value}, {fires}; the objective should page at {share}",
        rate,
        others=((objective.target, "the objective"),),
        note=f"{share} of {number(float(requests))} requests in {page.long.value} is {float(expected):.2g}, but an "
        f"alert needs at least {count(least, 'bad event')}, because fewer prove nothing",
        help=_fewer(service, int(expected))
        + (f"lower the objective to `{lower}`, or " if lower is not None else "")
        + "send synthetic requests from a job, so that failures show up before users see them",
    )


def _fewer(service: ServicePlan, most: int) -> str:
    """To ask for fewer bad events, if the spec asks for more than it does by default."""
    given = service.objectives.slo.min_events
    return f"write `minEvents: {most}` or less, or " if given.value > most >= USUAL else ""


@rule(
    "MLS504",
    "error",
    "platform.prometheus.retention",
    "monitoring.drift",
    "monitoring.interval",
    "monitoring.quality.metric",
    "monitoring.rules.*.metric",
    "services.*.schedule",
    "services.*.constraints.deadline",
    "constraints.deadline if services.*[mode=batch]",
)
def forgotten_window(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Alert that looks back farther than Prometheus' retention.

    Why: if Prometheus keeps two days, a query over three days silently covers only two. The alert then compares a
    shorter window with the threshold of a longer one. An alert on drift looks back one and a half windows, and the page
    of a batch run that misses its deadline looks back that long. They find nothing there that is no longer kept, so
    they never fire.

    Bad:
        constraints: {availability: 99.9%}
        platform: {prometheus: {retention: 2d}}
    Good:
        constraints: {availability: 99.9%}
        platform: {prometheus: {retention: 15d}}
    """
    kept = plan.platform.prometheus.retention
    farthest = max(reaches(plan), key=lambda one: one.length.value, default=None)
    if farthest is not None and farthest.length.value > kept.value:
        shorter = f". Or write a shorter `{farthest.field}`" if farthest.field else ""
        days = math.ceil(farthest.length.value.amount / 86400)
        yield finding(
            "MLS504",
            f"an alert looks back {readable(farthest.length.value)}, but Prometheus keeps only {kept.value}",
            kept,
            others=((farthest.of, farthest.why),),
            note=f"{farthest.length.reason}; a query that reaches before what is kept finds less than its threshold is "
            "for, or nothing",
            help=f"have Prometheus keep `{days}d` or more, and write that here; its own default is `15d`{shorter}",
        )


@rule("MLS507", "warning", "services.*.constraints.availability")
def silent_page(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Objective that never pages anyone.

    Why: a page fires when the error ratio is many times what the objective allows. If it already allows a third of the
    requests to fail, no ratio is that high, so an outage only opens a ticket, or nothing at all.

    Bad:
        constraints: {availability: 60%}
    Good:
        constraints: {availability: 99.5%}
    """
    for service in plan.online.values():
        for objective in service.objectives.all:
            pairs = service.objectives.pairs(objective)
            if not pairs or any(pair.severity.value == "page" for pair in pairs):
                continue  # without any pair, that is MLS502
            if not any(window.severity.value == "page" for window in burn_windows(service.objectives.slo)):
                continue
            yield finding(
                "MLS507",
                f"no page can fire for the objective of {objective.target.value}",
                objective.target,
                note=f"it allows {plain(objective.budget.value * 100)}% to fail, and a page takes many times that, "
                "which is more than all requests",
                help="write the share that callers need, such as `99.5%`, or tickets alone under `monitoring.slo.burn`",
            )


@rule("MLS508", "warning")
def lasting_budget(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Alert that fires although the error budget lasts.

    Why: at a burn rate of 1, the budget is gone exactly when its window ends. An alert at a lower rate fires while the
    objective is met, and goes on for as long as the service is as good as promised. Often, the share is from a table
    for 30 days, and the window has 7.

    Bad:
        constraints: {availability: 99.9%}
        monitoring:
          slo:
            window: 7d
            burn: [{severity: page, budget: 21%, long: 6h}, {severity: ticket, budget: 10%, long: 3d}]
    Good:
        constraints: {availability: 99.9%}
        monitoring:
          slo:
            window: 7d
            burn: [{severity: page, budget: 21%, long: 6h}, {severity: ticket, budget: 43%, long: 3d}]
    """
    for service in plan.online.values():
        for objective in service.objectives.all:
            period = service.objectives.slo.window
            for pair in service.objectives.pairs(objective):
                if pair.rate.value < LOWEST_RATE:
                    yield _lasting(pair, period)
            return  # the pairs of all objectives have the same rates


def _lasting(pair: BurnPair, period: Because[str]) -> Diagnostic:
    long = pair.long.value.amount
    share = math.ceil(100 * long / Duration.parse(period.value).amount)
    budget = f"`budget: {share}%` or " if share <= 100 else ""
    return finding(
        "MLS508",
        f"this alert fires at a burn rate of {number(float(pair.rate.value))}, at which the budget lasts",
        pair.rate,
        others=((period, "the budget is for this time"), (pair.long, "this share of it burns in this time")),
        note="below 1, the objective is met, so the alert fires while nothing is wrong",
        help=f"write {budget}`long: {_whole(long * pair.rate.value)}`, so that the burn rate is at least 1",
    )


def _whole(length: Decimal) -> Duration:
    """Rounded down to hours, or to seconds if it is shorter than that."""
    unit = 3600 if length >= 3600 else 1
    return Duration(math.floor(length / unit) * unit)


@rule("MLS602", "warning", "services.*.constraints.throughput", "rollout.stages.*.canary.stepDuration")
def unsure_rollout(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Rollout that cannot detect the regression, or takes too long.

    Why: a verdict on too few requests is a guess: good versions are rolled back, and bad ones pass. And a window with
    hardly any requests has no verdict at all, so the rollout waits for an engineer. The odds of all three should be
    below 5%. And no one watches a rollout for hours.

    Bad:
        constraints: {availability: 99.9%, throughput: {mean: 1/s, peak: 5/s}}
        rollout: {stages: [{canary: {steps: [5%, 25%, 50%]}}]}
    Good:
        constraints: {availability: 99.9%, throughput: {mean: 1/s, peak: 5/s}}
        rollout: {stages: [{canary: {steps: [50%], detect: [{metric: error-rate, to: 3%}]}}]}
    """
    for service in plan.online.values():
        canary = service.canary
        if not canary.progressive.value or canary.rate is None or not canary.judged:
            continue
        if any(looser_than_the_page(service.objectives)) or not _guarded(canary):
            continue  # that is MLS210 or MLS502, and more traffic would not help
        wrong = _unsure(canary) or _short(canary) or _long(canary)
        if wrong is not None:
            message, note, at = wrong
            yield finding(
                "MLS602",
                message,
                at,
                canary.rate,
                others=((canary.rate, "the traffic"), (canary.stage, "the rollout")),
                note=note,
                help=_remedy(canary),
            )


def _guarded(canary: CanaryPlan) -> bool:
    """Whether an alert could fire on every objective."""
    return all(canary.objectives.pairs(objective) for objective in canary.judged)


Wrong = tuple[str, str, object] | None
"""Message, note, and where to report it."""


def _unsure(canary: CanaryPlan) -> Wrong:
    """The odds of the verdicts that the controller actually reaches."""
    judgments = [judgment for step in canary.steps for judgment in step.judgments]
    worst = max(judgments, key=lambda j: j.verdict.value.wrong)
    odds, why = worst.verdict.value, worst.verdict.reason
    if odds.sure:
        return None
    if odds.false_abort == odds.wrong:
        message = f"{odds.false_abort:.1%} of good versions would be rolled back"
    elif odds.missed == odds.wrong:
        message = f"{odds.missed:.1%} of bad versions would pass"
    else:
        message = f"{odds.held:.1%} of good versions would wait for an engineer, for lack of requests"
    return f"{message}, judged by `{worst.objective.name}`", why, canary.rate


def _short(canary: CanaryPlan) -> Wrong:
    """The step duration in the spec, compared with what the first step needs."""
    given, needed = canary.given_duration, canary.arm(canary.shares[0])
    if given is None or given.value >= needed.value:
        return None
    share = canary.shares[0].value
    return (
        f"a step of {given.value} at {share} is too short to detect the regression, which takes {needed.value}",
        needed.reason,
        given,
    )


def _long(canary: CanaryPlan) -> Wrong:
    if canary.length.value <= LONGEST:
        return None
    message = f"the rollout takes {seconds(float(canary.length.value))}, over the limit of {LONGEST}"
    longest = max(canary.steps, key=lambda step: step.lasts.value)
    return (
        message,
        f"the step at {longest.share.value}% takes {longest.lasts.value}: {longest.lasts.reason}",
        canary.rate,
    )


def _remedy(canary: CanaryPlan) -> str:
    """The smallest change with which the odds are good and the rollout is short enough."""
    for words, change in _changes(canary):
        other = canary.changed(change)
        if not (_unsure(other) or _short(other) or _long(other)):
            risk = canary.doubt.risk.value
            took = seconds(float(other.length.value))
            return f"{words}: the rollout then takes {took}, and all risks are below {risk}"
    return "turn the canary off here with `platform.rollout.provider: none`, or send it more requests"


def _changes(canary: CanaryPlan) -> Iterator[tuple[str, Change]]:
    given = ["`stepDuration`"] if canary.given_duration is not None else []
    limited = any(limit(objective, canary.objectives) is not None for objective in canary.judged)
    given += ["the limits of `rollbackWhen`"] if limited else []
    free = f"remove {' and '.join(given)}, and " if given else ""
    if given:
        yield f"remove {' and '.join(given)}", Change(derived=True)
    first = [share for share in FIRST_STEPS if share > canary.shares[0].value]
    for share in first:
        yield f"{free}start with a step of {share}", Change(first=share, derived=True)
    known = [canary.harms(objective)[1].value for objective in canary.judged if objective.kind == "availability"]
    for harm in (harm for harm in HARMS if known and harm > known[0]):
        asked = f"{free}write `detect: [{{metric: error-rate, to: {plain(harm * 100)}%}}]`"
        yield asked, Change(harm=harm, derived=True)
        for share in first:
            yield f"{asked} with a first step of {share}", Change(first=share, harm=harm, derived=True)
