"""One worker of a search: takes trials from the shared study, and runs the author's commands for each.

Each try of a trial has a folder like that of a training run, with `training.json`, `parameters.json`, and one folder
for each step. `run.rows` in the configuration is `validation`: a search that saw the test rows would make the final
evaluation worthless.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna

from ..lines import say
from .settings import Settings, UnreadableError, budgets, read

__all__ = ["FINAL", "main", "open_study", "sampler"]

FINAL = 42


class CrashError(Exception):
    """A step failed; the trial fails with it."""


def open_study(settings: Settings, journal: Path, worker: int = 0) -> optuna.Study:
    """The shared study. A journal needs no database, and survives a process that is killed while it writes."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # the workers say themselves what happens
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    return optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        study_name="search",
        load_if_exists=True,
        direction="maximize" if settings.maximize else "minimize",
        sampler=sampler(settings, worker),
        pruner=_pruner(settings),
    )


def sampler(settings: Settings, worker: int) -> optuna.samplers.BaseSampler:
    """The sampler of a worker. Workers with the same seed would propose the same trials."""
    seed, made = settings.seed, optuna.samplers
    own = seed + worker if seed is not None else None
    algorithm = settings.algorithm
    if algorithm == "grid":
        return made.GridSampler({name: _values(one) for name, one in settings.parameters.items()}, seed=seed)
    if algorithm == "random":
        return made.RandomSampler(seed=own)
    if algorithm == "gaussian-process":
        return made.GPSampler(seed=own)
    if algorithm == "cma-es":
        return made.CmaEsSampler(seed=own)
    if algorithm == "sobol":
        return made.QMCSampler(qmc_type="sobol", scramble=seed is not None, seed=seed)
    if algorithm in ("tpe", "multivariate-tpe", "hyperband"):
        return made.TPESampler(multivariate=algorithm == "multivariate-tpe", seed=own)
    raise UnreadableError(f"the search algorithm `{algorithm}` is unknown")


def _pruner(settings: Settings) -> optuna.pruners.BasePruner:
    if settings.algorithm != "hyperband":
        return optuna.pruners.NopPruner()
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=len(budgets(settings)), reduction_factor=3)


def _values(parameter: dict[str, Any]) -> list[Any]:
    """The values of a parameter on a grid."""
    if parameter["type"] == "categorical":
        return list(parameter["values"])
    step = parameter.get("step") or 1
    many = math.floor((parameter["max"] - parameter["min"]) / step + 1e-9) + 1
    return [parameter["min"] + at * step for at in range(many)]


def _suggested(trial: optuna.Trial, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, one in settings.parameters.items():
        if name == settings.resource and settings.algorithm == "hyperband":
            continue
        log = one.get("scale") == "log"
        if one["type"] == "categorical":
            found[name] = trial.suggest_categorical(name, one["values"])
        elif one["type"] == "int":
            step = 1 if log else one.get("step") or 1
            found[name] = trial.suggest_int(name, one["min"], one["max"], step=step, log=log)
        else:
            found[name] = trial.suggest_float(
                name, one["min"], one["max"], step=None if log else one.get("step"), log=log
            )
    return found


class _Worker:
    def __init__(self, settings: Settings, config: dict[str, Any], folder: Path) -> None:
        self.settings = settings
        self.config = config
        self.folder = folder

    def objective(self, trial: optuna.Trial) -> float:
        parameters, resource = _suggested(trial, self.settings), self.settings.resource
        value = math.nan
        for step, budget in enumerate(budgets(self.settings), start=1):
            tried = {**parameters, resource: budget} if budget is not None and resource is not None else parameters
            trial.set_user_attr("parameters", tried)
            try:
                value = fmean(self._fold(trial.number, fold, tried) for fold in range(self.settings.folds))
            except CrashError as wrong:
                say(sys.stderr, f"trial {trial.number} failed: {wrong}")
                raise
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    def _fold(self, number: int, fold: int, parameters: dict[str, Any]) -> float:
        """The metric of one fit, on rows that it was not trained on."""
        folder = self.folder / f"trial-{number}" / f"fold-{fold}"
        shutil.rmtree(folder, ignore_errors=True)
        for step in ("train", "evaluate"):
            (folder / step).mkdir(parents=True)
        run = {**self.config.get("run", {}), "tune": False, "rows": "validation", "folds": self.settings.folds}
        config = {**self.config, "run": {**run, "fold": fold if self.settings.folds > 1 else None}}
        (folder / "training.json").write_text(json.dumps(config))
        (folder / "parameters.json").write_text(json.dumps({"version": 1, "parameters": parameters}))
        tried = {"mlspec.trial": str(number), "mlspec.fold": str(fold)}
        self._step(folder, "train", self.settings.train, tried)
        self._step(folder, "evaluate", self.settings.evaluate, tried)
        value = self._metric(folder / "evaluate" / "metrics.json")
        shutil.rmtree(folder / "train")  # models of trials would fill the volume
        return value

    def _step(self, folder: Path, name: str, command: list[str], tried: dict[str, str]) -> None:
        own = {
            "MLSPEC_STEP": name,
            "MLSPEC_CONFIG": str(folder / "training.json"),
            "MLSPEC_PARAMETERS": str(folder / "parameters.json"),
            "MLSPEC_INPUT": str(folder),
            "MLSPEC_OUTPUT": str(folder / name),
            **_tracked({"mlspec.step": name, **tried}),
        }
        ended = subprocess.run(command, env={**os.environ, **own}, check=False).returncode
        if ended == FINAL:
            raise UnreadableError(f"`{name}` ended with {FINAL}: a retry would fail, too")
        if ended != 0:
            raise CrashError(f"`{name}` ended with {ended}")

    def _metric(self, path: Path) -> float:
        try:
            value = float(json.loads(path.read_bytes())["metrics"][self.settings.metric]["value"])
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise UnreadableError(f"{path} has no `{self.settings.metric}`: {wrong!r}") from None
        if not math.isfinite(value):
            raise CrashError(f"`{self.settings.metric}` is {value}")
        return value


def _tracked(tags: dict[str, str]) -> dict[str, str]:
    """The variable whose tags MLflow clients add to each run, with more of them; none without tracking."""
    name = "MLFLOW_RUN_CONTEXT"
    given = os.environ.get(name)
    try:
        return {name: json.dumps({**json.loads(given), **tags})} if given else {}
    except (ValueError, TypeError):
        raise UnreadableError(f"{name} is not a JSON object") from None


def main(search: str, config: str, folder: str, worker: str) -> int:
    """Work on trials until there are enough."""
    try:
        settings = read(Path(search))
        study = open_study(settings, Path(folder) / "journal.log", int(worker))
        own = _Worker(settings, json.loads(Path(config).read_bytes()), Path(folder))
        enough = optuna.study.MaxTrialsCallback(settings.trials, states=_ENDED)
        study.optimize(own.objective, callbacks=[enough, _told], catch=(CrashError,))
    except (UnreadableError, ImportError) as wrong:  # some samplers need more packages than Optuna
        say(sys.stderr, f"mlspec runtime tune: {wrong}")
        return FINAL
    return 0


_ENDED = tuple(getattr(optuna.trial.TrialState, name) for name in ("COMPLETE", "PRUNED", "FAIL"))


def _told(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    value = f"{trial.value:g}" if trial.value is not None else trial.state.name.lower()
    say(sys.stdout, f"trial {trial.number}: {value} {json.dumps(trial.user_attrs.get('parameters'))}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
