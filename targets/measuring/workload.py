"""The Deployment of the process. One replica, because two would measure the same twice and start two runs.

`Recreate` ends the old one first: for a moment, Prometheus has no series, which no alert notices, instead of each
series twice with different values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.measuring import METRICS, REQUESTS, MeasuringPlan
from .. import naming
from ..pod import access, placement, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, pull_secrets
from ..pod.own import own_image
from ..pod.security import container_security, pod_security
from .config import COMPONENT, FILE, ConfigFile, labels

__all__ = ["account", "deployment", "grants", "ports"]

CONFIG, STATE = "/mlspec/config", "/mlspec/state"
USER = fixed(65532, "the user of mlspec's image")


def grants(found: MeasuringPlan) -> list[Grant]:
    """Every access of the process."""
    return access.granted(found.plan, access.stores(found.plan, *found.accesses))


def account(found: MeasuringPlan) -> Because[str]:
    """The ServiceAccount of the process."""
    return access.account_of(grants(found), found.name)


def ports(found: MeasuringPlan) -> list[Body]:
    """The ports that it listens on."""
    listed: list[Body] = [{"name": "metrics", "containerPort": fixed(METRICS, "a common port of exporters")}]
    if found.answers.value:
        port = because(REQUESTS, "for training runs and for Alertmanager", found.answers)
        listed.append({"name": "requests", "containerPort": port})
    return listed


def deployment(found: MeasuringPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The Deployment."""
    scope = found.plan
    body: Body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": naming.metadata(scope, found.name, labels(found), _annotations(found)),
        "spec": {
            "replicas": fixed(1, "two would measure the same twice"),
            "revisionHistoryLimit": fixed(1, "its version is that of the spec"),
            "selector": {"matchLabels": naming.selector(scope, COMPONENT, found.name)},
            "template": _pod(found, file),
            "strategy": {"type": fixed("Recreate", "two at a time would export each series twice")},
        },
    }
    why = because("Deployment", "measures captured predictions", found.part.to, found.asked)
    yield Artifact(path=naming.path_of(scope, "measuring", "Deployment", found.name), body=body, why=why)


def _annotations(found: MeasuringPlan) -> Body:
    metadata = found.plan.system.metadata
    return {
        "kubernetes.io/description": fixed(
            "measures drift, quality, and data from captured predictions", "its purpose"
        ),
        "mlspec/owner": metadata.owner,
        "mlspec/runbook": metadata.links.runbook,
    }


def _pod(found: MeasuringPlan, file: ConfigFile) -> Body:
    scope, allowed = found.plan, grants(found)
    token = because(found.starts.value, "it starts runs through the API server, or needs no token", found.starts)
    size = scope.system.monitoring.resources.ephemeral_storage.map(str)
    return {
        "metadata": {
            "labels": {**labels(found), **scope.platform.pod_labels, **access.pod_labels(access.identity(allowed))},
            "annotations": dict(scope.platform.pod_annotations) or None,
        },
        "spec": {
            "serviceAccountName": account(found),
            "automountServiceAccountToken": token,
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, allowed),
            "securityContext": pod_security(scope.users, USER),
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


def _container(found: MeasuringPlan) -> Body:
    scope, asked = found.plan, found.plan.system.monitoring.resources
    memory, disk = asked.memory.map(str), asked.ephemeral_storage.map(str)
    return {
        "name": COMPONENT,
        "image": own_image(
            scope,
            "measuring needs mlspec's own image",
            found.part.to,
            others=tuple((one, "is measured") for one in found.asked[:1]),
            instead="write `measured: elsewhere` under `monitoring`, and export the metrics from your own jobs",
        ),
        "command": ["mlspec", "runtime", "exporter"],
        "args": [f"--config={CONFIG}/{FILE}", f"--state={STATE}"],
        "env": [*credentials(grants(found), trust.named(scope)), *_variables(found)],
        "ports": ports(found),
        "resources": {
            "requests": {"cpu": asked.cpu.map(str), "memory": memory, "ephemeral-storage": disk},
            "limits": {"memory": memory, "ephemeral-storage": disk},
        },
        "readinessProbe": _probe(5),
        "livenessProbe": {**_probe(30), "failureThreshold": fixed(6, "three minutes without an answer is a hang")},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "readOnly": fixed(True, "ConfigMaps are read-only")},
            {"name": "state", "mountPath": STATE},
            {"name": "tmp", "mountPath": "/tmp"},
            *trust.mounts(scope),
        ],
    }


def _variables(found: MeasuringPlan) -> list[Body]:
    bundle = trust.named(found.plan)
    return [{"name": name, "value": value} for name, value in bundle.items()]


def _probe(seconds: int) -> dict[str, Any]:
    why = "it answers while it measures, from a thread of its own"
    return {
        "httpGet": {"path": "/healthz", "port": "metrics"},
        "periodSeconds": fixed(seconds, why),
        "timeoutSeconds": fixed(5, "measuring may use all of its CPU"),
    }
