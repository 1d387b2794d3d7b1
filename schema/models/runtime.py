"""A serving runtime as data: the one entry that serving, autoscaling, analysis, rules and dashboards read.

The catalogue's entries (`compiler/catalog/runtimes/*.yaml`) are written in this section of the language, and so are the
platform file's own and the `container` of a service.
"""

from __future__ import annotations

from typing import Literal

from .base import (
    Cores,
    Date,
    Duration,
    EnvName,
    Image,
    Matcher,
    Memory,
    Path,
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
)
from .release import Format

Feature = Literal[
    "batching.maxSize",
    "batching.maxDelay",
    "caching",
    "warmup",
    "llm",
    "llm.tokens.output",
    "llm.caching.dtype",
]
"""What a service may ask of its runtime, by its path below the service."""


class Ports(Section):
    """The ports that the runtime listens on."""

    http: int | None = optional("HTTP.", ge=1, le=65535)
    grpc: int | None = optional("gRPC.", ge=1, le=65535)
    metrics: int | None = optional("Prometheus metrics; may be the HTTP port.", ge=1, le=65535)


class Probe(Section):
    """How the kubelet asks for the runtime's state: an HTTP path, a gRPC health check, or an open port."""

    path: Text | None = optional("The HTTP path; `{model}` stands for the model's name.")
    port: Literal["http", "grpc", "metrics"] = default("http", "The port that is asked.", "where most runtimes answer")
    grpc: bool = default(False, "Whether the gRPC health protocol is used.", "few runtimes serve it")
    timeout: Duration = default("1s", "How long an answer may take.", "Kubernetes' own default")


class Probes(Section):
    """Whether the runtime has started, is ready, and is alive."""

    startup: Probe | None = optional("Until this succeeds the others are not asked; it waits for the model.")
    readiness: Probe | None = optional("While this fails no request is sent.")
    liveness: Probe | None = optional("When this fails the container is restarted.")


class Drain(Section):
    """What the runtime does when it is told to stop."""

    pre_stop: Duration = default(
        "5s",
        "How long it goes on serving before it is told, while the endpoint is taken away.",
        "endpoints need seconds",
    )
    timeout: Duration = default("30s", "How long it then finishes what is in flight.", "longer than most requests")
    handles_term: bool = default(
        True, "Whether it handles SIGTERM at all; if not, the grace period is the drain time.", "most do"
    )


class DeviceMemory(Section):
    """How a server of language models divides the memory of an accelerator, which it takes when it starts."""

    utilization: Share = default(
        "92%", "The share of what the driver reports that it may fill.", "what vLLM takes when it is not told"
    )
    overhead: Memory = default(
        "1536Mi",
        "What activations and captured graphs take of it on each device, beside weights and cache.",
        "an allowance; what the server logs when it starts replaces it",
    )
    sequences: int = default(
        256, "How many sequences it works on at once, where `batching.maxSize` does not say it.", "what vLLM does", ge=1
    )
    large_sequences: int = default(1024, "The same on a device of 70 GiB or more.", "what vLLM does", ge=1)


class SeriesRef(Section):
    """One Prometheus series, with the matchers that single out what is meant."""

    series: Series | None = optional("Its name as exported, with `_total` where it has one.")
    match: Matcher | None = optional("Label matchers that every use needs; `{model}` stands for the model's name.")


class LatencySeries(Section):
    """The histogram of response times."""

    series: Series | None = optional("Its base name, without `_bucket`.")
    match: Matcher | None = optional("Label matchers that every use needs; `{model}` stands for the model's name.")
    unit: Literal["s", "ms", "us"] = default("s", "The unit of its buckets.", "Prometheus' convention")
    buckets: list[float] = listed("Its upper bounds, in that unit.")
    settable: bool = default(False, "Whether the bounds can be configured.", "most cannot")
    covers: Text | None = optional("Which requests it counts, where not all.")


