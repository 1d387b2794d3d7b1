"""The pods of a training run: the pod of its steps, which a Job or a workflow creates, and those of its nodes.

Pod traps handled here: node autoscalers evict long-running pods. A volume on the node's own disk is small. A named user
of an image is no proof that it is not root. Most volumes can only be mounted on one node.
"""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import AcceleratorRequest, Distributed, Tuning
from .. import naming
from ..pod import access, extras, placement, trust
from ..pod.credentials import pull_secrets
from ..pod.security import pod_security
from ..pod.undisturbed import undisturbed
from . import carried
from .api_server import api_mount, api_token, api_volume
from .config import labels
from .steps import containers, devices, grants, node_container, search_container, shares_memory

__all__ = ["NODE", "PERMANENT", "node_labels", "node_pod", "run_pod", "search_pod"]

PERMANENT = 42
"""The exit code that tells Kubernetes that a retry would fail, too."""

NODE = "trainer-node"
"""The component of the pods that train together."""

LONG = "an interrupted run loses all its work"


def run_pod(training: TrainingPlan, config: Because[str]) -> Body:
    """The pod template of the steps: metadata and spec. Whatever creates it retries it as `job.py` does."""
    *before, last = containers(training)
    volumes = [
        *_common_volumes(training, config, devices(training, "run"), [_run_volume(training)]),
        *_result(training),
        *api_volume(training),
        *carried.volumes(training),
    ]
    return {
        "metadata": _metadata(training, labels(training)),
        "spec": {
            **_spec(training, devices(training, "run")),
            "initContainers": [*extras.sidecars(training.part), *before] or None,
            "containers": [last],
            "volumes": [*volumes, *extras.volumes(training.part)],
        },
    }


def search_pod(training: TrainingPlan, tuning: Tuning, config: Because[str]) -> Body:
    """The pod template of a search, which runs its trials itself."""
    asked = training.part.resources.accelerator
    return {
        "metadata": _metadata(training, labels(training)),
        "spec": {
            **_spec(training, asked),
            "initContainers": extras.sidecars(training.part) or None,
            "containers": [search_container(training, tuning, api_mount())],
            "volumes": [
                *_common_volumes(training, config, asked, [_run_volume(training)]),
                api_token(because(True, "the search writes the best parameters", tuning.when)),
                *extras.volumes(training.part),
            ],
        },
    }


def node_labels(training: TrainingPlan) -> Body:
    """The labels of the pods that train together, which their network policy selects."""
    return naming.labels(training.scope, NODE, training.name)


def node_pod(training: TrainingPlan, config: Because[str], name: str) -> Body:
    """The pod template of a node. The volume of the run is in the TrainJob, because each run has its own."""
    asked = devices(training, "train")
    return {
        "metadata": _metadata(training, node_labels(training)),
        "spec": {
            **_spec(training, asked),
            "initContainers": extras.sidecars(training.part) or None,
            "containers": [node_container(training, name)],
            "volumes": [*_common_volumes(training, config, asked, []), *extras.volumes(training.part)],
        },
    }


def _metadata(training: TrainingPlan, own: Body) -> Body:
    return naming.pod_metadata(
        training.scope,
        training.part,
        own,
        access.pod_labels(access.identity(grants(training))),
        undisturbed(LONG),
    )


def _spec(training: TrainingPlan, asked: AcceleratorRequest | None) -> Body:
    """What all pods of a run share. Its order is that of `kubectl explain`, except for what is added later."""
    scope, allowed = training.scope, grants(training)
    return {
        "restartPolicy": "Never",
        "priorityClassName": scope.platform.priorities.training,
        "serviceAccountName": access.account_of(allowed, training.name),
        "automountServiceAccountToken": fixed(False, "a training run does not use the API server"),
        "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
        "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, allowed),
        "securityContext": pod_security(scope.users, training.part.user),
        "initContainers": None,
        "containers": None,
        "volumes": None,
        **placement.placed(scope, training.part.scheduling, asked),
    }


def _common_volumes(
    training: TrainingPlan, config: Because[str], asked: AcceleratorRequest | None, run: list[Body]
) -> list[Any]:
    return [
        {"name": "config", "configMap": {"name": config}},
        *run,
        {"name": "tmp", "emptyDir": {"sizeLimit": training.part.resources.ephemeral_storage.map(str)}},
        *_shared_memory(training, asked),
        *trust.volumes(training.scope),
    ]


def _result(training: TrainingPlan) -> list[Any]:
    """The best parameters of the last search. Before the first one has ended, there are none."""
    tuning = training.searched
    if tuning is None:
        return []
    source = {"name": training.search_name, "optional": fixed(True, "the first search may not have ended")}
    return [because({"name": "search", "configMap": source}, "the search has its own schedule", tuning.when)]


def _run_volume(training: TrainingPlan) -> Body:
    """The volume of a run lives as long as its pod. On the node's own disk, it would crowd out other pods."""
    spread, storage = training.spread, training.scope.platform.storage
    claim = {
        "accessModes": ["ReadWriteOnce"] if spread is None else [_shared(spread)],
        "storageClassName": storage.storage_class if spread is None else _shared_class(training, spread),
        "resources": {"requests": {"storage": training.storage.map(str)}},
    }
    return {"name": "run", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


def _shared(spread: Distributed) -> Because[str]:
    return because("ReadWriteMany", "the steps and all nodes mount it at once", spread.nodes)


def _shared_class(training: TrainingPlan, spread: Distributed) -> Because[str]:
    """Most default classes provide disks, and a pod whose claim asks for more waits forever."""
    given = training.scope.platform.storage.shared_class
    if given is not None:
        return given
    raise refusal(
        "MLS009",
        f"no storage class provides a volume that {spread.nodes.value} nodes can mount at once",
        spread.nodes,
        others=((training.part.steps.train.command, "all pods of this step write to it"),),
        note="most default storage classes provide disks, which only one node can mount, so the run would wait forever",
        help="set `platform.storage.sharedClass` to a class that supports `ReadWriteMany`, such as one for NFS or "
        "Filestore",
    )


def _shared_memory(training: TrainingPlan, asked: AcceleratorRequest | None) -> list[Because[Body]]:
    why = shares_memory(training, asked)
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": training.shared_memory.map(str)}}
    return [because(volume, "processes exchange tensors through it", why)] if why else []
