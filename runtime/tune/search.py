"""The process that starts the workers of a search, waits for them, and writes the best parameters."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from ...compiler.record import Record
from ..cluster import ApiServer, UnreachableError
from ..lines import say
from .settings import Settings, UnreadableError, read

__all__ = ["Files", "of_the_job", "publish", "tune"]

DONE, FAILED, NO = 0, 1, 42


class Files(Record):
    """The files of a search."""

    search: Path
    config: Path
    folder: Path
    """For the journal, the trials, and `best.json`."""
    run: str
    namespace: str | None = None


def of_the_job() -> Files | None:
    """The files at the paths of the training contract; None outside a job."""
    config, folder, run = (os.environ.get(f"MLSPEC_{name}") for name in ("CONFIG", "OUTPUT", "RUN"))
    if not config or not folder or not run:
        return None
    search = Path(config).with_name("search.json")
    return Files(
        search=search, config=Path(config), folder=Path(folder), run=run, namespace=os.environ.get("MLSPEC_NAMESPACE")
    )


def tune(files: Files, server: ApiServer | None = None) -> int:
    """Run the search, and return the exit status: 0 with a result, 42 if a retry would fail, too, and 1 otherwise."""
    try:
        settings = read(files.search)
        ended = _work(settings, files)
        if FAILED in ended or NO in ended:
            return NO if NO in ended else FAILED
        best = _best(settings, files)
        if best is None:
            say(sys.stderr, "mlspec runtime tune: no trial has a result")
            return FAILED
        _write(files.folder / "best.json", best)
        if server is not None and settings.result is not None and files.namespace is not None:
            publish(server, files.namespace, settings.result, best)
    except UnreadableError as wrong:
        say(sys.stderr, f"mlspec runtime tune: {wrong}")
        return NO
    except (UnreachableError, OSError, ImportError) as wrong:
        say(sys.stderr, f"mlspec runtime tune: {wrong}")
        return FAILED
    metric = best["metric"]
    say(sys.stdout, f"the best of {best['trials']['complete']} trials: {metric['name']} = {metric['value']:g}")
    return DONE


def _work(settings: Settings, files: Files) -> list[int]:
    """The exit statuses of the workers. Those of workers that were killed are left out, as long as one is left."""
    command = [sys.executable, "-m", f"{__package__}.worker", str(files.search), str(files.config), str(files.folder)]
    workers = [subprocess.Popen([*command, str(worker)]) for worker in range(settings.parallel)]

    def stop(_: int, __: FrameType | None) -> None:
        for worker in workers:
            worker.terminate()
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        ended = [worker.wait() for worker in workers]
    finally:
        signal.signal(signal.SIGTERM, before)
    for number, status in enumerate(ended):
        if status < 0:
            say(sys.stderr, f"worker {number} was killed by signal {-status}; its trial is lost")
    return [status for status in ended if status >= 0] or [FAILED]


def _best(settings: Settings, files: Files) -> dict[str, Any] | None:
    """The best trial, and how it was found; None if no trial has a result."""
    from optuna.trial import TrialState

    from .worker import open_study

    study = open_study(settings, files.folder / "journal.log")
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not complete:
        return None
    best = study.best_trial
    return {
        "version": 1,
        "run": files.run,
        "config": f"sha256:{hashlib.sha256(files.config.read_bytes()).hexdigest()}",
        "algorithm": settings.algorithm,
        "seed": settings.seed,
        "workers": settings.parallel,
        "trials": {
            "complete": len(complete),
            "pruned": sum(trial.state is TrialState.PRUNED for trial in trials),
            "failed": sum(trial.state is TrialState.FAIL for trial in trials),
            "lost": sum(trial.state is TrialState.RUNNING for trial in trials),
        },
        "metric": {"name": settings.metric, "value": best.value},
        "trial": best.number,
        "parameters": best.user_attrs["parameters"],
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    """Write the file atomically: a reader finds all of it, or none."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="ascii") as file:
        json.dump(document, file, indent=2, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def publish(server: ApiServer, namespace: str, name: str, best: dict[str, Any]) -> None:
    """Write the result into the ConfigMap that training runs mount. Twice is the same as once."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "annotations": {"mlspec/run": best["run"]}},
        "data": {"best.json": json.dumps(best, indent=2)},
    }
    made = server.request("PUT", f"{path}/{quote(name, safe='')}", body)
    if made.status == 404:
        made = server.request("POST", path, body)
    if made.status not in (200, 201):
        raise UnreachableError(f"the ConfigMap {name} cannot be written: {made.message}")
