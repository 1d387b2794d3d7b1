"""Whether a language model fits and how fast it is, against numbers worked out by hand from published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.emit.backends import Backends
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.language_models.accelerator import Hardware
from mlspec.compiler.plan.language_models.fit import kept
from mlspec.compiler.plan.service import ServicePlan

from .batching_sim import Case, quantile, simulate
from .rules import one
from .support import ROOT, changed, dumped, files, loaded

ASSISTANT = ROOT / "examples" / "support-assistant" / "mlspec.yaml"

MIB = 2**20


def assistant(**changes: object) -> dict[str, Any]:
    """The support assistant, not measured, with no budget and 2,300 tokens a request; `a__b` is of its chat service."""
    spec: dict[str, Any] = loaded(ASSISTANT.read_text())
    usual: dict[str, object] = {
        "serviceTime": None,
        "llm__retrieval": None,
        "batching": None,
        "constraints__latency": None,
    }
    usual |= {"constraints__firstToken": None, "resources__accelerator": {"type": "l4"}}
    usual["llm__tokens"] = {"context": 8192, "prompt": 2000, "output": 300}
    spec["services"]["chat"] = changed(spec["services"]["chat"], **{**usual, **changes})
    spec["constraints"]["accelerators"] = ["l4", "a10g", "a100-40gb", "a100-80gb", "h100"]
    spec["constraints"].pop("budget")
    spec["services"]["embedder"]["llm"]["task"] = "embedding"
    return spec


def plan(tmp_path: Path, spec: dict[str, Any]) -> ServicePlan:
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir(exist_ok=True)
    compiled = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(), ())
    return compiled.environments[0].plan.online["chat"]


def found(tmp_path: Path, spec: dict[str, Any], id_: str) -> list[Diagnostic]:
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir(exist_ok=True)
    return [d for d in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23") if d.id == id_]


def hardware(tmp_path: Path, **changes: object) -> Hardware:
    return plan(tmp_path, assistant(**changes)).hardware


# Llama 3.1 8B in 16 bits, 2,000 tokens of prompt and 300 of answer, on one accelerator


@pytest.mark.parametrize(
    ("accelerator", "tokens", "sequences", "step_ms", "prefill_ms", "busy", "rate"),
    [
        ("l4", 34_714, 16, 115.6, 685, 2.852, 0.245),
        ("a100-80gb", 468_115, 217, 51.8, 151.9, 0.2234, 3.133),
        ("h100", 465_458, 216, 31.9, 51.6, 0.0959, 7.299),
    ],
)
def test_the_worked_table(
    tmp_path: Path,
    accelerator: str,
    tokens: int,
    sequences: int,
    step_ms: float,
    prefill_ms: float,
    busy: float,
    rate: float,
) -> None:
    """A sequence has 2,000 + 300 / 2 tokens on average. On an L4, a step of 16 reads 16.06 + 16 x 0.2818 GB at 60% of
    300 GB/s, and 32 layers take 40 us each. A prompt takes 2 x 8.03 G x 2,000 + 2 x 32 x 32 x 128 x 2,000² operations,
    at 40% of 121 T. An A100 reaches 75% and 70%, an H100 75% and 65%.
    """
    made = hardware(tmp_path, resources__accelerator={"type": accelerator})
    fit, speed = made.fit, made.speed
    assert fit is not None
    assert speed is not None
    assert fit.model.weights.value / 2**30 == pytest.approx(14.96, abs=0.01)
    assert fit.budget.value / 131_072 == pytest.approx(tokens, abs=1)
    assert fit.longest == pytest.approx(tokens, abs=1)
    assert speed.sequences.value == sequences
    assert speed.step.value * 1000 == pytest.approx(step_ms, abs=0.1)
    assert speed.prefill.value * 1000 == pytest.approx(prefill_ms, rel=0.001)
    assert speed.busy.value == pytest.approx(busy, rel=0.001)
    assert float(speed.throughput.value) == pytest.approx(rate, rel=0.002)


def test_usual_lengths_are_for_capacity_and_the_largest_for_what_fits(tmp_path: Path) -> None:
    """On an L4, with 34,714 tokens of cache and 180 GB/s: half of the prompt takes 2 x 8.03e12 and a quarter of the
    1.05e12 operations of attention at 48.4 T, 337.2 ms. A sequence has 1,000 + 150 / 2 = 1,075 tokens on average, so 32
    fit. A step takes 115.5 ms, as it reads as much as 16 sequences of 2,150 tokens, and a request takes 0.3372 + 150 x
    0.1155 / 32 = 0.879 s, instead of 2.852 s.
    """
    tokens = {"context": 8192, "prompt": 2000, "output": 300, "usual": {"prompt": 1000, "output": 150}}
    made = hardware(tmp_path, llm__tokens=tokens)
    fit, speed = made.fit, made.speed
    assert fit is not None
    assert speed is not None
    assert speed.sequences.value == 32
    assert speed.prefill.value == pytest.approx(0.3372, abs=0.0001)
    assert speed.busy.value == pytest.approx(0.879, abs=0.001)
    assert float(speed.throughput.value) == pytest.approx(0.7 / 0.879, abs=0.001)
    assert "for the mean lengths of requests" in speed.throughput.reason
    largest = hardware(tmp_path)
    assert largest.fit is not None
    assert largest.speed is not None
    assert fit.whole.value == largest.fit.whole.value
    assert "for the largest lengths of requests" in largest.speed.throughput.reason


def test_a_cached_system_prompt_is_not_read_again(tmp_path: Path) -> None:
    """Of 2,000 tokens, 1,500 are the system prompt: 2 x 8.03 G x 500 operations, and 262,144 x (2,000² - 1,500²) of
    attention, at 48.4 T.
    """
    tokens = {"context": 8192, "system": 1500, "prompt": 500, "output": 300}
    plain = hardware(tmp_path, llm__tokens=tokens, llm__caching=None).speed
    cached = hardware(tmp_path, llm__tokens=tokens, llm__caching={"prefix": True}).speed
    assert plain is not None
    assert cached is not None
    assert plain.prefill.value == pytest.approx(0.6853, abs=0.0001)
    assert cached.prefill.value == pytest.approx((8.03e12 + 262_144 * 1.75e6) / 48.4e12)
    assert "without 1,500 tokens of the system prompt from the prefix cache" in cached.prefill.reason


@pytest.mark.parametrize(
    ("usual", "what"),
    [({"output": 301}, "the longest answer"), ({"prompt": 9000}, "the context")],
)
def test_a_mean_above_the_largest_is_refused(tmp_path: Path, usual: dict[str, int], what: str) -> None:
    tokens = {"context": 8192, "prompt": 2000, "output": 300, "usual": usual}
    told = found(tmp_path, assistant(llm__tokens=tokens), "MLS008")
    [mean] = usual.values()
    assert [d.message for d in told] == [f"the mean of {mean:,} tokens is above {what}"]


@pytest.mark.parametrize(("usual", "refused"), [(2399, True), (2400, True), (2899, True), (2900, False)])
def test_a_mean_prompt_below_what_every_prompt_has_is_refused(tmp_path: Path, usual: int, refused: bool) -> None:
    """6 chunks of 400 tokens and 500 tokens of the system prompt are 2,900."""
    chunks = {"store": "qdrant", "uri": "http://chunks:6333", "embedder": "chat", "chunks": 6, "chunkTokens": 400}
    tokens = {"context": 8192, "system": 500, "output": 300, "usual": {"prompt": usual}}
    told = found(tmp_path, assistant(llm__tokens=tokens, llm__retrieval=chunks), "MLS008")
    said = f"the mean prompt of {usual:,} tokens is below the 2,900 that every prompt has"
    assert [d.message for d in told] == ([said] if refused else [])


def test_decode_alone_would_promise_three_times_too_much(tmp_path: Path) -> None:
    speed = hardware(tmp_path, resources__accelerator={"type": "a100-80gb"}).speed
    assert speed is not None
    writing = 300 * speed.step.value / speed.sequences.value
    # 217 / (300 x 51.8 ms) = 14.0 requests/s, but with prompts 4.48
    assert 1 / writing == pytest.approx(14.0, abs=0.1)
    assert 1 / speed.busy.value == pytest.approx(4.48, abs=0.01)
    assert "bound by prefill" in speed.throughput.reason
    assert "bound by prefill" in speed.busy.reason


def test_an_l4_is_bound_by_writing_and_the_reason_says_how_rough_that_is(tmp_path: Path) -> None:
    speed = hardware(tmp_path).speed
    assert speed is not None
    assert "16 concurrent sequences" in speed.throughput.reason
    assert "bound by decode" in speed.throughput.reason
    assert "a rough estimate (0.164 to 0.368)" in speed.throughput.reason
    assert "set `serviceTime` to replace it with a measurement" in speed.throughput.reason


# Weights, by the bits of the fact sheets of the quantization methods


@pytest.mark.parametrize(
    ("quantization", "gib"),
    [
        (None, 14.96),
        ({"method": "fp8"}, 8.46),
        ({"method": "awq"}, 5.33),
        ({"method": "gptq", "bits": 4}, 5.33),
        ({"method": "gptq", "bits": 8}, 8.46),
    ],
)
def test_weights_of_an_8b_model(tmp_path: Path, quantization: dict[str, object] | None, gib: float) -> None:
    """Embedding and head, 1.05 G parameters, stay in 16 bits; a group of 128 has scales of 4.16 bits a weight."""
    spec = assistant()
    if quantization is not None:
        spec["models"]["chat"]["optimization"] = {"quantization": quantization}
    fit = plan(tmp_path, spec).hardware.fit
    assert fit is not None
    assert fit.model.weights.value / 2**30 == pytest.approx(gib, abs=0.01)


# Cache, by the kind of attention and the number of devices


def cached(tmp_path: Path, family: str, length: int, devices: int = 1) -> int:
    spec = assistant()
    spec["models"]["chat"]["llm"] = {"family": family}
    model = plan(tmp_path, spec).hardware.model
    assert model is not None
    return kept(model.shape, length, devices)


def test_grouped_attention_keeps_keys_and_values_of_each_head(tmp_path: Path) -> None:
    assert cached(tmp_path, "llama-3.1-8b", 1) == 2 * 32 * 8 * 128 * 2 == 131_072
    assert cached(tmp_path, "llama-3.1-8b", 8192) == 2**30
    assert cached(tmp_path, "llama-3.1-8b", 131_072) == 16 * 2**30


def test_more_devices_than_heads_keep_copies(tmp_path: Path) -> None:
    assert cached(tmp_path, "qwen2.5-7b", 1, 4) == cached(tmp_path, "qwen2.5-7b", 1) == 2 * 28 * 4 * 128 * 2
    assert cached(tmp_path, "qwen2.5-7b", 1, 8) == 2 * cached(tmp_path, "qwen2.5-7b", 1)


def test_latent_attention_keeps_one_latent_on_each_device(tmp_path: Path) -> None:
    """61 layers x (512 + 64) numbers of 2 bytes: 70,272 bytes a token, not the 4 MB of 128 heads."""
    assert cached(tmp_path, "deepseek-v3", 1) == 61 * 576 * 2 == 70_272
    assert cached(tmp_path, "deepseek-v3", 1, 8) == 8 * 70_272


def test_a_sliding_window_bounds_what_its_layers_keep(tmp_path: Path) -> None:
    """Gemma 3 27B: 10 of 62 layers see everything, 52 the last 1,024; 2 x 16 x 128 x 2 bytes a layer and token."""
    assert cached(tmp_path, "gemma-3-27b", 1000) == 62 * 1000 * 8192
    assert cached(tmp_path, "gemma-3-27b", 32_768) == (10 * 32_768 + 52 * 1024) * 8192
    assert cached(tmp_path, "mistral-7b-v0.1", 32_768) == 32 * 4096 * 4096


# The support assistant


def test_the_assistant_on_one_l4_with_its_whole_window_is_refused_with_the_arithmetic(tmp_path: Path) -> None:
    spec = assistant(llm__tokens={"context": 131_072, "output": 512})
    (refused,) = found(tmp_path, spec, "MLS408")
    assert refused.severity == "error"
    assert refused.message == "`chat` with a context of 131,072 tokens does not fit on `l4`"
    assert "8.03B parameters of `llama-3.1-8b` x 2 bytes = 14.96 GiB" in refused.note
    assert "(92% of 22.49 GiB - 1.50 GiB) - 14.96 GiB of weights leaves 4.24 GiB for the KV cache" in refused.note
    assert "16.00 GiB of cache for 131,072 tokens with grouped attention" in refused.note
    assert refused.help == "write `context: 32768` under `llm.tokens`, or use `a100-40gb`, or use 2 x `l4`"


def test_with_a_context_of_8192_it_is_accepted_and_the_plan_says_what_to_expect(tmp_path: Path) -> None:
    spec = assistant(llm__tokens={"context": 8192, "prompt": 2000, "output": 300})
    assert found(tmp_path, spec, "MLS408") == []
    chat = plan(tmp_path, spec)
    # 6/s at the peak x 2.852 s / 0.7 = 24.4
    assert chat.for_peak.value == 25
    assert "16 concurrent sequences" in chat.for_peak.reason
    assert "bound by decode" in chat.for_peak.reason
    assert "a rough estimate (0.164 to 0.368)" in chat.for_peak.reason
    assert chat.for_mean.value == 9  # 2/s x 2.852 s / 0.7 = 8.1


def test_what_the_help_proposes_does(tmp_path: Path) -> None:
    wide = {"context": 131_072, "output": 512}
    for accelerator in ({"type": "a100-40gb"}, {"type": "l4", "count": 2}):
        assert found(tmp_path, assistant(llm__tokens=wide, resources__accelerator=accelerator), "MLS408") == []
    assert found(tmp_path, assistant(llm__tokens={"context": 32_768, "output": 512}), "MLS408") == []


def test_a_server_that_is_not_told_takes_the_whole_window(tmp_path: Path) -> None:
    assert found(tmp_path, assistant(llm__tokens={"output": 512}), "MLS408") != []


def test_a_measured_service_time_wins_over_the_estimate(tmp_path: Path) -> None:
    chat = plan(tmp_path, assistant(serviceTime={"mean": "4s", "at": 16}))
    # 24 Erlangs in replicas of 16 slots, 70 % busy: 2.1
    assert chat.for_peak.value == 3
    assert "rough" not in chat.for_peak.reason


def test_an_assumption_is_overridden_by_the_runtimes_entry(tmp_path: Path) -> None:
    taken = {"deviceMemory": {"utilization": "85%", "overhead": "1Gi"}}
    fit = hardware(tmp_path, container=taken).fit
    assert fit is not None
    # 0.85 x 23,034 MiB - 1,024 MiB - 8.03e9 x 2 bytes
    assert fit.budget.value == pytest.approx((0.85 * 23_034 - 1024) * MIB - 16.06e9, abs=1)


def test_a_utilization_of_its_own_reaches_the_server(tmp_path: Path) -> None:
    spec = assistant(container={"deviceMemory": {"utilization": "85%"}})
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir()
    result = mlspec.compile(tmp_path / "mlspec.yaml")
    texts = [text for path, text in files(result).items() if "rollout-chat" in path]
    assert "--gpu-memory-utilization=0.85" in texts[0]


# How many at once


def test_the_bound_between_tokens_limits_how_many_are_worked_on(tmp_path: Path) -> None:
    """((100 - 1.28) ms x 180 GB/s - 16.06 GB) / (2,150 x 131,072 bytes) = 6.1."""
    speed = hardware(tmp_path, constraints__interToken={"p95": "100ms"}).speed
    assert speed is not None
    assert speed.sequences.value == 6
    assert speed.step.value <= 0.1


def test_the_bound_on_the_answer_limits_it_too(tmp_path: Path) -> None:
    """(30 s - 0.685 s) / 300 tokens = 97.7 ms a step, 96.4 without layers: (17.36 - 16.06) GB / 0.2818 GB = 4.6."""
    speed = hardware(tmp_path, constraints__latency={"p95": "30s"}).speed
    assert speed is not None
    assert speed.sequences.value == 4


def test_a_bound_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """All weights and one cache: 16.34 GB / 180 GB/s = 90.8 ms, and 1.28 ms for layers; a prompt takes 685 ms."""
    speed = hardware(tmp_path, constraints__interToken={"p95": "50ms"}).speed
    assert speed is not None
    assert "a single sequence needs 92.1 ms per token" in speed.late.value
    late = hardware(tmp_path, constraints__firstToken={"p95": "500ms"}).speed
    assert late is not None
    assert "more than the 500ms to the first token" in late.late.value


@pytest.mark.parametrize(
    "changes",
    [
        {"constraints__interToken": {"p95": "50ms"}},
        {"constraints__firstToken": {"p95": "500ms"}},
        {"constraints__latency": {"p95": "20s"}},
    ],
    ids=["between tokens", "the first token", "the answer"],
)
def test_a_bound_that_cannot_be_kept_is_an_error(tmp_path: Path, changes: dict[str, Any]) -> None:
    """It was left aside, and the plan became cheaper. 300 tokens of 92.1 ms after 685 ms of prefill take 28.3 s."""
    [told] = found(tmp_path, assistant(**changes), "MLS422")
    assert "no number of replicas changes that" in told.note
    assert found(tmp_path, assistant(**changes, resources__accelerator={"type": "h100"}), "MLS422") == []
    assert found(tmp_path, assistant(**changes, serviceTime={"mean": "1s", "at": 4}), "MLS422") == []


@pytest.mark.parametrize(("batching", "sequences"), [({"maxSize": 4}, 4), ({"maxSize": 64}, 16)])
def test_what_is_allowed_limits_it_as_well(tmp_path: Path, batching: dict[str, int], sequences: int) -> None:
    speed = hardware(tmp_path, batching=batching).speed
    assert speed is not None
    assert speed.sequences.value == sequences


def test_a_small_model_is_limited_by_the_servers_own_maximum(tmp_path: Path) -> None:
    spec = assistant()
    spec["models"]["chat"]["llm"] = {"family": "qwen3-0.6b"}
    speed = plan(tmp_path, spec).hardware.speed
    assert speed is not None
    assert speed.sequences.value <= 256


@pytest.mark.parametrize(
    ("platform", "share"),
    [
        ({}, 0.75),
        ({"accelerators": {"h100": {"memoryEfficiency": "80%"}}}, 0.8),
        ({"planning": {"memoryEfficiency": "50%"}}, 0.5),
    ],
    ids=["the catalog", "the device", "all devices"],
)
def test_the_platform_file_replaces_the_efficiency_of_the_catalog(
    tmp_path: Path, platform: dict[str, Any], share: float
) -> None:
    """The catalog's share of an H100 is fitted to rows, so the default for devices without any must not replace it."""
    file = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": platform}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(file))
    speed = hardware(tmp_path, resources__accelerator={"type": "h100"}).speed
    assert speed is not None
    assert speed.work.reads.value == pytest.approx(share * 3350e9)


