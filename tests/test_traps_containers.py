"""The largest container that a platform allows, against the requests of every container that is emitted."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.schema.units import Cores, Memory

from .support import EXAMPLES, compile_text, dumped, loaded, minimal, objects

SIDECARS = {
    "sidecars": {
        "proxy": {"image": f"registry.example.com/proxy@sha256:{'1' * 64}", "cpu": 8, "memory": "16Gi", "user": 1000}
    }
}


@pytest.mark.parametrize("key", ["cpu", "memory"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_adopters_a1_a_limit_holds_for_every_container(example: Path, key: str, tmp_path: Path) -> None:
    """At the largest request nothing is found; one unit below it, the container is refused."""
    for each in ("mlspec.platform.yaml", example.name):
        whole = example.parent / each
        shutil.copytree(whole, tmp_path / each) if whole.is_dir() else shutil.copy(whole, tmp_path)
    spec = tmp_path / example.name / "mlspec.yaml"
    largest = max(_requests(mlspec.compile(spec), key))
    assert _found(tmp_path, spec, key, largest) == []
    assert set(_found(tmp_path, spec, key, largest - UNIT[key])) == {"MLS905"}


UNIT = {"cpu": Decimal("0.001"), "memory": Decimal(1024)}
FIELD = {"cpu": "maxCpu", "memory": "maxMemory"}


def _requests(result: mlspec.Result, key: str) -> list[Decimal]:
    made = [pod for body in objects(result) for pod in _pods(body)]
    read = Cores.parse if key == "cpu" else Memory.parse
    containers = [one for pod in made for one in (*pod["containers"], *pod.get("initContainers", ()))]
    return [read(str(one["resources"]["requests"][key])).amount for one in containers]


def _pods(body: Any) -> list[dict[str, Any]]:
    """Every pod template below an object."""
    if not isinstance(body, dict):
        return []
    own = [body["template"]["spec"]] if "containers" in body.get("template", {}).get("spec", {}) else []
    return own + [pod for value in body.values() for pod in _pods(value)]


def _found(folder: Path, spec: Path, key: str, most: Decimal) -> list[str]:
    file = folder / "mlspec.platform.yaml"
    written = loaded(file.read_text())
    amount = Cores(most) if key == "cpu" else Memory(most)
    written["platform"]["policies"] = {**written["platform"].get("policies", {}), FIELD[key]: str(amount)}
    file.write_text(dumped(written))
    return [found.id for found in mlspec.compile(spec).diagnostics if found.severity == "error"]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("maxCpu: 7999m", "the sidecar `proxy` requests `cpu: 8`; the platform allows 7999m"),
        ("maxMemory: 15Gi", "the sidecar `proxy` requests `memory: 16Gi`; the platform allows 15Gi"),
    ],
)
def test_a_sidecar_is_a_container(limit: str, message: str, tmp_path: Path) -> None:
    platform = f"apiVersion: mlspec/v1\nkind: Platform\nplatform: {{policies: {{{limit}}}}}\n"
    spec = minimal(serving={**loaded(minimal())["serving"], **SIDECARS})
    [found] = compile_text(tmp_path, spec, platform=platform).diagnostics
    assert (found.id, found.message) == ("MLS905", message)
    assert [other.text for other in found.others] == ["the limit"]
