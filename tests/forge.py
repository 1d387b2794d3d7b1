"""A forge on this machine: git over HTTP by git's own `http-backend`, and the API of each forge as it is documented.

An API accepts only the paths, parameters, keys, and headers listed here: any other is a 400 that fails the test. Read
for this: Gitea's handlers, and Atlassian's pages on pull requests and access tokens of Bitbucket Cloud. The rest, and
all of Bitbucket Data Center, is still to be compared with the pages named, or with a real forge.

Pages: docs.github.com/rest/pulls/pulls; docs.gitlab.com/api/merge_requests;
Gitea's routers/api/v1/repo/pull.go and modules/structs/pull.go; developer.atlassian.com/cloud/bitbucket/rest/
api-group-pullrequests; developer.atlassian.com/server/bitbucket/rest (pull requests).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from .promoting import TOKEN, git

__all__ = ["APIS", "Answer", "Fake", "Pull", "Sent", "forge"]

APIS = {
    "github": ("/api/v3", "/repos/acme/fraud/pulls"),
    "gitlab": ("/api/v4", "/projects/acme%2Ffraud/merge_requests"),
    "gitea": ("/api/v1", "/repos/acme/fraud/pulls"),
    "bitbucket": ("/2.0", "/repositories/acme/fraud/pullrequests"),
    "bitbucket-data-center": ("/rest/api/1.0", "/projects/acme/repos/fraud/pull-requests"),
}
"""The path of each API, and of the pull requests below it."""

_LOGINS = {
    "github": {"authorization": f"Bearer {TOKEN}", "x-github-api-version": "2022-11-28"},
    "gitlab": {"private-token": TOKEN},
    "gitea": {"authorization": f"token {TOKEN}"},
    "bitbucket": {"authorization": f"Bearer {TOKEN}"},
    "bitbucket-data-center": {"authorization": f"Bearer {TOKEN}"},
}
_QUERIES = {
    "github": {"state", "head", "base", "sort", "direction", "per_page", "page"},
    "gitlab": {"source_branch", "target_branch", "state", "per_page", "page"},
    "gitea": {"state", "sort", "milestone", "labels", "poster", "base_branch", "page", "limit"},
    "bitbucket": {"state", "q", "pagelen", "page"},
    "bitbucket-data-center": {"direction", "at", "state", "limit", "start"},
}
_KEYS = {
    "github": {"title", "head", "base", "body"},
    "gitlab": {"source_branch", "target_branch", "title", "description", "remove_source_branch"},
    "gitea": {"title", "head", "base", "body"},
    "bitbucket": {"title", "source", "destination", "description", "close_source_branch"},
    "bitbucket-data-center": {"title", "description", "fromRef", "toRef"},
}
_LONGEST = {"github": 65_536, "gitlab": 1_048_576, "bitbucket": 32_768, "bitbucket-data-center": 32_768}


class Sent(NamedTuple):
    """A request to the API."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


class Pull(NamedTuple):
    """A pull request. Its state is `open`, `merged`, or `closed`."""

    source: str
    target: str
    title: str
    body: str
    state: str


