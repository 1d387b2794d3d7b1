"""A serving runtime as data: the single entry that serving, autoscaling, analysis, rules, and dashboards read.

The catalog entries (`compiler/catalog/runtimes/*.yaml`), the platform file's own entries, and the `container` of a
service all use this section of the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from .base import (
    BoundedDuration,
    Cores,
    Date,
    EnvName,
    Image,
    Matcher,
    Memory,
    Path,
    RouteMethod,
    RoutePath,
    RuntimeName,
    Section,
    Series,
    Share,
    Text,
    Url,
    default,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .release import Format

Feature = Literal[
    "batching.maxSize",
    "batching.maxDelay",
    "batching.preferredSizes",
    "instances",
    "parameters",
    "queue",
    "caching",
    "warmup",
    "llm",
    "llm.tokens.output",
    "llm.promptChunk",
    "llm.caching.dtype",
]
"""The optional features of a service, by their path below the service."""


class Ports(Section):
    """The ports that the runtime listens on."""

    http: int | None = optional("HTTP.", ge=1, le=65535)
    grpc: int | None = optional("gRPC.", ge=1, le=65535)
    metrics: int | None = optional("Prometheus metrics; may equal the HTTP port.", ge=1, le=65535)


class Routes(Section):
    """What the gateway forwards to the runtime. `{model}` is replaced with the model name."""

    http: list[RoutePath] = listed(
        "The HTTP paths of inference; `/*` at the end stands for a path and what is below it. If omitted, all paths.",
        min_length=1,
    )
    grpc: list[RouteMethod] = listed("The gRPC services, or methods of them. If omitted, all methods.", min_length=1)


class Probe(Section):
    """How the kubelet checks the runtime: an HTTP path, a command, a gRPC health check, or an open port."""

    path: Text | None = optional("The HTTP path; `{model}` is replaced with the model name.")
    command: list[Text] = listed(
        "A command to run in the container instead, if the port alone says too little; `{model}` is replaced with the "
        "model name."
    )
    port: Literal["http", "grpc", "metrics"] = default("http", "The port to probe.", "the port most runtimes answer on")
    grpc: bool = default(False, "Whether to use the gRPC health protocol.", "few runtimes implement it")
    timeout: BoundedDuration = default("1s", "The probe timeout.", "Kubernetes's own default")


class Probes(Section):
    """Startup, readiness, and liveness probes."""

    startup: Probe | None = optional("The other probes start after this one succeeds; it waits for the model to load.")
    readiness: Probe | None = optional("While this fails, the pod receives no requests.")
    liveness: Probe | None = optional("If this fails, the kubelet restarts the container.")


class Drain(Section):
    """How the runtime shuts down."""

    pre_stop: BoundedDuration = default(
        "5s",
        "The preStop delay: how long it keeps serving before SIGTERM, while its endpoint is removed.",
        "endpoint removal takes seconds to propagate",
    )
    timeout: BoundedDuration = default(
        "30s", "How long it then takes to finish requests in flight.", "longer than most requests"
    )
    handles_term: bool = default(
        True,
        "Whether it handles SIGTERM. If not, it serves until it is killed, so the grace period is the drain time.",
        "most runtimes do",
    )


class DeviceMemory(Section):
    """How a language-model server divides up an accelerator's memory, which it allocates at startup."""

    utilization: Share = default(
        "92%", "The share of the memory reported by the driver that the server may use.", "vLLM's own default"
    )
    overhead: Memory = default(
        "1536Mi",
        "The memory for activations and captured graphs on each device, in addition to weights and KV cache.",
        "an allowance; replace it with the value that the server logs at startup",
    )
    sequences: int = default(
        256,
        "The maximum number of concurrent sequences, unless `batching.maxSize` sets it.",
        "vLLM's own default",
        ge=1,
    )
    large_sequences: int = default(1024, "The same on a device of 70 GiB or more.", "vLLM's own default", ge=1)


class SeriesRef(Section):
    """One Prometheus series, with the label matchers that select it."""

    series: Series = required("The name as exported, including `_total` if it has one.")
    match: Matcher | None = optional(
        "Label matchers that every query needs; `{model}` is replaced with the model name."
    )


Born = Literal["start", "event"]
"""When a counter's series appears: with the server, or with the first event that it counts."""


