"""The gate without an image of mlspec: what travels in the ConfigMap is all that it needs, and it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlspec.targets.retraining.carried import MODULES

from .gates import CONFIG, METRICS
from .retraining import compiled, objects, spec, steps
from .validation import load


def carried(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The gate's container, the volume of its program, and the ConfigMap."""
    bodies = [load(file.text) for file in compiled(tmp_path, spec(), None).environments[0].bundle.files()]
    (cron_job,) = [body for body in bodies if body.get("kind") == "CronJob"]
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    gate = next(one for one in [*pod["initContainers"], *pod["containers"]] if one["name"] == "gate")
    volume = next(one for one in pod["volumes"] if one["name"] == "program")
    (program,) = [body for body in bodies if body.get("metadata", {}).get("name") == volume["configMap"]["name"]]
    return gate, volume, program


def test_the_modules_are_those_that_the_gate_imports() -> None:
    code = "import sys, mlspec.runtime.gate; print(*(m for m in sys.modules if m.partition('.')[0] == 'mlspec'))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    packages = {module.removesuffix("/__init__.py") for module in MODULES if module.endswith("/__init__.py")}
    names = [name.removeprefix("mlspec").lstrip(".").replace(".", "/") for name in loaded]
    files = {f"{name}/__init__.py" if name in packages else f"{name}.py" for name in names if name} | {"__init__.py"}
    assert sorted(files) == sorted(MODULES)


@pytest.mark.slow
@pytest.mark.parametrize("passes", [True, False])
def test_the_carried_gate_runs_with_nothing_but_python(tmp_path: Path, passes: bool) -> None:
    gate, volume, program = carried(tmp_path)
    folder = tmp_path / "program"
    for item in volume["configMap"]["items"]:
        target = folder / item["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(program["data"][item["key"]])
    inputs, output = tmp_path / "in", tmp_path / "gate"
    for name, content in (("evaluate/metrics.json", METRICS), ("train/model.json", MODEL)):
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_text(json.dumps(content))
    (inputs / "train" / "model.onnx").write_bytes(b"model")
    output.mkdir()
    config = tmp_path / "training.json"
    config.write_text(json.dumps(CONFIG if passes else {**CONFIG, "evaluation": {"gates": []}}))
    places = {"MLSPEC_CONFIG": config, "MLSPEC_INPUT": inputs, "MLSPEC_OUTPUT": output, "PYTHONPATH": folder}
    ended = subprocess.run(
        [sys.executable, "-S", *gate["command"][1:]],  # -S: no installed package
        env={name: str(place) for name, place in places.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads((output / "verdict.json").read_text())["pass"] is passes


MODEL = {"version": 1, "path": "model.onnx", "format": "onnx"}


def test_the_platforms_image_comes_first(tmp_path: Path) -> None:
    gate = steps(tmp_path)["gate"]
    assert gate["command"] == ["mlspec", "runtime", "gate", "--in-job"]
    assert "program" not in objects(tmp_path)["ConfigMap"]["metadata"]["name"]
