"""MLServer: `settings.json` for the server and `model-settings.json` for the model.

Traps handled here: MLServer is ready even without a model, so the probes name the model (see the catalog). The working
directory is read-only, so metrics and environments go elsewhere. The version in metrics is `None` unless it is set.
Five seconds after SIGTERM, MLServer kills workers that are still busy, and then never exits.
"""

from __future__ import annotations

from typing import Any

from ....compiler.because import Because, because, fixed, text
from ....compiler.emit.jsontext import json_lines
from ....compiler.finding import refusal
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....compiler.system import Input, Output
from . import Setup, by_format

FOLDER = "/mnt/config"

IMPLEMENTATIONS = {
    "sklearn": "mlserver_sklearn.SKLearnModel",
    "xgboost": "mlserver_xgboost.XGBoostModel",
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "catboost": "mlserver_catboost.CatboostModel",
    "mlflow": "mlserver_mlflow.MLflowRuntime",
}

# dtype of the language -> datatype of the V2 protocol
DATATYPES = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
    "string": "BYTES", "bytes": "BYTES", "category": "BYTES",
}  # fmt: skip


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The two files, which the server reads from one folder."""
    root = service.runtime.model_path
    place = root if files.is_folder.value else text("{root}/{file}", root=root, file=files.file)
    return Setup(
        env={},
        files={
            "settings.json": json_lines(_server(service)),
            "model-settings.json": json_lines(_model(service, files, place)),
        },
        folder=FOLDER,
        model=root,
        file=files.file,
    )


def _server(service: ServicePlan) -> dict[str, Any]:
    ports = service.runtime.ports
    return {
        "http_port": ports.http,
        "grpc_port": ports.grpc,
        "metrics_port": ports.metrics,
        "metrics_endpoint": service.runtime.metrics.path,
        "parallel_workers": service.workers,  # a Python process works on one request at a time
        "parallel_workers_timeout": service.timing.drain,
        "debug": fixed(False, "debug output slows every request"),
    }


def _model(service: ServicePlan, files: ModelFiles, place: Because[str]) -> dict[str, Any]:
    signature = service.scope.system.models[service.model.value].signature
    batching = service.part.batching
    delay = batching.max_delay if batching is not None else None
    return {
        "name": service.model,
        "implementation": by_format(IMPLEMENTATIONS, service, files),
        "max_batch_size": batching.max_size if batching is not None else None,
        "max_batch_time": _batch_time(batching.max_size, delay) if batching is not None else None,
        "inputs": [_tensor(tensor) for tensor in signature.inputs] if signature is not None else None,
        "outputs": [_tensor(tensor) for tensor in signature.outputs] if signature is not None else None,
        "parameters": {
            "uri": place,
            "version": files.release.version,
            "content_type": _decoded(files, signature.inputs if signature is not None else ()),
        },
    }


def _decoded(files: ModelFiles, inputs: tuple[Input, ...]) -> Because[str] | None:
    """How MLServer decodes requests that don't say it. MLflow's models do not take what it makes of them by default:
    tensors by name. One tensor becomes an array, several become the columns of a data frame.
    """
    if files.artifact.format.value != "mlflow":
        return None
    if len(inputs) > 1:
        return because("pd", "an MLflow model takes several inputs as a data frame", files.artifact.format, inputs)
    return because("np", "an MLflow model takes one input as an array", files.artifact.format, inputs)


def _batch_time(size: Because[int], delay: Because[Any] | None) -> Because[float]:
    """The delay in seconds. Without one, MLServer does not batch at all, whatever the batch size."""
    if delay is None:
        return because(0.001, "the shortest delay with which MLServer batches", size)
    return delay.map(lambda wait: float(wait.amount))


def _tensor(tensor: Input | Output) -> dict[str, Any]:
    if tensor.dtype.value not in DATATYPES:
        raise refusal(
            "MLS012",
            f"MLServer has no type for `{tensor.dtype.value}`",
            tensor.dtype,
            note="the server checks the types of requests, and would reject them",
            help=f"use one of {', '.join(f'`{known}`' for known in DATATYPES)}",
        )
    shape = list(tensor.shape) or [because(-1, "no shape is set: any number of rows", tensor.name)]
    return {"name": tensor.name, "datatype": tensor.dtype.map(lambda dtype: DATATYPES[dtype]), "shape": shape}
