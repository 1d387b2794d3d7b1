"""A model that nothing uses is one finding at its name, not none, and not one for each of its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import compiled, spec

OTHER = f"sha256:{'2' * 64}"


def two_models(**changes: Any) -> dict[str, Any]:
    """A system whose service serves `scorer`, and that also declares `other`."""
    made = spec()
    model, release = made.pop("model"), made.pop("release")
    artifact = {**release["artifact"], "uri": "s3://models/other/1.onnx", "digest": OTHER}
    made["models"] = {"scorer": model, "other": model}
    made["releases"] = {"scorer": release, "other": {"version": 1, "artifact": artifact}}
    made["serving"]["model"] = "scorer"
    return {**made, **changes}


def told(tmp_path: Path, made: dict[str, Any]) -> list[str]:
    return [f"{d.id}: {d.message}" for d in compiled(tmp_path, made).diagnostics if d.severity == "error"]


def test_a_model_that_no_service_serves_is_said_once(tmp_path: Path) -> None:
    assert told(tmp_path, two_models()) == ["MLS012: no service serves the model `other`"]


def test_its_help_is_to_serve_it(tmp_path: Path) -> None:
    made = two_models()
    serving = made.pop("serving")
    other = {**serving, "model": "other", "endpoint": {"hosts": ["other.example.com"]}}
    assert told(tmp_path, {**made, "services": {"a": serving, "b": other}}) == []


def test_its_help_is_to_remove_it(tmp_path: Path) -> None:
    made = two_models()
    del made["models"]["other"], made["releases"]["other"]
    assert told(tmp_path, made) == []


def test_one_environment_that_serves_it_is_enough(tmp_path: Path) -> None:
    made = two_models()
    services = {"services": {"one": made.pop("serving")}}
    environments = {"staging": {"spec": {"services": {"one": {"model": "other"}}}}, "production": {}}
    found = told(tmp_path, {**made, **services, "environments": environments})
    assert [one for one in found if not one.startswith("MLS610")] == []


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_service_of_the_same_name_serves_it(tmp_path: Path, name: str) -> None:
    made = two_models()
    made["models"][name] = made["models"].pop("other")
    made["releases"][name] = made["releases"].pop("other")
    serving = made.pop("serving")
    own = {k: v for k, v in serving.items() if k != "model"} | {"endpoint": {"hosts": ["other.example.com"]}}
    assert told(tmp_path, {**made, "services": {"first": serving, name: own}}) == []


def test_a_model_that_is_combined_is_used(tmp_path: Path) -> None:
    made = two_models()
    made["models"]["scorer"] = {
        **made["models"]["scorer"],
        "ensemble": {"method": "average", "members": ["scorer", "other"]},
    }
    assert "MLS012: no service serves the model `other`" not in told(tmp_path, made)


def test_training_uses_the_model_that_it_produces_and_no_other(tmp_path: Path) -> None:
    """With several models, it is the one with the name of the system."""
    made = two_models()
    made["models"]["fraud"] = made["models"].pop("scorer")
    made["releases"]["fraud"] = made["releases"].pop("scorer")
    made["training"] = {"image": f"registry.example.com/train@{OTHER}", "steps": {"train": {}}, "user": 1000}
    made["serving"]["model"] = "fraud"
    assert "MLS012: no service serves the model `other`" in told(tmp_path, made)
    del made["serving"]
    assert "MLS012: no service serves the model `fraud`" not in told(tmp_path, made)
