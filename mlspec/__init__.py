"""mlspec: one YAML file describes a machine-learning system; mlspec compiles it for Kubernetes and lints it before
merge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import (
        Foreign,
        Impossible,
        Release,
        Result,
        Unknown,
        check,
        compile,  # noqa: A004 - the word of the command
        effects,
        explain,
        json_schema,
        lint,
        load,
        promote,
        rollback,
        write,
    )

__version__ = "0.1.0"
__all__ = [
    "Foreign",
    "Impossible",
    "Release",
    "Result",
    "Unknown",
    "__version__",
    "check",
    "compile",
    "effects",
    "explain",
    "json_schema",
    "lint",
    "load",
    "promote",
    "rollback",
    "write",
]


def __getattr__(name: str) -> object:
    """Import the compiler when it is first used: `mlspec --help` must not wait for it."""
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
