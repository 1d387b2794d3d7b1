"""What to promote: the configuration, the verdict of the gate, and the release that `register` wrote.

The release has the digest in the verdict, so exactly the model that was judged goes into Git. Nothing in these files
is a path outside of the repository, an option of git, or a URL with credentials.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from ..gate import read
from ..verdict import is_version

__all__ = ["Files", "Settings", "Task", "by_hand", "of_the_job", "passed", "task_of"]

_NAME = r"(?![.]{1,2}(?:/|$))[A-Za-z0-9_.~][-A-Za-z0-9_.~]{0,127}"
_PATH = rf"{_NAME}(?:/{_NAME}){{0,19}}"
_BRANCH = r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

FORGES = ("github", "gitlab", "gitea", "bitbucket", "bitbucket-data-center")


class Files(Record):
    """The files that a promotion reads."""

    config: Path
    verdict: Path
    release: Path
    metrics: Path


class Settings(Record):
    """The `promote` section of the training configuration."""

    url: str
    """The repository: an https URL, an http URL of this machine, or the path of a bare repository."""
    branch: str
    path: str
    """The path of the spec in it."""
    out: str | None
    """The output folder for all systems; None for `out` next to the spec."""
    pull_request: bool
    repository: str
    """`organization/name`; empty for a push to a path."""
    forge: str | None
    api: str | None


class Task(Record):
    """One version of a model, and where it goes."""

    settings: Settings
    system: str
    environment: str
    model: str
    version: str
    digest: str
    release: dict[str, Any]
    metrics: Path
    run: str | None
    """The name of the training run, if there is one."""

    @property
    def branch(self) -> str:
        """The branch of the pull request: the same one for every try. A version may be any text, a branch may not."""
        model = [self.model] if self.model != self.system else []
        return "/".join(("mlspec", self.system, self.environment, *model, _step(self.version)))

    @property
    def title(self) -> str:
        """The subject of the commit, and the title of the pull request."""
        model = f" of {self.model}" if self.model != self.system else ""
        return f"Promote {self.system} {shown(self.version)}{model} to {self.environment}"


def _step(version: str) -> str:
    """A version as the last step of a branch name. Two versions never share one."""
    plain = re.fullmatch(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*", version)
    if plain and len(version) <= 60 and not version.endswith(".lock"):  # which git keeps for itself
        return version
    kept = re.sub(r"[^A-Za-z0-9]+", "-", version[:30]).strip("-")
    return f"{kept}-{hashlib.sha256(version.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}".lstrip("-")


def by_hand(**given: str | None) -> Files | None:
    """The files on the command line; None if one is missing."""
    paths = {name: Path(path).resolve() for name, path in given.items() if path is not None}
    return Files(**paths) if set(Files._fields) <= set(paths) else None


def of_the_job() -> Files | None:
    """The files at the paths of the training contract (docs/training-contract.md); None outside a job."""
    config, given = os.environ.get("MLSPEC_CONFIG"), os.environ.get("MLSPEC_INPUT")
    if not config or not given:
        return None
    steps = Path(given)
    return Files(
        config=Path(config),
        verdict=steps / "gate" / "verdict.json",
        release=steps / "register" / "release.json",
        metrics=steps / "evaluate" / "metrics.json",
    )


def passed(path: Path) -> str | None:
    """The digest of the model that passed its gates; None if it did not. Raises Unreadable and OSError."""
    verdict = read(path)
    if not isinstance(verdict, dict) or not is_version(verdict.get("version")):
        raise Unreadable(f"{path} is not a verdict of version 1")
    if verdict.get("pass") is not True:
        return None
    model = verdict.get("model")
    digest = model.get("digest") if isinstance(model, dict) else None
    if not isinstance(digest, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise Unreadable(f"{path} does not say which model was judged: run the gate with `--model`")
    return digest


def task_of(files: Files, digest: str) -> Task:
    """The promotion of the judged model. Raises Unreadable and OSError."""
    config, release = read(files.config), read(files.release)
    if not isinstance(config, dict) or not is_version(config.get("version")):
        raise Unreadable(f"{files.config} is not a training configuration of version 1")
    if not isinstance(release, dict):
        raise Unreadable(f"{files.release} is not a JSON object with the keys of a version")
    _text_only(files.release, release)
    _same_model(files.release, release, digest)
    model = config.get("model")
    return Task(
        settings=_settings(files.config, config.get("promote")),
        system=_text(files.config, config, "system"),
        environment=_text(files.config, config, "environment"),
        model=_text(files.config, model if isinstance(model, dict) else {}, "name"),
        version=_version(files.release, release.get("version")),
        digest=digest,
        release=release,
        metrics=files.metrics,
        run=os.environ.get("MLSPEC_RUN"),
    )


def _text_only(path: Path, release: dict[str, Any]) -> None:
    """JSON can have halves of characters, which no file and no argument of a program can."""
    try:
        json.dumps(release, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Unreadable(f"{path} has half of a surrogate pair, which is no text") from None


def _same_model(path: Path, release: dict[str, Any], digest: str) -> None:
    artifact = release.get("artifact")
    found = artifact.get("digest") if isinstance(artifact, dict) else None
    if not isinstance(found, str):
        raise Unreadable(f"{path} has no `artifact.digest`, so nothing shows that it is the judged model")
    if found != digest:
        raise Unreadable(f"{path} has the digest {shown(found)}, but the gate judged {digest}: register that model")


def _version(path: Path, version: object) -> str:
    """The version as a release file has it. A number is one, too."""
    if isinstance(version, bool) or not isinstance(version, (str, int)) or not str(version).strip():
        raise Unreadable(f'{path} needs a `version`, such as `"version": "15"`')
    return str(version)


def _settings(path: Path, given: object) -> Settings:
    if not isinstance(given, dict):
        raise Unreadable(f"{path} has no `promote` section: add `promote` under `retraining` in the spec")
    pull_request = given.get("via") == "pull-request"
    if not pull_request and given.get("via") != "push":
        raise Unreadable(f"{path}: `promote.via` is neither `pull-request` nor `push`")
    forge, api = given.get("forge"), given.get("api")
    if pull_request and forge not in FORGES:
        raise Unreadable(f"{path}: `promote.forge` is none of {', '.join(FORGES)}, so there is no API to use")
    out = given.get("out")
    return Settings(
        url=_url(path, given, "url", local=not pull_request),
        branch=_matching(path, given, "branch", _BRANCH),
        path=_matching(path, given, "path", _PATH),
        out=_matching(path, given, "out", _PATH) if out is not None else None,
        pull_request=pull_request,
        repository=_matching(path, given, "repository", _PATH) if pull_request else "",
        forge=forge if isinstance(forge, str) else None,
        api=_url(path, given, "api", local=False) if pull_request and api is not None else None,
    )


def _text(path: Path, given: dict[str, Any], key: str) -> str:
    """A name of the spec, which goes into a branch."""
    return _matching(path, given, key, r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", where="")


def _matching(path: Path, given: dict[str, Any], key: str, pattern: str, where: str = "promote.") -> str:
    found = given.get(key)
    steps = found.lower().split("/") if isinstance(found, str) else []
    if not isinstance(found, str) or re.fullmatch(pattern, found) is None or ".." in steps or ".git" in steps:
        told = shown(found) if isinstance(found, str) else "missing"
        raise Unreadable(f"{path}: `{where}{key}` is {told}, which mlspec does not write there")
    return found


def _url(path: Path, given: dict[str, Any], key: str, *, local: bool) -> str:
    """A URL whose connections are encrypted, or do not leave the machine: they carry a token."""
    found = given.get(key)
    if not isinstance(found, str) or not found.isprintable() or " " in found:
        raise Unreadable(f"{path}: `promote.{key}` is not a URL")
    if local and os.path.isabs(found):
        return found
    try:
        parts = urlsplit(found)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Unreadable(f"{path}: `promote.{key}` is not a URL") from None
    if parts.username is not None or parts.password is not None:
        raise Unreadable(f"{path}: `promote.{key}` has credentials: the token belongs in GIT_TOKEN")
    if local and parts.scheme == "file" and not host:
        return found
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise Unreadable(f"{path}: `promote.{key}` needs `https://`, because a token goes there: {shown(found)}")
    return found.rstrip("/")
