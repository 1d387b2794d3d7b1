"""Calibration: mutated results of a benchmark, and values for damaged platform files."""

from __future__ import annotations

import json
import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.answer.calibration.benchmark import benchmark
from mlspec.compiler.answer.calibration.edit import remark, with_value
from mlspec.compiler.answer.calibration.solve import calibrated
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.errors import CalibrationError
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.read import read
from mlspec.compiler.tree import Scalar, lookup
from mlspec.terminal.texts import _decoded

from ..gates import WORDS
from ..hostile import INJECTED, broken, mutated
from ..support import ROOT
from .outcome import Invalid, Row

__all__ = ["ROWS"]

SPEC = ROOT / "examples" / "support-assistant" / "mlspec.yaml"
PLATFORM = (ROOT / "examples" / "mlspec.platform.yaml").read_text()
RESULT: dict[str, Any] = {
    "date": "20261127-101500",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 100,
    "request_rate": 0.5,
    "max_concurrency": None,
    "duration": 210.0,
    "completed": 100,
    "failed": 0,
    "total_input_tokens": 100_000,
    "total_output_tokens": 12_800,
    "mean_ttft_ms": 300.0,
    "mean_tpot_ms": 45.0,
}
NUMBERS = (1e-9, 0.001, 1, 3, 30, 45.5, 250, 4096, 65_536, 1e6, 1e9, 1e11, "inf", "trace", math.inf)
PATH = ("platform", "accelerators", "h100", "memoryEfficiency")


@cache
def _environment() -> Environment:
    return mlspec.compile(SPEC)._compiled.environments[0]


def _result(number: int, chance: random.Random, folder: Path) -> bool:
    """Any result gives shares that a platform file can have, or a reason and what to do."""
    text = json.dumps(mutated(chance, RESULT, (*NUMBERS, *WORDS), tuple(RESULT)))
    text = text if number % 4 else broken(chance, text).decode("utf-8", "replace")
    (folder / "bench.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        found = calibrated(_environment(), "chat", benchmark("bench.json", text))
    except CalibrationError as why:
        if not str(why) or not why.help:
            raise Invalid("a reason or a help is missing") from None
        return False
    for share in found.shares:
        if not 0 < float(share.after.removesuffix("%")) <= 100 or not math.isfinite(share.then):
            raise Invalid(f"{share.field} is {share.after}")
    return True


def _value(_: int, chance: random.Random, folder: Path) -> bool:
    """The new text of any platform file has the value, and no other line changes; or there is no new text."""
    before = _decoded("platform.yaml", broken(chance, PLATFORM))
    if not isinstance(before, str):
        return False
    (folder / "platform.yaml").write_text(before, encoding="utf-8", newline="")
    text = with_value(before, PATH, "71%", remark("2026-11-27", chance.choice(INJECTED), "bench.json"))
    if text is None:
        return False
    tree, found = read(SourceFile("platform.yaml", text))
    node = lookup(tree, PATH) if tree is not None else None
    if found or not isinstance(node, Scalar) or node.text != "71%":
        raise Invalid("the text does not have the value")
    after = text.split("\n")
    if len([line for line in before.split("\n") if line not in after]) > 1:
        raise Invalid("more than the line of the value has changed")
    return True


ROWS = (
    Row("benchmarks", "mutated and damaged results of a benchmark", 2000, _result),
    Row("values", "values and comments for damaged platform files", 1000, _value),
)
"""Both rows of the table."""
