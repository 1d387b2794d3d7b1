"""Where a language model gets what it must know from, and what the ways cost: arithmetic by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlspec.compiler.plan.budget.knowledge import KnowledgePlan
from mlspec.compiler.plan.language_models.work import Work

from .support import compile_text

IMAGE = "registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"
SPEC: dict[str, Any] = yaml.safe_load(f"""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {{name: assistant, owner: support-ml}}
problem: {{useCase: Answer routine questions., task: generation}}
constraints: {{throughput: {{mean: 2/s, peak: 6/s}}, availability: 99.5%}}
model: {{llm: {{family: llama-3.1-8b}}}}
release:
  version: 1
  artifact:
    uri: hf://example/assistant
    format: safetensors
    digest: 0e9e39f249a16976918f6564b8830bc894c89659
    size: 16Gi
training:
  image: {IMAGE}
  fit: 4h
  steps: {{train: {{command: [train]}}}}
serving:
  mode: online
  runtime: vllm
  resources: {{accelerator: {{type: l4, count: 2}}}}
  llm:
    task: generation
    tokens: {{context: 8192, system: 500, prompt: 700, output: 512, usual: {{prompt: 3200, output: 100}}}}
retraining: {{schedule: "0 3 * * 1"}}
""")
CHUNKS = {
    "store": "qdrant",
    "uri": "http://chunks.support:6333",
    "embedder": "assistant",
    "chunks": 5,
    "chunkTokens": 400,
}


def knowledge(tmp_path: Path, tuning: str = "prompting", **llm: Any) -> tuple[KnowledgePlan, list[str]]:
    spec: dict[str, Any] = yaml.safe_load(yaml.safe_dump(SPEC))
    spec["model"]["llm"]["tuning"] = {"method": tuning}
    spec["serving"]["llm"] |= llm
    result = compile_text(tmp_path, yaml.safe_dump(spec))
    [environment] = result._compiled.environments
    [found] = environment.plan.knowledge.values()
    return found, [d.message for d in result.diagnostics if d.id == "MLS807"]


def proposed(found: KnowledgePlan) -> tuple[str, str]:
    return found.proposed.value, found.proposed.reason


@pytest.mark.parametrize(("tokens", "where"), [(6480, "the prompt"), (6481, "retrieval")])
def test_what_fits_into_the_context_goes_into_the_prompt(tokens: int, where: str, tmp_path: Path) -> None:
    """8,192 - 500 for the system prompt - 700 for the question - 512 for the answer = 6,480."""
    found, wrong = knowledge(tmp_path, knowledge={"tokens": tokens, "maxAge": "1d"})
    assert proposed(found)[0] == where
    assert "the 6,480 that are left of the context (8,192 - 500 for `system`" in proposed(found)[1]
    assert wrong == ([] if tokens == 6480 else ["what answers must know does not fit into the context"])


def test_retrieved_chunks_do_not_take_the_place_of_what_they_come_from(tmp_path: Path) -> None:
    found, wrong = knowledge(tmp_path, knowledge={"tokens": 6480}, retrieval=CHUNKS)
    assert (proposed(found)[0], wrong) == ("the prompt", [])


def test_a_model_that_is_older_than_its_facts_may_be(tmp_path: Path) -> None:
    """7 d between two runs, 4 h of training, and the rollout: more than 7 d, and less than 9 d."""
    found, wrong = knowledge(tmp_path, "lora", knowledge={"maxAge": "7d"})
    assert proposed(found)[0] == "retrieval"
    assert "it may be 7d old, and a fine-tuned model gets 7d " in proposed(found)[1]
    assert len(wrong) == 1
    assert wrong[0].startswith("what answers know gets 7d ")
    fresh, right = knowledge(tmp_path, "lora", knowledge={"maxAge": "9d"})
    assert (proposed(fresh)[0], right) == ("retrieval", [])
    assert "although fine-tuning would keep it at most 7d " in proposed(fresh)[1]


def test_retrieval_is_not_older_than_its_documents(tmp_path: Path) -> None:
    assert knowledge(tmp_path, "lora", knowledge={"maxAge": "7d"}, retrieval=CHUNKS)[1] == []


def test_a_prompt_holds_a_share_of_what_answers_must_know(tmp_path: Path) -> None:
    """6,480 of 3,000,000 tokens are 0.216%; what fits is held whole."""
    found, _ = knowledge(tmp_path, knowledge={"tokens": "3M", "maxAge": "1d"}, retrieval=CHUNKS)
    assert found.held is not None
    assert found.held.value == pytest.approx(0.00216)
    whole = knowledge(tmp_path, knowledge={"tokens": 6000})[0].held
    assert whole is not None
    assert whole.value == 1


def test_what_may_be_a_day_old_is_updated_every_day(tmp_path: Path) -> None:
    found, _ = knowledge(tmp_path, knowledge={"tokens": "3M", "maxAge": "1d"}, retrieval=CHUNKS)
    assert found.refreshed is not None
    assert (str(found.refreshed.value), "update the index" in found.refreshed.reason) == ("1d", True)
    assert knowledge(tmp_path, knowledge={"tokens": "3M"}, retrieval=CHUNKS)[0].refreshed is None


def test_nothing_is_proposed_from_what_nothing_says(tmp_path: Path) -> None:
    where, why = proposed(knowledge(tmp_path)[0])
    assert where == "the model itself"
    assert "`services.assistant.llm.knowledge` does not say" in why
    assert proposed(knowledge(tmp_path, retrieval=CHUNKS)[0])[0] == "retrieval"


def test_retrieved_tokens_cost_the_time_that_they_take(tmp_path: Path) -> None:
    """5 chunks of 400 tokens, of a prompt of 3,200: 2 x 8.03B x 2,000 operations, and those of attention,
    4 x 32 layers x 32 heads x 128 x (3,200^2 - 1,200^2) / 2, at 40% of 2 x 121 TFLOP/s; and the exchange.
    """
    found, _ = knowledge(tmp_path, retrieval=CHUNKS)
    speed = found.service.hardware.speed
    assert speed is not None
    work: Work = speed.work
    operations = 2 * 8.03e9 * 2000 + 2 * 32 * 32 * 128 * (3200**2 - 1200**2)
    took = operations / (0.4 * 2 * 121e12) + work.exchanges(2000)
    price = found.plan.cost.online["assistant"].price.value.amount
    assert found.context_cost is not None
    assert float(found.context_cost.value.amount) == pytest.approx(took * 2 * 730 * float(price), rel=0.01)


def test_fine_tuning_costs_its_runs(tmp_path: Path) -> None:
    """4.345 runs a month x 4 h; without fine-tuning, the training run is of something else."""
    tuned, prompted = knowledge(tmp_path, "lora")[0], knowledge(tmp_path)[0]
    assert tuned.tuning_cost is not None
    assert tuned.tuning_cost.value == tuned.plan.cost.parts["training"].value
    assert prompted.tuning_cost is None
