"""What is decided for training runs, against numbers worked out by hand; and the contract with its images."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from mlspec.runtime.gate import PASS
from mlspec.runtime.verdict import judge

from .retraining import LEAN, configuration, environment, plan, steps
from .support import ROOT, run

# What one run fits

TUNING = {"when": "every-run", "trials": 60, "parallel": 6, "parameters": {}}
FOLDS = {"folds": 5, "when": "every-run"}
SEEDS = {"method": "seeds", "size": 3}


@pytest.mark.parametrize(
    ("tuning", "folds", "ensemble", "fits"),
    [
        (None, None, None, 1),
        (None, FOLDS, None, 6),  # five folds, and the fit on all training rows
        (None, None, SEEDS, 3),
        (None, FOLDS, SEEDS, 18),
        (TUNING, None, None, 61),  # 60 trials, and the fit of the best setting
        ({**TUNING, "trials": 61}, None, None, 62),
        (TUNING, {"folds": 5}, None, 301),  # folds belong to the search, and there is one
        (TUNING, FOLDS, SEEDS, 903),
        ({**TUNING, "when": "manual"}, {"folds": 5}, None, 1),
        ({**TUNING, "when": "schedule"}, FOLDS, None, 6),
        ({**TUNING, "trials": 1}, None, None, 2),
    ],
)
def test_the_fits_of_a_run(tmp_path: Path, tuning: Any, folds: Any, ensemble: Any, fits: int) -> None:
    changes = {"training__tuning": tuning, "training__crossValidation": folds, "training__ensemble": ensemble}
    given = {path: value for path, value in changes.items() if value is not None}
    assert plan(tmp_path, **given, training__fit="1m").fits.value == fits


def test_the_reason_shows_the_arithmetic(tmp_path: Path) -> None:
    changes = {"training__tuning": TUNING, "training__crossValidation": FOLDS, "training__ensemble": SEEDS}
    made = plan(tmp_path, **changes, training__fit="10m", retraining=None)
    assert made.fits.why == "(60 trials x 5 folds + the final fit on all training rows) x 3 ensemble members = 903 fits"
    assert made.work is not None
    assert str(made.work.value) == "9030m"
    assert made.deadline.why.startswith("2 tries, each with 1.5 times 903 fits of 10m")


@pytest.mark.parametrize("parallel", [1, 4, 7, 60])
def test_trap_a_search_is_cheaper_and_shorter_because_its_trials_share_a_pod(tmp_path: Path, parallel: int) -> None:
    made = plan(tmp_path, training__tuning={**TUNING, "parallel": parallel}, training__fit="10m")
    assert made.work is not None
    assert str(made.work.value) == "610m"


# How long it may take


@pytest.mark.parametrize(
    ("fit", "schedule", "deadline"),
    [
        ("40m", "0 3 * * 1", "150m"),  # 2 x (60 + 15)
        ("90m", "0 20 * * 6", "5h"),
        ("10s", "0 3 * * 1", "32m"),  # in whole minutes
        ("20h", "0 3 * * *", "86380s"),  # 30 h would not end before the next run, less two looks of the controller
        ("5d", "0 3 * * 1", "604780s"),
    ],
)
def test_a_deadline_has_time_for_every_try_and_ends_before_the_next_run(
    tmp_path: Path, fit: str, schedule: str, deadline: str
) -> None:
    assert str(plan(tmp_path, training__fit=fit, retraining__schedule=schedule).deadline.value) == deadline


@pytest.mark.parametrize(
    ("changes", "deadline"),
    [
        ({"retraining__schedule": "0 3 * * 1"}, "1d"),
        ({"retraining__schedule": "0 3 * * *"}, "12h"),
        ({"retraining": None}, "1d"),
    ],
)
def test_a_deadline_without_a_fit_is_that_of_batch_inference(
    tmp_path: Path, changes: dict[str, object], deadline: str
) -> None:
    """Half of the gap, and at most a day."""
    assert str(plan(tmp_path, training__fit=None, **changes).deadline.value) == deadline


def test_the_author_knows_better(tmp_path: Path) -> None:
    assert str(plan(tmp_path, training__deadline="3h").deadline.value) == "3h"
    assert plan(tmp_path, training__deadline="3h").late.value == 7 * 86400 - 3 * 3600


def test_a_run_by_hand_may_take_as_long_as_its_work(tmp_path: Path) -> None:
    """There is no next run that it could keep from starting."""
    assert str(plan(tmp_path, retraining=None, training__fit="10d", training__retries=0).deadline.value) == "21615m"


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_trap_the_deadline_of_a_job_counts_all_tries_and_the_wait_for_a_node(tmp_path: Path, retries: int) -> None:
    """A node may take 15 min. A try that crashes at its very end leaves time for all that follow it."""
    made = plan(tmp_path, training__fit="10m", training__retries=retries)
    assert made.deadline.value.amount >= (1 + retries) * (10 + 15) * 60
    longer = plan(tmp_path, training__fit="10m", training__retries=retries, platform__planning={"podWait": "1h"})
    assert longer.deadline.value.amount >= (1 + retries) * (10 + 60) * 60


@pytest.mark.parametrize(
    ("schedule", "zone", "cadence", "overdue"),
    [
        ("0 3 * * *", "UTC", 86400, 86400 + 900),
        ("0 3 * * *", "Europe/Berlin", 23 * 3600, 86400 + 3600 + 900),  # days of 23 and of 25 hours
        ("0 * * * *", "Europe/Berlin", 3600, 3600 + 3600 + 900),
        ("0 3 * * 1-5", "UTC", 86400, 3 * 86400 + 900),
    ],
)
def test_a_day_may_have_23_hours(tmp_path: Path, schedule: str, zone: str, cadence: int, overdue: int) -> None:
    made = plan(tmp_path, retraining__schedule=schedule, retraining__timeZone=zone, training__fit="10m")
    assert made.cadence is not None
    assert int(made.cadence.value.amount) == cadence
    assert int(made.overdue.value.amount) == overdue


def test_a_run_is_stale_after_two_gaps_and_the_run_itself(tmp_path: Path) -> None:
    assert int(plan(tmp_path).stale.value.amount) == 2 * 7 * 86400 + 9000


@pytest.mark.parametrize(("memory", "shared"), [("32Gi", "16Gi"), ("3Gi", "1536Mi")])
def test_shared_memory_is_half_of_the_memory(tmp_path: Path, memory: str, shared: str) -> None:
    assert str(plan(tmp_path, training__resources__memory=memory).shared_memory.value) == shared


# The contract

CONTRACT = (ROOT / "docs" / "training-contract.md").read_text()


def documents() -> dict[str, Any]:
    """The examples of the page: the configuration, and each file by its name."""
    blocks = re.findall(r"\*\*(The configuration|`[a-z.]+`)\*\*.*?```json\n(.*?)```", CONTRACT, re.DOTALL)
    return {name.strip("`"): json.loads(text) for name, text in blocks}


def test_the_contract_shows_each_file() -> None:
    assert set(documents()) == {"The configuration", "model.json", "metrics.json", "verdict.json", "release.json"}


def test_the_contract_names_every_variable_and_no_other(tmp_path: Path) -> None:
    kept = {"training__checkpoints": {"to": "s3://models/checkpoints", "access": "lake"}}
    train = environment(steps(tmp_path, **kept)["train"])
    given = {name for name in train if name.startswith(("MLSPEC_", "MLFLOW_"))}
    rows = "\n".join(line.split("|")[1] for line in CONTRACT.splitlines() if re.match(r"\| `ML[A-Z]+_", line))
    secrets = {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
    assert given - secrets == set(re.findall(r"ML[A-Z]+_[A-Z_]+", rows))


def test_the_contract_names_every_step(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `([a-z]+)`", CONTRACT, re.MULTILINE)
    ordered = ("diagnose", "validate", "train", "compress", "evaluate", "profile", "gate", "register", "promote")
    assert tuple(rows[: len(ordered)]) == ordered
    assert [step for step in ordered if step in steps(tmp_path)] == list(steps(tmp_path))


def test_the_contracts_configuration_has_the_shape_of_a_real_one(tmp_path: Path) -> None:
    """Every key that the page shows is one that steps get."""
    searched = {"training__tuning": TUNING, "training__crossValidation": FOLDS, "training__ensemble": SEEDS}
    more = {
        "training__regularization": {"l2": 1.0},
        "training__distributed": {"strategy": "data-parallel", "nodes": 1},
        "release__metrics": {"roc_auc": 0.941, "recall": 0.742},
        "data__preprocessing": [{"step": "impute", "columns": ["country"], "strategy": "constant"}],
    }
    real = configuration(tmp_path, **searched, **more, training__fit="1m")
    assert list(unknown(documents()["The configuration"], real, "")) == []


def unknown(shown: Any, real: Any, path: str) -> Any:
    if isinstance(shown, dict):
        for key, child in shown.items():
            if key not in real:
                yield f"{path}.{key}"
            else:
                yield from unknown(child, real[key], f"{path}.{key}")


def test_the_contracts_metrics_have_the_published_shape() -> None:
    schema = json.loads((ROOT / "runtime" / "metrics.schema.json").read_text())
    assert list(jsonschema_rs.validator_for(schema).iter_errors(documents()["metrics.json"])) == []


def test_the_contracts_verdict_is_the_gates(tmp_path: Path) -> None:
    """The page's own files, judged: the first reason is the page's, and the second is by segment."""
    shown = documents()
    judged = judge(shown["The configuration"], shown["metrics.json"])
    assert [reason.document() for reason in judged.reasons][:1] == shown["verdict.json"]["reasons"]
    assert [reason.verdict for reason in judged.reasons] == ["pass", "pass"]
    (tmp_path / "model.onnx").write_bytes(b"a model")
    for name in ("The configuration", "model.json", "metrics.json"):
        (tmp_path / name).write_text(json.dumps(shown[name]))
    (command,) = re.findall(r"`(mlspec runtime gate --config [^`]*)`", CONTRACT.replace("\n", " "))
    options = re.findall(r"--[a-z]+", command)
    files = [tmp_path / name for name in ("The configuration", "metrics.json", "model.json", "verdict.json")]
    done = run("runtime", "gate", *(part for pair in zip(options, files, strict=True) for part in pair))
    assert done.status == PASS
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert set(written) == set(shown["verdict.json"])
    assert set(written["model"]) == set(shown["verdict.json"]["model"])


def test_the_least_run_needs_no_gate(tmp_path: Path) -> None:
    assert list(steps(tmp_path, **LEAN)) == ["train"]


# The image of the gate


def test_the_dockerfile_copies_what_a_wheel_is_built_from() -> None:
    """A folder that is missing there would be missing in the image, and be noticed when the first gate runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    links = (path.readlink().name for path in (ROOT / "mlspec").iterdir() if path.is_symlink())
    folders = {f"{folder}/" for folder in ("src", "mlspec", *links)}
    files = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    lines = [line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    built = {source for line in lines for source in line if not source.startswith("--")}
    assert built - {"/mlspec", "requirements/runtime.txt"} == folders | files


def test_the_dockerfile_runs_as_a_number_and_starts_mlspec() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["mlspec"]' in text
    assert all(
        re.search(r":\d+\.\d+\.\d+-[a-z-]+@sha256:[0-9a-f]{64}$", image)
        for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    )
