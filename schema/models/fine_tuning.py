"""How a training run fine-tunes a language model, without code of the author."""

from __future__ import annotations

from typing import Literal

from .base import Section, SourceName, Text, default, derived, group, listed, optional, required


class Lora(Section):
    """The adapters that `lora` and `qlora` train on top of the frozen base model."""

    rank: int = default(16, "The rank.", "a common rank, which every runtime can serve", ge=1, le=512)
    alpha: int | None = derived("The scale of what the adapters add, as alpha / rank.", "as twice the rank", ge=1)
    dropout: float = default(0.05, "The dropout rate of the adapters.", "the default of TRL", ge=0, lt=1)
    modules: list[Text] = listed("The layers that get adapters, by name. If omitted, all linear layers.", min_length=1)


class TrainingFineTuning(Section):
    """Fine-tuning of a language model by TRL. The model's `llm.tuning` has the method and the base model."""

    objective: Literal["sft", "dpo"] | None = derived(
        "What the model learns: to answer like the examples (supervised fine-tuning), or to prefer some answers over "
        "others (direct preference optimization).",
        "as `dpo` if the model's `llm.tuning.method` is `dpo`, otherwise as `sft`",
    )
    revision: Text | None = optional("The commit of the base model, if it is a repository of the hub.")
    source: SourceName | None = optional("The source of the training rows, if there is more than one.")
    files: Text | None = optional(
        "The files that the `validate` step writes the training rows to, in its output, for example "
        "`train/*.parquet`. If omitted, all files of the source."
    )
    format: Literal["text", "messages", "prompt-completion", "preferences"] | None = derived(
        "The columns of the rows: `text`, or `messages`, or `prompt` and `completion`, or, as preferences, `prompt`, "
        "`chosen`, and `rejected`.",
        "as `preferences` for `dpo`, otherwise as `messages`",
    )
    text_column: Text | None = derived("The name of the column of the format `text`.", "as `text`")
    loss: Literal["everything", "answers"] | None = derived(
        "Which tokens the model learns to write: those of answers, or also those of prompts.",
        "as `answers` for `prompt-completion`, otherwise as `everything`",
    )
    max_length: int = required("The maximum length of a row, in tokens. Longer rows are cut.", ge=16, le=10_000_000)
    epochs: float = default(
        1.0, "How many times to train on each row.", "a second time mostly memorizes", gt=0, le=1000
    )
    learning_rate: float | None = derived(
        "The highest learning rate.",
        "from the objective, and ten times as high for adapters as for the whole model",
        gt=0,
        lt=1,
    )
    schedule: Literal["constant", "linear", "cosine"] = default(
        "cosine", "How the learning rate falls until the end.", "the most common one for language models"
    )
    batch: int = default(
        16, "How many rows an update learns from, on all accelerators together.", "a small batch", ge=1, le=1_000_000
    )
    micro_batch: int = default(
        1, "How many rows an accelerator holds at once.", "it needs the least memory", ge=1, le=100_000
    )
    packing: bool = default(False, "Whether to put several short rows into one sequence.", "it changes what a batch is")
    beta: float | None = derived(
        "How close `dpo` stays to the base model; more is closer.", "as 0.1, as in the paper", gt=0, le=10
    )
    lora: Lora = group(Lora, "The adapters.")
