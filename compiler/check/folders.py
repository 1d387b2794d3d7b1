"""Folders that two writers share: scores, captured predictions, and checkpoints.

What is in a folder does not say who wrote it. So the last writer of a file silently replaces what the others wrote, and
what reads a folder, which it does with everything below it, takes the work of all for that of one. The writers are
services, environments, and the systems of one run. Each environment has its own folder for the tables of its feature
store, but two systems can have the same one: its name joins those of the system and the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic, Span
from ..finding import Refusal, where
from ..plan import Plan
from ..plan.serving.recording import capture_of
from ..plan.stores import folder_of
from ..row import Row
from .claims import NOWHERE, Claims, FolderClaim
from .clashes import FOLDER, Owner, Place, kept_place, of_both, told

__all__ = ["TABLES", "Writers", "folders", "shared_folders"]


TABLES = ("delta", "iceberg")
"""Formats that keep writers apart themselves: a commit adds files, or replaces them as a whole."""


class Writer(Row):
    """A folder, and who writes it."""

    owner: Owner
    claim: FolderClaim
    place: Place | None = None
    """Where the folder is from, of a writer whose file is not kept."""


def shared_folders(all_: Iterable[Claims]) -> Iterator[Diagnostic]:
    """One finding for each writer of a folder that another service writes, or a service of another environment."""
    known: list[Writer] = []
    for claims in all_:
        own: list[Writer] = []
        for writer in _writers(claims):
            among = _first(writer, own)
            if among is not None:
                yield _within(writer, among, both=False)
            before = _first(writer, known)
            if before is not None:
                yield _within(writer, before, both=among is not None)
            own.append(writer)
        known += own


def _writers(claims: Claims) -> list[Writer]:
    owner = Owner(claims.system, claims.environment)
    return [Writer(owner, folder) for folder in claims.folders]


def _first(writer: Writer, others: Iterable[Writer]) -> Writer | None:
    """Who writes the folder as well: preferably the same service in another environment."""
    mine = writer.claim
    found = [other for other in others if mine.shares(other.claim) and not _both_add(writer, other)]
    return min(found, key=lambda one: (one.claim.service, one.claim.key) != (mine.service, mine.key), default=None)


def _both_add(one: Writer, other: Writer) -> bool:
    """Whether both commit to tables, as services of one environment or systems may do on purpose."""
    apart = one.owner.system == other.owner.system and one.owner.environment != other.owner.environment
    return one.claim.table and other.claim.table and not apart


class Writers:
    """The folders of all systems of a run so far, without the texts of their files."""

    def __init__(self) -> None:
        self._folders: dict[str, Writer] = {}
        self._above: dict[str, Writer] = {}
        """The first folder that is in each folder."""

    def among(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for each folder that another system writes."""
        for mine in _writers(claims):
            other = self._other(mine.claim)
            if other is None or _both_add(mine, other):
                continue
            if mine.claim.severity is not None and other.claim.severity is not None:
                yield _apart(mine, other).but(severity=mine.claim.severity)

    def _other(self, claim: FolderClaim) -> Writer | None:
        outer = next((self._folders[folder] for folder in claim.above if folder in self._folders), None)
        return outer or self._above.get(claim.folder)

    def keep(self, claims: Claims) -> None:
        """Keep the folders of an environment, for those after it."""
        for writer in _writers(claims):
            kept = Writer(writer.owner, writer.claim.but(at=NOWHERE), kept_place(writer.claim.at))
            self._folders.setdefault(writer.claim.folder, kept)
            for folder in writer.claim.above:
                self._above.setdefault(folder, kept)


def folders(plan: Plan) -> tuple[FolderClaim, ...]:
    """The folders that an environment writes, but none that something is wrong with: that is reported already."""
    found: list[FolderClaim] = []
    for read in (_outputs, _capture, _learned, _features):
        try:
            found += read(plan)
        except (Unavailable, Refusal):
            continue
    return tuple(found)


def _outputs(plan: Plan) -> Iterator[FolderClaim]:
    shorthand = where(plan.system.metadata.name)  # `serving` has no name of its own
    for name, batch in plan.batch.items():
        output = batch.part.output
        under = "serving.output" if where(batch.part.own_name) == shorthand else output.spec_path
        table = output.format.value in TABLES
        yield from _claim(plan, SCORES, output.uri, output.access, (under, "uri"), service=name, table=table)


def _capture(plan: Plan) -> Iterator[FolderClaim]:
    found = [capture_of(plan, service.part) for service in plan.online.values()]
    for capture in [one for one in found if one is not None][:1]:
        yield from _claim(plan, PREDICTIONS, capture.to, capture.access, ("monitoring.capture", "to"))


