"""The design document as a file of the output, next to the folders of the environments.

It is not a target: it tells what lint found and what has no effect yet, and both are known only after all targets have
run. It has no say in what has an effect, either, because it shows nearly everything that a spec declares.
"""

from __future__ import annotations

from ...because import because
from ...conventions import MARKDOWN_HEADER
from ...emit.artifact import SYSTEM, Artifact
from ...emit.dump import Line, Lines
from ...link import Bundle, bundled
from ...pipeline import Compiled
from . import drafted
from .markdown import markdown
from .places import chief

__all__ = ["FILE", "after_release", "bundles", "document", "together"]

FILE = "design.md"

NOTE = (
    "A value without a reason is stated in `{spec}`. The others are decisions of the planner, and the field next to "
    "them overrides them. `mlspec explain {spec} _system/design.md:LINE` shows all that a line rests on."
)


def bundles(compiled: Compiled) -> tuple[Bundle, ...]:
    """What is written: the bundle of each environment, then that of all together with the design document."""
    whole = together(compiled)
    return compiled.bundles if whole is None else (*(one.bundle for one in compiled.environments), whole)


def together(compiled: Compiled) -> Bundle | None:
    """The bundle of all environments together; None if only some of them were compiled."""
    if not compiled.environments or len(compiled.environments) < len(compiled.declared):
        return None
    made = compiled.whole.bundle if compiled.whole is not None else None
    artifacts = (*(made.made if made is not None else ()), document(compiled))
    return bundled(artifacts, SYSTEM, compiled.input.name, complete=made is None or made.complete)


def after_release(part: Compiled, everything: Compiled) -> tuple[Bundle, ...]:
    """What a new release of some environments changes: their bundles, and the document, which tells what is live.

    `everything` is the same system with all environments, as it will be read from files, because the document names
    them. If one of the others has an error, the document does not change.
    """
    whole = None if everything.failed else together(everything)
    own = tuple(one.bundle for one in part.environments)
    return own if whole is None else (*own, whole)


def document(compiled: Compiled) -> Artifact:
    """The document of a system, as Markdown."""
    spec, main = compiled.input.name, chief(compiled.environments)
    why = because(FILE, "describes the whole system", main)
    header, notes = MARKDOWN_HEADER.format(spec=spec), (NOTE.format(spec=spec),)
    title = f"System design: {compiled.name or 'unnamed'}"

    def lines() -> list[Line]:
        draft = drafted(compiled)
        return [header, "", *markdown(title, notes, draft.sections, draft.scene.place).lines]

    return Artifact(path=FILE, body=Lines.later(lines, main), why=why)
