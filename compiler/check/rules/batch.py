"""The rules on batch runs: how long they take, and that they do not write over their input."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import ceil
from typing import Literal

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number, readable
from ...plan.serving.batch import BatchPlan, in_minutes
from ...plan.stores import folder_of
from ...system import MLSystem
from ..folders import TABLES
from ..lint import rule

__all__ = ["faster_than_plausible", "no_time_for_a_retry", "overwritten_input", "run_beyond_its_deadline"]

MOST = 10_000
"""The most partitions that the language allows."""


FAST = {False: 10_000, True: 100_000}
"""The items per second that a core and an accelerator score at most, unless a measured `rate` says more: reading a row,
computing its features, and scoring it in 0.1 ms on a core is fast already.
"""

NEEDS = (
    "services.*.rate",
    "services.*.constraints.deadline",
    "services.*.constraints.items",
    "constraints.deadline if services.*.rate",
    "constraints.items if services.*.rate",
)


@rule("MLS420", "error", *NEEDS)
def run_beyond_its_deadline(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Batch run that takes longer than its deadline.

    Why: Kubernetes stops a run at its deadline, with everything that it has not scored.

    Bad:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 24
            rate: 900/s
            constraints: {deadline: 30m, items: 200M}
    Good:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 24
            rate: 900/s
            constraints: {deadline: 6h, items: 200M}
    """
    for batch, work, length in _measured(plan):
        if length.value > batch.deadline.value:
            took = readable(length.value)
            yield _finding("MLS420", f"a run takes {took}", plan, batch, work, length)