def _learned(plan: Plan) -> Iterator[FolderClaim]:
    kept = plan.training.part.checkpoints if plan.training is not None else None
    if kept is not None:
        yield from _claim(plan, CHECKPOINTS, kept.to, kept.access, ("training.checkpoints", "to"))
    if plan.learning is not None:
        part = plan.learning.part
        yield from _claim(plan, CHECKPOINTS, part.to, part.access, ("retraining.online", "to"))


def _features(plan: Plan) -> Iterator[FolderClaim]:
    store = plan.store
    if store is not None:
        tables = store.part.tables
        yield from _claim(plan, FEATURES, store.folder, tables.access, ("features.materialization.tables", "uri"))


FEATURES = ("keeps its features in", "keep their features in")
SCORES = ("writes its scores to", "write their scores to")
PREDICTIONS = ("records its predictions in", "record their predictions in")
CHECKPOINTS = ("writes its checkpoints to", "write their checkpoints to")


def _claim(
    plan: Plan,
    does: tuple[str, str],
    uri: Because[str],
    access: Because[str] | None,
    place: tuple[str, str],
    *,
    service: str = "",
    table: bool = False,
) -> Iterator[FolderClaim]:
    """The claim of a folder; none of a topic or another thing that takes what all writers send."""
    folder = folder_of(plan, uri.value, access)
    if folder is not None:
        yield FolderClaim(
            service=service,
            does=does[0],
            they=does[1],
            uri=uri.value,
            folder=folder,
            table=table,
            at=_place(uri),
            key=place[1],
            under=place[0],
        )


def _place(uri: Because[str]) -> Span:
    return where(uri) or NOWHERE


_CAPTURED = (
    "readers look into folders, and a record does not say which {} made it, so drift and quality would be those of a "
    "mixture"
)
_REPLACED = "the last one that writes a file silently replaces the file of the other, and readers look into folders"


def _within(mine: Writer, other: Writer, *, both: bool) -> Diagnostic:
    """A finding between two environments or services of a system. `both`: whether another service of its own
    environment has the same folder as well.
    """
    environments = tuple(dict.fromkeys((other.owner.environment, mine.owner.environment)))
    alone = len(environments) == 1
    service = mine.claim.service if both or mine.claim.service != other.claim.service else ""
    name = "-".join(filter(None, (service, "" if alone else mine.owner.environment)))
    return _shared(
        mine,
        other,
        _names(mine, other),
        name or mine.claim.under.rpartition(".")[2],
        "" if alone else f" of the environment `{mine.owner.environment}`",
        "environment",
    ).but(environments=environments)


def _apart(mine: Writer, other: Writer) -> Diagnostic:
    """A finding between two systems."""
    name = "-".join(dict.fromkeys(filter(None, (mine.claim.service, *mine.owner))))
    found = _shared(mine, other, told(mine.owner, other.owner, apart=True), name, "", "system")
    return found.but(environments=(mine.owner.environment,))


def _shared(mine: Writer, other: Writer, names: tuple[str, str], name: str, within: str, what: str) -> Diagnostic:
    us, them = names
    one, two = mine.claim, other.claim
    said = f"{us} {one.does} `{one.uri}`, and {them} {two.does} `{two.uri}`"
    if (one.does, one.uri) == (two.does, two.uri):
        said = f"{them} and {us} both {one.they} `{one.uri}`"
    captured = one.under == two.under == "monitoring.capture"
    return of_both(
        FOLDER,
        said,
        one.at,
        (other.place or two.at, f"where {them} {two.does.partition(' ')[0]}"),
        _CAPTURED.format(what) if captured else _REPLACED,
        _way_out(one, two, name, within),
        (),
    )


def _way_out(one: FolderClaim, two: FolderClaim, name: str, within: str) -> str:
    if one.does == two.does == FEATURES[0]:
        return "rename one of the systems or environments: the keys of the online store have these names, too"
    return f"write `{one.key}: {_quoted(_next_to(one.uri, two.uri, name))}` under `{one.under}`{within}"


def _names(mine: Writer, other: Writer) -> tuple[str, str]:
    """How a message names two writers of a system: by what distinguishes them."""
    one, two = mine.claim, other.claim
    if mine.owner.environment == other.owner.environment:
        return f"`{one.service or one.under}`", f"`{two.service or two.under}`"
    if (one.service, one.under) == (two.service, two.under):
        return f"`{mine.owner.environment}`", f"`{other.owner.environment}`"
    us, them = (f"`{w.claim.service or w.claim.under}` in `{w.owner.environment}`" for w in (mine, other))
    return us, them


def _next_to(mine: str, other: str, name: str) -> str:
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
