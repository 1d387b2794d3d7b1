"""The rules on memory: which programs certainly load the whole model, and which may map it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

IMAGE = "image: registry.example.com/ann@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"
OWN = f"""
release: {{artifact: {{format: custom, size: 20Gi}}}}
serving: {{runtime: bentoml, container: {{{IMAGE}, user: 1034}}, resources: {{memory: %s}}}}
"""
SERVER = "release: {artifact: {size: 20Gi}}\nserving: {resources: {memory: %s}}\n"
BATCH = f"""
release: {{artifact: {{format: custom, size: 20Gi}}}}
services:
  scores:
    mode: batch
    {IMAGE}
    schedule: "0 4 * * *"
    input: {{uri: s3://lake/in/}}
    output: {{uri: "s3://lake/out/{{date}}/"}}
    resources: {{memory: %s}}
"""


@pytest.mark.parametrize(
    ("fragment", "memory", "wanted"),
    [
        (OWN, "8Gi", "MLS488"),
        (OWN, "10Mi", "MLS489"),
        (OWN, "50Gi", None),
        (BATCH, "8Gi", "MLS488"),
        (BATCH, "50Gi", None),
        (SERVER, "8Gi", "MLS489"),
        (SERVER, "50Gi", None),
    ],
)
def test_trap_an_image_of_the_author_may_map_its_model(
    fragment: str, memory: str, wanted: str | None, tmp_path: Path
) -> None:
    """The kernel takes mapped pages back, so an index of 20 GiB works in 8 GiB. It was refused."""
    ids = ("MLS488", "MLS489")
    assert [id_ for id_ in ids if findings(tmp_path / id_, id_, fragment % memory)] == ([wanted] if wanted else [])