# What a request brings


def test_without_a_prompt_half_of_what_the_context_leaves_is_assumed(tmp_path: Path) -> None:
    made = hardware(tmp_path, llm__tokens={"context": 8192, "output": 512})
    assert made.tokens.prompt.value == 3840
    assert "assumed until `services.chat.llm.tokens.prompt` is set" in made.tokens.prompt.reason


def test_a_prompt_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    retrieval = {"store": "pgvector", "uri": "postgres://a:5432/a", "embedder": "embedder", "chunks": 6}
    tokens = {"context": 8192, "system": 600, "history": 1000, "prompt": 200, "output": 512}
    made = hardware(tmp_path, llm__retrieval=retrieval, llm__tokens=tokens)
    assert made.tokens.prompt.value == 600 + 1000 + 200 + 6 * 400
    assert made.tokens.prompt.reason == "600 for `system` + 1,000 for `history` + 200 for `prompt` + 2,400 for `chunks`"


def test_a_mixture_of_experts_reads_prompts_with_the_active_ones_and_holds_them_all(tmp_path: Path) -> None:
    """Mixtral: 46.7 G weights, 12.9 G of them active: 2 x 12.9e9 x 2,000 operations and 2 x 32 x 32 x 128 x 2,000² of
    attention, at 60% of 65% of 4 x 989 T; and 64 exchanges of 2,000 x 4,096 x 2 bytes at 60% of 450 GB/s.
    """
    spec = assistant(resources__accelerator={"type": "h100", "count": 4})
    spec["models"]["chat"]["llm"] = {"family": "mixtral-8x7b"}
    made = plan(tmp_path, spec).hardware
    assert made.fit is not None
    assert made.speed is not None
    assert made.fit.model.weights.value == 93_400_000_000
    computed = (2 * 12.9e9 * 2000 + 2 * 32 * 32 * 128 * 2000**2) / (4 * 989e12 * 0.65 * 0.6)
    exchanged = 64 * (20e-6 + 1.5 * 2000 * 4096 * 2 / 270e9)
    assert made.speed.prefill.value == pytest.approx(computed + exchanged)


