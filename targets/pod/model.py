"""Where a pod gets its model: a volume that an init container fills or verifies, or an image.

The kubelet pulls images with the pod's own pull secrets.
"""

from __future__ import annotations

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.serving.files import ModelFiles
from ...compiler.plan.serving.source import pinned
from ...schema.units import Memory
from . import claim, download, fetching
from .address import check_access

__all__ = ["init_containers", "mounts", "volumes"]


def init_containers(
    files: ModelFiles, file: Because[str], security: Body, most: Because[Memory] | None
) -> list[Because[Body]]:
    """What puts the model in place before the server starts; a single-file model is stored as `file`. The main
    container may use `most` of the disk of its node; None without a limit.
    """
    if files.source.value == "claim":
        made = claim.init_container(files, security)
        return [because(made, "the model is verified before the server starts", files.source)]
    if not files.downloads:
        return []
    if files.artifact.uri.value.startswith("hf://"):
        from . import hub  # rarely needed, so imported late

        made = hub.init_container(files, file, security, most)
    else:
        made = download.init_container(files, file, security, most)
    return [because(made, "the model is downloaded before the server starts", files.source)]


def volumes(files: ModelFiles) -> list[Body]:
    """The volumes for the model; none if the server downloads or contains it."""
    if files.downloads:
        return [fetching.volume(files)]
    if files.source.value == "claim":
        return [claim.volume(files), claim.work()]
    if not files.mounted:
        return []
    check_access(files)
    image = {"reference": pinned(files.artifact), "pullPolicy": "IfNotPresent"}
    return [{"name": "model", "image": because(image, "an image volume", files.source)}]


def mounts(files: ModelFiles, path: Because[str], file: Because[str]) -> list[Body]:
    """Where the server finds the model, read-only."""
    if files.source.value == "claim":
        return [claim.mount(files, path, file)]
    if not files.mounted:
        return []
    if not files.downloads:
        return [{"name": "model", "mountPath": path, "readOnly": fixed(True, "image volumes are read-only")}]
    key = files.key(file)
    return [
        {
            "name": "model",
            "mountPath": path,
            "subPath": key if key is not None else "model",
            "readOnly": fixed(True, "the server only reads the model"),
        }
    ]
