"""Web addresses of files in repositories: which are pages about a file, and at which revision the file is."""

from __future__ import annotations

from ...record import Record
from .files import url_parts

__all__ = ["file_of", "is_commit", "moving"]


class Hub(Record):
    """Where a site has the page about a file, and the file itself, in paths that go on with a revision."""

    name: str
    page: str
    file: str


_HUGGING_FACE = Hub(name="Hugging Face", page="/blob/", file="/resolve/")

HUBS = {
    "huggingface.co": _HUGGING_FACE,
    "hf.co": _HUGGING_FACE,
    "github.com": Hub(name="GitHub", page="/blob/", file="/raw/"),
    "gitlab.com": Hub(name="GitLab", page="/-/blob/", file="/-/raw/"),
}


def is_commit(revision: str) -> bool:
    """Whether a revision is the hash of a commit, which never moves."""
    return len(revision) in (40, 64) and all(char in "0123456789abcdef" for char in revision)


def file_of(url: str) -> tuple[str, str] | None:
    """For a page about a file: the site, and the address of the file at a commit. None for any other address."""
    hub = _hub(url)
    if hub is None or hub.page not in url_parts(url)[0]:
        return None
    before, _, after = url.partition(hub.page)
    revision, _, path = after.partition("/")
    return hub.name, f"{before}{hub.file}{revision if is_commit(revision) else '<commit>'}/{path}"


def moving(url: str) -> tuple[str, str] | None:
    """For a file at a branch or a tag: that revision, and the address at a commit. None for any other address."""
    hub = _hub(url)
    if hub is None or hub.file not in url_parts(url)[0]:
        return None
    before, _, after = url.partition(hub.file)
    revision, _, path = after.partition("/")
    return None if is_commit(revision) else (revision, f"{before}{hub.file}<commit>/{path}")


def _hub(url: str) -> Hub | None:
    scheme, _, rest = url.partition("://")
    return HUBS.get(rest.partition("/")[0].lower()) if scheme in ("http", "https") else None