@pytest.mark.parametrize(("sequences", "share"), [(1, 0.276), (4, 0.771), (64, 1.0)])
def test_a_step_reads_the_experts_that_some_sequence_uses(tmp_path: Path, sequences: int, share: float) -> None:
    """Mixtral: a token uses 2 of 8 experts, which are (46.7 - 12.9) / 0.75 = 45.1 G of 46.7 G weights. One sequence
    reads 12.9 / 46.7, four 1 - 0.965 x 0.75^4 less the rounding, and many all of them.
    """
    spec = assistant(resources__accelerator={"type": "h100", "count": 4})
    spec["models"]["chat"]["llm"] = {"family": "mixtral-8x7b"}
    made = plan(tmp_path, spec).hardware
    assert made.speed is not None
    read = made.speed.work.read(sequences) / 93.4e9
    assert read == pytest.approx(1 - 45.07 / 46.7 * 0.75**sequences, abs=0.001)
    assert read == pytest.approx(share, abs=0.08)


# The language


def test_a_family_that_nobody_knows_is_said_with_the_nearest(tmp_path: Path) -> None:
    spec = assistant()
    spec["models"]["chat"]["llm"] = {"family": "llama-3.1-8"}
    (unknown,) = found(tmp_path, spec, "MLS010")
    assert unknown.message == "unknown model family `llama-3.1-8`"
    assert unknown.help.startswith("declare `llama-3.1-8` under `platform.families`, or use `llama-3.1-8b`, ")


