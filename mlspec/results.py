"""What the Python API gives back: the public face of the compiler's own objects, which stay private."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

from .compiler.diagnostics import Diagnostic
from .compiler.emit.dump import plain
from .compiler.errors import CompileError, NotFoundError
from .compiler.inputs import Input
from .compiler.link import Bundle as Linked
from .compiler.link import is_object
from .compiler.pipeline import Compiled
from .compiler.record import Record, one_line
from .compiler.words import listing

__all__ = ["Bundle", "Release", "Result", "Spec"]

MOST_ERRORS = 10
"""Errors of a spec in one message; the exception holds all."""


class Spec:
    """A spec as it was read, with its platform file and its releases: whatever takes a path takes it, too."""

    def __init__(self, input_: Input) -> None:
        self._input = input_

    @property
    def path(self) -> Path | None:
        """Its file; None for a text without one."""
        return self._input.path

    @property
    def platform(self) -> str | None:
        """The platform file that belongs to it; None without one, as the built-in defaults then hold."""
        return self._input.platform

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What keeps its files from being read; `lint` says everything else."""
        return self._input.found

    def __repr__(self) -> str:
        return one_line(self, f"{self._input.shown}, platform {self.platform or 'built-in'}")


class Bundle:
    """What a system compiles to in one environment, or once for all of them."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked

    @property
    def environment(self) -> str:
        """The name of the environment; `_system` for what is made once for all of them."""
        return self._linked.environment

    @cached_property
    def files(self) -> dict[str, str]:
        """The text of each file by its path below the environment's folder, such as `serving/rollout.yaml`."""
        return {file.path: file.text for file in self._linked.files()}

    @cached_property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The Kubernetes objects, as an API server would be sent them, in the order of their files."""
        return tuple(plain(artifact.body) for artifact in self._linked.artifacts if is_object(artifact))

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """One object, such as `find("Rollout", "fraud-scorer")`. Raises NotFoundError when there is none."""
        known = {(body["kind"], body["metadata"]["name"]): body for body in self.objects}
        if (kind, name) not in known:
            choices = tuple("/".join(key) for key in known)
            message = f"there is no {kind}/{name} in `{self.environment}`: choose {listing(choices, len(choices))}"
            raise NotFoundError(message, f"{kind}/{name}", choices)
        return known[kind, name]

    def __repr__(self) -> str:
        return one_line(self, f"{self.environment}: {len(self._linked.artifacts)} files")


class Result:
    """What a spec came to: bundles unless there are errors, and everything that was found."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    @property
    def name(self) -> str | None:
        """The system's name, `metadata.name`; None when that is wrong."""
        return self._compiled.name

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments of the spec, also of those that were not asked for."""
        return self._compiled.declared

    @property
    def platform(self) -> str | None:
        """The platform file that was used; None without one, as the built-in defaults then hold."""
        return self._compiled.input.platform

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything that was found, in the order of the source."""
        return self._compiled.found

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self._compiled.failed

    @cached_property
    def bundles(self) -> dict[str, Bundle]:
        """What was compiled for each environment that was asked for, by its name; empty when there are errors.

        What a plugin makes once for all environments is under `_system`, the name of its folder.
        """
        linked = self._compiled.bundles if self.ok else ()
        return {bundle.environment: Bundle(bundle) for bundle in linked}

    def raise_for_errors(self) -> Self:
        """This result, if there are no errors; else raises CompileError, which lists them."""
        if self.ok:
            return self
        errors = [found for found in self.diagnostics if found.severity == "error"]
        lines = [f"  {found.span}: {found.id}: {found.message}" for found in errors[:MOST_ERRORS]]
        more = [f"  and {len(errors) - MOST_ERRORS} more"] if len(errors) > MOST_ERRORS else []
        said = "\n".join([f"{self._compiled.input.shown} has errors:", *lines, *more])
        raise CompileError(said, self.diagnostics)

    def __repr__(self) -> str:
        counts = [_count(len(self._compiled.environments), "environment")]
        for severity in ("error", "warning", "info"):
            number = sum(found.severity == severity for found in self.diagnostics)
            counts += [_count(number, severity)] if number else []
        return one_line(self, f"{self.name or self._compiled.input.shown}: {', '.join(counts)}")


class Release(Record):
    """What a release of an environment becomes: the file that says so, and what the environment compiles to with it."""

    environment: str
    change: str
    """What changes, such as `fraud-scorer in production: 3 -> 4`."""
    path: Path
    """The release file."""
    text: str
    """What the file holds from then on."""
    result: Result
    """What the environment compiles to with that file."""

    def __repr__(self) -> str:
        return one_line(self, self.change)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 and noun != 'info' else ''}"
