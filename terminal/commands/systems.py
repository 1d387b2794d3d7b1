"""The systems that a request names, compiled one after the other or taken from the user's cache."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...compiler.check.claims import Claims
from ...compiler.check.outline import Neighbors
from ...compiler.diagnostics import Diagnostic
from ...compiler.pipeline import Compiled, missing_environments
from ..render.report import Subject
from ..texts import STDIN, gathered, seen
from ..workspace import find, load, parsed
from .outcome import Outcome, judged, made, whole
from .request import Request, folder_of
from .spread import WorkerDiedError, spread

if TYPE_CHECKING:
    from .remembered import Remembered

__all__ = ["OWN_FOLDERS", "Systems"]

OWN_FOLDERS = "pass -o DIR, where each system has a folder of its own, or move one of them to another folder"


class Systems:
    """The systems that a request names, a few at a time, so that a thousand take little more memory than one.

    Prints findings right away, and reports all of them at the end. `status` is the exit status so far, from the
    findings and from the request itself. `take` extracts what the command needs from each system.
    """

    def __init__(self, request: Request, take: Callable[[Compiled], Outcome], *, warnings: bool = True) -> None:
        self.request = request
        self.take = take
        self.warnings = warnings
        self.status = 0
        self.complete = True
        """Whether all systems were compiled, as far as possible."""
        self.counts: Counter[str] = Counter()
        """The number of findings so far, by severity."""
        self.subjects: list[Subject] = []
        """The findings, if an output repeats them at the end. If not, keeping them would fill the memory."""
        self._claimed: dict[str, str] = {}
        self._neighbors = Neighbors()
        self._remembered: Remembered | None = None

    def __iter__(self) -> Iterator[Outcome]:
        paths, missing = find(self.request.specs)
        if self.request.console.would_replace(paths):
            self._wrong()
            return
        for found in missing:
            self._wrong()
            self._tell(found.span.file.name, [found])
        try:
            yield from () if missing else self._all(paths)
        except WorkerDiedError as died:
            self.complete = False
            self._wrong(str(died))
            return  # a report without the other systems would look as if they had no findings
        self.status = self.request.console.report(self.subjects, self.status)

    def _all(self, paths: list[str]) -> Iterator[Outcome]:
        """All systems, the ones that the cache knows from there."""
        if self.take is not whole:
            self._remembered = _remembered(self.request, written=self.take is made)
        known = {path: outcome for path in paths if (outcome := self._recalled(path)) is not None}
        rest = [path for path in paths if path not in known]
        alone = map(self._one, rest) if STDIN in paths or self.take is whole else spread(self._one, rest)
        for path in paths:
            yield from self._judged(path, known.pop(path) if path in known else next(alone))
        if self._remembered is not None:
            self._remembered.close(pruned=bool(rest))

    def _judged(self, path: str, alone: Outcome) -> Iterator[Outcome]:
        """The system, with its collisions with those before it, unless it lacks an environment that is asked for."""
        system = self._among_others(path, alone)
        self.status = max(self.status, system.status)
        self._tell(system.shown, [d for d in system.found if self.warnings or d.severity == "error"])
        if self._has_environments(system):
            yield system

    def _recalled(self, path: str) -> Outcome | None:
        return self._remembered.outcome(path) if self._remembered is not None and path != STDIN else None

    def _among_others(self, path: str, system: Outcome) -> Outcome:
        """The system with its collisions with those before it. It is the one that is not written."""
        found = (*system.found, *self._neighbors.add(system.outline, lambda: self._claims(path, system.claims)))
        return system.but(found=tuple(one for one in found if self.request.wants(one)), claims=())

    def _claims(self, path: str, known: tuple[Claims, ...]) -> tuple[Claims, ...]:
        """The claims of a system, read or compiled again unless it has them."""
        if known or self._remembered is None:
            return known
        again = self._remembered.outcome(path, claims=True)
        return (
            again.claims if again is not None else judged(self.request.compile(load(path, self.request.options))).claims
        )

    def _tell(self, name: str, found: list[Diagnostic]) -> None:
        self.counts.update(one.severity for one in found)
        if self.request.console.reports:
            self.subjects.append(Subject(name=name, found=tuple(found)))
        self.request.console.tell(found)

    def add(self, found: Iterable[Diagnostic]) -> None:
        """Add errors that the command found in the current system and has already printed."""
        more = tuple(found)
        self.counts.update(one.severity for one in more)
        if self.request.console.reports:
            last = self.subjects[-1]
            self.subjects[-1] = last.but(found=(*last.found, *more))
        self.status = max(self.status, 1 if more else 0)

    def _one(self, path: str) -> Outcome:
        if path == STDIN:
            return self.take(self.request.compile(load(path, self.request.options)))
        before, texts = seen(Path(path).parent), gathered(path, self.request.options.platform)
        compiled = self.request.compile(parsed(texts, self.request.options))
        outcome = self.take(compiled).but(seen=before)
        return self._remembered.add(path, texts, compiled, outcome) if self._remembered is not None else outcome

    def current(self, system: Outcome) -> Outcome:
        """The system with its release files as they are now, which another command may have changed meanwhile.

        Call it under the lock. It prints the new findings if the system has errors now.
        """
        if system.shown == STDIN or seen(system.folder) == system.seen:
            return system
        again = self._one(system.shown)
        if again.failed:
            self.status = max(self.status, again.status)
            self._tell(again.shown, [d for d in again.found if d.severity == "error"])
        return again

    def _wrong(self, what: str | None = None) -> None:
        self.status = 2
        if what is not None:
            self.request.console.complain(f"error: {what}")

    def _has_environments(self, system: Outcome) -> bool:
        missing = missing_environments(system.shown, system.declared, self.request.environments)
        for error in missing:
            self._wrong(str(error))
        return not missing

    def folder(self, system: Outcome) -> Path | None:
        """The output folder of a system; None, after an error, if another system has claimed the folder."""
        folder = folder_of(system, self.request.out)
        other = self._claimed.setdefault(os.path.realpath(folder), system.shown)
        if other != system.shown:
            way_out = "give the systems different names" if self.request.out is not None else OWN_FOLDERS
            self._wrong(f"{other} and {system.shown} both write to {folder}: {way_out}")
            return None
        return folder

    def wrote(self, system: Outcome, folder: Path) -> None:
        """Note that a folder has the output of a system now, so that the next run need not compare it."""
        if self._remembered is not None:
            self._remembered.wrote(system, str(folder))


def _remembered(request: Request, *, written: bool) -> Remembered | None:
    """What the user's cache knows for a request; None if there is no cache."""
    from ..cache.folder import Folder

    folder = Folder.opened()
    if folder is None:
        return None
    from .remembered import Remembered  # it needs OpenSSL's digests, which take longer to load than most of mlspec

    return Remembered(request, folder, written=written)