class Answer(NamedTuple):
    """What the API answers next, whatever it is asked."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    done: bool = False
    """Whether it does what it is asked before."""


class Fake:
    """The forge."""

    def __init__(self, kind: str, root: Path) -> None:
        self.kind = kind
        self.root = root
        self.sent: list[Sent] = []
        self.logins: list[str] = []
        self.pulls: list[Pull] = []
        self.gets: list[Answer] = []
        self.posts: list[Answer] = []
        self.pushes: list[Answer] = []
        self.git: list[Answer] = []
        self.address = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a promotion."""
        clones = "/scm" if self.kind == "bitbucket-data-center" else ""
        return {
            "via": "pull-request",
            "url": f"{self.address}{clones}/acme/fraud.git",
            "repository": "acme/fraud",
            "forge": self.kind,
            "api": f"{self.address}{APIS[self.kind][0]}",
        }

    @property
    def posted(self) -> list[Sent]:
        return [one for one in self.sent if one.method == "POST"]

    # The API

    def answer(self, request: Sent) -> Answer:
        prefix, path = APIS[self.kind]
        self.sent.append(request)
        waiting = self.posts if request.method == "POST" else self.gets
        given = waiting.pop(0) if waiting else None
        if given is not None and not given.done:
            return given
        wrong = {key: request.headers.get(key) for key, value in _LOGINS[self.kind].items()} != _LOGINS[self.kind]
        if wrong:
            return _json(401, {"message": "Bad credentials"})
        if request.path != f"{prefix}{path}":
            return _json(404, {"message": "Not Found"})
        made = self._created(request.body) if request.method == "POST" else self._listed(request.query)
        return given if given is not None else made

    def _listed(self, query: dict[str, list[str]]) -> Answer:
        unknown = set(query) - _QUERIES[self.kind]
        if unknown:
            return _json(400, {"message": f"unknown parameters: {unknown}"})
        return _json(200, getattr(self, f"_list_{self.kind.replace('-', '_')}")(query))

    def _created(self, body: Any) -> Answer:
        if not isinstance(body, dict) or not set(body) <= _KEYS[self.kind]:
            return _json(400, {"message": f"unknown keys: {body}"})
        made = getattr(self, f"_made_{self.kind.replace('-', '_')}")(body)
        if len(made.body) > _LONGEST.get(self.kind, 10**9):
            return _json(422, {"message": "Validation Failed", "errors": [{"message": "body is too long"}]})
        branches = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", cwd=self.root / "acme/fraud.git")
        if not {made.source, made.target} <= set(branches.split()):
            return _json(422, {"message": "Validation Failed", "errors": [{"message": "head is invalid"}]})
        if any(one[:2] == made[:2] and one.state == "open" for one in self.pulls):
            return self._twice()
        self.pulls.append(made)
        return _json(201, self._shown(len(self.pulls), made))

    def _twice(self) -> Answer:
        if self.kind == "github":
            told = "A pull request already exists for acme:branch."
            return _json(422, {"message": "Validation Failed", "errors": [{"message": told}]})
        return _json(409, {"message": ["Another open merge request already exists for this source branch: !1"]})

    def _shown(self, number: int, pull: Pull) -> dict[str, Any]:
        return dict(getattr(self, f"_show_{self.kind.replace('-', '_')}")(number, pull))

    def _numbered(self) -> list[tuple[int, Pull]]:
        return list(enumerate(self.pulls, 1))

    # GitHub, and Gitea, which is like it

    def _list_github(self, query: dict[str, list[str]]) -> list[Any]:
        (head,), (base,), (state,) = query["head"], query["base"], query["state"]
        assert state == "all"
        return [
            self._shown(number, one)
            for number, one in self._numbered()
            if (f"acme:{one.source}", one.target) == (head, base)
        ]

    def _made_github(self, body: dict[str, Any]) -> Pull:
        return Pull(body["head"], body["base"], body["title"], body["body"], "open")

    def _show_github(self, number: int, pull: Pull) -> dict[str, Any]:
        repository = {"full_name": "acme/fraud"}
        return {
            "number": number,
            "html_url": f"{self.address}/acme/fraud/pull/{number}",
            "state": "open" if pull.state == "open" else "closed",
            "merged_at": "2026-11-28T00:00:00Z" if pull.state == "merged" else None,
            "head": {"ref": pull.source, "repo": repository},
            "base": {"ref": pull.target, "repo": repository},
        }

    def _list_gitea(self, query: dict[str, list[str]]) -> list[Any]:
        page, limit = int(query["page"][0]), int(query["limit"][0])
        assert limit <= 50  # MAX_RESPONSE_ITEMS
        shown = [self._shown(number, one) for number, one in reversed(self._numbered())]
        return shown[(page - 1) * limit : page * limit]

    _made_gitea = _made_github

    def _show_gitea(self, number: int, pull: Pull) -> dict[str, Any]:
        return {**self._show_github(number, pull), "merged": pull.state == "merged"}

    # GitLab

    def _list_gitlab(self, query: dict[str, list[str]]) -> list[Any]:
        wanted = (query["source_branch"][0], query["target_branch"][0])
        return [self._shown(number, one) for number, one in self._numbered() if one[:2] == wanted]

    def _made_gitlab(self, body: dict[str, Any]) -> Pull:
        return Pull(body["source_branch"], body["target_branch"], body["title"], body["description"], "open")

    def _show_gitlab(self, number: int, pull: Pull) -> dict[str, Any]:
        return {
            "iid": number,
            "web_url": f"{self.address}/acme/fraud/-/merge_requests/{number}",
            "state": {"open": "opened"}.get(pull.state, pull.state),
            "source_branch": pull.source,
            "target_branch": pull.target,
            "source_project_id": 7,
            "target_project_id": 7,
        }

    # Bitbucket

    def _list_bitbucket(self, query: dict[str, list[str]]) -> dict[str, Any]:
        words = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
        shown = [
            self._shown(number, one)
            for number, one in self._numbered()
            if query["q"] == [f'source.branch.name = "{one.source}"'] and words[one.state] in query["state"]
        ]
        return {"pagelen": 50, "values": shown}

    def _made_bitbucket(self, body: dict[str, Any]) -> Pull:
        source, target = body["source"]["branch"]["name"], body["destination"]["branch"]["name"]
        return Pull(source, target, body["title"], body["description"], "open")

    def _show_bitbucket(self, number: int, pull: Pull) -> dict[str, Any]:
        repository = {"full_name": "acme/fraud"}
        return {
            "id": number,
            "links": {"html": {"href": f"{self.address}/acme/fraud/pull-requests/{number}"}},
            "state": {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}[pull.state],
            "source": {"branch": {"name": pull.source}, "repository": repository},
            "destination": {"branch": {"name": pull.target}, "repository": repository},
        }

    def _list_bitbucket_data_center(self, query: dict[str, list[str]]) -> dict[str, Any]:
        assert query["direction"] == ["OUTGOING"]
        assert query["state"] == ["ALL"]
        mine = [(n, one) for n, one in self._numbered() if query["at"] == [f"refs/heads/{one.source}"]]
        return {"isLastPage": True, "values": [self._shown(number, one) for number, one in mine]}

    def _made_bitbucket_data_center(self, body: dict[str, Any]) -> Pull:
        for end in ("fromRef", "toRef"):
            assert body[end]["repository"] == {"slug": "fraud", "project": {"key": "acme"}}
        source, target = (body[end]["id"].removeprefix("refs/heads/") for end in ("fromRef", "toRef"))
        return Pull(source, target, body["title"], body["description"], "open")

    def _show_bitbucket_data_center(self, number: int, pull: Pull) -> dict[str, Any]:
        return {
            "id": number,
            "links": {"self": [{"href": f"{self.address}/projects/acme/repos/fraud/pull-requests/{number}"}]},
            "state": {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}[pull.state],
            "fromRef": {"id": f"refs/heads/{pull.source}", "repository": {"id": 7}},
            "toRef": {"id": f"refs/heads/{pull.target}", "repository": {"id": 7}},
        }

    # Git

    def allowed(self, login: str) -> bool:
        """Whether git has the right user and the token."""
        self.logins.append(login)
        user = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}.get(self.kind, "x-access-token")
        basic = base64.b64encode(f"{user}:{TOKEN}".encode()).decode()
        return login == (f"Bearer {TOKEN}" if self.kind == "bitbucket-data-center" else f"Basic {basic}")


