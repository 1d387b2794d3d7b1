"""The alerts on what jobs export about the model and its data, and on jobs that fall silent.

An alert on a series that does not exist never fires. So each series that an alert reads has an alert on its absence,
and each job has one on its last success. A job that has never run has both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import plain
from ...compiler.exported import Exported, Monitor, Signal, named
from ...compiler.plan import Plan
from ...compiler.plan.alerting.failures import SIGNALS, Failure
from ...compiler.plan.choose import whole_seconds
from ...compiler.plan.data.diagnosis import Diagnosis
from ...compiler.plan.measuring import OWN, MeasuringPlan, seen
from ...compiler.promql import promql, span
from ...compiler.record import Record
from ...schema.units import Duration
from .alert import Watched, alert, escaped
from .files import rule_files
from .proof import Alert
from .proofs import alike, bounds, monitors
from .proofs.bounds import Bound, Read
from .proofs.contract import NOW, Well, sample
from .proofs.monitors import Missed

__all__ = ["Judged", "Needed", "artifacts", "number", "one_group", "read_as", "sampled", "series", "told"]

LAST = "mlspec_monitor_last_success_timestamp_seconds"

NAMING = ("series", "metric", "segment", "column", "view")
"""The labels that tell which series is missing."""

SUBJECTS: dict[Monitor, str] = {
    "quality": "the quality",
    "labels": "the labels",
    "drift": "drift",
    "data": "the quality of the data",
    "skew": "training-serving skew",
    "features": "the age of features",
    "capture": "the logging of predictions",
    "loop": "the feedback loop",
    "usage": "the usage",
}


class Needed(Record):
    """A series that an alert reads."""

    name: str
    """Its name in the contract."""
    selected: Because[str]
    """The series with its matchers."""
    interval: Because[Duration]
    """How often a job updates it."""
    well: Well
    """Its samples when all is well."""


class Judged(Record):
    """Some alerts, and the series that they need."""

    rules: tuple[Alert, ...] = ()
    needed: tuple[Needed, ...] = ()
    prove: Callable[[Sequence[Well]], Alert] | None = None
    """Prove the alerts when the series of all jobs are known."""
    causes: tuple[Because[Any], ...] = ()
    """What decides which alerts there are."""

    @property
    def written(self) -> list[Alert | Because[Alert]]:
        """The alerts, with what decides that there are these."""
        why = "what is watched decides which alerts there are"
        return [because(rule, why, self.causes) for rule in self.rules] if self.causes else list(self.rules)


NOTHING = fixed("", "no other matcher")


def series(watched: Watched, name: str, more: Because[str] = NOTHING, /, **labels: Because[str]) -> Because[str]:
    """A series of the contract with its matchers. An empty value selects series without the label. `more` is written
    after them.
    """
    each = named(name)
    assert all(label in each.labels for label in labels), f"{name} has no such label"
    match = "".join(f',{label}="{{{label}}}"' for label in labels)
    return promql(
        f'{name}{{{{namespace="{{namespace}}",service="{{service}}"{match}{{more}}}}}}',
        namespace=watched.scope.namespace,
        service=watched.name,
        more=more,
        **labels,
    )


def sampled(watched: Watched, name: str, /, **labels: str) -> str:
    """The same series in a scene, as a job exports it."""
    return sample(watched.scope, watched.name, name, labels)


def number(value: float) -> str:
    """A number as PromQL and a reader write it: without an exponent or the noise of binary fractions."""
    return f"{value:.12g}" if 1e-4 <= abs(value) < 1e12 or not value else f"{value:.12f}".rstrip("0").rstrip(".")


def read_as(plan: Plan, exported: Exported, of: Because[str] | None) -> Read | None:
    """How the process that measures reads a time, in scenes; None for a value, and if a job of the author does."""
    how = seen(plan, exported, of) if exported.since == "age" else None
    if how is None:
        return None
    every = max(1, math.ceil(how.every.value.amount / 60))
    return Read(every=every, behind=whole_seconds(how.behind.value))


def told(
    watched: Watched,
    name: str,
    severity: Literal["page", "ticket"],
    signal: Signal | None,
    expression: Because[str],
    summary: Because[str],
    *,
    failure: Failure = "condition",
    action: Because[str] | None = None,
    labels: Body | None = None,
    wait: Because[str] | None = None,
) -> Alert:
    """An alert that says what it is a signal of, and which causes to rule out. `failure` is the kind of an alert that
    is no such signal.
    """
    seen: Body = {}
    if signal is not None:
        diagnosis, failure = Diagnosis(watched.scope, signal), SIGNALS[signal]
        seen = {"signal": signal, "causes": diagnosis.names, "retrain": diagnosis.retrain}
        action = action if action is not None else diagnosis.steps.map(escaped)
    more = {**seen, **(labels or {})}
    return alert(watched, name, severity, failure, expression, summary, action=action, labels=more, wait=wait)


def artifacts(plan: Plan, watched: Watched, judged: Iterable[Judged], *causes: object) -> Iterator[Artifact]:
    """The rule files of the alerts, and those of the alerts on the jobs that export what they read. `causes` are what
    decides which service an alert is about.
    """
    all_ = tuple(_once(judged))
    rules = [rule for each in all_ for rule in each.rules]
    needed = {each.selected.value: each for one in all_ for each in one.needed}
    jobs = tuple(_silent(plan, watched, tuple(needed.values())))
    wells = tuple(each.well for one in (*all_, *jobs) for each in one.needed)
    silent = [rule for one in jobs for rule in one.written]
    for one in jobs:
        if one.prove is not None:
            one.prove(wells).others = [*rules, *silent]
    alike.distinguished(rules)
    written = [rule for one in all_ for rule in one.written]
    yield from one_group(plan, watched, "model", written, "alerts on the model and its data", causes)
    yield from one_group(plan, watched, "monitors", silent, "alerts on jobs that fall silent", causes)


def one_group(
    plan: Plan, watched: Watched, about: str, rules: Sequence[Alert | Because[Alert]], why: str, *causes: object
) -> Iterator[Artifact]:
    """The files of a group of alerts, for the Prometheus Operator and as a plain rule file; nothing without an alert.
    Alerts have files of their own if the scenes of others do not show what they watch: as long as they are pending,
    promtool renders their texts at each evaluation.
    """
    if not rules:
        return
    name = text(f"{{service}}-{about}", service=watched.name)
    group = {
        "name": text("mlspec-{name}", name=name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [*rules],
    }
    yield from rule_files(plan, name, [group], because("rules", why, plan.runs("monitoring"), causes))


def _once(judged: Iterable[Judged]) -> Iterator[Judged]:
    """Each alert once. Two bounds on the quality of different columns have the same alert on all rows; MLS737 refuses
    others with the same labels.
    """
    seen: list[Any] = []
    for each in judged:
        new = []
        for rule in each.rules:
            key = (rule["alert"], alike.labels_of(rule), plain((rule["for"], rule["expr"])))
            if key not in seen:
                seen.append(key)
                new.append(rule)
        yield each.but(rules=tuple(new))


def _silent(plan: Plan, watched: Watched, needed: tuple[Needed, ...]) -> Iterator[Judged]:
    monitors_: dict[Monitor, list[Needed]] = {}
    for each in needed:
        monitor = named(each.name).monitor
        if monitor is not None:
            monitors_.setdefault(monitor, []).append(each)
    for monitor, its in monitors_.items():
        own = plan.measuring if monitor in OWN else None
        yield _job(watched, monitor, its, own)


def _job(watched: Watched, monitor: Monitor, its: list[Needed], process: MeasuringPlan | None) -> Judged:
    """The alerts on one job, which is the author's unless the process that measures does it."""
    interval, own = its[0].interval, sampled(watched, LAST, monitor=monitor)
    selected = series(watched, LAST, monitor=fixed(monitor, "the job that exports it"))
    well = Well(series=own, growth=NOW, labels={"monitor": monitor})
    ran = Needed(name=LAST, selected=selected, interval=interval, well=well)
    missing = _absent(watched, monitor, (*its, ran), process)
    missed = [Missed(well=each.well, shown=_shown(each)) for each in (*its, ran)]
    return Judged(
        rules=(_stale(watched, monitor, selected, interval, own, process), missing),
        needed=(ran,),
        causes=tuple(each.selected for each in its),
        prove=lambda every: monitors.absent(missing, missed, every, {"monitor": monitor}),
    )


