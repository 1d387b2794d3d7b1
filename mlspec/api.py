"""The Python API: each command as a function that returns values. Nothing is printed, and no state is kept.

Mistakes in a spec come back as diagnostics. A request that cannot be carried out raises an MlspecError. Only `write`
changes files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from .arguments import checked_day, checked_simulation
from .compiler.answer import explain as _explain
from .compiler.answer.awaited import awaited
from .compiler.answer.calibration.solve import CalibratedShare, Calibration, calibrated
from .compiler.answer.design import design as _design
from .compiler.answer.design.document import (
    DesignAmount,
    DesignBlock,
    DesignChart,
    DesignDocument,
    DesignFact,
    DesignFacts,
    DesignGap,
    DesignSection,
    DesignTable,
    DesignText,
)
from .compiler.answer.explain import Effect, Given, Reason
from .compiler.answer.features import (
    CatalogFeature,
    FeatureCatalog,
    FeaturePlace,
    FeatureReader,
    ReuseHint,
    catalog,
    features_of,
)
from .compiler.answer.memo import Area, Assumption, Citation, CostPart, Decision, Ground, Headline, Memo, memo
from .compiler.answer.promotion import Entry, Move, promoted, rolled_back
from .compiler.answer.score import Effort, Proof, Remedy, Score, ScoredSection, ScoredTest, ScoreStep
from .compiler.answer.score import score as _score
from .compiler.answer.status import (
    Action,
    Chart,
    Check,
    Drift,
    Fact,
    Health,
    Quality,
    ServiceStatus,
    Status,
    Trouble,
    questions,
)
from .compiler.answer.status import status as _status
from .compiler.check.collisions import Ledger
from .compiler.check.rules.registry import RULES
from .compiler.diagnostics import Diagnostic, Edit, Fix, Label, Severity, SourceFile, Span
from .compiler.errors import (
    CalibrationError,
    CompileError,
    MlspecError,
    NotFoundError,
    PrometheusError,
    ReleaseError,
    TooEarlyError,
    UnchangedError,
    UnmanagedFileError,
)
from .compiler.evaluation import environment_of, evaluated, facts_of
from .compiler.evaluation.report import (
    Answer,
    CalibrationBin,
    ClassResult,
    ConfusionMatrix,
    DataSplit,
    Estimate,
    EvaluatedModel,
    EvaluationReport,
    GatePart,
    GateResult,
    LimitResult,
    Measurement,
    MetricResult,
    RivalComparison,
)
from .compiler.finding import Refusal
from .compiler.inputs import Input
from .compiler.pipeline import compile_system, missing_environments
from .compiler.simulate import Options as _Options
from .compiler.simulate import simulated
from .compiler.simulate.arrivals import Burst
from .compiler.simulate.report import (
    Promise,
    SimulatedRollouts,
    SimulatedService,
    Simulation,
    TimeSlice,
    Unsimulated,
)
from .results import Bundle, Release, Result, Spec
from .schema.published import text as _schema
from .targets.registry import BACKENDS
from .targets.retraining.config import gate_configuration
from .terminal.prometheus import answers
from .terminal.releases import alone, store
from .terminal.workspace import Options, load_file, load_text, read_benchmark, read_metrics, read_version, with_settings
from .terminal.write import Change, Rendered, Written, changes, rendered
from .terminal.write import write as _write

__all__ = [
    "Action",
    "Answer",
    "Area",
    "Assumption",
    "Bundle",
    "CalibratedShare",
    "Calibration",
    "CalibrationBin",
    "CalibrationError",
    "CatalogFeature",
    "Change",
    "Chart",
    "Check",
    "Citation",
    "ClassResult",
    "CompileError",
    "ConfusionMatrix",
    "CostPart",
    "DataSplit",
    "Decision",
    "DesignAmount",
    "DesignBlock",
    "DesignChart",
    "DesignDocument",
    "DesignFact",
    "DesignFacts",
    "DesignGap",
    "DesignSection",
    "DesignTable",
    "DesignText",
    "Diagnostic",
    "Drift",
    "Edit",
    "Effect",
    "Fact",
    "Effort",
    "Estimate",
    "EvaluatedModel",
    "EvaluationReport",
    "FeatureCatalog",
    "FeaturePlace",
    "FeatureReader",
    "Fix",
    "GatePart",
    "GateResult",
    "Given",
    "Ground",
    "Headline",
    "Health",
    "Label",
    "LimitResult",
    "Measurement",
    "Memo",
    "MetricResult",
    "MlspecError",
    "NotFoundError",
    "PrometheusError",
    "Promise",
    "Quality",
    "Proof",
    "Reason",
    "Release",
    "ReleaseError",
    "Remedy",
    "Result",
    "ReuseHint",
    "ServiceStatus",
    "Score",
    "ScoreStep",
    "ScoredSection",
    "ScoredTest",
    "RivalComparison",
    "Severity",
    "SimulatedRollouts",
    "SimulatedService",
    "Simulation",
    "SourceFile",
    "Span",
    "Spec",
    "Status",
    "StrPath",
    "TimeSlice",
    "TooEarlyError",
    "Trouble",
    "UnchangedError",
    "UnmanagedFileError",
    "Unsimulated",
    "Written",
    "calibrate",
    "check",
    "collisions",
    "compile",
    "design",
    "effects",
    "evaluate",
    "explain",
    "features",
    "json_schema",
    "lint",
    "load",
    "plan",
    "promote",
    "rollback",
    "score",
    "simulate",
    "status",
    "write",
]

StrPath: TypeAlias = str | os.PathLike[str]
"""A path, as `open` accepts it."""


def load(
    path: StrPath | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
) -> Spec:
    """Read a spec together with its platform file and its release files.

    `text` replaces the contents of the file at `path`, such as the unsaved buffer of an editor; the file does not have
    to exist. Text without a path stands alone: no platform file and no releases are looked for. `platform` replaces the
    platform file next to the spec or above it. `settings`, such as `constraints.throughput.peak=2000/s`, override all
    files.
    """
    return Spec(_loaded(path, text, platform, settings))


def compile(  # noqa: A001 - the word of the command
    spec: StrPath | Spec | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> Result:
    """Compile a spec, given as a path, as `text`, or as what `load` returned. Nothing is written.

    `platform` and `settings` are those of `load`. `environments` selects some environments; by default, all are
    compiled. Raises NotFoundError if the spec does not have one of them. `today` (`2026-11-23`) decides which
    suppressions have expired; without it, none has.
    """
    day, names = checked_day(today), _names("environments", environments)
    return _compiled(_loaded(spec, text, platform, settings), names, day)


def lint(
    spec: StrPath | Spec | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> tuple[Diagnostic, ...]:
    """Return everything mlspec has to say about a spec, in source order. Takes the same arguments as `compile`."""
    day, names = checked_day(today), _names("environments", environments)
    return _compiled(_loaded(spec, text, platform, settings), names, day).diagnostics


def _loaded(
    spec: StrPath | Spec | None,
    text: str | None,
    platform: StrPath | None,
    settings: Iterable[str],
) -> Input:
    given = _names("settings", settings)
    if isinstance(spec, Spec):
        if text is not None or platform is not None:
            raise TypeError("a loaded spec already has its text and its platform file: pass these to load()")
        return with_settings(spec._input, given)
    options = Options(platform=os.fspath(platform) if platform is not None else None, settings=given)
    path = os.fspath(spec) if spec is not None else None
    if text is not None:
        return load_text(text, path, options)
    if path is None or "\n" in path:
        raise TypeError("pass the path of a spec, or its text as text=")
    return load_file(path, options)


def _names(parameter: str, given: Iterable[str]) -> tuple[str, ...]:
    """The names in a list. A string is iterable, too: each of its letters would count as a name."""
    if isinstance(given, str):
        raise TypeError(f"{parameter} takes a list, such as [{given!r}]")
    return tuple(given)


def _compiled(input_: Input, environments: tuple[str, ...] = (), today: str | None = None) -> Result:
    compiled = compile_system(input_, BACKENDS, RULES, today, environments)
    for error in missing_environments(input_.shown, compiled.declared, environments):
        raise error
    return Result(compiled)


def write(made: Result | Release, folder: StrPath) -> Written:
    """Write a compiled system to its folder, such as `out`. For a release, write the release file first, and nothing
    else while other models wait for their first release.

    Raises CompileError if there are errors, UnmanagedFileError if a file that mlspec did not write would be
    overwritten, and ReleaseError if the release file has changed since it was read; nothing is written then.
    """
    if isinstance(made, Release) and made.awaits:
        with alone(made.path.parent.parent, Path(folder)):
            store(made.path, made.text, made.before)
        return Written(changes=(), unchanged=0)
    result = made.result if isinstance(made, Release) else made
    files, out, kept = _rendered(result), Path(folder), result._compiled.kept
    if not isinstance(made, Release):
        return _write(out, files, kept)
    with alone(made.path.parent.parent, out):
        changes(out, files, kept)  # raises what writing would, while nothing is written yet
        store(made.path, made.text, made.before)
        return _write(out, files, kept)


def check(result: Result, folder: StrPath) -> tuple[Change, ...]:
    """Return what `write` would change: nothing if the folder is up to date. Raises the same errors as `write`."""
    return changes(Path(folder), _rendered(result), result._compiled.kept).changes


def _rendered(result: Result) -> list[Rendered]:
    return [rendered(bundle) for bundle in result.raise_for_errors()._linked]


def collisions(results: Iterable[Result]) -> tuple[Diagnostic, ...]:
    """Return what several systems claim in one cluster: routes for the same requests, and objects of the same name.

    `mlspec lint` and `mlspec compile` report these for all specs of a run. The collisions within one system are among
    its own diagnostics.
    """
    ledger = Ledger()
    return tuple(found for result in results for found in ledger.add(result._compiled.claims))


def explain(result: Result, question: str) -> dict[str, Reason]:
    """Explain why a value of an object is what it is, by environment. `question` is `Kind/name:path`.

    Raises NotFoundError if there is no such object or value.
    """
    return {environment: reason for environment, _, reason in _explain.explain_object(result._compiled, question)}


def effects(result: Result, path: str) -> dict[str, tuple[list[Given], list[Effect]]]:
    """Return who sets a value of the spec, such as `constraints.latency.p99`, and which lines depend on it.

    The key is the environment. Raises NotFoundError if no file sets the value.
    """
    return {name: (given, found) for name, given, found in _explain.explain_path(result._compiled, path)}


def plan(result: Result) -> dict[str, Memo]:
    """Return every decision with its reason, and every assumption, by environment.

    For a spec with errors, these are the decisions that do not depend on what is wrong.
    """
    return {
        environment.name: memo(environment, result._compiled.found) for environment in result._compiled.environments
    }


def score(result: Result, *, today: str | None = None) -> dict[str, Score]:
    """Return the ML Test Score, as a lower bound, by environment: what proves each test, and what would raise it.

    A record under `evidence` that is dated after `today`, such as `2026-11-28`, counts for nothing. Without `today`,
    dates are not checked. Compile all environments: the gate of training runs counts for each. Raises CompileError if
    there are errors.
    """
    environments = result.raise_for_errors()._compiled.environments
    return {one.environment: one for one in _score(environments, checked_day(today))}


def design(result: Result) -> DesignDocument:
    """Return the system design document, as `mlspec report design` writes it.

    It describes the environment with the most load among those that were compiled. A section that needs what is wrong
    in a spec with errors says so. Raises CompileError if no environment could be compiled.
    """
    if not result._compiled.environments:
        raise CompileError(f"{result._compiled.input.shown} has no environment that compiles", result.diagnostics)
    return _design(result._compiled)


def features(results: Iterable[Result]) -> FeatureCatalog:
    """Return the features of several systems, with those that look alike, as `mlspec report features` lists them.

    Raises CompileError if one of the systems has errors.
    """
    named: list[str] = []
    found: list[CatalogFeature] = []
    for result in results:
        compiled = result.raise_for_errors()._compiled
        named.append(compiled.name or "unnamed")
        found += features_of(compiled)
    return catalog(named, found)


def simulate(
    result: Result,
    *,
    at: Literal["peak", "mean", "trough", "day"] = "peak",
    hours: float | None = None,
    requests: int | None = None,
    seed: int = 1,
    runs: int = 1,
    rollouts: int | None = None,
    fixed: bool = False,
    burst: tuple[float, float] | None = None,
    lose: Literal["replica", "zone"] | None = None,
    bad: float | None = None,
    slow: float | None = None,
) -> dict[str, Simulation]:
    """Simulate the planned system: what the plan promises and what happens, by environment.

    The parameters are the options of `mlspec simulate`. `burst` is a factor and how many seconds it lasts, `bad` the
    share of the requests of a new version that fail, and `slow` how many times as long they take.
    """
    checked_simulation(
        at=at, hours=hours, requests=requests, seed=seed, runs=runs, rollouts=rollouts, lose=lose, bad=bad, slow=slow
    )
    options = _Options(
        at=at,
        hours=hours,
        requests=requests,
        seed=seed,
        runs=runs,
        rollouts=rollouts,
        fixed=fixed,
        burst=Burst(times=burst[0], lasts=burst[1]) if burst is not None else None,
        lose=lose,
        bad=bad,
        slow=slow,
    )
    return {one.name: simulated(one.name, one.plan, options) for one in result._compiled.environments}


def status(result: Result, prometheus: str, *, now: float | None = None) -> dict[str, Status]:
    """Return the state of the running system, by environment, from what the Prometheus server at a URL says.

    `now` is a Unix time; if omitted, the current one. A token comes from MLSPEC_PROMETHEUS_TOKEN. Raises
    PrometheusError if the server cannot be reached, or is not a Prometheus server.
    """
    at = time.time() if now is None else now
    environments = result._compiled.environments
    return {one.name: _status(one, answers(prometheus, questions(one.plan), at)) for one in environments}


def calibrate(result: Result, benchmark: StrPath, *, service: str | None = None) -> dict[str, Calibration]:
    """Return the fractions of its data-sheet peak that an accelerator achieved in a benchmark, by environment.

    `benchmark` is the file that `vllm bench serve --save-result` writes, and `service` the one that was measured, if
    several generate tokens. Nothing is written. Raises CalibrationError if the benchmark says nothing about them.
    """
    measured = read_benchmark(os.fspath(benchmark))
    return {one.name: calibrated(one, service, measured) for one in result._compiled.environments}


def evaluate(result: Result, metrics: StrPath, *, environment: str | None = None) -> EvaluationReport:
    """Judge a model by the gates of its system: whether to ship it, to iterate, or to reject it, and why.

    `metrics` is a metrics file. The model is compared with the live version of `environment`; by default, that is the
    only one, or the only one that trains the model. Raises NotFoundError if there is no such environment, and
    CompileError if the spec or the file has errors.
    """
    all_ = {one.name: one for one in result.raise_for_errors()._compiled.environments}
    found = environment_of(all_.values()) if environment is None else all_.get(environment)
    if found is None:
        raise NotFoundError("name the environment of the live version", environment or "", tuple(all_))
    content, wrong = read_metrics(os.fspath(metrics), facts_of(found.plan))
    if content is None:
        raise CompileError(f"{os.fspath(metrics)} is not a metrics file: {wrong[0].message}", tuple(wrong))
    try:
        return evaluated(found.name, found.plan, gate_configuration(found.plan), content)
    except Refusal as why:
        raise CompileError(str(why), (why.diagnostic,)) from None


def promote(
    spec: StrPath | Spec,
    *,
    to: str,
    now: str,
    source: str | None = None,
    release: StrPath | None = None,
    model: str | None = None,
    skip_shadow: bool = False,
    platform: StrPath | None = None,
) -> Release:
    """Move a version to its next stage in the environment `to`. Nothing is written: pass the result to `write`.

    The version is the live one in the environment `source`, the one that the file `release` describes, or the one
    in the shadow stage of `to`. `now` is the current time in UTC: `2026-11-02T04:12:00Z`. Raises ReleaseError if the
    move is not possible, UnchangedError if the version is there already, TooEarlyError if it is not possible yet,
    NotFoundError if a name does not exist, and CompileError if the spec or the version has errors that prevent it.
    """
    if source is not None and release is not None:
        raise TypeError("source and release exclude each other")
    input_ = _for_release(spec, platform)
    version = None
    if release is not None:
        version, wrong = read_version(os.fspath(release), model)
        if wrong:
            message = f"{os.fspath(release)} does not describe a version: {wrong[0].message}"
            raise CompileError(message, tuple(wrong))
    entry = Entry(now=now, source=source, version=version, skip_shadow=skip_shadow)
    return _released(promoted(compile_system(input_, BACKENDS, RULES), to, model, entry))


def rollback(
    spec: StrPath | Spec,
    *,
    environment: str,
    to: str,
    model: str | None = None,
    platform: StrPath | None = None,
) -> Release:
    """Roll back to an earlier version, or, to the live one, end the shadow stage of another.

    Nothing is written; raises the same errors as `promote`.
    """
    input_ = _for_release(spec, platform)
    return _released(rolled_back(compile_system(input_, BACKENDS, RULES), environment, model, to))


def _for_release(spec: StrPath | Spec, platform: StrPath | None) -> Input:
    input_ = _loaded(spec, None, platform, ())
    if input_.sources is not None and input_.sources.settings:
        raise ReleaseError("settings apply to one run, and a release to every run: load the spec without settings")
    return input_


def _released(move: Move) -> Release:
    part, everything = _compiled(move.input, (move.environment,)), _compiled(move.stored)
    result = Result(part._compiled, everything._compiled)
    return Release(
        environment=move.environment,
        change=move.said,
        path=Path(move.path),
        text=move.text,
        before=move.before,
        result=result,
        awaits=awaited(result._compiled),
    )


def json_schema() -> str:
    """Return the JSON Schema of all three kinds of files, as text."""
    return _schema()
