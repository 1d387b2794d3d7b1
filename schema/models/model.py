"""The model: signature, candidates, optimization, and language-model settings."""

from __future__ import annotations

from typing import Literal

from .base import (
    AccessName,
    ApproachName,
    Chance,
    Count,
    Date,
    Digest,
    FamilyName,
    Identifier,
    Measure,
    Metric,
    ModelName,
    Name,
    Origin,
    OutputName,
    Percent,
    PositiveCount,
    PositiveDuration,
    Section,
    SegmentName,
    ServiceName,
    TensorName,
    Text,
    UnitPrice,
    Uri,
    Url,
    default,
    derived,
    listed,
    mapped,
    optional,
    required,
)
from .data import Dtype
from .problem import Latency

Complexity = Literal["low", "medium", "high"]


class Input(Section):
    """One input of the model."""

    name: TensorName = required("The input's name in the model, as the exporter wrote it.")
    dtype: Dtype = required("The data type.")
    shape: list[int] = listed(
        "The dimensions, -1 for a dynamic one. With `batching`, omit the batch dimension. Empty means a scalar."
    )
    from_: Origin = default(
        "request",
        "Where the value comes from: the request, or the feature store.",
        "callers send most inputs",
    )


class Output(Section):
    """One output of the model."""

    name: TensorName = required("The output's name in the model, as the exporter wrote it.")
    dtype: Dtype = required("The data type.")
    shape: list[int] = listed("The dimensions, as for inputs.")
    means: Text | None = optional("What the output means, for human readers.")
    carries: Literal["reasons"] | None = optional(
        "`reasons` marks the output with the reason codes of an answer: what counted most for or against it."
    )


class Signature(Section):
    """The model's inputs and outputs: compiled into the serving runtime's configuration."""

    inputs: list[Input] = listed("The inputs.", key="name")
    outputs: list[Output] = listed("The outputs.", key="name")


class OperatingPoint(Section):
    """The threshold that turns a score into a decision."""

    output: OutputName = required("The output to compare with the threshold.")
    threshold: float = required("The decision is positive at this score and above.")


class ApiPrice(Section):
    """What an API charges, instead of hosting the model."""

    input: UnitPrice | None = optional("The price of input tokens, such as `0.15 USD/1M tokens`.")
    output: UnitPrice | None = optional("The price of output tokens.")
    request: UnitPrice | None = optional("The price of a request itself, such as `90 USD/1M predictions`.")


class GroupGap(Section):
    """The largest difference of a metric between groups, as measured for a candidate."""

    metric: Metric = required("The metric.")
    between: SegmentName = required("The column whose values are the groups.")
    value: Measure = required("The largest difference between any two groups, in the metric's own unit.")


class Candidate(Section):
    """A candidate model, with what is known about it."""

    name: Identifier = required("The candidate's name.")
    approach: ApproachName | None = optional("The type of model. If omitted for the selected candidate, the model's.")
    complexity: Complexity = default(
        "medium", "How hard it is to build, run, and explain.", "neither simple nor complex"
    )
    role: Literal["candidate", "naive"] = default(
        "candidate",
        "`naive` marks the baseline that every other candidate must beat.",
        "most candidates are not baselines",
    )
    metrics: dict[Metric, float] = mapped("Its evaluation results, by metric.")
    gaps: list[GroupGap] = listed("Its differences between groups, which `constraints.fairness` bounds.")
    latency: Latency | None = optional("The latency of one prediction.")
    cost: UnitPrice | None = optional("The cost of its predictions.")
    api: ApiPrice | None = optional(
        "The prices of an API that answers in its place. The plan compares them with those of hosting the model."
    )
    selected: bool = default(False, "Whether this is the selected candidate.", "at most one candidate is selected")


class Quantization(Section):
    """Quantization: fewer bits per weight or activation."""

    method: Literal[
        "fp8", "int8", "awq", "gptq", "compressed-tensors", "modelopt", "mxfp4", "dynamic", "static", "aware-training"
    ] = required("The quantization method.")
    bits: int | None = optional("Bits per weight.", ge=1, le=16)
    calibration: Uri | None = optional("The calibration data.")


class Pruning(Section):
    """Pruning: fewer weights."""

    sparsity: Chance = required("The share of weights to set to zero.")
    method: Literal["magnitude", "structured", "2:4"] = default(
        "magnitude", "The pruning method.", "works for every architecture"
    )


class Distillation(Section):
    """Distillation: train a small model on the outputs of a large one."""

    teacher: Uri = required("The teacher model.")
    temperature: float = default(
        2.0, "The softmax temperature applied to the teacher.", "a common starting point", gt=0, le=100
    )


class Optimization(Section):
    """How the model was made smaller or faster."""

    quantization: Quantization | None = optional("Quantization.")
    pruning: Pruning | None = optional("Pruning.")
    distillation: Distillation | None = optional("Distillation from a larger model.")


