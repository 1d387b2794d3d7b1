"""Triton: a model repository with one pinned version, and `config.pbtxt` from the signature.

Traps handled here: the default version policy follows whatever is in the repository. With explicit control, Triton lets
every caller load and unload models. Latency histograms are off by default, and their buckets are too
wide. Triton silently skips a warm-up with a batch size of zero. Each instance starts a thread for every core of the
node. TensorRT loads no instance on a CPU, and OpenVINO none on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, fixed, text
from ....compiler.emit.dump import Lines
from ....compiler.finding import Refusal, refusal
from ....compiler.plan.choose import count
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....compiler.system import Batching, Input, Output
from ....schema.units import Duration
from . import Mount, Setup, by_format

# format -> backend and the name that its file or folder must have
BACKENDS = {
    "onnx": ("onnxruntime", "model.onnx"),
    "tensorrt": ("tensorrt", "model.plan"),
    "torchscript": ("pytorch", "model.pt"),
    "python": ("python", "model.py"),
    "openvino": ("openvino", "model.xml"),
}

# format -> the parameters of its backend that set the number of threads of an instance. Each instance otherwise has as
# many as the node has cores (README.md of onnxruntime_backend, pytorch_backend, and openvino_backend).
THREADS = {
    "onnx": ("intra_op_thread_count",),
    "torchscript": ("INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"),
    "openvino": ("INFERENCE_NUM_THREADS",),
}

# format -> the only kind of instances that its backend loads (tensorrt_backend/src/instance_state.cc,
# openvino_backend/src/openvino.cc). OpenVINO finds another device than the CPU by a parameter, not by the kind.
ONLY = {"tensorrt": "KIND_GPU", "openvino": "KIND_CPU"}
DEVICE = "TARGET_DEVICE"

# dtype of the language -> Triton's
DTYPES = {
    "bool": "TYPE_BOOL", "int8": "TYPE_INT8", "int16": "TYPE_INT16", "int32": "TYPE_INT32", "int64": "TYPE_INT64",
    "uint8": "TYPE_UINT8", "uint16": "TYPE_UINT16", "uint32": "TYPE_UINT32", "uint64": "TYPE_UINT64",
    "float16": "TYPE_FP16", "bfloat16": "TYPE_BF16", "float32": "TYPE_FP32", "float64": "TYPE_FP64",
    "string": "TYPE_STRING", "bytes": "TYPE_STRING", "category": "TYPE_STRING",
}  # fmt: skip


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The server's arguments and the model's configuration."""
    name, number = service.model, files.number
    root = service.runtime.model_path
    return Setup(
        args=tuple(_args(service, root)),
        env={},
        files={"config.pbtxt": Lines(*_config(service, files))},
        mounts=(Mount(file="config.pbtxt", path=text("{root}/{name}/config.pbtxt", root=root, name=name)),),
        model=text("{root}/{name}/{number}", root=root, name=name, number=number),
        file=by_format(BACKENDS, service, files).map(lambda backend: backend[1]),
    )


def _args(service: ServicePlan, root: Because[str]) -> Iterator[str | Because[str]]:
    yield text("--model-repository={root}", root=root)
    yield fixed("--model-control-mode=none", "callers must not load or unload models; the repository has only this one")
    yield text("--exit-timeout-secs={seconds}", seconds=service.timing.drain)
    yield from _ports(service)
    buckets = service.objectives.buckets("latency")
    if buckets is not None and buckets.value:
        yield because("--metrics-config=histogram_latencies=true", "latency histograms are off by default", buckets)
    if not service.accelerated.value:
        yield because("--allow-gpu-metrics=false", "there is no GPU to report on", service.accelerated)
    caching = service.part.caching
    if caching is not None:
        yield text("--cache-config=local,size={size}", size=caching.size.map(lambda size: int(size.amount)))


def _ports(service: ServicePlan) -> Iterator[Because[str]]:
    """The ports that are not Triton's own."""
    ports = service.runtime.ports
    for name, port, own in (("http", ports.http, 8000), ("grpc", ports.grpc, 8001), ("metrics", ports.metrics, 8002)):
        if port is not None and port.value != own:
            yield text(f"--{name}-port={{port}}", port=port)


