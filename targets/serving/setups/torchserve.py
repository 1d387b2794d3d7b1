"""TorchServe: `config.properties` and an archive.

Traps that are handled here: every address is 127.0.0.1 unless it is given, and the one that manages models stays so;
metrics go to a log unless the mode is `prometheus`; requests need a token that is written to a file of the container;
a snapshot of an earlier start would win over the configuration.
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
        file=fixed("model.mar", "the archive is named by the configuration"),
    )


def _properties(service: ServicePlan) -> Iterator[str | Because[str]]:
    yield text("inference_address=http://0.0.0.0:{port}", port=port(service, "http"))
    yield text("metrics_address=http://0.0.0.0:{port}", port=port(service, "metrics"))
    yield "management_address=http://127.0.0.1:8081"
    yield "metrics_mode=prometheus"
    yield text("model_store={root}", root=service.runtime.model_path)
    yield text("load_models={name}=model.mar", name=service.model)
    if not service.accelerated.value:
        yield text("default_workers_per_model={slots}", slots=service.slots)
    yield text("default_response_timeout={seconds}", seconds=service.timing.timeout.map(lambda t: math.ceil(t.amount)))
