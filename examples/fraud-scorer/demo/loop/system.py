"""The system under watch: its Git repository, its first version, and what its newest commit compiles to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from .compressed import Compressed

__all__ = ["System", "mlspec"]

SPEC = Path(__file__).parent.parent / "spec"
BUNDLE = "out/production"


def mlspec(
    *words: str, folder: Path, fine: tuple[int, ...] = (0,), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of mlspec. Raises RuntimeError if it exits with another status than those."""
    done = subprocess.run(
        [sys.executable, "-m", "mlspec", *words], cwd=folder, env={**os.environ, **variables}, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode not in fine:
        raise RuntimeError(f"mlspec {' '.join(words)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


class System:
    """A bare repository, as a forge has it, and a clone of it."""

    def __init__(self, folder: Path, time: Compressed) -> None:
        self.folder, self.time = folder, time
        self.bare, self.clone = folder / "payments.git", folder / "clone"

    # Git

    def git(self, *words: str, folder: Path | None = None) -> str:
        """Run git without any configuration of the user's."""
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            own |= {f"GIT_{who}_NAME": "payments-ml", f"GIT_{who}_EMAIL": "payments-ml@example.com"}
        command = ["git", *words]
        done = subprocess.run(
            command, cwd=folder or self.bare, env={**os.environ, **own}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def commits(self) -> list[str]:
        """The subjects of all commits of the bare repository, the newest first."""
        return self.git("log", "--format=%s", "main").splitlines()

    def changed(self) -> list[str]:
        """The files that the newest commit changes."""
        return self.git("diff", "--name-only", "main~1", "main").split()

    def shown(self, path: str) -> Any:
        """A YAML or JSON file of the newest commit."""
        return yaml.safe_load(self.git("show", f"main:{path}"))

    def pull(self) -> None:
        """Bring the clone to the newest commit, as a GitOps tool does."""
        self.git("pull", "--quiet", "--ff-only", folder=self.clone)

    # Setting up

    def create(self, release: dict[str, Any]) -> None:
        """The repository with the spec, the first release, and the bundle."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), folder=self.folder)
        self.git("clone", "--quiet", str(self.bare), str(self.clone), folder=self.folder)
        self.git("checkout", "--quiet", "-B", "main", folder=self.clone)
        for name, own in (("system", "mlspec"), ("platform", "mlspec.platform")):
            shutil.copyfile(SPEC / f"{name}.yaml", self.clone / f"{own}.yaml")
        (self.folder / "first.json").write_text(json.dumps(release))
        mlspec("promote", "mlspec.yaml", "--to", "production", "--release", "../first.json", folder=self.clone)
        self.git("add", "--all", folder=self.clone)
        self.git("commit", "--quiet", "--message=Release the first version", folder=self.clone)
        self.git("push", "--quiet", "origin", "main", folder=self.clone)

    def first(self, folder: Path) -> dict[str, Any]:
        """Train, evaluate, and publish the first version, with the steps of the training image. Returns its release."""
        spec = yaml.safe_load((SPEC / "system.yaml").read_text())
        day, data = self.time.day, spec["data"]
        split = {
            "gap": day,
            "validation": 0.0,
            "strategy": "temporal",
            "column": "event_time",
            "train": 0.75,
            "test": 0.25,
        }
        config = {
            "version": 1, "system": "fraud-scorer", "environment": "production", "seed": spec["training"]["seed"],
            "data": {"sources": [_source(self.time, one) for one in data["sources"]], "columns": data["columns"],
                     "labels": {**data["labels"], "delay": day}, "split": split},
            "features": spec["model"]["signature"]["inputs"],
            "model": {"name": "fraud-scorer", "outputs": spec["model"]["signature"]["outputs"]},
            "evaluation": {"gates": [{"metric": "roc_auc", "min": 0.8}]},
            "metrics": {"roc_auc": {"direction": "maximize", "unit": "ratio", "min": 0.0, "max": 1.0}},
            "monitoring": {"segments": []},
        }  # fmt: skip
        folder.mkdir(parents=True)
        (folder / "training.json").write_text(json.dumps(config))
        for step, command in (
            ("train", ["fraud.train"]),
            ("evaluate", ["fraud.evaluate"]),
            ("profile", ["mlspec", "runtime", "profile", "--in-job"]),
            ("gate", ["mlspec", "runtime", "gate", "--in-job"]),
            ("register", ["fraud.register"]),
        ):
            self._step(folder, step, command)
        found: dict[str, Any] = json.loads((folder / "register" / "release.json").read_text())
        return found

    def _step(self, folder: Path, step: str, command: list[str]) -> None:
        (folder / step).mkdir()
        variables = {
            "MLSPEC_CONFIG": str(folder / "training.json"), "MLSPEC_INPUT": str(folder), "MLSPEC_RUN": "first",
            "MLSPEC_OUTPUT": str(folder / step), "FRAUD_MODELS": self.time.text("s3://models/fraud"),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", *command], env={**os.environ, **variables}, capture_output=True, text=True,
            cwd=folder / step, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(
                f"{step} of the first version exited with {done.returncode}:\n{done.stdout}{done.stderr}"
            )

    # What it compiles to

    def bundle(self, path: str) -> Any:
        """An object of the bundle in the clone."""
        return yaml.safe_load((self.clone / BUNDLE / path).read_text())

    def maps(self) -> dict[str, dict[str, str]]:
        """The data of the ConfigMaps that pods mount."""
        return {
            "config": self.bundle("serving/configmap-config.yaml")["data"],
            "capture": self.bundle("serving/configmap-capture.yaml")["data"],
            "monitor": self.bundle("measuring/configmap-monitor.yaml")["data"],
            "training": self.bundle("retraining/configmap-training.yaml")["data"],
        }

    def monitor(self) -> dict[str, Any]:
        """`monitor.json` for this machine."""
        found: dict[str, Any] = self.time.config(json.loads(self.maps()["monitor"]["monitor.json"]))
        return found

    def training(self) -> dict[str, Any]:
        """`training.json` for this machine. The URL of the forge is the path of the bare repository."""
        found: dict[str, Any] = self.time.config(json.loads(self.maps()["training"]["training.json"]))
        found["promote"] = {**found["promote"], "url": str(self.bare)}
        return found

    def groups(self) -> list[dict[str, Any]]:
        """The alerts on the model, its data, and its retraining."""
        files = [f"monitoring/rules-{about}.yaml" for about in ("model", "monitors", "due")]
        return self.time.rules([group for file in files for group in self.bundle(file)["groups"]])

    def routes(self) -> dict[str, Any]:
        """The configuration of Alertmanager."""
        found: dict[str, Any] = self.time.routes(self.bundle("monitoring/alertmanager.yaml"))
        return found


def _source(time: Compressed, given: dict[str, Any]) -> dict[str, Any]:
    return {key: time.config(given[key]) for key in ("name", "uri", "format")}
