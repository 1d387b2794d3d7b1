"""Measuring: the process that measures drift, quality, and data from captured predictions, and may start training.

It runs wherever predictions are captured and something is asked of them. It starts a run only if the training is in the
same environment, because it has no rights in another namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from ...schema.units import Duration
from ..because import Because, because, fixed, text
from ..exported import Exported, condition
from ..finding import Refusal, refusal
from ..record import Record
from ..system import AlertRule, Condition, DataSource
from .alerting.due import NEW_LABELS, read
from .looks import Seen, between, in_a_file, looks, settled
from .measured_model import MeasuredModel
from .service import ServicePlan
from .serving.batch import BatchPlan
from .serving.recording import single

if TYPE_CHECKING:
    from . import Plan
    from .data.drift import DriftPlan, Watched

__all__ = ["METRICS", "OWN", "REQUESTS", "Compared", "MeasuringPlan", "measured", "measures", "pause", "seen"]

METRICS = 9464
"""The port of the metrics: the default port of OpenTelemetry's Prometheus exporter."""

REQUESTS = 9465
"""The port of requests to train."""


def measured(plan: Plan) -> tuple[Because[object], ...]:
    """What asks for a measurement in this environment."""
    asked = plan.system.monitoring
    found: list[Because[object]] = []
    if asked.quality is not None:
        found.append(asked.quality.metric)
    if asked.drift is not None:
        found.append(asked.drift.window)
    found += [trigger for trigger in read(plan.system) if trigger.value == NEW_LABELS]
    return (*found, *(rule.metric for rule in asked.rules if measures(plan, rule)))


def measures(plan: Plan, rule: AlertRule | Condition) -> bool:
    """Whether a bound is on something that is measured from captured predictions."""
    metric = plan.system.metrics[rule.metric.value.partition("@")[0]]
    if metric.query is not None:
        return False
    exported = condition(rule.metric.value)
    return metric.needs_labels.value if exported is None else exports(plan, exported)


def exports(plan: Plan, exported: Exported) -> bool:
    """Whether the process exports a metric of the contract, if there is a process."""
    return exported.monitor in OWN or (exported.monitor == "features" and plan.store is not None)


def seen(plan: Plan, exported: Exported, view: Because[str] | None = None) -> Seen | None:
    """How the process reads a time whose age alerts compare, of one feature view or of all; None if a job of the author
    exports it.
    """
    process = plan.measuring if exports(plan, exported) else None
    return process.sees(exported, view) if process is not None else None


def pause(plan: Plan) -> Because[Duration] | None:
    """The time between two predictions, if only one service can be meant; None if it is short or unknown."""
    if plan.measuring is not None:
        return plan.measuring.pause
    served: tuple[ServicePlan | BatchPlan, ...] = (*plan.online.values(), *plan.batch.values())
    return between(served[0], None) if len(served) == 1 else None


OWN = ("quality", "labels", "drift", "data", "capture")
"""What the process measures. Jobs of the author measure the rest, because it is not in the captured predictions."""


class Compared(Record):
    """A column that is compared with the reference."""

    column: Because[str]
    subject: str
    """`feature` or `prediction`."""
    method: Because[str]
    limits: Watched


