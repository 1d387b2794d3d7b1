"""The configuration of each serving runtime: arguments, configuration files, and the location of its model."""

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
    """A configuration file that needs its own path, instead of the folder that holds all of them."""

    file: str
    path: Because[str]


class Setup(Record):
    """How one runtime serves one version of a model."""

    args: tuple[str | Because[str], ...] = ()
    env: dict[str, Because[str]]
    files: dict[str, Lines]
    """Configuration files by name."""
    folder: str = ""
    """Where the folder of configuration files is mounted; empty if each file has its own mount."""
    mounts: tuple[Mount, ...] = ()
    model: Because[str]
    """Where the model's folder is mounted."""
    file: Because[str]
    """The name of a single-file model in that folder."""


def setup(service: ServicePlan, files: ModelFiles) -> Setup:
    """Call the runtime's own module. Modules are loaded on demand."""
    name = service.runtime.setup.value.replace("-", "_")
    module = import_module(f".{'custom' if name == 'none' else name}", __name__)
    build: Callable[[ServicePlan, ModelFiles], Setup] = module.build
    return build(service, files)


def port(service: ServicePlan, kind: Literal["http", "grpc", "metrics"]) -> Because[int]:
    """A port that the server's configuration needs, which the spec must not remove."""
    found: Because[int] | None = getattr(service.runtime.ports, kind)
    if found is None:
        raise refusal(
            "MLS009",
            f"`container` lacks `ports.{kind}`, which `{service.runtime_name.value}` listens on",
            service.runtime.ports,
            service.runtime_name,
            note="without it, the server would listen on its own default port",
            help=f"add `ports: {{{kind}: {USUAL_PORTS[kind]}}}`, or leave `ports` out, as the catalog sets them",
        )
    return found


USUAL_PORTS = {"http": 8000, "grpc": 8001, "metrics": 8002}


def by_format(known: dict[str, T], service: ServicePlan, files: ModelFiles) -> Because[T]:
    """The runtime's setting for the artifact's format."""
    format_, able = files.artifact.format, {one.value for one in service.runtime.formats}
    if format_.value not in able:
        raise Unavailable  # the catalog says that the runtime cannot load it, and that has been reported
    if format_.value not in known:
        raise refusal(
            "MLS012",
            f"mlspec cannot configure `{service.runtime_name.value}` for `{format_.value}`",
            format_,
            others=((service.runtime_name, "the runtime"),),
            note="the server would start without a configuration for its model",
            help="serve it with `custom`, and an image that includes its own configuration",
        )
    return format_.map(lambda name: known[name])
