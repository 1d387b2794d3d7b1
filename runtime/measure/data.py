"""`mlspec runtime data`: missing values and violated expectations in the captured predictions of a window."""

from __future__ import annotations

from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from .expectations import Checked
from .measured import Measured, Series
from .profiling import read_of
from .settings import Settings, settings_of
from .tables import batches

__all__ = ["Data", "data_of", "measure"]


class Data(Record):
    """The measured series, with what led to them."""

    measured: Measured
    checked: tuple[Checked, ...]
    rows: int

    @property
    def lines(self) -> list[str]:
        """One line for each column."""
        return [_line(each) for each in self.checked] if self.rows else ["no rows: nothing was captured in the window"]

    @property
    def violated(self) -> bool:
        """Whether any row violates an expectation, or a column has more nulls than `nullShare`."""
        return any(each.violating or each.broken or each.too_many_nulls for each in self.checked)


def measure(config: Any, at: float | None, capture: str | None = None) -> Measured:
    """The series of the window that ends at a time. Raises Unreadable and OSError."""
    return data_of(config, at, capture).measured


def data_of(config: Any, at: float | None, capture: str | None = None) -> Data:
    """Measure the window that ends at a time; the last complete one if None. Raises Unreadable and OSError."""
    settings = settings_of(config)
    where = capture or settings.capture
    if where is None:
        raise Unreadable("the configuration has no `monitoring.capture.uri`, so there are no predictions to check")
    required = {each.column for each in settings.watched}
    checked = {each["name"]: Checked(each) for each in _expected(settings, config)}
    if not checked:
        raise Unreadable("the configuration has neither `data.columns` nor `monitoring.drift.columns` to check")
    window, rows = settings.ending(at), 0
    for batch in batches([where], (*checked,), window, settings.unwrapped):
        rows += batch.num_rows
        for name, each in checked.items():
            each.add(read_of(batch, name), there=name in batch.schema.names)
    # a column of the training data that no prediction is captured with is not an input of the model
    found = tuple(each for name, each in checked.items() if rows and (each.there or name in required))
    series = [series for each in found for series in _series(each)]
    measured = Measured(monitor="data", time=window[1], window=window, series=tuple(series))
    return Data(measured=measured, checked=found, rows=rows)


def _expected(settings: Settings, config: Any) -> list[dict[str, Any]]:
    """The columns that are known when a prediction is made, and those whose drift is measured."""
    labels = config.get("data", {}).get("labels", {})
    label = labels.get("column") if isinstance(labels, dict) else None
    known = [each for each in settings.columns if each.get("available") != "after-outcome" and each["name"] != label]
    names = {each["name"] for each in known}
    added = dict.fromkeys(each.column for each in settings.watched if each.column not in names)
    return [*known, *({"name": name} for name in added)]


def _series(each: Checked) -> list[Series]:
    labels = {"column": each.name}
    nulls = Series(name="mlspec_null_ratio", labels=labels, value=each.null_ratio)
    if set(each.expected) <= {"name"}:
        return [nulls]
    return [nulls, Series(name="mlspec_data_violation_ratio", labels=labels, value=each.violation_ratio)]


def _line(each: Checked) -> str:
    share = each.expected.get("nullShare")
    limit = f" (at most {_percent(share)})" if isinstance(share, (int, float)) else ""
    said = f"{shown(each.name)}: {_percent(each.null_ratio)} missing{limit}"
    if set(each.expected) <= {"name"}:
        return said
    broken = ", ".join(f"{count:,} {name}" for name, count in sorted(each.broken.items()))
    return (
        f"{said}, {_percent(each.violation_ratio)} of {each.rows:,} rows in violation{f': {broken}' if broken else ''}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
