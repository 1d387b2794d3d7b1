"""Measuring: the process that measures drift, quality, and data from captured predictions, and may start training.

It runs wherever predictions are captured and something is asked of them. It starts a run only if the training is in the
same environment, because it has no rights in another namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ...schema.units import Duration, Percent, Rate
from ..because import Because, because, decision, first, fixed, text
from ..computed import DECISIONS, EQUAL, ESTIMATED, QUERIES, SEVERAL_CLASSES, WITH_RESULT, rival_column
from ..exported import Exported, condition
from ..finding import Refusal, refusal
from ..pace import settles
from ..record import Record
from ..system import AlertRule, Capture, Condition, DataSource, Input, Model, Output, Release
from ..words import listing
from .alerting.due import NEW_LABELS, read
from .choose import readable as in_words
from .service import ServicePlan
from .serving.batch import BatchPlan
from .serving.recording import single

if TYPE_CHECKING:
    from . import Plan
    from .data.drift import DriftPlan, Watched

__all__ = ["METRICS", "OWN", "REQUESTS", "Compared", "MeasuringPlan", "Seen", "measured", "measures", "pause", "seen"]

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
    return _pause(served[0], None) if len(served) == 1 else None


OWN = ("quality", "labels", "drift", "data", "capture")
"""What the process measures. Jobs of the author measure the rest, because it is not in the captured predictions."""


class Compared(Record):
    """A column that is compared with the reference."""

    column: Because[str]
    subject: str
    """`feature` or `prediction`."""
    method: Because[str]
    limits: Watched


class Seen(Record):
    """How a time is read."""

    every: Because[Duration]
    """The time between two looks."""
    behind: Because[Duration]
    """How old the newest one is at a look when all is well."""

    @property
    def oldest(self) -> Because[Duration]:
        """The age just before the next look, when all is well."""
        return _oldest(self.every, self.behind)


class MeasuringPlan:
    """The process of one environment."""

    def __init__(self, plan: Plan, part: Capture, asked: tuple[Because[object], ...]) -> None:
        self.plan = plan
        self.part = part
        self.asked = asked
        """What asks for a measurement."""

    @cached_property
    def name(self) -> Because[str]:
        """The name of its objects."""
        return text("{system}-monitor", system=self.plan.system.metadata.name)

    @cached_property
    def service(self) -> ServicePlan | BatchPlan:
        """The service whose predictions are captured."""
        served: dict[str, ServicePlan | BatchPlan] = {**self.plan.online, **self.plan.batch}
        named = self.part.service
        found = [one for name, one in served.items() if named is None or name == named.value]
        if len(found) != 1:
            raise self._which(found)
        return found[0]

    def _which(self, found: list[ServicePlan | BatchPlan]) -> Refusal:
        names = [one.part.own_name for one in found]
        which = f"{listing([name.value for name in names])} are served here" if names else "nothing is served here"
        return refusal(
            "MLS012",
            "it is ambiguous whose predictions are captured",
            self.part.to,
            others=tuple((name, "one of them") for name in names),
            note=f"one process measures the predictions of one service, and {which}",
            help="name the service in `monitoring.capture.service`, or write `measured: elsewhere` and export the "
            "metrics of docs/reference/metrics.md from your own jobs",
        )

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
    def live(self) -> Release | None:
        """The live version of the model."""
        return self.plan.system.releases.get(self.service.model.value)

    @cached_property
    def bounds(self) -> tuple[Condition | AlertRule, ...]:
        """The bounds on metrics that need labels."""
        asked = self.plan.system.monitoring
        both = (*((asked.quality,) if asked.quality is not None else ()), *asked.rules)
        return tuple(bound for bound in both if self._needs_labels(bound))

    def _needs_labels(self, bound: Condition | AlertRule) -> bool:
        metric = self.plan.system.metrics[bound.metric.value.partition("@")[0]]
        return metric.query is None and metric.needs_labels.value

    def estimates(self, bound: Condition | AlertRule) -> Because[bool]:
        """Whether it estimates the metric of a bound before labels arrive."""
        task, metric = self.plan.system.problem.task, bound.metric
        if metric.value not in ESTIMATED:
            return because(False, "no probability estimates the metric", metric)
        if task.value in SEVERAL_CLASSES:
            return because(False, "there are more than two classes", metric, task)
        if metric.value not in DECISIONS:
            return because(True, "probabilities of two classes estimate it", metric, task)
        threshold = self.threshold_of(bound)
        if threshold is None:
            return because(False, "no threshold decides", metric, task, bound.of, self.output)
        return because(True, "probabilities of two classes and a threshold estimate it", metric, task, threshold)

    def threshold_of(self, bound: Condition | AlertRule) -> Because[float] | None:
        """The threshold that decides on the output of a bound; None if it is of another output, or if none decides."""
        point = self.model.operating_point
        return point.threshold if point is not None and self.judged(bound).value == point.output.value else None

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

    @property
    def unwrapped(self) -> tuple[Because[str], ...]:
        """The inputs and outputs with a shape that holds one value, which records of before have as a list."""
        signature = self.model.signature
        tensors: tuple[Input | Output, ...] = ()
        if signature is not None:
            tensors = (*signature.inputs, *signature.outputs)
        return tuple(one.name.also(one.shape) for one in tensors if one.shape and single(self.service, one))

    @cached_property
    def recorded(self) -> frozenset[str] | None:
        """The columns of a record; None if they are unknown, as those that a batch run copies."""
        signature, service = self.model.signature, self.service
        if signature is None or isinstance(service, BatchPlan):
            return None
        segments = [name.value for name in self.plan.system.monitoring.segments]
        tensors = [one.name.value for one in (*signature.inputs, *signature.outputs)]
        return frozenset((self.part.id.value, *tensors, *segments))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what the model gets."""
        signature = self.model.signature
        return tuple(one.name.value for one in signature.inputs) if signature is not None else ()

    @cached_property
    def late(self) -> dict[str, Because[str]]:
        """The columns that are unknown when a prediction is made: those of outcomes, and the label."""
        data = self.plan.system.data
        found = {one.name.value: one.available for one in data.columns if one.available.value == "after-outcome"}
        return {**found, **({data.labels.column.value: data.labels.column} if data.labels is not None else {})}

    @property
    def model(self) -> Model:
        """The model whose predictions are captured."""
        return self.plan.system.models[self.service.model.value]

    @cached_property
    def output(self) -> Because[str] | None:
        """The output of the operating point, else the first one with one value; None if there is none."""
        point = self.model.operating_point
        if point is not None:
            return point.output
        return next((tensor.name for tensor in self._outputs if single(self.service, tensor)), None)

    @property
    def _outputs(self) -> tuple[Output, ...]:
        signature = self.model.signature
        return signature.outputs if signature is not None else ()

    def judged(self, bound: Condition | AlertRule) -> Because[str]:
        """The output that a bound is on. A metric of rankings is on a list."""
        base = bound.metric.value.partition("@")[0]
        lists = base in (*QUERIES, "ctr") or (base in EQUAL and self.plan.system.problem.task.value in LISTS)
        if bound.of is not None and bound.of.value not in self.plan.system.services:
            return bound.of if lists else self._with_one_value(bound.of, bound.metric)
        if lists:
            several = [tensor.name for tensor in self._outputs if not single(self.service, tensor)]
            own = [name for name in several if self.output is not None and name.value == self.output.value]
            if several:
                return (*own, *several)[0].also(bound.metric)
        return self._one_value(bound.metric)

    def rival_answers(self, bound: Condition | AlertRule) -> Because[str] | None:
        """The captured column with the answers of a bound's rival, which are compared on the same rows; None if it has
        a result from before, or if there is no rival.
        """
        if bound.versus is None or bound.versus.value in WITH_RESULT:
            return None
        output = self.judged(bound)
        return because(rival_column(output.value, bound.versus.value), "what the rival answers", output, bound.versus)

    def _one_value(self, asking: Because[object]) -> Because[str]:
        """The output with one value. Refuses a model without one."""
        if self.output is not None:
            return self._with_one_value(self.output, asking)
        outputs = self._outputs
        raise refusal(
            "MLS012",
            "the model has no output with a single value",
            outputs[0].name if outputs else self.part.to,
            others=((asking, "is measured from it"),),
            note="a distribution and a metric need one value for each prediction",
            help="add an output with the score or the class, and name it in `operatingPoint.output`",
        )

    def _with_one_value(self, output: Because[str], asking: Because[object]) -> Because[str]:
        """An output, unless the signature gives it several values, such as one for each class."""
        shaped = next((tensor for tensor in self._outputs if tensor.name.value == output.value), None)
        if shaped is None or single(self.service, shaped):
            return output
        raise refusal(
            "MLS012",
            f"the output `{output.value}` has several values for each prediction",
            output,
            others=((asking, "is measured from it"), (shaped.shape, "its shape")),
            note="a distribution and a metric need one value; nothing would be measured, and no alert would fire",
            help="add an output with the score or the class, such as the probability of the positive class, and name "
            "that one",
        )

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
            return Seen(every=_looks(interval, exported.looks), behind=self.plan.freshness.always(view))
        if exported.monitor == "capture":
            behind = _in_a_file(self.part.every, self.pause)
            return Seen(every=_looks(interval, exported.looks), behind=behind)
        delay = labels.delay if labels is not None else None
        return Seen(every=interval, behind=_settled(interval, delay, self.pause))

    @cached_property
    def pause(self) -> Because[Duration] | None:
        """The time between two captured predictions; None if it is short or unknown."""
        return _pause(self.service, self.part.sample)

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


