"""The system design document: what an architect would bring to a review, from the spec and the plan.

Each section is a function from one environment to blocks: paragraphs, facts, tables, charts, and gaps. The blocks hold
values with reasons, so each line of the document knows what it rests on. A section never is empty: what the spec does
not declare is a gap that names the field. The document describes one environment in full, and says what differs in the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...because import Because, Unavailable
from ...finding import Refusal
from ...pipeline import Compiled
from ...record import Record
from . import learning, outlook, pipeline, places, purpose, running
from .document import DesignDocument, DesignSection
from .draft import Block, Section, paragraph, worded
from .scene import Scene

__all__ = ["Draft", "design", "drafted"]

_Write = Callable[[Scene], Iterator[Block]]

SECTIONS: tuple[tuple[str, str, _Write], ...] = (
    ("summary", "Summary", purpose.short),
    ("use-case", "Use case", purpose.use_case),
    ("business-metric", "Business metric", purpose.business),
    ("constraints", "Constraints", purpose.constraints),
    ("model-selection", "Model selection", learning.selection),
    ("data-pipeline", "Data pipeline", pipeline.data),
    ("training-strategy", "Training strategy", learning.training),
    ("inference", "Inference", running.inference),
    ("monitoring", "Monitoring", running.monitoring),
    ("rollout-plan", "Rollout plan", running.rollout),
    ("success-criteria", "Success criteria", outlook.success),
    ("cost", "Cost", outlook.cost),
    ("risks", "Risks and assumptions", outlook.risks),
)


UNDECIDED = Because("Undecided, because the spec has an error here: see `mlspec lint`.")

COVERS = {
    "model-selection": ("model", "models"),
    "data-pipeline": ("data", "features"),
    "training-strategy": ("training", "evaluation"),
    "inference": ("serving", "services"),
    "monitoring": ("monitoring", "retraining", "releases", "release"),
    "rollout-plan": ("rollout",),
}
"""The parts of a spec that a section is about."""


class Draft(Record):
    """The document with all reasons."""

    scene: Scene
    environment: Because[str]
    """The environment that it describes, and why this one."""
    sections: tuple[Section, ...]


def drafted(compiled: Compiled) -> Draft:
    """The document of a system with at least one environment."""
    scenes = [Scene(compiled, environment) for environment in compiled.environments]
    main = places.chief(compiled.environments)
    scene = next(one for one in scenes if one.environment.name == main.value)
    sections = [_section(key, title, write, scene) for key, title, write in SECTIONS]
    sections.append(_section("environments", "Environments", lambda _: places.differences(scenes, main), scene))
    sections.append(_section("open-points", "Open points", lambda one: outlook.open_points(one, sections), scene))
    return Draft(scene=scene, environment=main, sections=tuple(sections))


def design(compiled: Compiled) -> DesignDocument:
    """The document as plain text."""
    draft = drafted(compiled)
    sections = (
        DesignSection(
            key=one.key, title=one.title, blocks=tuple(worded(block, draft.scene.place) for block in one.blocks)
        )
        for one in draft.sections
    )
    return DesignDocument(
        system=compiled.name or "unnamed", environment=draft.environment.value, sections=tuple(sections)
    )


def _section(key: str, title: str, write: _Write, scene: Scene) -> Section:
    """A section, as far as the spec allows."""
    blocks: list[Block] = []
    try:
        blocks += write(scene)
        blocks += outlook.not_compiled(scene, COVERS.get(key, ()))
    except (Refusal, Unavailable):
        blocks += paragraph(UNDECIDED)
    return Section(key=key, title=title, blocks=tuple(blocks or paragraph(UNDECIDED)))
