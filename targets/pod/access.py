"""Access, as pods have it: a ServiceAccount that stands for an identity, or variables from a Secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.scope import Scope
from ...compiler.record import Record
from ...compiler.system import Access

__all__ = [
    "Grant",
    "Identity",
    "account_of",
    "environment",
    "granted",
    "identity",
    "identity_annotations",
    "pod_labels",
]

# kind -> the variables that its clients read, and the usual keys of a Secret
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
}

_ARN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+"
_GOOGLE = r"[^@]+@[^@]+\.iam\.gserviceaccount\.com"
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Grant(Record):
    """An access, and where the spec says that it is used."""

    access: Access
    named: Because[str]
    identity: Because[str] | None
    """Whom its ServiceAccount stands for, by whatever access says so."""


def granted(scope: Scope, names: Iterable[Because[str] | None]) -> list[Grant]:
    """The accesses of some names, each once, for all the reasons it has."""
    uses: dict[str, list[Because[str]]] = {}
    for name in names:
        if name is not None:
            uses.setdefault(name.value, []).append(name)
    return [
        Grant(
            access=scope.system.access[name],
            named=because(name, "an access that is used", where),
            identity=_tied(scope, scope.system.access[name].service_account),
        )
        for name, where in uses.items()
    ]


def _tied(scope: Scope, account: Because[str] | None) -> Because[str] | None:
    """The identity of an account. Whoever runs as it runs as that, and one of the accesses by it may say so alone."""
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
                f"the ServiceAccount `{account.value}` cannot stand for two identities",
                other,
                label="this access wants another one",
                others=((same[0], "the identity of another access by it"),),
                note="an account is tied to one identity, so one of the stores would refuse what runs as it",
                help="name a `serviceAccount` of its own in one of the accesses, or one identity that may do both",
            )
    return because(same[0].value, "the identity of the account", same) if same else None


def environment(grant: Grant, renamed: dict[str, str] | None = None) -> list[Because[Body]]:
    """The variables that come from the access's Secret; none where the cluster's identity does it."""
    access = grant.access
    if access.secret is None:
        return []
    keys: dict[str, str | Because[str]] = {**access.keys} if access.keys else {**_USUAL[access.kind.value]}
    return [
        because(
            {
                "name": (renamed or {}).get(name, name),
                "valueFrom": {"secretKeyRef": {"name": access.secret, "key": key}},
            },
            "what clients of this kind of access read",
            access.kind,
            grant.named,
            key,
        )
        for name, key in keys.items()
    ]


class Identity(Record):
    """Whom a pod runs as."""

    account: Because[str]
    """Its ServiceAccount."""
    stands_for: Because[str] | None
    """The cloud's identity that the ServiceAccount is tied to."""


def identity(grants: Iterable[Grant]) -> Identity | None:
    """What the accesses ask for; a pod has one ServiceAccount and one identity, so two of them cannot be honoured."""
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
                f"one pod cannot have two of `{what}`",
                other,
                label="this access wants another one",
                others=((first, "of the same pod"), (grant.named, "used here"), (by.named, "and here")),
                note="one of the two stores would refuse the pod when it runs",
                help=f"let both accesses name one {what} that may do both",
            )
    why = f"the {what} of the access that is used"
    uses = [(value, grant.named, grant.access.kind) for value, grant in asked]
    return because(first.value, why, uses)


def account_of(grants: Iterable[Grant], otherwise: Because[str]) -> Because[str]:
    """The ServiceAccount of a pod: the one that its accesses name, else one of its own without any rights."""
    chosen = identity(grants)
    return otherwise if chosen is None else chosen.account


def identity_annotations(chosen: Identity | None) -> Body | None:
    """What ties a ServiceAccount to an identity of the cloud."""
    stands_for = chosen.stands_for if chosen is not None else None
    if stands_for is None:
        return None
    for pattern, key in (
        (_ARN, "eks.amazonaws.com/role-arn"),
        (_GOOGLE, "iam.gke.io/gcp-service-account"),
        (_UUID, "azure.workload.identity/client-id"),
    ):
        if re.fullmatch(pattern, stands_for.value):
            return {key: stands_for}
    raise refusal(
        "MLS006",
        f"`{stands_for.value}` is no identity of a cloud",
        stands_for,
        note="the ServiceAccount would stand for nobody, and every store would refuse it",
        help="write an AWS role's ARN, a Google service account's address, or an Azure identity's client id",
    )


def pod_labels(chosen: Identity | None) -> Body:
    """Azure's webhook only looks at pods with this label."""
    stands_for = chosen.stands_for if chosen is not None else None
    if stands_for is None or not re.fullmatch(_UUID, stands_for.value):
        return {}
    return {
        "azure.workload.identity/use": because("true", "the ServiceAccount stands for an Azure identity", stands_for)
    }
