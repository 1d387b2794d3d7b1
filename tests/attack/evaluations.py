"""Evaluation reports: mutated and damaged metrics files, in three forms."""

from __future__ import annotations

import json
import random
from pathlib import Path
from xml.etree import ElementTree

from mlspec.terminal.render import evaluation as render
from mlspec.terminal.render import evaluation_page

from ..evaluations import VERDICTS, example, fraud
from ..gates import WORDS
from ..hostile import broken, mutated
from .outcome import Invalid, Row

__all__ = ["ROWS"]

NUMBERS = (0, 1, 0.5, 1e60, 1e-300, 10**15, 29, 30, 0.999999999, -1)
NAMES = ("events", "samples", "variance", "low", "high", "confidence", "difference", "paired", "errors")


def _report(number: int, chance: random.Random, folder: Path) -> bool:
    """Any file has a report that can be shown in every format, and agrees with the gate, or a finding."""
    text = json.dumps(mutated(chance, example(VERDICTS[number % 3]), (*NUMBERS, *WORDS), NAMES))
    text = text if number % 4 else broken(chance, text).decode("utf-8", "replace")
    (folder / "metrics.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    content, found = fraud().read(text)
    if content is None:
        if not found or not all(one.help or one.note for one in found):
            raise Invalid("a finding or its help is missing")
        return False
    report = fraud().report(content)
    if report.verdict == "ship" and any(gate.gate != "pass" for gate in report.gates):
        raise Invalid("a model ships that the gate does not pass")
    render.markdown(report)
    json.loads(render.json(report))
    ElementTree.fromstring(evaluation_page.page(report).partition("\n")[2])
    return True


ROWS = (Row("evaluations", "mutated and damaged metrics files of an evaluation report", 2000, _report),)
