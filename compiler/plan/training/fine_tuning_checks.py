"""What mlspec's own fine-tuning refuses, because the command that it starts would silently not do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    _compressed(found)
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