class MeasuringPlan(MeasuredModel):
    """The process of one environment."""

    @cached_property
    def name(self) -> Because[str]:
        """The name of its objects."""
        return text("{system}-monitor", system=self.plan.system.metadata.name)

    # What it reads

    @cached_property
    def labels(self) -> DataSource | None:
        """The source of the labels; None if nothing that is asked for needs them."""
        labels = self.plan.system.data.labels
        retraining = self.plan.system.retraining
        learned = [retraining.online.algorithm] if retraining is not None and retraining.online is not None else []
        bounds = (*(bound.metric for bound in self.bounds), *self._arriving)
        asking = (*bounds, *self._counting, *learned)
        if labels is None and bounds:
            raise self._none(bounds[0])
        if labels is None or not asking:
            return None
        sources = self.plan.system.data.sources
        named = [one for one in sources if labels.source is None or one.name.value == labels.source.value]
        if len(named) == 1 and named[0].uri is not None and readable(named[0].uri):
            return named[0]
        raise refusal(
            "MLS009",
            f"the labels of `{asking[0].value}` cannot be read",
            labels.column if labels.source is None else labels.source,
            others=((asking[0], "is measured with them"),),
            note="the process joins predictions with labels in files, and needs one source of them",
            help="name the source in `data.labels.source`, with a `uri` of Parquet, CSV, or JSON Lines files, such as "
            "`s3://lake/labels/`",
        )

    def _none(self, asking: Because[str]) -> Refusal:
        return refusal(
            "MLS009",
            f"`{asking.value}` is measured with labels, and the data has none",
            asking,
            others=((self.part.to, "the predictions, which labels would be joined with"),),
            note="nothing could be measured, and an alert on the missing series would never stop",
            help="add `labels: {column: COLUMN, source: SOURCE, delay: 7d}` under `data`, with a `uri` for the source, "
            "or remove the bound",
        )

    @property
    def _arriving(self) -> Iterator[Because[str]]:
        """The bounds on how labels arrive."""
        for rule in self.plan.system.monitoring.rules:
            exported = condition(rule.metric.value)
            if exported is not None and exported.monitor == "labels":
                yield rule.metric

    @property
    def _counting(self) -> tuple[Because[str], ...]:
        """The trigger that counts labels."""
        return tuple(trigger for trigger in self.triggers if trigger.value == NEW_LABELS)

    @cached_property
    def bounds(self) -> tuple[Condition | AlertRule, ...]:
        """The bounds on metrics that need labels."""
        asked = self.plan.system.monitoring
        both = (*((asked.quality,) if asked.quality is not None else ()), *asked.rules)
        return tuple(bound for bound in both if self._needs_labels(bound))

    def _needs_labels(self, bound: Condition | AlertRule) -> bool:
        metric = self.plan.system.metrics[bound.metric.value.partition("@")[0]]
        return metric.query is None and metric.needs_labels.value

    @property
    def drift(self) -> DriftPlan | None:
        """The drift that is measured."""
        return self.plan.drift

    @cached_property
    def reference(self) -> Because[str] | None:
        """Where the reference is; None without drift."""
        return self.drift.profile if self.drift is not None else None

    @cached_property
    def columns(self) -> tuple[Compared, ...]:
        """The columns that are compared with the reference."""
        return tuple(self._compared(self.drift)) if self.drift is not None else ()

    def _compared(self, drift: DriftPlan) -> Iterator[Compared]:
        signature, part = self.model.signature, drift.part
        for tensor in signature.inputs if signature is not None else ():
            own = part.columns.get(tensor.name.value)
            method = own if own is not None else part.features
            if method is not None and single(self.service, tensor):
                limits = drift.watched[tensor.name.value if own is not None else "features"]
                yield Compared(column=tensor.name, subject="feature", method=method.method, limits=limits)
        if part.prediction is not None:
            limits = drift.watched["prediction"]
            column = self._one_value(part.prediction.method)
            yield Compared(column=column, subject="prediction", method=part.prediction.method, limits=limits)

    @cached_property
    def accesses(self) -> tuple[Because[str], ...]:
        """The accesses that it reads with."""
        own = self.plan.system.monitoring.access
        if own is not None:
            return (own,)
        source, live = self.labels, self.live
        compared = self.reference is not None and live is not None and live.profile is not None
        profile = [live.artifact.access] if live is not None and compared else []
        store = self.plan.store
        tables = store.part.tables.access if store is not None else None
        found = (self.part.access, source.access if source is not None else None, *profile, tables)
        return tuple({one.value: one for one in found if one is not None}.values())

    @cached_property
    def uris(self) -> tuple[Because[str], ...]:
        """Everything that it reads."""
        source = self.labels
        found = (self.part.to, source.uri if source is not None else None, self.reference, self.feature_results)
        return tuple(one for one in found if one is not None)

    @cached_property
    def feature_results(self) -> Because[str] | None:
        """The folder with what the job that fills the feature store measures; None without that job."""
        store = self.plan.store
        return text("{folder}/measured", folder=store.folder) if store is not None else None

    # How late it sees something

    def sees(self, exported: Exported, view: Because[str] | None = None) -> Seen:
        """When it reads a time whose age alerts compare, and how old that is at the moment."""
        interval, labels = self.plan.system.monitoring.interval, self.plan.system.data.labels
        if exported.monitor == "features":
            return Seen(every=looks(interval, exported.looks), behind=self.plan.freshness.always(view))
        if exported.monitor == "capture":
            behind = in_a_file(self.part.every, self.pause)
            return Seen(every=looks(interval, exported.looks), behind=behind)
        delay = labels.delay if labels is not None else None
        return Seen(every=interval, behind=settled(interval, delay, self.pause))

    @cached_property
    def pause(self) -> Because[Duration] | None:
        """The time between two captured predictions; None if it is short or unknown."""
        return between(self.service, self.part.sample)

    # What it starts

    @cached_property
    def triggers(self) -> tuple[Because[str], ...]:
        """The triggers whose alert may ask for a run."""
        return read(self.plan.system)

    @cached_property
    def starts(self) -> Because[bool]:
        """Whether it starts training runs when Alertmanager asks for them."""
        training = self.plan.training
        if not self.triggers:
            return fixed(False, "no trigger starts a run")
        if self.plan.platform.alerting.retraining is not None:
            return because(False, "another receiver starts runs", self.plan.platform.alerting.retraining)
        if training is None:
            return because(False, "the training runs elsewhere", self.triggers)
        return because(True, "Alertmanager asks it for runs", self.triggers, training.name)

    @cached_property
    def answers(self) -> Because[bool]:
        """Whether it answers training runs, which ask for its diagnosis, and perhaps Alertmanager."""
        training = self.plan.training
        if training is None:
            return fixed(False, "no training run here asks for a diagnosis")
        return because(True, "training runs ask for its diagnosis", training.name)

    @cached_property
    def webhook(self) -> Because[str]:
        """The address for requests to train."""
        return text(
            f"http://{{name}}.{{namespace}}:{REQUESTS}/retrain", name=self.name, namespace=self.plan.namespace
        ).also(self.triggers)


def readable(uri: Because[str]) -> bool:
    """Whether files can be read there: a folder, a file, or an object store."""
    return uri.value.partition("://")[0] in ("s3", "gs", "file") or "://" not in uri.value
