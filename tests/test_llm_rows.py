"""The speed of language models on accelerators, against published, simulated, and measured ones, row by row.

Each row of tests/data/llm_rows.tsv names its source. Times are for one prompt, and for a step of that many sequences.
The rows of AISimulate come from its measured kernels. Left out of its answers: what does not fit by its own account;
Qwen3-32B-FP8, whose block-wise format is slower there than 16 bits; and a model on a device where one sequence takes a
quarter longer than eight, because the kernels for it are missing. Our own measurements have no server around the model,
and one sequence of 131,072 tokens is left out, because its attention was not split. GPUStack's and NVIDIA's runs have a
fixed number of requests in flight. NVIDIA's checkpoints in FP8 for TensorRT-LLM keep the cache in FP8, too. Runs of a
burst of 500 requests are left out, because they measure the queue, and those with more than 200 requests per second,
because the host limits them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from functools import cache

import pytest

from mlspec.compiler.because import Because, because
from mlspec.compiler.plan.language_models.fit import Fit, LanguageModel, kept
from mlspec.compiler.plan.language_models.queueing import Load, Request
from mlspec.compiler.plan.language_models.work import Work
from mlspec.compiler.plan.service import ServicePlan

from .support import ROOT
from .test_plan_llm import assistant, plan

with (ROOT / "tests" / "data" / "llm_rows.tsv").open() as lines:
    ROWS = list(csv.DictReader(lines, delimiter="\t"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ServicePlan:
    return plan(tmp_path_factory.mktemp("system"), assistant())


def work(service: ServicePlan, row: dict[str, str]) -> Work:
    """The model of a row on its accelerators."""
    platform = service.scope.platform
    method: Because[str] | None = because(row["format"], "the row's") if row["format"] != "16-bit" else None
    model = LanguageModel(platform.families[row["family"]].shape, service.hardware.tokens, method)
    device = platform.accelerators[row["accelerator"]]
    assert device.memory is not None
    fit = Fit(model, device.memory, because(int(row["devices"]), "the row's"))
    length = int(row["prompt"]) + int(row["output"]) // 2
    width = 1 if row["source"].startswith("TensorRT-LLM") else 2
    fit.__dict__["each"] = because(kept(model.shape, length, int(row["devices"]), width), "the row's")
    return Work(fit, device, platform.planning)


def _prompt(made: Work, row: dict[str, str]) -> float:
    return made.prompt(int(row["prompt"])) * 1000


def _step(made: Work, row: dict[str, str]) -> float:
    return made.step(int(row["sequences"])) * 1000


def _closed(made: Work, row: dict[str, str]) -> float:
    """Tokens per second with a fixed number in flight: n = rate · T, solved by halving the interval of the rate."""
    reading, n, output = made.added(int(row["prompt"])), int(row["sequences"]), int(row["output"])
    low, high = 0.0, 0.97 / reading
    for _ in range(50):
        rate = (low + high) / 2
        load = Load(made, Request(reading, 1, output, reading, 1.0), rate, n, n)
        low, high = (rate, high) if rate * load.answer() < n and load.first_token() < math.inf else (low, rate)
    return low * output


def _most(made: Work, row: dict[str, str]) -> float:
    """Tokens per second if as many sequences run as fit in memory, and as a server allows by default."""
    output, n = int(row["output"]), min(1024, made.fit.sequences.value)
    return output / (made.added(int(row["prompt"])) + output * made.step(n) / n)


MEASURES: dict[str, Callable[[Work, dict[str, str]], float]] = {
    "prompt_ms": _prompt,
    "step_ms": _step,
    "closed_tokens_s": _closed,
    "most_tokens_s": _most,
}


@cache
def _estimates(service: ServicePlan) -> tuple[tuple[float, float, dict[str, str]], ...]:
    """The estimate of each row as a multiple of its value, and the stated factor."""
    found = []
    for row in ROWS:
        made = work(service, row)
        planning = service.scope.platform.planning
        stated = planning.rough_mixture if made.mixes else planning.rough
        found.append((MEASURES[row["measure"]](made, row) / float(row["value"]), float(stated.value), row))
    return tuple(found)


@pytest.mark.parametrize("index", range(len(ROWS)))
def test_an_estimate_is_within_the_stated_factor(service: ServicePlan, index: int) -> None:
    ratio, stated, row = _estimates(service)[index]
    assert 1 / stated <= ratio <= stated, f"{ratio:.2f}: {row}"


def test_most_estimates_are_much_closer_than_that(service: ServicePlan, capsys: pytest.CaptureFixture[str]) -> None:
    """The distribution, for those who fit the numbers again."""
    for measure in MEASURES:
        ratios = sorted(ratio for ratio, _, row in _estimates(service) if row["measure"] == measure)
        median, low, high = (ratios[int(share * (len(ratios) - 1))] for share in (0.5, 0.1, 0.9))
        with capsys.disabled():
            print(f"\n{measure}: {len(ratios)} rows, 10% {low:.2f}, median {median:.2f}, 90% {high:.2f}", end="")  # noqa: T201
        assert 0.8 <= median <= 1.25
