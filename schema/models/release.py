"""What is in service: the release of a model, inline or in the file that mlspec writes."""

from __future__ import annotations

from typing import Literal

from .base import (
    AccessName,
    Digest,
    Image,
    Memory,
    Metric,
    Name,
    Section,
    SystemName,
    Text,
    Timestamp,
    Uri,
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
    """The model's files, pinned."""

    uri: Uri = required(
        "Where they are: `https://`, `s3://`, `gs://`, `azure://`, `hf://organisation/repository`, or `oci://` for an "
        "image that holds them. A path that ends in `/` is a folder."
    )
    format: Format = required("How they are encoded; decides which runtimes can load them.")
    digest: Digest = required(
        "What pins them: SHA-256 of the file; of a folder, SHA-256 over its sorted lines `path NUL sha256`; the "
        "manifest digest of an image; the commit of a hub repository. The download fails when it differs."
    )
    size: Memory | None = optional("How large they are; memory and start-up time follow from it.")
    access: AccessName | None = optional("How they are reached.")


class Code(Section):
    """The code that trained the model."""

    revision: Text | None = optional("The commit.")
    image: Image | None = optional("The image.")


class Version(Section):
    """One version of a model."""

    version: Text = required("Its version, in any spelling; runtimes that want a number get one if it is one.")
    artifact: Artifact = required("Its files.")
    data_version: Text | None = optional("The version of the data it was trained on.")
    code: Code | None = optional("The code that trained it.")
    metrics: dict[Metric, float] = mapped("What it reached in evaluation: the champion that new versions must beat.")
    profile: Uri | None = optional("The reference profile that drift is measured against.")
    trained_at: Timestamp | None = optional("When it was trained; alerts on its age count from here.")


class Shadow(Version):
    """A version that sees mirrored requests, before it answers any."""

    since: Timestamp | None = optional("When it entered the shadow stage.")


class Release(Version):
    """What is in service, what is tried in the shadow, and what was in service before."""

    shadow: Shadow | None = optional("The version in the shadow stage.")
    previous: list[Version] = listed("What was in service before, newest first: what a rollback goes to.")


class ReleaseFile(Section):
    """`releases/<environment>.yaml`: written by `mlspec promote` and `mlspec rollback`, never by hand."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["Release"] = required("What the file is.")
    system: SystemName = required("The system that it belongs to.")
    environment: Name = required("The environment that it belongs to.")
    release: Release | None = singular("What is in service, for a system with one model.", of="releases")
    releases: dict[Name, Release] = mapped("What is in service, by model.")