def test_a_platform_adds_a_family_and_changes_another(tmp_path: Path) -> None:
    own = {"shape": {"parameters": "1B", "layers": 10, "kvHeads": 1, "headDim": 64}, "window": 4096}
    changed = {"llama-3.1-8b": {"window": 8192}}
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"families": {"our-own": own, **changed}}}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    spec = assistant(llm__tokens={"output": 300, "prompt": 100})
    spec["models"]["chat"]["llm"] = {"family": "our-own"}
    model = plan(tmp_path, spec).hardware.model
    assert model is not None
    assert model.weights.value == 2_000_000_000
    assert model.context is not None
    assert model.context.value == 4096
    spec["models"]["chat"]["llm"] = {"family": "llama-3.1-8b"}
    model = plan(tmp_path, spec).hardware.model
    assert model is not None
    assert model.context is not None
    assert model.context.value == 8192
    assert model.weights.value == 16_060_000_000


def test_every_family_of_the_catalog_is_whole() -> None:
    """Where sliding windows are said, so is their length, and no more layers see everything than there are."""
    families = loaded((ROOT / "compiler" / "catalog" / "families.yaml").read_text())
    for name, family in families.items():
        shape = family["shape"]
        assert str(family["checked"]) in {"2026-11-23", "2026-11-26"}, name
        assert family["source"].startswith("https://huggingface.co/"), name
        assert ("slidingWindow" in shape) == (shape.get("attention") == "sliding-window"), name
        assert shape.get("globalLayers", 0) < shape["layers"], name
        assert (shape["kvHeads"] == 1) == (shape.get("attention") == "latent"), name


