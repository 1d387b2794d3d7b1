"""The rule on how much a pod may download."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.serving.files import ModelFiles
from ...system import MLSystem
from ..lint import rule

__all__ = ["unknown_size"]


@rule("MLS414", "warning", "releases.*.artifact.size", "releases.*.shadow.artifact.size")
def unknown_size(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Model of unknown size.

    Why: the volume for the download gets a limit of 10 GiB instead of one that fits. A larger model never arrives, and
    a store that sends the wrong file, or never stops sending, can fill the disk of the node up to there. The memory and
    the startup time are guesses, too.

    Bad:
        release:
          artifact:
            uri: https://models.example.com/1.onnx
            format: onnx
            digest: sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            size: null
    Good:
        release:
          artifact:
            uri: https://models.example.com/1.onnx
            format: onnx
            digest: sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            size: 38Mi
    """
    known = set[int]()
    for files in _downloads(plan):
        artifact = files.artifact
        if artifact.size is None and files.source.value in _NOTES and id(artifact.uri) not in known:
            known.add(id(artifact.uri))
            yield finding(
                "MLS414",
                "the size of the model is unknown",
                artifact.uri,
                label=_LABELS.get(files.source.value, ""),
                note=_NOTES[files.source.value],
                help="add `size: 38Mi`, with the size of the model, next to the URI",
            )


_LABELS = {"download": "the limit of the download is a guess", "hub": "the download has no limit"}

_NOTES = {
    "download": "the download fails above 10 GiB, and up to there, a wrong file can fill the disk of the node",
    "hub": "pods reserve no disk space for it, so they fill the disk of a node together, and Kubernetes evicts them",
    "cached": "the download fails above 10 GiB, and the memory and the startup time of the server are guesses",
    "claim": "the memory and the startup time of the server are guesses",
}
"""Why it matters, by how the files are fetched: an image is not stored in a volume of the pod."""


def _downloads(plan: Plan) -> Iterator[ModelFiles]:
    """The files of every version that runs."""
    for service in plan.online.values():
        yield from (version.files for version in service.versions)
    for batch in plan.batch.values():
        yield batch.files
