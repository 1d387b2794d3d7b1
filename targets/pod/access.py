"""Access for pods: a ServiceAccount that is bound to a cloud identity, or variables from a Secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.identities import provider_of
from ...compiler.plan.scope import Scope
from ...compiler.record import Record
from ...compiler.system import Access, ServiceAccess

__all__ = [
    "Grant",
    "Identity",
    "account_of",
    "environment",
    "granted",
    "identity",
    "identity_annotations",
    "pod_labels",
    "stores",
]

# kind -> the variables that its clients read, and their default keys in a Secret
_USUAL = {
    "s3": {"AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY"},
    "gcs": {"RCLONE_GCS_SERVICE_ACCOUNT_CREDENTIALS": "key.json"},
    "azure": {name: name for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET")},
    "http": {"TOKEN": "token"},
    "huggingface": {"HF_TOKEN": "token"},
    "kafka": {"KAFKA_USERNAME": "username", "KAFKA_PASSWORD": "password"},
    "tracking": {"MLFLOW_TRACKING_USERNAME": "username", "MLFLOW_TRACKING_PASSWORD": "password"},
    "git": {"GIT_TOKEN": "token"},
    "oci": {},
    "tcp": {},
    "service": {},
}

_ANNOTATIONS = {
    "aws": "eks.amazonaws.com/role-arn",
    "google": "iam.gke.io/gcp-service-account",
    "azure": "azure.workload.identity/client-id",
}
"""The annotation that binds a ServiceAccount, by the provider of the identity."""


class Grant(Record):
    """An access, and where the spec uses it."""

    access: Access
    named: Because[str]
    identity: Because[str] | None
    """The cloud identity of its ServiceAccount, from whichever access sets it."""


def granted(scope: Scope, names: Iterable[Because[str] | None]) -> list[Grant]:
    """The named accesses, each once, with all the places that use it."""
    uses: dict[str, list[Because[str]]] = {}
    for name in names:
        if name is not None:
            uses.setdefault(name.value, []).append(name)
    return [
        Grant(
            access=scope.system.access[name],
            named=because(name, "the access in use", where),
            identity=_tied(scope, scope.system.access[name].service_account),
        )
        for name, where in uses.items()
    ]


def stores(scope: Scope, *names: Because[str] | None) -> Iterator[Because[str]]:
    """The accesses to what has a URI. One of kind `service` is for requests and reads nothing."""
    for name in names:
        if name is None:
            continue
        access = scope.system.access[name.value]
        if isinstance(access, ServiceAccess):
            raise refusal(
                "MLS012",
                f"the access `{name.value}` cannot read or write data",
                name,
                others=((access.kind, "its kind"),),
                note="it is for requests to a service of this system, and has no credentials for a store",
                help="list it under the `access` of a service or of `training`, and use the store's own access here",
            )
        yield name


def _tied(scope: Scope, account: Because[str] | None) -> Because[str] | None:
    """The identity of an account. It applies to everything that runs as the account, and one access may set it."""
    if account is None:
        return None
    same = [
        access.identity
        for access in scope.system.access.values()
        if access.service_account is not None
        and access.service_account.value == account.value
        and access.identity is not None
    ]
    for other in same[1:]:
        if other.value != same[0].value:
            raise refusal(
                "MLS012",
                f"the ServiceAccount `{account.value}` cannot have two identities",
                other,
                label="this access sets a second one",
                others=((same[0], "the identity that another access sets"),),
                note="an account is bound to one identity, so one of the stores would deny access to its pods",
                help="set a separate `serviceAccount` in one of the accesses, or set one identity that can access both",
            )
    return because(same[0].value, "the identity of the account", same) if same else None


def environment(grant: Grant, renamed: dict[str, str] | None = None) -> list[Because[Body]]:
    """The variables from the access's Secret; none if the pod's identity grants access."""
    access = grant.access
    if access.secret is None:
        return []
    if not access.keys and not _USUAL[access.kind.value]:
        raise _no_variables(grant, access.secret)
    keys: dict[str, str | Because[str]] = {**access.keys} if access.keys else {**_USUAL[access.kind.value]}
    return [
        because(
            {
                "name": (renamed or {}).get(name, name),
                "valueFrom": {"secretKeyRef": {"name": access.secret, "key": key}},
            },
            "clients of this kind of access read it",
            access.kind,
            grant.named,
            key,
        )
        for name, key in keys.items()
    ]


def _no_variables(grant: Grant, secret: Because[str]) -> Refusal:
    return refusal(
        "MLS009",
        f"no variable is set from the Secret `{secret.value}`",
        secret,
        others=((grant.access.kind, "clients of this kind have no common variables"), (grant.named, "used here")),
        note="the container would never see the credentials",
        help="add a variable and a key of the Secret to the access, such as `keys: {API_KEY: key}`",
    )


class Identity(Record):
    """The identity that a pod runs as."""

    account: Because[str]
    """Its ServiceAccount."""
    stands_for: Because[str] | None
    """The cloud identity that the ServiceAccount is bound to."""


def identity(grants: Iterable[Grant]) -> Identity | None:
    """What the accesses ask for. A pod has only one ServiceAccount and one identity, so two of either are refused."""
    accounts = [(grant.access.service_account, grant) for grant in grants if grant.access.service_account is not None]
    if not accounts:
        return None
    tied = [(grant.identity, grant) for _, grant in accounts if grant.identity is not None]
    stands_for = _the_one(tied, "identity") if tied else None
    return Identity(account=_the_one(accounts, "ServiceAccount"), stands_for=stands_for)


def _the_one(asked: list[tuple[Because[str], Grant]], what: str) -> Because[str]:
    first, by = asked[0]
    for other, grant in asked[1:]:
        if other.value != first.value:
            raise refusal(
                "MLS012",
                f"one pod cannot have two values of `{what}`",
                other,
                label="this access sets a second one",
                others=((first, "for the same pod"), (grant.named, "used here"), (by.named, "and here")),
                note="one of the two stores would deny access to the pod at runtime",
                help=f"set the same {what} in both accesses, with permissions for both",
            )
    why = f"the {what} of the access in use"
    uses = [(value, grant.named, grant.access.kind) for value, grant in asked]
    return because(first.value, why, uses)


def account_of(grants: Iterable[Grant], otherwise: Because[str]) -> Because[str]:
    """The ServiceAccount of a pod: the one that its accesses set, otherwise its own, without any permissions."""
    chosen = identity(grants)
    return otherwise if chosen is None else chosen.account


def identity_annotations(chosen: Identity | None) -> Body | None:
    """The annotation that binds a ServiceAccount to a cloud identity."""
    stands_for = chosen.stands_for if chosen is not None else None
    if stands_for is None:
        return None
    provider = provider_of(stands_for.value)
    if provider is not None:
        return {_ANNOTATIONS[provider]: stands_for}
    raise refusal(
        "MLS006",
        f"`{stands_for.value}` is not a cloud identity",
        stands_for,
        note="the ServiceAccount would have no identity, and every store would deny access",
        help="write an AWS role ARN, a Google service account email, or the client ID of an Azure identity",
    )


def pod_labels(chosen: Identity | None) -> Body:
    """The label that Azure's webhook requires on pods."""
    stands_for = chosen.stands_for if chosen is not None else None
    if stands_for is None or provider_of(stands_for.value) != "azure":
        return {}
    return {
        "azure.workload.identity/use": because("true", "the ServiceAccount is bound to an Azure identity", stands_for)
    }