@rule("MLS421", "warning", "services.*.retries", *NEEDS)
def no_time_for_a_retry(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Batch run without time for a retry.

    Why: a run that just fits into its deadline is stopped if a single partition fails or its node is lost, because the
    retry starts from the beginning.

    Bad:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 24
            rate: 900/s
            constraints: {deadline: 3h, items: 200M}
    Good:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 24
            rate: 900/s
            constraints: {deadline: 6h, items: 200M}
    """
    for batch, work, length in _measured(plan):
        retried = Duration(length.value.amount + work.value.amount)
        if batch.part.retries.value and length.value <= batch.deadline.value < retried:
            yield _finding("MLS421", f"a run with one retry takes {readable(retried)}", plan, batch, work, length)


@rule(
    "MLS435",
    "warning",
    "services.*.rate",
    "services.*.constraints.deadline",
    "services.*.constraints.items",
    "constraints.deadline if services.*.schedule",
    "constraints.items if services.*.schedule",
)
def faster_than_plausible(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Batch run whose pods would have to be implausibly fast.

    Why: nothing says how fast a pod is, so the plan takes the deadline for granted. If no pod can be that fast, every
    run is stopped at its deadline with incomplete scores, and its cost is a fraction of the real one.

    Bad:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 16
            constraints: {deadline: 1m, items: 200M}
    Good:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/", format: parquet}
            output: {uri: "s3://lake/scores/{date}/", format: parquet}
            partitions: 16
            constraints: {deadline: 4h, items: 200M}
    """
    for batch in plan.batch.values():
        needed, devices = batch.least_rate, batch.part.resources.accelerator
        if batch.part.rate is not None or needed is None or batch.items is None or batch.total is None:
            continue
        units = Decimal(devices.count.value) if devices is not None else batch.cpu.value.amount
        most = FAST[devices is not None] * units
        if needed.value.amount <= most:
            continue
        what = count(int(units), "accelerator") if devices is not None else count(ceil(units), "core")
        yield finding(
            "MLS435",
            f"each pod would have to score {number(float(needed.value))} items per second on {what}",
            batch.total,
            batch.deadline,
            others=((batch.deadline, "the deadline"),),
            note=f"{needed.reason}; {number(float(most))} per second would be fast, and no measured `rate` says more",
            help=_slower(batch, batch.items.value, most),
        )


def _slower(batch: BatchPlan, items: int, most: Decimal) -> str:
    """A deadline that a fast pod keeps, if the schedule has room for it."""
    longer = Duration(ceil(items * batch.rounds.value / most / 60) * 60)
    measured = "set `rate` to what a pod was measured to score"
    if longer < batch.gap.value:
        return f"allow a run `deadline: {longer}` or more, or {measured}"
    return f"score fewer items, or {measured}"


def _measured(plan: Plan) -> Iterator[tuple[BatchPlan, Because[Duration], Because[Duration]]]:
    """The batch services of known speed, with the time of a partition and of a run."""
    for batch in plan.batch.values():
        if batch.work is not None and batch.length is not None:
            yield batch, batch.work, batch.length


def _finding(
    id_: Literal["MLS420", "MLS421"],
    said: str,
    plan: Plan,
    batch: BatchPlan,
    work: Because[Duration],
    length: Because[Duration],
) -> Diagnostic:
    return finding(
        id_,
        f"{said}, but its deadline is {readable(batch.deadline.value)}",
        batch.part.rate,
        others=((batch.deadline, "the deadline"),),
        note=f"{length.reason}; Kubernetes stops the run at the deadline, and its scores are incomplete",
        help=_way_out(plan, batch, work, length.value.amount + work.value.amount),
    )


def _way_out(plan: Plan, batch: BatchPlan, work: Because[Duration], retried: Decimal) -> str:
    """As many partitions as fit into half of the deadline, which leaves room for a retry, or a longer deadline. The
    pods have to fit into the quota, and the run between two of the schedule.
    """
    longer = in_minutes(Duration(retried))
    wait = f"allow a run `deadline: {longer}`" if longer < batch.gap.value else ""
    pods = _pods(batch, work)
    most, why = _room(plan, batch)
    if pods is None or pods > MOST:
        return wait or "score fewer items, or run less often"
    if pods > most:
        if wait:
            return f"{wait}; {pods} pods at once would keep it, but {why}"
        less = f"score fewer items, or run less often than every {batch.gap.value}"
        return f"{less}, or make room for {count(pods, 'pod')} at once: {why}"
    parallel = f" and `parallel: {pods}`" if batch.part.parallel.given is not None else ""
    return ", or ".join(filter(None, (f"write `partitions: {pods}`{parallel}", wait)))


def _pods(batch: BatchPlan, work: Because[Duration]) -> int | None:
    """How many pods at once need half of the deadline; None if they do not even start in that time."""
    total, rate, items = batch.total, batch.part.rate, batch.items
    assert total is not None
    assert rate is not None
    assert items is not None
    start = float(work.value.amount) - ceil(items.value / float(rate.value))
    room = float(batch.deadline.value.amount) / 2 - start - 1
    return ceil(float(total.value) / (float(rate.value) * room)) if room > 0 else None


def _room(plan: Plan, batch: BatchPlan) -> tuple[int, str]:
    """How many pods may run at once, and what says so."""
    limits = [(MOST, "")]
    if (most := batch.scope.system.constraints.max_replicas) is not None:
        limits.append((most.value, f"`maxReplicas` allows {most.value}"))
    if plan.platform.quota.node is not None and (fits := plan.quota.room(batch)) is not None:
        limits.append((fits, f"`platform.quota` has room for {fits}"))
    return min(limits, key=lambda limit: limit[0])


@rule(
    "MLS719",
    "error",
    "services.*.input.uri",
    "services.*.input.format",
    "services.*.output.uri",
    "services.*.output.format",
)
def overwritten_input(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Batch run that writes to the folder that it reads.

    Why: a run replaces the files of its output, and they are its input. A retry then reads the scores of the try before
    it, and so does the next run. What reads a folder also reads what is below it.

    Bad:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/"}
            output: {uri: "s3://lake/accounts/scores/{date}/"}
    Good:
        services:
          nightly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * *"
            input: {uri: "s3://lake/accounts/"}
            output: {uri: "s3://lake/scores/{date}/"}
    """
    for batch in plan.batch.values():
        read, written = batch.part.input, batch.part.output
        inside, outside = (folder_of(plan, one.uri.value, one.access) for one in (read, written))
        if inside is None or outside is None or not {read.format.value, written.format.value}.isdisjoint(TABLES):
            continue
        if inside.startswith(outside) or outside.startswith(inside):
            yield finding(
                "MLS719",
                f"a run {_how(read.uri.value, written.uri.value, inside, outside)}",
                written.uri,
                others=((read.uri, "what it reads"),),
                note="a retry and the next run would read scores, or find their input replaced",
                help=_elsewhere(read.uri.value, written.uri.value),
            )


def _how(read: str, written: str, inside: str, outside: str) -> str:
    if inside == outside:
        return f"reads `{read}` and writes the same"
    return f"writes to `{written}`, which {'is in' if outside.startswith(inside) else 'has'} its input"


def _elsewhere(read: str, written: str) -> str:
    """A folder next to the one that the input, or the dates of the input, are in."""
    inside = read.partition("{")[0].rpartition("/")[0] if "{" in read else read.rstrip("/")
    before, placeholder, _ = written.partition("{")
    rest = written[before.rfind("/") :] if placeholder else "/" * written.endswith("/")
    joined = "-" if "/" in inside.partition("://")[2] else "/"  # there is nothing next to a whole bucket
    proposed = f"{inside}{joined}output{rest}"
    if f"{proposed.rstrip('/')}/".startswith(f"{read.rstrip('/')}/"):
        return "write to another bucket, or read a folder of this one that is not the one of the scores"
    return f'write `uri: "{proposed}"`'