def _json(status: int, content: Any) -> Answer:
    return Answer(status, json.dumps(content).encode(), (("Content-Type", "application/json"),))


def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for each answer, or the client waits 40 ms for the second
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._any()

        def do_POST(self) -> None:
            self._any()

        def log_message(self, *_: object) -> None:
            pass

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if ".git/" in parts.path:
                self._git(parts.path.removeprefix("/scm"), parts.query, body)
                return
            headers = {key.lower(): value for key, value in self.headers.items()}
            content = json.loads(body) if body else None
            self._send(fake.answer(Sent(self.command, parts.path, parse_qs(parts.query), headers, content)))

        def _git(self, path: str, query: str, body: bytes) -> None:
            waiting = fake.pushes if "receive-pack" in path + query else fake.git
            if waiting:
                self._send(waiting.pop(0))
                return
            if not fake.allowed(self.headers.get("Authorization", "")):
                self._send(Answer(401, b"", (("WWW-Authenticate", 'Basic realm="fake"'),)))
                return
            done = subprocess.run(
                ["git", "http-backend"], input=body, env=self._cgi(path, query), capture_output=True, check=True
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
            status = next((int(value.split()[0]) for key, value in fields if key == "Status"), 200)
            self._send(Answer(status, content, tuple((k, v) for k, v in fields if k != "Status")))

        def _cgi(self, path: str, query: str) -> dict[str, str]:
            return {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(fake.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "mlspec",
                "REMOTE_ADDR": "127.0.0.1",
            }

        def _send(self, answer: Answer) -> None:
            try:
                self.send_response(answer.status)
                for key, value in answer.headers:
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:  # the client was killed
                self.close_connection = True

    return Handler


@contextmanager
def forge(kind: str, root: Path) -> Iterator[Fake]:
    """Serve the repositories below a folder."""
    fake = Fake(kind, root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
