"""mlspec: one YAML file describes a machine-learning system; mlspec compiles it for Kubernetes and lints it before
merge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Result, compile, lint, load  # noqa: A004

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "compile", "lint", "load"]


def __getattr__(name: str) -> object:
    """Import the compiler when it is first used: `mlspec --help` must not wait for it."""
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
