"""Named ways to reach stores and services. The only place where a spec speaks of credentials, and only by reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import EnvName, Host, Identifier, ObjectName, Section, Text, Url, default, mapped, optional, required


class _Access(Section):
    service_account: ObjectName | None = optional(
        "The ServiceAccount that pods using this access run as; the cluster exchanges its token for the store's "
        "credentials, so that no key exists."
    )
    identity: Text | None = optional(
        "What the ServiceAccount stands for: the ARN of an AWS role, the e-mail address of a Google service account, "
        "or the client id of an Azure identity. Left out where the cluster already knows (EKS Pod Identity)."
    )
    secret: ObjectName | None = optional("A Secret that exists in the namespace and holds the credentials.")
    keys: dict[EnvName, Identifier] = mapped(
        "Environment variable to key of the Secret, where the kind's usual keys are not the Secret's."
    )


class S3Access(_Access):
    """Amazon S3, or a store that speaks its protocol."""

    kind: Literal["s3"] = required("The kind of store.")
    region: Identifier | None = optional("The region of the bucket.")
    endpoint: Url | None = optional("The address of a store that is not Amazon's.")


class GcsAccess(_Access):
    """Google Cloud Storage."""

    kind: Literal["gcs"] = required("The kind of store.")


class AzureAccess(_Access):
    """Azure Blob Storage."""

    kind: Literal["azure"] = required("The kind of store.")
    account: Identifier = required("The storage account.")


class HttpAccess(_Access):
    """A web server that asks for a bearer token."""

    kind: Literal["http"] = required("The kind of store.")


class HuggingFaceAccess(_Access):
    """A Hugging Face hub: gated and private repositories."""

    kind: Literal["huggingface"] = required("The kind of store.")
    endpoint: Url = default("https://huggingface.co", "The address of the hub.", "the public hub")


class OciAccess(_Access):
    """A container registry that asks for credentials; `secret` is an image pull secret."""

    kind: Literal["oci"] = required("The kind of store.")


class KafkaAccess(_Access):
    """A Kafka broker."""

    kind: Literal["kafka"] = required("The kind of service.")
    mechanism: Literal["scram-sha-512", "scram-sha-256", "plain", "oauthbearer", "tls"] = default(
        "scram-sha-512", "How clients authenticate.", "the strongest password mechanism that every broker has"
    )


class TrackingAccess(_Access):
    """An experiment tracking server."""

    kind: Literal["tracking"] = required("The kind of service.")


class GitAccess(_Access):
    """A Git forge: where promotions are proposed."""

    kind: Literal["git"] = required("The kind of service.")
    host: Host = default("github.com", "The forge's host.", "the most common one")


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
