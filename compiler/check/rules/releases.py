"""Rules on what a release says about its files: values that were never filled in, and addresses that can move."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.serving.hubs import moving
from ...system import MLSystem, Release, Shadow
from ..lint import rule
from .images import given_images
from .reproducibility import IMAGES

__all__ = ["digest_of_nothing", "moving_address", "placeholder"]

_PLACEHOLDER = re.compile(
    r"\$\{[^{}]*\}|\$\([^()]*\)|\{\{[^{}]*\}\}|\{%[^%]*%\}|\$[A-Za-z_]\w*|%[A-Z_]+%"
    r"|<[A-Za-z][A-Za-z _-]*>|__[A-Z_]+__|@[A-Z_]+@"
)
"""What shells, CI systems, Helm, Jinja, and people write where a value belongs."""

_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of nothing."""


@rule(
    "MLS305", "error", "releases.*.version", "releases.*.dataVersion", "releases.*.shadow.version",
    "releases.*.shadow.dataVersion",
)  # fmt: skip
def placeholder(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Placeholder instead of a version.

    Why: whatever should have replaced it did not run. Every release would have the same version in labels, in folders,
    and in metrics, so no one could tell two of them apart.

    Bad:
        release: {version: "${VERSION}"}
    Good:
        release: {version: 2026.11.2}
    """
    for version in _versions(system):
        for value in (version.version, version.data_version):
            if value is not None and _PLACEHOLDER.search(value.value):
                yield finding(
                    "MLS305",
                    f"`{value.value}` is a placeholder that was never filled in",
                    value,
                    note="every release would have this version in its labels, folders, and metrics",
                    help="write the version, or let `mlspec promote` write it to the release file",
                )


@rule("MLS306", "warning", "releases.*.artifact.digest", "releases.*.shadow.artifact.digest", *IMAGES)
def digest_of_nothing(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Digest that no model and no image has.

    Why: zeros are a placeholder, and `e3b0c442...` is the SHA-256 of no bytes at all, which a pipe prints whose first
    program failed. The download would fail, or the image could not be pulled, and no pod would ever start.

    Bad:
        release:
          artifact: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
    Good:
        release:
          artifact: {digest: "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"}
    """
    of_models = [version.artifact.digest for version in _versions(system)]
    for value, command in (
        *((digest, "`mlspec digest PATH` prints for the model") for digest in of_models),
        *((image, "`docker buildx imagetools inspect IMAGE` prints") for image in given_images(system)),
    ):
        what = _nothing(value)
        if what is not None:
            yield finding(
                "MLS306",
                f"this digest is {what}",
                value,
                note="no model and no image has it, so no pod would ever start",
                help=f"write the digest that {command}",
            )


def _nothing(value: Because[str]) -> str | None:
    digits = value.value.rpartition(":")[2]
    if len(digits) not in (40, 64):
        return None
    return "a placeholder" if set(digits) == {"0"} else "that of an empty file" if digits == _EMPTY else None


@rule("MLS307", "warning", "releases.*.artifact.uri", "releases.*.shadow.artifact.uri")
def moving_address(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Model at a branch or a tag of a repository.

    Why: the digest stays that of the release, but a commit to the branch replaces the file. From then on, no new
    replica starts, which shows when the service has to scale up, or when a node fails.

    Bad:
        release:
          artifact: {uri: "https://huggingface.co/onnxmodelzoo/mnist-12/resolve/main/mnist-12.onnx"}
    Good:
        release:
          artifact:
            uri: https://huggingface.co/onnxmodelzoo/mnist-12/resolve/1cd752f4a3d818fa215aa621c78b8a10a4a1a3a5/mnist-12.onnx
    """
    for version in _versions(system):
        uri = version.artifact.uri
        found = moving(uri.value)
        if found is not None:
            revision, fixed = found
            yield finding(
                "MLS307",
                f"the file at the revision `{revision}` can change",
                uri,
                note="the digest would no longer match, and no new replica could start",
                help=f"write `{fixed}`, with the commit that `{revision}` is at now",
            )


def _versions(system: MLSystem) -> Iterator[Release | Shadow]:
    """The versions that run."""
    for release in system.releases.values():
        yield release
        if release.shadow is not None:
            yield release.shadow
