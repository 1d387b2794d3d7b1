"""Series in the notation of promtool (prometheus.io, unit testing for rules): `a+bxn` is n + 1 samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from ..promql import within_quotes

__all__ = ["GONE", "NAN", "NEVER", "Series", "counter", "gauge", "labeled", "number"]

Series = dict[str, str]
"""The samples of each series, by its name and labels."""

NEVER = "_"
"""In place of a value: no sample."""

NAN = "NaN"
"""In place of a value: a sample that is not a number. The notation cannot repeat it."""

GONE = "stale"
"""In place of a value: the series ends. Its target is gone."""


def labeled(name: str, labels: Mapping[str, str]) -> str:
    """A series: `name{key="value"}`."""
    return _labeled(name, tuple(labels.items()))


@lru_cache(maxsize=256)  # most scenes of a service have the same few series
def _labeled(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    written = [f'{key}="{within_quotes(value)}"' for key, value in labels if value]
    return f"{name}{{{','.join(written)}}}"


@lru_cache(maxsize=512)  # most scenes have the same few rates and levels
def number(value: float) -> str:
    """A number without an exponent, to nine decimals."""
    return f"{value:.9f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


SLOW = 0.001
"""A growth that may be less than the rounding errors of a sum."""


def counter(phases: Iterable[tuple[int, float]], step: int = 1, start: float = 0.0) -> str:
    """A counter: the start, then, for phases of (minutes, growth per minute), a sample every `step` minutes.

    It never falls, because Prometheus takes a lower sample for a restart: promtool adds up rounded numbers, and where
    their sum is more than the next phase should start with, that starts with the sum.
    """
    at, parts, last = start, [number(start)], (float(number(start)), 0.0, 0)
    for minutes, growth in phases:
        count = minutes // step
        if count:
            grown = number(growth * step)
            first = number(at + growth * step)
            if growth * step < SLOW:
                first = _no_less(first, _sum(*last))
            parts.append(f"{first}+{grown}x{count - 1}")
            last = float(first), float(grown), count - 1
        at += count * step * growth
    return " ".join(parts)


def _sum(first: float, grown: float, times: int) -> float:
    """The last sample of `first+grownxtimes`, added up as promtool does (promql/parser/generated_parser.y)."""
    if first.is_integer() and grown.is_integer():
        return first + grown * times
    for _ in range(times):
        first += grown
    return first


def _no_less(written: str, least: float) -> str:
    return written if float(written) >= least else number(least + 1e-9)


def gauge(phases: Iterable[tuple[int, float | str]], step: int = 1) -> str:
    """A gauge: each value of (minutes, value) is there from the first minute of its phase to the last one."""
    return " ".join([_held(value, minutes // step) for minutes, value in phases if minutes >= step])


@lru_cache(maxsize=512)  # most scenes have the same few phases
def _held(value: float | str, samples: int) -> str:
    if not isinstance(value, str):
        return f"{number(value)}x{samples - 1}"
    if value == NEVER:
        return f"_x{samples}"
    if value == NAN:
        return " ".join([NAN] * samples)
    if value == GONE:
        return f"{GONE} _x{samples - 1}" if samples > 1 else GONE
    return f"{value}x{samples - 1}"
