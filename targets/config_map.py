"""ConfigMaps with a checksum of their content in their names.

A change makes a new ConfigMap, so a pod that starts during the change reads one whole version, the old or the new. Pods
that run keep theirs, also after a rollback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zlib import crc32

from ..compiler.because import Because, because, fixed, roots
from ..compiler.emit.artifact import Body
from ..compiler.emit.dump import Lines
from ..compiler.plan.scope import Scope
from . import naming
from .kept import kept

__all__ = ["checksum", "config_map"]


def checksum(files: Iterable[Lines], *others: object, content: str | None = None) -> Because[str]:
    """Eight hexadecimal digits of some files. `others` also decide what is in them; `content` replaces their text."""
    files = tuple(files)
    said = content if content is not None else "".join(file.text() for file in files)
    parts = tuple(line for file in files for line in file.lines if isinstance(line, Because))
    why = "a checksum of the files, which contain these values"
    return because(f"{crc32(said.encode()):08x}", why, roots(parts), *others)


def config_map(
    scope: Scope, name: Because[str], labels: Body, files: Mapping[str, Lines | Because[Lines]], why_kept: str
) -> Body:
    """The object. Its name includes the checksum, and `why_kept` says what may still use it once Git has a new one."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": naming.metadata(scope, name, labels, kept(scope, why_kept)),
        "data": dict(files),
        "immutable": fixed(True, "its name includes a checksum of its content"),
    }
