"""Where calibrated shares belong: which platform file, and whether they would have an effect there."""

from __future__ import annotations

from collections.abc import Callable

from ...diagnostics import SourceFile
from ...errors import CalibrationError
from ...inputs import Input
from ...layer import Sources
from ...layer.merge import desugar
from ...pipeline import Compiled, Environment
from ...read import read
from ...record import Record
from ...tree import Mapping, Scalar
from .edit import Path, path_to, with_value
from .solve import CalibratedShare, Calibration

__all__ = ["Change", "Value", "changes", "values"]

CREATE = "create one next to the spec or above it: `mlspec init --template platform` writes one"


class Value(Record):
    """One share in its place."""

    file: SourceFile | None
    """The platform file; None if there is none."""
    path: Path
    value: str


class Change(Record):
    """The new text of one platform file."""

    file: str
    before: str
    text: str
    paths: tuple[str, ...]


def values(system: Compiled, environment: Environment, found: Calibration) -> list[Value]:
    """Where each share belongs. Raises CalibrationError if something above the platform file decides it."""
    sources = system.input.sources
    assert sources is not None
    return [_value(environment, sources, found.accelerator, share) for share in found.shares]


def _value(environment: Environment, sources: Sources, accelerator: str, share: CalibratedShare) -> Value:
    general = "memoryEfficiency" if share.field == "memoryEfficiency" else "computeEfficiency"
    for layer, node in environment.layered.history(("platform", "planning", general)):
        raise CalibrationError(
            f"`platform.planning.{general}` in {layer.name} replaces the shares of all accelerators",
            f"remove it, and run the command again: {node.file.name}:{node.line + 1}",
        )
    path, value = ("platform", "accelerators", accelerator, share.field), share.after
    outermost = sources.platform.file if sources.platform is not None else None
    for layer, node in environment.layered.history(path)[:1]:
        if layer.owner == "system":
            where = f"{node.file.name}:{node.line + 1}"
            raise CalibrationError(
                f"`{'.'.join(path)}` is set in {layer.name}, which is above the platform file", f"remove it: {where}"
            )
        if layer.owner != "catalog":
            tree, _ = read(SourceFile(node.file.name, node.file.text))
            there = path_to(tree, node) if tree is not None else None
            return Value(file=node.file, path=there or path, value=value)
    return Value(file=outermost, path=path, value=value)


def changes(
    system: Compiled,
    environment: Environment,
    wanted: list[Value],
    comment: str,
    compiled: Callable[[Input], Compiled],
) -> list[Change]:
    """The platform files with the values, which have their effect there. Raises CalibrationError."""
    texts: dict[str, Change] = {}
    for one in reversed(wanted):  # each goes right below its accelerator, so the first one is on top
        if one.file is None:
            raise CalibrationError("there is no platform file to write to", CREATE, usage=True)
        old = texts.get(one.file.name, Change(file=one.file.name, before=one.file.text, text=one.file.text, paths=()))
        text = with_value(old.text, one.path, one.value, comment)
        if text is None:
            raise CalibrationError(
                f"{one.file.name} has no place for `{'.'.join(one.path)}` that can be edited safely",
                "run the command without `--write`, and paste what it prints",
            )
        texts[one.file.name] = old.but(text=text, paths=(".".join(one.path), *old.paths))
    _refuse_effects(system, environment, wanted, compiled(_with_texts(system.input, texts)))
    return list(texts.values())


def _with_texts(input_: Input, texts: dict[str, Change]) -> Input:
    """The same system with other platform files."""
    assert input_.sources is not None
    new: dict[str, Mapping] = {}
    for name, change in texts.items():
        tree, _ = read(SourceFile(name, change.text))
        assert tree is not None  # as it was read before
        new[name], _ = desugar(tree, "PlatformFile")
    sources = input_.sources
    replaced = sources.but(
        platform=new.get(sources.platform.file.name, sources.platform) if sources.platform is not None else None,
        nearer=tuple(new.get(tree.file.name, tree) for tree in sources.nearer),
    )
    written = tuple((type_, new.get(tree.file.name, tree)) for type_, tree in input_.written)
    return input_.but(sources=replaced, written=written)


def _refuse_effects(system: Compiled, environment: Environment, wanted: list[Value], after: Compiled) -> None:
    """Refuse values that something overrides, and those that cause an error."""
    known = {(one.id, one.message) for one in system.found}
    for one in after.found:
        if one.severity == "error" and (one.id, one.message) not in known:
            raise CalibrationError(
                f"with the values, the spec would have an error: {one.id}, {one.message}",
                "run the command without `--write`, set them, and see what `mlspec lint` says",
            )
    layered = next(one.layered for one in after.environments if one.name == environment.name)
    for value in wanted:
        path = value.path[value.path.index("accelerators") :]
        node = next((node for _, node in layered.history(("platform", *path))), None)
        if not isinstance(node, Scalar) or node.text != value.value:
            raise CalibrationError(
                f"`{'.'.join(value.path)}` would have no effect", "check what overrides it with `mlspec explain`"
            )
