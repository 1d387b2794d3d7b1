"""What all commands on specs share: the request, and the systems that it names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...compiler.check.collisions import Ledger
from ...compiler.check.rules.registry import RULES
from ...compiler.diagnostics import Diagnostic
from ...compiler.inputs import Input
from ...compiler.pipeline import Compiled, compile_system, missing_environments
from ...compiler.record import Record
from ...targets.registry import BACKENDS
from ..console import Console
from ..releases import seen
from ..render.report import Subject
from ..workspace import STDIN, Options, find, load
from .outcome import Outcome, whole
from .spread import WorkerDiedError, spread

__all__ = ["OWN_FOLDERS", "Request", "Systems", "folder_of"]


class Request(Record):
    """What a command works on, and how it prints its results."""

    specs: tuple[str, ...]
    options: Options
    environments: tuple[str, ...] = ()
    out: str | None = None
    today: str | None = None
    console: Console = Console()

    def wants(self, found: Diagnostic) -> bool:  # noqa: ARG002 - a command may select some
        """Whether the command reports a finding."""
        return True

    def compile(self, input_: Input, *only: str) -> Compiled:
        """Compile one system with all targets and rules, for the requested environments."""
        return compile_system(input_, BACKENDS, RULES, self.today, only or self.environments)


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
        self._ledger = Ledger()

    def __iter__(self) -> Iterator[Outcome]:
        paths, missing = find(self.request.specs)
        if self.request.console.would_replace(paths):
            self._wrong()
            return
        for found in missing:
            self._wrong()
            self._tell(found.span.file.name, [found])
        try:
            yield from () if missing else self._each(paths)
        except WorkerDiedError as died:
            self.complete = False
            self._wrong(str(died))
            return  # a report without the other systems would look as if they had no findings
        self.status = self.request.console.report(self.subjects, self.status)

    def _each(self, paths: list[str]) -> Iterator[Outcome]:
        for alone in map(self._one, paths) if STDIN in paths or self.take is whole else spread(self._one, paths):
            system = self._among_others(alone)
            self.status = max(self.status, system.status)
            self._tell(system.shown, [d for d in system.found if self.warnings or d.severity == "error"])
            if self._has_environments(system):
                yield system

    def _among_others(self, system: Outcome) -> Outcome:
        """The system with its collisions with those before it. It is the one that is not written."""
        found = [one for one in self._ledger.add(system.claims) if self.request.wants(one)]
        return system.but(found=(*system.found, *found), claims=()) if found else system

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
        before = seen(Path(path).parent) if path != STDIN else ()
        return self.take(self.request.compile(load(path, self.request.options))).but(seen=before)

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


OWN_FOLDERS = "pass -o DIR, where each system has a folder of its own, or move one of them to another folder"


def folder_of(system: Outcome, out: str | None) -> Path:
    """The output folder of a system: its name inside the requested folder, or `out` next to its spec."""
    return Path(out) / (system.name or "unnamed") if out is not None else system.folder / "out"
