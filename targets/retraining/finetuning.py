"""Fine-tuning by configuration: the file of TRL, the command that starts it, and the program that describes the model.

Traps of TRL 1.9 and transformers handled here:

- A key that no class knows is ignored, or is an option of `accelerate launch`. A test holds every key to the real
  classes (tests/cluster/loop/test_finetuning.py).
- PyYAML reads `no` as false, and `1e-05` as text.
- `dtype` is `float32` by default, also for frozen weights, which doubles their memory. A model that learns as a whole
  needs it: its weights are those of the optimizer, and it computes in 16 bits.
- Double quantization is off by default; without it, QLoRA needs 0.37 bits more per weight than the plan counts.
- `report_to` may be everything that the image has, such as a service that asks for a login.
- Checkpoints would fill the volume, and a retry starts with an empty one.
- The configurations of `accelerate` that come with TRL start 8 processes.
- PEFT's own choice of layers is only a part of the linear ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.dump import Lines, dump
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Step
from ..shipped import shipped

if TYPE_CHECKING:
    from ...compiler.plan.training.fine_tuning import FineTuningPlan

__all__ = ["PROGRAM", "SETTINGS", "command", "files"]

SETTINGS, PROGRAM = "trl.yaml", "fine_tune.py"
FOLDER, VALIDATED, OUTPUT = "/mlspec/config", "/mlspec/input/validate", "/mlspec/output"


def files(found: FineTuningPlan) -> dict[str, Lines]:
    """The files next to the configuration."""
    settings = Lines.later(partial(_lines, found), causes=[found.part])
    return {SETTINGS: settings, **({PROGRAM: Lines(_program())} if found.own else {})}


def _program() -> Because[str]:
    return fixed(shipped(f"runtime/{PROGRAM}"), "a module of mlspec")


def _lines(found: FineTuningPlan) -> Iterator[Because[str]]:
    said, reasons = dump(_settings(found), because(SETTINGS, "the settings of TRL", found.part), "")
    for line, because_of in zip(said.splitlines(), reasons, strict=True):
        yield because(line, because_of[0].reason, *because_of)


def command(found: FineTuningPlan, step: Step) -> list[Any] | None:
    """What starts the step `train`: the author's command, or that of TRL; None for the image's own."""
    if not found.own:
        return list(step.command) or None
    from ...compiler.plan.training.fine_tuning_checks import check  # few systems fine-tune

    check(found)
    return ["python3", f"{FOLDER}/{PROGRAM}", *_started(found)]


def _started(found: FineTuningPlan) -> list[Any]:
    spread, config = found.training.part.distributed, f"{FOLDER}/{SETTINGS}"
    many = found.processes.map(str)
    if spread is not None and spread.nodes.value > 1:
        return ["torchrun", "-m", found.objective.map(lambda name: f"trl.scripts.{name}"), "--config", config]
    named = "single_gpu" if spread is None else "fsdp2" if spread.strategy.value == "fully-sharded" else "multi_gpu"
    kind = because(named, "how the accelerators train together", spread.strategy if spread is not None else many)
    precision = found.bfloat16.map(lambda can: "bf16" if can else "fp16")
    launch = ["--accelerate_config", kind, "--num_processes", many, "--mixed_precision", precision]
    return ["trl", found.objective, "--config", config, *launch]


# The settings


def _settings(found: FineTuningPlan) -> dict[str, Any]:
    part, base = found.part, found.base
    return {
        "model_name_or_path": base.name,
        "model_revision": base.commit,
        "dtype": _dtype(found),
        **_rows(found),
        **_adapters(found),
        "num_train_epochs": part.epochs,
        "learning_rate": found.learning_rate,
        "lr_scheduler_type": part.schedule,
        "per_device_train_batch_size": part.micro_batch,
        "gradient_accumulation_steps": found.accumulation,
        "max_length": part.max_length,
        "packing": found.packing,
        "beta": found.beta,
        "bf16": found.bfloat16,
        "fp16": found.bfloat16.map(lambda can: not can),
        "seed": found.training.part.seed,
        "report_to": _reported(found.training),
        "output_dir": f"{OUTPUT}/model",
        "save_strategy": fixed("no", "a retry starts with an empty volume, which checkpoints would fill"),
        "disable_tqdm": fixed(True, "a progress bar is noise in a log"),
    }


def _dtype(found: FineTuningPlan) -> Because[str]:
    if not found.adapters.value:
        return because("float32", "the optimizer updates these weights, and computes in 16 bits", found.adapters)
    return found.bfloat16.map(lambda can: "bfloat16" if can else "float16").also(found.adapters)


def _reported(training: TrainingPlan) -> Because[str]:
    tracking = training.part.tracking
    if tracking is None:
        return fixed("none", "no tracking server; by default, TRL may ask for a login")
    return tracking.tool


def _rows(found: FineTuningPlan) -> dict[str, Any]:
    rows = found.rows
    where = (
        text(f"{VALIDATED}/{{files}}", "the output of `validate`", files=rows.files) if rows.validated else rows.files
    )
    loaded = {"path": rows.loader, "data_files": where, "split": "train", "columns": list(rows.columns)}
    made: dict[str, Any] = {"datasets": [loaded]}
    if rows.format.value == "text":
        made["dataset_text_field"] = rows.columns[0]
    if rows.loss is not None:
        answers = rows.loss.map(lambda loss: loss == "answers")
        if rows.format.value == "messages":
            made["assistant_only_loss"] = answers
        elif rows.format.value == "prompt-completion":
            made["completion_only_loss"] = answers
    return made


def _adapters(found: FineTuningPlan) -> dict[str, Any]:
    """The adapters, and the quantization of the weights below them."""
    if not found.adapters.value:
        return {}
    lora, qlora = found.part.lora, found.tuning.method.value == "qlora"
    alpha = lora.alpha.given
    made: dict[str, Any] = {
        "use_peft": found.adapters,
        "lora_r": lora.rank,
        "lora_alpha": alpha if alpha is not None else because(2 * lora.rank.value, "twice the rank", lora.rank),
        "lora_dropout": lora.dropout,
        "lora_target_modules": list(lora.modules)
        or [fixed("all-linear", "adapters on all layers match a model that learns as a whole (Dettmers, 2023)")],
    }
    if not qlora:
        return made
    four = because(True, "QLoRA freezes the weights at 4 bits", found.tuning.method)
    made |= {
        "load_in_4bit": four,
        "bnb_4bit_quant_type": because("nf4", "4.127 bits per weight, as in the paper", found.tuning.method),
        "use_bnb_nested_quant": four,
    }
    spread = found.training.part.distributed
    if spread is not None and spread.strategy.value == "fully-sharded":
        made["bnb_4bit_quant_storage"] = because(_dtype(found).value, "shards have one type", spread.strategy)
    return made
