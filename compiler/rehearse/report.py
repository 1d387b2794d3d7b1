"""What came out of a rehearsal."""

from __future__ import annotations

from ..record import Record
from .replay import Ended

__all__ = ["AlertTested", "MutantsTested", "Rehearsal", "RolloutScene", "RolloutTested", "SceneTested"]


class SceneTested(Record):
    """One scene of an alert."""

    name: str
    fires: bool
    """Whether the alert should fire in it, at some time."""
    passed: bool
    said: str
    """What promtool says about a scene that failed."""


class AlertTested(Record):
    """One alert; its scenes are those of all alerts of this name in a rule file."""

    service: str
    """The file of its rules."""
    alert: str
    scenes: tuple[SceneTested, ...]

    def count(self, *, fires: bool) -> tuple[int, int]:
        """How many scenes passed of those in which it fires, or of the others, and how many there are."""
        chosen = [scene.passed for scene in self.scenes if scene.fires is fires]
        return sum(chosen), len(chosen)


class RolloutScene(Record):
    """One scene of a rollout."""

    name: str
    expected: str
    ended: Ended

    @property
    def passed(self) -> bool:
        """Whether the rollout ended as it must."""
        return self.ended.verdict == self.expected


class RolloutTested(Record):
    """The rollout of one service."""

    service: str
    scenes: tuple[RolloutScene, ...]
    why: str = ""
    """Why nothing was replayed."""


class MutantsTested(Record):
    """Faults that were put into the rules, by kind, and how many of them the tests found."""

    operator: str
    killed: int
    survivors: tuple[str, ...]
    """Where a fault was not found."""


class Rehearsal(Record):
    """Everything about one environment."""

    environment: str
    alerts: tuple[AlertTested, ...]
    untested: tuple[str, ...]
    """The alerts that no scene makes fire."""
    queried: tuple[str, ...]
    """The alerts on a query of the author, which have no scene."""
    rollouts: tuple[RolloutTested, ...]
    mutants: tuple[MutantsTested, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every alert and every rollout did what it must. A fault that was not found fails nothing."""
        scenes = [scene.passed for alert in self.alerts for scene in alert.scenes]
        return all((*scenes, *(scene.passed for one in self.rollouts for scene in one.scenes))) and not self.untested
