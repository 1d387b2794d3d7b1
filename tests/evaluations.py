"""What tests of evaluation reports share: the example's metrics, and reports on changed ones."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import mlspec
from mlspec.compiler.diagnostics import Diagnostic, SourceFile
from mlspec.compiler.evaluation import EvaluationReport, evaluated, facts_of
from mlspec.compiler.evaluation.metrics_file import metrics_file
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.record import Record
from mlspec.targets.retraining.config import gate_configuration

from .support import ROOT

FOLDER = ROOT / "examples" / "fraud-scorer" / "evaluation"
VERDICTS = ("ship", "iterate", "reject")


class Judging(Record):
    """An environment whose model is judged."""

    environment: Environment
    config: dict[str, Any]

    def report(self, metrics: dict[str, Any]) -> EvaluationReport:
        """The report on metrics that are well-formed."""
        return evaluated(self.environment.name, self.environment.plan, self.config, metrics)

    def read(self, text: str) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
        """The content of a metrics file."""
        return metrics_file(SourceFile("metrics.json", text), facts_of(self.environment.plan))


@cache
def fraud() -> Judging:
    """The example's production environment."""
    result = mlspec.compile(ROOT / "examples" / "fraud-scorer" / "mlspec.yaml", environments=["production"])
    (environment,) = result._compiled.environments
    return Judging(environment=environment, config=gate_configuration(environment.plan))


def gated(*gates: dict[str, Any], **evaluation: Any) -> Judging:
    """The same environment with other gates."""
    config = copy.deepcopy(fraud().config)
    config["evaluation"] = {"primary": "roc_auc", "gates": list(gates), **evaluation}
    known = {
        name: {"direction": "maximize", "min": 0.0, "max": 1.0} for name in ("accuracy", "f1", "precision", "recall")
    }
    config["metrics"] |= known | {"rmse": {"direction": "minimize", "min": 0.0}}
    return fraud().but(config=config)


def example(name: str) -> dict[str, Any]:
    """One of the committed metrics files."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def accuracy(right: int, rows: int, **more: Any) -> dict[str, Any]:
    """The metrics of a model that is right on some of the rows."""
    return {"version": 1, "metrics": {"accuracy": {"value": right / rows, "samples": rows, "events": rows}}, **more}
