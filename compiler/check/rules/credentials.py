"""The rules on credentials: pods only get those of an access, and of identities that their cluster's cloud knows."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...part import Part
from ...plan import Plan
from ...plan.identities import STORES, provider_of
from ...plan.stores import bucket_access
from ...system import Access, Artifact, Cloud, MLSystem, S3Access
from ..lint import rule

__all__ = ["identity_of_another_cloud", "public_model"]

SECTIONS = {
    "serving": ("releases", "services"),
    "training": ("training", "data", "evaluation", "retraining"),
    "monitoring": ("monitoring",),
}
"""The sections that pods follow from, by what an environment has to run for that."""

NAMES = {"aws": "AWS", "google": "Google", "azure": "Azure"}

HOW = {
    "aws": "an AWS role ARN, such as `arn:aws:iam::123456789012:role/models`",
    "google": "a Google service account, such as `models@example-ml.iam.gserviceaccount.com`",
    "azure": "the client ID of an Azure identity, such as `8d3f1c2a-0b1e-4c5d-9a7f-112233445566`",
}


@rule("MLS906", "warning", "platform.cloud", "platform.clouds.*.identities")
def identity_of_another_cloud(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """ServiceAccount whose pods get no credentials on this cloud.

    Why: a ServiceAccount is bound to an identity by an annotation that only the identity's own cloud reads. On another
    cloud, pods start without credentials, and the store denies access to the first download, training run, or batch
    run. An overlay that changes `platform.cloud` keeps the identity of the base.

    Bad:
        platform: {cloud: gke}
        access:
          store: {kind: s3, region: eu-central-1, serviceAccount: models, identity: "arn:aws:iam::123456789012:role/m"}
        release: {artifact: {uri: s3://models/1/model.onnx, access: store}}
    Good:
        platform: {cloud: gke}
        access:
          store: {kind: gcs, serviceAccount: models, identity: models@example-ml.iam.gserviceaccount.com}
        release: {artifact: {uri: gs://models/1/model.onnx, access: store}}
    """
    cloud = plan.cloud
    for name in dict.fromkeys(_used(system, plan)) if cloud.identities else ():
        access = system.access[name]
        if access.service_account is not None and access.secret is None:
            wanted = _wanted(system, access, cloud)
            if wanted is not None:
                yield _denied(access, access.service_account, wanted, system)


@rule("MLS907", "warning", "releases.*.artifact.access")
def public_model(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Model in an object store that is read without credentials.

    Why: without an access, the download sends no credentials, and object stores deny that by default. Unless the bucket
    is public, no pod of the version ever starts. If it is public, everyone on the internet can read the model.

    Bad:
        release: {artifact: {uri: s3://models/1/model.onnx}}
    Good:
        access: {models: {kind: s3, region: eu-central-1, serviceAccount: models}}
        release: {artifact: {uri: s3://models/1/model.onnx, access: models}}
    """
    for name, release in system.releases.items() if plan.runs("serving").value else ():
        versions = (release, release.shadow) if release.shadow is not None else (release,)
        for artifact in (one.artifact for one in versions):
            kind = bucket_access(artifact.uri.value)
            if artifact.access is None and kind is not None:
                yield _public(
                    name, artifact, [one for one, access in system.access.items() if isinstance(access, kind)]
                )


def _public(name: str, artifact: Artifact, fitting: list[str]) -> Diagnostic:
    add = f"add `access: {fitting[0]}`" if len(fitting) == 1 else "declare an access, and name it with `access: ...`"
    return finding(
        "MLS907",
        f"the download of `{name}` has no credentials",
        artifact.uri,
        label="is in an object store, which denies access by default",
        note="no pod ever gets its model, unless everyone may read the bucket",
        help=f"{add} next to the URI, or suppress this finding if the bucket is public on purpose",
    )


def _used(system: MLSystem, plan: Plan) -> Iterator[str]:
    """The accesses that pods of this environment use."""
    for what, sections in SECTIONS.items():
        if plan.runs(what).value:
            for section in sections:
                yield from _named(getattr(system, section))
    if plan.store is not None:
        yield from (*_named(system.features), *_named(system.data))


def _named(thing: object) -> Iterator[str]:
    """The accesses that a part of the spec names, and those that its own parts do."""
    if isinstance(thing, Part):
        for field in thing.fields:
            value = getattr(thing, field)
            yield from (one.value for one in _several(value)) if field == "access" else _named(value)
    elif isinstance(thing, (tuple, dict)):
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from _named(item)


def _several(value: Because[str] | tuple[Because[str], ...] | None) -> tuple[Because[str], ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _wanted(system: MLSystem, access: Access, cloud: Cloud) -> str | None:
    """The provider whose credentials pods need for an access and do not get; None if they get what they need."""
    served = {one.value for one in cloud.identities}
    bound = _bound(system, access)
    given = provider_of(bound.value) if bound is not None else None
    wanted = None if isinstance(access, S3Access) and access.endpoint is not None else STORES.get(access.kind.value)
    if bound is not None and given is None:
        return None  # that is an error of its own
    if wanted is None:
        return given if access.identity is not None and given not in served else None
    if wanted not in served:
        return wanted
    mine = given == wanted or (access.identity is None and _works_without(cloud))
    return None if mine else wanted


def _bound(system: MLSystem, access: Access) -> Because[str] | None:
    """The identity of an access, which any access with the same account may set."""
    own = [one.identity for one in (access, *system.access.values()) if _account(one) == _account(access)]
    return next((identity for identity in own if identity is not None), None)


def _account(access: Access) -> str | None:
    return access.service_account.value if access.service_account is not None else None


def _works_without(cloud: Cloud) -> bool:
    """Whether the cluster knows the identity of an account by itself."""
    return any(issuer.accounts.value != "with-identity" for issuer in cloud.issuers)


def _denied(access: Access, account: Because[str], wanted: str, system: MLSystem) -> Diagnostic:
    cloud, platform = system.platform.cloud, system.platform
    served = [one.value for one in platform.clouds[cloud.value].identities]
    given = access.identity
    if wanted in served:
        help_ = f"set `identity` to {HOW[wanted]}"
    else:
        help_ = (
            f"add `secret: {account.value}-keys` to the access, a Secret with keys of {NAMES[wanted]}, or set "
            f"`platform.clouds.{cloud.value}.identities` to `[{', '.join([*served, wanted])}]` if the cluster's tokens "
            "are valid there, too"
        )
    return finding(
        "MLS906",
        f"pods on `{cloud.value}` get no credentials of {NAMES[wanted]}",
        *((given,) if given is not None else ()),
        account,
        label="is never exchanged there" if given is not None else "has no identity there",
        others=((cloud, f"pods get credentials of {' and '.join(NAMES[one] for one in served)}"),),
        note="the ServiceAccount exists, and the store denies access to the first pod that reads it",
        help=help_,
    )
