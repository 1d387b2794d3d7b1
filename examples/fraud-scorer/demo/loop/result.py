"""What the demo found, as one document: `result.json`, which a test reads, and which the page is drawn from."""

from __future__ import annotations

from typing import Any

from .cluster import Run
from .observed import Observed
from .stage import Stage
from .stories import Story

__all__ = ["result"]


def result(stage: Stage, stories: list[Story], seconds: float) -> dict[str, Any]:
    """Everything, with times in days of the system."""
    observed, bank = stage.observed, stage.bank
    assert observed is not None
    assert bank is not None
    return {
        "version": 1,
        "holds": all(story.holds for story in stories),
        "seconds": round(seconds, 1),
        "day": stage.day,
        "payments": {"asked": bank.asked, "failed": bank.failed, "labeled": bank.labeled},
        "commits": stage.system.commits(),
        "stories": [_story(story) for story in stories],
        "events": observed.events,
        "alerts": {name: [[round(a, 2), round(b, 2)] for a, b in spans] for name, spans in observed.alerts.items()},
        "runs": [_run(run, observed) for run in stage.cluster.runs],
        "measured": [_measured(one, observed) for one in observed.measured],
    }


def _story(story: Story) -> dict[str, Any]:
    return {
        "number": story.number,
        "title": story.title,
        "told": story.told,
        "begin": round(story.begin, 2),
        "end": round(story.end, 2),
        "holds": story.holds,
        "verdict": story.verdict,
        "checks": story.checks,
    }


def _run(run: Run, observed: Observed) -> dict[str, Any]:
    steps = [
        {
            "name": step.name,
            "status": step.status,
            "began": round(observed.days(step.began), 2),
            "ended": round(observed.days(step.ended), 2),
            "said": step.said.strip().splitlines()[-1:],
        }
        for step in run.steps
    ]
    return {"name": run.name, "began": round(observed.days(run.began), 2), "steps": steps}


def _measured(one: dict[str, Any], observed: Observed) -> dict[str, Any]:
    """The series that the page draws."""
    drawn = ("mlspec_drift_distance", "mlspec_data_violation_ratio", "mlspec_quality")
    series = [each for each in one["series"] if each["name"].startswith(drawn)]
    return {"monitor": one["monitor"], "day": round(observed.days(one["time"]), 2), "series": series}
