"""Write: the only code that changes files on disk.

All environments of a system change together. mlspec builds a sibling folder, hard-links unmanaged files and
environments that were not compiled into it, and swaps it in with one `renameat2(RENAME_EXCHANGE)`. Even if mlspec is
killed, a local Linux file system contains either the old bundle or the new one. If the file system cannot swap folders,
mlspec renames files one by one, the index last, and reports that to the caller.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..compiler.conventions import INDEX
from ..compiler.errors import CompileError, UnmanagedFileError
from ..compiler.link import Bundle
from ..compiler.record import Record

__all__ = ["Change", "Rendered", "Written", "changes", "contents", "rendered", "replace", "write"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


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


def contents(environments: Iterable[Rendered]) -> dict[str, bytes]:
    """Every file of some environments, by path."""
    return {path: content for one in environments for path, content in one.files.items()}


def _index(bundle: Bundle) -> bytes:
    listed = sorted(artifact.path for artifact in bundle.artifacts)
    return (json.dumps({"generator": "mlspec", "files": listed}, indent=1) + "\n").encode()


def changes(folder: Path, environments: Sequence[Rendered], declared: Iterable[str]) -> Written:
    """What `write` would do, without writing. Raises UnmanagedFileError if `write` would."""
    return _compare(folder, environments, contents(environments), declared)


def write(folder: Path, environments: Sequence[Rendered], declared: Iterable[str]) -> Written:
    """Make a system's folder contain exactly the files of these environments, in addition to unmanaged files.

    Raises UnmanagedFileError, and writes nothing, if that would overwrite a file that no index of mlspec lists.
    `declared` contains all environments of the spec. Of these, the ones that were not compiled keep their files; all
    other environments lose theirs.
    """
    files = contents(environments)
    folder = Path(os.path.realpath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent):
        _sweep(folder)
        planned = _compare(folder, environments, files, declared)
        if not planned.changes:
            return planned
        atomic = _exchange(folder, files, planned)
        if not atomic:
            _one_by_one(folder, files, planned)
    return planned.but(atomic=atomic)


def replace(path: str, text: str) -> None:
    """Replace a file atomically: a reader sees the old content or the new content."""
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    temporary = file.with_name(f".{file.name}.mlspec-new")
    with open(temporary, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, file)


def _compare(
    folder: Path, environments: Sequence[Rendered], files: dict[str, bytes], declared: Iterable[str]
) -> Written:
    compiled = {one.environment for one in environments}
    gone = _environments(folder) - set(declared)
    owned = {path for environment in compiled | gone for path in _owned(folder, environment)}
    found: list[Change] = []
    for path, content in files.items():
        present = _read(os.path.join(folder, path))  # faster than joining a Path, and there are many files
        if present is None:
            found.append(Change(path=path, kind="added"))
        elif present != content:
            if path not in owned:
                raise _unmanaged(folder / path)
            found.append(Change(path=path, kind="changed"))
    found += [Change(path=path, kind="removed") for path in owned if path not in files and (folder / path).is_file()]
    found.sort(key=lambda change: change.path)
    return Written(changes=tuple(found), unchanged=len(files) - sum(change.kind != "removed" for change in found))


def _unmanaged(path: Path) -> UnmanagedFileError:
    return UnmanagedFileError(f"{path} was not written by mlspec, and would be overwritten: move it away", path)


def _environments(folder: Path) -> set[str]:
    """The environments that mlspec wrote, according to their indexes."""
    try:
        return {entry for entry in os.listdir(folder) if (folder / entry / INDEX).is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _owned(folder: Path, environment: str) -> Iterator[str]:
    """The files in the environment's index. The index is untrusted: it must not name anything outside its folder."""
    index = folder / environment / INDEX
    text = _read(index)
    if text is None:
        return
    yield f"{environment}/{INDEX}"
    try:
        listed = json.loads(text)["files"]
    except (ValueError, KeyError, TypeError):
        return
    for path in listed if isinstance(listed, list) else []:
        if isinstance(path, str) and _inside(folder / environment, path):
            yield f"{environment}/{path}"


def _inside(folder: Path, path: str) -> bool:
    """Whether a path from an index stays inside its folder, without following symlinks."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return False
    return not any((folder.joinpath(*parts[:depth])).is_symlink() for depth in range(1, len(parts)))


def _read(path: str | Path) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Allow only one writer at a time in a folder."""
    handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sibling(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.mlspec-new"


def _sweep(folder: Path) -> None:
    """Remove what a killed run left behind; safe under the lock."""
    _remove(_sibling(folder))


def _remove(folder: Path) -> None:
    if folder.exists():
        from shutil import rmtree  # most runs change nothing, and the import takes as long as they do

        rmtree(folder, ignore_errors=True)


def _exchange(folder: Path, files: dict[str, bytes], planned: Written) -> bool:
    """Build the whole folder next to the old one, and swap the two; False if the system cannot."""
    new = _sibling(folder)
    new.mkdir()
    changed = {change.path for change in planned.changes}
    try:
        _link_tree(folder, new, changed)
        written = [path for path in files if path in changed]
        for parent in dict.fromkeys(map(os.path.dirname, written)):
            (new / parent).mkdir(parents=True, exist_ok=True)
        for path in written:
            _write_file(os.path.join(new, path), files[path])
        if not folder.exists():
            os.rename(new, folder)
            return True
        done = _renameat2(new, folder)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        done = False
    finally:
        _remove(new)  # the old bundle, or the new one that could not be used
    return done


def _link_tree(old: Path, new: Path, without: set[str]) -> None:
    """Hard-link every file that stays, managed or not. Symlinks stay symlinks."""
    for parent, folders, names in os.walk(old):
        below = os.path.relpath(parent, old)
        here = new if below == "." else new / below
        here.mkdir(exist_ok=True)
        for name in [*names, *(f for f in folders if os.path.islink(os.path.join(parent, f)))]:
            path = name if below == "." else f"{below.replace(os.sep, '/')}/{name}"
            if path not in without:
                os.link(os.path.join(parent, name), here / name, follow_symlinks=False)
    _drop_empty(new)


def _drop_empty(folder: Path) -> None:
    """Remove empty folders."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if parent != str(folder) and not os.listdir(parent):
            os.rmdir(parent)


def _write_file(path: str | Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _renameat2(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False if the kernel or the file system cannot."""
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    result = call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(result == 0)


def _one_by_one(folder: Path, files: dict[str, bytes], planned: Written) -> None:
    """Rename every file separately, the indexes last. Until then, `mlspec check` reports the mix."""
    order = sorted(planned.changes, key=lambda change: change.path.endswith(INDEX))
    for change in order:
        target = folder / change.path
        if change.kind == "removed":
            target.unlink(missing_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.mlspec-new")
        _write_file(temporary, files[change.path])
        os.replace(temporary, target)
    _drop_empty(folder)
