"""The objects next to the CronJob: a ServiceAccount with only the required permissions, and a NetworkPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.measuring import REQUESTS
from ...compiler.plan.mesh import tunnel
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Model
from .. import naming
from ..monitored import measuring
from ..pod import access
from ..pod.egress import egress, siblings, tcp
from ..pod.sharing import of_services
from . import promotion
from .api_server import api_egress
from .config import COMPONENT, labels
from .steps import grants

__all__ = ["addresses", "network_policy", "service_account"]


def service_account(training: TrainingPlan, plan: Plan) -> Iterator[Artifact]:
    """The identity of the pods. If a service uses the same ServiceAccount, the serving target writes it."""
    scope, allowed = training.scope, grants(training)
    name = access.account_of(allowed, training.name)
    others = of_services(plan)
    if name.value in others:
        return
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope, name, labels(training), access.identity_annotations(access.identity(allowed))
        ),
        "automountServiceAccountToken": fixed(False, "a training run does not use the API server"),
    }
    why = because(
        "ServiceAccount",
        "training runs get an identity without other permissions",
        training.part.steps.train.command,
        name,
        others,
    )
    yield Artifact(path=naming.path_of(scope, "retraining", "ServiceAccount", name), body=body, why=why)


def network_policy(training: TrainingPlan) -> Iterator[Artifact]:
    """A training run accepts no connections. It connects to its sources, its stores, and the tracking server."""
    scope = training.scope
    if not scope.platform.network.policies.value:
        return
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, training.name, labels(training)),
        "spec": {
            "podSelector": {"matchLabels": naming.selector(scope, COMPONENT, training.name)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                *egress(scope, addresses(training), [*grants(training), *promotion.grants(training)]),
                *_monitor(training),
                *api_egress(training),
            ],
        },
    }
    why = because("NetworkPolicy", "limits what a run may connect to", scope.platform.network.policies, training.name)
    yield Artifact(path=naming.path_of(scope, "retraining", "NetworkPolicy", training.name), body=body, why=why)


def _monitor(training: TrainingPlan) -> Iterator[Body]:
    """The process that measures, which the first step asks for its diagnosis."""
    found = measuring(training)
    if found is not None:
        port = because(REQUESTS, "the diagnosis of the process that measures", found.part.to, found.asked)
        yield {"to": [siblings(training.scope, found.name)], "ports": tcp(port, tunnel(training.scope))}


def addresses(training: TrainingPlan) -> Iterator[Because[str]]:
    """What the steps read and write, by its URI."""
    system, tracking = training.scope.system, training.part.tracking
    for source in system.data.sources:
        if source.uri is not None:
            yield source.uri
    if system.evaluation is not None and system.evaluation.test_set is not None:
        yield system.evaluation.test_set.uri
    if tracking is not None:
        yield tracking.uri
    if training.part.checkpoints is not None:
        yield training.part.checkpoints.to
    yield from _other_models(training.trained)


def _other_models(model: Model) -> Iterator[Because[str]]:
    """The teacher of a distillation, the calibration rows of a quantization, and the base model of a fine-tuning."""
    smaller, llm = model.optimization, model.llm
    if smaller is not None and smaller.distillation is not None:
        yield smaller.distillation.teacher
    if smaller is not None and smaller.quantization is not None and smaller.quantization.calibration is not None:
        yield smaller.quantization.calibration
    if llm is not None and llm.tuning is not None and llm.tuning.base is not None:
        yield llm.tuning.base
