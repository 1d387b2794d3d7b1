"""The errors that callers of mlspec catch. `Refusal` and `Unavailable` are not among them; they never leave the core.

A mistake in a spec is no error in this sense; it is returned as a `Diagnostic`. An error means that a request cannot be
carried out. Its message says what to do instead, and its attributes hold the facts behind the message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostics import Diagnostic

__all__ = [
    "CalibrationError",
    "CompileError",
    "MlspecError",
    "NotFoundError",
    "PrometheusError",
    "ReleaseError",
    "TooEarlyError",
    "UnchangedError",
    "UnmanagedFileError",
]


class MlspecError(Exception):
    """The base class of all errors that mlspec raises."""


class CompileError(MlspecError):
    """A file has errors, so nothing can be done with it."""

    diagnostics: tuple[Diagnostic, ...]
    """Everything found in the file, including warnings."""

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class NotFoundError(MlspecError):
    """There is no environment, model, version, object, path or line with the requested name."""

    name: str
    """The requested name."""
    choices: tuple[str, ...]
    """The names that exist; empty if they cannot be listed."""

    def __init__(self, message: str, name: str = "", choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.choices = choices


class PrometheusError(MlspecError):
    """A Prometheus server cannot be reached, or does not answer as one."""

    help: str
    """What to do about it."""

    def __init__(self, message: str, help: str) -> None:  # noqa: A002 - the name of the field in a diagnostic
        super().__init__(message)
        self.help = help


class ReleaseError(MlspecError):
    """A release cannot change in the requested way."""

    choices: tuple[str, ...]
    """The names to choose from, if the request is ambiguous."""

    def __init__(self, message: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.choices = choices


class TooEarlyError(ReleaseError):
    """A version has not yet spent as long in the shadow stage as the spec requires."""

    until: str
    """When the stage ends, in UTC: `2026-11-03T04:00:00Z`."""

    def __init__(self, message: str, until: str = "") -> None:
        super().__init__(message)
        self.until = until


class UnchangedError(ReleaseError):
    """A version is already where the request wants it, so there is nothing to do."""


class CalibrationError(MlspecError):
    """A benchmark says nothing about an accelerator, or what it says has no place in a platform file."""

    help: str
    """What to do."""
    usage: bool
    """Whether the file is not the result of a benchmark, or the request does not say what it measured."""

    def __init__(self, message: str, help: str = "", *, usage: bool = False) -> None:  # noqa: A002
        super().__init__(message)
        self.help = help
        self.usage = usage


class UnmanagedFileError(MlspecError):
    """Something that mlspec did not write is where it wants to write, or cannot be read."""

    path: Path
    """The file, link, or folder in the way."""
    why: str
    """What is wrong with it, such as `was not written by mlspec`."""

    def __init__(self, message: str, path: Path = Path(), why: str = "was not written by mlspec") -> None:
        super().__init__(message)
        self.path = path
        self.why = why


for _name in __all__:  # so that tracebacks show the name that people import
    globals()[_name].__module__ = "mlspec"
