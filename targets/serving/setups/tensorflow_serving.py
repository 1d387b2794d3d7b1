"""TensorFlow Serving: one pinned version, with configuration files for batching and monitoring.

Traps handled here: by default, the server loads the highest version in the folder, so a new folder would go live
without a rollout. Metrics exist only with a monitoring file. The image's own script keeps a shell as process 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, fixed, text
from ....compiler.emit.dump import Lines
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....schema.units import Duration
from . import Setup, port

FOLDER = "/etc/serving"


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The server's flags and its three files."""
    batching = service.part.batching
    configuration = {
        "models.config": Lines(*_models(service, files)),
        "monitoring.config": Lines(*_monitoring(service)),
    }
    if batching is not None:
        configuration["batching.config"] = Lines(*_batching(service))
    root = service.runtime.model_path
    return Setup(
        args=tuple(_args(service)),
        env={},
        files=configuration,
        folder=FOLDER,
        model=text("{root}/{name}/{number}", root=root, name=service.model, number=files.number),
        file=fixed("saved_model.pb", "a SavedModel is a folder; a single file is only its graph"),
    )


def _args(service: ServicePlan) -> Iterator[str | Because[str]]:
    yield text("--port={port}", port=port(service, "grpc"))
    yield text("--rest_api_port={port}", port=port(service, "http"))
    yield text("--rest_api_timeout_in_ms={millis}", millis=service.timing.timeout.map(lambda t: int(t.amount * 1000)))
    if service.threads is not None:  # 0, the default of both, stands for the cores of the node
        yield text("--tensorflow_intra_op_parallelism={threads}", threads=service.threads)
        yield text("--tensorflow_inter_op_parallelism={threads}", threads=service.threads)
    yield f"--model_config_file={FOLDER}/models.config"
    yield f"--monitoring_config_file={FOLDER}/monitoring.config"
    yield "--file_system_poll_wait_seconds=0"
    yield "--enable_grpc_healthcheck_service=true"
    if service.part.batching is not None:
        yield text("--enable_batching={yes}", yes=service.part.batching.max_size.map(lambda _: "true"))
        yield f"--batching_parameters_file={FOLDER}/batching.config"


def _models(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    yield "model_config_list {"
    yield "  config {"
    yield text('    name: "{name}"', name=service.model)
    yield text('    base_path: "{root}/{name}"', root=service.runtime.model_path, name=service.model)
    yield '    model_platform: "tensorflow"'
    yield text("    model_version_policy {{ specific {{ versions: {number} }} }}", number=files.number)
    yield "  }"
    yield "}"


def _monitoring(service: ServicePlan) -> Iterator[str | Because[str]]:
    yield "prometheus_config {"
    yield "  enable: true"
    yield text('  path: "{path}"', path=service.runtime.metrics.path)
    yield "}"


def _batching(service: ServicePlan) -> Iterator[str | Because[str]]:
    """The maximum batch size, as many threads as cores, and a bounded queue that fails early rather than late."""
    batching = service.part.batching
    assert batching is not None
    threads = service.cpu.map(lambda cores: max(1, int(cores.amount)))
    yield text("max_batch_size {{ value: {size} }}", size=batching.max_size)
    if batching.max_delay is not None:
        yield text("batch_timeout_micros {{ value: {micros} }}", micros=batching.max_delay.map(_micros))
    yield text("num_batch_threads {{ value: {threads} }}", threads=threads)
    yield "max_enqueued_batches { value: 100 }"


def _micros(delay: Duration) -> int:
    return int(delay.amount * 1_000_000)
