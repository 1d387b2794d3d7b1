"""The model whose predictions are captured: what a record has of it, and which output each bound is on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..because import Because, because
from ..computed import DECISIONS, EQUAL, ESTIMATED, QUERIES, SEVERAL_CLASSES, WITH_RESULT, rival_column
from ..finding import Refusal, refusal
from ..system import AlertRule, Capture, Condition, Input, Model, Output, Release
from ..words import listing
from .service import ServicePlan
from .serving.batch import BatchPlan
from .serving.recording import single

if TYPE_CHECKING:
    from . import Plan

__all__ = ["MeasuredModel"]

LISTS = ("multilabel-classification", "generation")
"""The tasks whose labels may be lists, which equal an output as a whole."""


class MeasuredModel:
    """The model, its service, and its records."""

    def __init__(self, plan: Plan, part: Capture, asked: tuple[Because[object], ...]) -> None:
        self.plan = plan
        self.part = part
        self.asked = asked
        """What asks for a measurement."""

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

    @cached_property
    def live(self) -> Release | None:
        """The live version of the model."""
        return self.plan.system.releases.get(self.service.model.value)

    # What a record has

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
