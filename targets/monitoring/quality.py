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

__all__ = ["Told", "judged"]

LIVE = fixed("live", "the version that serves")
ALL = fixed("", "all rows")
BY = "max by (segment_value) ({series})"
VALUE = '{{{{ printf "%.3g" $value }}}}'


class Told(Record):
    """How the alert on a low quality is raised."""

    severity: Because[Literal["page", "ticket"]]
    wait: Because[str]
    action: Because[str] | None = None


PAGE = Told(
    severity=fixed("page", "users get worse predictions"), wait=fixed("15m", "longer than a restart of Prometheus")
)


class _Verdict(Record):
    """One bar, for all rows or for the values of a column."""

    watched: Watched
    quality: QualityPlan
    column: Because[str] | None
    value: Because[str]
    low: Because[str]
    high: Because[str]
    samples: Because[str]
    estimate: Because[str] | None
    estimate_end: Because[str] | None
    bar: Because[str]
    """The bar in PromQL."""
    said: Because[str]
    """The bar in words."""
    what: Because[str]
    """What is compared with the bar, in words."""
    of: Because[str]
    """The metric and the group, in words."""
    more: bool
    """Whether the bar is a minimum."""


def judged(
    watched: Watched, quality: QualityPlan, interval: Because[Duration], raised: Told = PAGE
) -> Iterator[Judged]:
    """The alerts on one bound, and the series that they need."""
    for column in (None, *quality.columns):
        verdict = _verdict(watched, quality, column)
        if verdict is None:
            continue
        judge = _judge(verdict)
        rules = (
            proofs.low(judge, _low(verdict, raised)),
            proofs.uncertain(judge, _uncertain(verdict, interval)),
            proofs.few(judge, _few(verdict, interval)),
            *(proofs.estimated(judge, estimated) for estimated in _estimated(verdict)),
        )
        for rule in rules:
            rule.others = rules
        base = _base(quality, column)
        read = [
            (name, _labels(quality, column, name), own)
            for name, own in (
                (base, judge.value),
                (f"{base}_low", judge.low),
                (f"{base}_high", judge.high),
                ("mlspec_quality_samples", judge.samples),
            )
        ]
        if judge.rival:
            read.append(("mlspec_quality", _of_rival(quality, column), judge.rival))
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
    return tuple(one for one in (asked.metric, asked.versus, asked.min, asked.max) if one is not None)


def _judge(verdict: _Verdict) -> Judge:
    """The same verdict on series of one group."""
    watched, quality, column = verdict.watched, verdict.quality, verdict.column
    group = {"segment_value": ONE} if column is not None else {}

    def of(name: str) -> str:
        return sampled(watched, name, **_plain(_labels(quality, column, name)), **group)

    base, known = _base(quality, column), _fixed(quality, column)
    margin = quality.asked.margin
    relative = known is None and margin is not None and margin.value.relative
    given = float(margin.value.amount) if margin is not None else 0.0
    return Judge(
        value=of(base),
        low=of(f"{base}_low"),
        high=of(f"{base}_high"),
        samples=of("mlspec_quality_samples"),
        rival=sampled(watched, "mlspec_quality", **_plain(_of_rival(quality, column)), **group) if relative else "",
        estimate=of("mlspec_quality_estimate"),
        estimate_end=of(f"mlspec_quality_estimate_{'high' if verdict.more else 'low'}"),
        bar=float(number(known.value if known is not None else given)),
        more=verdict.more,
        least=int(quality.least.value),
        shown=group,
    )


def _plain(labels: dict[str, Because[str]]) -> dict[str, str]:
    return {key: label.value for key, label in labels.items() if label.value}


def _base(quality: QualityPlan, column: Because[str] | None) -> str:
    return "mlspec_quality" if _fixed(quality, column) is not None else "mlspec_quality_difference"


def _fixed(quality: QualityPlan, column: Because[str] | None) -> Because[float] | None:
    return quality.bar if column is None else quality.given


