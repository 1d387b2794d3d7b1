"""Fine-tuning by configuration: the settings and the command of TRL, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.schema.units import Memory

from .fine_tuning import CHAT, ROWS, model, settings, train
from .retraining import PLATFORM, compiled, configuration, environment, objects, plan, spec, steps

SHARDED = {"strategy": "fully-sharded", "nodes": 1, "processesPerNode": 4}
KEPT = {"training__checkpoints": {"to": "s3://lake/kept"}}
FOUR = {"training__resources__accelerator": {"type": "h100", "count": 4}, "training__distributed": SHARDED}


def refused(tmp_path: Path, **changes: object) -> list[str]:
    result = compiled(tmp_path, spec(**changes))
    return [f"{found.id}: {found.message}" for found in result.found if found.severity == "error"]


def tuned(**changes: object) -> dict[str, Any]:
    """The changes of the spec, with those of the section."""
    return {
        **CHAT,
        "training__fineTuning": {name: value for name, value in {**ROWS, **changes}.items() if value is not None},
    }


def test_the_settings_of_qlora(tmp_path: Path) -> None:
    assert settings(tmp_path, **CHAT, **model()) == {
        "model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct",
        "model_revision": "0e9e39f",
        "dtype": "bfloat16",
        "datasets": [
            {
                "path": "parquet",
                "data_files": "/mlspec/input/validate/train/*.parquet",
                "split": "train",
                "columns": ["messages"],
            }
        ],
        "assistant_only_loss": False,
        "use_peft": True,
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "lora_target_modules": ["all-linear"],
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "use_bnb_nested_quant": True,
        "num_train_epochs": 1.0,
        "learning_rate": 0.0002,
        "lr_scheduler_type": "cosine",
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "max_length": 4096,
        "packing": False,
        "bf16": True,
        "fp16": False,
        "seed": 17,
        "report_to": "mlflow",
        "output_dir": "/mlspec/output/model",
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def test_mlspec_starts_trl_with_as_many_processes_as_accelerators(tmp_path: Path) -> None:
    """TRL's configurations of `accelerate` start 8 by default."""
    assert train(tmp_path, **CHAT, **model())["command"] == [
        *("python3", "/mlspec/config/fine_tune.py", "trl", "sft", "--config", "/mlspec/config/trl.yaml"),
        *("--accelerate_config", "single_gpu", "--num_processes", "1", "--mixed_precision", "bf16"),
    ]
    many = train(tmp_path, **{**CHAT, **FOUR}, **model())["command"]
    assert many[6:10] == ["--accelerate_config", "fsdp2", "--num_processes", "4"]


