"""The design document as one HTML page that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...compiler.answer.design.document import (
    DesignAmount,
    DesignBlock,
    DesignChart,
    DesignDocument,
    DesignFact,
    DesignFacts,
    DesignGap,
    DesignSection,
    DesignTable,
    DesignText,
)
from .bars import Bar, bars
from .charts import Line, chart
from .page import Html, code, document, joined, table, tag

__all__ = ["page"]

FACTS = ("what", "value", "reason", "field")
NOTE = (
    "Environment {environment}. Each value names the field that sets it, or the reason for which the planner chose it."
)


def page(design: DesignDocument) -> str:
    """The page of a document."""
    body = (part for section in design.sections for part in _section(section))
    note = NOTE.format(environment=design.environment)
    return document(f"System design: {design.system}", [_contents(design.sections), *body], note)


def _contents(sections: Iterable[DesignSection]) -> Html:
    links = (tag("a", one.title, href=f"#{one.key}") for one in sections)
    return tag("nav", joined(links, "\n"), aria_label="Sections")


def _section(section: DesignSection) -> Iterator[Html]:
    yield tag("h2", section.title, id=section.key)
    charts: list[Html] = []
    for block in section.blocks:
        if isinstance(block, DesignChart):
            charts.append(_chart(block))
            continue
        if charts:
            yield tag("div", *charts, class_="charts")
            charts = []
        yield _block(block)
    if charts:
        yield tag("div", *charts, class_="charts")


def _block(block: DesignBlock) -> Html:
    if isinstance(block, DesignText):
        return tag("p", inline(block.text))
    if isinstance(block, DesignGap):
        return _gap(block)
    if isinstance(block, DesignFacts):
        return _facts(block)
    if isinstance(block, DesignTable):
        rows = (tuple(map(inline, row)) for row in block.rows)
        return table(block.head, rows, block.caption, "design")
    return _chart(block)


def inline(text: str) -> Html:
    """Text in which what is between two backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or "" in parts[1::2]:
        return joined([text])
    return joined(code(part) if at % 2 else part for at, part in enumerate(parts))


def _gap(gap: DesignGap) -> Html:
    lead = tag("strong", "Not declared: ")
    if gap.compiled:
        inside = (lead, inline(gap.what), ". Write ", code(gap.field), ": ", inline(gap.why), ".")
    else:
        inside = (lead, inline(gap.what), ": ", inline(gap.why), ". This version of mlspec does not compile ",
                  code(gap.field), " yet.")  # fmt: skip
    return tag("p", *inside, class_="gap")


def _facts(block: DesignFacts) -> Html:
    """A row for each fact; no column for reasons if none has one."""
    rows = [_fact(one) for one in block.facts]
    if any(one.why for one in block.facts):
        return table(FACTS, rows, block.caption, "design reasoned")
    bare = ((what, value, field) for what, value, _, field in rows)
    return table((*FACTS[:2], FACTS[3]), bare, block.caption, "design stated")


def _fact(one: DesignFact) -> tuple[str, str, str, str]:
    where = [" ", tag("span", f"({one.where})", class_="faint")] if one.where else []
    field = joined([code(one.field), *where]) if one.field else joined(where)
    return one.title, inline(one.value), inline(one.why), field


# Charts


def _chart(one: DesignChart) -> Html:
    return _steps(one) if any(part.lasts for part in one.amounts) else _bars(one)


def _bars(one: DesignChart) -> Html:
    said = "; ".join(f"{part.name} {part.said}".rstrip() for part in one.amounts)
    drawn = [Bar(part.name, part.amount, part.said, part.least, part.most) for part in one.amounts]
    return bars(one.title, said, drawn, (one.unit, "from the minimum replicas to the peak"))


def _steps(one: DesignChart) -> Html:
    points, until = _points(one.amounts)
    return chart(one.title, one.unit, until, [Line("the new version", points, "one", steps=True)])


def _points(amounts: Iterable[DesignAmount]) -> tuple[list[tuple[float, float]], float]:
    """The beginning of each step and its amount, and the end of the last one."""
    at, points = 0.0, []
    for one in amounts:
        points.append((at, one.amount))
        at += one.lasts
    return [*points, (at, points[-1][1] if points else 0.0)], at
