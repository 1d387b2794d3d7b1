"""The families of the catalog against the parameters that their published configurations have."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from mlspec.schema.units import Count

from .support import ROOT, loaded

FAMILIES: dict[str, Any] = loaded((ROOT / "compiler" / "catalog" / "families.yaml").read_text())

with (ROOT / "tests" / "data" / "llm_configurations.tsv").open() as lines:
    CONFIGURATIONS = {row["name"]: row for row in csv.DictReader(lines, delimiter="\t")}

SEES = {"gemma-3-4b": 0.42e9, "gemma-3-12b": 0.42e9, "gemma-3-27b": 0.42e9}
"""The parameters of the part that reads images, which no number of the text model shows."""


def parameters(name: str) -> tuple[float, float, float]:
    """All parameters, those that one token uses, and those of embedding and head, without the small ones of norms.

    A feed-forward layer has three matrices, and attention four. With latent attention, the queries, keys, and values of
    each head are projected from latents of 1,536 and 512 (DeepSeek-V2, arXiv:2405.04434, appendix C).
    """
    row = CONFIGURATIONS[name]
    hidden, heads, layers = int(row["hidden"]), int(row["heads"]), int(row["layers"])
    if row["kv_heads"] == "1":
        query, latent = int(row["q_lora"]), 512
        queries = hidden * query + query * heads * (128 + 64)
        attention = queries + hidden * (latent + 64) + latent * heads * (128 + 128) + heads * 128 * hidden
    else:
        attention = 2 * hidden * int(row["head_dim"]) * (heads + int(row["kv_heads"]))
    experts = int(row["experts"])
    dense = int(row["dense_layers"]) if experts else layers
    expert = 3 * hidden * int(row["moe_intermediate"])
    embedding = hidden * int(row["vocab"]) * (1 if row["tied"] == "yes" else 2)
    always = layers * attention + dense * 3 * hidden * int(row["intermediate"]) + embedding + SEES.get(name, 0)
    always += (layers - dense) * (int(row["shared_experts"]) * expert + hidden * experts)
    mixed = (layers - dense) * expert
    return always + mixed * experts, always + mixed * int(row["top_k"]), embedding


def test_every_family_has_a_configuration() -> None:
    assert set(FAMILIES) == set(CONFIGURATIONS)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_the_parameters_of_its_configuration(name: str) -> None:
    """Of the active ones of DeepSeek, the publication says 37B and 21B, and the configuration has 37.6B and 21.4B."""
    shape = FAMILIES[name]["shape"]
    whole, active, embedding = parameters(name)
    assert float(Count.parse(shape["parameters"])) == pytest.approx(whole, rel=0.006)
    assert float(Count.parse(shape.get("activeParameters", shape["parameters"]))) == pytest.approx(active, rel=0.019)
    assert float(Count.parse(shape["embeddingParameters"])) == pytest.approx(embedding, rel=0.005)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_the_numbers_of_its_configuration(name: str) -> None:
    shape, row = FAMILIES[name]["shape"], CONFIGURATIONS[name]
    numbers = {"layers": "layers", "hidden": "hidden", "heads": "heads", "kvHeads": "kv_heads", "headDim": "head_dim"}
    assert {field: shape[field] for field in numbers} == {field: int(row[column]) for field, column in numbers.items()}
    assert (shape.get("experts", 0), shape.get("expertsPerToken", 0)) == (int(row["experts"]), int(row["top_k"]))
    assert ("activeParameters" in shape) == ("experts" in shape)
