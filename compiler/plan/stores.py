"""Which kinds of access work for which stores, wherever a spec pairs an access with a URI."""

from __future__ import annotations

from ..because import Because
from ..finding import refusal
from ..part import Part
from ..system import (
    Access,
    Artifact,
    AzureAccess,
    Capture,
    GcsAccess,
    HttpAccess,
    HuggingFaceAccess,
    KafkaAccess,
    OciAccess,
    OnlineLearning,
    S3Access,
    ServiceAccess,
)
from .scope import Scope

__all__ = ["check_store", "check_store_of", "uri_of"]

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

_NEVER_WEB = (KafkaAccess, OciAccess)
"""The kinds that no URL of a web server takes. All stores have such URLs, too, and so do trackers and Git hosts."""

_NOTES: dict[type[Part], str] = {
    Artifact: "the store would deny the download, and the pod would never start",
    Capture: "the store would deny every upload, and no prediction would be recorded",
    OnlineLearning: "the store would deny every checkpoint, and nothing that was learned would be kept",
}
_NOTE = "its credentials are for something else, so the store would deny access at run time"


def uri_of(part: Part) -> Because[str] | None:
    """The URI that a part pairs with its `access`, if the language has both for it."""
    if "access" not in part.fields:
        return None
    found = (getattr(part, name) for name in ("uri", "to") if name in part.fields)
    return next((uri for uri in found if isinstance(uri, Because)), None)


def check_store_of(scope: Scope, part: Part) -> None:
    """Refuse the access of a part if it is not for the store of its URI."""
    uri = uri_of(part)
    named: object = part.access if uri is not None else None
    if uri is not None and isinstance(named, Because):
        note = _NOTES.get(type(part), _NOTE)
        check_store(scope, uri, named, note, own=not isinstance(part, Artifact))


def check_store(scope: Scope, uri: Because[str], named: Because[str], note: str = _NOTE, *, own: bool = True) -> None:
    """Refuse an access that is not for the store of a URI; `own` if an image of the author reads it.

    What the images of the author read with an access of kind `service` is refused where pods get their accesses.
    """
    scheme = uri.value.partition("://")[0]
    kind, access = _KINDS.get(scheme), scope.system.access[named.value]
    if kind is None or isinstance(access, kind) or (own and isinstance(access, ServiceAccess)):
        return
    if kind is HttpAccess and own and not isinstance(access, _NEVER_WEB):
        return
    raise refusal(
        "MLS012",
        f"the access `{named.value}` does not work for `{scheme}://`",
        named,
        others=((access.kind, "its kind"), (uri, "where it is used")),
        note=note,
        help=f"use an access of kind `{kind.__name__.removesuffix('Access').lower()}`",
    )
