"""What the evidence of a test is read from: the objects of a bundle as plain data, the spec, and the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from ...emit.artifact import Artifact
from ...emit.dump import plain
from ...kinds import Object
from ...plan import Plan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ...record import Record
from ...system import MLSystem

__all__ = [
    "Effort",
    "Evidence",
    "Lacking",
    "Object",
    "Objects",
    "Proof",
    "Seen",
    "Shown",
    "Trainer",
    "at",
    "each",
    "number",
]


Effort = Literal["minutes", "hours", "days"]


def at(body: object, *steps: str) -> Any:
    """The value at a path; None if there is none. A patch or a plugin may give an object any shape."""
    for step in steps:
        body = body.get(step) if isinstance(body, dict) else None
    return body


def each(body: object, *steps: str) -> list[dict[str, Any]]:
    """The mappings in the list at a path; none if it is no list."""
    found = at(body, *steps)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def number(thing: object) -> float | None:
    """A number of an object; None for anything else, such as an argument that a controller fills in."""
    return float(thing) if isinstance(thing, (int, float)) and not isinstance(thing, bool) else None


class Proof(Record):
    """An object that proves a test."""

    path: str
    """Its file in the output folder of the system, such as `production/serving/rollout.yaml`."""
    object: str
    """Its kind and name, such as `Rollout/fraud-scorer`."""


class Shown(Record):
    """The objects that prove a test, and what they show."""

    proofs: tuple[Proof, ...]
    why: str


class Lacking(Record):
    """Why no object proves a test, and what to write so that one does."""

    why: str
    path: str = ""
    """The field to write; empty if no field changes it."""
    help: str = ""
    """An imperative, such as "add a gate against the naive baseline"."""
    effort: Effort = "minutes"
    """How long that takes."""


class Objects:
    """The objects of one environment, as an API server would read them."""

    def __init__(self, environment: str, found: Iterable[tuple[str, Object]]) -> None:
        self.environment = environment
        self.found = tuple(found)
        """Each object with its path in the folder of the environment."""

    @classmethod
    def of(cls, environment: str, artifacts: Iterable[Artifact]) -> Objects:
        """The objects of a bundle. A list of files, such as a kustomization, proves nothing."""
        return cls(environment, ((one.path, plain(one.body)) for one in artifacts if one.sent is not None))

    def kind(self, kind: str) -> Iterator[Object]:
        """The objects of one kind."""
        return (body for _, body in self.found if body.get("kind") == kind)

    def get(self, kind: str, name: object) -> Object | None:
        """One object by its name."""
        return next((body for body in self.kind(kind) if at(body, "metadata", "name") == name), None)

    def config_map(self, volume: Object) -> Object | None:
        """The ConfigMap that a volume mounts; None if it mounts something else."""
        name = at(volume, "configMap", "name")
        return self.get("ConfigMap", name) if name is not None else None

    def proof(self, body: Object) -> Proof:
        """Where an object of these is."""
        path = next(path for path, other in self.found if other is body)
        return Proof(path=f"{self.environment}/{path}", object=f"{at(body, 'kind')}/{at(body, 'metadata', 'name')}")

    def alerts(self) -> Iterator[tuple[Object, Object]]:
        """Every alerting rule, with the object that it is in."""
        for body in self.kind("PrometheusRule"):
            for group in each(body, "spec", "groups"):
                yield from ((body, rule) for rule in each(group, "rules") if "alert" in rule)


class Trainer(Record):
    """The environment that trains the model of a system."""

    model: str
    """The name of the model that it trains."""
    objects: Objects


class Seen(Record):
    """One environment, as the evidence of the tests looks at it."""

    system: MLSystem
    plan: Plan
    objects: Objects
    trainer: Trainer | None = None
    """The environment that trains, which may be another one; None if none of those compiled does."""

    @property
    def services(self) -> tuple[ServicePlan | BatchPlan, ...]:
        """The services of every mode."""
        return (*self.plan.online.values(), *self.plan.batch.values())


Evidence = Callable[[Seen], Shown | Lacking]
"""Whether a test is proven. It looks at objects, and never at what a spec only declares."""
