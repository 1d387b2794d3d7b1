"""The traps of services that only read tokens: embedders and rerankers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .online import compiled, emitted, refused, spec

RERANKER: dict[str, Any] = {"serving__llm": {"task": "reranking", "tokens": {"context": 512}}}


@pytest.mark.parametrize("task", ["embedding", "reranking"])
@pytest.mark.parametrize(
    ("runtime", "flag", "value"), [("vllm", "--runner", "pooling"), ("sglang", "--is-embedding", "true")]
)
def test_trap_a_server_that_is_not_told_generates(
    tmp_path: Path, runtime: str, flag: str, value: str, task: str
) -> None:
    llm = {"serving__llm": {"task": task, "tokens": {"context": 512}}}
    assert emitted(tmp_path, runtime, **llm).flags[flag] == value
    assert flag not in emitted(tmp_path, runtime).flags


def test_trap_a_reranker_needs_no_limit_on_answers(tmp_path: Path) -> None:
    """MLS801 asked for one, so rerankers had `output: 1`."""
    told = [d.id for d in compiled(tmp_path, spec("vllm", **RERANKER)).diagnostics]
    assert "MLS801" not in told


def test_trap_the_help_makes_a_reranker_generate(tmp_path: Path) -> None:
    """A limit on answers is what it says to a server that scores, and then that server starts as one that generates."""
    ranks = {"problem__task": "ranking", "model__llm": {"family": "qwen3-0.6b"}}
    told = [d for d in compiled(tmp_path, spec("vllm", **ranks)).diagnostics if d.id == "MLS801"]
    assert [d.help.partition(", or ")[2] for d in told] == [
        "write `task: embedding` or `task: reranking` under `llm` if it writes no text"
    ]


def test_trap_the_help_makes_the_embedder_of_an_assistant_generate(tmp_path: Path) -> None:
    """Another service of the system writes the answers, so its task says nothing about this one."""
    made = spec("vllm", problem__task="generation", model__llm={"family": "qwen3-0.6b"})
    serving = made.pop("serving")
    alone = {**made, "serving": {**serving, "llm": {"tokens": {"context": 512}}}}
    chat = {**serving, "llm": {"tokens": {"context": 8192, "output": 512}}}
    made["services"] = {"chat": chat, "embedder": {**serving, "llm": {"tokens": {"context": 512}}}}
    for body, several in ((alone, False), (made, True)):
        [found] = [one for one in compiled(tmp_path, body).diagnostics if one.id == "MLS801"]
        assert ("`task: embedding`" in found.help) is several


def test_trap_a_limit_on_answers_that_are_never_written_is_refused(tmp_path: Path) -> None:
    llm = {"task": "reranking", "tokens": {"context": 512, "output": 1}}
    assert refused(tmp_path, "vllm", serving__llm=llm) == ["MLS012: a service for reranking writes no answers"]


def test_trap_tgi_does_not_embed(tmp_path: Path) -> None:
    assert "MLS012: `tgi` only generates text" in refused(tmp_path, "tgi", **RERANKER)


@pytest.mark.parametrize(("runtime", "flag"), [("vllm", "--max-num-queued-reqs"), ("sglang", "--max-queued-requests")])
@pytest.mark.parametrize("task", ["embedding", "reranking"])
def test_trap_a_request_with_many_texts_is_never_admitted(tmp_path: Path, runtime: str, flag: str, task: str) -> None:
    """Each text is a request to the engine (vllm/entrypoints/pooling/base/serving.py), which answers 503 beyond the
    limit, on an idle replica, too, and each time that the caller tries again.
    """
    measured = {"serving__serviceTime": {"mean": "200ms", "at": 4}}
    reads = {"serving__llm": {"task": task, "tokens": {"context": 512}}}
    assert flag in emitted(tmp_path, runtime, **measured).flags
    assert flag not in emitted(tmp_path, runtime, **measured, **reads).flags
    told = refused(tmp_path, runtime, **measured, **reads, serving__queue=20)
    assert told == ["MLS012: `queue` has no effect here"]


QWEN = '{"architectures": ["Qwen3ForSequenceClassification"], "classifier_from_token": ["no", "yes"]}'


@pytest.mark.parametrize("flag", [f"--hf-overrides={QWEN}", f"--hf_overrides={QWEN}"])
def test_trap_a_decoder_that_ranks_is_taken_for_an_embedder(tmp_path: Path, flag: str) -> None:
    """vLLM then compares embeddings by their angle, and SGLang answers that it must not embed."""
    decoder = {**RERANKER, "model__llm__family": "qwen3-0.6b"}
    said = "MLS012: `{}` cannot rank texts with a decoder as it is"
    assert said.format("sglang") in refused(tmp_path, "sglang", **decoder)
    assert said.format("vllm") in refused(tmp_path, "vllm", **decoder)
    decoder["serving__container__args"] = [flag]
    assert said.format("vllm") not in refused(tmp_path, "vllm", **decoder)
    assert said.format("vllm") not in refused(tmp_path, "vllm", **RERANKER), "a cross-encoder scores by itself"


@pytest.mark.parametrize("bound", ["firstToken", "interToken"])
def test_trap_a_bound_on_tokens_that_are_never_written_could_not_be_judged(tmp_path: Path, bound: str) -> None:
    told = refused(tmp_path, "vllm", **RERANKER, **{f"serving__constraints__{bound}": {"p95": "500ms"}})
    assert told == ["MLS012: a service for reranking has no tokens to bound"]


def test_trap_the_systems_bound_on_the_first_token_is_for_what_generates(tmp_path: Path) -> None:
    """An alert on the embedder of a retrieval would never fire, and its canary would have no verdict."""
    serving = spec("vllm")["serving"]
    retrieval = {"store": "pgvector", "uri": "postgres://a:5432/a", "embedder": "embedder"}
    tokens = {"context": 4096, "output": 256}
    services = {
        "chat": {**serving, "llm": {"tokens": tokens, "retrieval": retrieval}},
        "embedder": {**serving, "endpoint": {"hosts": ["embedder.example.com"]}, "llm": {"tokens": {"context": 512}}},
    }
    made = spec("vllm", constraints__firstToken={"p95": "800ms"})
    made.pop("serving")
    plan = compiled(tmp_path, {**made, "services": services})._compiled.environments[0].plan
    assert plan.online["chat"].bounds("first_token").p95 is not None
    assert plan.online["embedder"].bounds("first_token").p95 is None
    assert plan.online["embedder"].task.value == "embedding"


def test_trap_a_request_of_many_texts_is_counted_once(tmp_path: Path) -> None:
    """Counters of responses would page for missing traffic, and no step of a rollout would get enough of them."""
    throughput = {"mean": "32/s", "peak": "64/s", "trough": "16/s"}
    read = {"task": "embedding", "tokens": {"context": 512}}
    system = {"serving__constraints": {"throughput": throughput}, "serving__serviceTime": {"mean": "40ms", "at": 8}}

    def planned(**more: object) -> Any:
        made = spec("vllm", **system, serving__llm={**read, **more})
        return compiled(tmp_path, made)._compiled.environments[0].plan.online["fraud"]

    one, many = planned(), planned(texts=16)
    assert (str(one.canary.rate.value), str(many.canary.rate.value)) == ("32/s", "2/s")
    assert (str(one.canary.trough.value), str(many.canary.trough.value)) == ("16/s", "1/s")
    assert many.for_peak.value == one.for_peak.value, "the server works on texts"
    assert few(tmp_path, system, {**read, "texts": 16}) == few(tmp_path, system, read) / 16


def few(tmp_path: Path, system: dict[str, Any], llm: dict[str, Any]) -> float:
    """Below how many requests in ten minutes the traffic is gone."""
    asked = emitted(tmp_path, "vllm", **system, serving__llm=llm).promql()
    return float(re.findall(r"< ([\d.]+)\nand count_over_time", asked)[0])


def test_trap_a_service_that_generates_answers_one_text(tmp_path: Path) -> None:
    llm = {"tokens": {"context": 4096, "output": 256}, "texts": 4}
    assert refused(tmp_path, "vllm", serving__llm=llm) == ["MLS012: `texts` has no effect here"]
