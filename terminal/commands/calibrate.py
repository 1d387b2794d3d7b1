"""`mlspec calibrate`: the fractions of its data-sheet peak that an accelerator achieved in a benchmark."""

from __future__ import annotations

import os
from pathlib import Path

from ...compiler.answer.calibration.edit import remark
from ...compiler.answer.calibration.platform import Change, Value, changes, values
from ...compiler.answer.calibration.solve import calibrated
from ...compiler.errors import CalibrationError, MlspecError
from ...compiler.pipeline import Compiled, Environment
from ...compiler.words import listing
from ..disk import locked
from ..places import PLATFORM
from ..releases import store
from ..render import calibration as render
from ..workspace import read_benchmark
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["calibrate"]


def calibrate(request: Request, result: str, service: str | None, *, write: bool) -> int:
    """Print what a benchmark says about the accelerator of a service, and write it to the platform file if asked to."""
    systems = Systems(request, whole, warnings=False)
    found = [outcome.compiled for outcome in systems if outcome.compiled is not None]
    if len(found) > 1:
        names = listing(one.input.shown for one in found)
        request.console.complain(f"error: a benchmark needs exactly one spec: name that file, {names}")
        return 2
    if not found or not found[0].environments:
        return systems.status
    return max(systems.status, _system(request, found[0], result, service, write=write))


def _system(request: Request, system: Compiled, result: str, service: str | None, *, write: bool) -> int:
    try:
        measured = read_benchmark(result)
        environment = _environment(system)
        found = calibrated(environment, service, measured)
        wanted = values(system, environment, found)
        comment = remark(measured.date or request.today or "", measured.model or found.model, os.path.basename(result))
        request.console.result(render.text(environment.name, found, request.console.width))
        if write:
            return _write(request, changes(system, environment, wanted, comment, request.compile))
    except CalibrationError as why:
        request.console.complain(f"error: {why}\nhelp: {why.help}")
        return 2 if why.usage else 1
    _print(request, wanted, comment)
    return 0


def _environment(system: Compiled) -> Environment:
    if len(system.environments) > 1:
        names = listing(one.name for one in system.environments)
        raise CalibrationError("the benchmark ran in one environment", f"name it with `--env`: {names}", usage=True)
    return system.environments[0]


def _write(request: Request, changed: list[Change]) -> int:
    for change in changed:
        file = Path(os.path.realpath(change.file))  # a link leads to a file of the same repository: see `places`
        try:
            with locked(file.parent):
                store(file, change.text, change.before)
        except MlspecError as error:
            request.console.complain(f"error: {error}")
            return 1
        except OSError as error:
            request.console.complain(f"error: {change.file} cannot be written: {error.strerror}")
            return 2
        paths = " and ".join(f"`{path}`" for path in change.paths)
        request.console.result(f"{change.file}: {'wrote' if change.text != change.before else 'already has'} {paths}")
    return 0


def _print(request: Request, wanted: list[Value], comment: str) -> None:
    """Print what to paste, and where."""
    file = next((one.file.name for one in wanted if one.file is not None), None)
    made = render.yaml(((one.path, one.value) for one in wanted), comment)
    if file is not None:
        request.console.result(f"\nFor {file}, or pass --write:\n\n{made}")
    else:
        head = "apiVersion: mlspec/v1\nkind: Platform"
        request.console.result(f"\nFor a new {PLATFORM} next to the spec or above it:\n\n{head}\n{made}")
