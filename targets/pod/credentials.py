"""The variables that clients of stores read: where each store is, and the credentials for it.

Two accesses of the same kind set the same variable, and one of them would silently win, so that is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Body
from ...compiler.emit.dump import plain
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.identities import provider_of
from ...compiler.system import (
    AzureAccess,
    GitAccess,
    HuggingFaceAccess,
    KafkaAccess,
    KeyReference,
    OciAccess,
    S3Access,
    TrackingAccess,
)
from .access import Grant, environment

__all__ = ["Value", "credentials", "pull_secrets", "variables", "written_at"]

Value = Because[Any] | KeyReference
"""The value of a variable, or where it comes from."""


def written_at(value: Value) -> Because[Any]:
    """A value, or the key that it comes from, to point at."""
    return value.key if isinstance(value, KeyReference) else value


def variables(named: Mapping[str, Value]) -> list[Because[Body]]:
    """Variables with values. The line with a name has the same sources as the value.

    An empty value is left out, which means the same: typed controllers drop it, and GitOps tools would report a
    difference forever.
    """
    return [_variable(name, value) for name, value in named.items()]


def _variable(name: str, value: Value) -> Because[Body]:
    why = "an environment variable"
    if isinstance(value, Because):
        return because({"name": name, "value": value if str(value.value) else None}, why, value)
    kind, holder = ("secretKeyRef", value.secret) if value.secret is not None else ("configMapKeyRef", value.config_map)
    return because(
        {"name": name, "valueFrom": {kind: {"name": holder, "key": value.key}}}, why, value.own_name, holder, value.key
    )


def credentials(grants: Iterable[Grant], own: Mapping[str, Value]) -> list[Because[Body]]:
    """The variables of all accesses, each once. They must not contradict `own`, the variables that the author sets."""
    seen: dict[str, tuple[Because[Any], Because[Body] | None]] = {}
    for name, value in own.items():
        seen[name] = written_at(value), None
    for grant in grants:
        secrets = _secrets(grant)
        for variable in (*secrets, *_locations(grant), *_issuer(grant, own)):
            name = plain(variable)["name"]
            other, first = seen.setdefault(name, (grant.named, variable))
            known = plain(_variable(name, own[name]) if first is None else first)
            if plain(variable) != known:
                raise _twice(
                    name,
                    grant,
                    other,
                    _way_out(of_author=first is None, secret=any(variable is one for one in secrets)),
                )
    return [variable for _, variable in seen.values() if variable is not None]


def _secrets(grant: Grant) -> list[Because[Body]]:
    return environment(grant) if not isinstance(grant.access, OciAccess) else []


def _locations(grant: Grant) -> Iterator[Because[Body]]:
    """Everything that is not secret, under the names that the clients of each store read."""
    access, known = grant.access, dict[str, Any]()
    if isinstance(access, S3Access):
        known = {"AWS_REGION": access.region, "AWS_ENDPOINT_URL": access.endpoint}
    elif isinstance(access, AzureAccess):
        known = {"AZURE_STORAGE_ACCOUNT_NAME": access.account}
    elif isinstance(access, HuggingFaceAccess):
        known = {"HF_ENDPOINT": access.endpoint}
    elif isinstance(access, GitAccess):
        known = {"GIT_HOST": access.host}
    elif isinstance(access, KafkaAccess):
        known = dict(_kafka(access))
    elif isinstance(access, TrackingAccess):
        known = {"MLFLOW_TRACKING_URI": access.url}
    for name, value in known.items():
        if value is not None:
            yield because(
                {"name": name, "value": value},
                "where the store is, and how clients authenticate",
                access.kind,
                grant.named,
            )


ISSUER = "AWS_ENDPOINT_URL_STS"


def _issuer(grant: Grant, own: Mapping[str, Value]) -> Iterator[Because[Body]]:
    """Where the credentials of a role are from. `AWS_ENDPOINT_URL` is the endpoint of all services of AWS, so without
    this, SDKs would ask the store for them (docs.aws.amazon.com, service-specific endpoints).
    """
    access, role = grant.access, grant.identity
    if not isinstance(access, S3Access) or access.endpoint is None or ISSUER in own:
        return
    if role is None or provider_of(role.value) != "aws":
        return
    china, region = role.value.startswith("arn:aws-cn:"), access.region
    if region is not None:
        host = f"sts.{region.value}.amazonaws.com{'.cn' if china else ''}"
    elif role.value.startswith("arn:aws:"):
        host = "sts.amazonaws.com"
    else:
        return
    url = because(f"https://{host}", "the endpoint of the store is for the store alone", access.endpoint, role, region)
    yield because(
        {"name": ISSUER, "value": url}, "where the credentials of the role are from", access.kind, grant.named
    )


def _kafka(access: KafkaAccess) -> Iterator[tuple[str, Because[str]]]:
    """The values that librdkafka expects."""
    mechanism, brokers = access.mechanism, access.brokers
    if brokers:
        yield "KAFKA_BOOTSTRAP_SERVERS", because(",".join(one.value for one in brokers), "the brokers", brokers)
    by_certificate = mechanism.value == "tls"
    yield "KAFKA_SECURITY_PROTOCOL", mechanism.map(lambda _: "SSL" if by_certificate else "SASL_SSL")
    if not by_certificate:
        yield "KAFKA_SASL_MECHANISM", mechanism.map(str.upper)


def _way_out(*, of_author: bool, secret: bool) -> str:
    """What to do about a variable that would be set twice. Only those from a Secret have names that can change."""
    if of_author:
        renamed = ", or rename the access's variable under its `keys`" if secret else ""
        return f"remove one of the two settings{renamed}"
    if secret:
        return "use one access for both stores, or rename the variables of one of them under its `keys`"
    return "copy what one of the stores holds to the other, and use one access; a pod's clients know one place"


def _twice(name: str, grant: Grant, other: Because[Any], way_out: str) -> Refusal:
    return refusal(
        "MLS012",
        f"`{name}` would be set twice",
        grant.named,
        label="this access sets it",
        others=((other, "also set here"),),
        note="a container has only one variable of each name, so one of the two values would be silently lost",
        help=way_out,
    )


def pull_secrets(secret: Because[str] | None, grants: Iterable[Grant]) -> list[Body] | None:
    """The platform's image pull secret, and those of the registries among the accesses."""
    given: dict[str, list[object]] = {}
    if secret is not None:
        given[secret.value] = [secret]
    for grant in grants:
        own = grant.access.secret
        if isinstance(grant.access, OciAccess) and own is not None:
            given.setdefault(own.value, []).extend((own, grant.access.kind, grant.named))
    return [{"name": because(name, "the pull secret for images", why)} for name, why in given.items()] or None
