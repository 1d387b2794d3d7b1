"""`mlspec calibrate`: the shares of its data sheet that an accelerator achieved in a benchmark."""

from __future__ import annotations

import os
from pathlib import Path

from ...compiler.answer.calibration.benchmark import HOW, Benchmark, Unusable, benchmark
from ...compiler.answer.calibration.edit import remark
from ...compiler.answer.calibration.platform import Change, Value, changes, values
from ...compiler.answer.calibration.solve import Calibration, calibrated
from ...compiler.because import Unavailable
from ...compiler.diagnostics import Diagnostic
from ...compiler.errors import MlspecError
from ...compiler.finding import Refusal
from ...compiler.pipeline import Compiled, Environment
from ...compiler.plan.service import ServicePlan
from ...compiler.words import listing
from ..disk import locked
from ..places import PLATFORM
from ..releases import store
from ..render import calibration as render
from ..texts import text_of
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["calibrate"]


def calibrate(request: Request, result: str, service: str | None, *, write: bool) -> int:
    """Print what a benchmark says about the accelerator of a service, and write it to the platform file if asked to."""
    systems = Systems(request, whole, warnings=False)
    status = 0
    for outcome in systems:
        if outcome.compiled is not None and outcome.compiled.environments:
            status = max(status, _system(request, outcome.compiled, result, service, write=write))
    return max(systems.status, status)


def _system(request: Request, system: Compiled, result: str, service: str | None, *, write: bool) -> int:
    try:
        measured = _read(result)
        environment = _environment(system)
        name, plan = _service(environment, service)
        found = _calibrated(system, name, plan, measured)
        wanted = values(system, environment, found)
        comment = remark(
            measured.date or request.today or "", measured.model or plan.model.value, os.path.basename(result)
        )
        request.console.result(render.text(environment.name, found, request.console.width))
        if write:
            return _write(request, changes(system, environment, wanted, comment, request.compile))
    except Unusable as why:
        request.console.complain(f"error: {why}\nhelp: {why.help}")
        return 2 if why.unreadable else 1
    _print(request, wanted, comment)
    return 0


def _read(path: str) -> Benchmark:
    text = text_of(path).text
    if isinstance(text, Diagnostic):
        help_ = f"leave out `--save-detailed`, and {HOW}" if "larger" in text.message else HOW
        raise Unusable(f"{path}: {text.message}", help_, unreadable=True)
    try:
        return benchmark(path, text)
    except Unusable as why:
        raise Unusable(f"{path}: {why}", why.help, unreadable=why.unreadable) from None


def _environment(system: Compiled) -> Environment:
    if len(system.environments) > 1:
        names = listing(one.name for one in system.environments)
        raise Unusable("the benchmark ran in one environment", f"name it with `--env`: {names}", unreadable=True)
    return system.environments[0]


def _service(environment: Environment, name: str | None) -> tuple[str, ServicePlan]:
    """The service that was measured: the named one, or the only one that generates tokens."""
    known = {key: one for key, one in environment.plan.online.items() if _generates(one)}
    if name is not None and name in known:
        return name, known[name]
    if name is not None:
        help_ = f"choose {listing(known)}" if known else "only online services of language models can be calibrated"
        raise Unusable(f"`{name}` is not a service that generates tokens", help_, unreadable=True)
    if len(known) == 1:
        return next(iter(known.items()))
    if not known:
        raise Unusable(
            "no online service of the spec generates tokens",
            "name the spec of the server that was measured",
            unreadable=True,
        )
    raise Unusable("several services generate tokens", f"name one with `--service`: {listing(known)}", unreadable=True)


def _generates(service: ServicePlan) -> bool:
    try:
        return service.is_language_model and service.generates.value
    except (Refusal, Unavailable):
        return False


def _calibrated(system: Compiled, name: str, service: ServicePlan, measured: Benchmark) -> Calibration:
    try:
        return calibrated(name, service, measured)
    except (Refusal, Unavailable):
        help_ = f"see `mlspec lint {system.input.shown}`"
        raise Unusable("the spec has errors that concern the service", help_, unreadable=False) from None


def _write(request: Request, changed: list[Change]) -> int:
    for change in changed:
        try:
            with locked(os.path.dirname(os.path.abspath(change.file))):
                store(Path(change.file), change.text, change.before)
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
