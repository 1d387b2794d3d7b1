"""The rule on peak demand: a rollout needs more than the replicas, and pods over a quota never start."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, readable
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan, in_minutes
from ...system import MLSystem
from ..lint import rule

__all__ = ["too_much_at_once"]


@rule(
    "MLS409",
    "warning",
    "constraints.maxReplicas",
    "services.*.constraints.maxReplicas",
    "services.*.resources.accelerator.count",
    "platform.quota",
)
def too_much_at_once(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Rollout that needs more than the limit allows.

    Why: during a progressive rollout the old version keeps all of its replicas, so that a rollback is instant, and the
    new one scales up to as many. A shadow version adds its own replicas, and batch and training runs start on schedule.
    Pods beyond the accelerator maximum or beyond the namespace quota in `platform.quota` stay pending, and the rollout
    stalls at peak traffic.

    Bad:
        constraints:
          throughput: {mean: 20/s, peak: 60/s}
          maxReplicas: 3
        serving:
          serviceTime: {mean: 25ms}
          resources: {accelerator: {type: l4}}
    Good:
        constraints:
          throughput: {mean: 20/s, peak: 60/s}
          maxReplicas: 6
        serving:
          serviceTime: {mean: 25ms}
          resources: {accelerator: {type: l4}}
    """
    for service in plan.online.values():
        if service.devices is not None and service.most is not None:
            yield from _over_maximum(service, service.most)
    if plan.platform.quota.node is not None:
        for path, left in plan.quota.left.items():
            if float(left.value) < 0:
                yield _over_quota(plan, path)


def _over_maximum(service: ServicePlan, most: Because[int]) -> Iterator[Diagnostic]:
    devices, peak = service.devices, service.for_peak.value
    assert devices is not None
    new = peak if service.workload.keeps_old_whole.value else 0
    shadow = service.canary.shadow_replicas.value if service.shadow is not None else 0
    needed, each = peak + new + shadow, devices.count.value
    if needed > most.value:
        parts = {"of the old version": peak, "of the new version": new, "of the shadow": shadow}
        told = ", ".join(f"{many} {which}" for which, many in parts.items() if many)
        yield finding(
            "MLS409",
            f"a rollout at the peak needs {needed * each} x `{devices.type.value}`; the limit is {most.value * each}",
            most,
            devices.type,
            others=((devices.type, "the accelerator"),),
            note=f"{told}: {count(needed, 'replica')} with {each} each; {service.for_peak.reason}",
            help=f"write `maxReplicas: {needed}`, or roll out when traffic is low and suppress this finding",
        )


def _over_quota(plan: Plan, path: str) -> Diagnostic:
    needed, allowed, largest = plan.quota.needed[path], plan.quota.allowed[path], plan.quota.largest(path)
    alike = [share for share in plan.quota.shares if share is largest or share.part is largest.part is not None]
    reasons = [f"{share.name}: {share.pods.reason}" for share in alike if share.pods.reason]
    kind = path.rpartition("accelerators.")[2] if path.startswith("accelerators.") else ""
    much = f"{needed.value} x `{kind}`" if kind else f"{needed.value}{_UNITS[path]}"
    rolled = any(service.workload.keeps_old_whole.value for service in plan.online.values())
    also = ", and a rollout that waits for them is rolled back" if rolled else ""
    return finding(
        "MLS409",
        f"at the worst moment the system needs {much}, but the quota is {allowed.value}",
        *largest.places(path),
        others=((allowed, "the quota"),),
        note="; ".join(
            [needed.reason, *reasons, *_too_slow(plan, largest.part), f"pods over the quota are rejected{also}"]
        ),
        help=", or ".join(_ways_out(plan, path, kind)),
    )


_UNITS = {"cpu": " cores", "memory": " of memory", "ephemeralStorage": " of disk space"}


def _ways_out(plan: Plan, path: str, kind: str) -> Iterator[str]:
    """Fewer replicas, if they still serve the peak; fewer parallel parts; a larger quota."""
    part = plan.quota.largest(path).part
    most = plan.quota.most(part) if part is not None else 0
    if isinstance(part, ServicePlan) and most >= part.for_peak.value:
        key = "max" if part.scales.value else "min"
        yield f"write `replicas: {{{key}: {most}}}` for `{part.part.own_name.value}`"
    if isinstance(part, BatchPlan) and most > 0:
        yield from _fewer_at_once(part, most)
    if kind:
        yield "use another accelerator"
    yield f"request a quota of `{kind or path}: {plan.quota.needed[path].value}`"


def _fewer_at_once(batch: BatchPlan, most: int) -> Iterator[str]:
    """Fewer partitions at once, with a deadline that the run then keeps, unless the next one starts before that."""
    fewer, took = f"write `parallel: {most}` for `{batch.part.own_name.value}`", batch.retried(most)
    if took is None or took <= batch.deadline.value:
        yield fewer
    elif (longer := in_minutes(took)) < batch.gap.value:
        yield f"{fewer} and allow a run `deadline: {longer}`"


def _too_slow(plan: Plan, part: ServicePlan | BatchPlan | None) -> Iterator[str]:
    """Why fewer partitions at once are no way out."""
    if not isinstance(part, BatchPlan) or (most := plan.quota.most(part)) < 1:
        return
    took = part.retried(most)
    if took is not None and took > part.deadline.value and in_minutes(took) >= part.gap.value:
        again = " with one retry" if part.part.retries.value else ""
        said = f"with `parallel: {most}`, a run{again} takes {readable(took)}"
        yield f"{said}, and the next one starts after {part.gap.value}"
