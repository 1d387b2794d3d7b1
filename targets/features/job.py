"""The CronJob that fills the feature store.

Traps handled here: the operator of Feast materializes once a year (`@yearly`) unless the spec says otherwise, so each
view needs a schedule. Feast imports every Python file below the folder of its repository, and a mounted ConfigMap also
has a hidden copy of each, so the job copies the repository first. The file of the registry has one writer: one CronJob
for all views, whose runs never overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.data.store import UTC, StorePlan
from ...compiler.system import S3Access
from .. import naming
from ..pod import access, placement, trust
from ..pod.credentials import credentials, pull_secrets, variables
from ..pod.security import container_security, pod_security
from ..pod.undisturbed import undisturbed
from .config import MODULES, Files, labels
from .objects import grants

__all__ = ["cron_job"]

PERMANENT = 42
"""The exit code that tells Kubernetes that a retry would fail, too."""

FOLDER = "/mlspec/config"
PACKAGE = "feature_store"


def cron_job(store: StorePlan, files: Files) -> Iterator[Artifact]:
    """The CronJob that starts the runs."""
    scope = store.scope
    kept = fixed(1, "only the last one, to read its logs")
    body: Body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": naming.metadata(scope, store.name, labels(store), _annotations(store)),
        "spec": {
            "schedule": store.schedule,
            "timeZone": UTC,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": store.late,
            "successfulJobsHistoryLimit": kept,
            "failedJobsHistoryLimit": kept,
            "jobTemplate": {"metadata": {"labels": labels(store)}, "spec": _job(store, files.name)},
        },
    }
    why = because("CronJob", "it materializes the views on their schedule", store.schedule, store.part.image)
    yield Artifact(path=naming.path_of(scope, "features", "CronJob", store.name), body=body, why=why)


def _annotations(store: StorePlan) -> Body:
    metadata = store.scope.system.metadata
    return {
        "kubernetes.io/description": "computes, registers, and materializes the views of the feature store",
        "mlspec/owner": metadata.owner,
        "mlspec/source": metadata.links.source,
        "mlspec/runbook": metadata.links.runbook,
    }


def _job(store: StorePlan, config: Because[str]) -> Body:
    return {
        "backoffLimit": fixed(2, "a store that is away for a moment"),
        "activeDeadlineSeconds": store.deadline.map(lambda deadline: max(1, int(deadline.amount))),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "operator": "In",
                        "values": [fixed(PERMANENT, "data or code that a retry would find the same")],
                    },
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "ttlSecondsAfterFinished": store.kept,
        "template": _pod(store, config),
    }


def _pod(store: StorePlan, config: Because[str]) -> Body:
    scope, allowed = store.scope, grants(store)
    return {
        "metadata": naming.pod_metadata(
            scope,
            None,
            labels(store),
            access.pod_labels(access.identity(allowed)),
            undisturbed("an interrupted run computes all views again", store.cadence),
        ),
        "spec": {
            "restartPolicy": "Never",
            "priorityClassName": scope.platform.priorities.batch,
            "serviceAccountName": access.account_of(allowed, store.name),
            "automountServiceAccountToken": fixed(False, "the job does not use the API server"),
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, allowed),
            "securityContext": pod_security(scope.users, store.part.user),
            "containers": [_container(store)],
            "volumes": [
                {"name": "config", "configMap": {"name": config, "items": _items()}},
                {"name": "tmp", "emptyDir": {"sizeLimit": fixed("1Gi", "a copy of the repository, and caches")}},
                *trust.volumes(scope),
            ],
            **placement.placed(scope, scope.platform.scheduling, None),
        },
    }


def _items() -> list[Body]:
    """The modules of the job are a package; the other files are next to it."""
    names = ("feature_store.yaml", "features.py", "features.json")
    return [
        *({"key": name, "path": name} for name in names),
        *({"key": name, "path": f"{PACKAGE}/{name}"} for name in MODULES),
    ]


def _container(store: StorePlan) -> Body:
    part, disk = store.part, fixed(conventions.FEATURE_DISK, "what it writes to /tmp, and its logs")
    memory = part.memory.map(str)
    read_only = fixed(True, "ConfigMaps are read-only")
    return {
        "name": "materialize",
        "image": part.image,
        "command": ["python", "-m", f"{PACKAGE}.job", f"{FOLDER}/features.json"],
        "env": _environment(store),
        "resources": {
            "requests": {"cpu": part.cpu.map(str), "memory": memory, "ephemeral-storage": disk},
            "limits": {"memory": memory, "ephemeral-storage": disk},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": FOLDER, "readOnly": read_only},
            {"name": "tmp", "mountPath": "/tmp"},
            *trust.mounts(store.scope),
        ],
    }


def _environment(store: StorePlan) -> list[Any]:
    system = store.scope.system.metadata.name
    own: dict[str, Because[Any]] = {
        "HOME": fixed("/tmp", "libraries keep their caches there, and the rest of the image is read-only"),
        "USER": because(system.value, "a user name, for libraries that ask for one", system),
        "PYTHONDONTWRITEBYTECODE": fixed("1", "the folder of the job is read-only"),
        "PYTHONPATH": fixed(FOLDER, "the folder of the job; the image's own code is installed"),
        **trust.named(store.scope),
        **_registry(store),
    }
    return [*variables(own), *credentials(grants(store), own)]


def _registry(store: StorePlan) -> dict[str, Because[str]]:
    """Where Feast looks for a registry in an S3-compatible store: it has a variable of its own for this."""
    name = store.part.tables.access
    known = store.scope.system.access[name.value] if name is not None else None
    if not isinstance(known, S3Access) or known.endpoint is None:
        return {}
    return {"FEAST_S3_ENDPOINT_URL": known.endpoint.also(name)}
