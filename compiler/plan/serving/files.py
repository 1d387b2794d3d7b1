"""The model files: their names inside the pod, and how they get there."""

from __future__ import annotations

from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Duration, Memory
from ...because import Because, because, decision
from ...finding import Refusal, refusal
from ...system import Artifact as ModelArtifact
from ...system import Release, Shadow
from ..choose import number
from ..scope import Scope

__all__ = ["WEB", "ModelFiles", "bytes_of", "download_time", "transfer", "url_parts"]

SCHEMES = {
    "https": "rclone", "http": "rclone", "s3": "rclone", "gs": "rclone", "azure": "rclone", "hf": "hub", "oci": "image",
}  # fmt: skip

WEB = ("http", "https")
"""The schemes of web servers, which have no folders."""

IMAGE_VOLUMES_FROM = "1.35"
"""The first Kubernetes version that enables image volumes by default (kubernetes.io, image volumes)."""


class ModelFiles:
    """The files of one version of a model."""

    def __init__(self, scope: Scope, release: Release | Shadow) -> None:
        self.scope = scope
        self.release = release

    @property
    def artifact(self) -> ModelArtifact:
        return self.release.artifact

    @cached_property
    def source(self) -> Because[str]:
        """How the files are fetched: `rclone`, `hub` (the runtime downloads them), or `image` (a volume)."""
        scheme = self.artifact.uri.value.partition("://")[0]
        if scheme not in SCHEMES:
            raise refusal(
                "MLS012",
                f"mlspec cannot fetch a model from `{scheme}://`",
                self.artifact.uri,
                help=f"use {', '.join(f'`{known}://`' for known in SCHEMES)}",
            )
        source, version = SCHEMES[scheme], self.scope.platform.kubernetes
        if source != "image":
            return because(source, f"the downloader for `{scheme}://`", self.artifact.uri)
        if version.value < IMAGE_VOLUMES_FROM:
            raise self._no_image_volumes()
        why = f"Kubernetes {version.value} mounts images as volumes"
        return because(source, why, self.artifact.uri, version)

    def _no_image_volumes(self) -> Refusal:
        version = self.scope.platform.kubernetes
        return refusal(
            "MLS012",
            f"Kubernetes {version.value} cannot mount a model from an image",
            self.artifact.uri,
            others=((version, "this version"),),
            note=f"image volumes are on by default from {IMAGE_VOLUMES_FROM}; older versions reject the pod",
            help=f"set `platform.kubernetes: {IMAGE_VOLUMES_FROM}` if the cluster runs it, or use an object store",
        )

    @cached_property
    def is_folder(self) -> Because[bool]:
        """Whether the artifact is a folder: its path ends in `/`, or it is from a hub or an image."""
        return self.artifact.uri.map(lambda uri: uri.endswith("/") or uri.partition("://")[0] in ("hf", "oci"))

    @cached_property
    def file(self) -> Because[str]:
        """The name of a single-file model: the last segment of its address. Loaders choose by its suffix."""
        return self.artifact.uri.map(_last_segment)

    @cached_property
    def number(self) -> Because[int]:
        """The version as a number, because Triton and TensorFlow Serving require numbered version folders."""
        return _version_number(self.release.version)


def _last_segment(uri: str) -> str:
    path = url_parts(uri)[1] if uri.partition("://")[0] in WEB else uri.partition("://")[2]
    return path.rstrip("/").rpartition("/")[2] or "model"


def url_parts(url: str) -> tuple[str, str, str]:
    """The folder of a URL with its `/`, the last segment, and the query with its `?`. A fragment stays with the caller.

    In an object store, `?` and `#` are characters of a name.
    """
    path, mark, query = url.partition("#")[0].partition("?")
    folder, slash, leaf = path.rpartition("/")
    return folder + slash, leaf, mark + query


@decision
def _version_number(version: Because[str]) -> tuple[int, str]:
    text = version.value
    if text.isascii() and text.isdecimal() and 0 < int(text) < 2**31:
        return int(text), "the version is a number"
    return 1, f"`{text}` is not a number, and the version folder requires one; a pod holds only one version"


UNKNOWN_SIZE = 10**9
"""The assumed size, in bytes, of a model or image of unknown size."""


def bytes_of(size: Because[Memory] | None) -> float:
    """A size in bytes, or the default guess."""
    return float(size.value) if size is not None else UNKNOWN_SIZE


def transfer(amount: float, rate: Because[Bandwidth]) -> Duration:
    """How long it takes to transfer that many bytes, in whole seconds."""
    if not rate.value.amount:
        raise refusal(
            "MLS008",
            "a bandwidth of zero bytes per second is impossible",
            rate,
            note="a replica would never finish starting",
            help="write `100 MB/s` or the measured value",
        )
    return Duration(int(amount / float(rate.value)) + 1)


@decision
def download_time(
    size: Because[Memory] | None, image: Because[Memory] | None, rate: Because[Bandwidth]
) -> tuple[Duration, str]:
    """How long a node that has neither the image nor the model needs to fetch both."""
    total = bytes_of(image) + bytes_of(size)
    guessed = " (an unknown size counts as 1 GB)" if size is None or image is None else ""
    return transfer(total, rate), f"{number(total / 1e9)} GB for the image and the model at {rate.value}{guessed}"