# Rules


def test_a_rollout_at_the_peak_doubles_what_is_needed(tmp_path: Path) -> None:
    """60/s x 25 ms = 1.5 Erlangs in slots of one: 3 for 70 %, and as many of the new version."""
    fragment = """
constraints: {throughput: {mean: 20/s, peak: 60/s}, maxReplicas: 5}
serving: {serviceTime: {mean: 25ms}, resources: {accelerator: {type: l4, count: 2}}}
"""
    told = one(tmp_path, "MLS409", fragment)
    assert told.message == "a rollout at the peak needs 12 x `l4`; the limit is 10"
    assert told.note.startswith("3 of the old version, 3 of the new version: 6 replicas with 2 each; ")


def test_a_context_longer_than_the_window_is_refused(tmp_path: Path) -> None:
    spec = assistant(llm__tokens={"context": 262_144, "output": 512})
    assert [d.message for d in found(tmp_path, spec, "MLS806")] == [
        "a context of 262,144 tokens is longer than the model's window of 131,072"
    ]


def test_the_parts_of_a_context_are_summed(tmp_path: Path) -> None:
    retrieval = {"store": "pgvector", "uri": "postgres://a:5432/a", "embedder": "embedder", "chunks": 20}
    spec = assistant(llm__retrieval=retrieval, llm__tokens={"context": 8192, "system": 600, "output": 512})
    (told,) = found(tmp_path, spec, "MLS806")
    assert told.message == "a request and its answer take 9,112 tokens, but the context has 8,192"
    assert told.note.startswith("600 (system) + 8,000 (chunks) + 512 (answer); ")
    assert told.help.startswith("write `context: 16384`")


