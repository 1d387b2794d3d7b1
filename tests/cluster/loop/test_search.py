"""The search with a real Optuna: optima of known functions, seeds, killed workers, and hyperband."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from .environments import environment

ROOT = Path(__file__).parents[3] / "src"

SEARCH = (
    "import sys; from pathlib import Path; from mlspec.runtime.tune.search import Files, tune; "
    "here = Path(sys.argv[1]); "
    "sys.exit(tune(Files(search=here / 'search.json', config=here / 'training.json', folder=here / 'out', run='s-1')))"
)

TRAIN = """
import json, os
from pathlib import Path
parameters = json.loads(Path(os.environ["MLSPEC_PARAMETERS"]).read_text())["parameters"]
config = json.loads(Path(os.environ["MLSPEC_CONFIG"]).read_text())
assert config["run"]["rows"] == "validation"
Path(os.environ["MLSPEC_OUTPUT"], "model.json").write_text(json.dumps({**parameters, "fold": config["run"]["fold"]}))
"""

EVALUATE = """
import json, os, sys, time
from pathlib import Path
model = json.loads(Path(os.environ["MLSPEC_INPUT"], "train", "model.json").read_text())
time.sleep(float(os.environ.get("SLOW", "0")))
if model["kind"] == "broken":
    sys.exit(3)
loss = (model["x"] - 2) ** 2 + (model["n"] - 5) ** 2 + (1 if model["kind"] == "b" else 0) + (model["fold"] or 0)
loss += 1 / model.get("epochs", 1)
Path(os.environ["MLSPEC_OUTPUT"], "metrics.json").write_text(json.dumps({"metrics": {"loss": {"value": loss}}}))
"""

SETTINGS: dict[str, Any] = {
    "version": 1,
    "trials": 12,
    "parallel": 1,
    "algorithm": "tpe",
    "metric": "loss",
    "maximize": False,
    "folds": 1,
    "seed": 3,
    "parameters": {
        "x": {"type": "double", "min": -10.0, "max": 10.0},
        "n": {"type": "int", "min": 1, "max": 8},
        "kind": {"type": "categorical", "values": ["a", "b"]},
    },
    "train": [sys.executable, "-S", "train.py"],
    "evaluate": [sys.executable, "-S", "evaluate.py"],
}


def prepare(folder: Path, **changes: Any) -> Path:
    (folder / "out").mkdir(parents=True)
    (folder / "search.json").write_text(json.dumps({**SETTINGS, **changes}))
    (folder / "training.json").write_text(json.dumps({"version": 1, "run": {"tune": False}}))
    (folder / "train.py").write_text(TRAIN)
    (folder / "evaluate.py").write_text(EVALUATE)
    return folder


def start(folder: Path, **variables: str) -> subprocess.Popen[str]:
    """The search as its container starts it, in an environment with Optuna."""
    python = environment("optuna") / "bin" / "python"
    return subprocess.Popen(
        [str(python), "-c", SEARCH, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def search(folder: Path, **changes: Any) -> tuple[int, str]:
    with start(prepare(folder, **changes)) as process:
        said, _ = process.communicate(timeout=110)
        return process.returncode, said


def best(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "best.json").read_text())
    return found


def test_a_grid_finds_the_optimum(tmp_path: Path) -> None:
    """The loss is smallest at x = 2, n = 5, and kind = a, which is one of 3 x 2 x 2 combinations."""
    grid = {
        "x": {"type": "double", "min": 0.0, "max": 4.0, "step": 2.0},
        "n": {"type": "int", "min": 4, "max": 5},
        "kind": {"type": "categorical", "values": ["a", "b"]},
    }
    status, said = search(tmp_path, algorithm="grid", parameters=grid)
    assert status == 0, said
    found = best(tmp_path)
    assert found["parameters"] == {"x": 2.0, "n": 5, "kind": "a"}
    assert found["metric"] == {"name": "loss", "value": 1.0}
    assert found["trials"] == {"complete": 12, "pruned": 0, "failed": 0, "lost": 0}


SAMPLED = """
import json, sys, tempfile
from pathlib import Path
from mlspec.runtime.tune.settings import Settings
from mlspec.runtime.tune.worker import _suggested, open_study

