"""Releases: the live version of a model, inline or in a file that mlspec writes."""

from __future__ import annotations

from typing import Literal

from .base import (
    AccessName,
    Digest,
    Image,
    Metric,
    Name,
    Section,
    Size,
    SystemName,
    Text,
    Timestamp,
    Uri,
    default,
    listed,
    mapped,
    optional,
    required,
    singular,
)

Format = Literal[
    "onnx", "tensorrt", "torchscript", "python", "openvino", "savedmodel", "safetensors", "sklearn", "xgboost",
    "lightgbm", "catboost", "mlflow", "mar", "custom",
]  # fmt: skip


class Artifact(Section):
    """The model's files, pinned by digest."""

    uri: Uri = required(
        "The location: `https://`, `s3://`, `gs://`, `azure://`, `hf://ORGANIZATION/REPOSITORY` with or without a path "
        "in it, `pvc://CLAIM/PATH` for a PersistentVolumeClaim, `oci://` for an image that contains only the files, or "
        "`image://` for the server's own image. A path that ends in `/` is a folder."
    )
    format: Format = required("The model format, which determines the runtimes that can load it.")
    digest: Digest = required(
        "The digest that pins the files: for a file, its SHA-256; for a folder, the SHA-256 of its sorted lines "
        "`path NUL sha256` (`mlspec digest PATH` prints either); for an image, the manifest digest; for a hub "
        "repository, the commit. The download fails if it differs."
    )
    size: Size | None = optional("The total size; memory and startup time are derived from it.")
    access: AccessName | None = optional("The access used to download the files.")


class Code(Section):
    """The code that trained the model."""

    revision: Text | None = optional("The commit.")
    image: Image | None = optional("The container image.")


class Version(Section):
    """One version of a model."""

    version: Text = required(
        "The version, in any format. Runtimes that require a numeric version get this one if it is a number."
    )
    artifact: Artifact = required("The model's files.")
    data_version: Text | None = optional("The version of the data it was trained on.")
    code: Code | None = optional("The code that trained it.")
    metrics: dict[Metric, float] = mapped("Its evaluation results: the champion's scores that new versions must beat.")
    profile: Uri | None = optional("The reference profile for drift detection.")
    trained_at: Timestamp | None = optional("When it was trained; model-age alerts count from here.")


class Shadow(Version):
    """A version in the shadow stage: it receives mirrored requests before it serves any."""

    since: Timestamp | None = optional("When it entered the shadow stage.")


class Release(Version):
    """The live version, the shadow version, and previous versions."""

    shadow: Shadow | None = optional("The version in the shadow stage.")
    skipped_shadow: bool = default(
        False,
        "Whether the live version skipped the shadow stage, so that its rollout does not wait for the judgment of one. "
        "`mlspec promote --skip-shadow` and `mlspec rollback` set it.",
        "the stage is there to be used",
    )
    previous: list[Version] = listed("Previous versions, newest first: the targets of a rollback.")


class ReleaseFile(Section):
    """`releases/<environment>.yaml`: written by `mlspec promote` and `mlspec rollback`, never by hand."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["Release"] = required("The file type.")
    system: SystemName = required("The system that the file belongs to.")
    environment: Name = required("The environment that the file belongs to.")
    release: Release | None = singular("The release of a system with one model.", of="releases")
    releases: dict[Name, Release] = mapped("The releases, by model.")
