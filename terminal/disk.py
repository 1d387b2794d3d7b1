"""Disk: locks, replacing one file in one step, and reading a file without following a link or waiting for a pipe."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ..compiler.errors import UnmanagedFileError

__all__ = [
    "in_the_way",
    "kind",
    "locked",
    "mode",
    "opened",
    "replace",
    "sweep",
    "synced",
    "unmanaged",
    "unreadable",
    "write_new",
]

Path_ = str | os.PathLike[str]

_NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP)
"""What a file system answers that has no locks for folders, such as NFS."""
_held: ContextVar[frozenset[tuple[int, int]]] = ContextVar("held", default=frozenset())


@contextmanager
def locked(*folders: Path_) -> Iterator[None]:
    """Allow only one writer at a time in some folders.

    Nested calls keep the locks that they have. All folders that are locked together are locked in one order, so that
    two writers never wait for each other. Without locks in the file system, the exchange still is one step.
    """
    handles: list[int] = []
    held = _held.get()
    token = None
    try:
        wanted: dict[tuple[int, int], int] = {}
        for folder in folders:
            handles.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            status = os.fstat(handles[-1])
            wanted.setdefault((status.st_dev, status.st_ino), handles[-1])
        new = sorted(wanted.keys() - held)
        for place in new:
            _flock(wanted[place], fcntl.LOCK_EX)
        token = _held.set(held | wanted.keys())
        yield
    finally:
        if token is not None:
            _held.reset(token)
        for handle in handles:
            _flock(handle, fcntl.LOCK_UN)  # a worker that was forked meanwhile has a copy of the handle
            os.close(handle)


def _flock(handle: int, operation: int) -> None:
    try:
        fcntl.flock(handle, operation)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


# One file


def replace(path: Path_, content: bytes) -> None:
    """Replace a file in one step, also if power fails: a reader sees the old content or the new content.

    The file keeps its mode. The temporary file next to it is new: what has its name already is never opened.
    """
    file = Path(path)
    temporary = file.with_name(f".{file.name}.{os.urandom(6).hex()}.mlspec-new")
    try:
        write_new(temporary, content, mode(file))
        synced([temporary])
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    synced([file.parent])


_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.mlspec-new")


def sweep(folder: Path_) -> None:
    """Remove the temporary files that killed runs left in a folder. Call it under the lock."""
    for name in os.listdir(folder):
        if _TEMPORARY.fullmatch(name) and kind(os.path.join(folder, name)) == "a file":
            os.unlink(os.path.join(folder, name))


def write_new(path: Path_, content: bytes, permissions: int | None = None) -> None:
    """Create a file. Fails if there is anything of that name, even a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:
        if permissions is not None:
            os.fchmod(file.fileno(), permissions)
        file.write(content)


def mode(path: Path_) -> int | None:
    """The permissions of a file; None if there is none."""
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except OSError:
        return None


def synced(paths: Iterable[Path_]) -> None:
    """Wait until files and folders are on the disk, so that what follows cannot be there without them."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot do so for folders
                raise
        finally:
            os.close(handle)


# What is there

_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}


def kind(path: Path_) -> str | None:
    """What a path names: `a file`, `a folder`, `a link`, or something else; None if nothing. Follows no link at its
    end.
    """
    try:
        return _kind(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from None


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "a device, a pipe, or a socket")


def opened(path: Path_, most: int) -> tuple[int, bytes] | None:
    """The size of a regular file, and its content unless it has more than `most` bytes; None if there is nothing.

    Raises UnmanagedFileError for anything else, which it never reads: a device has no end, and a pipe no beginning.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise in_the_way(path, kind(path), "file") from None
        raise unreadable(path, error) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise in_the_way(path, _kind(status.st_mode), "file")
        return status.st_size, os.read(handle, most + 1) if status.st_size <= most else b""
    finally:
        os.close(handle)


def in_the_way(path: Path_, found: str | None, needed: str) -> UnmanagedFileError:
    """The error for something that mlspec did not write where it needs a `file` or a `folder`."""
    also = ", and mlspec writes through none" if found == "a link" else ""
    why = f"is {found}{also}, but the output needs a {needed} there"
    return UnmanagedFileError(f"{path} {why}: move it away", Path(path), why)


def unmanaged(path: Path_) -> UnmanagedFileError:
    """The error for a file of others in the place of one that mlspec writes."""
    return UnmanagedFileError(f"{path} was not written by mlspec, and would be overwritten: move it away", Path(path))


def unreadable(path: Path_, error: OSError) -> UnmanagedFileError:
    """The error for something that could be in the way."""
    why = f"cannot be read: {error.strerror}"
    return UnmanagedFileError(f"{path} {why}: check its permissions, or move it away", Path(path), why)
