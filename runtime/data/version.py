"""The version of a source at the time of the run.

- A file or a folder: the SHA-256 of the sorted lines `path NUL size NUL tag`. The tag is what the store reports as the
  content's ETag, or the SHA-256 of the content. Files modified after the run's time are left out, so that a second
  attempt finds the same version. Hidden files (`_` or `.` first) are left out, as by readers of tables.
- An Iceberg table: the ID of the current snapshot, or of the newest one before the cutoff. It is a 64-bit integer,
  which JSON readers round, so it stays text.
- A Delta table: the number of the newest commit before the cutoff.

The cutoff is the time of the run less the `lag` of the source.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pyarrow import fs

from ..conditions import Unreadable
from ..measure.places import place
from .contract import SCHEMES, Source, shown

__all__ = ["versioned", "version_of"]

_LARGEST = 64 * 2**20
"""The maximum size of a metadata file in bytes."""

_READ = 2**20


def versioned(source: Source) -> bool:
    """Whether the version of a source can be computed in a pod."""
    return source.uri is not None and ("://" not in source.uri or source.uri.partition("://")[0] in SCHEMES)


def version_of(source: Source, run: float) -> str:
    """The version, as text. Raises `Unreadable` if there is none, and OSError if the store cannot be read."""
    if source.uri is None or not versioned(source):
        raise Unreadable(f"the version of {shown(source.name)} cannot be read from the pod: {shown(source.uri)}")
    where = place(source.uri)
    store, path = where.files, where.path
    cutoff = run - source.lag
    if source.format == "iceberg":
        return _iceberg(store, path, cutoff)
    if source.format == "delta":
        return _delta(store, path, cutoff)
    return _digest(store, path, run)


def _digest(store: fs.FileSystem, path: str, run: float) -> str:
    (about,) = store.get_file_info([path])
    if about.type == fs.FileType.NotFound:
        raise Unreadable(f"{shown(path)} does not exist")
    if about.type == fs.FileType.File:
        return f"sha256:{_content(store, path)}"
    found = store.get_file_info(fs.FileSelector(path, recursive=True))
    lines = []
    for file in found:
        inside = file.path[len(path) :].lstrip("/")
        hidden = any(part.startswith(("_", ".")) for part in inside.split("/"))
        late = file.mtime is not None and file.mtime.timestamp() > run
        if file.type == fs.FileType.File and not hidden and not late:
            lines.append(f"{inside}\0{file.size}\0{_tag(store, file.path)}\n".encode("utf-8", "surrogatepass"))
    if not lines:
        raise Unreadable(f"{shown(path)} holds no files from before the run")
    return f"sha256:{hashlib.sha256(b''.join(sorted(lines))).hexdigest()}"


def _tag(store: fs.FileSystem, path: str) -> str:
    if not isinstance(store, fs.LocalFileSystem):
        with store.open_input_stream(path) as file:
            tags = {key.lower(): value for key, value in (file.metadata() or {}).items()}
        tag = tags.get(b"etag")
        if tag:
            return f"etag:{tag.decode('ascii', 'backslashreplace')}"
    return f"sha256:{_content(store, path)}"


def _content(store: fs.FileSystem, path: str) -> str:
    made = hashlib.sha256()
    with store.open_input_stream(path) as file:
        while part := file.read(_READ):
            made.update(part)
    return made.hexdigest()


def _json(store: fs.FileSystem, path: str) -> Any:
    with store.open_input_stream(path) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise Unreadable(f"{shown(path)} is larger than {_LARGEST // 2**20} MiB")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"{shown(path)} is not JSON: {wrong}") from None


def _names(store: fs.FileSystem, folder: str) -> list[str]:
    (about,) = store.get_file_info([folder])
    if about.type != fs.FileType.Directory:
        raise Unreadable(f"{shown(folder)} does not exist")
    return [file.base_name for file in store.get_file_info(fs.FileSelector(folder))]


# `v3.metadata.json` of a table without a catalog, or `00003-UUID.metadata.json` of one with a catalog
_ICEBERG = re.compile(r"v?(\d{1,18})(?:-[^/]*)?\.metadata\.json")


def _iceberg(store: fs.FileSystem, path: str, cutoff: float) -> str:
    numbered = [
        (int(match[1]), name) for name in _names(store, f"{path}/metadata") if (match := _ICEBERG.fullmatch(name))
    ]
    if not numbered:
        raise Unreadable(f"{shown(path)} has no Iceberg metadata")
    table = _json(store, f"{path}/metadata/{max(numbered)[1]}")
    log = table.get("snapshot-log") if isinstance(table, dict) else None
    entries = [(e.get("timestamp-ms"), e.get("snapshot-id")) for e in log or [] if isinstance(e, dict)]
    usable = [(at, id_) for at, id_ in entries if type(at) is int and type(id_) is int and at <= cutoff * 1000]
    if not usable:
        raise Unreadable(f"the Iceberg table {shown(path)} has no snapshot from before the run")
    return str(max(enumerate(usable), key=lambda pair: (pair[1][0], pair[0]))[1][1])


_DELTA = re.compile(r"(\d{20})\.json")


def _delta(store: fs.FileSystem, path: str, cutoff: float) -> str:
    log = f"{path}/_delta_log"
    commits = sorted((match[1] for name in _names(store, log) if (match := _DELTA.fullmatch(name))), reverse=True)
    for commit in commits:
        file = f"{log}/{commit}.json"
        at = _committed(store, file)
        if at is None:
            (about,) = store.get_file_info([file])
            at = about.mtime.timestamp() * 1000 if about.mtime is not None else 0
        if at <= cutoff * 1000:
            return str(int(commit))
    raise Unreadable(f"the Delta table {shown(path)} has no commit from before the run")


def _committed(store: fs.FileSystem, path: str) -> int | None:
    """The time of a commit in milliseconds, which its writer may state; else the file's own time is used."""
    with store.open_input_stream(path) as file:
        content = file.read(_LARGEST)
    for line in content.splitlines():
        try:
            action = json.loads(line)
        except (ValueError, RecursionError) as wrong:
            raise Unreadable(f"{shown(path)} is not a Delta commit: {wrong}") from None
        about = action.get("commitInfo") if isinstance(action, dict) else None
        at = about.get("inCommitTimestamp", about.get("timestamp")) if isinstance(about, dict) else None
        if type(at) is int:
            return at
    return None
