"""How the files of a model get into its pod, by the scheme of their address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...because import Because, because, text
from ...finding import Refusal, refusal
from ...record import Record
from ...system import Artifact, Platform, Runtime

__all__ = ["DOWNLOADED", "ON_THE_NODE", "SCHEMES", "Source", "Place", "pinned", "place_of", "source_of"]

Source = Literal["download", "cached", "hub", "image", "inside", "claim"]
"""`download`: an init container fetches them into a volume of the pod. `cached`: it fetches them into a claim that pods
share. `hub`: the server downloads them itself. `image`: an image volume holds them. `inside`: they are in the server's
own image. `claim`: they are on a claim that something else fills.
"""

DOWNLOADED: tuple[Source, ...] = ("download", "cached")
"""The sources with an init container that downloads the files."""

ON_THE_NODE: tuple[Source, ...] = ("download", "hub")
"""The sources that store the files on the disk of the pod's node."""

SCHEMES: Mapping[str, Source] = {
    "https": "download", "http": "download", "s3": "download", "gs": "download", "azure": "download", "hf": "hub",
    "oci": "image", "image": "inside", "pvc": "claim",
}  # fmt: skip

OF_THE_HUB = ("vllm", "sglang", "tgi")
"""The setups whose servers take a repository of the hub and a commit as arguments."""

IMAGE_VOLUMES_FROM = "1.35"
"""The first Kubernetes version that enables image volumes by default (kubernetes.io, image volumes)."""


class Place(Record):
    """An address without its scheme: what contains the files, and the path to them in it."""

    container: str
    """A repository of the hub, or a claim."""
    path: str
    """A file, or a folder with `/` at the end; empty for everything."""


def place_of(uri: str) -> Place:
    """The parts of `hf://ORGANIZATION/NAME/PATH` and of `pvc://CLAIM/PATH`."""
    scheme, _, rest = uri.partition("://")
    steps = rest.split("/", 2 if scheme == "hf" else 1)
    names = 2 if scheme == "hf" else 1
    return Place(container="/".join(steps[:names]).rstrip("/"), path="".join(steps[names:]))


def source_of(artifact: Artifact, platform: Platform, runtime: Runtime | None) -> Because[Source]:
    """How the files of a model get into its pod. A batch run has no `runtime`."""
    scheme = artifact.uri.value.partition("://")[0]
    if scheme not in SCHEMES:
        raise refusal(
            "MLS012",
            f"mlspec cannot fetch a model from `{scheme}://`",
            artifact.uri,
            help=f"use {', '.join(f'`{known}://`' for known in SCHEMES)}",
        )
    source = SCHEMES[scheme]
    if source == "image":
        return _of_an_image(artifact, platform)
    if source == "inside":
        return _of_the_server(artifact, runtime)
    if source == "claim":
        return because(source, "the files are on a claim", artifact.uri)
    if source == "hub" and _takes_repositories(artifact, runtime):
        why = f"`{runtime.setup.value}` downloads a repository itself" if runtime is not None else ""
        chosen: Because[Source] = because(source, why, artifact.uri, runtime.setup if runtime is not None else None)
    else:
        chosen = because("download", f"the download for `{scheme}://`", artifact.uri)
    claim = platform.storage.model_cache
    return chosen if claim is None else because("cached", "pods share the models that they download", chosen, claim)


def _takes_repositories(artifact: Artifact, runtime: Runtime | None) -> bool:
    """Whether the server itself downloads what the address names: it takes whole repositories only."""
    return runtime is not None and runtime.setup.value in OF_THE_HUB and not place_of(artifact.uri.value).path


def _of_an_image(artifact: Artifact, platform: Platform) -> Because[Source]:
    version = platform.kubernetes
    if version.value < IMAGE_VOLUMES_FROM:
        raise refusal(
            "MLS012",
            f"Kubernetes {version.value} cannot mount a model from an image",
            artifact.uri,
            others=((version, "this version"),),
            note=f"image volumes are on by default from {IMAGE_VOLUMES_FROM}; older versions reject the pod",
            help=f"set `platform.kubernetes: {IMAGE_VOLUMES_FROM}` if the cluster runs it, or use an object store",
        )
    return because("image", f"Kubernetes {version.value} mounts images as volumes", artifact.uri, version)


def _of_the_server(artifact: Artifact, runtime: Runtime | None) -> Because[Source]:
    """The image of the server itself, which only a server that the author builds has."""
    if runtime is None:
        raise refusal(
            "MLS012",
            "a batch run cannot take its image from a release",
            artifact.uri,
            note="the image of a batch run is part of the service, and would not change with the release",
            help="put the files into an object store, or use `oci://` for an image that contains only the files",
        )
    if runtime.image is not None:
        raise _second_image(artifact, runtime.image)
    return because("inside", "the server's image contains the model", artifact.uri)


def _second_image(artifact: Artifact, image: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        "the server would have two images",
        artifact.uri,
        label="this release is the server's image",
        others=((image, "the image of its runtime"),),
        note="a release with `image://` is the server itself: a rollout replaces the code and the model together",
        help="remove `container.image`, use a runtime without an image of its own, such as `custom`, or mount the "
        "model with `oci://`",
    )


def pinned(artifact: Artifact) -> Because[str]:
    """The reference of an artifact that is an image: by tag and digest together, so that it is what was released."""
    if "@" in artifact.uri.value or not artifact.digest.value.startswith("sha256:"):
        raise refusal(
            "MLS012",
            "an image must be pinned by the digest of its manifest",
            artifact.digest,
            others=((artifact.uri, "the image"),),
            note="the pod runs or mounts it as `<image>@<digest>`, which must be a valid reference",
            help="write `digest: sha256:` with the 64 hex digits, and no digest in the `uri`",
        )
    return text("{image}@{digest}", image=artifact.uri.map(_reference), digest=artifact.digest)


def _reference(uri: str) -> str:
    return uri.partition("://")[2]