def test_several_nodes_start_with_torchrun(tmp_path: Path) -> None:
    spread = {"strategy": "data-parallel", "nodes": 2, "processesPerNode": 1}
    platform = {**PLATFORM, "platform": {**PLATFORM["platform"], "storage": {"sharedClass": "nfs"}}}
    made = objects(tmp_path, platform, **CHAT, **model(), training__distributed=spread)
    [job] = made["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    [node] = job["template"]["spec"]["template"]["spec"]["containers"]
    words = ["torchrun", "-m", "trl.scripts.sft", "--config", "/mlspec/config/trl.yaml"]
    assert node["command"] == ["python3", "/mlspec/config/fine_tune.py", *words]


def test_a_command_of_the_author_reads_the_same_file(tmp_path: Path) -> None:
    """Then mlspec does not start TRL, and does not judge how it is started."""
    own = {**tuned(), "training__steps__train": {"command": ["accelerate", "launch", "chat/train.py"]}}
    spread = {"strategy": "tensor-parallel", "nodes": 1, "processesPerNode": 4}
    accelerated = {**FOUR, "training__distributed": spread}
    made = objects(tmp_path, **{**own, **accelerated}, **model(), training__ensemble={"method": "seeds", "size": 2})
    assert "trl.yaml" in made["ConfigMap"]["data"]
    assert "fine_tune.py" not in made["ConfigMap"]["data"]
    assert train(tmp_path, **own, **model())["command"] == ["accelerate", "launch", "chat/train.py"]


def test_the_configuration_has_what_the_spec_says(tmp_path: Path) -> None:
    assert configuration(tmp_path, **CHAT, **model())["training"]["fineTuning"]["maxLength"] == 4096


@pytest.mark.parametrize(
    ("method", "changes", "rate"),
    [
        ("full", {}, 2e-5),
        ("lora", {}, 2e-4),
        ("lora", {"objective": "dpo"}, 5e-6),
        ("dpo", {}, 5e-7),
        ("dpo", {"learningRate": 1e-6}, 1e-6),
    ],
)
def test_trap_the_default_learning_rate_is_too_low_for_adapters(
    tmp_path: Path, method: str, changes: dict[str, Any], rate: float
) -> None:
    made = settings(tmp_path, **{**tuned(**changes), **FOUR}, **model(method))
    assert float(made["learning_rate"]) == rate


def test_trap_yaml_reads_no_as_false(tmp_path: Path) -> None:
    """`save_strategy: no` would be false, which is none of its values."""
    text = objects(tmp_path, **CHAT, **model())["ConfigMap"]["data"]["trl.yaml"]
    assert "save_strategy: 'no'" in text


def test_trap_without_double_quantization_a_weight_takes_more_than_planned(tmp_path: Path) -> None:
    """compiler/plan/training/memory.py counts 4.127 bits, which is with it."""
    assert settings(tmp_path, **CHAT, **model())["use_bnb_nested_quant"] is True
    assert "load_in_4bit" not in settings(tmp_path, **CHAT, **model("lora"))


@pytest.mark.parametrize(("method", "dtype"), [("lora", "bfloat16"), ("full", "float32"), ("dpo", "float32")])
def test_trap_frozen_weights_are_in_32_bits_by_default(tmp_path: Path, method: str, dtype: str) -> None:
    assert settings(tmp_path, **{**CHAT, **FOUR}, **model(method))["dtype"] == dtype


def test_trap_old_accelerators_have_no_bfloat16(tmp_path: Path) -> None:
    old = {"training__resources__accelerator": {"type": "t4", "count": 1}}
    made = settings(tmp_path, **{**CHAT, **old}, **model())
    assert (made["dtype"], made["bf16"], made["fp16"]) == ("float16", False, True)
    assert train(tmp_path, **{**CHAT, **old}, **model())["command"][-1] == "fp16"


def test_trap_reporting_asks_for_the_login_of_what_is_installed(tmp_path: Path) -> None:
    assert settings(tmp_path, **CHAT, **model(), training__tracking=None)["report_to"] == "none"


def test_trap_a_base_model_does_not_fit_into_the_home_folder(tmp_path: Path) -> None:
    assert environment(train(tmp_path, **CHAT, **model()))["HF_HOME"] == "$(MLSPEC_OUTPUT)/hub"


@pytest.mark.parametrize(
    ("method", "base", "size", "why"),
    [
        ("qlora", "hf://meta-llama/Llama-3.1-8B", "35Gi", "8.03B parameters x (2 bytes for the files of the base"),
        ("full", "hf://meta-llama/Llama-3.1-8B", "65Gi", "of the base model + 4 bytes for the result) = 44.87 GiB"),
        ("full", "file:///base", "50Gi", "8.03B parameters x (4 bytes for the result) = 29.91 GiB"),
        ("qlora", "file:///base", "20Gi", "nothing, because adapters are small"),
    ],
)  # fmt: skip
def test_trap_the_base_and_the_result_fill_the_volume_of_a_classical_model(
    tmp_path: Path, method: str, base: str, size: str, why: str
) -> None:
    """8.03 billion parameters x 2 bytes are 14.96 GiB, and x 4 bytes 29.91 GiB; 20 GiB are for all else."""
    volume = {"base": {"claim": "base", "mountPath": "/base"}}
    folder = {**tuned(revision=None), "training__volumes": volume} if base.startswith("file") else CHAT
    made = plan(tmp_path, **folder, **model(method, base), training__storage=None).storage
    assert (str(made.value), why in made.reason) == (size, True), made.reason


def test_a_volume_that_the_base_does_not_fit_into_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, **CHAT, **model(), training__storage="14Gi") == [
        "MLS008: a volume of 14Gi is too small for a run that fine-tunes this model"
    ]
    assert plan(tmp_path, **CHAT, **model(), training__storage="15Gi").storage.value == Memory.parse("15Gi")
    own = {**CHAT, "training__steps__train": {"command": ["python", "tune.py"]}}
    assert plan(tmp_path, **own, **model(), training__storage="1Gi").storage.value == Memory.parse("1Gi")


