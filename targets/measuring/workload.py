"""The Deployment of the process. One replica, because two would measure the same twice and start two runs.

For a moment of each change, Prometheus has no series, which no alert notices, instead of each series twice with
different values.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import Refusal
from ...compiler.plan.measuring import METRICS, REQUESTS, MeasuringPlan
from .. import naming
from ..pod import access, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, variables
from ..pod.own import own_image
from ..process import CONFIG, STATE, Process, container
from ..process import deployment as deployment_of
from .config import COMPONENT, FILE, ConfigFile

__all__ = ["OWN_ACCESS", "deployment", "grants", "ports", "process"]

OWN_ACCESS = (
    "add an access with a ServiceAccount of its own, which may read the predictions, the labels, and the reference, "
    "and name it in `monitoring.access`"
)
"""What to write if the process has no identity of its own."""

USER = fixed(65532, "the user of mlspec's image")


def grants(found: MeasuringPlan) -> list[Grant]:
    """Every access of the process. Refuses accesses with two identities, because a pod has one."""
    granted = access.granted(found.plan, access.stores(found.plan, *found.accesses))
    try:
        access.identity(granted)
    except Refusal as refused:
        raise Refusal(refused.diagnostic.but(help=OWN_ACCESS)) from None
    return granted


def process(found: MeasuringPlan) -> Process:
    """The process."""
    return Process(
        plan=found.plan,
        name=found.name,
        component=COMPONENT,
        purpose="measures drift, quality, and data from captured predictions",
        alone="two would measure the same twice, and export each series twice",
        grants=grants(found),
        resources=found.plan.system.monitoring.resources,
        user=USER,
        token=because(found.starts.value, "it starts runs through the API server, or needs no token", found.starts),
    )


def ports(found: MeasuringPlan) -> list[Body]:
    """The ports that it listens on."""
    listed: list[Body] = [{"name": "metrics", "containerPort": fixed(METRICS, "a common port of exporters")}]
    if found.answers.value:
        port = because(REQUESTS, "for training runs and for Alertmanager", found.answers)
        listed.append({"name": "requests", "containerPort": port})
    return listed


def deployment(found: MeasuringPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The Deployment."""
    scope, one = found.plan, process(found)
    image = own_image(
        scope,
        "measuring needs mlspec's own image",
        found.part.to,
        others=tuple((one, "is measured") for one in found.asked[:1]),
        instead="write `measured: elsewhere` under `monitoring`, and export the metrics from your own jobs",
    )
    bundle = trust.named(scope)
    env = [*credentials(one.grants, bundle), *variables(bundle)]
    args = [f"--config={CONFIG}/{FILE}", f"--state={STATE}"]
    made = container(one, image, ["mlspec", "runtime", "exporter"], args, env, ports(found))
    why = because("Deployment", "measures captured predictions", found.part.to, found.asked)
    path = naming.path_of(scope, "measuring", "Deployment", found.name)
    yield Artifact(path=path, body=deployment_of(one, made, file.name), why=why)
