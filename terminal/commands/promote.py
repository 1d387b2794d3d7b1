"""`mlspec promote` and `mlspec rollback`: write the release file of an environment, and compile the environment,
and what is written for all environments together.

The new release is compiled in memory first, so a release that does not compile changes nothing. Then the file is
replaced in one step, and the bundle in another. If the process is killed between the two, `mlspec check` reports it,
and `mlspec compile` finishes the release. One lock is held from reading the release file to writing the bundle, so that
commands that run at the same time work one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ...compiler.answer.awaited import awaited
from ...compiler.answer.design.bundle import after_release
from ...compiler.answer.promotion import CLOCK, Entry, Move, promoted, rolled_back
from ...compiler.bind import check_as_written
from ...compiler.diagnostics import Diagnostic
from ...compiler.errors import CompileError, MlspecError, TooEarlyError, UnchangedError
from ...compiler.finding import finding
from ...compiler.pipeline import Compiled
from ...compiler.tree import Mapping, Scalar, lookup
from ..releases import alone, store
from ..workspace import STDIN, find, load, read_version
from ..write import changes, rendered
from .compile import written
from .outcome import judged
from .request import Request, folder_of

__all__ = ["promote", "rollback"]


def promote(
    request: Request,
    to: str,
    model: str | None,
    *,
    source: str | None,
    file: str | None,
    skip_shadow: bool,
    now: str | None,
    mlflow: str | None,
    dry_run: bool,
) -> int:
    """Promote a version to its next stage in an environment."""
    version = _version(request, file, model, mlflow) if file is not None else None
    if file is not None and version is None:
        return 2
    moment = now or time.strftime(CLOCK, time.gmtime())
    entry = Entry(now=moment, source=source, version=version, skip_shadow=skip_shadow)
    return _moved(request, lambda system: promoted(system, to, model, entry), dry_run=dry_run)


def rollback(request: Request, environment: str, model: str | None, to: str, *, dry_run: bool) -> int:
    """Roll back to a previous version."""
    return _moved(request, lambda system: rolled_back(system, environment, model, to), dry_run=dry_run)


def _version(request: Request, path: str, model: str | None, mlflow: str | None) -> Mapping | None:
    version, wrong = read_version(path, model)
    if version is not None:
        version, wrong = _with_files(version, wrong, mlflow)
    request.console.tell(wrong)
    if wrong or version is None:
        request.console.complain(f"error: {path} does not describe a version")
        return None
    return version


def _with_files(version: Mapping, wrong: list[Diagnostic], mlflow: str | None) -> tuple[Mapping, list[Diagnostic]]:
    """The version with the place of its files instead of a name in the registry, and what is still wrong."""
    uri = lookup(version, ("artifact", "uri"))
    others = [one for one in wrong if uri is None or one.span.key != uri.span.key]
    if not isinstance(uri, Scalar) or not uri.text.startswith("models:/"):
        return version, wrong
    if others:
        return version, others
    from ..registry import RegistryError, located  # only a name in a registry needs it, so imported late

    try:
        place = Scalar(uri.place, located(uri.text, mlflow), plain=False)
    except RegistryError as error:
        return version, [finding("MLS006", str(error), uri, help=error.help)]
    artifact = version.entries["artifact"]
    assert isinstance(artifact, Mapping)
    artifact = Mapping(artifact.place, artifact.keys, {**artifact.entries, "uri": place})
    version = Mapping(version.place, version.keys, {**version.entries, "artifact": artifact})
    return version, check_as_written(version, "Version")


def _moved(request: Request, change: Callable[[Compiled], Move], *, dry_run: bool) -> int:
    paths, missing = find(request.specs)
    request.console.tell(missing)
    if missing:
        return 2
    if len(paths) != 1 or paths[0] == STDIN:
        request.console.complain("error: a release needs exactly one spec, in a file: name that file")
        return 2
    if dry_run:
        return _alone(request, paths[0], change, dry_run=True)
    spec = Path(paths[0])
    folder = Path(request.out) / "any" if request.out is not None else spec.parent / "out"
    try:
        with alone(spec.parent, folder):
            return _alone(request, paths[0], change, dry_run=False)
    except OSError as error:
        request.console.complain(f"error: {error.filename or folder} cannot be written: {error.strerror}")
        return 2


def _alone(request: Request, path: str, change: Callable[[Compiled], Move], *, dry_run: bool) -> int:
    """The same, while no other command can change the release file or the output."""
    input_ = load(path, request.options)
    try:
        move = change(request.compile(input_))
    except UnchangedError as error:  # so that a pipeline can repeat the command
        request.console.complain(f"note: {error}")
        return 0
    except MlspecError as error:
        request.console.complain(f"error: {error}")
        return 1 if input_.sources is not None and isinstance(error, (TooEarlyError, CompileError)) else 2
    return _carried_out(request, move, dry_run=dry_run)


def _carried_out(request: Request, move: Move, *, dry_run: bool) -> int:
    result = request.compile(move.input, move.environment)
    missing = awaited(result)
    if missing:
        return _incomplete(request, move, missing, dry_run=dry_run)
    request.console.tell(result.found)
    if result.failed:
        request.console.complain("error: the release does not compile, so nothing was written")
        return 1
    bundles = after_release(result, request.compile(move.stored))
    outcome = judged(result).but(files=tuple(map(rendered, bundles)))
    folder = folder_of(outcome, request.out)
    if not dry_run:
        try:
            changes(folder, outcome.files, outcome.kept)  # raises what writing would, while nothing is written yet
        except MlspecError as error:
            request.console.complain(f"error: {error}")
            return 1
        except OSError as error:
            request.console.complain(f"error: {folder} cannot be written: {error.strerror}")
            return 2
    return _stored(request, move, dry_run=dry_run) or written(outcome, folder, request.console, dry_run=dry_run)


def _incomplete(request: Request, move: Move, missing: tuple[str, ...], *, dry_run: bool) -> int:
    """Write the release file of a system whose other models wait for their first release."""
    status = _stored(request, move, dry_run=dry_run)
    if status == 0:
        names = " and ".join(f"`{name}`" for name in missing)
        verb = "has" if len(missing) == 1 else "have"
        request.console.complain(
            f"note: {move.environment} was not compiled, because {names} {verb} no release yet\n"
            f"help: run mlspec promote {request.specs[0]} --to {move.environment} --model {missing[0]} --release FILE"
        )
    return status


def _stored(request: Request, move: Move, *, dry_run: bool) -> int:
    """Write the release file, and say so."""
    if not dry_run:
        try:
            store(Path(move.path), move.text, move.before)
        except MlspecError as error:
            request.console.complain(f"error: {error}")
            return 1
        except OSError as error:
            request.console.complain(f"error: {move.path} cannot be written: {error.strerror}")
            return 2
    request.console.result(f"{move.path}: {'would change' if dry_run else 'wrote'} {move.said}")
    return 0