class Counter(Section):
    """A Prometheus counter, with the label matchers that select it."""

    series: Series = required("The name as exported, including `_total` if it has one.")
    match: Matcher | None = optional(
        "Label matchers that every query needs; `{model}` is replaced with the model name."
    )
    born: Born = default(
        "event",
        "When its series appears: `start` for a counter that is 0 when the server starts, or `event` for one that is "
        "born with the first event it counts. Then the first events need a longer query.",
        "most client libraries create a series when its labels first occur",
    )


class LatencySeries(Section):
    """A latency histogram."""

    series: Series = required("The base name, without `_bucket`.")
    match: Matcher | None = optional(
        "Label matchers that every query needs; `{model}` is replaced with the model name."
    )
    unit: Literal["s", "ms", "us"] = default("s", "The unit of its buckets.", "the Prometheus convention")
    buckets: list[float] = listed("The upper bounds of the buckets, in that unit.")
    settable: bool = default(False, "Whether the buckets are configurable.", "most runtimes hard-code them")
    covers: Literal["requests", "successes", "tokens"] = default(
        "requests",
        "Whether it has a sample of each request, only of successes, so that a request that fails or breaks off has "
        "none, or of each token. Tokens of one answer are slow together, so they count as one request.",
        "most servers time a request however it ends",
    )
    born: Born = default(
        "event",
        "When its series appear: `start` if they are 0 when the server starts, or `event` if the first sample creates "
        "them.",
        "most client libraries create a series when its labels first occur",
    )


class InFlight(Section):
    """The number of requests in flight: a gauge, or busy seconds per second (Little's law)."""

    exactly_one: ClassVar[tuple[str, ...]] = ("gauge", "busy")
    needs: ClassVar[Mapping[str, str]] = {"minus": "gauge", "unit": "busy"}

    gauge: Series | None = optional("A gauge of requests in flight, or with `minus`, a counter of those that arrived.")
    busy: Series | None = optional("A counter of time spent on requests; its rate is the number in flight.")
    plus: Series | None = optional("A gauge of requests that wait, if the first series leaves them out.")
    minus: Series | None = optional("A counter of requests that ended, if `gauge` counts those that arrived.")
    unit: Literal["s", "ms", "us"] = default("s", "The unit of `busy`.", "the Prometheus convention")
    match: Matcher | None = optional(
        "Label matchers that every query needs; `{model}` is replaced with the model name."
    )


class MetricVocabulary(Section):
    """The metrics that the runtime exports, by meaning. The runtime does not export the ones omitted here."""

    path: Path = default("/metrics", "The path of the metrics endpoint.", "the Prometheus convention")
    requests: list[Counter] = listed("Counters that add up to all completed requests.")
    errors: list[Counter] = listed("Counters that add up to the requests that failed with a server error.")
    successes: list[Counter] = listed(
        "Counters that add up to the requests that succeeded, if no counter of errors exists: all others are errors."
    )
    canceled: list[Counter] = listed(
        "Counters that add up to the requests whose callers gave up, if the requests do not include them."
    )
    latency: LatencySeries | None = optional("The response-time histogram.")
    first_token: LatencySeries | None = optional("The time-to-first-token histogram.")
    inter_token: LatencySeries | None = optional("The inter-token latency histogram.")
    prompt_tokens: list[Counter] = listed("Counters that add up to the tokens of all prompts.")
    generated_tokens: list[Counter] = listed("Counters that add up to the tokens of all answers.")
    in_flight: InFlight | None = optional("The number of requests in flight.")
    queue: SeriesRef | None = optional("A gauge of queued requests.")
    saturation: SeriesRef | None = optional("A gauge from 0 to 1 of the scarcest resource.")


