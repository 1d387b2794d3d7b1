"""Stores: which kinds of access work for each, wherever a spec pairs an access with a URI, and which folder that is."""

from __future__ import annotations

from ..because import Because
from ..finding import refusal
from ..part import Part
from ..system import (
    Access,
    Artifact,
    AzureAccess,
    BatchData,
    Capture,
    DataSource,
    FixedTestSet,
    GcsAccess,
    HttpAccess,
    HuggingFaceAccess,
    KafkaAccess,
    OciAccess,
    OnlineLearning,
    S3Access,
    ServiceAccess,
    TcpAccess,
)
from .scope import Scope

__all__ = ["bucket_access", "check_store", "check_store_of", "folder_of", "holds_folders", "uri_of"]

_KINDS: dict[str, type[Access]] = {
    **dict.fromkeys(("s3", "s3a", "s3n"), S3Access),
    **dict.fromkeys(("gs", "gcs"), GcsAccess),
    **dict.fromkeys(("azure", "az", "abfs", "abfss", "wasb", "wasbs"), AzureAccess),
    **dict.fromkeys(("http", "https"), HttpAccess),
    **dict.fromkeys(("oci", "image"), OciAccess),
    "hf": HuggingFaceAccess,
    "kafka": KafkaAccess,
}
"""The kind of access to each store, by the scheme of its URIs. Anything else may need any kind."""

_BUCKETS = (S3Access, GcsAccess, AzureAccess)
_FOLDERS = (*_BUCKETS, HttpAccess)
_VOLUMES = ("pvc", "file", "")
_OTHER_FOLDERS = ("hdfs", *_VOLUMES)
"""The other schemes whose URIs are folders and files. Tables, topics, and indexes are none."""

_NEVER_WEB = (KafkaAccess, OciAccess)
"""The kinds that no URL of a web server takes. All stores have such URLs, too, and so do trackers and Git hosts."""

_NOTES: dict[type[Part], str] = {
    Artifact: "the store would deny the download, and the pod would never start",
    Capture: "the store would deny every upload, and no prediction would be recorded",
    OnlineLearning: "the store would deny every checkpoint, and nothing that was learned would be kept",
}
_NOTE = "its credentials are for something else, so the store would deny access at run time"


def bucket_access(uri: str) -> type[Access] | None:
    """The kind of access to a cloud's object store, which denies access by default; None for other URIs."""
    kind = _KINDS.get(uri.partition("://")[0])
    return kind if kind in _BUCKETS else None


def uri_of(part: Part) -> Because[str] | None:
    """The URI that a part pairs with its `access`, if the language has both for it."""
    if "access" not in part.fields:
        return None
    found = (getattr(part, name) for name in ("uri", "to") if name in part.fields)
    return next((uri for uri in found if isinstance(uri, Because)), None)


def holds_folders(uri: str) -> bool:
    """Whether a URI is a folder or a file, in which a name has one content."""
    scheme, found, _ = uri.partition("://")
    return _KINDS.get(scheme) in _FOLDERS or (scheme if found else "") in _OTHER_FOLDERS


def folder_of(scope: Scope, uri: str, named: Because[str] | None) -> str | None:
    """A folder with a slash at its end, the same text wherever the same store has it; None if a URI is no folder.

    A bucket of S3 is one in the whole of AWS, and one for each endpoint of other stores. A container of Azure belongs
    to an account, which either the access or the URI names (learn.microsoft.com, "abfs URI scheme"). A volume belongs
    to a namespace.
    """
    if not holds_folders(uri):
        return None
    scheme, _, path = uri.rpartition("://")
    access = scope.system.access[named.value] if named is not None else None
    kind = _KINDS.get(scheme)
    store = f"{scheme} {_namespace(scope)}" if scheme in _VOLUMES else scheme if kind is None else kind.__name__
    if isinstance(access, S3Access) and kind is S3Access and access.endpoint is not None:
        store = f"{store} {_reached(scope, access.endpoint.value)}"
    if kind is AzureAccess:
        container, at, rest = path.partition("@")
        host, _, below = rest.partition("/")
        account = host.partition(".")[0] if at else access.account.value if isinstance(access, AzureAccess) else ""
        store, path = f"{store} {account}", f"{container}/{below}" if at else path
    return f"{store}://{path.rstrip('/')}/"


def _namespace(scope: Scope) -> str:
    cluster = scope.cluster.value if scope.cluster is not None else ""
    return f"{cluster}/{scope.namespace.value}"


def _reached(scope: Scope, endpoint: str) -> str:
    """The address of a store, with the cluster if only its pods have that name."""
    host = endpoint.rpartition("://")[2].partition("/")[0].partition(":")[0]
    local = "." not in host or host.endswith((".svc", ".svc.cluster.local"))
    return (
        f"{endpoint.rstrip('/')} {scope.cluster.value}" if local and scope.cluster is not None else endpoint.rstrip("/")
    )


def check_store_of(scope: Scope, part: Part) -> None:
    """Refuse the access of a part if it is not for the store of its URI."""
    uri = uri_of(part)
    named: object = part.access if uri is not None else None
    if uri is not None and isinstance(named, Because):
        note = _NOTES.get(type(part), _NOTE)
        check_store(scope, uri, named, note, _others(part))


def _others(part: Part) -> tuple[type[Part], ...]:
    """The kinds that work besides that of the store. An image of the author knows what it reads: an access of kind
    `tcp` has the keys that it expects. What it reads with one of kind `service` is refused where pods get their
    accesses.
    """
    if isinstance(part, Artifact):
        return ()
    return (ServiceAccess, TcpAccess) if isinstance(part, (BatchData, DataSource, FixedTestSet)) else (ServiceAccess,)


def check_store(
    scope: Scope, uri: Because[str], named: Because[str], note: str = _NOTE, others: tuple[type[Part], ...] = ()
) -> None:
    """Refuse an access that is not for the store of a URI, and of none of the other kinds that work there."""
    scheme = uri.value.partition("://")[0]
    kind, access = _KINDS.get(scheme), scope.system.access[named.value]
    if kind is None or isinstance(access, (kind, *others)):
        return
    if kind is HttpAccess and others and not isinstance(access, _NEVER_WEB):
        return
    raise refusal(
        "MLS012",
        f"the access `{named.value}` does not work for `{scheme}://`",
        named,
        others=((access.kind, "its kind"), (uri, "where it is used")),
        note=note,
        help=f"use an access of kind `{kind.__name__.removesuffix('Access').lower()}`",
    )
