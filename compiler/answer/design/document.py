"""The design document as plain records, for JSON, for pages, and for the Python API."""

from __future__ import annotations

from ...record import Record, one_line

__all__ = [
    "DesignAmount",
    "DesignBlock",
    "DesignChart",
    "DesignDocument",
    "DesignFact",
    "DesignFacts",
    "DesignGap",
    "DesignSection",
    "DesignTable",
    "DesignText",
]


class DesignText(Record):
    """A paragraph. Text between two backticks is code, such as a path of the spec."""

    text: str


class DesignGap(Record):
    """What the spec does not declare, and the field that declares it."""

    what: str
    """A clause without a final period: `the business metric is not declared`."""
    field: str
    """The path in the spec, such as `problem.businessMetric`."""
    why: str
    """What follows from its absence."""
    compiled: bool
    """Whether this version of mlspec compiles the field."""


class DesignFact(Record):
    """One value of the spec or decision of the planner, with its reason."""

    title: str
    value: str
    why: str
    """The reason and its arithmetic; empty if a file sets the value."""
    field: str
    """The path that sets or overrides the value; empty if it follows from other decisions."""
    where: str = ""
    """The line that sets it, such as `mlspec.yaml:13`; empty if the planner decides."""


class DesignFacts(Record):
    """Facts that belong together."""

    caption: str
    facts: tuple[DesignFact, ...]


class DesignTable(Record):
    """A table of texts; the first cell of a row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class DesignAmount(Record):
    """One part of a chart; all parts have the same unit."""

    name: str
    amount: float
    said: str
    """The amount in words."""
    least: float
    most: float
    """The ends of the range that the amount moves in."""
    lasts: float = 0.0
    """How many minutes it lasts, in a chart over time."""


class DesignChart(Record):
    """A chart of amounts: bars next to each other, or a line over time if the amounts last."""

    title: str
    unit: str
    amounts: tuple[DesignAmount, ...]
    limit: float | None = None
    """The bound on the sum of the amounts, if there is one."""


DesignBlock = DesignText | DesignGap | DesignFacts | DesignTable | DesignChart


class DesignSection(Record):
    """One section: paragraphs, facts, tables, charts, and what is missing, in reading order."""

    key: str
    """Its name in links and in JSON, such as `model-selection`."""
    title: str
    blocks: tuple[DesignBlock, ...]


class DesignDocument(Record):
    """The system design document."""

    system: str
    environment: str
    """The environment whose plan it describes."""
    sections: tuple[DesignSection, ...]

    def __repr__(self) -> str:
        return one_line(self, f"{self.system} in {self.environment}: {len(self.sections)} sections")
