"""What the Python API returns: the public view of the compiler's own objects, which stay private."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from .compiler.answer.design.bundle import after_release, bundles
from .compiler.diagnostics import Diagnostic
from .compiler.emit.dump import plain
from .compiler.errors import CompileError, NotFoundError
from .compiler.inputs import Input
from .compiler.link import Bundle as Linked
from .compiler.pipeline import Compiled
from .compiler.record import Record, one_line
from .compiler.words import listing

__all__ = ["Bundle", "Release", "Result", "Spec"]

MOST_ERRORS = 10
"""The most errors that one message lists; the exception holds all of them."""


class Spec:
    """A spec that was read, with its platform file and its releases. Pass it wherever a path is accepted."""

    def __init__(self, input_: Input) -> None:
        self._input = input_

    @property
    def path(self) -> Path | None:
        """The file of the spec; None for text without a path."""
        return self._input.path

    @property
    def platform(self) -> Path | None:
        """The platform file of the spec; None if the built-in defaults apply."""
        return _path(self._input.platform)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Why its files could not be read, if they could not; `lint` reports everything else."""
        return self._input.found

    def __repr__(self) -> str:
        return one_line(self, f"{self._input.shown}, platform {self.platform or 'built-in'}")


class Files(Mapping[str, str]):
    """The texts of a bundle, each rendered when it is read. Equal to a dictionary with the same texts."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        self._texts: dict[str, str] = {}

    def __getitem__(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = self._linked.file(path).text
        return self._texts[path]

    def __iter__(self) -> Iterator[str]:
        return (artifact.path for artifact in self._linked.artifacts)

    def __len__(self) -> int:
        return len(self._linked.artifacts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return one_line(self, f"{len(self)} files")


class Bundle:
    """What a system compiles to in one environment, or once for all environments."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked

    @property
    def environment(self) -> str:
        """The name of the environment; `_system` for what is made once for all environments."""
        return self._linked.environment

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The text of each file, by its path within the environment's folder: `serving/rollout.yaml`."""
        return Files(self._linked)

    @cached_property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The Kubernetes objects as plain data, as `kubectl` would send them, in the order of their files."""
        return tuple(plain(artifact.body) for artifact in self._linked.artifacts if artifact.sent is not None)

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """Return one object, such as `find("Rollout", "fraud-scorer")`. Raises NotFoundError if there is none."""
        known = {(body.get("kind"), body.get("metadata", {}).get("name")): body for body in self.objects}
        if (kind, name) not in known:
            choices = tuple(f"{kind_}/{name_}" for kind_, name_ in known)
            message = f"there is no {kind}/{name} in `{self.environment}`: choose {listing(choices, len(choices))}"
            raise NotFoundError(message, f"{kind}/{name}", choices)
        return known[kind, name]

    def __repr__(self) -> str:
        return one_line(self, f"{self.environment}: {len(self._linked.artifacts)} files")


class Result:
    """What a spec compiled to: a bundle for each environment unless there are errors, and all diagnostics."""

    def __init__(self, compiled: Compiled, everything: Compiled | None = None) -> None:
        self._compiled = compiled
        self._everything = everything
        """For a release: the same system with all environments, for what describes all of them."""

    @property
    def name(self) -> str | None:
        """The system's name, `metadata.name`; None if it is invalid."""
        return self._compiled.name

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments of the spec, including those that were not selected."""
        return self._compiled.declared

    @property
    def platform(self) -> Path | None:
        """The platform file that was used; None if the built-in defaults apply."""
        return _path(self._compiled.input.platform)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything that was found, in source order."""
        return self._compiled.found

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self._compiled.failed

    @cached_property
    def bundles(self) -> dict[str, Bundle]:
        """The output for each selected environment, by its name; empty if there are errors.

        What describes or deploys all environments together is under `_system`, the name of its folder: the design
        document, `design.md`, and what a plugin makes once.
        """
        return {bundle.environment: Bundle(bundle) for bundle in self._linked} if self.ok else {}

    @cached_property
    def _linked(self) -> tuple[Linked, ...]:
        everything = self._everything
        return bundles(self._compiled) if everything is None else after_release(self._compiled, everything)

    def raise_for_errors(self) -> Self:
        """Return this result, or raise a CompileError that lists the errors if there are any."""
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
    """A change to an environment's release: the new release file, and what the environment compiles to with it."""

    environment: str
    change: str
    """What changes: `fraud-scorer in production: 3 -> 4`."""
    path: Path
    """The release file."""
    text: str
    """The new contents of the file."""
    before: str | None
    """Its contents when it was read; None if there was none. `write` refuses to replace any other."""
    result: Result
    """What the environment compiles to with the new file."""
    awaits: tuple[str, ...] = ()
    """The models that have no release yet. Until each has one, `write` writes only the release file."""

    def __repr__(self) -> str:
        return one_line(self, self.change)


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 and noun != 'info' else ''}"