def test_trap_quantized_weights_of_several_types_cannot_be_sharded(tmp_path: Path) -> None:
    made = settings(tmp_path, **{**CHAT, **FOUR}, **model())
    assert made["bnb_4bit_quant_storage"] == made["dtype"] == "bfloat16"


def test_a_folder_of_a_volume_is_a_base_model(tmp_path: Path) -> None:
    rows = {name: value for name, value in ROWS.items() if name != "revision"}
    made = settings(tmp_path, **{**CHAT, "training__fineTuning": rows}, **model(base="file:///models/llama"))
    assert made["model_name_or_path"] == "/models/llama"
    assert "model_revision" not in made


SOURCE: dict[str, Any] = {
    "name": "chats",
    "ingestion": "batch",
    "uri": "s3://lake/chats",
    "access": "lake",
    "format": "jsonl",
    "owner": "support",
    "version": {"kind": "as-of-run"},
}
DIRECT: dict[str, Any] = {
    **{name: value for name, value in CHAT.items() if name != "training__fineTuning"},
    "training__fineTuning": {"maxLength": 2048, "revision": "0e9e39f"},
    "data": {"sources": [SOURCE]},
    "evaluation__testSet": {"uri": "s3://lake/test.jsonl", "access": "lake"},
}


@pytest.mark.parametrize(
    ("uri", "files"), [("s3://lake/chats", "s3://lake/chats/**/*.jsonl"), ("s3://lake/a.jsonl", "s3://lake/a.jsonl")]
)
def test_trl_reads_a_source_itself(tmp_path: Path, uri: str, files: str) -> None:
    [loaded] = settings(tmp_path, **{**DIRECT, "data": {"sources": [{**SOURCE, "uri": uri}]}}, **model())["datasets"]
    assert (loaded["path"], loaded["data_files"]) == ("json", files)


TOOLS = [{"name": "messages", "dtype": "string"}, {"name": "tools", "dtype": "string"}]


