"""The Deployment of the learner. One replica, because two would write the same checkpoints.

It has no right to change anything in the cluster, and only its access can write checkpoints. The served model is not
among what it may write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.learning import METRICS, LearningPlan
from .. import naming
from ..pod import access, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, variables
from ..process import CONFIG, STATE, Process, container
from ..process import deployment as deployment_of
from .config import COMPONENT, FILE, ConfigFile

__all__ = ["deployment", "grants", "process", "service_account"]


def grants(found: LearningPlan) -> list[Grant]:
    """The access of the learner."""
    return access.granted(found.plan, access.stores(found.plan, found.part.access))


def process(found: LearningPlan) -> Process:
    """The learner."""
    return Process(
        plan=found.plan,
        name=found.name,
        component=COMPONENT,
        purpose="learns from new labels, and keeps checkpoints for training",
        alone="two would write the same checkpoints",
        grants=grants(found),
        resources=found.part,
        user=found.training.part.user,
        token=fixed(False, "the learner does not use the API server"),
        grace=fixed(60, "the command gets 20 s to end, twice"),
        priority=found.plan.platform.priorities.training,
    )


def service_account(found: LearningPlan) -> Iterator[Artifact]:
    """The identity of the pod."""
    scope, one = found.plan, process(found)
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope, one.account, one.labels, access.identity_annotations(access.identity(one.grants))
        ),
        "automountServiceAccountToken": one.token,
    }
    why = because("ServiceAccount", "the learner gets an identity of its own", found.part.access, one.account)
    yield Artifact(path=naming.path_of(scope, "learning", "ServiceAccount", one.account), body=body, why=why)


def deployment(found: LearningPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The Deployment."""
    one = process(found)
    command = ["mlspec", "runtime", "learn", f"--config={CONFIG}/{FILE}", f"--state={STATE}", "--"]
    ports: list[Body] = [{"name": "metrics", "containerPort": fixed(METRICS, "the port of the learner's metrics")}]
    made = container(one, found.image, command, list(found.part.command), _environment(found), ports)
    why = because("Deployment", "learns between training runs", found.part.algorithm)
    path = naming.path_of(found.plan, "learning", "Deployment", found.name)
    yield Artifact(path=path, body=deployment_of(one, made, file.name), why=why)


def _environment(found: LearningPlan) -> list[Any]:
    system = found.plan.system.metadata.name
    own: dict[str, Because[str]] = {
        "HOME": fixed("/tmp", "libraries keep their caches there, and the rest of the image is read-only"),
        "USER": because(system.value, "a user name, for libraries that ask for one", system),
        **trust.named(found.plan),
    }
    return [*variables(own), *credentials(grants(found), own)]
