"""The settings of fine-tuning against the parsers of the real TRL, transformers, and accelerate.

They load without PyTorch. An unknown key is not an error for TRL: it becomes an option of `accelerate launch`, or is
ignored.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ...fine_tuning import CHAT, ROWS, model, train
from ...retraining import objects
from .environments import environment

PARSED = """
import importlib, json, sys
import yaml
given = json.load(sys.stdin)
answers = []
for one in given:
    parser = importlib.import_module("trl.scripts." + one["objective"]).make_parser()
    unknown = parser.set_defaults_with_config(**yaml.safe_load(one["text"]))
    values = vars(parser.parse_args([]))
    answers.append([unknown, {name: values[name] for name in yaml.safe_load(one["text"]) if name in values}])
print(json.dumps(answers, default=str))
"""

TABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("sft", "qlora", {}),
    ("sft", "lora", {"format": "text", "packing": True}),
    ("sft", "full", {"format": "prompt-completion"}),
    ("dpo", "dpo", {}),
    ("dpo", "lora", {"objective": "dpo"}),
]

FOUR = {
    "training__resources__accelerator": {"type": "h100", "count": 4},
    "training__distributed": {"strategy": "fully-sharded", "nodes": 1, "processesPerNode": 4},
}


def python(code: str, given: object, *arguments: str) -> Any:
    done = subprocess.run(
        [environment("trl") / "bin" / "python", "-c", code, *arguments],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[str], dict[str, Any]]]:
    """What TRL reads from each file: the unknown arguments, and the values."""
    given = []
    for objective, method, changes in TABLE:
        made = {**CHAT, **FOUR, "training__fineTuning": {**ROWS, **changes}}
        maps = objects(tmp_path_factory.mktemp("spec"), **made, **model(method))
        given.append({"objective": objective, "text": maps["ConfigMap"]["data"]["trl.yaml"]})
    found: list[tuple[list[str], dict[str, Any]]] = python(PARSED, given)
    return found


def test_trap_trl_ignores_a_key_that_no_class_has(parsed: list[tuple[list[str], dict[str, Any]]]) -> None:
    assert [unknown for unknown, _ in parsed] == [[]] * len(TABLE)


def test_the_values_have_the_types_of_the_classes(parsed: list[tuple[list[str], dict[str, Any]]]) -> None:
    qlora, dpo = parsed[0][1], parsed[3][1]
    assert (qlora["save_strategy"], qlora["report_to"]) == ("no", "mlflow")
    assert qlora["lora_target_modules"] == ["all-linear"]
    assert qlora["datasets"][0]["path"] == "parquet"
    assert (dpo["learning_rate"], dpo["beta"]) == (5e-7, 0.1)


NAMED = """
import dataclasses, importlib.resources, json
from transformers import IntervalStrategy, SchedulerType
from transformers.trainer_utils import SaveStrategy
from trl.scripts.utils import DatasetConfig
folder = importlib.resources.files("trl.accelerate_configs")
print(json.dumps({
    "schedules": [one.value for one in SchedulerType],
    "saves": [one.value for one in SaveStrategy],
    "dataset": [one.name for one in dataclasses.fields(DatasetConfig)],
    "accelerate": [one.name.removesuffix(".yaml") for one in folder.iterdir()],
}))
"""


def test_the_words_in_the_settings_are_those_of_the_libraries(parsed: list[tuple[list[str], dict[str, Any]]]) -> None:
    found = python(NAMED, None)
    assert {"constant", "linear", "cosine"} <= set(found["schedules"])
    assert "no" in found["saves"]
    assert set(parsed[0][1]["datasets"][0]) <= set(found["dataset"])
    assert {"single_gpu", "multi_gpu", "fsdp2"} <= set(found["accelerate"])


LAUNCHED = """
import json, re, sys
from importlib.util import find_spec
from pathlib import Path
source = Path(find_spec("accelerate").origin).with_name("commands") / "launch.py"
print(json.dumps(re.findall(r'"(--[a-z_0-9]+)"', source.read_text())))
"""


def test_the_options_are_those_of_accelerate(tmp_path: Path) -> None:
    """TRL itself takes `--config` and `--accelerate_config` out of the command."""
    command = train(tmp_path, **{**CHAT, **FOUR}, **model())["command"]
    options = {word for word in command if word.startswith("--")} - {"--config", "--accelerate_config"}
    assert options
    assert options <= set(python(LAUNCHED, None))
