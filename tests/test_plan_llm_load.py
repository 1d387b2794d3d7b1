"""The replicas and accelerators of a language model under load, and that no change for the worse makes it cheaper."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlspec.compiler.because import because
from mlspec.compiler.plan.budget.profile import replicas
from mlspec.compiler.plan.language_models.proposals import Proposals
from mlspec.compiler.plan.service import ServicePlan
from mlspec.compiler.plan.serving.day import average
from mlspec.compiler.plan.serving.replica_range import maximum

from .batching_sim import Case, quantile, simulate
from .test_plan_accelerator import unnamed
from .test_plan_llm import plan


def contracts(*allowed: str, count: int | None = None, **changes: object) -> dict[str, Any]:
    """A 70B model that reads 6,500 tokens and writes 1,500 in at most 60 s, for 0.3/s and 1/s at the peak."""
    usual: dict[str, object] = {
        "constraints__throughput": {"mean": "0.3/s", "peak": "1/s"},
        "constraints__latency": {"p95": "60s"},
        "llm__tokens": {"context": 8192, "prompt": 6500, "output": 1500},
    }
    spec = unnamed(*allowed, **{**usual, **changes})
    spec["models"]["chat"]["llm"] = {"family": "llama-3.1-70b"}
    if count is not None:
        spec["services"]["chat"]["resources"]["accelerator"] = {"type": allowed[0], "count": count}
    return spec


def cost(chat: ServicePlan) -> float:
    """The mean hourly cost of the replicas over a day."""
    devices, device = chat.devices, chat.device
    assert devices is not None
    assert device is not None
    assert device.price is not None
    return float(average(*replicas(chat)).value) * devices.count.value * float(device.price.value)


@pytest.mark.parametrize(
    ("accelerator", "devices", "mean", "peak"),
    [("h100", 4, 2, 3), ("a100-40gb", 8, 2, 5), ("a100-80gb", 8, 2, 4)],
)
def test_more_devices_than_the_fewest_can_be_cheaper(
    tmp_path: Path, accelerator: str, devices: int, mean: int, peak: int
) -> None:
    """Two H100s hold the model, but steps leave hardly any time for other prompts. By hand, with four: a step of 19.5
    sequences takes 141.2 GB + 19.5 x 2.376 GB at 10.05 TB/s, 3.2 ms for layers, and 3.5 ms for 160 exchanges, 25.3 ms.
    At 0.409/s, prompts of 476 ms take 19.5% of the time: 0.5 + 1,500 x 25.3 ms / 0.805 = 47.6 s on average, with
    47.6 x 0.409 = 19.5 in flight. Simulated, three replicas keep the p95 of 60 s at 1/s.
    Of the A100s with 40 GB, four do, with a p95 of 57.5 s.
    """
    chat = plan(tmp_path, contracts(accelerator))
    assert chat.devices is not None
    assert (chat.devices.count.value, chat.for_mean.value, chat.for_peak.value) == (devices, mean, peak)
    for other in (2, 4, 8):
        forced = plan(tmp_path, contracts(accelerator, count=other))
        speed = forced.hardware.speed
        assert speed is not None
        if speed.fit.fits.value and not speed.late.value:
            assert cost(chat) <= cost(forced) + 1e-9


def quantized(count: int | None = None) -> dict[str, Any]:
    """A 32B model in 4 bits that reads 1,000 tokens and writes 300, on cards with 24 GB."""
    spec = contracts("a10g", count=count, llm__tokens={"context": 8192, "prompt": 1000, "output": 300})
    spec["models"]["chat"] |= {"llm": {"family": "qwen2.5-32b"}, "optimization": {"quantization": {"method": "awq"}}}
    return spec


def test_a_model_that_just_fits_on_one_device_is_cheaper_on_two(tmp_path: Path) -> None:
    """One has hardly any memory left for sequences: 5 replicas for the mean and 14 for the peak, against 2 and 3."""
    chat = plan(tmp_path, quantized())
    assert chat.devices is not None
    assert (chat.devices.count.value, chat.for_mean.value, chat.for_peak.value) == (2, 2, 3)
    single = plan(tmp_path, quantized(1))
    assert (single.for_mean.value, single.for_peak.value) == (5, 14)
    assert cost(chat) < min(cost(plan(tmp_path, quantized(other))) for other in (1, 4, 8))


@pytest.mark.parametrize(("accelerator", "devices"), [("h100", 4), ("a100-80gb", 4)])
def test_the_promised_percentile_holds_in_a_simulation(tmp_path: Path, accelerator: str, devices: int) -> None:
    """Eight replicas of four A100s were planned for 1/s, and 73% of the answers took more than 60 s."""
    chat = plan(tmp_path, contracts(accelerator, count=devices))
    speed, peak = chat.hardware.speed, chat.for_peak.value
    assert speed is not None
    case = Case(6500, 1500, 8192, speed.sequences.value, 1 / peak)
    answers = simulate(speed.work, case, requests=600).answers
    assert quantile(answers, 0.95) <= 60
    if peak > 2:
        fewer = simulate(speed.work, case._replace(rate=1 / (peak / 2)), requests=600).answers
        assert quantile(fewer, 0.95) > 60, "half as many would be too few"


def test_the_day_decides_and_not_its_mean(tmp_path: Path) -> None:
    """An 8B model at 1/s, 0.1/s at night, and 4/s at the peak. At the mean, two replicas of either are enough, and two
    pairs of L4s cost 3.22 USD/h, against 3.72 for two L40S. But the pairs need more of them for hours of the day, and
    two L40S carry the peak.
    """
    rates = {"trough": "0.1/s", "mean": "1/s", "peak": "4/s"}
    spec = unnamed("l4", "l40s", constraints__throughput=rates)
    chosen, bills = plan(tmp_path, spec), {}
    for name, count in (("l4", 2), ("l40s", 1)):
        spec["services"]["chat"]["resources"]["accelerator"] = {"type": name, "count": count}
        forced = plan(tmp_path, spec)
        assert forced.for_mean.value == 2
        bills[name] = cost(forced)
    assert bills["l40s"] == pytest.approx(2 * 1.861)
    assert 2 * 2 * 0.8048 < bills["l40s"] < bills["l4"]
    assert chosen.devices is not None
    assert (chosen.devices.type.value, chosen.devices.count.value) == ("l40s", 1)
    assert "replicas on average over a day x 2 x 0.8048 USD/h = " in chosen.devices.type.reason


@pytest.mark.parametrize(
    ("rates", "replicas_of_spec"),
    [
        ({"mean": "0.3/s", "peak": "1/s"}, None),
        ({"trough": "0.05/s", "mean": "0.5/s", "peak": "2/s"}, None),
        ({"mean": "0.5/s", "peak": "2/s"}, {"min": 3}),
    ],
)
def test_the_choice_counts_the_replicas_of_the_bill(
    rates: dict[str, str], replicas_of_spec: dict[str, int] | None, tmp_path: Path
) -> None:
    spec = contracts("h100", constraints__throughput=rates)
    if replicas_of_spec is not None:
        spec["services"]["chat"]["replicas"] = replicas_of_spec
    chat = plan(tmp_path, spec)
    billed, devices = average(*replicas(chat)).value, chat.devices
    assert devices is not None
    assert f"meets the bounds: {billed} replica" in devices.type.reason


def test_trap_a_maximum_makes_a_slow_replica_cheap(tmp_path: Path) -> None:
    """Limited to three replicas, pairs of H100s would cost less than fours, and be too slow for most of the day."""
    spec = contracts("h100", constraints__throughput={"trough": "0.05/s", "mean": "0.5/s", "peak": "2/s"})
    free = plan(tmp_path, spec).devices
    spec["services"]["chat"]["replicas"] = {"max": 3}
    limited = plan(tmp_path, spec).devices
    assert free is not None
    assert limited is not None
    assert limited.count.value == free.count.value == 4


@pytest.mark.parametrize("target", [1.0, 2.8, 15.0, 100.0])
@pytest.mark.parametrize("peak", [1, 2, 3, 8, 30])
def test_the_maximum_is_what_the_autoscaler_rarely_exceeds(peak: int, target: float) -> None:
    """The sum of geometric numbers is negative binomial: the last term of each step is that of a request more."""
    most = maximum(because(peak, ""), because(1, ""), None, because(1.0, ""), because(target, "")).value
    share = target / (1 + target)
    term = total = (1 - share) ** peak
    for flying in range(1, math.floor(most * target) + 1):
        term *= share * (peak + flying - 1) / flying
        total += term
    assert 0.01 < 1 - total < 0.07


def test_devices_share_the_query_heads_too(tmp_path: Path) -> None:
    """28 query heads and 4 key-value heads: eight devices could share the latter, but not the former."""
    spec = contracts("l4", llm__tokens={"context": 8192, "prompt": 500, "output": 100}, constraints__latency=None)
    spec["models"]["chat"]["llm"] = {"family": "qwen2.5-7b"}
    chat = plan(tmp_path, spec)
    assert chat.devices is not None
    assert chat.devices.count.value in {1, 2, 4}


def test_pci_express_makes_many_devices_slower_than_few(tmp_path: Path) -> None:
    """160 exchanges of 6,500 x 8,192 x 2 bytes: at 15 GB/s times 1 between two devices, at a quarter of it times 1.5
    between four, and at an eighth times 1.75 between eight.
    """
    taken = []
    for devices, times in ((2, 1.0), (4, 6.0), (8, 14.0)):
        speed = plan(tmp_path, contracts("l40s", count=devices, constraints__latency=None)).hardware.speed
        assert speed is not None
        exchanged = 160 * (20e-6 + times * 6500 * 8192 * 2 / 15e9)
        assert speed.work.exchanges(6500) == pytest.approx(exchanged)
        taken.append(speed.prefill.value)
    assert taken[0] < taken[1] < taken[2]


# Proposals


def proposed(folder: Path, spec: dict[str, Any]) -> Proposals:
    """What a plan proposes."""
    found = plan(folder, spec).hardware.proposals
    assert found is not None
    return found


def test_fewer_bits_are_proposed_where_they_are_cheaper(tmp_path: Path) -> None:
    """A pair of H100s holds 70.6 GB of weights, but not 141.2 GB and enough cache. An A100 has no FP8.

    Of the day from 0/s to 1/s, four devices in 16 bits need 2 replicas for 19 h and 3 for 5 h: 53 / 24 = 2.208, and
    2.208 x 4 x 6.88 x 730 = 44,358. Pairs need 2 for 17 h with 8 bits, 3 for 2, 4 for 2, and 5 for 3: 63 / 24 = 2.625.
    With 4 bits, it is 2 for 17 h, 3 for 4, and 4 for 3: 58 / 24 = 2.417.
    """
    proposals = proposed(tmp_path, contracts("h100")).bits
    assert set(proposals) == {8, 4}
    pair = "USD/month for 2 x `h100` per replica"
    assert [proposals[bits].value for bits in (8, 4)] == [f"26,368 {pair}", f"24,278 {pair}"]
    assert "with `fp8`: 2.625 replicas on average over a day x 2 x 6.88 USD/h = 36.12 USD/h" in proposals[8].reason
    assert "instead of 44,358 USD/month for 4 x `h100` per replica: 2.208 replicas on" in proposals[8].reason
    assert "measure the quality first" in proposals[8].reason
    assert set(proposed(tmp_path, contracts("a100-40gb")).bits) == {4}
    few = contracts("h100")
    few["models"]["chat"]["optimization"] = {"quantization": {"method": "awq"}}
    assert proposed(tmp_path, few).bits == {}


def test_a_smaller_model_is_proposed_where_it_is_cheaper(tmp_path: Path) -> None:
    """An 8B model in 16 bits takes one device per replica, as its 16.06 GB fit; the 70B one takes four."""
    smaller = proposed(tmp_path, contracts("h100")).smaller
    assert smaller is not None
    assert smaller.value.endswith(" USD/month for `h100` per replica")
    assert smaller.reason.startswith("with `llama-3.1-8b`: 2 replicas x 6.88 USD/h = 13.76 USD/h, instead of ")
    assert "measure the quality first, and then set `llm.family` of the model" in smaller.reason
    smallest = contracts("h100", llm__tokens={"context": 8192, "prompt": 6500, "output": 1500})
    smallest["models"]["chat"]["llm"] = {"family": "llama-3.1-8b"}
    assert proposed(tmp_path, smallest).smaller is None


def test_proposals_are_for_every_accelerator_that_is_allowed(tmp_path: Path) -> None:
    """In 16 bits, 141 GB need H100s or more. In 4 bits, 39.8 GB of weights fit on one A100, which costs half as much.

    The test takes each type alone, and so finds the cheapest by hand.
    """
    alone = {}
    for name in ("h100", "a100-80gb", "l40s"):
        spec = contracts(name)
        spec["models"]["chat"]["optimization"] = {"quantization": {"method": "awq"}}
        alone[name] = cost(plan(tmp_path, spec))
    best = min(alone, key=lambda name: alone[name])
    spec = contracts("h100", "a100-80gb", "l40s")
    proposal = proposed(tmp_path, spec).bits[4]
    assert f"`{best}` per replica" in proposal.value
    assert proposal.value.startswith(f"{alone[best] * 730:,.0f} USD/month for ")


def test_other_accelerators_are_proposed_where_the_spec_names_expensive_ones(tmp_path: Path) -> None:
    """The planner's own choice among the same accelerators is what it proposes."""
    both = contracts("h100", "a100-80gb")
    chosen = plan(tmp_path, both)
    assert chosen.devices is not None
    assert proposed(tmp_path, both).other is None
    both["services"]["chat"]["resources"]["accelerator"] = {"type": "h100", "count": 8}
    proposal = proposed(tmp_path, both).other
    assert proposal is not None
    assert proposal.value.startswith(f"{cost(chosen) * 730:,.0f} USD/month for ")
    assert f"`{chosen.devices.type.value}` per replica" in proposal.value
    assert proposal.reason.endswith("to use them, set `resources.accelerator`")