def test_no_context_beyond_the_window_is_proposed(tmp_path: Path) -> None:
    """Following that help would be refused as longer than the model's window of 131,072 tokens."""
    tokens = {"context": 131_072, "system": 600, "prompt": 131_000, "output": 512}
    (told,) = found(tmp_path, assistant(llm__tokens=tokens), "MLS806")
    assert told.help == "shorten a part of the request"


def test_the_rules_are_registered() -> None:
    assert {"MLS408", "MLS409", "MLS806"} <= {rule.id for rule in RULES}


# The limit of the server, and the target of the autoscaler


@pytest.mark.parametrize(
    ("runtime", "flag", "tokens"),
    [
        ("vllm", "--max-num-seqs", {"context": 8192, "prompt": 2000, "output": 300}),
        ("sglang", "--max-running-requests", {"context": 8192, "prompt": 2000}),
    ],
)
def test_the_server_takes_no_more_than_it_is_fast_enough_for(
    tmp_path: Path, runtime: str, flag: str, tokens: dict[str, int]
) -> None:
    """Its own limit is 256 and more: every answer would be late long before requests wait."""
    spec = assistant(runtime=runtime, constraints__interToken={"p95": "100ms"}, llm__tokens=tokens)
    sequences = plan(tmp_path, spec).sequences
    assert sequences is not None
    assert sequences.value <= 6
    result = mlspec.compile(tmp_path / "mlspec.yaml")
    [rollout] = [text for path, text in files(result).items() if "rollout-chat" in path]
    assert f"{flag}={sequences.value}" in rollout


