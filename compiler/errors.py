"""Errors that callers of mlspec catch. `Refusal` and `Unavailable` are none of them: no caller ever sees those.

What is wrong with a spec is no error either but a `Diagnostic`, and is returned. An error says that what was asked for
cannot be done, with a message that says what to do instead, and with the facts of that message as attributes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostics import Diagnostic

__all__ = ["CompileError", "MlspecError", "NotFoundError", "ReleaseError", "TooEarlyError", "UnmanagedFileError"]


class MlspecError(Exception):
    """The base of all errors of mlspec."""


class CompileError(MlspecError):
    """A file has errors, so there is nothing to work with."""

    diagnostics: tuple[Diagnostic, ...]
    """Everything that was found in it, warnings too."""

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class NotFoundError(MlspecError):
    """Nothing has the name that was asked for: no environment, model, version, object, path or line."""

    name: str
    """What was asked for."""
    choices: tuple[str, ...]
    """The names that there are; empty where they cannot be listed."""

    def __init__(self, message: str, name: str = "", choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.choices = choices


class ReleaseError(MlspecError):
    """A release cannot change in this way."""

    choices: tuple[str, ...]
    """What to choose from, where the request leaves open which one is meant."""

    def __init__(self, message: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.choices = choices


class TooEarlyError(ReleaseError):
    """A version has not been in the shadow stage for as long as the spec says."""

    until: str
    """When the stage ends, in UTC, such as `2026-11-03T04:00:00Z`."""

    def __init__(self, message: str, until: str = "") -> None:
        super().__init__(message)
        self.until = until


class UnmanagedFileError(MlspecError):
    """A file that mlspec did not write stands where one of its own would go."""

    path: Path
    """The file that is in the way."""

    def __init__(self, message: str, path: Path = Path()) -> None:
        super().__init__(message)
        self.path = path


for _name in __all__:  # a traceback shows where people import it from
    globals()[_name].__module__ = "mlspec"
