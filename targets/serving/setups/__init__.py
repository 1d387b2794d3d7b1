"""What each serving runtime is told: arguments, configuration files, and where its model lies."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ....compiler.because import Because
from ....compiler.dump import Lines
from ....compiler.plan.files import ModelFiles
from ....compiler.plan.service import ServicePlan
from ....compiler.record import Record

__all__ = ["Mount", "Setup", "setup"]


class Mount(Record):
    """A configuration file that must lie at a place of its own, rather than in the folder of them all."""

    file: str
    path: Because[str]


class Setup(Record):
    """How one version of a model is served by one runtime."""

    args: tuple[str | Because[str], ...] = ()
    env: dict[str, Because[str]]
    files: dict[str, Lines]
    """Configuration files by name."""
    folder: str = ""
    """Where the folder of configuration files is mounted; empty when each has a mount of its own."""
    mounts: tuple[Mount, ...] = ()
    model: Because[str]
    """Where the model's folder is mounted."""
    file: Because[str]
    """What a model that is one file is called in it."""


def setup(service: ServicePlan, files: ModelFiles) -> Setup:
    """Ask the runtime's own module; the modules are loaded when they are needed."""
    name = service.runtime.setup.value.replace("-", "_")
    module = import_module(f".{'custom' if name == 'none' else name}", __name__)
    build: Callable[[ServicePlan, ModelFiles], Setup] = module.build
    return build(service, files)
