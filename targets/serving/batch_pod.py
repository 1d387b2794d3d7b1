"""The pod of a batch run: it scores one partition of the input with the user's own image.

Its environment is the batch contract (docs/batch-contract.md). The partition comes from an annotation that only Indexed
Jobs have. The day comes from the name of the Job, which is the same for every partition and every retry, whenever they
run.
"""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.serving.batch import BatchPlan
from .. import naming
from ..pod import access, extras, model, placement, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, pull_secrets, variables, written_at
from ..pod.security import container_security, pod_security, writable_for_devices
from ..pod.undisturbed import undisturbed

__all__ = ["COMPONENT", "SCORER", "grants", "template"]

COMPONENT = "batch-predictor"
SCORER = "scorer"
MODELS = fixed("/models", "the batch contract")
PREFIX = "MLSPEC_"

# Annotation and label of Kubernetes' own Job controller.
_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
_JOB = "metadata.labels['batch.kubernetes.io/job-name']"


def template(batch: BatchPlan) -> Body:
    """The pod template of a run."""
    scope, accelerator = batch.scope, batch.part.resources.accelerator
    return {
        "metadata": naming.pod_metadata(
            scope,
            batch.part,
            naming.labels(scope, COMPONENT, batch.name, batch.release.version),
            access.pod_labels(access.identity(grants(batch))),
            undisturbed("an interrupted partition starts again from its first item", batch.gap),
        ),
        "spec": {
            "restartPolicy": "Never",
            "priorityClassName": scope.platform.priorities.batch,
            "serviceAccountName": access.account_of(grants(batch), batch.name),
            "automountServiceAccountToken": fixed(False, "a batch run does not use the API server"),
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, grants(batch)),
            "securityContext": pod_security(scope.users, batch.part.user),
            "initContainers": _before(batch) or None,
            "containers": [_scorer(batch)],
            "volumes": [
                *model.volumes(batch.files),
                {"name": "tmp", "emptyDir": _limited(batch)},
                *_through_memory(batch, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": _shared(batch)}}),
                *trust.volumes(scope),
                *extras.volumes(batch.part),
            ],
            **placement.placed(scope, batch.part.scheduling, accelerator),
        },
    }


def grants(batch: BatchPlan) -> list[Grant]:
    """Every access of the pod: the model's store, and what the run itself reads and writes."""
    return access.granted(batch.scope, (batch.release.artifact.access, *_used_by_the_run(batch)))


def _used_by_the_run(batch: BatchPlan) -> tuple[Because[str] | None, ...]:
    return (*access.stores(batch.scope, batch.part.input.access, batch.part.output.access), *batch.part.access)


def _scorer(batch: BatchPlan) -> Body:
    devices = placement.accelerators(batch.scope, batch.part.resources.accelerator)
    memory, disk = batch.pod_memory.map(str), batch.disk.map(str)
    mounts = [
        *model.mounts(batch.files, MODELS, batch.files.file),
        {"name": "tmp", "mountPath": "/tmp"},
        *_through_memory(batch, {"name": "shm", "mountPath": "/dev/shm"}),
        *trust.mounts(batch.scope),
    ]
    return {
        "name": SCORER,
        "image": batch.part.image,
        "command": list(batch.part.command) or None,
        "env": [
            *_environment(batch),
            *credentials(access.granted(batch.scope, _used_by_the_run(batch)), {**batch.part.env}),
        ],
        "resources": {
            "requests": {"cpu": batch.cpu.map(str), "memory": memory, "ephemeral-storage": disk, **devices},
            "limits": {
                "memory": memory,
                "ephemeral-storage": batch.disk_limit.map(str) if batch.disk_limit is not None else None,
                **devices,
            },
        },
        "securityContext": container_security(writable_for_devices(batch.part.resources.accelerator)),
        "volumeMounts": [*mounts, *extras.mounts(batch.part, mounts)],
    }


def _before(batch: BatchPlan) -> list[Because[Body]]:
    """The sidecars, and what puts the model in place."""
    model_first = model.init_containers(batch.files, batch.files.file, container_security(), batch.disk_limit)
    return [*extras.sidecars(batch.part), *model_first]


def _limited(batch: BatchPlan) -> Body:
    """The limit of what the image writes: only the spec can say it."""
    return {} if batch.written is None else {"sizeLimit": batch.written.map(str)}


def _shared(batch: BatchPlan) -> Because[str] | None:
    return batch.shared.map(str) if batch.shared is not None else None


def _through_memory(batch: BatchPlan, body: Body) -> list[Any]:
    """A part of the shared memory, if the pod needs any."""
    return [because(body, "processes exchange tensors through it", batch.shared)] if batch.shared is not None else []


# The environment


def _environment(batch: BatchPlan) -> list[Body | Because[Body]]:
    """The contract's variables come first, so that the user's own can refer to them: `$(MLSPEC_PARTITION)`."""
    own = batch.part.env
    taken = next((name for name in own if name.startswith(PREFIX)), None)
    if taken is not None:
        raise _taken(taken, written_at(own[taken]))
    home = {"HOME": fixed("/tmp", "the only writable folder")}
    return [
        *variables({name: value for name, value in _contract(batch).items() if value is not None}),
        {"name": "MLSPEC_PARTITION", **_partition(batch)},
        {"name": "MLSPEC_RUN", "valueFrom": {"fieldRef": {"fieldPath": _JOB}}},
        *variables({**trust.named(batch.scope), **home, **own}),
    ]


def _partition(batch: BatchPlan) -> Body:
    """The pod's own partition, counted from zero."""
    if batch.partitioned.value:
        index = {"fieldRef": {"fieldPath": _INDEX}}
        return {"valueFrom": because(index, "each pod of an Indexed Job has an index", batch.partitioned)}
    return {"value": because("0", "there is only one partition", batch.partitioned)}


def _contract(batch: BatchPlan) -> dict[str, Because[str] | None]:
    part, release, files = batch.part, batch.release, batch.files
    path = text("{folder}/{file}", folder=MODELS, file=files.file)
    return {
        "MLSPEC_MODEL_PATH": because(
            MODELS.value if files.is_folder.value else path.value, "where the model is", files.is_folder, path
        ),
        "MLSPEC_MODEL_NAME": batch.model,
        "MLSPEC_MODEL_VERSION": release.version,
        "MLSPEC_MODEL_FORMAT": release.artifact.format,
        "MLSPEC_INPUT": part.input.uri,
        "MLSPEC_INPUT_FORMAT": part.input.format,
        "MLSPEC_OUTPUT": part.output.uri,
        "MLSPEC_OUTPUT_FORMAT": part.output.format,
        "MLSPEC_TIME_ZONE": part.time_zone,
        "MLSPEC_PARTITIONS": part.partitions.map(str),
        "MLSPEC_ITEMS": batch.items.map(str) if batch.items is not None else None,
    }


def _taken(name: str, value: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"the environment variable `{name}` is reserved",
        value,
        note=f"variables that start with `{PREFIX}` belong to the batch contract, and a run would read a wrong value",
        help="rename the variable",
    )