class ModelEnsemble(Section):
    """An ensemble: several models whose predictions are combined in one artifact, which contains them."""

    method: Literal["average", "weighted", "vote", "stack"] = required(
        "How predictions are combined: by the mean, by a weighted mean, by the majority, or by a model that learned "
        "from them."
    )
    members: list[ModelName] = listed("The models to combine. Each gets the inputs of the ensemble.")
    weights: list[float] = listed("With `weighted`, the share of each member, in the same order. They add up to 1.")


class LlmShape(Section):
    """The numbers that determine how much memory a language model needs, and how fast it is."""

    parameters: PositiveCount = required("The number of parameters.")
    active_parameters: PositiveCount | None = optional(
        "The number of parameters active per token in a mixture of experts. If omitted, all of them."
    )
    embedding_parameters: Count | None = optional(
        "The number of parameters in the embedding and the output head, which stay at 16 bits under quantization."
    )
    experts: int | None = optional("In a mixture of experts, the number of experts per layer.", ge=2, le=100_000)
    experts_per_token: int | None = optional(
        "In a mixture of experts, how many of them a token uses, without those that every token uses.", ge=1, le=100_000
    )
    layers: int = required("The number of transformer layers.", ge=1, le=1000)
    hidden: int | None = optional("The width of the hidden state, which devices exchange.", ge=1, le=1_000_000)
    heads: int | None = optional("The number of query heads per layer.", ge=1, le=4096)
    kv_heads: int = required("The number of key-value heads per layer; 1 with latent attention.", ge=1, le=1024)
    head_dim: int = required(
        "The dimension of one head. With latent attention, the dimension of what is cached: the latent plus its rotary "
        "part.",
        ge=1,
        le=1024,
    )
    attention_dim: int | None = optional(
        "With latent attention, the mean dimension of the keys and values of one head while a prompt is read.",
        ge=1,
        le=1024,
    )
    attention: Literal["grouped", "latent", "sliding-window"] = default(
        "grouped", "The attention type, which determines the size of the KV cache.", "what most open models use"
    )
    sliding_window: int | None = optional("With sliding-window attention, how many tokens a layer attends to.", ge=1)
    global_layers: int | None = optional(
        "With sliding-window attention, how many layers attend to the full context. If omitted, none.", ge=0, le=1000
    )


