"""The Deployment of the learner. One replica, and `Recreate`, because two would write the same checkpoints.

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
from ..pod import access, placement, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, pull_secrets, variables
from ..pod.security import container_security, pod_security
from .config import COMPONENT, FILE, ConfigFile, labels

__all__ = ["deployment", "grants", "service_account"]

CONFIG, STATE = "/mlspec/config", "/mlspec/state"


def grants(found: LearningPlan) -> list[Grant]:
    """The access of the learner."""
    return access.granted(found.plan, access.stores(found.plan, found.part.access))


def service_account(found: LearningPlan) -> Iterator[Artifact]:
    """The identity of the pod."""
    scope, name = found.plan, access.account_of(grants(found), found.name)
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope, name, labels(found), access.identity_annotations(access.identity(grants(found)))
        ),
        "automountServiceAccountToken": fixed(False, "the learner does not use the API server"),
    }
    why = because("ServiceAccount", "the learner gets an identity of its own", found.part.access, name)
    yield Artifact(path=naming.path_of(scope, "learning", "ServiceAccount", name), body=body, why=why)


def deployment(found: LearningPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The Deployment."""
    scope = found.plan
    body: Body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": naming.metadata(scope, found.name, labels(found), _annotations(found)),
        "spec": {
            "replicas": fixed(1, "two would write the same checkpoints"),
            "revisionHistoryLimit": fixed(1, "its version is that of the spec"),
            "selector": {"matchLabels": naming.selector(scope, COMPONENT, found.name)},
            "template": _pod(found, file),
            "strategy": {"type": fixed("Recreate", "two at a time would write the same checkpoints")},
        },
    }
    why = because("Deployment", "learns between training runs", found.part.algorithm)
    yield Artifact(path=naming.path_of(scope, "learning", "Deployment", found.name), body=body, why=why)


def _annotations(found: LearningPlan) -> Body:
    metadata = found.plan.system.metadata
    return {
        "kubernetes.io/description": fixed("learns from new labels, and keeps checkpoints for training", "its purpose"),
        "mlspec/owner": metadata.owner,
        "mlspec/runbook": metadata.links.runbook,
    }


def _pod(found: LearningPlan, file: ConfigFile) -> Body:
    scope, allowed = found.plan, grants(found)
    size = found.part.ephemeral_storage.map(str)
    return {
        "metadata": naming.pod_metadata(scope, None, labels(found), access.pod_labels(access.identity(allowed))),
        "spec": {
            "serviceAccountName": access.account_of(allowed, found.name),
            "automountServiceAccountToken": fixed(False, "the learner does not use the API server"),
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "terminationGracePeriodSeconds": fixed(60, "the command gets 20 s to end, twice"),
            "priorityClassName": scope.platform.priorities.training,
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, allowed),
            "securityContext": pod_security(scope.users, found.training.part.user),
            "containers": [_container(found)],
            "volumes": [
                {"name": "config", "configMap": {"name": file.name}},
                {"name": "state", "emptyDir": {"sizeLimit": size}},
                {"name": "tmp", "emptyDir": {"sizeLimit": size}},
                *trust.volumes(scope),
            ],
            **placement.placed(scope, scope.platform.scheduling, None),
        },
    }


def _container(found: LearningPlan) -> Body:
    memory, disk = found.part.memory.map(str), found.part.ephemeral_storage.map(str)
    return {
        "name": COMPONENT,
        "image": found.image,
        "command": ["mlspec", "runtime", "learn", f"--config={CONFIG}/{FILE}", f"--state={STATE}", "--"],
        "args": list(found.part.command),
        "env": _environment(found),
        "ports": [{"name": "metrics", "containerPort": fixed(METRICS, "the port of the learner's metrics")}],
        "resources": {
            "requests": {"cpu": found.part.cpu.map(str), "memory": memory, "ephemeral-storage": disk},
            "limits": {"memory": memory, "ephemeral-storage": disk},
        },
        "readinessProbe": _probe(5),
        "livenessProbe": {**_probe(30), "failureThreshold": fixed(6, "three minutes without an answer is a hang")},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "readOnly": fixed(True, "ConfigMaps are read-only")},
            {"name": "state", "mountPath": STATE},
            {"name": "tmp", "mountPath": "/tmp"},
            *trust.mounts(found.plan),
        ],
    }


def _environment(found: LearningPlan) -> list[Any]:
    system = found.plan.system.metadata.name
    own: dict[str, Because[str]] = {
        "HOME": fixed("/tmp", "libraries keep their caches there, and the rest of the image is read-only"),
        "USER": because(system.value, "a user name, for libraries that ask for one", system),
        **trust.named(found.plan),
    }
    return [*variables(own), *credentials(grants(found), own)]


def _probe(seconds: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/healthz", "port": "metrics"},
        "periodSeconds": fixed(seconds, "it answers while it learns, from a thread of its own"),
        "timeoutSeconds": fixed(5, "the command may use all of its CPU"),
    }
