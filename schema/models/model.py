"""The model: what it takes and gives, which candidates there were, how it was made smaller, what it is as an LLM."""

from __future__ import annotations

from typing import Literal

from .base import (
    AccessName,
    Count,
    Date,
    Digest,
    Duration,
    FamilyName,
    Identifier,
    Metric,
    ModelName,
    Name,
    Origin,
    OutputName,
    Percent,
    Section,
    ServiceName,
    Text,
    UnitPrice,
    Uri,
    Url,
    default,
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

    name: Identifier = required("The name that the model gives it.")
    dtype: Dtype = required("Its type.")
    shape: list[int] = listed(
        "Its dimensions, -1 where one may vary. With `batching` the batch is left out. Empty means one value."
    )
    from_: Origin = default(
        "request", "Where its value comes from: the request, or a feature of the store.", "most inputs are sent"
    )


class Output(Section):
    """One output of the model."""

    name: Identifier = required("The name that the model gives it.")
    dtype: Dtype = required("Its type.")
    shape: list[int] = listed("Its dimensions, as for inputs.")
    means: Text | None = optional("What it says, for people who read it.")


class Signature(Section):
    """What the model takes and gives: compiled into the serving runtime's own configuration."""

    inputs: list[Input] = listed("What it takes.", key="name")
    outputs: list[Output] = listed("What it gives.", key="name")


class OperatingPoint(Section):
    """The threshold that turns a score into a decision."""

    output: OutputName = required("The output that is compared.")
    threshold: float = required("The value from which the decision is yes.")


class Candidate(Section):
    """A model that could have been chosen, with what is known of it."""

    name: Identifier = required("Its name.")
    complexity: Complexity = default(
        "medium", "How hard it is to build, run and explain.", "neither simple nor complex"
    )
    role: Literal["candidate", "naive"] = default(
        "candidate", "`naive` marks the baseline that everything must beat.", "most candidates are meant to win"
    )
    metrics: dict[Metric, float] = mapped("What it reached, by metric of the catalogue.")
    latency: Latency | None = optional("How long one prediction takes.")
    cost: UnitPrice | None = optional("What its predictions cost.")
    selected: bool = default(False, "Whether it is the one in use.", "at most one is")


class Quantization(Section):
    """Fewer bits for weights or activations."""

    method: Literal[
        "fp8", "int8", "awq", "gptq", "compressed-tensors", "modelopt", "mxfp4", "dynamic", "static", "aware-training"
    ] = required("How.")
    bits: int | None = optional("Bits a weight.", ge=1, le=16)
    calibration: Uri | None = optional("The data that ranges are taken from.")


class Pruning(Section):
    """Fewer weights."""

    sparsity: Percent = required("The share of weights that become zero.")
    method: Literal["magnitude", "structured", "2:4"] = default("magnitude", "How.", "works for every architecture")


class Distillation(Section):
    """A small model that learns from a large one."""

    teacher: Uri = required("The model to learn from.")
    temperature: float = default(2.0, "How soft the teacher's answers are made.", "the usual start", gt=0, le=100)


class Optimization(Section):
    """How the model is made smaller or faster."""

    quantization: Quantization | None = optional("Fewer bits.")
    pruning: Pruning | None = optional("Fewer weights.")
    distillation: Distillation | None = optional("A smaller model taught by a larger one.")


class ModelEnsemble(Section):
    """Several models whose answers are combined."""

    method: Literal["average", "weighted", "vote", "stack"] = required("How answers are combined.")
    members: list[ModelName] = listed("The models that are combined.")
    weights: list[float] = listed("Their weights, in the same order.")


class LlmShape(Section):
    """The numbers that decide how much memory a language model needs."""

    parameters: Count = required("How many weights it has.")
    active_parameters: Count | None = optional(
        "How many of them one token passes through, in a mixture of experts; all of them if left out."
    )
    embedding_parameters: Count | None = optional(
        "How many of them are the embedding and the head, which keep 16 bits when the others are quantized."
    )
    layers: int = required("How many transformer layers.", ge=1, le=1000)
    kv_heads: int = required("How many key-value heads a layer has; 1 with latent attention.", ge=1, le=1024)
    head_dim: int = required(
        "The width of one head; with latent attention that of what is cached, the latent and its rotary part.",
        ge=1,
        le=1024,
    )
    attention: Literal["grouped", "latent", "sliding-window"] = default(
        "grouped", "The kind of attention, which decides the size of the cache.", "what most open models use"
    )
    sliding_window: int | None = optional("With sliding-window attention, how many tokens a layer sees.", ge=1)
    global_layers: int | None = optional(
        "With sliding-window attention, how many layers see the whole context; none if left out.", ge=0, le=1000
    )


class Family(Section):
    """A family of language models whose numbers are known."""

    shape: LlmShape = required("Its shape.")
    window: int | None = optional("The longest context it was trained for, in tokens.", ge=1, le=100_000_000)
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class FineTuning(Section):
    """How the base model was adapted."""

    method: Literal["prompting", "lora", "qlora", "full", "dpo"] = default(
        "prompting", "How.", "the cheapest that may do; try it first"
    )
    base: Uri | None = optional("The model that was adapted.")


class Adapter(Section):
    """A LoRA adapter that is served beside the base model."""

    name: Name = required("The model name that requests ask for.")
    uri: Uri = required("Where it is.")
    digest: Digest | None = optional("What pins it.")
    access: AccessName | None = optional("How it is reached.")
    rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = default(16, "Its rank.", "the usual rank")


class ModelLlm(Section):
    """What the model is as a language model."""

    family: FamilyName | None = optional(
        "A family whose shape is known, by its name in the catalogue or the platform file."
    )
    shape: LlmShape | None = optional("Its shape, where the family is not known.")
    window: int | None = optional(
        "The longest context it was trained for, in tokens; the family's if left out.", ge=1, le=100_000_000
    )
    variant: Literal["base", "instruct", "reasoning"] | None = optional("What it was tuned for.")
    tuning: FineTuning | None = optional("How it was adapted.")
    adapters: list[Adapter] = listed("LoRA adapters that are served beside it.", key="name")


class Model(Section):
    """One model."""

    approach: Text | None = optional("The kind of model, such as `gradient-boosting`.")
    complexity: Complexity | None = optional("How hard it is to build, run and explain.")
    signature: Signature | None = optional("What it takes and gives.")
    operating_point: OperatingPoint | None = optional("The threshold that turns its score into a decision.")
    candidates: list[Candidate] = listed("What was compared before one was chosen.", key="name")
    optimization: Optimization | None = optional("How it is made smaller or faster.")
    ensemble: ModelEnsemble | None = optional("The models whose answers it combines.")
    llm: ModelLlm | None = optional("What it is as a language model.")


class TokenBudget(Section):
    """How a request's context is divided."""

    context: int | None = optional("The longest context that is served, in tokens.", ge=1, le=100_000_000)
    system: int | None = optional("Tokens of the system prompt.", ge=0)
    history: int | None = optional("Tokens of earlier turns.", ge=0)
    prompt: int | None = optional("Tokens of the user's message.", ge=0)
    output: int | None = optional("The most tokens that an answer may have.", ge=1)


class Prompt(Section):
    """The system prompt, versioned like code."""

    version: Text = required("Its version.")
    uri: Uri | None = optional("Where it is.")


class Retrieval(Section):
    """Documents that are found and put into the context."""

    store: Literal["pgvector", "qdrant", "milvus", "elasticsearch", "opensearch"] = required("The vector store.")
    uri: Uri = required("Where it is.")
    access: AccessName | None = optional("How it is reached.")
    embedder: ServiceName = required("The service of this system that embeds the query.")
    chunks: int = default(5, "How many chunks are put into the context.", "the usual start", ge=1, le=1000)
    chunk_tokens: int = default(400, "How long a chunk is, in tokens.", "about a paragraph", ge=1, le=100_000)


class StructuredOutput(Section):
    """What a machine-read answer must look like."""

    json_schema: Uri = required("The JSON Schema that answers must satisfy.")
    retries: int = default(
        1, "How often an invalid answer is asked for again.", "decoding is constrained anyway", ge=0, le=10
    )


class SelfConsistency(Section):
    """Several answers to one question, of which the most frequent counts."""

    samples: int = required("How many answers are drawn.", ge=2, le=100)
    agreement: Percent | None = optional("Below this agreement the question goes to a person.")


class SemanticCache(Section):
    """Answers that are reused for similar questions."""

    similarity: float = required("From which cosine similarity an answer is reused.", ge=0, le=1)
    max_age: Duration = default("1h", "How long an answer is reused.", "old answers mislead")


class LlmCaching(Section):
    """What is not computed twice."""

    prefix: bool = default(True, "Whether the cache of common prompt beginnings is kept.", "it costs nothing")
    dtype: Literal["16-bit", "fp8"] = default(
        "16-bit", "How keys and values are kept; `fp8` takes half the memory.", "as most models are published"
    )
    semantic: SemanticCache | None = optional("Whether answers are reused for similar questions.")


class Safety(Section):
    """What an answer must not contain."""

    policy: Uri | None = optional("The policy that answers keep to.")
    personal_data: Literal["block", "mask", "allow"] | None = optional("What happens to personal data in prompts.")


class ServingLlm(Section):
    """How a language model is used by the service."""

    tokens: TokenBudget | None = optional("How a request's context is divided.")
    prompt: Prompt | None = optional("The system prompt.")
    retrieval: Retrieval | None = optional("Documents that are found and put into the context.")
    output: StructuredOutput | None = optional("What a machine-read answer must look like.")
    self_consistency: SelfConsistency | None = optional("Several answers to one question.")
    caching: LlmCaching | None = optional("What is not computed twice.")
    safety: Safety | None = optional("What an answer must not contain.")
