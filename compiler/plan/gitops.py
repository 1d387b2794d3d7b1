"""The folders of an environment's output: the one that a GitOps tool applies, and the one that a promotion writes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..because import Because, because
from ..system import Promote

if TYPE_CHECKING:
    from . import Plan

__all__ = ["applied", "promoted"]


def applied(plan: Plan) -> Because[str]:
    """The folder in the repository that holds the environment's output."""
    template, system = plan.platform.gitops.path, plan.system.metadata.name
    found = template.value.format(system=system.value, environment=plan.environment.value)
    return because(found, "where the environment's files are", template, system, plan.environment)


def promoted(part: Promote, system: str) -> str | None:
    """The folder that `mlspec runtime promote` writes, as a template like `platform.gitops.path`; None if the spec does
    not say where it is. Without `out`, the folder has no system in it.
    """
    if part.path is None:
        return None
    if part.out is not None:
        return f"{part.out.value}/{{system}}/{{environment}}"
    steps = PurePosixPath(part.path.value).parent.parts
    return "/".join([*("{system}" if step == system else step for step in steps), "out", "{environment}"])
