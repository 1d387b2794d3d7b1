"""What the providers of each capability write, as records of pure functions.

A product is one such record in its own module, listed in `targets/registry.py`, and one entry of the same name in
`compiler/catalog/providers/`. The entry declares what the product supports; the record covers only what it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..compiler.because import Because
from ..compiler.emit.artifact import Artifact, Body
from ..compiler.kinds import Object
from ..compiler.plan.scope import Scope
from ..compiler.plan.service import ServicePlan
from ..compiler.provider import Provider
from ..compiler.record import Record
from ..compiler.scenes.notation import labeled
from ..compiler.system import Scheduling
from ..schema.units import Duration

if TYPE_CHECKING:
    from ..compiler.scenes.analysis import Replayed

__all__ = [
    "AutoscalingProvider",
    "Moving",
    "OrchestrationProvider",
    "Phase",
    "Phases",
    "Replicas",
    "RolloutProvider",
    "Runs",
    "Sample",
    "Scaler",
    "TrafficProvider",
    "no_artifacts",
]


def no_artifacts(_: ServicePlan) -> Iterable[Artifact]:
    """For a provider that writes no objects."""
    return ()


class Sample(Record):
    """A series that a controller exports, as an example of what a query selects."""

    name: str
    labels: Mapping[str, Because[str] | str]
    own: Because[str] | None = None
    """The namespace of the object, if the series is the controller's: see `exported`."""

    @property
    def series(self) -> str:
        """In promtool's notation, as a scrape that keeps the labels of the controller stores it."""
        labels = {key: part.value if isinstance(part, Because) else part for key, part in self.labels.items()}
        own = {"namespace": "controllers", "exported_namespace": self.own.value} if self.own is not None else {}
        return labeled(self.name, {**own, **labels})


class Phase(Record):
    """A state of a rollout that an engineer must know about."""

    seen: Because[str]
    """How Prometheus sees it: a query that is 1 then."""
    action: Because[str]
    """What the engineer types."""
    shown: Sample
    """The series that is 1 then."""


class Phases(Record):
    """The states of a rollout that an engineer must know about."""

    held: Phase
    """It waits: too few requests for a verdict, or an engineer paused it."""
    aborted: Phase
    """The new version was rolled back, or cannot start."""


def _unseen(_: ServicePlan) -> Phases | None:
    return None


class Replicas(Record):
    """How Prometheus sees the replicas of a workload over the last minutes: queries without labels."""

    available: Because[str]
    """The most that were available at any time."""
    wanted: Because[str]
    """The fewest that were wanted at any time; nothing if the workload is younger."""
    counted: tuple[Sample, ...]
    """The series of the replicas that are available."""
    asked: tuple[Sample, ...]
    """The series of the replicas that are wanted."""


def _uncounted(_: ServicePlan, __: Because[str]) -> Replicas | None:
    return None


def _unplayed(_: ServicePlan, __: Sequence[Object]) -> Replayed | None:
    return None


class RolloutProvider(Provider):
    """How a new version of a service replaces the live one."""

    workload: Callable[[ServicePlan, Body], Body]
    """The workload's `spec`, given the common part: replicas, history, times, selector, and template."""
    judge: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """The objects that judge a new version."""
    phases: Callable[[ServicePlan], Phases | None] = staticmethod(_unseen)
    """The states of a rollout, if its controller exports them."""
    replicas: Callable[[ServicePlan, Because[str]], Replicas | None] = staticmethod(_uncounted)
    """How Prometheus sees the workload's replicas over a time, such as `15m`, if anything exports them."""
    replayed: Callable[[ServicePlan, Sequence[Object]], Replayed | None] = staticmethod(_unplayed)
    """The steps and analyses in the compiled objects, to replay them, if the provider judges versions."""


class Moving(Record):
    """What a rollout controller changes in an object that is also in Git, for GitOps tools to leave alone."""

    group: str
    kind: str
    name: Because[str]
    pointers: tuple[Because[str], ...]
    """JSON pointers (RFC 6901) to the fields."""


def _nothing(_: ServicePlan) -> Iterable[Moving]:
    return ()


class TrafficProvider(Provider):
    """How requests reach a service."""

    route: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """The route to the live version, to a new one, and to a shadow."""
    moving: Callable[[ServicePlan], Iterable[Moving]] = staticmethod(_nothing)
    """What changes in the route while a new version rolls out."""


class Scaler(Record):
    """What an autoscaler exports about one service."""

    name: Because[str]
    """The name of its HorizontalPodAutoscaler."""
    failing: Because[str]
    """How Prometheus sees that it cannot read the load: a query with a result then."""
    failed: Sample
    """The series of that: a gauge that is 1 then, or a counter of failures."""
    counter: bool = False
    """Whether it is a counter."""
    kept: bool = False
    """Whether the query's result has the labels of the series."""


def _unscaled(_: ServicePlan) -> Scaler | None:
    return None


class AutoscalingProvider(Provider):
    """How replicas are added and removed."""

    scaler: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """The objects that change the workload's replicas."""
    watched: Callable[[ServicePlan], Scaler | None] = staticmethod(_unscaled)
    """What the autoscaler exports, if there is one."""


class Runs(Record):
    """Runs that end, such as training runs, and when they start. Each run is a Job."""

    scope: Scope
    name: Because[str]
    """The name of what starts them, and the prefix of their names."""
    labels: Body
    annotations: Body | None = None
    schedule: Because[str]
    suspended: Because[bool] | None = None
    """True if they only start on request."""
    time_zone: Because[str]
    cadence: Because[Duration] | None = None
    """The shortest time between two runs on the schedule."""
    late: Because[int]
    """How many seconds late a run may start."""
    kept: Because[int]
    """How many seconds to keep a finished run."""
    job_labels: Body
    job: Body
    """The `spec` of a run's Job, with its retries and its deadline."""
    queue: Because[str] | None = None
    """The Kueue queue in which the Job waits, for a time that nothing limits."""
    scheduling: Scheduling
    user: Because[int]
    priority: Because[str] | None
    why: Callable[[str], Because[str]]
    """Why an object of a kind exists."""


class OrchestrationProvider(Provider):
    """What starts runs, on a schedule and on request."""

    kind: str
    """The kind of the object that people find in the cluster."""
    objects: Callable[[Runs], Iterable[Artifact]]
    """The objects that start the runs."""
    by_hand: str
    """The command that starts a run, with `{namespace}` and `{name}`."""
    shown: str
    """The command that shows the last runs, with `{name}`."""
