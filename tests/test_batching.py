"""The planner's formulas for a busy server, against a simulation of continuous batching that has the same steps."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest

from mlspec.compiler.plan.language_models.limits import DEVIATIONS, QUANTILES, raised
from mlspec.compiler.plan.language_models.queueing import Request, alone, loaded, margin
from mlspec.compiler.plan.language_models.work import Work
from mlspec.compiler.plan.service import ServicePlan

from .batching_sim import Case, quantile, simulate
from .test_llm_rows import work
from .test_plan_llm import assistant, plan


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ServicePlan:
    return plan(tmp_path_factory.mktemp("system"), assistant())


class System(NamedTuple):
    """A model on accelerators, with requests of one kind."""

    accelerator: str
    devices: int
    family: str
    case: Case

    def work(self, service: ServicePlan) -> Work:
        """Its steps and prompts."""
        tokens = {"prompt": str(self.case.prompt), "output": str(self.case.output), "source": "", "format": "16-bit"}
        row = {"family": self.family, "accelerator": self.accelerator, "devices": str(self.devices), **tokens}
        return work(service, row)


def request(made: Work, case: Case) -> Request:
    """The request of a case as the planner sees it."""
    size = min(case.chunk, case.prompt)
    reading, last = made.reading(case.prompt, 0, case.chunk), made.added(case.prompt, case.prompt - size)
    return Request(reading, math.ceil(case.prompt / case.chunk), case.output, last, case.chunk / case.prompt)


SYSTEMS = [
    System("a100-80gb", 1, "llama-3.1-8b", Case(2000, 300, 8192, 203, 1)),
    System("a100-80gb", 1, "llama-3.1-8b", Case(2000, 300, 8192, 203, 2)),
    System("a100-80gb", 1, "llama-3.1-8b", Case(2000, 300, 256, 203, 2)),
    System("a100-80gb", 4, "llama-3.1-70b", Case(6500, 1500, 8192, 60, 0.05)),
    System("a100-80gb", 4, "llama-3.1-70b", Case(6500, 1500, 8192, 60, 0.2)),
    System("h100", 4, "llama-3.1-70b", Case(6500, 1500, 8192, 60, 0.33)),
    System("h100", 2, "mixtral-8x7b", Case(1000, 250, 8192, 200, 6)),
    System("l4", 1, "llama-3.1-8b", Case(2000, 300, 2048, 16, 0.2)),
]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: f"{one.family} on {one.accelerator} at {one.case.rate}/s")
def test_a_busy_server_is_as_slow_as_a_simulated_one(system: System, service: ServicePlan) -> None:
    """The mean within 5%. At the percentiles, the planner is hardly ever too fast, and not much too slow."""
    made, case = system.work(service), system.case
    planned = loaded(made, request(made, case), case.rate, case.sequences)
    assert planned is not None
    single = alone(made, planned.request)
    simulated = simulate(made, case, requests=1000)
    mean = sum(simulated.answers) / len(simulated.answers)
    assert planned.answer() == pytest.approx(mean, rel=0.05)
    assert planned.in_flight == pytest.approx(simulated.in_flight, rel=0.15)
    for name in ("p90", "p95", "p99"):
        z, share = DEVIATIONS[name], QUANTILES[name]
        answer = raised(planned.answer(z), single.answer(), margin(single)) / quantile(simulated.answers, share)
        assert 0.95 <= answer <= 1.35, name
    first = raised(planned.first_token(DEVIATIONS["p95"]), single.first_token())
    assert 0.8 <= first / quantile(simulated.first_tokens, 0.95) <= 1.7
    between = planned.between(0.95, DEVIATIONS["p95"])
    assert 0.8 <= between / quantile(simulated.between, 0.95) <= 1.7


@pytest.mark.parametrize("rate", [1 / 14, 1 / 10, 1 / 8, 1 / 7])
def test_long_prompts_have_a_larger_margin(rate: float, service: ServicePlan) -> None:
    """24,000 tokens take 2.5 s of a response of 11 s: a few prompts at once make everything slow."""
    system = System("a100-80gb", 1, "llama-3.1-8b", Case(24_000, 600, 8192, 19, rate))
    made, case = system.work(service), system.case
    planned = loaded(made, request(made, case), rate, case.sequences)
    assert planned is not None
    single, answers = alone(made, planned.request), simulate(made, case, requests=800).answers
    assert 0.75 <= planned.answer() / (sum(answers) / len(answers)) <= 1.05
    took = raised(planned.answer(DEVIATIONS["p95"]), single.answer(), margin(single))
    assert 0.95 <= took / quantile(answers, 0.95) <= 1.45


LENGTHS = [(1000, 16), (1000, 300), (2000, 32), (8000, 32), (8000, 300), (24_000, 32), (24_000, 300), (24_000, 1500)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("busy", [0.1, 0.4, 0.7])
@pytest.mark.parametrize("chunk", [2048, 8192])
@pytest.mark.parametrize(("prompt", "output"), LENGTHS)
def test_the_formulas_are_as_rough_as_they_say(
    prompt: int, output: int, chunk: int, busy: float, service: ServicePlan
) -> None:
    """With short answers to long prompts, arrivals that wait make the difference: without them, the plan promised 12 ms
    between tokens where every hundredth took 640 ms.
    """
    made = System("a100-80gb", 1, "llama-3.1-8b", Case(prompt, output, chunk, 203, 1)).work(service)
    case = Case(prompt, output, chunk, 203, busy / (made.added(prompt) + output * made.step(64) / 64))
    planned = loaded(made, request(made, case), case.rate, case.sequences)
    assert planned is not None
    single, simulated = alone(made, planned.request), simulate(made, case, requests=max(300, 30_000 // output))
    assert 0.75 <= planned.answer() / (sum(simulated.answers) / len(simulated.answers)) <= 1.5
    for name in ("p90", "p95", "p99"):
        took = raised(planned.answer(DEVIATIONS[name]), single.answer(), margin(single))
        assert 0.85 <= took / quantile(simulated.answers, QUANTILES[name]) <= 2.1, name
    waited = sum(step > made.step(1) + planned.request.last / 2 for step in simulated.between)
    assert 0.65 <= planned.interrupted / (waited / len(simulated.between)) <= 2.2


def test_a_simulated_server_without_others_takes_the_time_of_a_single_request(service: ServicePlan) -> None:
    """The simulation itself: an arrival in ten minutes meets an idle server."""
    system = SYSTEMS[0]
    made, case = system.work(service), system.case._replace(rate=1 / 600)
    simulated = simulate(made, case, requests=50)
    expected = made.added(2000) + made.step(0) + 300 * made.step(1)
    assert quantile(simulated.answers, 0.5) == pytest.approx(expected)
    assert quantile(simulated.first_tokens, 0.5) == pytest.approx(made.added(2000) + made.step(0))


def test_more_than_a_server_can_read_is_overload(service: ServicePlan) -> None:
    system = SYSTEMS[0]
    made = system.work(service)
    assert loaded(made, request(made, system.case), 1 / made.added(2000), 203) is None