def test_conversations_keep_their_tools(tmp_path: Path) -> None:
    made = settings(tmp_path, **{**DIRECT, "data": {"sources": [SOURCE], "columns": TOOLS}}, **model())
    assert made["datasets"][0]["columns"] == ["messages", "tools"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": "prompt-completion"}, {"completion_only_loss": True}),
        ({"format": "prompt-completion", "loss": "everything"}, {"completion_only_loss": False}),
        ({"format": "messages", "loss": "answers"}, {"assistant_only_loss": True}),
        ({"format": "text", "textColumn": "body"}, {"dataset_text_field": "body"}),
        ({"packing": True}, {"packing": True}),
        ({"batch": 64, "microBatch": 4}, {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 16}),
        ({"objective": "dpo", "beta": 0.3}, {"beta": 0.3}),
        ({"objective": "dpo"}, {"beta": 0.1}),
        ({"epochs": 2.5, "schedule": "linear"}, {"num_train_epochs": 2.5, "lr_scheduler_type": "linear"}),
        (
            {"lora": {"rank": 8, "alpha": 8, "dropout": 0.0, "modules": ["q_proj", "v_proj"]}},
            {"lora_r": 8, "lora_alpha": 8, "lora_dropout": 0.0, "lora_target_modules": ["q_proj", "v_proj"]},
        ),
    ],
)
def test_each_field_has_a_setting(tmp_path: Path, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    made = settings(tmp_path, **tuned(**changes), **model())
    assert {name: made[name] for name in expected} == expected


def test_the_objective_decides_the_columns(tmp_path: Path) -> None:
    [rows] = settings(tmp_path, **tuned(objective="dpo"), **model())["datasets"]
    assert rows["columns"] == ["prompt", "chosen", "rejected"]
    assert train(tmp_path, **tuned(objective="dpo"), **model())["command"][2:4] == ["trl", "dpo"]


PINNED = {**SOURCE, "version": {"kind": "iceberg", "id": "3"}}
LATE = {**SOURCE, "version": {"kind": "as-of-run", "lag": "2d"}}
NO_LLM: dict[str, Any] = {"model__llm": {"family": "llama-3.1-8b"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({**CHAT, **NO_LLM}, "MLS009: `fineTuning` needs a method, and the model `fraud` has none"),
        ({**CHAT, **model("prompting")}, "MLS009: `fineTuning` needs a method, and the model `fraud` has none"),
        ({**CHAT, **model(base=None)}, "MLS009: nothing says which base model is fine-tuned"),
        ({**tuned(revision=None), **model()}, "MLS009: the base model is not pinned"),
        ({**CHAT, **model(base="s3://m/b")}, "MLS012: TRL cannot load a base model from `s3://m/b`"),
        ({**CHAT, **model(base="file:///b")}, "MLS012: a folder has no `revision`"),
        (
            {**tuned(objective="sft", format="messages"), **model("dpo"), **FOUR},
            "MLS012: `sft` and `dpo` are different objectives",
        ),
        (
            {**tuned(objective="dpo", format="messages"), **model()},
            "MLS012: `dpo` cannot learn from rows with the format `messages`",
        ),
        (
            {**tuned(format="preferences"), **model()},
            "MLS012: `sft` cannot learn from rows with the format `preferences`",
        ),
        ({**tuned(beta=0.2), **model()}, "MLS012: `sft` has no `beta`"),
        (
            {**tuned(objective="dpo", packing=True), **model()},
            "MLS012: `dpo` cannot pack rows: it compares two answers to one prompt",
        ),
        ({**tuned(textColumn="x"), **model()}, "MLS012: `textColumn` has no effect with `messages`"),
        ({**tuned(format="text", loss="answers"), **model()}, "MLS012: `loss: answers` has no effect with `text`"),
        ({**tuned(objective="dpo", loss="answers"), **model()}, "MLS012: `loss` has no effect with `preferences`"),
        ({**tuned(lora={"rank": 8}), **model("full"), **FOUR}, "MLS012: the method `full` trains no adapters"),
        ({**tuned(files="train.txt"), **model()}, "MLS012: `train.txt` does not name files with rows"),
        ({**tuned(files="../x.csv"), **model()}, "MLS012: `../x.csv` does not name files with rows"),
        ({**tuned(files="s3://lake/x.csv"), **model()}, "MLS012: `s3://lake/x.csv` does not name files with rows"),
        ({**tuned(), **model(), **KEPT}, "MLS012: mlspec's own fine-tuning keeps no checkpoints"),
        ({**tuned(maxLength=200_000), **model()}, "MLS012: rows of 200,000 tokens exceed the window of 131,072"),
        ({**tuned(source="chargebacks"), **model()}, "MLS012: `source` has no effect with `train/*.parquet`"),
        (
            {**CHAT, **model(), "training__steps__validate": None},
            "MLS009: no step writes the files that are trained on",
        ),
        (
            {**CHAT, **model(), "training__resources__accelerator": None},
            "MLS009: `qlora` needs an accelerator",
        ),
        (
            {**CHAT, **model(), "training__resources__accelerator": {"type": "l4", "count": 2}},
            "MLS009: nothing says how 2 accelerators train together",
        ),
        (
            {**CHAT, **model(), **FOUR, "training__distributed": {**SHARDED, "processesPerNode": 2}},
            "MLS012: 2 processes cannot share 4 accelerators",
        ),
        (
            {**tuned(batch=6), **model(), **FOUR},
            "MLS012: a batch of 6 rows cannot be divided into steps of 4",
        ),
        (
            {**CHAT, **model(), **FOUR, "training__distributed": {**SHARDED, "strategy": "tensor-parallel"}},
            "MLS012: mlspec does not start TRL as `tensor-parallel` on 1 node",
        ),
        (
            {**CHAT, **model(), "training__ensemble": {"method": "seeds", "size": 2}},
            "MLS012: `ensemble` has no effect on fine-tuning",
        ),
        (
            {**CHAT, **model(), "training__regularization": {"dropout": 0.1}},
            "MLS012: `regularization` has no effect on fine-tuning",
        ),
        (
            {**CHAT, **model(), "model__optimization": {"quantization": {"method": "awq"}}},
            "MLS009: no step does the quantization of the fine-tuned model",
        ),
        (
            {**CHAT, **model(), "model__optimization": {"pruning": {"sparsity": "50%"}}},
            "MLS009: no step does the pruning of the fine-tuned model",
        ),
        (
            {
                **CHAT,
                **model(),
                "model__optimization": {"distillation": {"teacher": "s3://models/teacher"}},
                "training__steps__compress": {"command": ["python", "-m", "chat.compress"]},
            },
            "MLS009: no step does the distillation of the fine-tuned model",
        ),
        ({**DIRECT, **model(), "data": {}}, "MLS009: there are no rows to train on"),
        (
            {**DIRECT, **model(), "data": {"sources": [SOURCE, {**SOURCE, "name": "other"}]}},
            "MLS009: it is ambiguous which rows are trained on",
        ),
        (
            {**DIRECT, **model(), "data": {"sources": [{**SOURCE, "format": "avro"}]}},
            "MLS012: TRL cannot read the source `chats`",
        ),
        (
            {**DIRECT, **model(), "data": {"sources": [PINNED]}},
            "MLS012: fine-tuning would ignore the version of `chats`",
        ),
        ({**DIRECT, **model(), "data": {"sources": [LATE]}}, "MLS012: fine-tuning would ignore the lag of `chats`"),
        (
            {**DIRECT, **model(), "data": {"sources": [SOURCE], "columns": [{"name": "prompt", "dtype": "string"}]}},
            "MLS012: the rows have no column `messages`, which the format `messages` needs",
        ),
        (
            {
                **DIRECT,
                **model(),
                "data": {"sources": [SOURCE], "split": {"strategy": "random", "train": "90%", "test": "10%"}},
            },
            "MLS012: fine-tuning would ignore the split of the data",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, **changes)


def test_the_plan_has_the_decisions(tmp_path: Path) -> None:
    found = plan(tmp_path, **CHAT, **model()).fine_tuning
    assert found is not None
    assert found.accumulation.value == 16
    assert "16 rows" in found.accumulation.reason
    assert found.adapters.value is True


def test_a_step_makes_the_model_smaller_before_it_is_evaluated(tmp_path: Path) -> None:
    smaller = {
        "model__optimization": {"quantization": {"method": "awq", "bits": 4}},
        "training__steps__compress": {"command": ["python", "-m", "chat.compress"]},
    }
    made = steps(tmp_path, **CHAT, **model(), **smaller)
    assert list(made) == ["validate", "train", "compress", "evaluate", "gate", "register"]
    mounted = {mount["mountPath"]: mount for mount in made["compress"]["volumeMounts"]}
    assert mounted["/mlspec/output"]["subPath"] == "compress"
    assert "HF_HOME" not in environment(made["compress"])
    storage = plan(tmp_path, **CHAT, **model(), **smaller, training__storage=None).storage
    assert str(storage.value) == "50Gi"  # 14.96 GiB for the base, at most as much for a merged model, and 20
    assert "14.96 GiB for what `compress` writes" in storage.reason
