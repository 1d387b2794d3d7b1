"""`mlspec report evaluation`: whether to ship a model, to iterate, or to reject it, by its metrics."""

from __future__ import annotations

from ...compiler.evaluation import EvaluationReport, environment_of, evaluated, facts_of
from ...compiler.finding import Refusal
from ...compiler.pipeline import Compiled, Environment
from ...compiler.words import listing
from ...targets.retraining.config import gate_configuration
from ..outputs import Output, overwritten
from ..render import evaluation as render
from ..workspace import read_metrics
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["evaluation"]


def evaluation(request: Request, metrics: str, form: str, page: str | None) -> int:
    """Print the report on the model of one environment, and draw it on a page if asked to. Returns 0 for a model to
    ship, 1 for any other and for a spec with errors, and 2 for files that cannot be read.
    """
    if paged.refused(request, page) or _replaces(request, metrics, page):
        return 2
    systems = Systems(request, whole, warnings=False)
    found = [outcome.compiled for outcome in systems if outcome.compiled is not None]
    if len(found) > 1:
        names = listing(one.input.shown for one in found)
        request.console.complain(f"error: a metrics file is about exactly one spec: name that file, {names}")
        return 2
    if not found or systems.status:
        return systems.status
    environment = _environment(request, found[0])
    report = _report(request, environment, metrics) if environment is not None else None
    if report is None:
        return 2
    request.console.document((render.json if form == "json" else render.markdown)(report))
    if page is not None and not _drawn(request, page, report):
        return 2
    return 0 if report.verdict == "ship" else 1


def _replaces(request: Request, metrics: str, page: str | None) -> bool:
    """Whether the page would overwrite the metrics file. Reports it."""
    if page is None or not list(overwritten((Output(file=page),), [metrics])):
        return False
    request.console.complain(f"error: --page {page} would overwrite the metrics file: choose another file")
    return True


def _environment(request: Request, system: Compiled) -> Environment | None:
    """The environment that the model is evaluated for. Reports if there is none."""
    found = environment_of(system.environments)
    if found is None:
        names = listing(one.name for one in system.environments)
        why = "a model is compared with the live version of one environment"
        request.console.complain(f"error: {why}\nhelp: name it with `--env`: {names}")
    return found


def _report(request: Request, environment: Environment, path: str) -> EvaluationReport | None:
    metrics, wrong = read_metrics(path, facts_of(environment.plan))
    request.console.tell(wrong)
    if metrics is None:
        return None
    try:
        return evaluated(environment.name, environment.plan, gate_configuration(environment.plan), metrics)
    except Refusal as why:  # a gate that has no rival in this environment
        request.console.tell([why.diagnostic])
        return None


def _drawn(request: Request, file: str, report: EvaluationReport) -> bool:
    """Write the page. Returns whether that was possible."""
    from ..render import evaluation_page

    return paged.written(request, file, evaluation_page.page(report))
