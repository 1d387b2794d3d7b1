"""Which files count: how far mlspec looks above a spec, and which names and links it follows.

An author's pull request may contain a platform file, a link, or a hostile file name. So the platform file that is
closest to the root of the repository sets the policies, no link leads out of the repository, and a name cannot contain
what a terminal, YAML, or a CI system would obey.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..compiler.words import hostile

__all__ = ["PLATFORM", "RELEASES", "as_text", "platforms", "refused", "repository"]

PLATFORM = "mlspec.platform.yaml"

RELEASES = "releases"
"""The folder of the release files, next to the spec."""


def repository(folder: str) -> str:
    """The root of the repository that contains a folder, or else the folder itself."""
    above = os.path.abspath(folder)
    while not os.path.exists(os.path.join(above, ".git")):
        parent = os.path.dirname(above)
        if parent == above:
            return folder
        above = parent
    return above


def platforms(folder: Path) -> list[str]:
    """The platform files in a folder and above it, outermost first, as paths relative to it."""
    found, shown = [], str(folder)
    for above in _reach(str(folder)):
        if os.path.isfile(os.path.join(above, PLATFORM)) or os.path.islink(os.path.join(above, PLATFORM)):
            found.append(os.path.normpath(os.path.join(shown, PLATFORM)))
        shown = os.path.join(shown, os.pardir)
    return found[::-1]


def _reach(folder: str) -> Iterator[str]:
    """A folder and those above it in which a platform file counts.

    In a repository, up to its root. Without one, only folders of the same user on the same file system to which no
    other user can add a file, and none above the home folder: any user can leave a platform file in `/tmp`.
    """
    above = os.path.abspath(folder)
    root = repository(above)
    inside, home = os.path.exists(os.path.join(root, ".git")), os.path.expanduser("~")
    while True:
        yield above
        parent = os.path.dirname(above)
        if parent == above or (above == root if inside else above == home or not _same_owner(above, parent)):
            return
        above = parent


def _same_owner(folder: str, parent: str) -> bool:
    try:
        own, other = os.stat(folder), os.stat(parent)
    except (OSError, ValueError):  # gone, or a name that no file can have
        return False
    return (own.st_uid, own.st_dev) == (other.st_uid, other.st_dev) and not other.st_mode & stat.S_IWOTH


def as_text(path: str) -> str:
    """A path as people read it, also where Python decodes file names as ASCII."""
    try:
        return path if path.isascii() else os.fsencode(path).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair that stands for no byte
        return path


def refused(path: str) -> tuple[str, str] | None:
    """Why mlspec does not read a file because of its name, or because it links to a file elsewhere; and what to do."""
    if hostile(as_text(path)):
        what = "the name of the file has characters that are not text, or that a terminal or a CI system would obey"
        return what, "rename the file"
    where = os.path.abspath(path)
    if where.startswith(("/dev/", "/proc/")):
        return None  # such as standard input or a pipe, which only a caller can name
    *_, top = _reach(os.path.dirname(where))
    if not _linked(where, top) or _inside(os.path.realpath(where), os.path.realpath(top)):
        return None
    limit = "repository" if os.path.exists(os.path.join(top, ".git")) else f"folder `{top}`"
    return f"the file is a link to a file outside of the {limit}", "copy the file, or link to one inside"


def _linked(path: str, top: str) -> bool:
    """Whether a path, or a folder of it below one above it, is a link. If not, what it names is inside, too."""
    while len(path) > len(top):
        if os.path.islink(path):
            return True
        path = os.path.dirname(path)
    return False


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder
