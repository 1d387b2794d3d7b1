"""Alerts on the quality in production, for all rows and for each value of the columns to monitor.

Each verdict compares an end of the 95% interval with the bar. If even the favorable end misses it, the quality is too
low. If the bar is inside the interval, the owner gets a ticket, because more labels have to decide. With too few
observations, there is no verdict, and that has its own alert. An estimate before labels arrive can raise an alert, but
never clear one: it assumes that the relation between features and labels has not changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ...compiler.because import Because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.alerting.reach import remembered
from ...compiler.plan.data.quality import QualityPlan
from ...compiler.promql import span
from ...compiler.record import Record
from ...schema.units import Duration
from .alert import Watched
from .jobs import Judged, Needed, number, sampled, series, told
from .proof import Alert
from .proofs import quality as proofs
from .proofs.contract import ONE, Well
from .proofs.quality import Judge
from .verdict import Verdict, base_of, compared, fixed_bar, labels_of, of_rival

__all__ = ["Told", "judged"]

VALUE = '{{{{ printf "%.3g" $value }}}}'


class Told(Record):
    """How the alert on a low quality is raised."""

    severity: Because[Literal["page", "ticket"]]
    wait: Because[str]
    action: Because[str] | None = None


PAGE = Told(
    severity=fixed("page", "users get worse predictions"), wait=fixed("15m", "longer than a restart of Prometheus")
)


def judged(
    watched: Watched, quality: QualityPlan, interval: Because[Duration], raised: Told = PAGE
) -> Iterator[Judged]:
    """The alerts on one bound, and the series that they need."""
    for column in (None, *quality.columns):
        verdict = compared(watched, quality, column)
        judge = _judge(verdict)
        rules = (
            proofs.low(judge, _low(verdict, raised)),
            proofs.uncertain(judge, _uncertain(verdict, interval)),
            proofs.few(judge, _few(verdict, interval), _remembered(quality, interval).value),
            *(proofs.estimated(judge, estimated) for estimated in _estimated(verdict)),
        )
        for rule in rules:
            rule.others = rules
        base = base_of(quality, column)
        read = [
            (name, labels_of(quality, column, name), own)
            for name, own in (
                (base, judge.value),
                (f"{base}_low", judge.low),
                (f"{base}_high", judge.high),
                ("mlspec_quality_samples", judge.samples),
            )
        ]
        if judge.rival:
            read.append(("mlspec_quality", of_rival(quality, column), judge.rival))
        needed = tuple(
            Needed(
                name=name,
                selected=series(watched, name, **labels),
                interval=interval,
                well=Well(series=own, value=float(judge.well[own]), labels=_plain(labels), alone=True),
            )
            for name, labels, own in read
        )
        yield Judged(rules=rules, needed=needed, causes=_causes(quality))


def _causes(quality: QualityPlan) -> tuple[Because[Any], ...]:
    """What decides whether the bar is a value or a difference, and whether an estimate can be compared with it."""
    asked = quality.asked
    found = (asked.metric, asked.versus, asked.min, asked.max, quality.estimated)
    return tuple(one for one in found if one is not None)


def _judge(verdict: Verdict) -> Judge:
    """The same verdict on series of one group."""
    watched, quality, column = verdict.watched, verdict.quality, verdict.column
    group = {"segment_value": ONE} if column is not None else {}

    def of(name: str) -> str:
        return sampled(watched, name, **_plain(labels_of(quality, column, name)), **group)

    base, known = base_of(quality, column), fixed_bar(quality, column)
    margin = quality.asked.margin
    relative = known is None and margin is not None and margin.value.relative
    given = float(margin.value.amount) if margin is not None else 0.0
    return Judge(
        value=of(base),
        low=of(f"{base}_low"),
        high=of(f"{base}_high"),
        samples=of("mlspec_quality_samples"),
        rival=sampled(watched, "mlspec_quality", **_plain(of_rival(quality, column)), **group) if relative else "",
        estimate=of("mlspec_quality_estimate"),
        estimate_end=of(f"mlspec_quality_estimate_{'high' if verdict.more else 'low'}"),
        bar=float(number(known.value if known is not None else given)),
        more=verdict.more,
        least=int(quality.least.value),
        shown=group,
    )


def _plain(labels: dict[str, Because[str]]) -> dict[str, str]:
    return {key: label.value for key, label in labels.items() if label.value}


def _group(verdict: Verdict) -> Body:
    """The labels that tell the alerts of several bounds and columns apart. With equal ones, Alertmanager would take two
    alerts for one.
    """
    return {
        "metric": verdict.quality.asked.metric,
        "bar": verdict.quality.asked_bar,
        "segment": verdict.column,
    }


def _missed(verdict: Verdict, end: Because[str]) -> Because[str]:
    return text(f"{{end}} {'<' if verdict.more else '>'} {{bar}}", end=end, bar=verdict.bar)


def _low(verdict: Verdict, raised: Told) -> Alert:
    side = "below" if verdict.more else "above"
    return told(
        verdict.watched,
        "ModelQualityLow",
        raised.severity.value,
        "quality-drop",
        text(
            "{value}\nand {missed}\nand {samples} >= {least}",
            value=verdict.value,
            missed=_missed(verdict, verdict.high if verdict.more else verdict.low),
            samples=verdict.samples,
            least=verdict.quality.least.map(str),
        ).also(raised.severity),
        text(
            f"{{service}}: {{what}} is {VALUE}, and its 95% interval is {side} {{said}}",
            service=verdict.watched.name,
            what=verdict.what,
            said=verdict.said,
        ),
        action=raised.action,
        labels=_group(verdict),
        wait=raised.wait,
    )


def _uncertain(verdict: Verdict, interval: Because[Duration]) -> Alert:
    unfavorable, favorable = (verdict.low, verdict.high) if verdict.more else (verdict.high, verdict.low)
    return told(
        verdict.watched,
        "ModelQualityUncertain",
        "ticket",
        "quality-drop",
        text(
            f"{{value}}\nand {{missed}}\nand {{favorable}} {'>=' if verdict.more else '<='} {{bar}}\n"
            "and {samples} >= {least}",
            value=verdict.value,
            missed=_missed(verdict, unfavorable),
            favorable=favorable,
            bar=verdict.bar,
            samples=verdict.samples,
            least=verdict.quality.least.map(str),
        ),
        text(
            f"{{service}}: {{what}} is {VALUE}, and its 95% interval contains {{said}}, so more labels have to decide",
            service=verdict.watched.name,
            what=verdict.what,
            said=verdict.said,
        ),
        labels=_group(verdict),
        wait=interval.map(lambda one: span(one, 2)),
    )


def _remembered(quality: QualityPlan, interval: Because[Duration]) -> Because[str]:
    return remembered(interval, quality.plan.platform.prometheus.retention).map(span)


def _few(verdict: Verdict, interval: Because[Duration]) -> Alert:
    """Also fires for a group that was measured before, and no longer is."""
    selected = series(
        verdict.watched,
        "mlspec_quality_samples",
        **labels_of(verdict.quality, verdict.column, "mlspec_quality_samples"),
    )
    return told(
        verdict.watched,
        "ModelQualitySamplesFew",
        "ticket",
        "labels-late",
        text(
            "{samples} < {least}\n"
            "or 0 * (max by (segment_value) (last_over_time({selected}[{before}])) unless {samples})",
            samples=verdict.samples,
            least=verdict.quality.least.map(str),
            selected=selected,
            before=_remembered(verdict.quality, interval),
        ),
        text(
            "{service}: {of} has too few observations for a verdict: {{{{ $value }}}} of {least}",
            service=verdict.watched.name,
            of=verdict.of,
            least=verdict.quality.least.map(str),
        ),
        labels=_group(verdict),
        wait=interval.map(lambda one: span(one, 2)),
    )


def _estimated(verdict: Verdict) -> Iterator[Alert]:
    if verdict.estimate is None or verdict.estimate_end is None:
        return
    side = "below" if verdict.more else "above"
    yield told(
        verdict.watched,
        "ModelQualityEstimateLow",
        "ticket",
        "estimate-drop",
        text("{estimate}\nand {missed}", estimate=verdict.estimate, missed=_missed(verdict, verdict.estimate_end)),
        text(
            f"{{service}}: {{what}} is estimated at {VALUE} before its labels arrive, and the interval of the estimate "
            f"is {side} {{said}}",
            service=verdict.watched.name,
            what=verdict.what,
            said=verdict.said,
        ),
        labels=_group(verdict),
        wait=PAGE.wait,
    )
