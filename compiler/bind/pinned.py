"""Pinned: what to write as the digest of files, which depends on where they are."""

from __future__ import annotations

from ..tree import Mapping, Scalar

__all__ = ["pinned"]

COMMIT = 40
"""The length of a commit's name."""

_SHA = "add `digest: sha256:...`, using "

_OTHERS = {
    "hf": "add `digest: ...` with the commit of the repository, 40 hex digits from its history",
    "oci": f"{_SHA}the output of `crane digest` for the image",
    "image": f"{_SHA}the output of `crane digest` for the image",
}
"""By the schemes of URIs that do not name files."""


def pinned(artifact: Mapping) -> str:
    """The help for a mapping that lacks its digest."""
    node = artifact.entries.get("uri")
    uri = node.text if isinstance(node, Scalar) else ""
    scheme = uri.partition("://")[0]
    if scheme == "hf" and "@" in uri:
        repository, _, revision = uri.partition("@")
        return f"write `uri: {repository}`, and add " + _digest_at(revision)
    if uri.endswith("/"):
        return f"{_SHA}the output of `mlspec digest` on the folder"
    return _OTHERS.get(scheme, f"{_SHA}the output of `sha256sum` on the file")


def _digest_at(revision: str) -> str:
    whole = len(revision) == COMMIT
    return f"`digest: {revision}`" if whole else f"`digest: ...` with the commit that `{revision}` is at now"
