"""Measurements in the text format of Prometheus (prometheus.io, exposition formats, version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...compiler.exported import named
from ..measure.measured import Measured, Series

__all__ = ["CONTENT_TYPE", "LAST", "text_of"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LAST = "mlspec_monitor_last_success_timestamp_seconds"


def text_of(measured: Iterable[Measured], succeeded: Mapping[str, float], common: Mapping[str, str]) -> str:
    """The newest measurements with `common` added to the labels of every series, and when each job last succeeded."""
    series = [each for one in measured for each in one.series]
    series += [Series(name=LAST, labels={"monitor": job}, value=time) for job, time in sorted(succeeded.items())]
    by_name: dict[str, list[Series]] = {}
    for each in series:
        by_name.setdefault(each.name, []).append(each)
    return "".join(_family(name, by_name[name], common) for name in sorted(by_name))


def _family(name: str, series: list[Series], common: Mapping[str, str]) -> str:
    """One metric. Its lines must be together."""
    known = named(name)
    lines = [f"# HELP {name} {_help(known.help)}", f"# TYPE {name} {'counter' if known.counter else 'gauge'}"]
    lines += [f"{name}{{{_labels({**common, **each.labels})}}} {_number(each.value)}" for each in series]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_quoted(value)}"' for name, value in sorted(labels.items()) if value)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
