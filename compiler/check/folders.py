"""Folders that two of a system's environments or services write: scores, captured predictions, and checkpoints.

What is in a folder does not say who wrote it. So the last writer of a file silently replaces what the others wrote, and
what reads a folder, which it does with everything below it, takes the work of all for that of one. The tables of the
feature store are not here, because each environment has its own folder below theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding, where
from ..plan import Plan
from ..plan.serving.recording import capture_of
from ..record import Record

__all__ = ["shared_folders"]


class Folder(Record):
    """A folder that something writes."""

    environment: str
    service: str
    """The batch service; empty for what the system has once."""
    does: str
    """What it does with the folder, such as `writes its scores to`."""
    they: str
    """The same of two of them."""
    uri: Because[str]
    key: str
    """The last key of its place."""
    under: str
    """The place without that key."""

    @property
    def parts(self) -> str:
        """The folder, with a slash at its end, so that `a/b` is below `a` and `ab` is not. A placeholder is not the
        same folder as any text: `a/{date}` and `a/staging` are apart.
        """
        return f"{self.uri.value.rstrip('/')}/"

    def shares(self, other: Folder) -> bool:
        """Whether one is in the other, or both are the same."""
        return self.parts.startswith(other.parts) or other.parts.startswith(self.parts)


def shared_folders(plans: Iterable[Plan]) -> Iterator[Diagnostic]:
    """One finding for each writer of a folder that another service writes, or a service of another environment."""
    known: list[Folder] = []
    for plan in plans:
        own: list[Folder] = []
        for folder in _folders(plan):
            among = _first(folder, own)
            if among is not None:
                yield _shared(folder, among, both=False)
            before = _first(folder, known)
            if before is not None:
                yield _shared(folder, before, both=among is not None)
            own.append(folder)
        known += own


def _first(folder: Folder, others: Iterable[Folder]) -> Folder | None:
    """Who writes the folder as well: preferably the same service in another environment."""
    found = [other for other in others if folder.shares(other)]
    return min(found, key=lambda other: (other.service, other.key) != (folder.service, folder.key), default=None)


def _folders(plan: Plan) -> list[Folder]:
    """The folders that an environment writes, but none that something is wrong with: that is reported already."""
    found = []
    for read in (_outputs, _capture, _learned):
        try:
            found += read(plan)
        except (Unavailable, Refusal):
            continue
    return found


def _outputs(plan: Plan) -> list[Folder]:
    shorthand = where(plan.system.metadata.name)  # `serving` has no name of its own
    return [
        Folder(
            environment=plan.name,
            service=name,
            does="writes its scores to",
            they="write their scores to",
            uri=batch.part.output.uri,
            key="uri",
            under="serving.output" if where(batch.part.own_name) == shorthand else batch.part.output.spec_path,
        )
        for name, batch in plan.batch.items()
    ]


def _capture(plan: Plan) -> list[Folder]:
    found = [capture_of(plan, service.part) for service in plan.online.values()]
    return [
        Folder(
            environment=plan.name,
            service="",
            does="records its predictions in",
            they="record their predictions in",
            uri=capture.to,
            key="to",
            under="monitoring.capture",
        )
        for capture in found
        if capture is not None
    ][:1]


def _learned(plan: Plan) -> list[Folder]:
    if plan.learning is None:
        return []
    return [
        Folder(
            environment=plan.name,
            service="",
            does="writes its checkpoints to",
            they="write their checkpoints to",
            uri=plan.learning.part.to,
            key="to",
            under="retraining.online",
        )
    ]


_CAPTURED = (
    "readers look into folders, and a record does not say which environment made it, so drift and quality would be "
    "those of a mixture"
)
_REPLACED = "the last one that writes a file silently replaces the file of the other, and readers look into folders"


def _shared(mine: Folder, other: Folder, *, both: bool) -> Diagnostic:
    """`both`: whether another service of its own environment has the same folder as well."""
    here, there = mine.uri, other.uri
    us, them = _names(mine, other)
    alone = mine.environment == other.environment
    if mine.does == other.does:
        said = f"{us} {mine.does} `{here.value}`, and {them} {mine.does.rpartition(' ')[2]} `{there.value}`"
        said = f"{them} and {us} both {mine.they} `{here.value}`" if here.value == there.value else said
    else:
        said = f"{us} {mine.does} `{here.value}`, and {them} {other.does} `{there.value}`"
    service = mine.service if both or mine.service != other.service else ""
    name = "-".join(filter(None, (service, "" if alone else mine.environment))) or mine.under.rpartition(".")[2]
    within = "" if alone else f" of the environment `{mine.environment}`"
    return finding(
        "MLS754",
        said,
        here,
        others=() if where(here) == where(there) else ((there, f"where {them} {other.does.partition(' ')[0]}"),),
        note=_CAPTURED if mine.key == other.key == "to" and mine.under == other.under else _REPLACED,
        help=f"write `{mine.key}: {_quoted(_apart(here.value, there.value, name))}` under `{mine.under}`{within}",
    ).but(environments=tuple(dict.fromkeys((other.environment, mine.environment))))


def _names(mine: Folder, other: Folder) -> tuple[str, str]:
    """How a message names the two: by what distinguishes them."""
    if mine.environment == other.environment:
        return f"`{mine.service or mine.under}`", f"`{other.service or other.under}`"
    if (mine.service, mine.under) == (other.service, other.under):
        return f"`{mine.environment}`", f"`{other.environment}`"
    us, them = (f"`{one.service or one.under}` in `{one.environment}`" for one in (mine, other))
    return us, them


def _apart(mine: str, other: str, name: str) -> str:
    """A folder next to the outer one of two, or next to the one that the dates are in."""
    before, placeholder, _ = mine.partition("{")
    outer = min(mine, other, key=len).rstrip("/")
    if not placeholder:
        return f"{outer}-{name}{'/' if mine.endswith('/') else ''}"
    if "{" in outer:
        outer = before.rpartition("/")[0]
    joined = "-" if "/" in outer.partition("://")[2] else "/"  # there is nothing next to a whole bucket
    return f"{outer}{joined}{name}{mine[len(outer) :]}"


def _quoted(uri: str) -> str:
    """As YAML: in braces, a brace needs quotes."""
    return f'"{uri}"' if "{" in uri else uri
