"""Alerts on what the model depends on, by bounds that other sections state: the age of features, and late labels.

A bound of `monitoring.rules` on the same thing takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, fixed, text
from ...compiler.exported import Exported, condition
from ...compiler.plan import Plan
from ...compiler.plan.choose import readable, whole_seconds
from ...compiler.plan.data.quality import label_limit
from ...compiler.plan.measuring import exports, pause, seen
from ...schema.units import Duration
from .alert import Watched
from .jobs import Judged, Needed, read_as, sampled, series, told
from .proofs import bounds
from .proofs.bounds import Bound

__all__ = ["judged"]


def judged(plan: Plan, watched: Watched, *, measured: bool) -> Iterator[Judged]:
    """The alerts on feature views with a maximum age, and on labels with a known delay. `measured` is whether the
    process that measures may export series about this service.
    """
    system = plan.system
    taken = {(rule.metric.value, rule.of.value if rule.of is not None else "") for rule in system.monitoring.rules}
    ages = condition("feature-age")
    assert ages is not None
    views = system.features.views if system.features is not None and (measured or not exports(plan, ages)) else ()
    for view in views:
        if view.max_age is not None and not taken & {("feature-age", view.name.value), ("feature-age", "")}:
            limit = plan.freshness.limit(view, view.max_age, _seen(plan, view.name))
            yield _old(plan, watched, "feature-age", limit, view.name)
    delay = system.data.labels.delay if system.data.labels is not None else None
    if delay is not None and measured and system.monitoring.quality is not None and ("label-age", "") not in taken:
        yield _old(plan, watched, "label-age", label_limit(delay, system.monitoring.interval, pause(plan)), None)


def _seen(plan: Plan, view: Because[str]) -> Because[Duration] | None:
    """The age of a view that the process that measures sees when all is well."""
    exported = condition("feature-age")
    assert exported is not None
    how = seen(plan, exported, view)
    return how.oldest if how is not None else None


def _old(plan: Plan, watched: Watched, metric: str, limit: Because[Duration], of: Because[str] | None) -> Judged:
    exported = condition(metric)
    assert exported is not None
    return _judged(plan, watched, exported, limit, of)


def _judged(
    plan: Plan, watched: Watched, exported: Exported, limit: Because[Duration], of: Because[str] | None
) -> Judged:
    labels = {exported.of: of} if of is not None else {}
    others = tuple(rule.metric for rule in plan.system.monitoring.rules)  # one of them would take its place
    selected = series(watched, exported.name, **labels).also(*others)
    label = fixed("the newest prediction with a label", "what is too old")
    what = text("the newest record of {of}", of=of) if of is not None else label
    rule = told(
        watched,
        exported.alert,
        "ticket",
        exported.signal,
        text("time() - max({selected}) > {limit}", selected=selected, limit=limit.map(whole_seconds)),
        text(
            "{service}: {what} is {{{{ $value | humanizeDuration }}}} old; the limit is {limit}",
            service=watched.name,
            what=what,
            limit=limit.map(readable),
        ),
        labels={"metric": exported.metric, **labels},
        wait=fixed("15m", "longer than a restart of Prometheus"),
    )
    own = {name: label.value for name, label in labels.items()}
    bound = Bound(
        series=sampled(watched, exported.name, **own),
        other="",
        limit=whole_seconds(limit.value),
        labels=own,
        read=read_as(plan, exported, of),
    )
    well = bounds.well(bound, since="age")
    needed = Needed(name=exported.name, selected=selected, interval=plan.system.monitoring.interval, well=well)
    return Judged(rules=(bounds.old(bound, rule),), needed=(needed,), causes=others)