def _config(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    """`config.pbtxt`, in the order of Triton's documentation."""
    part = service.part
    signature = service.scope.system.models[service.model.value].signature
    if signature is None:
        raise refusal(
            "MLS009",
            f"the model `{service.model.value}` lacks `signature`",
            service.model,
            service.runtime_name,
            note="Triton rejects requests with names, types, or shapes that are not in its configuration",
            help="add `signature: {inputs: [...], outputs: [...]}` with the names that the model itself uses",
        )
    yield text('name: "{name}"', name=service.model)
    yield text('backend: "{backend}"', backend=by_format(BACKENDS, service, files).map(lambda backend: backend[0]))
    batch = part.batching
    size = fixed(0, "requests are not batched: the dimensions are the model's own") if batch is None else batch.max_size
    yield text("max_batch_size: {size}", size=size)
    yield from _tensors("input", signature.inputs)
    yield from _tensors("output", signature.outputs)
    yield text("version_policy {{ specific {{ versions: [{number}] }} }}", number=files.number)
    yield from _instances(service, files.artifact.format)
    yield from _parameters(service, files)
    if batch is not None:
        yield from _batching(service, batch)
    if part.caching is not None:
        yield because(
            "response_cache { enable: true }", "the response cache serves identical requests", part.caching.size
        )
    if part.warmup is not None:
        yield from _warmup(part.warmup.requests, signature.inputs)
    yield from _histogram(service)


def _tensors(side: str, tensors: tuple[Input, ...] | tuple[Output, ...]) -> Iterator[str | Because[str]]:
    for tensor in tensors:
        yield f"{side} {{"
        yield text("  name: {name}", name=_quoted(tensor.name))
        yield text("  data_type: {dtype}", dtype=_dtype(tensor.dtype))
        yield text("  dims: [{dims}]", dims=_dims(tensor))
        yield "}"


def _quoted(name: Because[str]) -> Because[str]:
    """A name as a string of protobuf's text format."""
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
    return name.map(lambda written: '"' + "".join(escaped.get(one, one) for one in written) + '"')


def _dtype(dtype: Because[str]) -> Because[str]:
    if dtype.value not in DTYPES:
        raise refusal(
            "MLS012",
            f"Triton has no type for `{dtype.value}`",
            dtype,
            note="the server rejects a model configuration with any other type",
            help=f"use one of {', '.join(f'`{known}`' for known in DTYPES)}",
        )
    return dtype.map(lambda name: DTYPES[name])


def _dims(tensor: Input | Output) -> Because[str]:
    if not tensor.shape:
        return because("1", "no shape is set: one value", tensor.name)
    return text(
        ", ".join(f"{{d{i}}}" for i in range(len(tensor.shape))), **{f"d{i}": dim for i, dim in enumerate(tensor.shape)}
    )


def _instances(service: ServicePlan, format_: Because[str]) -> Iterator[str | Because[str]]:
    """One instance per concurrent request. On an accelerator, or with batching, one instance batches for all."""
    accelerated = service.accelerated
    kind = because("KIND_GPU" if accelerated.value else "KIND_CPU", "where the model runs", accelerated)
    only = ONLY.get(format_.value)
    if only is not None and only != kind.value:
        if not accelerated.value or DEVICE not in service.part.parameters:
            raise _elsewhere(service, format_)
        kind = because(only, "its backend finds the device by a parameter", format_, service.part.parameters[DEVICE])
    yield text("instance_group [{{ count: {count}, kind: {kind} }}]", count=service.workers, kind=kind)


def _elsewhere(service: ServicePlan, format_: Because[str]) -> Refusal:
    """A backend that runs on a CPU without an accelerator, or on an accelerator only."""
    devices = service.devices
    return refusal(
        "MLS012",
        f"Triton serves `{format_.value}` {'on NVIDIA GPUs only' if devices is None else 'on CPUs only'}",
        format_,
        others=((devices.type, "the accelerator"),) if devices is not None else ((service.part.resources, "no GPU"),),
        note="the server would refuse to load the model, and exit in every replica",
        help="add `resources: {accelerator: {type: l4}}` to the service, or export the model as `onnx`"
        if devices is None
        else f"remove `accelerator` from the service, set `parameters: {{{DEVICE}: GPU}}` for an Intel GPU, or export "
        "the model as `onnx`",
    )


def _parameters(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    """The parameters of the backend: the threads of an instance, and those of the spec, which win."""
    own = dict(service.part.parameters)
    threads = service.threads
    if threads is not None:
        for name in THREADS.get(files.artifact.format.value, ()):
            own.setdefault(name, threads.also(files.artifact.format).map(str))
    for name, value in own.items():
        yield text(
            f'parameters {{{{ key: "{name}", value: {{{{ string_value: {{value}} }}}} }}}}', value=_quoted(value)
        )


def _preferred(batch: Batching) -> Because[str] | None:
    """The preferred sizes, as a list; None without any. Triton rejects one above the largest batch."""
    for size in batch.preferred_sizes:
        if not 0 < size.value <= batch.max_size.value:
            raise refusal(
                "MLS008",
                f"a batch cannot have {count(size.value, 'item')}",
                size,
                others=((batch.max_size, "the largest batch"),),
                note="the server would not start with this configuration",
                help=f"write sizes from 1 to {batch.max_size.value}",
            )
    sizes = batch.preferred_sizes
    return because(", ".join(str(size.value) for size in sizes), "the batches to form", sizes) if sizes else None


def _batching(service: ServicePlan, batch: Batching) -> Iterator[str | Because[str]]:
    """Dynamic batching, and a queue that rejects what waits longer than the request timeout.

    Triton counts that as a failure. It does not count what a full queue rejects with 503, which only the gateway sees.
    So the queue has twice the room: requests that come too late are rejected first.
    """
    delay, preferred = batch.max_delay, _preferred(batch)
    if delay is None and service.queue is None and preferred is None:
        yield "dynamic_batching { }"
        return
    yield "dynamic_batching {"
    if preferred is not None:
        yield text("  preferred_batch_size: [{sizes}]", sizes=preferred)
    if delay is not None:
        yield text("  max_queue_delay_microseconds: {micros}", micros=delay.map(_micros))
    if service.queue is not None:
        yield "  default_queue_policy {"
        yield "    timeout_action: REJECT"
        yield text("    default_timeout_microseconds: {micros}", micros=service.timing.timeout.map(_micros))
        yield text("    max_queue_size: {size}", size=service.queue.map(lambda waiting: 2 * waiting))
        yield "  }"
    yield "}"


def _micros(wait: Duration) -> int:
    return int(wait.amount * 1_000_000)


def _warmup(requests: Because[int], inputs: tuple[Input, ...]) -> Iterator[str | Because[str]]:
    """Batches of one, even for models without batching, because Triton silently skips a sample of size 0."""
    yield "model_warmup {"
    yield '  name: "warm-up"'
    yield "  batch_size: 1"
    yield text("  count: {requests}", requests=requests)
    for tensor in inputs:
        dims = _dims(tensor).map(lambda text_: text_.replace("-1", "1"))
        yield "  inputs {"
        yield text("    key: {name}", name=_quoted(tensor.name))
        yield text(
            "    value {{ data_type: {dtype}, dims: [{dims}], zero_data: true }}", dtype=_dtype(tensor.dtype), dims=dims
        )
        yield "  }"
    yield "}"


def _histogram(service: ServicePlan) -> Iterator[str | Because[str]]:
    buckets = service.objectives.buckets("latency")
    series = service.metrics.latency
    if buckets is None or not buckets.value or series is None:
        return
    listed = buckets.map(lambda bounds: ", ".join(format(bound.normalize(), "f") for bound in bounds))
    yield "model_metrics {"
    yield "  metric_control {"
    yield text('    metric_identifier {{ family: "{family}" }}', family=series.series)
    yield text("    histogram_options {{ buckets: [{buckets}] }}", buckets=listed)
    yield "  }"
    yield "}"
