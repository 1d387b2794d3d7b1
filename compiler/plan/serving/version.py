"""What one version of a model needs: memory, and time to start.

Versions that run at the same time differ in size. A version in the shadow stage with the memory or the startup budget
of a smaller live version would run out of memory, or be killed while it loads, again and again.
"""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Duration, Memory
from ...because import Because, decision
from ...finding import Refusal, refusal
from ...system import Release, Shadow, Warmup
from ..choose import assumed, count, or_else, readable
from ..sidecars import with_disk
from .disk import needed, written
from .facts import ServiceFacts
from .files import ModelFiles, bytes_of, download_time, transfer, verify_time
from .replica import memory, pod_memory
from .shared import shared_memory
from .source import ON_THE_NODE, pinned

__all__ = ["PROBE_PERIOD", "VersionPlan"]

PROBE_PERIOD = 5
"""Seconds between probes."""

DEVICE_START = Duration(30)
"""How long an accelerator takes until a server can use it: an allowance."""

LEAST_DEADLINE = 600
"""The default progress deadline of Kubernetes, in seconds."""

LONGEST = 2**31 - 1
"""The most seconds of such a deadline, an integer of 32 bits (k8s.io/api, apps/v1, `progressDeadlineSeconds`)."""


class VersionPlan:
    """One version of the model of an online service."""

    def __init__(self, service: ServiceFacts, files: ModelFiles) -> None:
        self.service = service
        self.files = files

    @property
    def release(self) -> Release | Shadow:
        """The entry of the version in the spec or in a release file."""
        return self.files.release

    @property
    def _size(self) -> Because[Memory] | None:
        return self.files.artifact.size

    @cached_property
    def image(self) -> Because[str] | None:
        """The image of the server: the release itself, or the runtime's; None if nothing says which."""
        if self.files.source.value == "inside":
            return pinned(self.files.artifact)
        return self.service.image

    # Memory

    @cached_property
    def memory(self) -> Because[Memory]:
        """The memory of a replica's container."""
        return or_else(self.service.part.resources.memory, lambda: self.estimated_memory)

    @cached_property
    def estimated_memory(self) -> Because[Memory]:
        """The memory of a replica's container, if the spec does not set it."""
        runtime, part = self.service.runtime, self.service.part
        cache = part.caching.size if part.caching is not None else None
        workers = self.service.workers if runtime.worker_memory is not None else None
        return memory(runtime.memory, self._size, self.service.accelerated, cache, runtime.worker_memory, workers)

    @cached_property
    def pod_memory(self) -> Because[Memory]:
        """The memory request of a pod: the replica's own memory plus shared memory, which counts against the limit."""
        return self.memory if self.shared is None else pod_memory(self.memory, self.shared)

    @cached_property
    def shared(self) -> Because[Memory] | None:
        """The size of `/dev/shm`; None for Kubernetes's own."""
        return shared_memory(self.service, self.files.artifact)

    # Disk

    @cached_property
    def writes(self) -> Because[Memory] | None:
        """What the server may write to its own paths; None if that is unknown."""
        given = self.service.part.resources.ephemeral_storage.given
        return given if given is not None else self._written

    @property
    def _written(self) -> Because[Memory] | None:
        runtime = self.service.runtime
        if runtime.scratch is None or (self._size is None and self.files.source.value == "hub"):
            return None
        return written(runtime.scratch, self.files.source, self._size, runtime.unpacks)

    @cached_property
    def disk(self) -> Because[Memory]:
        """The disk space of the node that a replica requests, with the empty volumes of the spec."""
        part = self.service.part
        return with_disk(or_else(part.resources.ephemeral_storage, lambda: self.estimated_disk), part.volumes)

    @property
    def estimated_disk(self) -> Because[Memory]:
        """The disk space of a replica, if the spec does not set it."""
        return needed(self.files.source, self._size, self._written)

    @property
    def disk_limit(self) -> Because[Memory] | None:
        """The disk space that a replica may use; None if some of what it needs is unknown."""
        known = self.writes is not None and (self._size is not None or self.files.source.value not in ON_THE_NODE)
        given = self.service.part.resources.ephemeral_storage.given
        return self.disk if known or given is not None else None

    # Time to start

    @cached_property
    def load(self) -> Because[Duration]:
        """The time from container start until the model is loaded."""
        part = self.service.part
        rate = self.service.scope.platform.planning.load
        if part.load.given is None and self._size is None:
            guess = _unknown(self.service.runtime.start_time, self.service.accelerated)
            return assumed(f"{part.spec_path}.load", guess.value, guess.reason, guess)
        own = self.service.runtime.start_time
        return or_else(part.load, lambda: _load(own, self._size, self.service.accelerated, rate))

    @cached_property
    def start(self) -> Because[Duration]:
        """The time to load and to warm up, which the startup probe must allow."""
        return _start(self.load, self.service.part.warmup, self.service.mean_time)

    @cached_property
    def startup_failures(self) -> Because[int]:
        """`failureThreshold` of the startup probe."""
        inside = _fetched_inside(self.files.source, self._size, self.service.scope.platform.planning.download)
        return _startup_failures(self.start, inside, self.service.runtime.least_startup)

    @cached_property
    def fetch(self) -> Because[Duration]:
        """The time to pull the image and to download the model, before the container starts."""
        planning, image = self.service.scope.platform.planning, self.service.runtime.image_size
        if self.files.source.value == "claim":
            return verify_time(self._size, image, planning.download, planning.load)
        return download_time(self._size, image, planning.download)

    @cached_property
    def until_ready(self) -> Because[Duration]:
        """The time from the creation of a pod until it is ready."""
        return _until_ready(self.service.scope.platform.planning.node_wait, self.fetch, self.start)

    @cached_property
    def progress_deadline(self) -> Because[int]:
        """Seconds after which a version that is not ready counts as failed."""
        given = self.service.scope.system.rollout.progress_deadline
        if given.given is None:
            wait = self.service.scope.platform.planning.node_wait
            found = _progress_deadline(wait, self.fetch, self.start, self.service.runtime.least_startup)
            if found.value > LONGEST:
                raise _never_ready(self.fetch, self.start)
            return found
        if given.given.value <= self.until_ready.value:
            raise refusal(
                "MLS008",
                f"every new version would fail after {given.given.value}, before it is ready",
                given.given,
                others=((self.start, "the load time"),),
                note=f"on a new node, it is ready after {readable(self.until_ready.value)}: {self.until_ready.reason}",
                help=f"write `{math.floor(self.until_ready.value.amount / 60) + 1}m` or more, or remove it",
            )
        return given.given.map(lambda wait: math.ceil(wait.amount))

    @cached_property
    def settled(self) -> Because[int]:
        """Seconds that a replica must be ready before it counts as available."""
        return _settled(self.progress_deadline)


