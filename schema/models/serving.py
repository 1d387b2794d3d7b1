"""How predictions are served: online, in batches, over a stream, or at the edge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    AcceleratorName,
    AccessName,
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
    RuntimeName,
    Section,
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
from .problem import Constraints
from .runtime import Runtime


class AcceleratorRequest(Section):
    """Accelerators for one pod."""

    type: AcceleratorName = required("The accelerator, by its name in the catalogue or the platform file.")
    count: int = default(1, "How many.", "most models fit on one", ge=1, le=16)


class Resources(Section):
    """What one replica may use."""

    cpu: Cores | None = derived("Processor cores.", "from the runtime's own need")
    memory: Memory | None = derived("Memory.", "from the runtime's own need and twice the size of the model")
    accelerator: AcceleratorRequest | None = optional(
        "Accelerators; if left out none, or for a runtime that needs some the cheapest of `constraints.accelerators`."
    )


class ServiceTime(Section):
    """How long the model itself takes, as measured on one replica."""

    mean: Duration = required("The mean time that a request is worked on, without waiting.")
    at: int = default(1, "How many requests were in flight on the replica.", "one at a time", ge=1, le=4096)
    p99: Duration | None = optional("The 99th percentile of the same measurement.")
    p995: Duration | None = optional("The 99.5th percentile of the same measurement.")


class Batching(Section):
    """Requests that are worked on together."""

    max_size: int = required("The most requests in a batch.", ge=1, le=65536)
    max_delay: Duration | None = optional("How long a request may wait for others.")


class Caching(Section):
    """Answers that are kept for identical requests."""

    size: Memory = default("64Mi", "The memory that answers may take.", "enough for thousands of small answers")


class Warmup(Section):
    """Requests that a replica answers to itself before it says that it is ready."""

    requests: int = default(10, "How many.", "enough for lazy initialisation", ge=1, le=1000)


class Caller(Section):
    """Who may call the service."""

    namespace: Name = required("The namespace that calls come from.")
    labels: dict[LabelKey, LabelValue] = mapped("The pods in it that may call; all of them if left out.")


class Auth(Section):
    """What a caller must show at the gateway."""

    issuer: Url = required("Who signs the tokens.")
    audiences: list[Text] = listed("For whom tokens must be issued.")


class Endpoint(Section):
    """Where the service is reached, and by whom."""

    hosts: list[Host] = listed("The host names that it answers to; the gateway's own if left out.")
    timeout: Duration | None = derived("When the gateway gives up on a request.", "from the slowest latency bound")
    auth: Auth | None = optional("What a caller must show.")
    callers: list[Caller] = listed("Who may call it without the gateway.")


class Replicas(Section):
    """How many replicas there are."""

    min: int | None = derived("The fewest.", "from the mean throughput", ge=0, le=10000)
    max: int | None = derived("The most.", "from the peak throughput with half as much again", ge=1, le=10000)
    signal: Literal["in-flight", "queue"] | None = derived(
        "What they follow: requests that are worked on, or requests that wait.",
        "from what the runtime exports, and whether its service time is known",
    )
    target: float | None = derived(
        "How many requests one of them is meant to have, in flight or waiting, whichever it scales on.",
        "from what a replica works on at once, or a short queue",
        gt=0,
    )
    fallback: int | None = derived(
        "How many there are while nobody can see the load.", "from the peak throughput", ge=1, le=10000
    )


class _Service(Section):
    model: ModelName | None = derived(
        "The model that it serves.", "the system's only model, or the one of the same name"
    )
    resources: Resources = group(Resources, "What one replica may use.")
    env: dict[EnvName, Text] = mapped("Environment variables; secrets come by `access`.")
    access: list[AccessName] = listed("What it may reach at run time, beyond the model's own store.")


class OnlineService(_Service):
    """Answers requests."""

    mode: Literal["online"] = required("How predictions are served.")
    runtime: RuntimeName | None = derived(
        "The serving runtime, by its name in the catalogue or the platform file.",
        "from the format of the model's files",
    )
    container: Runtime = group(
        Runtime, "What differs from the catalogue's entry of the runtime; for `custom` the whole description."
    )
    protocol: Literal["http", "grpc"] = default("http", "How it is called.", "what every runtime and gateway speaks")
    endpoint: Endpoint = group(Endpoint, "Where it is reached, and by whom.")
    preprocessing: Literal["client", "graph", "transformer"] = default(
        "client",
        "Where preprocessing runs: at the caller, inside the model, or in a container before it.",
        "the model as is",
    )
    service_time: ServiceTime | None = optional("How long the model takes; capacity follows from it.")
    load: Duration | None = derived("How long a replica takes to load the model.", "from the size of the model")
    batching: Batching | None = optional("Requests that are worked on together.")
    caching: Caching | None = optional("Answers that are kept for identical requests.")
    warmup: Warmup | None = optional("Requests that a replica answers to itself first.")
    replicas: Replicas = group(Replicas, "How many replicas there are, where they are not to be derived.")
    constraints: Constraints = group(Constraints, "Bounds of this service, where they are not the system's.")
    llm: ServingLlm | None = optional("How a language model is used.")


class BatchData(Section):
    """What a batch run reads or writes."""

    uri: DatedUri = required("Where it is; `{date}` stands for the day of the run.")
    access: AccessName | None = optional("How it is reached.")
    format: DataFormat = default("parquet", "How it is encoded.", "columns with types")


class BatchService(_Service):
    """Scores a data set by the clock."""

    mode: Literal["batch"] = required("How predictions are served.")
    image: Image = required("The image that reads, scores and writes; it keeps the batch contract.")
    command: list[Text] = listed("Its command, as a list of words; the image's own if left out.")
    schedule: Cron = required("When it runs.")
    time_zone: TimeZone = default("UTC", "The zone that the schedule is read in.", "no day with 23 or 25 hours")
    input: BatchData = required("What is scored.")
    output: BatchData = required("Where the scores go.")
    partitions: int = default(1, "Into how many parts the input is divided.", "one pod does it all", ge=1, le=10000)
    parallel: int | None = derived("How many parts run at once.", "all of them, up to `maxReplicas`", ge=1, le=10000)
    user: int = default(
        1000, "The numeric user that the image runs as; never 0.", "the first user of most images", ge=1, le=2**31 - 1
    )
    retries: int = default(3, "How often one part is tried again.", "nodes go away", ge=0, le=100)


class Topics(Section):
    """The topics of a stream."""

    input: Identifier = required("Where events come from.")
    output: Identifier = required("Where scores go.")
    access: AccessName | None = optional("How the broker is reached.")


class StreamingService(_Service):
    """Scores events as they arrive."""

    mode: Literal["streaming"] = required("How predictions are served.")
    image: Image = required("The image that consumes, scores and produces.")
    topics: Topics = required("Where events come from and scores go.")
    group: Identifier = required("The consumer group.")


class Fleet(Section):
    """The devices that a model runs on."""

    selector: dict[LabelKey, LabelValue] = mapped("The labels of the devices' nodes.")
    groups: list[Name] = listed("The order in which groups of devices are updated.")


class EdgeService(_Service):
    """Runs on devices outside the data centre."""

    mode: Literal["edge"] = required("How predictions are served.")
    image: Image = required("The image that runs on the devices.")
    fleet: Fleet = required("The devices.")
    offline_budget: Duration = default("24h", "How long a device may work without contact.", "a day without a network")


Service = Annotated[OnlineService | BatchService | StreamingService | EdgeService, Field(discriminator="mode")]
