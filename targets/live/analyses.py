"""The live state of the analyses of a Rollout: what each metric measured last, and its limit in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .values import Analysis, Measurement, Object, Related

__all__ = ["RUNS", "analyses"]

RUNS = {"currentStepAnalysisRunStatus": "step", "currentBackgroundAnalysisRunStatus": "background"}
"""The fields of a Rollout's status that name the runs, and the role of each."""


def analyses(rollout: Object, related: Related) -> Iterator[Analysis]:
    """The analyses that run now."""
    canary = rollout.get("status", {}).get("canary", {})
    known = {body["metadata"]["name"]: body for body in related.analyses}
    for key, role in RUNS.items():
        run = canary.get(key)
        if not run:
            continue
        live = known.get(run["name"], {})
        status = live.get("status", {})
        yield Analysis(
            name=run["name"],
            role=role,
            phase=status.get("phase") or run.get("status", ""),
            since=status.get("startedAt") or live.get("metadata", {}).get("creationTimestamp"),
            measurements=tuple(_measurements(live)),
            message=status.get("message") or run.get("message", ""),
        )


def _measurements(run: Object) -> Iterator[Measurement]:
    results = {one["name"]: one for one in run.get("status", {}).get("metricResults") or []}
    for metric in run.get("spec", {}).get("metrics", []):
        result = results.get(metric["name"], {})
        last = (result.get("measurements") or [{}])[-1]
        yield Measurement(
            metric=metric["name"],
            result=last.get("phase", "Pending"),
            value=_value(last.get("value")),
            limit=_limit(metric),
            at=last.get("finishedAt") or last.get("startedAt"),
            count=result.get("count", 0),
            message=last.get("message") or result.get("message", ""),
        )


def _value(value: str | None) -> str | None:
    """A measured value without the brackets of a vector with one element; `no data` for an empty one."""
    if value is None:
        return None
    inner = value.strip().removeprefix("[").removesuffix("]").strip()
    return inner or "no data"


_COMPARED = re.compile(r"result(?:\[0\])?\s*(<=|>=|<|>)\s*([0-9.eE+-]+)")
_WORDS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above"}


def _limit(metric: Object) -> str | None:
    """The condition of success in words, or as it is written."""
    condition_ = metric.get("successCondition")
    if condition_ is None:
        return f"fails if {metric['failureCondition']}" if "failureCondition" in metric else None
    found = _COMPARED.findall(condition_)
    return " and ".join(f"{_WORDS[sign]} {number}" for sign, number in found) or str(condition_)
