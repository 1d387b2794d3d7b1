"""The gate without an image of mlspec: its modules in an immutable ConfigMap, on a public image of Python.

The gate needs nothing but Python's standard library, so a first training run needs no registry. With
`platform.images.runtime`, it runs on that image instead. The modules are those that `import mlspec.runtime.gate` loads,
which a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.plan.training import TrainingPlan
from .. import naming
from ..config_map import checksum, config_map
from ..shipped import shipped
from .config import labels
from .gates import gated

__all__ = ["MODULES", "carries", "command", "env", "image", "mounts", "program", "volumes"]

MODULES = (
    "__init__.py",
    "compiler/__init__.py",
    "compiler/record.py",
    "runtime/__init__.py",
    "runtime/conditions.py",
    "runtime/digest.py",
    "runtime/gaps.py",
    "runtime/gate.py",
    "runtime/lines.py",
    "runtime/verdict.py",
)
"""The files of the package `mlspec` that the gate needs."""

FOLDER = "/mlspec/program"
START = "import sys; from mlspec.runtime.gate import gate, of_the_job; sys.exit(gate(of_the_job(), in_job=True))"


def carries(training: TrainingPlan) -> bool:
    """Whether the gate travels in a ConfigMap, because the platform has no image of mlspec."""
    return training.scope.platform.images.runtime is None and bool(gated(training))


def image(training: TrainingPlan) -> Because[str]:
    """The public image."""
    return because(
        training.scope.platform.images.python.value,
        "a public image, because `platform.images.runtime` is not set",
        training.scope.platform.images.python,
    )


def command() -> list[str]:
    """What starts the gate."""
    return ["python", "-c", START]


def env() -> list[Body]:
    """Where Python finds the modules, which it cannot write bytecode next to."""
    return [{"name": "PYTHONPATH", "value": FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}]


def mounts() -> list[Body]:
    """The modules as the package `mlspec`."""
    return [{"name": "program", "mountPath": FOLDER, "readOnly": fixed(True, "ConfigMaps are read-only")}]


def volumes(training: TrainingPlan) -> list[Body]:
    """The volume with the modules; none if the gate runs on mlspec's own image."""
    if not carries(training):
        return []
    items = [{"key": _key(module), "path": f"mlspec/{module}"} for module in MODULES]
    return [{"name": "program", "configMap": {"name": _name(training), "items": items}}]


def program(training: TrainingPlan) -> Iterator[Artifact]:
    """The ConfigMap with the modules."""
    if not carries(training):
        return
    scope, name = training.scope, _name(training)
    files = {_key(module): Lines(fixed(source, "a module of mlspec")) for module, source in _sources().items()}
    body = config_map(scope, name, labels(training), files, "a run that has started may still use it")
    why = because("ConfigMap", "the program of the gate", gated(training)[0], training.part.steps.train.command)
    called = text("{system}-program", system=scope.system.metadata.name)
    yield Artifact(path=naming.path_of(scope, "retraining", "ConfigMap", called), body=body, why=why)


def _name(training: TrainingPlan) -> Because[str]:
    digest = checksum((), content="".join(_sources().values()))
    return text("{system}-program-{digest}", system=training.scope.system.metadata.name, digest=digest)


def _key(module: str) -> str:
    """A key of a ConfigMap has no slashes."""
    return module.replace("/", ".")


def _sources() -> dict[str, str]:
    """The text of the modules."""
    return {module: shipped(module) for module in MODULES}
