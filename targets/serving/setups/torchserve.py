"""TorchServe: `config.properties` and an archive.

Traps handled here: every address defaults to 127.0.0.1, and the management address stays there. Metrics go to a log
unless the mode is `prometheus`. Requests need a token, which TorchServe writes to a file in the container. A snapshot
from an earlier start would override the configuration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ....compiler.because import Because, fixed, text
from ....compiler.emit.dump import Lines
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from . import Setup, port

FOLDER = "/mnt/config"


def build(service: ServicePlan, files: ModelFiles) -> Setup:  # noqa: ARG001 - every setup takes both
    """The flags that have no property, and the properties."""
    return Setup(
        args=(f"--ts-config={FOLDER}/config.properties", "--disable-token-auth", "--no-config-snapshots"),
        env={},
        files={"config.properties": Lines(*_properties(service))},
        folder=FOLDER,
        model=service.runtime.model_path,
        file=fixed("model.mar", "the configuration names the archive"),
    )


def _properties(service: ServicePlan) -> Iterator[str | Because[str]]:
    yield text("inference_address=http://0.0.0.0:{port}", port=port(service, "http"))
    yield text("metrics_address=http://0.0.0.0:{port}", port=port(service, "metrics"))
    yield "management_address=http://127.0.0.1:8081"
    yield "metrics_mode=prometheus"
    yield text("model_store={root}", root=service.runtime.model_path)
    yield text("load_models={name}=model.mar", name=service.model)
    if not service.accelerated.value or service.part.instances.given is not None:  # else one for each device
        yield text("default_workers_per_model={workers}", workers=service.workers)
    yield text("default_response_timeout={seconds}", seconds=service.timing.timeout.map(lambda t: math.ceil(t.amount)))
