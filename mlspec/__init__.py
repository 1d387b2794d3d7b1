"""One YAML file describes a machine-learning system; mlspec compiles it for Kubernetes and lints it before merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

# The names are those of `api`, imported when the first of them is used: `mlspec --help` must not wait for the compiler.
if TYPE_CHECKING:
    from .api import *  # noqa: F403
else:  # hidden from type checkers, which would accept any misspelled name

    def __getattr__(name: str) -> object:
        if name == "__all__" or not name.startswith("_"):
            from importlib import import_module

            api = import_module(".api", __name__)
            if name == "__all__" or name in api.__all__:
                return getattr(api, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
