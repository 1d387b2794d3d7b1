"""Named access to stores and services. The only place in a spec that deals with credentials, always by reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    Address,
    Cidr,
    EnvName,
    Host,
    Identifier,
    LabelKey,
    LabelValue,
    Name,
    ObjectName,
    Section,
    ServiceName,
    Text,
    Url,
    default,
    derived,
    listed,
    mapped,
    optional,
    required,
)
from .network import Port


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


class _Server(_Access):
    """A server that may run in the cluster, where the port of its pods is not always the one of its address."""

    ports: list[Port] = listed(
        "The TCP ports that the server itself listens on. Behind a Service with another port, list those of its pods, "
        "because most networks check policies after the translation. If omitted, the ones in its address.",
        min_length=1,
    )


class S3Access(_Server):
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


class HuggingFaceAccess(_Server):
    """Hugging Face Hub, for gated and private repositories."""

    kind: Literal["huggingface"] = required("The kind of store.")
    endpoint: Url = default("https://huggingface.co", "The URL of the hub.", "the public hub")


class OciAccess(_Access):
    """A container registry that requires credentials; `secret` is an image pull secret."""

    kind: Literal["oci"] = required("The kind of store.")


class KafkaAccess(_Server):
    """A Kafka cluster."""

    kind: Literal["kafka"] = required("The kind of service.")
    brokers: list[Address] = listed(
        "The brokers that clients connect to first, such as `b-1.payments.example.com:9096`. Clients receive them as "
        "`KAFKA_BOOTSTRAP_SERVERS`, and network policies open their ports. A broker without a port listens on 9092."
    )
    mechanism: Literal["scram-sha-512", "scram-sha-256", "plain", "oauthbearer", "tls"] = default(
        "scram-sha-512", "How clients authenticate.", "the strongest password mechanism that every broker supports"
    )


class TrackingAccess(_Server):
    """An experiment tracking server."""

    kind: Literal["tracking"] = required("The kind of service.")
    url: Url | None = optional(
        "The URL of the server, which MLflow clients receive as `MLFLOW_TRACKING_URI`. If omitted, the `uri` of "
        "`training.tracking`."
    )


class GitAccess(_Server):
    """A Git hosting service, where promotions open pull requests.

    Its Secret has a token that may push, and open pull requests, as `token`.
    """

    kind: Literal["git"] = required("The kind of service.")
    host: Host = default("github.com", "The host name.", "the most common Git host")
    forge: Literal["github", "gitlab", "gitea", "bitbucket", "bitbucket-data-center"] | None = derived(
        "The software of the host, whose API opens pull requests. `gitea` is also Forgejo, and `bitbucket` is "
        "Bitbucket Cloud.",
        "from the host, for github.com, gitlab.com, codeberg.org, gitea.com, and bitbucket.org",
    )
    url: Url | None = derived(
        "The URL below which the repositories are cloned.",
        "from the host, as in `https://git.example.com`; with `/scm` for Bitbucket Data Center",
    )
    api: Url | None = derived("The URL of the API.", "from `url`, by what the forge documents")


class TcpAccess(_Access):
    """Any other server: a cache, a database, a feature server, or an API with a key.

    `secret` and `keys` set environment variables. Pods get the address through their own `env`.
    """

    kind: Literal["tcp"] = required("The kind of service.")
    host: Host = required(
        "The host name of the server, or its address. Network policies select pods and addresses, not names: pods may "
        "connect to the pods and addresses that follow from the fields below. If those are unknown, they may connect "
        "to any address at these ports."
    )
    ports: list[Port] = required(
        "The TCP ports that the server listens on. Behind a Service, list the port of its pods, because most networks "
        "check policies after the translation. The VPC CNI of AWS checks them before, so list both if they differ."
    )
    namespace: Name | None = derived(
        "The namespace of the pods that answer.",
        "from a host like `redis.cache.svc`; a host without dots is a Service in the same namespace",
    )
    pods: dict[LabelKey, LabelValue] = mapped("The labels of the pods that answer. If omitted, all pods there.")
    cidrs: list[Cidr] = listed("The addresses of the server, if it does not run in the cluster.")


class ServiceAccess(_Access):
    """Another online service of the same system, which then admits the pods that use this access.

    Its address is the name of its Service: the name of the system, a dash, and the name of the service.
    """

    kind: Literal["service"] = required("The kind of service.")
    service: ServiceName = required("The service that is called, without going through the gateway.")


Access = Annotated[
    S3Access
    | GcsAccess
    | AzureAccess
    | HttpAccess
    | HuggingFaceAccess
    | OciAccess
    | KafkaAccess
    | TrackingAccess
    | GitAccess
    | TcpAccess
    | ServiceAccess,
    Field(discriminator="kind"),
]
