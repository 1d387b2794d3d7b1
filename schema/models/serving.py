"""Serving: online, batch, streaming, and edge."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import (
    AcceleratorName,
    AccessName,
    Ascending,
    BoundedDuration,
    Cores,
    Cron,
    DatedUri,
    Duration,
    EnvName,
    Host,
    Identifier,
    Image,
    LabelKey,
    LabelValue,
    Memory,
    ModelName,
    Name,
    Percent,
    PositiveCount,
    PositiveDuration,
    Rate,
    RuntimeName,
    Section,
    Size,
    Text,
    TimeZone,
    Url,
    default,
    derived,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .data import DataFormat
from .model import ServingLlm
from .pods import EnvValue, PodVolume, Scheduling, Sidecar
from .problem import OnlineConstraints
from .runtime import Runtime


class AcceleratorRequest(Section):
    """Accelerators for one pod."""

    type: AcceleratorName = required("The accelerator, from the catalog or the platform file.")
    count: int = default(1, "How many accelerators.", "most models fit on one", ge=1, le=16)


class Resources(Section):
    """Resources of one replica."""

    cpu: Cores | None = derived("CPU cores.", "from the runtime's requirements")
    memory: Size | None = derived("Memory.", "from the runtime's requirements plus twice the model size")
    ephemeral_storage: Size | None = derived(
        "The disk space of the node: the model, what the container writes, and logs. That of empty `volumes` is added.",
        "from the model size and the runtime's requirements",
    )
    accelerator: AcceleratorRequest | None = optional(
        "Accelerators. If omitted: none, or the cheapest of `constraints.accelerators` for a runtime that requires one."
    )


class ServiceTime(Section):
    """How long the model takes to process a request, measured on one replica."""

    ascending: ClassVar[Ascending] = (
        (("mean", "p99", "p995"), "replicas would be sized by a tail that is faster than the average request"),
    )

    mean: PositiveDuration = required("The mean processing time of a request, excluding queueing.")
    at: int = default(1, "How many requests were in flight on the replica.", "one request at a time", ge=1, le=4096)
    p99: PositiveDuration | None = optional("The 99th percentile of the same measurement.")
    p995: PositiveDuration | None = optional("The 99.5th percentile of the same measurement.")


class Batching(Section):
    """Request batching: the server combines concurrent requests into one batch."""

    max_size: int = required("The maximum batch size.", ge=1, le=65536)
    max_delay: Duration | None = optional("How long a request may wait for the batch to fill.")
    preferred_sizes: list[int] = listed(
        "The batch sizes to form, if the model is faster with some. The server waits for the next one, up to "
        "`maxDelay`."
    )


class Caching(Section):
    """Response cache: the server reuses the response to an identical request."""

    size: Size = default("64Mi", "The cache size.", "enough for thousands of small responses")


class Warmup(Section):
    """Warm-up requests that a replica sends to itself before it reports ready."""

    requests: int = default(10, "How many requests.", "enough to trigger lazy initialization", ge=1, le=1000)


class Caller(Section):
    """A caller that may bypass the gateway."""

    namespace: Name = required("The caller's namespace.")
    labels: dict[LabelKey, LabelValue] = mapped("The pods in that namespace that may call. If omitted, all.")


class Auth(Section):
    """Authentication at the gateway: callers send a JSON Web Token."""

    issuer: Url = required("Who issues the tokens: exactly their `iss` claim.")
    audiences: list[Text] = required("The accepted audiences; a token names one in its `aud` claim.", min_length=1)
    keys: Url = required("Where the issuer publishes its keys: the `jwks_uri` of its OpenID configuration.")


class Endpoint(Section):
    """How callers reach the service."""

    hosts: list[Host] = listed(
        "The host names of the service. If omitted, its name below `platform.gateway.domain`; without a domain, "
        "all of the gateway's.",
        min_length=1,
    )
    timeout: Duration | None = derived(
        "The gateway's request timeout. GRPCRoutes have none, and some gateways ignore it.",
        "from the slowest latency bound",
    )
    response_size: Memory | None = optional(
        "The mean size of a response. With `platform.prices.egress`, the bill includes what leaves through the gateway."
    )
    auth: Auth | None = optional("Authentication at the gateway. If omitted, it passes every request on.")
    callers: list[Caller] = listed("Callers that may bypass the gateway.")
    through_gateway: Percent | None = derived(
        "The share of requests that arrive through the gateway; 0% for a service without a route. A canary and a "
        "shadow only get requests from these, unless a mesh routes the callers.",
        "as 100% without `callers`, and as 0% with `callers` but without `hosts` and stages",
    )


class Replicas(Section):
    """The replica range, and the autoscaling signal."""

    min: int | None = derived(
        "The minimum number of replicas.", "from the trough, or else the mean throughput", ge=0, le=10000
    )
    max: int | None = derived(
        "The maximum number of replicas.", "from the peak throughput plus 50% headroom", ge=1, le=10000
    )
    signal: Literal["in-flight", "queue"] | None = derived(
        "The autoscaling signal: requests in flight or queued requests.",
        "from the metrics that the runtime exports, and whether the service time is known",
    )
    target: float | None = derived(
        "The target number of requests per replica, in flight or queued, depending on the signal.",
        "from the concurrency of a replica, or as a short queue",
        gt=0,
    )
    fallback: int | None = derived(
        "The number of replicas while the signal is unavailable.", "from the peak throughput", ge=1, le=10000
    )


class _Service(Section):
    model: ModelName | None = derived(
        "The model to serve.", "as the system's only model, or the model with the service's name"
    )
    resources: Resources = group(Resources, "Resources of one replica.")
    env: dict[EnvName, EnvValue] = mapped(
        "Environment variables. A secret is a reference, such as `{secret: openai, key: api-key}`, or an `access`."
    )
    access: list[AccessName] = listed("Stores and services used at run time, in addition to the model's own store.")
    scheduling: Scheduling = group(Scheduling, "Where the pods run.")
    volumes: dict[Name, PodVolume] = mapped("Volumes of the pods, besides those that mlspec mounts itself.")
    sidecars: dict[Name, Sidecar] = mapped("Containers next to the main one, such as a proxy for a database.")
    pod_labels: dict[LabelKey, LabelValue] = mapped("Labels of the pods, in addition to those of the platform.")
    pod_annotations: dict[LabelKey, Text] = mapped("Annotations of the pods, in addition to those of the platform.")


class KnownInputs(Section):
    """Inputs that can be listed before they are asked for, such as one per customer."""

    count: PositiveCount = required("How many different inputs there are.")
    max_age: Duration = required("How old an answer may be when it is used.")


class OnlineService(_Service):
    """Online serving: answers requests."""

    mode: Literal["online"] = required("The serving mode.")
    runtime: RuntimeName | None = derived(
        "The serving runtime, from the catalog or the platform file.",
        "from the model format",
    )
    container: Runtime = group(
        Runtime, "Overrides of the runtime's catalog entry; for `custom`, the complete description."
    )
    protocol: Literal["http", "grpc"] = default(
        "http", "The protocol.", "the protocol that every runtime and gateway supports"
    )
    endpoint: Endpoint = group(Endpoint, "How callers reach the service.")
    preprocessing: Literal["client", "graph", "transformer"] = default(
        "client",
        "Where preprocessing runs: in the client, inside the model graph, or in a container in front of it.",
        "serves the model as is",
    )
    service_time: ServiceTime | None = optional(
        "How long the model takes to process a request; capacity is derived from it."
    )
    load: BoundedDuration | None = derived("How long a replica takes to load the model.", "from the model size")
    batching: Batching | None = optional("Request batching.")
    instances: int | None = derived(
        "How many copies of the model a replica loads: instances, or workers.",
        "as one for each concurrent request, or as one if it batches for all of them",
        ge=1,
        le=256,
    )
    parameters: dict[Identifier, Text] = mapped(
        "Parameters of the model's backend, as its documentation names them. Servers that have flags instead take "
        "them from `container.args`."
    )
    queue: int | None = derived(
        "How many requests may wait on a replica. It refuses more at once, so that an overload does not grow.",
        "from the service time, as many as are answered within the request timeout",
        ge=1,
        le=1_000_000,
    )
    caching: Caching | None = optional("The response cache.")
    known_inputs: KnownInputs | None = optional(
        "The inputs, if they can be listed before they are asked for. The plan compares serving with answers that a "
        "batch run computes in advance."
    )
    warmup: Warmup | None = optional("Warm-up requests.")
    replicas: Replicas = group(Replicas, "Overrides of the derived replica range and autoscaling signal.")
    constraints: OnlineConstraints = group(
        OnlineConstraints, "Constraints of this service, if they differ from the system's."
    )
    llm: ServingLlm | None = optional("Language-model settings.")


class BatchData(Section):
    """The input or output of a batch run."""

    uri: DatedUri = required(
        "The location; the image replaces `{date}` with the date of the run, and `{run}` with its time in UTC."
    )
    access: AccessName | None = optional("The access used to read or write it.")
    format: DataFormat = default("parquet", "The data format.", "columnar and typed")


class BatchConstraints(Section):
    """The bounds of one batch service, which replace those of the system."""

    deadline: Duration | None = optional("How long a run may take, with all retries.")
    items: PositiveCount | None = optional("How many items a run scores.")


class BatchService(_Service):
    """Batch inference: scores a data set on a schedule."""

    mode: Literal["batch"] = required("The serving mode.")
    image: Image = required("The image that reads, scores, and writes; it must implement the batch contract.")
    command: list[Text] = listed("The command, as a list of words. If omitted, the image's own.")
    schedule: Cron = required("The schedule of the runs.")
    time_zone: TimeZone = default("UTC", "The time zone of the schedule.", "every day has 24 hours")
    input: BatchData = required("The data to score.")
    output: BatchData = required("The destination of the scores.")
    partitions: int = default(1, "The number of partitions of the input.", "one pod scores everything", ge=1, le=10000)
    parallel: int | None = derived(
        "How many partitions run at the same time.", "as all of them, up to `maxReplicas`", ge=1, le=10000
    )
    user: int = default(
        1000,
        "The numeric user ID that the image runs as; never 0.",
        "the first non-root user in most images",
        ge=1,
        le=2**31 - 1,
    )
    retries: int = default(3, "How many times a failed partition is retried.", "nodes fail", ge=0, le=100)
    rate: Rate | None = optional(
        "How many items one pod scores per second, measured. The time and the cost of a run follow from it. If "
        "omitted, only the deadline bounds them."
    )
    constraints: BatchConstraints = group(BatchConstraints, "Its own bounds.")


class Topics(Section):
    """The topics of a stream."""

    input: Identifier = required("The topic that events come from.")
    output: Identifier = required("The topic that scores go to.")
    access: AccessName | None = optional("The access used for the broker.")


class StreamingService(_Service):
    """Streaming inference: scores events as they arrive."""

    mode: Literal["streaming"] = required("The serving mode.")
    image: Image = required("The image that consumes events, scores them, and produces results.")
    topics: Topics = required("The input and output topics.")
    group: Identifier = required("The consumer group.")


class Fleet(Section):
    """The devices that run the model."""

    selector: dict[LabelKey, LabelValue] = mapped("The node labels of the devices.")
    groups: list[Name] = listed("Groups of devices, in update order.")


class EdgeService(_Service):
    """Edge inference: runs on devices outside the data center."""

    mode: Literal["edge"] = required("The serving mode.")
    image: Image = required("The image that runs on the devices.")
    fleet: Fleet = required("The devices.")
    offline_budget: Duration = default("24h", "How long a device may run offline.", "a day without a network")


Service = Annotated[OnlineService | BatchService | StreamingService | EdgeService, Field(discriminator="mode")]