def _never_ready(fetch: Because[Duration], start: Because[Duration]) -> Refusal:
    return refusal(
        "MLS008",
        f"a new version would be ready after {readable(Duration(fetch.value.amount + start.value.amount))}",
        fetch,
        start,
        note=f"Kubernetes waits for at most {LONGEST:,} seconds, which are 68 years",
        help="correct the `size` of the model, or the speeds under `platform.planning`",
    )


@decision
def _unknown(own: Because[Duration], accelerated: Because[bool]) -> tuple[Duration, str]:
    guess = Duration(120 if accelerated.value else 30)
    whole = Duration(own.value.amount + guess.amount)
    return whole, f"{own.value} to start, plus {guess} to load, a guess because the model size is unknown"


@decision
def _load(
    own: Because[Duration], size: Because[Memory] | None, accelerated: Because[bool], rate: Because[Bandwidth]
) -> tuple[Duration, str]:
    base = max(own.value, DEVICE_START) if accelerated.value else own.value
    took = Duration(math.ceil(base.amount) + transfer(bytes_of(size), rate).amount)
    said = f"{size.value} of model files" if size is not None else "a model of unknown size (counted as 1 GB)"
    return took, f"{base} to start, plus reading {said} at {rate.value}; set `load` to replace the estimate"


@decision
def _fetched_inside(
    source: Because[str], size: Because[Memory] | None, rate: Because[Bandwidth]
) -> tuple[Duration, str]:
    """The time that the runtime spends on downloading the model itself, inside the running container."""
    if source.value != "hub":
        return Duration(0), "the model is in place before the container starts"
    return transfer(bytes_of(size), rate), f"the runtime downloads the model itself at {rate.value}"


@decision
def _start(load: Because[Duration], warmup: Warmup | None, each: Because[Duration] | None) -> tuple[Duration, str]:
    if warmup is None:
        return load.value, "the load time; there is no warmup"
    one = each.value if each is not None else Duration(1)
    took = load.value.amount + warmup.requests.value * one.amount
    warm = count(warmup.requests.value, "warmup request")
    return Duration(math.ceil(took)), f"{load.value} to load plus {warm} of {one}"


@decision
def _until_ready(node: Because[Duration], fetch: Because[Duration], start: Because[Duration]) -> tuple[Duration, str]:
    whole = Duration(node.value.amount + fetch.value.amount + start.value.amount)
    wait = f"{readable(node.value)} for a node, " if node.value.amount else ""
    return whole, f"{wait}{readable(fetch.value)} to fetch the image and the model, {readable(start.value)} to start"


@decision
def _startup_failures(start: Because[Duration], inside: Because[Duration], least: Because[Duration]) -> tuple[int, str]:
    needed, why = start.value.amount, f"{readable(start.value)} to start"
    if inside.value.amount:
        needed, why = needed + inside.value.amount, f"({inside.value} to download + {why})"
    failures = math.ceil(max(least.value.amount, 2 * needed) / PROBE_PERIOD)
    return failures, f"2 x {why}, but at least {least.value}, with a probe every {PROBE_PERIOD} s"


@decision
def _progress_deadline(
    node: Because[Duration], fetch: Because[Duration], start: Because[Duration], least: Because[Duration]
) -> tuple[int, str]:
    before = node.value.amount + fetch.value.amount
    needed = before + max(before + 2 * start.value.amount, least.value.amount)
    deadline = max(LEAST_DEADLINE, math.ceil(needed / 60) * 60)
    first = f"{readable(node.value)} for a node + {readable(fetch.value)} to fetch"
    why = f"2 x ({first} + {readable(start.value)} to start), but at least {LEAST_DEADLINE} s"
    if needed > 2 * (before + start.value.amount):
        why = f"{first}, plus {least.value}, the least that the startup probe allows"
    return deadline, f"{why}, in whole minutes"


@decision
def _settled(deadline: Because[int]) -> tuple[int, str]:
    """Kubernetes rejects as much as the progress deadline."""
    return min(10, deadline.value - 1), "a server that breaks on its first requests must not replace one that works"