# Properties


class Drawn(NamedTuple):
    """A system with a bound on one percentile of one latency."""

    family: str
    allowed: tuple[str, ...]
    prompt: int
    output: int
    rate: float
    kind: str
    percentile: str
    bound: float

    def cheapest(self) -> float | None:
        """The hourly cost of its plan; None if no accelerator keeps the bound."""
        rate, bound = f"{self.rate:.3f}/s", f"{self.bound * 1000:.0f}ms"
        changes: dict[str, Any] = {
            "constraints__throughput": {"mean": rate, "peak": rate},
            "constraints__latency": None,
            "llm__tokens": {"context": 8192, "prompt": self.prompt, "output": self.output},
        }
        changes[f"constraints__{self.kind}"] = {self.percentile: bound}
        spec = contracts(*self.allowed, **changes)
        spec["models"]["chat"]["llm"] = {"family": self.family}
        with tempfile.TemporaryDirectory() as folder:
            chat = plan(Path(folder), spec)
            speed = chat.hardware.speed
            return cost(chat) if speed is not None and not speed.late.value else None


DRAWN = st.builds(
    Drawn,
    family=st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b", "qwen2.5-32b"]),
    allowed=st.lists(st.sampled_from(["l40s", "a100-80gb", "h100"]), min_size=1, unique=True).map(tuple),
    prompt=st.integers(100, 6000),
    output=st.integers(20, 1500),
    rate=st.floats(0.1, 40),
    kind=st.sampled_from(["latency", "firstToken", "interToken"]),
    percentile=st.sampled_from(["p50", "p95", "p99"]),
    bound=st.floats(0, 1),
).map(
    lambda one: one._replace(
        bound={"latency": 2 + one.output * 0.06, "firstToken": 3.0, "interToken": 0.15}[one.kind] * (0.2 + one.bound)
    )
)
PROPERTY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@PROPERTY
@given(DRAWN, st.floats(0.3, 0.99))
def test_a_tighter_bound_is_never_cheaper(drawn: Drawn, tighter: float) -> None:
    loose, tight = drawn.cheapest(), drawn._replace(bound=drawn.bound * tighter).cheapest()
    assert tight is None or (loose is not None and tight >= loose - 1e-9)


@pytest.mark.slow
@PROPERTY
@given(DRAWN, st.floats(1.01, 5))
def test_more_requests_are_never_cheaper(drawn: Drawn, more: float) -> None:
    few, many = drawn.cheapest(), drawn._replace(rate=drawn.rate * more).cheapest()
    assert (few is None) == (many is None)
    assert few is None or many is None or many >= few - 1e-9