def drawn(algorithm, parameters):
    settings = Settings(trials=60, parallel=1, algorithm=algorithm, metric="loss", maximize=False, folds=1,
                        parameters=parameters, train=[], evaluate=[], seed=3)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(settings, Path(folder, "journal.log"))
        def loss(trial):
            found.append(_suggested(trial, settings))
            return 1.0 if found[-1].get("kind") == "b" else 0.0
        study.optimize(loss, n_trials=60)
    return found

print(json.dumps({name: drawn(*asked) for name, asked in json.load(sys.stdin).items()}))
"""
"""What the worker's own functions sample in 60 trials, if nothing but the category b makes a trial worse."""

RATE = {"type": "double", "min": 0.0001, "max": 0.1, "scale": "log"}
TREES = {"type": "int", "min": 10, "max": 1000, "scale": "log"}
SHARE = {"type": "double", "min": 0.1, "max": 0.9, "step": 0.2}
DEPTH = {"type": "int", "min": 10, "max": 90, "step": 20}
KIND = {"type": "categorical", "values": ["a", "b"]}
TORCH = {"gaussian-process"}
"""The sampler needs torch, which is larger than all other packages here together."""


def _sampled(asked: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    python = environment("optuna") / "bin" / "python"
    ran = subprocess.run(
        [str(python), "-W", "ignore", "-c", SAMPLED], input=json.dumps(asked), capture_output=True, text=True,
        check=True, timeout=110, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = json.loads(ran.stdout)
    return found


def test_what_the_catalog_says_is_what_optuna_does() -> None:
    """Scales, steps, and categories of each algorithm that samples."""
    known = {name: facts for name, facts in _facts().items() if name not in TORCH and not facts.get("exhaustive")}
    space = {"rate": RATE, "trees": TREES, "wide": {**TREES, "step": 10}, "share": SHARE, "depth": DEPTH, "kind": KIND}
    found = _sampled({name: (name, space) for name in known})
    assert set(found) == {"random", "tpe", "multivariate-tpe", "hyperband", "cma-es", "sobol"}
    for name, trials in found.items():
        low = sum(one["rate"] < 0.1**2.5 for one in trials), sum(one["trees"] < 100 for one in trials)
        # a uniform sample has 3% and 9% there, which is 2 and 5 of 60
        assert {"double": low[0] > 12, "int": low[1] > 12} == {
            "double": "log" in known[name]["doubleScales"],
            "int": "log" in known[name]["intScales"],
        }, (name, low)
        assert {round(one["share"], 9) for one in trials} <= {0.1, 0.3, 0.5, 0.7, 0.9}
        assert {one["depth"] for one in trials} <= {10, 30, 50, 70, 90}
        assert known[name]["steps"] == "linear"
        assert any(one["wide"] % 10 for one in trials), "on a log scale, the step has no effect"
        better = sum(one["kind"] == "a" for one in trials[-30:])
        learns = name in ("tpe", "multivariate-tpe", "hyperband")
        assert (better >= 24) is learns, (name, better)
        assert known[name].get("learnsCategories") == ("false" if name == "cma-es" else None)


def test_one_number_is_enough_for_an_evolution_strategy() -> None:
    assert "leastNumbers" not in _facts()["cma-es"]
    found = _sampled({"one": ("cma-es", {"x": {"type": "double", "min": 0.0, "max": 1.0}})})["one"]
    assert len({one["x"] for one in found}) == 60


def test_a_grid_counts_on_a_linear_scale_and_ends_with_its_combinations() -> None:
    facts = _facts()["grid"]
    assert (facts["doubleScales"], facts["intScales"], facts["exhaustive"]) == (["linear"], ["linear"], "true")
    found = _sampled(
        {
            "log": ("grid", {"n": {**TREES, "min": 1, "max": 31, "step": 10}}),
            "two": ("grid", {"depth": DEPTH, "kind": KIND}),
            "real": ("grid", {"rate": {"type": "double", "min": 0.05, "max": 0.3}}),
        }
    )
    assert sorted(one["n"] for one in found["log"]) == [1, 11, 21, 31]
    assert len(found["two"]) == 10, "of 60 trials"
    assert found["real"] == [{"rate": 0.05}], "without a step, in steps of 1"


def _facts() -> dict[str, dict[str, Any]]:
    """The entries of the catalog, as they are written."""
    listed: dict[str, dict[str, Any]] = yaml.load(
        (ROOT / "mlspec" / "compiler" / "catalog" / "algorithms.yaml").read_text(), yaml.BaseLoader
    )
    return listed


def test_one_worker_with_a_seed_is_reproducible(tmp_path: Path) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for run in runs:
        status, said = search(run, trials=6)
        assert status == 0, said
    assert best(runs[0])["parameters"] == best(runs[1])["parameters"]


def test_trap_a_killed_worker_loses_only_its_trial(tmp_path: Path) -> None:
    with start(prepare(tmp_path, parallel=2, trials=8), SLOW="0.3") as process:
        victim = _worker(process.pid, "1")
        journal = tmp_path / "out" / "journal.log"
        while not journal.exists() or not list((tmp_path / "out").glob("trial-1/fold-0/train/*")):
            time.sleep(0.05)
        os.kill(victim, signal.SIGKILL)
        said, _ = process.communicate(timeout=110)
    assert process.returncode == 0, said
    assert "worker 1 was killed by signal 9; its trial is lost" in said
    trials = best(tmp_path)["trials"]
    assert trials["complete"] >= 8
    assert trials["lost"] <= 1


def _worker(parent: int, number: str) -> int:
    """The process of a worker."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for one in Path("/proc").glob("[0-9]*"):
            try:
                words = (one / "cmdline").read_text().split("\0")
                owner = (one / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if owner == str(parent) and words[-2:] == [number, ""]:
                return int(one.name)
        time.sleep(0.02)
    raise AssertionError("the worker did not start")


def test_folds_are_averaged(tmp_path: Path) -> None:
    """Fold k adds k to the loss, so three folds add 1."""
    fixed = {"x": {"type": "double", "min": 2.0, "max": 2.0}, "n": {"type": "int", "min": 5, "max": 5}}
    kind = {"kind": {"type": "categorical", "values": ["a"]}}
    status, said = search(tmp_path, trials=1, folds=3, algorithm="random", parameters={**fixed, **kind})
    assert status == 0, said
    assert best(tmp_path)["metric"]["value"] == pytest.approx(2.0)  # 0 + the mean of 0, 1, and 2 + 1 / 1 epoch


def test_hyperband_stops_bad_trials_early(tmp_path: Path) -> None:
    epochs = {**SETTINGS["parameters"], "epochs": {"type": "int", "min": 1, "max": 9}}
    status, said = search(tmp_path, algorithm="hyperband", resource="epochs", parameters=epochs, trials=16)
    assert status == 0, said
    found = best(tmp_path)
    assert found["trials"]["pruned"] > 0
    assert found["parameters"]["epochs"] == 9


def test_a_crash_of_the_code_fails_its_trial_only(tmp_path: Path) -> None:
    kinds = {**SETTINGS["parameters"], "kind": {"type": "categorical", "values": ["a", "broken"]}}
    status, said = search(tmp_path, algorithm="random", parameters=kinds)
    assert status == 0, said
    trials = best(tmp_path)["trials"]
    assert trials["failed"] > 0
    assert trials["failed"] + trials["complete"] == 12


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"version": 2}, 42, "this program reads version 1"),
        ({"algorithm": "guess"}, 42, "the search algorithm `guess` is unknown"),
        ({"metric": "accuracy"}, 42, "has no `accuracy`"),
        ({"evaluate": ["false"]}, 1, "no trial has a result"),
        ({"train": ["sh", "-c", "exit 42"]}, 42, "`train` ended with 42"),
    ],
)
def test_what_cannot_work_ends_with_the_documented_status(
    tmp_path: Path, changes: dict[str, Any], status: int, words: str
) -> None:
    found, said = search(tmp_path, **{"trials": 2, **changes})
    assert (found, words in said) == (status, True), said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "best.json").exists()
