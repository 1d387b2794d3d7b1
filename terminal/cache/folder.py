"""The folder of the cache, which only its user may read or write.

An entry is some lines of JSON after a checksum. One that is damaged does not exist. Nothing here ever fails: a folder
that cannot be used is no folder, and an entry that cannot be written is not written.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from zlib import crc32

__all__ = ["Folder", "place"]

MOST = 256 * 2**20
"""The largest size of all entries, in bytes. Beyond it, the oldest ones go."""

_LARGEST = 4 * 2**20
"""The largest entry, in bytes."""

_OFF = ("", "off")


def place() -> str | None:
    """Where the cache is: in `MLSPEC_CACHE`, or in the user's folder for caches; None if there is none."""
    given = os.environ.get("MLSPEC_CACHE")
    if given is not None:
        return None if given in _OFF else os.path.abspath(given)
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(caches):  # as the XDG Base Directory Specification demands
        caches = os.path.join(os.path.expanduser("~"), ".cache")
    try:
        if os.stat(os.path.dirname(caches)).st_uid != os.geteuid():  # such as `sudo` that keeps HOME
            return None
    except (OSError, ValueError):
        return None
    return os.path.join(caches, "mlspec", "results")


class Folder:
    """The folder, opened once, so that no one can put another in its place."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def opened(cls) -> Folder | None:
        """The folder; None without one that is safe to use: of this user, and closed to all others."""
        path = place()
        try:
            if path is None:
                return None
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            if not os.path.lexists(path):
                os.mkdir(path, 0o700)
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        status = os.fstat(handle)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            os.close(handle)
            return None
        return cls(handle)

    def read(self, name: str) -> list[bytes] | None:
        """The lines of an entry; None if there is none, or a damaged one."""
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._handle)
        except (OSError, ValueError):
            return None
        try:
            sum_, _, rest = os.read(handle, _LARGEST).partition(b"\n")
        except OSError:
            return None
        finally:
            os.close(handle)
        return rest.split(b"\n") if sum_ == _checksum(rest) else None

    def write(self, name: str, lines: list[bytes]) -> bool:
        """Replace an entry in one step, and say whether that worked."""
        rest = b"\n".join(lines)
        whole = _checksum(rest) + b"\n" + rest
        if len(whole) > _LARGEST:
            return False
        temporary = f"{name}.{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(temporary, flags, 0o600, dir_fd=self._handle), "wb") as file:
                file.write(whole)
            os.replace(temporary, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the folder."""
        os.close(self._handle)

    def prune(self) -> None:
        """Remove the oldest entries of a folder that is too large, until half of it is free."""
        with suppress(OSError):  # another run prunes it, too
            self._prune()

    def _prune(self) -> None:
        with os.scandir(self._handle) as found:
            known = sorted((one.mtime, one.size, one.name) for one in map(_Entry, found))
        left = sum(size for _, size, _ in known)
        if left <= MOST:
            return
        for _, size, name in known:
            if left <= MOST // 2:
                return
            os.unlink(name, dir_fd=self._handle)
            left -= size


class _Entry:
    def __init__(self, found: os.DirEntry[str]) -> None:
        status = found.stat(follow_symlinks=False)
        self.name, self.mtime, self.size = found.name, status.st_mtime_ns, status.st_size


def _checksum(content: bytes) -> bytes:
    """Finds damage, such as after a power failure. Forgery needs none: only the user can write here."""
    return b"%08x" % crc32(content)
