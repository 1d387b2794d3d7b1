"""Exchange: a new folder is built next to the old one and swapped in, and what others did to the old one is kept.

The new folder is in `.out.mlspec-new`, and its name there is the number of its inode. So a run that finds what a killed
one left knows what it is: a folder that still has its own number was never swapped in, and holds nothing of others. Any
other is the old output.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

from ..compiler.conventions import INDEX
from .disk import in_the_way, kind, mode, synced, unmanaged, unreadable, write_new
from .owned import environments, is_ours, listed

__all__ = ["drop_empty", "exchange", "is_settled", "sweep_old"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)
"""What a file system answers that has no hard links or cannot swap folders, or for a file that may not be linked."""
_ROUNDS = 100
"""How often to look for what others put into the old folder while it is removed."""


def exchange(folder: str, files: Mapping[str, bytes], old: set[str]) -> bool:
    """Swap in a folder with these files, and with all other files of the folder except `old`.

    Returns False if the system cannot, and has changed nothing then. Call it under the lock, after `sweep_old`.
    """
    own = _own(folder)
    os.mkdir(own)
    new = os.path.join(own, "new")
    os.mkdir(new)
    named = os.path.join(own, str(os.stat(new).st_ino))
    os.rename(new, named)
    done = False
    try:
        linked = _link_tree(folder, named, {*files, *old})
        _write(folder, named, files)
        done = _swapped(named, folder)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        if _is_new(named):  # otherwise, it is the old folder
            _remove(named)
            os.rmdir(own)
    if done:
        _retire(named, folder, old, linked)
        with suppress(OSError):  # what could not be moved waits for the next run
            os.rmdir(own)
    return done


def _is_new(path: str) -> bool:
    """Whether a folder was never swapped in."""
    return os.path.basename(path) in ("new", str(_inode(path)))


def sweep_old(folder: str) -> None:
    """Finish what a killed run began. Call it under the lock."""
    own = _own(folder)
    found = kind(own)
    if found is None:
        return
    if found != "a folder":
        raise in_the_way(own, found, "folder")
    for name in os.listdir(own):
        path = os.path.join(own, name)
        if kind(path) != "a folder" or not (name == "new" or name.isdecimal()):
            raise unmanaged(path)
        if _is_new(path):
            _remove(path)
        else:
            managed = {one for environment in environments(path) for one in listed(path, environment)}
            _retire(path, folder, {one for one in managed if is_ours(os.path.join(path, one))}, {})
    with suppress(OSError):
        os.rmdir(own)


def is_settled(folder: str) -> bool:
    """Whether no run was killed while it wrote the folder."""
    return kind(_own(folder)) is None


def _own(folder: str) -> str:
    return os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.mlspec-new")


def _remove(folder: str) -> None:
    from shutil import rmtree  # most runs change nothing, and the import takes as long as they do

    rmtree(folder)


# Building


def _link_tree(old: str, new: str, without: set[str]) -> dict[str, int]:
    """Hard-link every file that stays, managed or not. Links stay links. Returns their inodes, by path."""
    linked: dict[str, int] = {}
    for parent, folders, names in os.walk(old, onerror=_cannot_walk):
        below = _below(parent, old)
        here = os.path.join(new, below)
        os.makedirs(here, exist_ok=True)
        for name in [*names, *(f for f in folders if os.path.islink(os.path.join(parent, f)))]:
            path = os.path.join(below, name)
            if path in without:
                continue
            with suppress(FileNotFoundError):  # its owner removed it meanwhile
                os.link(os.path.join(parent, name), os.path.join(here, name), follow_symlinks=False)
                linked[path] = os.lstat(os.path.join(here, name)).st_ino
    drop_empty(new)
    return linked


def _below(parent: str, folder: str) -> str:
    return "" if parent == folder else os.path.relpath(parent, folder)


def _cannot_walk(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise unreadable(error.filename, error)


def drop_empty(folder: str) -> None:
    """Remove empty folders."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if parent != folder and not os.listdir(parent):
            os.rmdir(parent)


def _write(old: str, new: str, files: Mapping[str, bytes]) -> None:
    """Write the files, with the modes that they had, and wait until all of it is on the disk."""
    for parent in dict.fromkeys(map(os.path.dirname, files)):
        os.makedirs(os.path.join(new, parent), exist_ok=True)
    for path, content in files.items():
        write_new(os.path.join(new, path), content, mode(os.path.join(old, path)))
    if not _syncfs(new):
        synced(os.path.join(new, path) for path in files)
        synced(parent for parent, _, _ in os.walk(new))


def _syncfs(folder: str) -> bool:
    """Wait until everything on a file system is on its disk; False if the system cannot.

    On ext4, this takes 2 to 10 ms for 46 new files, and `fsync` on each of them 150 ms.
    """
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:
        return False
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return bool(call(handle) == 0)
    finally:
        os.close(handle)


def _swapped(new: str, folder: str) -> bool:
    """Whether the new folder is in its place."""
    if os.path.lexists(folder):
        return _renameat2(new, folder)
    os.rename(new, folder)
    return True


def _renameat2(one: str, other: str) -> bool:
    """Swap two folders in one step; False if the kernel or the file system cannot."""
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    result = call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(result == 0)


# Removing the old folder


def _retire(old: str, folder: str, replaced: set[str], linked: Mapping[str, int]) -> None:
    """Remove the old folder, and move what others wrote there after it was linked.

    A folder is only removed while it is empty, so a file that appears at any moment is seen in the next round. An index
    goes last in its folder: until then, a later run can tell what is left.
    """
    for _ in range(_ROUNDS):
        for parent, folders, names in os.walk(old, topdown=False, onerror=_cannot_walk):
            links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
            for name in sorted([*names, *links], key=lambda name: name == INDEX):
                path = os.path.join(_below(parent, old), name)
                _settle(os.path.join(old, path), folder, path, path in replaced, linked.get(path))
            try:
                os.rmdir(parent)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                    raise
        if not os.path.lexists(old):
            return


def _settle(source: str, folder: str, path: str, replaced: bool, linked: int | None) -> None:
    """Remove a file of the old folder that is in the new one too or that mlspec replaced; move any other."""
    target = os.path.join(folder, path)
    there, own = _inode(target), os.lstat(source).st_ino
    if own == there or (replaced and linked is None):
        os.unlink(source)
    elif linked is not None and linked == there:
        os.replace(source, target)  # its owner replaced it after it was linked
    else:
        _rescue(source, folder, path)


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None


def _rescue(source: str, folder: str, path: str) -> None:
    """Move a file to its path in the new folder, or next to what is there by now."""
    parts = path.split(os.sep)
    parents = [os.path.join(folder, *parts[:depth]) for depth in range(1, len(parts))]
    if any(kind(parent) not in ("a folder", None) for parent in parents):
        path = parts[-1]
    for number in count():
        target = os.path.join(folder, path + (f".mlspec-kept-{number}" if number else ""))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with suppress(FileExistsError):
            os.link(source, target, follow_symlinks=False)
            os.unlink(source)
            return