def _shown(needed: Needed) -> dict[str, str]:
    """The labels that tell which series is missing, as far as its matchers ask for them."""
    return {"series": needed.name, **{key: needed.well.labels[key] for key in NAMING if key in needed.well.labels}}


def _stale(
    watched: Watched, monitor: Monitor, ran: Because[str], interval: Because[Duration], own: str,
    process: MeasuringPlan | None,
) -> Alert:  # fmt: skip
    """The limit is two intervals and a quarter: a single late or failed run may resolve itself. `own` is the series in
    scenes.
    """
    oldest = interval.map(lambda one: int(one.amount * 9 / 4))
    stale = told(
        watched,
        "ModelMonitorStale",
        "ticket",
        "monitor-silent",
        text("time() - max({ran}) > {oldest}", ran=ran, oldest=oldest),
        text(
            f"{{service}}: the job that measures {SUBJECTS[monitor]} has not succeeded for "
            "{{{{ $value | humanizeDuration }}}}, and is due every {interval}",
            service=watched.name,
            interval=interval.map(str),
        ),
        action=text(
            "{fix} Until it runs, the alerts on its results stay as they were.",
            fix=fixed("Fix the job.", "an old result") if process is None else _log(process),
        ),
        labels={"monitor": monitor},
    )
    return bounds.old(Bound(series=own, other="", limit=oldest.value), stale)


def _log(process: MeasuringPlan) -> Because[str]:
    """Where the process that measures says what failed."""
    return text(
        "Read why in the log: kubectl logs -n {namespace} deployment/{name}.",
        namespace=process.plan.namespace,
        name=process.name,
    )


def _absent(watched: Watched, monitor: Monitor, needed: tuple[Needed, ...], process: MeasuringPlan | None) -> Alert:
    """One alert for each series that is missing, named by its label. Without it, an alert on that series is blind."""
    missing = {
        f"m{index}": text(
            f'label_replace(absent({{selected}}), "series", "{each.name}", "", "")', selected=each.selected
        )
        for index, each in enumerate(needed)
    }
    either = "\n  or ".join(f"{{{key}}}" for key in missing)
    return told(
        watched,
        "ModelMonitorAbsent",
        "ticket",
        "monitor-silent",
        text(f"max by ({','.join(NAMING)}) (\n  {either}\n)", **missing),
        text(
            "{service}: no job exports {{{{ $labels.series }}}} with the labels that the alerts read, so they cannot "
            "fire",
            service=watched.name,
        ),
        action=fixed(
            "Export the metric as the reference of exported metrics says, and scrape it with `honorLabels: true`.",
            "an alert that reads a missing series never fires",
        )
        if process is None
        else text("{log} If it has no errors, check that Prometheus scrapes its PodMonitor.", log=_log(process)),
        labels={"monitor": monitor},
        wait=needed[0].interval.map(lambda one: span(one, 2)),
    )
