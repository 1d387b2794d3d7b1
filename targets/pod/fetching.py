"""What the init containers that download models have in common, whatever they download from."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.serving.disk import LOGS, downloaded, room
from ...compiler.plan.serving.files import ModelFiles
from ...schema.units import Memory
from . import trust
from .credentials import variables

__all__ = ["MODEL", "VOLUME", "container", "stored", "volume"]

VOLUME = "/download"
MODEL = "model"
"""The name of the volume, and of the folder in it that holds the whole model."""

UNKNOWN_LIMIT = 10 * 2**30
"""The bytes that a model of unknown size may have. Fargate and Autopilot give a pod 20 GiB and 10 GiB of disk."""


def container(
    files: ModelFiles,
    image: Because[str],
    command: list[str],
    env: Sequence[Body | Because[Body]],
    security: Body,
    most: Because[Memory] | None,
) -> Body:
    """The init container. It runs as the pod's user, so that the server can read what it writes.

    Its disk has a limit only if that of the main container has one, `most`: the limit of a pod is the highest of its
    init containers, for as long as it lives. The volume has a limit in any case.
    """
    size, scope = files.artifact.size, files.scope
    disk: Because[str] | None
    if files.source.value == "cached":
        disk = because(str(LOGS), "the files go to the claim, and the logs to the node", files.source)
    else:
        disk = downloaded(size).map(str) if size is not None else None
    return {
        "name": "download",
        "image": image,
        "command": command,
        "env": [*env, *variables(trust.named(scope))],
        "resources": {
            "requests": {
                "cpu": fixed(conventions.HELPER_CPU, "it mostly waits for the network"),
                "memory": fixed(conventions.HELPER_MEMORY, "it streams to disk"),
                "ephemeral-storage": disk,
            },
            "limits": {
                "memory": fixed("512Mi", "it streams to disk"),
                "ephemeral-storage": disk.also(most) if disk is not None and most is not None else None,
            },
        },
        "securityContext": security,
        "volumeMounts": [{"name": MODEL, "mountPath": VOLUME}, *trust.mounts(scope)],
    }


def stored(files: ModelFiles, file: Because[str]) -> list[Body]:
    """The variables that say where the files go: a claim holds the models of many releases, each under its key."""
    limit = _room(files).map(lambda mebi: str(mebi * 2**20))
    named = {"MODEL_FILE": file, "MODEL_LIMIT": limit, "MODEL_VOLUME": VOLUME, "MODEL_KEY": files.key(file)}
    return [{"name": name, "value": value} for name, value in named.items() if value is not None]


def volume(files: ModelFiles) -> Body:
    """The volume: the claim that pods share, or one of the pod with room for the model and a little more."""
    claim = files.scope.platform.storage.model_cache
    if claim is not None:
        return {"name": MODEL, "persistentVolumeClaim": {"claimName": claim}}
    return {"name": MODEL, "emptyDir": {"sizeLimit": _room(files).map(lambda mebi: f"{mebi}Mi")}}


def _room(files: ModelFiles) -> Because[int]:
    """The size of the volume in MiB. A store that sends more than that has another model, or is not a store."""
    size = files.artifact.size
    if size is None:
        why = "the size of the model is unknown, and without a limit, it could fill the disk of the node"
        return because(UNKNOWN_LIMIT // 2**20, why, files.artifact.uri)
    return because(room(size.value) // 2**20, "the size of the model plus a quarter", size)