@decision
def _looks(interval: Because[Duration], most: int) -> tuple[Duration, str]:
    every = min(interval.value, Duration(most))
    return every, f"{in_words(every)} until the next look at it"


LISTS = ("multilabel-classification", "generation")
"""The tasks whose labels may be lists, which equal an output as a whole."""

SHORT = 60
"""Seconds between two predictions below which no age is longer because of them."""


def _pause(service: ServicePlan | BatchPlan, share: Because[Percent] | None) -> Because[Duration] | None:
    if isinstance(service, BatchPlan):
        return _between_runs(service.longest_gap, service.deadline)
    rate = first(service.traffic("mean"), service.traffic("peak"))
    most = Decimal(1) / SHORT / (share.value.amount if share is not None and share.value.amount else 1)
    if rate is None or not 0 < rate.value.amount <= most:
        return None
    return _between_requests(rate, share)


@decision
def _between_runs(gap: Because[Duration], run: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(gap.value.amount + run.value.amount)
    return total, f"{in_words(gap.value)} until the next run + {in_words(run.value)} until it ends"


@decision
def _between_requests(rate: Because[Rate], share: Because[Percent] | None) -> tuple[Duration, str]:
    captured = share.value.amount if share is not None and share.value.amount else Decimal(1)
    between = Duration(round(1 / (rate.value.amount * captured)))
    of = f", {share.value} of them captured" if share is not None and captured < 1 else ""
    return between, f"{in_words(between)} between two requests at {rate.value}{of}"


def _added(*parts: Because[Duration] | tuple[Duration, str] | None) -> tuple[Duration, str]:
    """The sum of times, and what they are."""
    known = [(part.value, part.reason) if isinstance(part, Because) else part for part in parts if part is not None]
    return Duration(sum(length.amount for length, _ in known)), " + ".join(said for _, said in known)


@decision
def _in_a_file(every: Because[Duration], pause: Because[Duration] | None) -> tuple[Duration, str]:
    return _added(pause, (every.value, f"{in_words(every.value)} until its file is finished"))


@decision
def _settled(
    interval: Because[Duration], delay: Because[Duration] | None, pause: Because[Duration] | None
) -> tuple[Duration, str]:
    settling = Duration(round(settles(float(interval.value.amount))))
    late = (delay.value, f"{in_words(delay.value)} until labels arrive") if delay is not None else None
    return _added(pause, late, (settling, f"{in_words(settling)} until records have arrived"))


@decision
def _oldest(every: Because[Duration], behind: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(every.value.amount + behind.value.amount)
    between = f"{in_words(every.value)} between two measurements"
    return total, f"{behind.reason} + {between}" if behind.value.amount else between


def readable(uri: Because[str]) -> bool:
    """Whether files can be read there: a folder, a file, or an object store."""
    return uri.value.partition("://")[0] in ("s3", "gs", "file") or "://" not in uri.value
