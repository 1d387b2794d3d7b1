"""Named access to stores and services. The only place in a spec that deals with credentials, always by reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import EnvName, Host, Identifier, ObjectName, Section, Text, Url, default, mapped, optional, required


class _Access(Section):
    service_account: ObjectName | None = optional(
        "The ServiceAccount for pods that use this access. The cluster exchanges its token for store credentials, so "
        "there is no long-lived key."
    )
    identity: Text | None = optional(
        "The cloud identity behind the ServiceAccount: an AWS role ARN, the email address of a Google service account, "
        "or the client ID of an Azure identity. Omit it if the cluster already knows (EKS Pod Identity)."
    )
    secret: ObjectName | None = optional("An existing Secret in the namespace that holds the credentials.")
    keys: dict[EnvName, Identifier] = mapped(
        "Maps environment variables to keys of the Secret, if its keys differ from the defaults for this kind."
    )


class S3Access(_Access):
    """Amazon S3 or an S3-compatible store."""

    kind: Literal["s3"] = required("The kind of store.")
    region: Identifier | None = optional("The region of the bucket.")
    endpoint: Url | None = optional("The endpoint of an S3-compatible store other than Amazon S3.")


class GcsAccess(_Access):
    """Google Cloud Storage."""

    kind: Literal["gcs"] = required("The kind of store.")


class AzureAccess(_Access):
    """Azure Blob Storage."""

    kind: Literal["azure"] = required("The kind of store.")
    account: Identifier = required("The storage account.")


class HttpAccess(_Access):
    """An HTTP server that requires a bearer token."""

    kind: Literal["http"] = required("The kind of store.")


class HuggingFaceAccess(_Access):
    """Hugging Face Hub, for gated and private repositories."""

    kind: Literal["huggingface"] = required("The kind of store.")
    endpoint: Url = default("https://huggingface.co", "The URL of the hub.", "the public hub")


class OciAccess(_Access):
    """A container registry that requires credentials; `secret` is an image pull secret."""

    kind: Literal["oci"] = required("The kind of store.")


class KafkaAccess(_Access):
    """A Kafka broker."""

    kind: Literal["kafka"] = required("The kind of service.")
    mechanism: Literal["scram-sha-512", "scram-sha-256", "plain", "oauthbearer", "tls"] = default(
        "scram-sha-512", "How clients authenticate.", "the strongest password mechanism that every broker supports"
    )


class TrackingAccess(_Access):
    """An experiment tracking server."""

    kind: Literal["tracking"] = required("The kind of service.")


class GitAccess(_Access):
    """A Git hosting service, where promotions open pull requests."""

    kind: Literal["git"] = required("The kind of service.")
    host: Host = default("github.com", "The host name.", "the most common Git host")


Access = Annotated[
    S3Access
    | GcsAccess
    | AzureAccess
    | HttpAccess
    | HuggingFaceAccess
    | OciAccess
    | KafkaAccess
    | TrackingAccess
    | GitAccess,
    Field(discriminator="kind"),
]