class Family(Section):
    """A family of language models with a known shape."""

    shape: LlmShape = required("The model shape.")
    window: int | None = optional("The longest context it was trained for, in tokens.", ge=1, le=100_000_000)
    smaller: FamilyName | None = optional(
        "The next smaller family of the same series. The plan says what it would cost, if it costs less."
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class FineTuning(Section):
    """How the base model was adapted."""

    method: Literal["prompting", "lora", "qlora", "full", "dpo"] = default(
        "prompting", "The adaptation method.", "the cheapest option; try it first"
    )
    base: Uri | None = optional("The base model.")


class Adapter(Section):
    """A LoRA adapter served alongside the base model."""

    name: Name = required("The model name used in requests.")
    uri: Uri = required("The location.")
    digest: Digest | None = optional("The digest that pins it.")
    access: AccessName | None = optional("The access used to download it.")
    rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = default(16, "The LoRA rank.", "a common rank")


class ModelLlm(Section):
    """Language-model properties of the model."""

    family: FamilyName | None = optional("A family with a known shape, from the catalog or the platform file.")
    shape: LlmShape | None = optional("The model shape, if the family is not in the catalog.")
    window: int | None = optional(
        "The longest context it was trained for, in tokens. If omitted, the family's.", ge=1, le=100_000_000
    )
    variant: Literal["base", "instruct", "reasoning"] | None = optional("What it was tuned for.")
    tuning: FineTuning | None = optional("How the base model was adapted.")
    adapters: list[Adapter] = listed("LoRA adapters served alongside it.", key="name")


class Approach(Section):
    """A type of model."""

    interpretable: bool = required("Whether people can read in the model itself how it reaches an answer.")
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class Model(Section):
    """One model."""

    approach: ApproachName | None = optional("The type of model, for example `gradient-boosting`.")
    complexity: Complexity | None = optional("How hard it is to build, run, and explain.")
    signature: Signature | None = optional("The inputs and outputs.")
    operating_point: OperatingPoint | None = optional("The threshold that turns its score into a decision.")
    candidates: list[Candidate] = listed("The candidates compared before one was selected.", key="name")
    optimization: Optimization | None = optional("How the model was made smaller or faster.")
    ensemble: ModelEnsemble | None = optional("The models whose predictions it combines.")
    llm: ModelLlm | None = optional("Language-model properties.")


class UsualTokens(Section):
    """The mean lengths of requests, for capacity and cost. The limits only decide what fits."""

    prompt: int | None = optional("The mean tokens of a prompt, with all that is added to the user's message.", ge=1)
    output: int | None = optional("The mean tokens of an answer.", ge=1)


class TokenBudget(Section):
    """How the context of a request is budgeted."""

    context: int | None = optional("The longest context to serve, in tokens.", ge=1, le=100_000_000)
    system: int | None = optional("Tokens in the system prompt.", ge=0)
    history: int | None = optional("Tokens in earlier turns.", ge=0)
    prompt: int | None = optional("Tokens in the user's message.", ge=0)
    output: int | None = optional("The maximum number of output tokens.", ge=1)
    usual: UsualTokens | None = optional(
        "The mean lengths of requests. If omitted, all requests count as if they were as long as the limits allow."
    )


class Prompt(Section):
    """The system prompt, versioned like code."""

    version: Text = required("The prompt version.")
    uri: Uri | None = optional("The location.")


class Retrieval(Section):
    """Retrieval: documents fetched from a vector store and added to the context."""

    store: Literal["pgvector", "qdrant", "milvus", "elasticsearch", "opensearch"] = required("The vector store.")
    uri: Uri = required("The location.")
    access: AccessName | None = optional("The access used to query it.")
    embedder: ServiceName = required("The service of this system that embeds the query.")
    chunks: int = default(5, "How many chunks to add to the context.", "a common starting point", ge=1, le=1000)
    chunk_tokens: int = default(400, "The chunk length, in tokens.", "about a paragraph", ge=1, le=100_000)


class StructuredOutput(Section):
    """Structured output: the format of a machine-readable answer."""

    json_schema: Uri = required("The JSON Schema that answers must satisfy.")
    retries: int = default(
        1, "How many times to retry an invalid answer.", "decoding is already constrained", ge=0, le=10
    )


class SelfConsistency(Section):
    """Self-consistency: sample several answers and return the most frequent one."""

    samples: int = required("How many answers to sample.", ge=2, le=100)
    agreement: Percent | None = optional("Below this agreement, a human answers the question.")


class SemanticCache(Section):
    """A semantic cache: reuse answers for similar questions."""

    similarity: float = required("The minimum cosine similarity for reusing an answer.", ge=0, le=1)
    max_age: PositiveDuration = default("1h", "How long an answer may be reused.", "stale answers mislead users")


class LlmCaching(Section):
    """Caches of a language-model service."""

    prefix: bool = default(True, "Whether to cache common prompt prefixes.", "it costs nothing")
    dtype: Literal["16-bit", "fp8"] = default(
        "16-bit", "The KV cache data type; `fp8` halves its memory.", "the precision most models are published in"
    )
    semantic: SemanticCache | None = optional("A cache that reuses answers for similar questions.")


class Safety(Section):
    """Content rules for prompts and answers."""

    policy: Uri | None = optional("The content policy that answers must follow.")
    personal_data: Literal["block", "mask", "allow"] | None = optional("How to handle personal data in prompts.")


class Knowledge(Section):
    """What answers must know beyond what the base model learned, such as articles, prices, or policies."""

    tokens: PositiveCount | None = optional("The size of all of it, in tokens.")
    max_age: PositiveDuration | None = optional(
        "How old it may be in an answer. A fine-tuned model only knows what was there when it was trained."
    )


class ServingLlm(Section):
    """How the service uses a language model."""

    task: Literal["generation", "embedding", "reranking"] | None = derived(
        "What the service does: generate text, or only read it, to embed it or to score it. A server that only reads "
        "counts each text of a request, so rates, service times, and latency bounds are per text.",
        "as `embedding` for `problem.task: embedding` and for the embedder of a retrieval, otherwise as `generation`",
    )
    texts: float = default(
        1,
        "The mean number of texts of a request, for a service that only reads them. Responses, and so errors, are "
        "counted per request: rollouts and the alert on missing traffic expect as many fewer of them than of texts.",
        "most queries are one text",
        ge=1,
        le=100_000,
    )
    tokens: TokenBudget | None = optional("How the context of a request is budgeted.")
    prompt_chunk: int | None = derived(
        "How many tokens of prompts the server processes per step, next to the sequences that it generates.",
        "from the bounds on the time between tokens and to the first token",
        ge=64,
        le=1_000_000,
    )
    prompt: Prompt | None = optional("The system prompt.")
    knowledge: Knowledge | None = optional("What answers must know beyond what the base model learned.")
    retrieval: Retrieval | None = optional("Documents to fetch and add to the context.")
    output: StructuredOutput | None = optional("The format of a machine-readable answer.")
    self_consistency: SelfConsistency | None = optional("Sampling of several answers per question.")
    caching: LlmCaching | None = optional("Prefix, KV, and semantic caches.")
    safety: Safety | None = optional("Content rules for prompts and answers.")
