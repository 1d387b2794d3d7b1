"""Which runtime serves a model, where the service names none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import online
from .support import compile_text, loaded, minimal, objects

USUAL = (
    ("onnx", "triton"), ("tensorrt", "triton"), ("torchscript", "triton"), ("python", "triton"), ("openvino", "triton"),
    ("savedmodel", "tensorflow-serving"), ("safetensors", "vllm"),
    ("sklearn", "mlserver"), ("xgboost", "mlserver"), ("lightgbm", "mlserver"), ("catboost", "mlserver"),
    ("mlflow", "mlserver"),
)  # fmt: skip


def nameless(tmp_path: Path, platform: str | None = None, **changes: object) -> tuple[str, list[str]]:
    """The runtime that was chosen, and the errors."""
    result = compile_text(tmp_path, minimal(serving__runtime=None, **changes), platform=platform)
    chosen = [service.runtime_name.value for e in result._compiled.environments for service in e.plan.online.values()]
    return (chosen or [""])[0], [f"{d.id}: {d.message}" for d in result.diagnostics if d.severity == "error"]


@pytest.mark.parametrize(("format_", "runtime"), USUAL, ids=str)
def test_the_usual_runtime_for_a_format(format_: str, runtime: str, tmp_path: Path) -> None:
    assert nameless(tmp_path, release__artifact__format=format_)[0] == runtime


def test_releases_of_other_models_do_not_leave_it_open(tmp_path: Path) -> None:
    """With one model and two releases the planner serves "the system's only model", and so does this choice."""
    spec = loaded(minimal())
    release, serving = spec["release"], {key: spec["serving"][key] for key in ("mode", "serviceTime", "endpoint")}
    releases = {spec["metadata"]["name"]: release, "of-another-team": release}
    text = minimal(serving=None, services={"reader": serving}, release=None, releases=releases)
    result = compile_text(tmp_path, text)
    assert [d.message for d in result.diagnostics] == ["no service serves the model `of-another-team`"]
    (service,) = result._compiled.environments[0].plan.online.values()
    assert service.runtime_name.value == "triton"


def test_it_makes_what_the_same_runtime_makes_by_name(tmp_path: Path) -> None:
    named = compile_text(tmp_path, minimal())
    assert objects(compile_text(tmp_path, minimal(serving__runtime=None))) == objects(named)


def test_the_organization_has_usual_runtimes_of_its_own(tmp_path: Path) -> None:
    platform = """
apiVersion: mlspec/v1
kind: Platform
platform:
  runtimes:
    house: {image: registry.example.com/house:1, user: 1000, formats: [onnx], usualFor: [onnx]}
"""
    assert nameless(tmp_path, platform)[0] == "house"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"release__artifact__format": "custom"}, "the format `custom` has none"),
        ({"release": None}, "the format of its model is unknown"),
    ],
    ids=["custom", "nothing-released"],
)
def test_where_none_is_usual_one_must_be_named(changes: dict[str, object], note: str, tmp_path: Path) -> None:
    found = compile_text(tmp_path, minimal(serving__runtime=None, **changes)).diagnostics
    [missing] = [d for d in found if "no runtime" in d.message]
    assert (missing.id, missing.message) == ("MLS009", "no runtime is set for the service `digit-reader`")
    assert missing.note == f"mlspec chooses a default runtime by model format, and {note}"
    assert "`custom`" in missing.help


@pytest.mark.parametrize(
    ("runtime", "kind"),
    [
        ("vllm", "http"), ("sglang", "http"), ("tgi", "http"), ("torchserve", "http"), ("torchserve", "metrics"),
        ("tensorflow-serving", "http"), ("tensorflow-serving", "grpc"),
    ],
)  # fmt: skip
def test_a_port_that_the_server_is_told_cannot_be_taken_away(runtime: str, kind: str, tmp_path: Path) -> None:
    container = online.spec(runtime)["serving"].get("container", {})
    found = online.refused(tmp_path, runtime, serving__container={**container, "ports": {kind: None}})
    assert f"MLS009: `container` lacks `ports.{kind}`, which `{runtime}` listens on" in found


def test_requests_that_no_series_counts_are_missed(tmp_path: Path) -> None:
    found = online.refused(tmp_path, "triton", serving__container__metrics__requests=[])
    assert [one for one in found if re.match("MLS009: no series for the .* is declared", one)]
