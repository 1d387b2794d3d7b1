"""The model files: their names inside the pod, and how they get there."""

from __future__ import annotations

from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Duration, Memory
from ...because import Because, decision, text
from ...finding import refusal
from ...system import Artifact as ModelArtifact
from ...system import Release, Runtime, Shadow
from ..choose import number
from ..scope import Scope
from .source import DOWNLOADED, Source, place_of, source_of

__all__ = ["WEB", "ModelFiles", "bytes_of", "download_time", "transfer", "url_parts", "verify_time"]

WEB = ("http", "https")
"""The schemes of web servers, which have no folders."""


class ModelFiles:
    """The files of one version of a model."""

    def __init__(self, scope: Scope, release: Release | Shadow, runtime: Runtime | None) -> None:
        self.scope = scope
        self.release = release
        self.runtime = runtime
        """What loads them; None for a batch run, whose image does."""

    @property
    def artifact(self) -> ModelArtifact:
        return self.release.artifact

    @cached_property
    def source(self) -> Because[Source]:
        """How they get into the pod."""
        return source_of(self.artifact, self.scope.platform, self.runtime)

    @property
    def downloads(self) -> bool:
        """Whether an init container downloads them."""
        return self.source.value in DOWNLOADED

    @property
    def mounted(self) -> bool:
        """Whether the pod has a volume with them."""
        return self.source.value not in ("hub", "inside")

    @property
    def fetched(self) -> bool:
        """Whether the pod itself connects to where they are; the kubelet pulls images and mounts claims."""
        return self.downloads or self.source.value == "hub"

    @cached_property
    def is_folder(self) -> Because[bool]:
        """Whether the artifact is a folder: its path ends in `/`, or it is a whole repository, image, or claim."""
        return self.artifact.uri.map(_names_folder)

    @cached_property
    def file(self) -> Because[str]:
        """The name of a single-file model: the last segment of its address. Loaders choose by its suffix."""
        return self.artifact.uri.map(_last_segment)

    def key(self, file: Because[str]) -> Because[str] | None:
        """The name of the files on the claim that pods share; a single file is stored as `file`. None without a claim.

        It is the same for the same files only: a commit also pins what is not part of the artifact.
        """
        claim = self.scope.platform.storage.model_cache
        if self.source.value != "cached" or claim is None:
            return None
        parts = {"digest": self.artifact.digest.map(_hex)}
        if self.artifact.uri.value.startswith("hf://") and place_of(self.artifact.uri.value).path:
            parts["path"] = self.artifact.uri.map(_path_hash)
        if not self.is_folder.value:
            parts["file"] = file
        return text("-".join(f"{{{part}}}" for part in parts), "what the digest pins", **parts).also(claim)

    @cached_property
    def number(self) -> Because[int]:
        """The version as a number, because Triton and TensorFlow Serving require numbered version folders."""
        return _version_number(self.release.version)


def _names_folder(uri: str) -> bool:
    scheme = uri.partition("://")[0]
    whole = scheme in ("oci", "image") or (scheme in ("hf", "pvc") and not place_of(uri).path)
    return whole or uri.endswith("/")


def _hex(digest: str) -> str:
    return digest.rpartition(":")[2]


def _path_hash(uri: str) -> str:
    """A path of any length as a part of a name."""
    from hashlib import sha256  # rarely needed, so imported late

    return sha256(place_of(uri).path.encode()).hexdigest()[:16]


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


@decision
def verify_time(
    size: Because[Memory] | None, image: Because[Memory] | None, rate: Because[Bandwidth], read: Because[Bandwidth]
) -> tuple[Duration, str]:
    """How long a node without the image needs to fetch it, and then to read a model on a claim for its digest."""
    pulled, checked = transfer(bytes_of(image), rate), transfer(bytes_of(size), read)
    guessed = " (an unknown size counts as 1 GB)" if size is None or image is None else ""
    why = f"{number(bytes_of(image) / 1e9)} GB for the image at {rate.value}, and {number(bytes_of(size) / 1e9)} GB of "
    return Duration(pulled.amount + checked.amount), f"{why}model files to verify at {read.value}{guessed}"