class Runtime(Section):
    """One serving runtime."""

    setup: Literal["triton", "tensorflow-serving", "vllm", "sglang", "tgi", "mlserver", "torchserve", "none"] = default(
        "none",
        "The built-in setup that generates its arguments and configuration files; `none` passes the model through "
        "environment variables.",
        "a container that mlspec has no setup for",
    )
    support: Literal["active", "maintenance", "ended"] = default(
        "active",
        "Its maintenance status: `maintenance` means minor fixes only, `ended` not even security patches.",
        "most runtimes are under active development",
    )
    notice: Text | None = optional("What its maintainers say about its status.")
    successors: list[RuntimeName] = listed("The runtimes to use instead, best first.")
    build: Text | None = optional("What your image must contain and start, if you have to build it.")
    image: Image | None = optional("The image, pinned.")
    accelerated_image: Image | None = optional("The image for pods with an accelerator, if it differs.")
    image_size: Memory | None = optional("The image size, which determines how long the first pull takes.")
    start_time: BoundedDuration = default(
        "30s", "How long it takes to start, before it loads the model.", "longer than most servers take on a busy node"
    )
    least_startup: BoundedDuration = default(
        "120s",
        "What the startup probe allows at least, even if the model should load sooner.",
        "a server that exits is restarted at once, so patience costs little; an impatient probe kills a slow server "
        "again and again",
    )
    user: int | None = optional("The numeric user ID it runs as; never 0.", ge=1, le=2**31 - 1)
    formats: list[Format] = listed("The model formats it can load.")
    usual_for: list[Format] = listed("The model formats it is the default runtime for.")
    needs_accelerator: bool = default(False, "Whether it requires an accelerator.", "most runtimes run on CPUs")
    several_accelerators: Literal["together", "each", "first"] = default(
        "together",
        "How it uses several accelerators of a pod: all `together` for a request, `each` for requests of its own, or "
        "only the `first`.",
        "servers of language models divide the model among them, and your own code decides",
    )
    cpu_bound: bool = default(True, "Whether each request in flight keeps a core busy.", "true without an accelerator")
    command: list[Text] = listed("The command, if the image's own entry point is not suitable.")
    args: list[Text] = listed(
        "Arguments placed before the ones that mlspec generates. A flag that the plan decides is an error (MLS438)."
    )
    env: dict[EnvName, Text] = mapped("Environment variables it needs.")
    thread_variables: list[EnvName] = listed(
        "Environment variables that get the number of threads of each of its processes, unless it has an accelerator. "
        "Libraries otherwise start a thread for every core of the node, whatever the pod requests."
    )
    model_path: Path = default("/models", "The folder it loads models from.", "the most common location")
    writable: list[Path] = listed("Paths it writes to; each becomes an empty volume.")
    scratch: Memory | None = optional(
        "What it writes to these paths, besides the model. If omitted, it has no limit, and nothing is reserved for it."
    )
    unpacks: bool = default(
        False, "Whether it unpacks the model into these paths.", "most runtimes read the model where it is"
    )
    device_memory: DeviceMemory | None = optional(
        "How it divides up an accelerator's memory, if it allocates all of it at startup."
    )
    shared_memory: Memory | None = optional(
        "The `/dev/shm` size it needs; Kubernetes provides 64 MiB. If omitted, 1 GiB for several accelerators."
    )
    bodies: list[Literal["v2", "v1", "openai", "json"]] = listed(
        "The protocols of its HTTP API whose bodies can be recorded: `v2` and `v1` of KServe and TensorFlow Serving, "
        "`openai`, or `json` with the names of the signature."
    )
    capture: Literal["code", "none"] = default(
        "none",
        "Whether its image can record predictions itself: `code` if the image contains your own code, which can.",
        "no server writes records with inputs, outputs, and an ID by a setting",
    )
    writable_root: bool = default(
        False, "Whether it needs a writable root file system.", "`writable` is enough for most runtimes"
    )
    ports: Ports = group(Ports, "The ports it listens on.")
    routes: Routes = group(Routes, "What the gateway forwards to it.")
    probes: Probes = group(Probes, "Startup, readiness, and liveness probes.")
    drain: Drain = group(Drain, "How it shuts down.")
    metrics: MetricVocabulary = group(MetricVocabulary, "The metrics it exports.")
    grpc_metrics: MetricVocabulary | None = optional(
        "The metrics of gRPC requests, if they have their own. If omitted, `metrics` counts them too."
    )
    worker_queues: bool = default(
        False,
        "Whether each worker has a queue of its own, so that a request can wait behind a busy one.",
        "the requests of most runtimes wait in one queue",
    )
    features: list[Feature] = listed(
        "The service features it supports. `llm.tokens.output` means that it can limit output tokens, and "
        "`llm.caching.dtype` that it can use a smaller KV cache."
    )
    cpu: Cores = default("1", "The minimum number of cores.", "enough for one request at a time")
    memory: Memory = default("512Mi", "The memory it needs in addition to the model.", "enough for a small server")
    worker_memory: Memory | None = optional(
        "What each further concurrent request adds, besides a copy of the model, if each has its own worker."
    )
    worker_batches: bool = default(
        False, "Whether one worker batches for all requests.", "workers of most runtimes do not share their requests"
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")
