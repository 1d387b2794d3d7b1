"""Where a pod gets its model: from a volume that the download fills, or from an image volume.

An image volume is referenced by tag and digest together, so that the kubelet mounts exactly what was released. The
kubelet pulls it with the pod's own pull secrets.
"""

from __future__ import annotations

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import ModelFiles
from . import download

__all__ = ["mount", "volume"]


def volume(files: ModelFiles) -> Body:
    """The volume, unless the server itself downloads the model."""
    if files.source.value == "rclone":
        return download.volume(files)
    download.check_access(files)
    reference = text("{image}@{digest}", image=_image(files), digest=files.artifact.digest)
    image = {"reference": reference, "pullPolicy": "IfNotPresent"}
    return {"name": "model", "image": because(image, "an image volume", files.source)}


def _image(files: ModelFiles) -> Because[str]:
    artifact = files.artifact
    if "@" in artifact.uri.value or not artifact.digest.value.startswith("sha256:"):
        raise refusal(
            "MLS012",
            "an image must be pinned by the digest of its manifest",
            artifact.digest,
            others=((artifact.uri, "the image"),),
            note="the pod mounts the volume as `<image>@<digest>`, which must be a valid reference",
            help="write `digest: sha256:` with the 64 hex digits, and no digest in the `uri`",
        )
    return artifact.uri.map(lambda uri: uri.removeprefix("oci://"))


def mount(files: ModelFiles, path: Because[str]) -> Body:
    """Where the container finds the model, read-only."""
    if files.source.value == "rclone":
        return download.mount(path)
    return {"name": "model", "mountPath": path, "readOnly": fixed(True, "image volumes are read-only")}
