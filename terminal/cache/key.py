"""Key: everything that decides a result, as one digest.

That is the text of each file, with its place; the options; the code of mlspec and of the YAML parser; and Python. The
date counts only if a suppression has one. Files that do not exist count, too: the files are looked for again each time,
and one that appears is one text more.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec

from ..texts import Texts

__all__ = ["digest", "key"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_DATED = re.compile("mlspec:.*until")
"""What every line has whose suppression ends on a date, and few others."""


def key(texts: Texts, slot: str, today: str | None) -> str | None:
    """The digest; None if a file cannot be read."""
    parts = [_code(), slot, texts.name, str(texts.path), str(len(texts.platforms))]
    dated = False
    for name, one in (("", texts.spec), *(("", one) for one in texts.platforms), *texts.releases):
        if not isinstance(one.text, str):
            return None
        dated = dated or _DATED.search(one.text) is not None
        parts += [name, one.shown, one.text]
    return None if texts.found else digest([*parts, today if dated and today else ""])


def digest(parts: Iterable[str]) -> str:
    """The digest of some texts. The length of each counts, so that no two lists have the same one."""
    made = blake2b(digest_size=20)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        made.update(b"%d:" % len(data))
        made.update(data)
    return made.hexdigest()


@cache
def _code() -> str:
    """What runs: mlspec, the YAML parser, and Python. The size and the time of each file tell it."""
    yaml = find_spec("yaml")
    packages = [_PACKAGE, *(yaml.submodule_search_locations or () if yaml is not None else ())]
    return digest([sys.version, sys.executable, *(one for package in packages for one in sorted(_files(package)))])


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        for one in found:
            if one.is_dir():
                if one.name != "__pycache__":
                    yield from _files(one.path)
            else:
                status = one.stat()
                yield f"{one.path} {status.st_size} {status.st_mtime_ns}"
