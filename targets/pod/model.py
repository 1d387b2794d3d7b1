"""Where a pod has its model: in a volume that the download fills, or in a volume that is an image."""

from __future__ import annotations

from ...compiler.artifact import Body
from ...compiler.because import Because, fixed, text
from ...compiler.plan.files import ModelFiles
from . import download

__all__ = ["file_name", "mount", "volume"]


def volume(files: ModelFiles) -> Body:
    """The volume, for models that the pod does not fetch itself."""
    if files.source.value == "rclone":
        return download.volume(files)
    image = files.artifact.uri.map(lambda uri: uri.removeprefix("oci://"))
    reference = text("{image}@{digest}", image=image, digest=files.artifact.digest)
    return {"name": "model", "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}


def mount(files: ModelFiles, path: Because[str]) -> Body:
    """Where the container finds it, read-only."""
    if files.source.value == "rclone":
        return download.mount(path)
    return {"name": "model", "mountPath": path, "readOnly": fixed(True, "image volumes are")}


def file_name(files: ModelFiles) -> Because[str]:
    """What a model that is one file is called: the last step of its address."""
    return files.artifact.uri.map(lambda uri: uri.rstrip("/").rpartition("/")[2] or "model")
