"""`mlspec lint`: report errors in specs, and problems that would show up in production, or explain an ID."""

from __future__ import annotations

from collections.abc import Iterable

from ...compiler.check.lint import WRONG
from ...compiler.diagnostics import Diagnostic
from ...compiler.words import listing
from ..console import Console
from ..render import FORMATS
from ..render.text import summary
from .outcome import judged
from .request import Request
from .systems import Systems

__all__ = ["explain", "lint"]


class Selecting(Request):
    """A request for selected findings. It always includes the errors that make a spec invalid."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, found: Diagnostic) -> bool:
        """Whether the options select a finding."""
        if found.id.startswith(WRONG) and found.severity == "error":
            return True
        selected = not self.select or found.id.startswith(self.select)
        return selected and not (self.ignore and found.id.startswith(self.ignore))


def lint(request: Request, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> int:
    """Print the selected findings, and their number."""
    selected, ignored = _ids(select), _ids(ignore)
    unknown = _unknown((*selected, *ignored)) if selected or ignored else None
    if unknown is not None:
        request.console.complain(f"error: {unknown}")
        return 2
    given = {name: getattr(request, name) for name in Request._fields}
    systems = Systems(Selecting(**given, select=selected, ignore=ignored), judged)
    some = sum(1 for _ in systems)
    if some and systems.complete:
        request.console.say(summary(systems.counts))
    return systems.status


def explain(id: str, console: Console) -> int:  # noqa: A002 - the word that diagnostics use
    """Print what an ID means, as text or as JSON."""
    from ...compiler.check.rules import reference

    output, *others = console.outputs
    if others or output.file is not None or not output.form.explains:
        forms = listing(one.name for one in FORMATS if one.explains)
        console.complain(f"error: --explain takes one --format, {forms}, and no --output")
        return 2
    name = id.upper()
    if name not in reference.known():
        console.complain(f"error: {reference.no_such(id)}")
        return 2
    console.result(reference.as_json(name) if output.result else reference.explain(name))
    return 0


def _ids(given: Iterable[str]) -> tuple[str, ...]:
    """IDs or prefixes of IDs, which may be separated by commas."""
    return tuple(part.strip().upper() for text in given for part in text.split(",") if part.strip())


def _unknown(ids: Iterable[str]) -> str | None:
    """The error for the first prefix that no ID has."""
    from ...compiler.check.rules.reference import known, no_such

    return next((no_such(one) for one in ids if not any(name.startswith(one) for name in known())), None)