def _labels(quality: QualityPlan, column: Because[str] | None, name: str) -> dict[str, Because[str]]:
    """The labels of a series: the metric, whose it is, and the group."""
    asked = quality.asked
    found: dict[str, Because[str]] = {"metric": asked.metric}
    if name.startswith("mlspec_quality_difference"):
        assert asked.versus is not None
        found["versus"] = asked.versus
    elif not name.startswith("mlspec_quality_estimate"):
        found["role"] = LIVE
    if asked.of is not None and asked.of.value not in quality.plan.system.services:
        found["output"] = asked.of
    return {**found, "segment": column if column is not None else ALL}


def _verdict(watched: Watched, quality: QualityPlan, column: Because[str] | None) -> _Verdict | None:
    bar = _fixed(quality, column)

    def of(name: str) -> Because[str]:
        return text(BY, series=series(watched, name, **_labels(quality, column, name)))

    base = _base(quality, column)
    more = quality.more_is_better.value or bar is None
    written = _of_difference(watched, quality, column) if bar is None else bar.map(number)
    whom = text(" for {column} {{{{ $labels.segment_value }}}}", column=column) if column is not None else ALL
    metric = quality.asked.metric
    versus = quality.asked.versus
    of_whom = what = text("{metric}{whom}", metric=metric, whom=whom)
    if bar is None and versus is not None:
        rival = "its result in the evaluation" if versus.value == "champion" else versus.value
        what = text(f"the difference of {{what}} from {rival}", what=of_whom).also(versus)
    estimated = bar is not None and quality.metric.needs_labels.value
    return _Verdict(
        watched=watched,
        quality=quality,
        column=column,
        value=of(base),
        low=of(f"{base}_low"),
        high=of(f"{base}_high"),
        samples=of("mlspec_quality_samples"),
        estimate=of("mlspec_quality_estimate") if estimated else None,
        estimate_end=of(f"mlspec_quality_estimate_{'high' if more else 'low'}") if estimated else None,
        bar=written.also(quality.more_is_better),
        said=written if bar is not None else _margin(quality),
        what=what,
        of=of_whom,
        more=more,
    )


def _of_difference(watched: Watched, quality: QualityPlan, column: Because[str] | None) -> Because[str]:
    """The margin in PromQL. A relative one is a share of what the rival has on the same rows."""
    asked = quality.asked
    if asked.margin is None:
        return fixed("0", "no worse than the rival")
    if not asked.margin.value.relative:
        return asked.margin.map(lambda margin: number(float(margin.amount)))
    return text(
        f"{{share}} * abs({BY})",
        share=asked.margin.map(lambda margin: number(float(margin.amount))),
        series=series(watched, "mlspec_quality", **_of_rival(quality, column)),
    )


def _of_rival(quality: QualityPlan, column: Because[str] | None) -> dict[str, Because[str]]:
    assert quality.asked.versus is not None
    return {**_labels(quality, column, "mlspec_quality"), "role": quality.asked.versus}


def _margin(quality: QualityPlan) -> Because[str]:
    margin = quality.asked.margin
    return margin.map(str) if margin is not None else fixed("0", "no worse than the rival")


def _group(verdict: _Verdict) -> Body:
    """The labels that tell the alerts of several bounds and columns apart."""
    return {"metric": verdict.quality.asked.metric, "segment": verdict.column}


def _missed(verdict: _Verdict, end: Because[str]) -> Because[str]:
    return text(f"{{end}} {'<' if verdict.more else '>'} {{bar}}", end=end, bar=verdict.bar)


def _low(verdict: _Verdict, raised: Told) -> Alert:
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


def _uncertain(verdict: _Verdict, interval: Because[Duration]) -> Alert:
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


def _few(verdict: _Verdict, interval: Because[Duration]) -> Alert:
    """Also fires for a group that was measured before, and no longer is."""
    selected = series(
        verdict.watched,
        "mlspec_quality_samples",
        **_labels(verdict.quality, verdict.column, "mlspec_quality_samples"),
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
            before=interval.map(lambda one: span(one, 4)),
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


def _estimated(verdict: _Verdict) -> Iterator[Alert]:
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
