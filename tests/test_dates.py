"""Dates: those that exist, those on the wrong side of today, and the ends of suppressions."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.check.lint import suppressions
from mlspec.compiler.diagnostics import SourceFile
from mlspec.schema.scalars import SCALARS

from .online import spec
from .support import changed, dumped

PATTERN = SCALARS["date"].pattern or ""


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1900, 2000, 2026, 2028, 2100])
def test_the_days_of_a_year_are_those_of_the_calendar(year: int) -> None:
    first = date(year, 1, 1)
    real = {str(first + timedelta(days=n)) for n in range(366) if (first + timedelta(days=n)).year == year}
    read = {
        day
        for month in range(14)
        for number in range(33)
        if re.fullmatch(PATTERN, day := f"{year:04}-{month:02}-{number:02}")
    }
    assert read == real


def test_a_timestamp_needs_a_day_that_exists() -> None:
    pattern = SCALARS["timestamp"].pattern or ""
    assert re.fullmatch(pattern, "2028-02-29T04:12:00Z")
    assert not re.fullmatch(pattern, "2026-02-29T04:12:00Z")


@pytest.mark.parametrize(
    ("comment", "until"),
    [
        ("known until 2026-11-30", "2026-11-30"),
        ("until 2026-11-30, as agreed", "2026-11-30"),
        ("until 2026-11-30 or until 2026-12-31", "2026-12-31"),
        ("until 2026-11-301", None),
        ("until the migration is done", None),
    ],
)
def test_a_suppression_ends_wherever_its_comment_says_so(comment: str, until: str | None) -> None:
    (found,) = suppressions(SourceFile("mlspec.yaml", f"a: 1  # mlspec: ignore[MLS501] {comment}\n"))
    assert found.until == until


@pytest.mark.parametrize(("today", "found"), [("2026-11-23", []), ("2027-01-01", ["MLS289"]), (None, [])])
def test_a_target_is_late_on_the_day_after_its_date(tmp_path: Path, today: str | None, found: list[str]) -> None:
    success: list[dict[str, Any]] = [{"metric": "latency-p99", "max": "50ms", "by": "2026-12-31"}]
    path = tmp_path / "mlspec.yaml"
    path.write_text(dumped(changed(spec(), success=success)), encoding="utf-8")
    assert [one.id for one in mlspec.lint(path, today=today) if one.id == "MLS289"] == found