class InFlight(Section):
    """How many requests are being worked on: a gauge, or the seconds of work done each second (Little's law)."""

    gauge: Series | None = optional("A gauge of requests in flight.")
    busy: Series | None = optional("A counter of time spent on requests, whose rate is the number in flight.")
    unit: Literal["s", "ms", "us"] = default("s", "The unit of that counter.", "Prometheus' convention")
    match: Matcher | None = optional("Label matchers that every use needs; `{model}` stands for the model's name.")


class MetricVocabulary(Section):
    """What the runtime exports, by what it means. What is absent here, the runtime does not export."""

    path: Path = default("/metrics", "Where metrics are read.", "Prometheus' convention")
    requests: list[SeriesRef] = listed("Counters that add up to all finished requests.")
    errors: list[SeriesRef] = listed("Counters that add up to requests that failed by the server's fault.")
    latency: LatencySeries | None = optional("The histogram of response times.")
    first_token: LatencySeries | None = optional("The histogram of the time to the first token.")
    inter_token: LatencySeries | None = optional("The histogram of the time between tokens.")
    in_flight: InFlight | None = optional("How many requests are being worked on.")
    queue: SeriesRef | None = optional("A gauge of waiting requests.")
    saturation: SeriesRef | None = optional("A gauge from 0 to 1 of the resource that runs out first.")


class Runtime(Section):
    """One serving runtime."""

    setup: Literal["triton", "tensorflow-serving", "vllm", "sglang", "tgi", "mlserver", "torchserve", "none"] = default(
        "none",
        "Who writes its arguments and configuration files; `none` passes the model by environment variables.",
        "a container that mlspec does not know",
    )
    support: Literal["active", "maintenance", "ended"] = default(
        "active",
        "Whether it is still developed: `maintenance` is small fixes only, `ended` not even security patches.",
        "most runtimes are developed",
    )
    notice: Text | None = optional("What its makers say of that.")
    successors: list[RuntimeName] = listed("The runtimes to use instead, best first.")
    build: Text | None = optional("What its image must hold and start, where that is yours to build.")
    image: Image | None = optional("The image, pinned.")
    accelerated_image: Image | None = optional("The image for pods with an accelerator, where it differs.")
    image_size: Memory | None = optional("How large the image is, for the time that a first pull takes.")
    user: int | None = optional("The numeric user that it runs as; never 0.", ge=1, le=2**31 - 1)
    formats: list[Format] = listed("The formats it can load.")
    usual_for: list[Format] = listed("The formats that it is chosen for where a service names no runtime.")
    needs_accelerator: bool = default(False, "Whether it refuses to start without one.", "most run on processors")
    cpu_bound: bool = default(True, "Whether a request in flight keeps a core busy.", "true without an accelerator")
    command: list[Text] = listed("What starts it, where the image's own entry point does not do.")
    args: list[Text] = listed("Arguments before mlspec's own.")
    env: dict[EnvName, Text] = mapped("Environment variables that it needs.")
    model_path: Path = default("/models", "Where it looks for models.", "the usual place")
    writable: list[Path] = listed("Paths that it writes to; each becomes an empty volume.")
    device_memory: DeviceMemory | None = optional("What it does with an accelerator's memory, where it takes it all.")
    shared_memory: Memory | None = optional("What it needs of `/dev/shm`; Kubernetes gives 64 MiB.")
    writable_root: bool = default(False, "Whether its root file system must be writable.", "most need only `writable`")
    ports: Ports = group(Ports, "The ports that it listens on.")
    probes: Probes = group(Probes, "How it is asked for its state.")
    drain: Drain = group(Drain, "What it does when told to stop.")
    metrics: MetricVocabulary = group(MetricVocabulary, "What it exports.")
    honours: list[Feature] = listed(
        "The parts of a service that it can do: `batching.maxSize`, `batching.maxDelay`, `caching`, `warmup`, `llm`, "
        "`llm.tokens.output` where it can limit answers, and `llm.caching.dtype` where it can keep less of each token."
    )
    cpu: Cores = default("1", "Cores it needs at least.", "one request at a time")
    memory: Memory = default("512Mi", "Memory it needs beside the model.", "a small server")
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")
