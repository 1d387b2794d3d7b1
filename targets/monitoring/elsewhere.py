"""The live version of a trained model that another system serves, and the alert on its age.

Retraining can go wrong in ways that no run shows: models that pass no gate, or that no one promotes. The age of the
version that is live shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact
from ...compiler.plan.scope import Scope
from ...compiler.plan.training import TrainingPlan
from ...compiler.record import Record
from .files import rule_files
from .version import age, info

__all__ = ["rules"]


class Champion(Record):
    """The live version, as the subject of an alert."""

    scope: Scope
    name: Because[str]


def rules(training: TrainingPlan) -> Iterator[Artifact]:
    """The same group twice: for the Prometheus Operator, and as a plain rule file."""
    release, scope = training.champion, training.scope
    if release is None:
        return
    watched = Champion(scope=scope, name=training.champion_name)
    groups = [
        {
            "name": text("mlspec-{name}", name=watched.name),
            "interval": fixed("1m", "the same as for objectives"),
            "rules": [info(watched, training.model, release), *age(watched, release)],
        }
    ]
    why = because("rules", "the version of the trained model that another system serves", training.elsewhere)
    yield from rule_files(scope, watched.name, groups, why)
