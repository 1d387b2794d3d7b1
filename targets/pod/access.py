"""Access, as pods have it: a ServiceAccount that stands for an identity, or variables from a Secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...compiler.artifact import Body
from ...compiler.because import Because
from ...compiler.finding import refusal
from ...compiler.plan.scope import Scope
from ...compiler.system import Access

__all__ = ["identity_annotations", "environment", "pod_labels", "service_account", "used"]

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
}  # fmt: skip

_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
_GOOGLE = re.compile(r"[^@]+@[^@]+\.iam\.gserviceaccount\.com")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def environment(access: Access, renamed: dict[str, str] | None = None) -> list[Body]:
    """The variables that come from the access's Secret; none where the cluster's identity does it."""
    if access.secret is None:
        return []
    keys: dict[str, str | Because[str]] = {**_USUAL[access.kind.value]} if not access.keys else {**access.keys}
    return [
        {
            "name": (renamed or {}).get(name, name),
            "valueFrom": {"secretKeyRef": {"name": access.secret, "key": key}},
        }
        for name, key in keys.items()
    ]


def service_account(accesses: Iterable[Access]) -> Access | None:
    """The one access whose identity the pod has; a pod has one ServiceAccount, so two of them cannot be honoured."""
    chosen: Access | None = None
    for access in accesses:
        if access.service_account is None:
            continue
        if chosen is None:
            chosen = access
        elif chosen.service_account is not None and chosen.service_account.value != access.service_account.value:
            raise refusal(
                "MLS012",
                "one pod cannot run as two ServiceAccounts",
                access.service_account,
                label="this access wants another one",
                others=((chosen.service_account, "used by the same pod"),),
                help="let both accesses name one ServiceAccount whose identity may do both",
            )
    return chosen


def identity_annotations(access: Access | None) -> Body | None:
    """What ties a ServiceAccount to an identity of the cloud."""
    if access is None or access.identity is None:
        return None
    identity = access.identity
    if _ARN.fullmatch(identity.value):
        return {"eks.amazonaws.com/role-arn": identity}
    if _GOOGLE.fullmatch(identity.value):
        return {"iam.gke.io/gcp-service-account": identity}
    if _UUID.fullmatch(identity.value):
        return {"azure.workload.identity/client-id": identity}
    raise refusal(
        "MLS006",
        f"`{identity.value}` is no identity of a cloud",
        identity,
        help="write an AWS role's ARN, a Google service account's address, or an Azure identity's client id",
    )


def pod_labels(access: Access | None) -> Body:
    """Azure's webhook only looks at pods with this label."""
    if access is not None and access.identity is not None and _UUID.fullmatch(access.identity.value):
        return {
            "azure.workload.identity/use": Because(
                "true", "the ServiceAccount stands for an Azure identity", (access.identity,)
            )
        }
    return {}


def used(scope: Scope, names: Iterable[Because[str] | None]) -> list[Access]:
    """The accesses of some names, each once."""
    wanted = dict.fromkeys(name.value for name in names if name is not None)
    return [scope.system.access[name] for name in wanted]
