"""Where a pod has its model: in a volume that the download fills, or in a volume that is an image.

An image volume is named by tag and digest together, so that what is mounted is what was released. The kubelet pulls it
with the pod's own pull secrets.
"""

from __future__ import annotations

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import ModelFiles
from . import download

__all__ = ["file_name", "mount", "volume"]


def volume(files: ModelFiles) -> Body:
    """The volume, for models that the pod does not fetch itself."""
    if files.source.value == "rclone":
        return download.volume(files)
    download.check_access(files)
    reference = text("{image}@{digest}", image=_image(files), digest=files.artifact.digest)
    image = {"reference": reference, "pullPolicy": "IfNotPresent"}
    return {"name": "model", "image": because(image, "a volume that is an image", files.source)}


def _image(files: ModelFiles) -> Because[str]:
    artifact = files.artifact
    if "@" in artifact.uri.value or not artifact.digest.value.startswith("sha256:"):
        raise refusal(
            "MLS012",
            "an image is pinned by the digest of its manifest",
            artifact.digest,
            others=((artifact.uri, "the image"),),
            note="the volume is mounted as `<image>@<digest>`, which must be one reference",
            help="write `digest: sha256:` and its 64 digits, and no digest in the `uri`",
        )
    return artifact.uri.map(lambda uri: uri.removeprefix("oci://"))


def mount(files: ModelFiles, path: Because[str]) -> Body:
    """Where the container finds it, read-only."""
    if files.source.value == "rclone":
        return download.mount(path)
    return {"name": "model", "mountPath": path, "readOnly": fixed(True, "image volumes are")}


def file_name(files: ModelFiles) -> Because[str]:
    """What a model that is one file is called: the last step of its address."""
    return files.artifact.uri.map(lambda uri: uri.rstrip("/").rpartition("/")[2] or "model")