@pytest.mark.parametrize(
    "changes", [{"serviceTime": {"mean": "4s", "at": 12}}, {"batching": {"maxSize": 4}}], ids=["measured", "given"]
)
def test_what_was_measured_or_given_is_not_estimated(tmp_path: Path, changes: dict[str, Any]) -> None:
    plan(tmp_path, assistant(constraints__interToken={"p95": "100ms"}, **changes))
    result = mlspec.compile(tmp_path / "mlspec.yaml")
    [rollout] = [text for path, text in files(result).items() if "rollout-chat" in path]
    assert "--max-num-seqs=6" not in rollout


A100 = {"resources__accelerator": {"type": "a100-80gb"}, "constraints__interToken": {"p95": "50ms"}}


def test_an_autoscaler_that_follows_the_queue_never_adds_a_replica(tmp_path: Path) -> None:
    """A replica that is 90% late has an empty queue, so the target is what it has in flight at its planned rate."""
    chat = plan(tmp_path, assistant(**A100))
    speed = chat.hardware.speed
    assert speed is not None
    assert chat.scaling.signal is not None
    assert chat.scaling.signal.value == "in-flight"
    assert float(chat.scaling.threshold.value) == speed.in_flight.value
    assert speed.in_flight.value <= 0.7 * speed.sequences.value


