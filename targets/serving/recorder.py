"""The sidecar that records predictions: mlspec's own image, between the Service and the server.

Traps handled here: a sidecar starts before the server and ends after it, so no request of a draining pod is refused. An
empty volume that outgrows its limit evicts the pod, so the recorder stops writing long before. Pods of before
the recorder must still get requests while new ones start, so the Service keeps its target, `http`: the name of the
server's port there, and of the recorder's here. Before Kubernetes 1.32, Services find no named port of a sidecar, so
the server lists it (kubernetes/kubernetes#127958). A second target of a PodMonitor would count each replica twice, so
the recorder has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.recording import Recorded, Recorder, columns, writes
from ...compiler.plan.serving.version import VersionPlan
from ...compiler.plan.stores import check_store_of
from ...compiler.system import Capture, GcsAccess
from .. import naming
from ..config_map import checksum, config_map
from ..pod import access, trust
from ..pod.credentials import credentials, variables
from ..pod.own import own_image
from ..pod.security import container_security

__all__ = ["NAME", "configuration", "granted", "init_containers", "of_runtime", "ports", "volumes"]

NAME = "capture"
"""The name of the container, of its port, and of its volumes."""

FILE = "capture.json"
FOLDER = "/etc/mlspec/capture"
SPOOL = "/var/spool/mlspec"
KEY = "MLSPEC_CAPTURE_HASH_KEY"

SPOOLED = 512 * 2**20
"""The most bytes that wait for an upload: hours of most services, if the store is down."""

VOLUME = conventions.RECORDER_DISK
"""Twice that, because a file and its Parquet form exist at the same time, and some more."""


def granted(service: ServicePlan) -> tuple[Because[str], ...]:
    """The access of whatever in the pods writes records."""
    capture = writes(service.scope, service.part)
    if capture is None or capture.access is None:
        return ()
    check_store_of(service.scope, capture)
    found = service.scope.system.access[capture.access.value]
    if isinstance(found, GcsAccess) and found.secret is not None and capture.by.value == "sidecar":
        raise refusal(
            "MLS012",
            "the recorder cannot use a key of Google's store",
            found.secret,
            others=((capture.access, "used here"),),
            note="it gets its credentials from the identity of its pod; with a key, every upload would be denied",
            help="write `serviceAccount` and `identity` instead of `secret`",
        )
    return (capture.access,)


def init_containers(service: ServicePlan, version: VersionPlan) -> list[Because[Body]]:
    """The recorder of one version, which starts before the server; none if nothing records in this pod."""
    found = service.recorder
    if found is None:
        return []
    return [because(_container(service, version, found), "it records predictions", found.part.by)]


def _container(service: ServicePlan, version: VersionPlan, found: Recorder) -> Body:
    capture, memory = found.part, found.part.memory.map(str)
    grants = access.granted(service.scope, granted(service))
    health = {"path": "/healthz", "port": found.metrics}
    every = fixed(5, "often enough to catch a failure, rarely enough to cost nothing")
    return {
        "name": NAME,
        "image": own_image(
            service.scope,
            "a sidecar that records predictions needs mlspec's own image",
            capture.by,
            instead="write `by: client`",
        ),
        "restartPolicy": fixed("Always", "which makes an init container a sidecar"),
        "command": ["mlspec", "runtime", "capture"],
        "args": [f"--config={FOLDER}/{FILE}"],
        "env": [*_env(service, version, capture), *credentials(grants, trust.named(service.scope))],
        "ports": [{"name": f"{NAME}-metrics", "containerPort": found.metrics}],
        "resources": {
            "requests": {"cpu": capture.cpu.map(str), "memory": memory, "ephemeral-storage": VOLUME},
            "limits": {"memory": memory, "ephemeral-storage": _most(version)},
        },
        "startupProbe": {
            "httpGet": health,
            "periodSeconds": fixed(1, "the server starts after it"),
            "failureThreshold": fixed(60, "a minute, on a busy node"),
        },
        "readinessProbe": {"httpGet": health, "periodSeconds": every},
        "livenessProbe": {
            "httpGet": health,
            "periodSeconds": every,
            "timeoutSeconds": fixed(5, "a restart would break every connection, so it must be a hang"),
            "failureThreshold": fixed(6, "half a minute without an answer is a hang"),
        },
        "securityContext": {"runAsUser": _user(service), **container_security()},
        "volumeMounts": [
            {"name": NAME, "mountPath": FOLDER, "readOnly": fixed(True, "ConfigMaps are read-only")},
            {"name": f"{NAME}-files", "mountPath": SPOOL},
            *trust.mounts(service.scope),
        ],
    }


def _most(version: VersionPlan) -> Because[str] | None:
    """Its disk counts against the limit of the pod, which is the sum of those of the containers that run at once."""
    limit = version.disk_limit
    return because(VOLUME, "what it writes counts against the limit of the pod", limit) if limit is not None else None


def _user(service: ServicePlan) -> Because[int] | None:
    """The user of the server, which may write to the volumes of the pod."""
    user = service.runtime.user
    return user.also(service.scope.users) if user is not None and service.scope.users.value == "image" else None


def _env(service: ServicePlan, version: VersionPlan, capture: Capture) -> list[Any]:
    own = {**trust.named(service.scope), "MLSPEC_MODEL_VERSION": version.release.version}
    name = because("metadata.name", "each replica writes its own files", capture.by)
    env: list[Any] = [*variables(own), {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": name}}}]
    if capture.hash_key is not None:
        key = {"name": capture.hash_key.secret, "key": capture.hash_key.key}
        env.append({"name": KEY, "valueFrom": {"secretKeyRef": key}})
    return env


def ports(service: ServicePlan) -> dict[str, Because[int]]:
    """The port for requests, by the name that the Service forwards to. The containers of a pod share their ports."""
    return {} if service.recorder is None else {"http": service.recorder.port}


def volumes(service: ServicePlan) -> list[Body]:
    """The configuration, and the files that wait for their upload."""
    if service.recorder is None:
        return []
    limit = fixed(VOLUME, "more would evict the pod; the recorder stops writing at 512 MiB")
    return [
        {"name": NAME, "configMap": {"name": _name(service, service.recorder)}},
        {"name": f"{NAME}-files", "emptyDir": {"sizeLimit": limit}},
    ]


# Configuration


def _lines(service: ServicePlan, found: Recorder) -> Lines:
    capture = found.part
    known = columns(service)
    return json_lines({
        "version": fixed(1, "the version of the configuration"),
        "model": service.model,
        "protocols": list(service.runtime.bodies),
        "ports": {"requests": found.port, "metrics": found.metrics, "server": found.server},
        "capture": {
            "uri": capture.to,
            "id": capture.id,
            "sample": capture.sample.map(lambda share: float(share.amount)),
            "retention": capture.retention.map(lambda time: int(time.amount)),
            "personalData": list(capture.personal_data) or None,
        },
        "headers": dict(capture.headers) or None,
        **{side: [_column(one) for one in listed] or None for side, listed in known.items()},
        "files": {
            "folder": SPOOL,
            "format": capture.format,
            "seconds": capture.every.map(lambda time: float(time.amount)),
            "bytes": fixed(SPOOLED, "the most that waits for an upload; more is dropped and counted"),
        },
    })  # fmt: skip


def _column(one: Recorded) -> Body:
    return {"name": one.name, "dtype": one.dtype, "shape": list(one.shape) or None}


def _name(service: ServicePlan, found: Recorder) -> Because[str]:
    """The name of the ConfigMap, with a checksum of its content, so that older pods keep theirs."""
    return text("{name}-capture-{digest}", name=service.name, digest=checksum([_lines(service, found)]))


def configuration(service: ServicePlan) -> Iterator[Artifact]:
    """The ConfigMap with the recorder's configuration."""
    found = service.recorder
    if found is None:
        return
    body = config_map(
        service.scope,
        _name(service, found),
        naming.labels(service.scope, "predictor", service.name),
        {FILE: _lines(service, found)},
        "pods of an older version may still use it",
    )
    why = because("ConfigMap", "what the recorder records", found.part.by, found.part.id)
    yield Artifact(path=naming.path_of(service.scope, "serving", "ConfigMap", service.named(NAME)), body=body, why=why)


def of_runtime(service: ServicePlan) -> dict[str, Because[Any]]:
    """The variables that tell your own code what to record, and where (docs/capture.md)."""
    capture = writes(service.scope, service.part)
    if capture is None or capture.by.value != "runtime":
        return {}
    personal = capture.personal_data
    return {
        "MLSPEC_CAPTURE_URI": capture.to.also(capture.by),
        "MLSPEC_CAPTURE_ID": capture.id,
        "MLSPEC_CAPTURE_SAMPLE": capture.sample.map(lambda share: str(float(share.amount))),
        "MLSPEC_CAPTURE_PERSONAL_DATA": because(",".join(one.value for one in personal), "columns to mask", personal),
    }
