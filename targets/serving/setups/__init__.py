"""What each serving runtime is told: arguments, configuration files, and where its model lies."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Literal, TypeVar

from ....compiler.because import Because, Unavailable
from ....compiler.emit.dump import Lines
from ....compiler.finding import refusal
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....compiler.record import Record

__all__ = ["Mount", "Setup", "by_format", "port", "setup"]

T = TypeVar("T")


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
    downloads: bool = False
    """Whether the runtime itself can fetch a repository of a hub."""


def setup(service: ServicePlan, files: ModelFiles) -> Setup:
    """Ask the runtime's own module; the modules are loaded when they are needed."""
    name = service.runtime.setup.value.replace("-", "_")
    module = import_module(f".{'custom' if name == 'none' else name}", __name__)
    build: Callable[[ServicePlan, ModelFiles], Setup] = module.build
    return build(service, files)


def port(service: ServicePlan, kind: Literal["http", "grpc", "metrics"]) -> Because[int]:
    """A port that a server must be told, which nobody may have taken away."""
    found: Because[int] | None = getattr(service.runtime.ports, kind)
    if found is None:
        raise refusal(
            "MLS009",
            f"`container` lacks `ports.{kind}`, on which `{service.runtime_name.value}` listens",
            service.runtime.ports,
            service.runtime_name,
            note="the server is told its ports, and listens on its own where it is not",
            help=f"add `ports: {{{kind}: {USUAL_PORTS[kind]}}}`, or leave `ports` out: the catalogue knows them",
        )
    return found


USUAL_PORTS = {"http": 8000, "grpc": 8001, "metrics": 8002}


def by_format(known: dict[str, T], service: ServicePlan, files: ModelFiles) -> Because[T]:
    """What the artifact's format means to a runtime."""
    format_, able = files.artifact.format, {one.value for one in service.runtime.formats}
    if format_.value not in able:
        raise Unavailable  # the catalogue says that the runtime cannot load it, and so it has been reported
    if format_.value not in known:
        raise refusal(
            "MLS012",
            f"mlspec cannot configure `{service.runtime_name.value}` for `{format_.value}`",
            format_,
            others=((service.runtime_name, "the runtime"),),
            note="the server would start without knowing what its model is",
            help="serve it with `custom`, whose image brings its own configuration",
        )
    return format_.map(lambda name: known[name])
