"""The git program: a shallow clone, one commit, and one push.

Traps handled here:

- Configuration of the user or the system, hooks, and filters would run programs that the repository or an image names:
  git gets its whole configuration and its environment from here.
- An argument and a URL are visible in the process list, and a URL is stored in the clone: the token travels in a header
  that only an environment variable states, and only to one origin (git-config, `GIT_CONFIG_COUNT`, `http.<url>.*`).
- git sends such a header to wherever a server redirects to, so no redirect is followed (`http.followRedirects`).
- git waits for a terminal, or for a server that sends nothing: neither is possible.
- Debian's git uses GnuTLS, which reads no SSL_CERT_FILE: git gets the same file as GIT_SSL_CAINFO.
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from .stop import FailedError, RefusedError, line_of

__all__ = ["Clone", "Git"]

LONGEST = 600
"""Seconds that one git command may take."""

MOST = 2**18
"""Bytes of its output that are read."""

_KEPT = ("PATH", "TMPDIR", "GIT_SSL_CAINFO", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY",
         "ALL_PROXY", "NO_PROXY")  # fmt: skip
"""The variables that git gets from its environment."""

_USERS = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}
"""The user that a forge wants next to a token (GitLab: docs/user/profile/personal_access_tokens; Bitbucket Cloud:
support.atlassian.com, "Using access tokens"). GitHub and Gitea accept any user."""

_TOKEN_IS = {
    "401": "the token in GIT_TOKEN is not valid there",
    "403": "the token in GIT_TOKEN may not do this: it needs the right to read and write the repository",
    "404": "there is no such repository for this token",
}


class Done(NamedTuple):
    """The result of a command."""

    status: int
    out: str
    err: str


class Git:
    """The program with its environment, for one repository."""

    def __init__(self, url: str, token: str, forge: str | None, home: Path) -> None:
        self.url = url
        self.home = home
        self._environment = _environment(url, token, forge, home)

    def run(self, *arguments: str, cwd: Path) -> Done:
        """Run a command. Raises FailedError if it cannot run, or takes too long."""
        with tempfile.TemporaryFile(dir=self.home) as out, tempfile.TemporaryFile(dir=self.home) as err:
            try:
                status = subprocess.run(
                    ["git", *arguments],
                    cwd=cwd,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    timeout=LONGEST,
                    check=False,
                ).returncode
            except FileNotFoundError:
                raise FailedError("the program `git` is missing: use mlspec's own image, or install git") from None
            except subprocess.TimeoutExpired:
                raise FailedError(f"`git {arguments[0]}` took more than {LONGEST} seconds") from None
            return Done(status, _text(out), _text(err))

    def clone(self, branch: str, folder: Path) -> Clone:
        """The last commit of a branch. Raises RefusedError if there is none, or if the server says no."""
        done = self.run(
            "clone", "--quiet", "--depth=1", "--single-branch", "--no-tags", f"--branch={branch}", "--", self.url,
            str(folder), cwd=self.home,
        )  # fmt: skip
        if done.status != 0:
            raise self.wrong(f"{self.url} cannot be cloned", done.err)
        return Clone(self, folder)

    def wrong(self, what: str, said: str) -> FailedError | RefusedError:
        """What a failed connection to the server means."""
        why = next((known for code, known in _TOKEN_IS.items() if f"returned error: {code}" in said), None)
        if why is not None:
            return RefusedError(f"{what}: {why}")
        if "Authentication failed" in said or "could not read Username" in said or "could not read Password" in said:
            return RefusedError(f"{what}: {_TOKEN_IS['401']}")
        if "Remote branch" in said and "not found" in said:
            return RefusedError(f"{what}: it has no branch of that name")
        if any(f"returned error: 30{digit}" in said for digit in "12378") or "redirect" in said:
            return RefusedError(f"{what}: the server redirects, and the token stays where it is: write the new address")
        if "does not exist" in said or "does not appear to be a git repository" in said or "not found" in said:
            return RefusedError(f"{what}: {_TOKEN_IS['404']}")
        lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
        return FailedError(f"{what}: {line_of((lines or said.splitlines() or ['git failed'])[0])}")


class Clone:
    """A working tree."""

    def __init__(self, git: Git, folder: Path) -> None:
        self.git = git
        self.folder = folder

    def commit(self, message: str) -> bool:
        """Commit everything that changed. Returns whether there was anything."""
        self._must("add", "--all")
        if self.git.run("diff", "--cached", "--quiet", cwd=self.folder).status == 0:
            return False
        self._must("commit", "--quiet", "--no-verify", f"--message={message}")
        return True

    def push(self, branch: str) -> bool:
        """Push the commit to a branch, which moves in one step. Returns False if the branch is elsewhere now.

        Raises RefusedError if the server says no.
        """
        done = self.git.run(
            "push", "--porcelain", "--no-verify", self.git.url, f"HEAD:refs/heads/{branch}", cwd=self.folder
        )
        if done.status == 0:
            return True
        refused = next((line for line in done.out.splitlines() if line.startswith("!\t")), None)
        if refused is None:
            raise self.git.wrong(f"{self.git.url} does not take the commit", done.err)
        why = refused.split("\t")[-1]
        if why.startswith("[rejected]") or "cannot lock ref" in why or "failed to update ref" in why:
            return False
        told = " ".join(line for line in done.err.splitlines() if line.startswith("remote:"))
        raise RefusedError(f"{self.git.url} does not let the token push to `{branch}`: {line_of(f'{why} {told}')}")

    def switch(self, branch: str) -> bool:
        """Check out the last commit of another branch. Returns False if there is no such branch."""
        name = f"refs/heads/{branch}"
        there = self.git.run("ls-remote", "--heads", "--", self.git.url, name, cwd=self.folder)
        if there.status != 0:
            raise self.git.wrong(f"{self.git.url} cannot be read", there.err)
        if not any(line.endswith(f"\t{name}") for line in there.out.splitlines()):
            return False
        fetched = self.git.run("fetch", "--quiet", "--depth=1", "--no-tags", "--", self.git.url, name, cwd=self.folder)
        if fetched.status != 0:
            raise self.git.wrong(f"`{branch}` cannot be fetched", fetched.err)
        self._must("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
        return True

    def _must(self, *arguments: str) -> None:
        done = self.git.run(*arguments, cwd=self.folder)
        if done.status != 0:
            raise FailedError(f"`git {arguments[0]}` failed: {line_of(done.err or done.out)}")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST).decode("utf-8", "replace")


def _environment(url: str, token: str, forge: str | None, home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    bundle = os.environ.get("SSL_CERT_FILE")
    made = {
        **({"GIT_SSL_CAINFO": bundle} if bundle else {}),
        **kept,
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
    }
    settings = _configuration(url, token, forge)
    for number, (key, value) in enumerate(settings):
        made[f"GIT_CONFIG_KEY_{number}"], made[f"GIT_CONFIG_VALUE_{number}"] = key, value
    return {**made, "GIT_CONFIG_COUNT": str(len(settings))}


def _configuration(url: str, token: str, forge: str | None) -> list[tuple[str, str]]:
    parts = urlsplit(url) if "://" in url else None
    scheme = parts.scheme if parts is not None else "file"
    settings = [
        ("user.name", "mlspec"),
        ("user.email", "mlspec@users.noreply.invalid"),
        ("core.hooksPath", os.devnull),
        ("core.attributesFile", os.devnull),
        ("core.fsmonitor", "false"),
        ("credential.helper", ""),
        ("commit.gpgSign", "false"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("submodule.recurse", "false"),
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", "60"),
        ("protocol.allow", "never"),
        (f"protocol.{scheme}.allow", "always"),
    ]
    if parts is not None and scheme in ("http", "https") and token:
        settings.append((f"http.{scheme}://{parts.netloc}/.extraHeader", f"Authorization: {_login(token, forge)}"))
    return settings


def _login(token: str, forge: str | None) -> str:
    """Data Center takes HTTP access tokens as bearer tokens, all others as passwords."""
    if forge == "bitbucket-data-center":
        return f"Bearer {token}"
    user = _USERS.get(forge or "", "x-access-token")
    return f"Basic {base64.b64encode(f'{user}:{token}'.encode()).decode()}"
