"""Pull requests on GitHub, GitLab, Gitea and Forgejo, and Bitbucket, over the APIs that they document.

Each class has the paths, parameters, and answers of one forge, with their source. All of them find the pull request of
a branch first, so a second promotion of a version opens none.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from ...compiler.record import Record
from .rest import Api

__all__ = ["FORGES", "Change", "Forge", "Opened", "State"]

State = Literal["open", "merged", "closed"]
Query = list[tuple[str, str]]

PAGES = 20
"""Pages of pull requests that are read, where a forge cannot filter them by branch."""


class Change(Record):
    """What a pull request asks for."""

    repository: str
    source: str
    """The branch with the change."""
    target: str
    title: str
    body: str


class Opened(Record):
    """A pull request."""

    url: str
    state: State


class Forge:
    """GitHub. The others differ in what they override.

    docs.github.com/rest/pulls/pulls, "List pull requests" and "Create a pull request", version 2022-11-28. A body has
    at most 65,536 characters, as the API answers to longer ones.
    """

    longest = 65_536
    pages = 1

    def headers(self, token: str) -> dict[str, str]:
        """What authenticates a request."""
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def path(self, change: Change) -> str:
        """The path of all pull requests of the repository, below the address of the API."""
        return f"/repos/{quote(change.repository)}/pulls"

    def query(self, change: Change, page: int) -> Query:  # noqa: ARG002 - only some forges need several pages
        """The pull requests from the branch, in every state."""
        owner = change.repository.partition("/")[0]
        named = [("head", f"{owner}:{change.source}"), ("base", change.target)]
        return [*named, ("state", "all"), ("per_page", "100")]

    def body(self, change: Change) -> dict[str, Any]:
        """What to send to open one."""
        return {"title": change.title, "head": change.source, "base": change.target, "body": change.body}

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """The pull requests in an answer."""
        return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []

    def is_of(self, item: dict[str, Any], change: Change) -> bool:
        """Whether it is from the branch of this repository to the target."""
        head, base = _at(item, "head"), _at(item, "base")
        same = _text(head, "ref") == change.source and _text(base, "ref") == change.target
        return same and _text(_at(head, "repo"), "full_name").lower() == change.repository.lower()

    def state(self, item: dict[str, Any]) -> State:
        """Whether it is open."""
        if item.get("state") == "open":
            return "open"
        return "merged" if item.get("merged_at") else "closed"

    def url(self, item: dict[str, Any]) -> str:
        """Its page."""
        return _text(item, "html_url")

    # The same for every forge

    def find(self, api: Api, change: Change) -> Opened | None:
        """The pull request of the branch: an open one, otherwise a merged one, otherwise one that was closed."""
        found: list[Opened] = []
        for page in range(1, self.pages + 1):
            items = self.items(api.get(self.path(change), self.query(change, page)))
            mine = (one for one in items if self.is_of(one, change))
            found += [Opened(url=self.url(one), state=self.state(one)) for one in mine]
            if not items or any(one.state == "open" for one in found):
                break
        order: tuple[State, ...] = ("open", "merged", "closed")
        return min(found, key=lambda one: order.index(one.state), default=None)

    def open(self, api: Api, change: Change) -> Opened:
        """Open one, or find the one that someone opened meanwhile. Raises RefusedError and FailedError."""
        answer = api.post(self.path(change), self.body(change))
        if answer.status in (409, 422) and (found := self.find(api, change)) is not None:
            return found
        content = api.checked(self.path(change), answer).content
        return Opened(url=self.url(content if isinstance(content, dict) else {}), state="open")


class GitLab(Forge):
    """docs.gitlab.com/api/merge_requests, "List project merge requests" and "Create MR". A description has at most
    1,048,576 characters. A project may be in nested groups; its path is one step of the URL.
    """

    longest = 1_048_576

    def headers(self, token: str) -> dict[str, str]:
        """What authenticates a request."""
        return {"PRIVATE-TOKEN": token}

    def path(self, change: Change) -> str:
        """The path of all merge requests."""
        return f"/projects/{quote(change.repository, safe='')}/merge_requests"

    def query(self, change: Change, page: int) -> Query:  # noqa: ARG002 - the branch has few
        """The merge requests from the branch, in every state."""
        return [("source_branch", change.source), ("target_branch", change.target), ("state", "all"),
                ("per_page", "100")]  # fmt: skip

    def body(self, change: Change) -> dict[str, Any]:
        """What to send to open one."""
        branches = {"source_branch": change.source, "target_branch": change.target}
        return {**branches, "title": change.title, "description": change.body, "remove_source_branch": True}

    def is_of(self, item: dict[str, Any], change: Change) -> bool:
        """A merge request from a fork has another source project."""
        same = item.get("source_branch") == change.source and item.get("target_branch") == change.target
        return same and item.get("source_project_id") == item.get("target_project_id")

    def state(self, item: dict[str, Any]) -> State:
        """`locked` is a merge in progress."""
        return {"opened": "open", "locked": "open", "merged": "merged"}.get(_text(item, "state"), "closed")  # type: ignore[return-value]

    def url(self, item: dict[str, Any]) -> str:
        """Its page."""
        return _text(item, "web_url")


class Gitea(Forge):
    """Gitea and Forgejo: `/repos/{owner}/{repo}/pulls` of their API (routers/api/v1/repo/pull.go, and /api/swagger).

    The list has no filter by branch. `/pulls/{base}/{head}` would return any one of several, so the list is read, the
    latest first. 409 says that one is open.
    """

    pages = PAGES

    def headers(self, token: str) -> dict[str, str]:
        """What authenticates a request."""
        return {"Authorization": f"token {token}"}

    def query(self, change: Change, page: int) -> Query:  # noqa: ARG002 - older versions filter by no branch at all
        """All pull requests, page by page."""
        return [("state", "all"), ("sort", "recentupdate"), ("limit", "50"), ("page", str(page))]

    def state(self, item: dict[str, Any]) -> State:
        """A merged one has `merged`."""
        return "open" if item.get("state") == "open" else "merged" if item.get("merged") else "closed"


class Bitbucket(Forge):
    """Bitbucket Cloud: developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests.

    No documented limit for a description is known here, so this one is a cautious choice.
    """

    longest = 30_000

    def headers(self, token: str) -> dict[str, str]:
        """What authenticates a request: access tokens of a repository, a project, or a workspace."""
        return {"Authorization": f"Bearer {token}"}

    def path(self, change: Change) -> str:
        """The path of all pull requests."""
        return f"/repositories/{quote(change.repository)}/pullrequests"

    def query(self, change: Change, page: int) -> Query:  # noqa: ARG002 - the branch has few
        """The pull requests from the branch. Each state has to be named."""
        states = [("state", state) for state in ("OPEN", "MERGED", "DECLINED", "SUPERSEDED")]
        return [*states, ("q", f'source.branch.name = "{change.source}"'), ("pagelen", "50")]

    def body(self, change: Change) -> dict[str, Any]:
        """What to send to open one."""
        return {
            "title": change.title,
            "source": {"branch": {"name": change.source}},
            "destination": {"branch": {"name": change.target}},
            "description": change.body,
            "close_source_branch": True,
        }

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """One page of them is in `values`."""
        return super().items(answer.get("values") if isinstance(answer, dict) else None)

    def is_of(self, item: dict[str, Any], change: Change) -> bool:
        """One from a fork has another source repository."""
        source, target = _at(item, "source"), _at(item, "destination")
        names = _text(_at(source, "branch"), "name"), _text(_at(target, "branch"), "name")
        same = _text(_at(source, "repository"), "full_name").lower() == change.repository.lower()
        return same and names == (change.source, change.target)

    def state(self, item: dict[str, Any]) -> State:
        """States are in capitals."""
        return {"OPEN": "open", "MERGED": "merged"}.get(_text(item, "state"), "closed")  # type: ignore[return-value]

    def url(self, item: dict[str, Any]) -> str:
        """Its page."""
        return _text(_at(_at(item, "links"), "html"), "href")


class DataCenter(Bitbucket):
    """Bitbucket Data Center: developer.atlassian.com/server/bitbucket/rest, `/api/1.0/projects/{projectKey}/repos/
    {repositorySlug}/pull-requests`. `direction=OUTGOING` with `at` selects by the source branch. Not yet compared with
    that page.
    """

    def path(self, change: Change) -> str:
        """The path of all pull requests. The repository is the key of its project and its slug."""
        project, _, slug = change.repository.partition("/")
        return f"/projects/{quote(project)}/repos/{quote(slug)}/pull-requests"

    def query(self, change: Change, page: int) -> Query:  # noqa: ARG002 - the branch has few
        """The pull requests from the branch, in every state."""
        return [("direction", "OUTGOING"), ("at", f"refs/heads/{change.source}"), ("state", "ALL"), ("limit", "100")]

    def body(self, change: Change) -> dict[str, Any]:
        """What to send to open one."""
        project, _, slug = change.repository.partition("/")
        where = {"slug": slug, "project": {"key": project}}
        return {
            "title": change.title,
            "description": change.body,
            "fromRef": {"id": f"refs/heads/{change.source}", "repository": where},
            "toRef": {"id": f"refs/heads/{change.target}", "repository": where},
        }

    def is_of(self, item: dict[str, Any], change: Change) -> bool:
        """One from a fork has another repository in `fromRef`."""
        source, target = _at(item, "fromRef"), _at(item, "toRef")
        ends = _text(source, "id"), _text(target, "id")
        same = ends == (f"refs/heads/{change.source}", f"refs/heads/{change.target}")
        return same and _at(source, "repository").get("id") == _at(target, "repository").get("id")

    def url(self, item: dict[str, Any]) -> str:
        """Its page."""
        pages = _at(item, "links").get("self")
        return _text(pages[0], "href") if isinstance(pages, list) and pages and isinstance(pages[0], dict) else ""


FORGES: dict[str, Forge] = {
    "github": Forge(),
    "gitlab": GitLab(),
    "gitea": Gitea(),
    "bitbucket": Bitbucket(),
    "bitbucket-data-center": DataCenter(),
}
"""By the word in the spec."""


def _at(item: dict[str, Any], key: str) -> dict[str, Any]:
    found = item.get(key)
    return found if isinstance(found, dict) else {}


def _text(item: dict[str, Any], key: str) -> str:
    found = item.get(key)
    return found if isinstance(found, str) else ""
