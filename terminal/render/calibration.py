"""Calibrations as text: what was estimated and measured, the shares that follow, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from ...compiler.plan.choose import seconds

if TYPE_CHECKING:
    from ...compiler.answer.calibration.solve import Calibration

__all__ = ["text", "yaml"]

HEAD = ("time", "estimate", "measured", "share of the data sheet", "new estimate")
WIDTHS = (18, 8, 8, 28)
"""A row fits into 80 columns."""


def text(environment: str, found: Calibration, width: int) -> str:
    """A calibration for a terminal of some width."""
    return "\n".join(_lines(environment, found, width))


def _lines(environment: str, found: Calibration, width: int) -> Iterator[str]:
    times = f"{found.devices} x " if found.devices > 1 else ""
    yield f"in {environment}: {found.service} on {times}`{found.accelerator}`"
    yield _row(*HEAD)
    for share in found.shares:
        change = f"{share.field} {share.before} -> {share.after}"
        yield _row(share.what, seconds(share.estimate), seconds(share.measured), change, seconds(share.then))
    for said in found.kept:
        yield from _wrapped(said, width)
    yield "  assumptions:"
    for said in found.assumptions:
        yield from _wrapped(f"- {said}", width)


def _row(*cells: str) -> str:
    padded = [f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=False)]
    return f"  {' '.join((*padded, *cells[len(WIDTHS) :]))}".rstrip()


def _wrapped(said: str, width: int) -> Iterator[str]:
    yield from wrap(said, max(40, width), initial_indent="  ", subsequent_indent="    ")


def yaml(values: Iterable[tuple[tuple[str, ...], str]], comment: str) -> str:
    """Values at paths as YAML, each with a comment."""
    lines: list[str] = []
    before: tuple[str, ...] = ()
    for path, value in values:
        for depth, step in enumerate(path[:-1]):
            if path[: depth + 1] != before[: depth + 1]:
                lines.append(f"{'  ' * depth}{step}:")
        lines.append(f"{'  ' * (len(path) - 1)}{path[-1]}: {value} {comment}")
        before = path[:-1]
    return "\n".join(lines)
