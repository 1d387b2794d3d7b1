"""A repository with one system, and a cache, in which commands run with and without it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.inputs import Input
from mlspec.compiler.pipeline import Compiled
from mlspec.terminal.commands.request import Request

from .support import Ran, minimal, run

SPEC: dict[str, Any] = {
    "metadata__name": "app",
    "environments": {"production": {"runs": ["serving"]}},
    "platform": {"gateway": {"domain": "models.example.com"}},
    "serving__endpoint": {},
    "constraints__maxLag": "5s",
}
RELEASE = "apiVersion: mlspec/v1\nkind: Release\nreleases: {}\n"
PLATFORM = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {{planning: {{utilization: {share}%}}}}\n"
COMMANDS = (("lint",), ("compile",), ("compile", "--dry-run"), ("check",))


class Place:
    """A repository with one system, and a cache."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = folder / "repository"
        self.cache = folder / "cache"
        self.patch = patch
        self.compiled: list[str] = []
        self.home = self.root / "team" / "app"
        self.spec = self.home / "mlspec.yaml"
        self.out = self.home / "out"
        self.home.mkdir(parents=True)
        (self.root / ".git").mkdir()
        self.spec.write_text(minimal(**SPEC).replace("mode: online", "mode: online  # a comment"))
        patch.setenv("MLSPEC_CACHE", str(self.cache))
        patch.chdir(self.root)
        compiles = Request.compile

        def counted(request: Request, input_: Input, *only: str) -> Compiled:
            self.compiled.append(input_.shown)
            return compiles(request, input_, *only)

        patch.setattr(Request, "compile", counted)

    def run(self, *arguments: str | Path) -> tuple[Ran, int]:
        """What a command does, and how many systems it compiles."""
        self.compiled.clear()
        ran = run(*arguments)
        return ran, len(self.compiled)

    def fill(self) -> None:
        """Fill the cache with the results of all commands."""
        for command in (("lint",), ("compile",), ("check",)):
            assert self.run(*command, "team/app")[0].status == 0

    def same(self, *arguments: str) -> int:
        """Compare a command with what it does without the cache; returns how many systems it compiled."""
        kept = self.root.with_name("kept")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.root, kept, symlinks=True)
        found, compiled = self.run(*arguments)
        files = contents(self.root)
        shutil.rmtree(self.root)
        kept.rename(self.root)
        os.chdir(self.root)
        with self.patch.context() as patch:
            patch.setenv("MLSPEC_CACHE", "off")
            assert run(*arguments) == found
        assert contents(self.root) == files
        return compiled


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def moved(path: Path) -> None:
    """Put a link in the place of a folder, to the same files."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_turn(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda at: [step(at) for step in steps]


def several(place: Place, **hosts: str) -> None:
    for name, host in hosts.items():
        own = {"metadata__name": name, "environments": None, "serving__endpoint": {"hosts": [host]}}
        written(place.root / "team" / name / "mlspec.yaml", minimal(**{**SPEC, **own}))
