"""What tests of promotion share: a bare repository with a system, the files of a job, and both ways to run."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from .retraining import PLATFORM, SPEC
from .support import ROOT, Ran, changed, dumped, loaded, run

TOKEN = "ghp_0123456789abcdefSECRET"
ACCESS = {**SPEC["access"], "git": {"kind": "git", "host": "git.example.com", "forge": "gitea", "secret": "git-token"}}
PROMOTE = {"repository": "acme/fraud", "path": "systems/fraud/mlspec.yaml", "access": "git"}
PROMOTING: dict[str, Any] = {"access": ACCESS, "retraining__promote": PROMOTE}
"""The changes that promote what a run has trained."""

GATES = [{"metric": "roc_auc", "versus": "champion", "margin": -0.002}]
DIGEST = f"sha256:{'2' * 64}"
RELEASE: dict[str, Any] = {
    "version": "15",
    "artifact": {
        "uri": "s3://models/15/model.onnx",
        "format": "onnx",
        "digest": DIGEST,
        "size": "10Mi",
        "access": "lake",
    },
    "metrics": {"roc_auc": 0.944},
}
VERDICT = {
    "version": 1,
    "pass": True,
    "model": {"path": "m", "format": "onnx", "digest": DIGEST, "size": 7},
    "reasons": [],
}
METRICS = {
    "version": 1,
    "metrics": {"roc_auc": {"value": 0.944, "samples": 250000, "events": 1240, "low": 0.938, "high": 0.95}},
    "segments": {"country": {"DE": {"recall": {"value": 0.74, "samples": 61000, "events": 5300}}}},
}

BARE = Path("remote/acme/fraud.git")
"""The repository below the folder of a test."""

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
}  # fmt: skip


def git(*arguments: str | Path, cwd: Path) -> str:
    """The output of git."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), **IDENTITY}
    done = subprocess.run(["git", *map(str, arguments)], cwd=cwd, env=environment, check=True, capture_output=True)
    return done.stdout.decode().strip()


def spec(**changes: object) -> dict[str, Any]:
    """A system whose trained models are promoted, with the release in a file."""
    image = f"registry.example.com/fraud/train:14@sha256:{'c' * 64}"
    steps = {name: {"command": [name]} for name in ("train", "evaluate", "register")}
    pinned = {"training__image": image, "training__steps": steps}
    return changed(SPEC, release=None, evaluation__gates=GATES, **{**PROMOTING, **pinned, **changes})


def live(version: str = "14", digest: str = "1" * 64) -> dict[str, Any]:
    release = {**SPEC["release"], "version": version}
    release["artifact"] = {**release["artifact"], "digest": f"sha256:{digest}"}
    return release


@cache
def seeded(made: str) -> Path:
    """A folder with a bare repository of a system, and with the checkout that it was pushed from. Tests copy it."""
    folder = Path(mkdtemp(prefix="mlspec-seeded-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bare, work = folder / BARE, folder / "seed"
    bare.mkdir(parents=True)
    git("init", "-q", "--bare", "-b", "main", ".", cwd=bare)
    system = work / "systems" / "fraud"
    (system / "releases").mkdir(parents=True)
    git("init", "-q", "-b", "main", ".", cwd=work)
    (work / "mlspec.platform.yaml").write_text(dumped(PLATFORM))
    (system / "mlspec.yaml").write_text(made)
    head = {"apiVersion": "mlspec/v1", "kind": "Release", "system": "fraud", "environment": "default"}
    (system / "releases" / "default.yaml").write_text(dumped({**head, "release": live()}))
    ran = run("compile", system / "mlspec.yaml")
    assert ran.status == 0, ran.err
    push(work, bare, "start")
    return folder


def push(work: Path, bare: Path, message: str) -> None:
    """Commit all that a checkout has, and push it to the target branch."""
    git("add", "--all", cwd=work)
    git("commit", "-q", "-m", message, cwd=work)
    git("push", "-q", bare, "HEAD:main", cwd=work)


class Place:
    """A bare repository, and the folders of a run."""

    def __init__(self, folder: Path, made: dict[str, Any] | None = None, **promote: object) -> None:
        self.folder = folder
        self.bare = folder / BARE
        self.made = made if made is not None else spec()
        self.settings = {
            "via": "push", "url": str(self.bare), "branch": "main", "path": "systems/fraud/mlspec.yaml", **promote,
        }  # fmt: skip
        shutil.copytree(seeded(dumped(self.made)), self.folder, dirs_exist_ok=True)
        self.write("training.json", self.config())
        self.write("gate/verdict.json", VERDICT)
        self.write("register/release.json", RELEASE)
        self.write("evaluate/metrics.json", METRICS)

    def commit(self, work: Path, message: str) -> None:
        push(work, self.bare, message)

    def change(self, name: str, content: str | None, message: str = "a change") -> None:
        """Change a file on the target branch, as someone else does."""
        work = self.folder / f"other-{len(list(self.folder.iterdir()))}"
        git("clone", "-q", self.bare, work, cwd=self.folder)
        path = work / name
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.commit(work, message)

    def config(self) -> dict[str, Any]:
        return {
            "version": 1, "system": "fraud", "environment": "default", "model": {"name": "fraud"},
            "promote": {key: value for key, value in self.settings.items() if value is not None},
        }  # fmt: skip

    def set(self, **settings: object) -> None:
        self.settings.update(settings)
        self.write("training.json", self.config())

    def write(self, name: str, content: Any) -> None:
        path = self.folder / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    # Both ways to run

    @property
    def arguments(self) -> list[str]:
        files = {"config": "training.json", "verdict": "gate/verdict.json", "release": "register/release.json",
                 "metrics": "evaluate/metrics.json"}  # fmt: skip
        pairs = [(f"--{name}", str(self.folder / "run" / file)) for name, file in files.items()]
        return ["runtime", "promote", *(word for pair in pairs for word in pair)]

    def promote(self, token: str | None = TOKEN) -> Ran:
        """By hand."""
        with pytest.MonkeyPatch.context() as patch:
            if token is not None:
                patch.setenv("GIT_TOKEN", token)
            ran = run(*self.arguments)
        return self.judged(ran)

    def in_job(self, token: str = TOKEN) -> Ran:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_TOKEN", token)
            patch.setenv("MLSPEC_CONFIG", str(self.folder / "run" / "training.json"))
            patch.setenv("MLSPEC_INPUT", str(self.folder / "run"))
            patch.setenv("MLSPEC_RUN", "fraud-retrain-29400000")
            return self.judged(run("runtime", "promote", "--in-job"))

    def process(self, before: str = "", **environment: str) -> subprocess.Popen[str]:
        """The same in a process of its own, with some Python that runs first."""
        program = f"import sys\n{before}\nfrom mlspec.cli import cli\ncli(sys.argv[1:])"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return subprocess.Popen(
            [sys.executable, "-c", program, *self.arguments],
            cwd=ROOT,
            env={**kept, "GIT_TOKEN": TOKEN, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def judged(ran: Ran) -> Ran:
        """No output has a traceback or the token."""
        assert "Traceback" not in ran.err
        assert TOKEN not in ran.out + ran.err
        return ran

    # The remote

    @property
    def refs(self) -> dict[str, str]:
        lines = git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads", cwd=self.bare)
        return dict(line.split() for line in lines.splitlines())

    def shown(self, name: str, branch: str = "main") -> str:
        return git("show", f"{branch}:systems/fraud/{name}", cwd=self.bare)

    def release(self, branch: str = "main") -> dict[str, Any]:
        found: dict[str, Any] = loaded(self.shown("releases/default.yaml", branch))["release"]
        return found
