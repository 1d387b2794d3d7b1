"""Write: the only code that changes the output on disk.

All environments of a system change together. mlspec builds a folder next to the old one, hard-links unmanaged files and
environments that were not compiled into it, and swaps it in with one `renameat2(RENAME_EXCHANGE)`. Even if mlspec is
killed or power fails, a local Linux file system contains either the old bundle or the new one. If the file system
cannot swap folders, mlspec renames files one by one, the index last, and reports that to the caller.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..compiler.conventions import INDEX
from ..compiler.errors import CompileError
from ..compiler.link import Bundle
from ..compiler.record import Record
from .disk import locked, replace, sweep, unmanaged
from .exchange import drop_empty, exchange, sweep_old
from .owned import difference, environments, is_ours, listed, make_way

__all__ = ["Change", "Rendered", "Written", "changes", "contents", "rendered", "write"]


class Change(Record):
    """The change of one file."""

    path: str
    """Relative to the system's folder, with `/`."""
    kind: str
    """`added`, `changed`, or `removed`."""


class Written(Record):
    """The result of writing."""

    changes: tuple[Change, ...]
    unchanged: int
    atomic: bool = True


class Rendered(Record):
    """The files of one environment."""

    environment: str
    files: dict[str, bytes]
    """By path relative to the system's folder, including the index."""


def rendered(bundle: Bundle) -> Rendered:
    """Every file of an environment, and its index. An incomplete one is refused: writing it would delete objects."""
    if not bundle.complete:
        raise CompileError(f"the output for {bundle.environment} is incomplete, so it was not written")
    files = {f"{bundle.environment}/{file.path}": file.text.encode() for file in bundle.files()}
    files[f"{bundle.environment}/{INDEX}"] = _index(bundle)
    return Rendered(environment=bundle.environment, files=files)


def contents(compiled: Iterable[Rendered]) -> dict[str, bytes]:
    """Every file of some environments, by path."""
    return {path: content for one in compiled for path, content in one.files.items()}


def _index(bundle: Bundle) -> bytes:
    listed = sorted(artifact.path for artifact in bundle.artifacts)
    return (json.dumps({"generator": "mlspec", "files": listed}, indent=1) + "\n").encode()


def changes(folder: Path, compiled: Sequence[Rendered], declared: Iterable[str]) -> Written:
    """What `write` would do, without writing. Raises UnmanagedFileError if `write` would."""
    return _compare(str(folder), compiled, contents(compiled), declared)


def write(folder: Path, compiled: Sequence[Rendered], declared: Iterable[str]) -> Written:
    """Make a system's folder contain exactly the files of these environments, in addition to unmanaged files.

    Raises UnmanagedFileError, and writes nothing, if that would overwrite a file that no index of mlspec lists, or if
    a file, a link, or anything else is in the way. `declared` contains all environments of the spec. Of these, the ones
    that were not compiled keep their files; all other environments lose theirs. The folder itself may be a link.
    """
    files = contents(compiled)
    real = os.path.realpath(folder)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    with locked(os.path.dirname(real)):
        sweep_old(real)
        planned = _compare(str(folder), compiled, files, declared)
        if not planned.changes:
            return planned
        new = {change.path: files[change.path] for change in planned.changes if change.kind != "removed"}
        atomic = exchange(real, new, {change.path for change in planned.changes if change.kind != "added"})
        if not atomic:
            _one_by_one(real, new, planned)
    return planned.but(atomic=atomic)


def _compare(folder: str, compiled: Sequence[Rendered], files: dict[str, bytes], declared: Iterable[str]) -> Written:
    make_way(folder, files)
    gone = set(environments(folder)) - set(declared)
    owned = {path for name in {one.environment for one in compiled} | gone for path in listed(folder, name)}
    found: list[Change] = []
    for path, content in files.items():
        differs = difference(os.path.join(folder, path), content)
        if differs == "changed" and path not in owned:
            raise unmanaged(os.path.join(folder, path))
        if differs is not None:
            found.append(Change(path=path, kind=differs))
    stale = (path for path in owned if path not in files and is_ours(os.path.join(folder, path)))
    found += [Change(path=path, kind="removed") for path in stale]
    found.sort(key=lambda change: change.path)
    return Written(changes=tuple(found), unchanged=len(files) - sum(change.kind != "removed" for change in found))


def _one_by_one(folder: str, new: dict[str, bytes], planned: Written) -> None:
    """Rename every file separately, the indexes last. Until then, `mlspec check` reports the mix."""
    for change in sorted(planned.changes, key=lambda change: change.path.endswith(INDEX)):
        target = os.path.join(folder, change.path)
        if change.kind == "removed":
            with suppress(FileNotFoundError):
                os.unlink(target)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        replace(target, new[change.path])
    for parent in {os.path.dirname(os.path.join(folder, path)) for path in new}:
        sweep(parent)
    drop_empty(folder)