@pytest.mark.slow
def test_the_requests_in_flight_are_those_of_a_simulation(tmp_path: Path) -> None:
    """Otherwise, the autoscaler would keep too few or too many replicas."""
    speed = hardware(tmp_path, **A100).speed
    assert speed is not None
    assert speed.chunk is not None
    rate = float(speed.throughput.value)
    case = Case(2000, 300, speed.chunk.value, speed.sequences.value, rate)
    simulated = [simulate(speed.work, case, seed=seed) for seed in range(3)]
    assert speed.in_flight.value == pytest.approx(sum(one.in_flight for one in simulated) / 3, rel=0.15)
    for each in simulated:
        assert quantile(each.between, 0.95) <= 0.050, "the bound between tokens"


# Chunks of prompts


@pytest.mark.parametrize(
    ("runtime", "flag", "tokens"),
    [
        ("vllm", "--max-num-batched-tokens", {"context": 8192, "prompt": 2000, "output": 300}),
        ("sglang", "--chunked-prefill-size", {"context": 8192, "prompt": 2000}),
    ],
)
def test_the_server_reads_no_more_of_a_prompt_than_the_bound_between_tokens_allows(
    tmp_path: Path, runtime: str, flag: str, tokens: dict[str, int]
) -> None:
    """With its own 8,192, a prompt of 2,000 tokens takes 152 ms, and interrupts every answer once per arrival."""
    spec = assistant(**A100, runtime=runtime, llm__tokens=tokens)
    speed = plan(tmp_path, spec).hardware.speed
    assert speed is not None
    assert speed.chunk is not None
    assert speed.chunk.value in {256, 512}
    assert f"{flag}={speed.chunk.value}" in rollout(tmp_path)


def rollout(tmp_path: Path) -> str:
    """The rollout of the chat service of the last plan."""
    result = mlspec.compile(tmp_path / "mlspec.yaml")
    [text] = [text for path, text in files(result).items() if "rollout-chat" in path]
    return text


def test_without_a_bound_between_tokens_the_server_keeps_its_own_chunks(tmp_path: Path) -> None:
    plan(tmp_path, assistant(resources__accelerator={"type": "a100-80gb"}))
    assert "--max-num-batched-tokens" not in rollout(tmp_path)


def test_a_chunk_of_the_spec_wins_over_the_planners(tmp_path: Path) -> None:
    """A step needs room for one token of each sequence."""
    chat = plan(tmp_path, assistant(**A100, llm__promptChunk=128))
    assert chat.sequences is not None
    assert chat.sequences.value <= 128
    assert "--max-num-batched-tokens=128" in rollout(tmp_path)
