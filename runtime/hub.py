"""`mlspec runtime fetch`: download one commit of a repository of the Hugging Face Hub, or a part of it.

It runs in an init container and reads its input from environment variables. The files go into a folder that is renamed
once all of them are verified, so that the server's mount holds either the whole model or nothing. Each file has its
own hash in the tree of the commit: a SHA-256 if it is in large-file storage, and otherwise Git's hash of a blob.

The API is the one that huggingface_hub uses (src/huggingface_hub/hf_api.py, `list_repo_tree`; file_download.py,
`hf_hub_url`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote

from ..compiler.record import Record
from .http import Client, FetchError, Waits
from .lines import say

__all__ = ["Entry", "Input", "fetch", "of_the_pod"]

PAGES = 1000
"""The most pages of a listing: a repository with a million files is none of a model."""

AT_ONCE = 4
"""The files that are downloaded at the same time: enough for the bandwidth of a node."""

SKIPPED = (".gitattributes", ".gitignore")
"""Files for Git itself, which no server reads."""


class Input(Record):
    """What to download, and where to."""

    repository: str
    path: str
    """A file of the repository, or a folder with `/` at the end; empty for everything."""
    file: str
    """The name under which a single file is stored."""
    commit: str
    limit: int
    """The most bytes."""
    volume: Path
    key: str
    """The name of the folder for the model."""
    shared: bool
    """Whether other pods use the volume at the same time."""
    endpoint: str
    token: str


class Entry(Record):
    """A file of the repository."""

    path: str
    size: int
    digest: str
    """In hex."""
    large: bool
    """Whether it is in large-file storage, and `digest` is a SHA-256."""


def of_the_pod(variables: Mapping[str, str]) -> Input:
    """The input of the init container. Raises FetchError if a variable is missing."""
    missing = [name for name in ("REPOSITORY", "COMMIT", "LIMIT", "VOLUME") if not variables.get(f"MODEL_{name}")]
    if missing:
        raise FetchError(f"the environment variable MODEL_{missing[0]} is not set")
    commit, limit = variables["MODEL_COMMIT"], variables["MODEL_LIMIT"]
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise FetchError("MODEL_COMMIT needs the 40 hex digits of a commit")
    if not limit.isdecimal():
        raise FetchError("MODEL_LIMIT needs a number of bytes")
    return Input(
        repository=variables["MODEL_REPOSITORY"],
        path=variables.get("MODEL_PATH", ""),
        file=variables.get("MODEL_FILE", ""),
        commit=commit,
        limit=int(limit),
        volume=Path(variables["MODEL_VOLUME"]),
        key=variables.get("MODEL_KEY") or "model",
        shared=bool(variables.get("MODEL_KEY")),
        endpoint=variables.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"),
        token=variables.get("HF_TOKEN", "").strip(),
    )


def fetch(variables: Mapping[str, str] = os.environ, waits: Waits | None = None) -> int:
    """Download what the environment says, and return the exit status: 1 after any failure, with one line about it."""
    try:
        _fetch(of_the_pod(variables), waits or Waits())
    except (FetchError, OSError) as wrong:
        say(sys.stderr, f"mlspec runtime fetch: {wrong}")
        return 1
    return 0


def _fetch(asked: Input, waits: Waits) -> None:
    model, part = asked.volume / asked.key, asked.volume / f"{asked.key}.part"
    if model.exists():
        say(sys.stdout, "the model is here already")
        return
    with _alone(asked):
        if model.exists():
            say(sys.stdout, "another pod downloaded the model")
            return
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            _download(asked, part, Client(asked.endpoint, asked.token, waits))
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        part.rename(model)
    say(sys.stdout, f"the model is complete: {asked.repository} at {asked.commit}")


@contextmanager
def _alone(asked: Input) -> Iterator[None]:
    """Keep other pods that share the volume from downloading the same model; a killed process loses its lock."""
    if not asked.shared:
        yield
        return
    from fcntl import LOCK_EX, flock  # not on Windows, where this module is imported by tests of the command line

    with (asked.volume / f"{asked.key}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def _download(asked: Input, part: Path, client: Client) -> None:
    entries = chosen(asked, listed(asked, client))
    whole = sum(entry.size for entry in entries.values())
    if whole > asked.limit:
        raise FetchError(
            f"{asked.repository} has {whole:,} bytes, but the volume has room for {asked.limit:,}: correct "
            "`release.artifact.size`, or name a folder of the repository"
        )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_one, asked, client, entry, part / name) for name, entry in entries.items()]
        try:
            ended, _ = wait(jobs, return_when=FIRST_EXCEPTION)
        finally:
            client.stop()
            pool.shutdown(cancel_futures=True)
        for job in ended:
            job.result()


# The files of a commit


def listed(asked: Input, client: Client) -> list[Entry]:
    """Every file of the commit."""
    url: str | None = f"{asked.endpoint}/api/models/{quote(asked.repository)}/tree/{asked.commit}?recursive=true"
    found: list[Entry] = []
    for _ in range(PAGES):
        if url is None:
            return found
        body, url = client.page(url)
        found += _entries(body)
    raise FetchError(f"the hub's listing of {asked.repository} has more than {PAGES} pages")


def _entries(body: bytes) -> Iterator[Entry]:
    try:
        for one in json.loads(body):
            if one["type"] == "file":
                yield _entry(one)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FetchError("the hub's listing of the repository is not the one of its API") from None


def _entry(one: dict[str, Any]) -> Entry:
    large = one.get("lfs")
    return Entry(
        path=str(one["path"]),
        size=int(large["size"] if large else one["size"]),
        digest=str(large["oid"] if large else one["oid"]).removeprefix("sha256:"),
        large=bool(large),
    )


def chosen(asked: Input, entries: list[Entry]) -> dict[str, Entry]:
    """The files that are asked for, by the name under which they are stored."""
    made: dict[str, Entry] = {}
    for entry in entries:
        name = _stored(asked, entry.path)
        if name is None:
            continue
        steps = PurePosixPath(name)
        if steps.is_absolute() or ".." in steps.parts or re.search(r"[\\\0]", name) or name in made:
            raise FetchError(f"the repository has a file with the path {entry.path!r}, which would leave the folder")
        made[name] = entry
    if not made:
        raise FetchError(f"{asked.repository} has no {asked.path or 'files'} at {asked.commit}")
    return made


def _stored(asked: Input, path: str) -> str | None:
    """Where a file of the repository goes; None if it is not asked for."""
    if PurePosixPath(path).name in SKIPPED:
        return None
    if not asked.path or asked.path.endswith("/"):
        return path.removeprefix(asked.path) if path.startswith(asked.path) else None
    return (asked.file or PurePosixPath(path).name) if path == asked.path else None


# One file


class _Hashed:
    """A file that is hashed while it is written, because reading it once more would take minutes."""

    def __init__(self, entry: Entry, file: IO[bytes]) -> None:
        self._entry = entry
        self._file = file
        self.restart()

    def restart(self) -> None:
        """Drop what was written."""
        self._file.seek(0)
        self._file.truncate()
        start = f"blob {self._entry.size}\0".encode()  # as Git hashes it
        self._hash = hashlib.sha256() if self._entry.large else hashlib.sha1(start, usedforsecurity=False)

    def write(self, data: bytes) -> None:
        """Add some bytes."""
        self._file.write(data)
        self._hash.update(data)

    @property
    def digest(self) -> str:
        """The hash of everything that was written, in hex."""
        return self._hash.hexdigest()


def _one(asked: Input, client: Client, entry: Entry, target: Path) -> None:
    """Download a file, and compare its hash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    url = f"{asked.endpoint}/{quote(asked.repository)}/resolve/{asked.commit}/{quote(entry.path)}"
    with target.open("wb") as file:
        hashed = _Hashed(entry, file)
        client.download(url, entry.size, hashed)
    if hashed.digest != entry.digest:
        raise FetchError(f"{entry.path} is not the file of the commit: {hashed.digest} instead of {entry.digest}")
    say(sys.stdout, f"{entry.path}: {entry.size:,} bytes")
