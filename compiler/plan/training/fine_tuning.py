"""Decisions for fine-tuning a language model with TRL: how it learns, and how its batches divide over accelerators.

Traps that this module handles: the default learning rate is ten times too low for adapters; a device without bfloat16
fails at the first step; several accelerators without a strategy are wasted; and sections that TRL does not read would
silently do nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...because import Because, because, decision, fixed
from ...finding import Refusal, refusal
from ...row import Row
from ...system import FineTuning, TrainingFineTuning
from ..choose import number, or_else
from . import fine_tuning_rows as rows
from .nodes import unequal

if TYPE_CHECKING:
    from . import TrainingPlan

__all__ = ["Base", "FineTuningPlan"]

ADAPTERS = ("lora", "qlora")

RATES = {("sft", False): 2e-5, ("sft", True): 2e-4, ("dpo", False): 5e-7, ("dpo", True): 5e-6}
"""TRL 1.9, docs/source/peft_integration.md, "Learning Rate Considerations", by objective and whether adapters learn."""

BETA = 0.1
"""R. Rafailov et al., Direct preference optimization, 2023, appendix B."""


class Base(Row):
    """The base model: a repository of the hub with its commit, or a folder of a volume."""

    name: Because[str]
    commit: Because[str] | None


class FineTuningPlan:
    """How a training run fine-tunes its model."""

    def __init__(self, training: TrainingPlan, part: TrainingFineTuning) -> None:
        self.training = training
        self.part = part

    @property
    def own(self) -> bool:
        """Whether the spec leaves the command of `train` to mlspec."""
        return not self.training.part.steps.train.command

    @cached_property
    def tuning(self) -> FineTuning:
        """What the model says about its adaptation."""
        llm, name = self.training.trained.llm, self.training.model
        tuning = llm.tuning if llm is not None else None
        if tuning is not None and tuning.method.value != "prompting":
            return tuning
        raise refusal(
            "MLS009",
            f"`fineTuning` needs a method, and the model `{name.value}` has none",
            self.part,
            others=((tuning.method if tuning is not None else name, "the trained model"),),
            note="the method decides whether the whole model learns or only adapters, and the memory that it needs",
            help="add `llm: {tuning: {method: lora, base: hf://ORGANIZATION/NAME}}` to the model",
        )

    @cached_property
    def adapters(self) -> Because[bool]:
        """Whether adapters learn, and not the model itself."""
        self._lora_belongs()
        return _adapters(self.tuning.method)

    def _lora_belongs(self) -> None:
        if self.tuning.method.value in ADAPTERS or self.part.lora.node is None:
            return
        raise refusal(
            "MLS012",
            f"the method `{self.tuning.method.value}` trains no adapters",
            self.part.lora,
            others=((self.tuning.method, "the whole model learns"),),
            note="the settings of adapters would do nothing",
            help="remove `lora`, or write `method: lora` under the model's `llm.tuning`",
        )

    @cached_property
    def base(self) -> Base:
        """The base model, pinned."""
        given, commit = self.tuning.base, self.part.revision
        if given is None:
            raise refusal(
                "MLS009",
                "nothing says which base model is fine-tuned",
                self.tuning.method,
                others=((self.part, "it is fine-tuned here"),),
                note="the run would have no model to start from",
                help="add `base` next to the `method`, such as `hf://ORGANIZATION/NAME`",
            )
        return _base(given, commit, self.part)

    @cached_property
    def objective(self) -> Because[str]:
        """`sft` or `dpo`."""
        made: Because[str] = or_else(self.part.objective, lambda: _objective(self.tuning.method))
        if made.value == "sft" and self.tuning.method.value == "dpo":
            raise _contradiction("`sft` and `dpo` are different objectives", made, self.tuning.method)
        return made

    @cached_property
    def rows(self) -> rows.Rows:
        """The rows that it learns from."""
        return rows.rows_of(self.training, self.part, self.objective)

    @cached_property
    def learning_rate(self) -> Because[float]:
        """The highest learning rate."""
        return or_else(self.part.learning_rate, lambda: _rate(self.objective, self.adapters))

    @cached_property
    def beta(self) -> Because[float] | None:
        """How close `dpo` stays to the base model; None for other objectives."""
        given = self.part.beta.given
        if self.objective.value == "dpo":
            return given if given is not None else because(BETA, "the value in the paper on DPO", self.objective)
        if given is not None:
            raise _contradiction("`sft` has no `beta`", given, self.objective)
        return None

    @cached_property
    def packing(self) -> Because[bool] | None:
        """Whether several rows share a sequence; None if the objective leaves no choice."""
        if self.objective.value != "dpo":
            return self.part.packing
        if self.part.packing.value:
            raise _contradiction("`dpo` cannot pack rows: it compares two answers to one prompt", self.part.packing)
        return None

    # Accelerators

    @cached_property
    def bfloat16(self) -> Because[bool]:
        """Whether it computes in bfloat16, or in float16."""
        training, asked = self.training, self.training.part.resources.accelerator
        if asked is not None:
            return _bfloat16(training.scope.platform.accelerators[asked.type.value].bfloat16, asked.type)
        if self.tuning.method.value == "qlora":
            raise refusal(
                "MLS009",
                "`qlora` needs an accelerator",
                self.tuning.method,
                others=((self.part, "nothing under `training.resources` asks for one"),),
                note="the weights are quantized on the device, so the run would fail when it loads the model",
                help="add `accelerator` under `training.resources`, or write `method: lora`",
            )
        return fixed(True, "CPUs compute in bfloat16")

    @cached_property
    def processes(self) -> Because[int]:
        """How many processes train together on each node: one per accelerator."""
        asked, spread = self.training.part.resources.accelerator, self.training.part.distributed
        if spread is None:
            if asked is not None and asked.count.value > 1:
                raise refusal(
                    "MLS009",
                    f"nothing says how {asked.count.value} accelerators train together",
                    asked.count,
                    others=((self.part, "fine-tuned here"),),
                    note="one process would train on one of them, and the others would be idle",
                    help=f"add `distributed: {{strategy: fully-sharded, nodes: 1, processesPerNode: "
                    f"{asked.count.value}}}` under `training`, or `strategy: data-parallel` if the model fits on each",
                )
            return fixed(1, "one process")
        devices = asked.count if asked is not None else fixed(1, "no accelerators")
        if spread.processes_per_node.value != devices.value:
            raise unequal(spread, devices)
        return spread.processes_per_node

    @cached_property
    def accumulation(self) -> Because[int]:
        """How many micro-batches of each process make a batch."""
        nodes, part = self.training.nodes, self.part
        together = part.micro_batch.value * self.processes.value * nodes.value
        if part.batch.value % together:
            raise refusal(
                "MLS012",
                f"a batch of {part.batch.value} rows cannot be divided into steps of {together}",
                part.batch,
                part,
                others=((part.micro_batch, "the rows of an accelerator"), (self.processes, "the processes of a node")),
                note="the batch would have another size than the spec says, and the learning rate belongs to the size",
                help=f"write a `batch` that is a multiple of {together}, which is `microBatch` x processes x nodes",
            )
        return _accumulation(part.batch, part.micro_batch, self.processes, nodes)


def _contradiction(message: str, at: Because[object], other: Because[object] | None = None) -> Refusal:
    others = ((other, "it is about this"),) if other is not None else ()
    help_ = "remove one of them"
    return refusal("MLS012", message, at, others=others, note="TRL would ignore it, or fail at its start", help=help_)


@decision
def _adapters(method: Because[str]) -> tuple[bool, str]:
    learns = "adapters learn" if method.value in ADAPTERS else "the whole model learns"
    return method.value in ADAPTERS, f"with `{method.value}`, {learns}"


@decision
def _objective(method: Because[str]) -> tuple[str, str]:
    made = "dpo" if method.value == "dpo" else "sft"
    return made, f"the model's method is `{method.value}`"


@decision
def _rate(objective: Because[str], adapters: Because[bool]) -> tuple[float, str]:
    rate = RATES[objective.value, adapters.value]
    return rate, f"TRL's recommendation for `{objective.value}`, and {adapters.reason}"


@decision
def _bfloat16(can: Because[bool], device: Because[str]) -> tuple[bool, str]:
    return can.value, f"`{device.value}` {'computes' if can.value else 'does not compute'} in bfloat16"


@decision
def _accumulation(
    batch: Because[int], micro: Because[int], processes: Because[int], nodes: Because[int]
) -> tuple[int, str]:
    steps = batch.value // (micro.value * processes.value * nodes.value)
    return steps, f"{number(batch.value)} rows / ({micro.value} x {processes.value} processes x {nodes.value} nodes)"


def _base(uri: Because[str], commit: Because[str] | None, part: TrainingFineTuning) -> Base:
    scheme, _, rest = uri.value.partition("://")
    if scheme == "file":
        if commit is not None:
            raise _contradiction("a folder has no `revision`", commit, uri)
        return Base(because(rest, "a folder of the pod", uri), None)
    if scheme != "hf" or rest.strip("/").count("/") != 1:
        raise refusal(
            "MLS012",
            f"TRL cannot load a base model from `{uri.value}`",
            uri,
            others=((part, "it is fine-tuned here"),),
            note="it loads a whole repository of the Hugging Face Hub, or a folder",
            help="write `hf://ORGANIZATION/NAME`, or `file:///PATH` for a folder of a volume in `training.volumes`",
        )
    if commit is None:
        raise refusal(
            "MLS009",
            "the base model is not pinned",
            uri,
            others=((part, "it is fine-tuned here"),),
            note="a branch moves, so two runs with the same spec would start from different models",
            help="add `revision` with the commit under `fineTuning`",
        )
    return Base(because(rest.strip("/"), "a repository of the hub", uri), commit)
