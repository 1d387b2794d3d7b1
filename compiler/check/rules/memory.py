"""Rules on the memory of containers: it must hold the model, and the program that loads it."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Memory
from ...because import Because, fixed
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.serving.batch import BatchPlan
from ...plan.serving.version import VersionPlan
from ...record import Record
from ...system import MLSystem
from ..lint import rule
from .llm import any_file

__all__ = ["little_memory", "too_little_memory"]

_SMALLEST = 16 * 2**20
"""Less does not even start most programs: container runtimes refuse limits below 6 MiB, and an interpreter alone takes
10 MiB (docs.docker.com/engine/containers/resource_constraints)."""

_OF_TRAINING = fixed(
    Memory(256 * 2**20), "what Python with NumPy and pandas takes before it reads any data, twice over"
)

_CERTAIN = 8
"""A server never fits into this part of the memory that its runtime is known to need."""


class Room(Record):
    """What the spec gives a container, and what is known about its need."""

    name: str
    given: Because[Memory]
    least: float
    """Bytes that it certainly needs."""
    why: str
    usual: Because[Memory]
    """What it probably needs."""
    known: bool
    """Whether that is known of the program, and not a guess that the spec replaces."""
    mapped: Because[Memory] | None = None
    """The size of a model that an image of the author reads, perhaps page by page, if the memory cannot hold it."""
    others: tuple[tuple[object, str], ...] = ()


@rule(
    "MLS488",
    "warning",
    "services.*.resources.memory",
    "services.*.resources.accelerator",
    "services.*.serviceTime.at",
    "services.*.caching",
    "releases.*.artifact.size",
    "releases.*.shadow.artifact.size",
    "training.resources.memory",
)
def little_memory(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Memory far below the estimate.

    Why: the kernel ends a container that exceeds its memory. The estimate has room for the runtime, and for the model
    as it is read and as it is loaded. Half of that may hold in a test, and not under load.

    Bad:
        serving: {resources: {memory: 400Mi}}
    Good:
        serving: {resources: {memory: 2Gi}}
    """
    for room in _rooms(plan):
        if room.mapped is not None and float(room.given.value) > room.least:
            yield finding(
                "MLS488",
                f"{room.name} has {room.given.value} of memory, and its model has {room.mapped.value}",
                room.given,
                others=room.others,
                note="the kernel ends a container that needs more than it has; only a file that is mapped into memory "
                "needs less than its size",
                help=f"write `{room.usual.value}`, or suppress this finding if the image maps the file",
            )
        elif room.known and room.least < float(room.given.value) < float(room.usual.value) / 2:
            yield finding(
                "MLS488",
                f"{room.name} has {room.given.value} of memory, and probably needs {room.usual.value}",
                room.given,
                others=room.others,
                note=f"{room.usual.reason}; the kernel ends a container that needs more than it has",
                help=f"write `{room.usual.value}`, or suppress this finding with the peak that you measured",
            )


@rule(
    "MLS489",
    "error",
    "services.*.resources.memory",
    "services.*.resources.accelerator",
    "releases.*.artifact.size",
    "releases.*.shadow.artifact.size",
    "training.resources.memory",
)
def too_little_memory(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Memory that cannot hold the model.

    Why: the kernel ends a container that exceeds its memory, so the server never becomes ready, and starts again and
    again. Without an accelerator, the whole model is in the container's memory, and the server with it.

    Bad:
        release: {artifact: {size: 6Gi}}
        serving: {resources: {memory: 4Gi}}
    Good:
        release: {artifact: {size: 6Gi}}
        serving: {resources: {memory: 13Gi}}
    """
    for room in _rooms(plan):
        if float(room.given.value) <= room.least:
            yield finding(
                "MLS489",
                f"{room.name} has {room.given.value} of memory, which cannot hold {room.why}",
                room.given,
                others=room.others,
                note="the kernel would end the container before it is ready, over and over",
                help=f"write `{room.usual.value}`",
            )


def _rooms(plan: Plan) -> Iterator[Room]:
    """The containers whose memory the spec sets."""
    for service in plan.online.values():
        given = service.part.resources.memory.given
        if given is not None:
            yield max((_of_version(one, given) for one in service.versions), key=lambda room: room.least)
    for batch in plan.batch.values():
        if batch.part.resources.memory.given is not None:
            yield _of_batch(batch, batch.part.resources.memory.given)
    memory = plan.training.part.resources.memory if plan.training is not None else None
    if memory is not None and memory.sources:
        yield Room(
            name="training",
            given=memory,
            least=_SMALLEST,
            why="a Python program",
            usual=_OF_TRAINING,
            known=True,
        )


def _of_version(version: VersionPlan, given: Because[Memory]) -> Room:
    service = version.service
    server, size = service.runtime.memory, version.files.artifact.size if not service.accelerated.value else None
    known = bool(server.sources)  # otherwise, the image is of the author, who knows what it needs
    own = any_file(service)
    loaded = float(size.value) if size is not None and not own else 0.0
    least = max(_SMALLEST, loaded + (float(server.value) / _CERTAIN if known else 0))
    return Room(
        name=f"`{service.part.own_name.value}`",
        given=given,
        least=least,
        why=f"the model of {size.value}" if size is not None and loaded >= float(given.value) else "the server",
        usual=version.estimated_memory,
        known=known,
        mapped=_too_large(size, given) if own else None,
        others=((size, "the size of the model"),) if size is not None else (),
    )


def _of_batch(batch: BatchPlan, given: Because[Memory]) -> Room:
    size = batch.release.artifact.size if batch.part.resources.accelerator is None else None
    return Room(
        name=f"`{batch.part.own_name.value}`",
        given=given,
        least=_SMALLEST,
        why="the image's program",
        usual=batch.estimated_memory,
        known=False,
        mapped=_too_large(size, given),
        others=((size, "the size of the model"),) if size is not None else (),
    )


def _too_large(size: Because[Memory] | None, given: Because[Memory]) -> Because[Memory] | None:
    return size if size is not None and size.value >= given.value else None
