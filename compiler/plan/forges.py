"""Git hosts: their software, and the addresses that follow from it."""

from __future__ import annotations

from ..because import Because, because
from ..record import Record
from ..system import GitAccess

__all__ = ["Host", "forge_of"]

_FORGES = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "codeberg.org": "gitea",
    "gitea.com": "gitea",
    "bitbucket.org": "bitbucket",
}
"""The software of well-known Git hosts. codeberg.org runs Forgejo, which has the API of Gitea."""

_APIS = {
    "github": "/api/v3",
    "gitlab": "/api/v4",
    "gitea": "/api/v1",
    "bitbucket": "/2.0",
    "bitbucket-data-center": "/rest/api/1.0",
}
"""The path of each forge's API on a host of its own, as its documentation states it."""

_PUBLIC_APIS = {"github.com": "https://api.github.com", "bitbucket.org": "https://api.bitbucket.org/2.0"}


class Host(Record):
    """A Git host, with what follows from its name."""

    url: Because[str]
    """The URL below which repositories are."""
    forge: Because[str] | None
    """Its software; None if it is unknown."""
    api: Because[str] | None
    """The URL of its API; None if its software is unknown, and the spec does not have it."""


def forge_of(access: GitAccess) -> Host:
    """The software of a Git host, and its addresses."""
    host, url, api = access.host, access.url.given, access.api.given
    forge: Because[str] | None = access.forge.given
    if forge is None and host.value in _FORGES:
        forge = because(_FORGES[host.value], "the software of this host", host, access.kind)
    if url is None:
        below = "/scm" if forge is not None and forge.value == "bitbucket-data-center" else ""
        url = because(f"https://{host.value}{below}", "the host of the repositories", host, forge, access.kind)
    url = url.map(lambda given: given.rstrip("/"))
    if api is None and forge is not None:
        root = url.value.removesuffix("/scm")
        known = _PUBLIC_APIS.get(host.value, f"{root}{_APIS[forge.value]}")
        api = because(known, f"where the API of `{forge.value}` is", url, forge, host)
    return Host(url=url, forge=forge, api=api)
