"""Scenes of the alerts on NVIDIA's devices, as the DCGM exporter sees them: two devices on two nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ....compiler.plan.service import ServicePlan
from ....compiler.plan.training import TrainingPlan
from ....compiler.scenes.notation import GONE, Series, gauge, labeled
from ....compiler.scenes.served import Flow, requests, target
from ..alert import Watched
from ..proof import Alert, Flows, Scene, fired, proven, silent
from .pods import AT, PODS, Phases, length, steady, up, wait

__all__ = ["failed", "idle", "unrepaired"]

HOUR = 60
SLOW = 10
"""The minutes between two evaluations."""

XID, REMAP, UTILIZATION = "DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_ROW_REMAP_FAILURE", "DCGM_FI_DEV_GPU_UTIL"

SHOWN = {"Hostname": "node-a", "gpu": "0"}
"""The labels of the first device."""

RENAMED, KEPT = "exported_", ""
"""What the monitor adds to the names of the labels for the pod."""


def _device(watched: Watched, name: str, node: str = "a", prefix: str = RENAMED, **labels: str) -> str:
    """A series of the device of one pod. The name of the pod is that of a replica, of a run, or of a run's node."""
    own = {"namespace": watched.scope.namespace.value, "pod": f"{_named(watched)}-{node * 5}", **labels}
    pod = {f"{prefix}{key}": own.pop(key) for key in ("namespace", "pod")}
    return labeled(name, {"Hostname": f"node-{node}", "gpu": "0", **pod, **own})


def _named(watched: Watched) -> str:
    if isinstance(watched, TrainingPlan) and watched.spread is not None:
        return f"{watched.prefix.value}-4f2a91c0-node-0-1"
    return f"{watched.name.value}-29384840"


def _both(watched: Watched, name: str, value: float, flows: Flows, **labels: str) -> Series:
    return {_device(watched, name, pod, **labels): gauge([(length(flows), value)]) for pod in PODS}


def failed(watched: Watched, alert: Alert) -> Alert:
    """The driver reports an error after which a device has to be reset."""

    def seen(code: int, prefix: str = RENAMED, **labels: str) -> Series:
        """The last error is another one from minute AT on. The number is a label, so its series is another one."""
        return {
            _device(watched, XID, prefix=prefix, err_code="0"): gauge([(AT, 0), (SLOW, GONE)]),
            _device(watched, XID, prefix=prefix, err_code=str(code), **labels): f"_x{AT} {code}x30",
            _device(watched, XID, "b", prefix=prefix, err_code="0"): "0x40",
        }

    def scenes(alert: Alert) -> Iterator[Scene]:
        for prefix, of in ((RENAMED, "whose labels the monitor renames"), (KEPT, "whose labels the monitor keeps")):
            checks = (*silent(alert, AT - 1), fired(alert, AT, 79, SHOWN), fired(alert, AT + 20, 79, SHOWN))
            yield Scene(name=f"XID 79 of a device {of}", series=seen(79, prefix), checks=checks)
        for code, why in ((31, "an error of the program"), (94, "a contained error")):
            yield Scene(name=f"XID {code}, {why}", series=seen(code), checks=silent(alert, AT, AT + 20))
        other = seen(79, pod="another-29384840-aaaaa")
        yield Scene(name="XID 79 of the device of another pod", series=other, checks=silent(alert, AT, AT + 20))
        moved = {_device(watched, XID, err_code="79"): gauge([(AT, 79), (80, GONE)])}
        stays = (*silent(alert, AT + HOUR + 2), fired(alert, AT + HOUR - 5, 79, SHOWN))
        yield Scene(name="the pod is replaced after XID 79", series=moved, checks=stays)

    return proven(alert, scenes, lambda flows: _both(watched, XID, 0, flows, err_code="0"))


def unrepaired(watched: Watched, alert: Alert) -> Alert:
    """A device has no spare row for one that has errors."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        for prefix, of in ((RENAMED, "whose labels the monitor renames"), (KEPT, "whose labels the monitor keeps")):
            series = {
                _device(watched, REMAP, prefix=prefix): gauge([(AT, 0), (20, 1)]),
                _device(watched, REMAP, "b", prefix=prefix): gauge([(AT + 20, 0)]),
            }
            checks = (*silent(alert, AT - 1), fired(alert, AT, 1, SHOWN))
            yield Scene(name=f"a row of a device {of} cannot be replaced", series=series, checks=checks)
        other = {_device(watched, REMAP, pod="another-29384840-aaaaa"): gauge([(AT, 0), (20, 1)])}
        yield Scene(name="a row of the device of another pod", series=other, checks=silent(alert, AT, AT + 10))

    return proven(alert, scenes, partial(_both, watched, REMAP, 0))


def idle(service: ServicePlan, alert: Alert) -> Alert:
    """All devices do no work, although the replicas get requests."""
    mean = float(service.mean_time.value.amount) if service.mean_time is not None else 1.0

    def served(share: float, minutes: int) -> Series:
        """Two replicas that answer, with this share of their slots in use."""
        made = up(service, *([(minutes + 1, 1)] for _ in PODS))
        flows = [Flow(minutes=minutes, rate=60 * share * service.slots.value / mean)]
        for pod in PODS:
            made |= requests(service, target(service, None, pod), flows)
        return made

    def used(*devices: Phases, prefix: str = RENAMED) -> Series:
        each = zip(PODS, devices, strict=False)
        return {_device(service, UTILIZATION, pod, prefix): gauge(phases) for pod, phases in each}

    def scenes(alert: Alert) -> Iterator[Scene]:
        due = AT + HOUR + wait(alert)
        ends, busy = due + SLOW, 0.3
        stops: Phases = [(AT, 40), (ends, 0)]

        def scene(name: str, series: Sequence[Series], *, fires: bool = False) -> Scene:
            whole: Series = {}
            for some in series:
                whole |= some
            checks = (*silent(alert, due - SLOW), fired(alert, due, 0)) if fires else silent(alert, due, ends)
            return Scene(name=name, series=whole, checks=checks, every=SLOW)

        for prefix, of in ((RENAMED, "renames"), (KEPT, "keeps")):
            series = [served(busy, ends + AT), used(stops, stops, prefix=prefix)]
            yield scene(f"both devices stop working, and the monitor {of} their labels", series, fires=True)
        yield scene("one of two devices works", [served(busy, ends + AT), used(stops, [(ends + AT, 40)])])
        yield scene("a device works for a minute", [served(busy, ends + AT), used([(due - 31, 0), (1, 40), (60, 0)])])
        yield scene("9% of the slots are in use", [served(0.09, ends + AT), used(stops, stops)])
        yield scene("there are no requests", [served(0, ends + AT), used(stops, stops)])
        yield scene("there is no exporter", [served(busy, ends + AT)])

    def healthy(flows: Flows) -> Series:
        made = steady(service, flows) | requests(service, target(service), flows)
        return made | _both(service, UTILIZATION, 40, flows)

    return proven(alert, scenes, healthy)
