"""The paths that a runtime writes to: each is an empty volume, mounted once and under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from ...compiler.because import Because
from ...compiler.emit.artifact import Body
from ...compiler.emit.dump import plain
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan

__all__ = ["mounted_once", "writable"]

OTHERS = ("capture", "capture-files", "certificates", "config", "model", "shm")
"""The names of the other volumes of a pod."""


def writable(service: ServicePlan) -> list[tuple[str, Because[str]]]:
    """The paths, each with the name of its volume: a DNS label that no other volume has."""
    names, found = set(OTHERS), []
    for path in service.runtime.writable:
        name = next(each for each in _names(path.value) if each not in names)
        names.add(name)
        found.append((name, path))
    return found


def _names(path: str) -> Iterator[str]:
    name = re.sub("[^a-z0-9]+", "-", path.lower()).strip("-")[-50:].strip("-") or "root"
    yield name
    yield f"{name}-files"
    yield from (f"{name}-{number}" for number in count(2))


def mounted_once(mounts: list[Body], paths: list[tuple[str, Because[str]]]) -> Iterator[Body]:
    """The mounts of these paths. Refuses a path that is mounted already."""
    taken: dict[str, object] = {str(plain(mount["mountPath"])).rstrip("/"): mount for mount in mounts}
    for name, path in paths:
        other = taken.setdefault(path.value.rstrip("/"), path)
        if other is not path:
            raise refusal(
                "MLS008",
                f"`{path.value}` is mounted twice",
                path,
                others=((other, "the other mount"),),
                note="an API server refuses a pod with two mounts at one path",
                help="remove it from `writable`, or write another path",
            )
        yield {"name": name, "mountPath": path}
