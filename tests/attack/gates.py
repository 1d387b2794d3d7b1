"""The gate: mutated metrics and configurations, and files with any bytes."""

from __future__ import annotations

import json
import random
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.gate import PASS, Files, gate
from mlspec.runtime.verdict import judge

from ..gates import CONFIG, METRICS, mutated_config, mutated_metrics, possible
from ..hostile import broken
from .outcome import Invalid, Row

__all__ = ["ROWS"]


def _metrics(_: int, chance: random.Random, folder: Path) -> bool:
    return _judged(folder, CONFIG, mutated_metrics(chance))


def _config(_: int, chance: random.Random, folder: Path) -> bool:
    return _judged(folder, mutated_config(chance), METRICS)


def _judged(folder: Path, config: Any, metrics: Any) -> bool:
    try:
        verdict = judge(config, metrics)
    except Unreadable:
        return False
    wrong = verdict.passed and not (possible(metrics) and all(one.verdict == "pass" for one in verdict.reasons))
    if wrong:
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "metrics.json").write_text(json.dumps(metrics))
        raise Invalid("a model passes without the numbers")
    return verdict.passed


def _files(number: int, chance: random.Random, folder: Path) -> bool:
    """The whole program, with one file that was damaged."""
    files = Files(config=folder / "config.json", metrics=folder / "metrics.json", verdict=folder / "verdict.json")
    files.config.write_text(json.dumps(CONFIG))
    files.metrics.write_text(json.dumps(METRICS))
    hit = (files.config, files.metrics)[number % 2]
    hit.write_bytes(broken(chance, hit.read_text()))
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        passed = gate(files) == PASS
    if passed and not json.loads((folder / "verdict.json").read_text())["pass"]:
        raise Invalid("the exit status and the verdict differ")
    if passed and not possible(json.loads(files.metrics.read_text())):
        raise Invalid("a model passes without the numbers")
    return passed


ROWS = (
    Row("metrics", "mutated metrics.json of a gate", 4000, _metrics),
    Row("gates", "mutated configurations of a gate", 4000, _config),
    Row("gate files", "both as damaged files, with the whole program", 2000, _files),
)
