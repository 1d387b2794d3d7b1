"""What mlspec's own fine-tuning refuses, because the command that it starts would silently not do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...because import first
from ...finding import refusal
from ..choose import count

if TYPE_CHECKING:
    from .fine_tuning import FineTuningPlan

__all__ = ["check"]


def check(found: FineTuningPlan) -> None:
    """Refuse what mlspec's own command would silently not do."""
    part = found.training.part
    unread = {
        "tuning": part.tuning,
        "crossValidation": part.cross_validation,
        "ensemble": part.ensemble,
        "regularization": part.regularization,
    }
    name, given = next(((name, part) for name, part in unread.items() if part is not None), ("", None))
    if given is not None:
        raise refusal(
            "MLS012",
            f"`{name}` has no effect on fine-tuning",
            given,
            others=((found.part, "the command of mlspec fits one model with these settings"),),
            note="the run would train something else than the spec says",
            help=f"remove `{name}`, or give `train` a command that starts TRL and reads it",
        )
    if part.checkpoints is not None:
        raise refusal(
            "MLS012",
            "mlspec's own fine-tuning keeps no checkpoints",
            part.checkpoints.to,
            others=((found.part, "fine-tuned here"),),
            note="a run that is interrupted would start from the beginning",
            help="remove `checkpoints`, or give `train` a command that starts TRL and resumes from them",
        )
    _compressed(found)
    _within_the_window(found)
    spread = part.distributed
    if spread is None or spread.strategy.value == "data-parallel":
        return
    if spread.strategy.value == "fully-sharded" and spread.nodes.value == 1:
        return
    raise refusal(
        "MLS012",
        f"mlspec does not start TRL as `{spread.strategy.value}` on {count(spread.nodes.value, 'node')}",
        spread.strategy,
        others=((spread.nodes, "the nodes"), (found.part, "fine-tuned here")),
        note="it starts `data-parallel`, and `fully-sharded` on one node",
        help="use one node with more accelerators, or give `train` a command that starts TRL with "
        "`/mlspec/config/trl.yaml`",
    )


def _within_the_window(found: FineTuningPlan) -> None:
    """A row can be as long as `maxLength`, and the model knows no position beyond its window."""
    longest, llm = found.part.max_length, found.training.trained.llm
    named = llm.family if llm is not None else None
    family = found.training.scope.platform.families[named.value] if named is not None else None
    window = first(llm.window if llm is not None else None, family.window if family is not None else None)
    if window is None or longest.value <= window.value:
        return
    raise refusal(
        "MLS012",
        f"rows of {longest.value:,} tokens exceed the window of {window.value:,}",
        longest,
        others=((window, "the longest context that the model knows"),),
        note="beyond its window, the model has no positions: it learns noise there, or the run fails",
        help=f"write `maxLength: {window.value}` or less",
    )


def _compressed(found: FineTuningPlan) -> None:
    """Fine-tuning makes no model smaller, and learns from no teacher."""
    smaller, steps = found.training.trained.optimization, found.training.part.steps
    if smaller is None or (steps.compress is not None and smaller.distillation is None):
        return
    asked = smaller.distillation or smaller.quantization or smaller.pruning
    if asked is None:
        return
    way = (
        "give `train` a command that learns from the teacher"
        if smaller.distillation is not None
        else ("add `compress: {command: [...]}` under `training.steps`")
    )
    raise refusal(
        "MLS009",
        f"no step does the {type(asked).__name__.lower()} of the fine-tuned model",
        asked,
        others=((found.part, "this fine-tunes it, and does nothing else"),),
        note="the model that is evaluated and served would not be the one that the spec describes",
        help=f"{way}, or remove it from `optimization`",
    )
