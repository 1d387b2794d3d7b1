"""Alerts on NVIDIA's devices: one fails, one cannot repair its memory, or all of them do no work.

They read NVIDIA's DCGM exporter, and without it, they are silent. All are tickets: what users notice of a device has
its own alerts, on the objectives and on runs, and those page.

`DCGM_FI_DEV_XID_ERRORS` is the last error, not a count. It stays until the exporter or the driver restarts, and the
next error replaces it, also a harmless one. The label `err_code` is its number (dcgm-exporter 3.3.6 or later).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.alerting import xids
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.service import ServicePlan
from ...schema.units import plain
from .alert import Watched, alert
from .dcgm import Pods, either, sliced
from .proof import Alert
from .proofs import gpus as proofs
from .replicas import pods

__all__ = ["failures", "group"]

HOUR = fixed("1h", "long enough for a device that is sampled once a minute")


def group(service: ServicePlan, resource: Because[str]) -> Body:
    """The alerts on the devices of a service."""
    return {
        "name": text("mlspec-{service}-devices", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [*failures(service, partial(pods, service), resource), *_idle(service, resource)],
    }


def failures(watched: Watched, of: Pods, resource: Because[str]) -> Iterator[Alert]:
    """The alerts on devices that fail, whatever works on them."""
    yield proofs.failed(watched, _failed(watched, of, resource))
    yield proofs.unrepaired(watched, _unrepaired(watched, of, resource))


def _each(series: str, of: Pods, resource: Because[str], more: Because[str] | None = None) -> Because[str]:
    """The value of a series for each device."""
    match = "{{{pods}}}" if more is None else f"{{{{{{pods}},{more.value}}}}}"
    renamed, kept = either(f"{series}{match}", of)
    found = text("max by (Hostname, gpu) (\n  {renamed}\n  or {kept}\n)", renamed=renamed, kept=kept).also(resource)
    return found if more is None else found.also(more)


def _failed(watched: Watched, of: Pods, resource: Because[str]) -> Alert:
    """Its pod is often replaced at once, and then the device is no longer one of the service."""
    return alert(
        watched,
        "GPUFailed",
        "ticket",
        "hardware",
        _each("DCGM_FI_DEV_XID_ERRORS", of, resource, xids.fatal().map(lambda codes: f'err_code=~"{codes}"')),
        text(
            "{name}: GPU {{{{ $labels.gpu }}}} of node {{{{ $labels.Hostname }}}} reported XID {{{{ $value }}}}, and "
            "has to be reset",
            name=watched.name,
        ),
        action=text(
            "Cordon and drain the node, so that Kubernetes starts its pods elsewhere. Then reset the GPU with "
            "`nvidia-smi --gpu-reset`, or reboot the node after XID {reboot}. Restart the DCGM exporter, which reports "
            "the last XID until then. If the XID comes back, have the GPU replaced. {source} explains each XID.",
            reboot=xids.reboot(),
            source=xids.source(),
        ),
        keep=fixed("1h", "long enough to be read, although the pod has moved to another device"),
    )


def _unrepaired(watched: Watched, of: Pods, resource: Because[str]) -> Alert:
    """The driver replaces rows of memory that have errors with spare ones (NVIDIA, GPU memory error management)."""
    return alert(
        watched,
        "GPUMemoryUnrepaired",
        "ticket",
        "hardware",
        text("{failed} > 0", failed=_each("DCGM_FI_DEV_ROW_REMAP_FAILURE", of, resource)),
        text(
            "{name}: GPU {{{{ $labels.gpu }}}} of node {{{{ $labels.Hostname }}}} cannot replace a faulty row of its "
            "memory, so the next error there ends what runs on it",
            name=watched.name,
        ),
        action=fixed(
            "Cordon and drain the node, reset the GPU, and run `dcgmi diag -r 3`. If the failure remains, have the GPU "
            "replaced.",
            "only a reset or another device helps",
        ),
    )


def _idle(service: ServicePlan, resource: Because[str]) -> Iterator[Because[Alert]]:
    """A server that finds no usable device may answer from its CPU, slowly and without an error.

    A device with little to do may look idle in every sample. With a tenth of the slots in use, some samples of an hour
    see work. One idle device of several proves nothing, because a router may prefer the other replicas.
    """
    devices, arriving = service.devices, _arriving(service)
    if devices is None or arriving is None or service.mean_time is None:
        return
    part = sliced(service.scope, devices)
    if part.value:
        return
    utilization = f"max_over_time(DCGM_FI_DEV_GPU_UTIL{{{{{{pods}}}}}}[{HOUR.value}])"
    renamed, kept = either(utilization, partial(pods, service))
    expression = text(
        "max(\n  {renamed}\n  or {kept}\n) == 0\nand on () {arriving} * {time} / ({slots} * count({up} == 1)) > {busy}",
        renamed=renamed,
        kept=kept,
        arriving=arriving,
        time=service.mean_time.map(lambda time: plain(time.amount)),
        slots=service.slots,
        up=Indicators(service).up(),
        busy=fixed("0.1", "with less to do, all samples may miss the work"),
    ).also(resource, part)
    idle = alert(
        service,
        "GPUIdle",
        "ticket",
        "hardware",
        expression,
        text(
            "{service}: no GPU has done any work for an hour, although more than 10% of the capacity is in use",
            service=service.name,
        ),
        action=text(
            "Look for errors of CUDA in `kubectl logs -n {namespace} -l app.kubernetes.io/instance={service}`: the "
            "driver is too old for the image, or the model runs on the CPU. Until that is fixed, the service is slower "
            "than planned, and its GPUs cost money for nothing.",
            namespace=service.scope.namespace,
            service=service.name,
        ),
        wait=fixed("30m", "longer than new replicas take to get their first requests"),
    )
    yield because(proofs.idle(service, idle), "a whole device has a utilization of its own", part, service.mean_time)


def _arriving(service: ServicePlan) -> Because[str] | None:
    """The requests per second over an hour; None if the runtime does not count them."""
    indicators, rates = Indicators(service), {}
    for index, counter in enumerate(service.metrics.requests):
        selected = indicators.selected(counter.series, counter.match)
        rates[f"r{index}"] = text("(sum(rate({selected}[{hour}])) or vector(0))", selected=selected, hour=HOUR)
    joined = " + ".join(f"{{{key}}}" for key in rates)
    return text(joined if len(rates) == 1 else f"({joined})", **rates) if rates else None
