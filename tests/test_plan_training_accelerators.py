"""The accelerators of training: arithmetic worked by hand, what is never proposed, and what no change may do.

A run costs its hours x its devices x their price. Training on an H100, at 6.88 USD/h, reaches 40% of 989 TFLOP/s; on an
A100 with 80 GB, at 3.43 USD/h, 54% of 312; on an A10G, at 1.006 USD/h, 40% of 70; and on an L4, at 0.8048 USD/h, 40% of
121.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mlspec.compiler.answer.memo import memo
from mlspec.compiler.because import fixed
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.plan.budget.training import Choice, choice, fitting

from .rules import BASE, findings
from .support import compile_text

LLAMA = "model: {llm: {family: llama-3.1-8b, tuning: {method: %s}}}"  # 8.03 billion parameters


def planned(tmp_path: Path, *fragments: str) -> Environment:
    tmp_path.mkdir(exist_ok=True)
    over = "\n".join(fragments)
    text = f"{BASE}environments:\n  test:\n    spec:\n" + "\n".join(f"      {line}" for line in over.splitlines())
    [environment] = compile_text(tmp_path, text)._compiled.environments
    return environment


def chosen(tmp_path: Path, *fragments: str) -> Choice:
    found = choice(planned(tmp_path, *fragments).plan)
    assert found is not None
    return found


def training(**fields: object) -> str:
    return f"training: {json.dumps(fields)}"


def allow(*names: str) -> str:
    return f"constraints: {{accelerators: [{', '.join(names)}]}}"


def on(name: str, count: int = 1) -> dict[str, object]:
    return {"accelerator": {"type": name, "count": count}}


# Time and cost


def test_a_measured_fit_is_scaled_by_what_devices_reach(tmp_path: Path) -> None:
    """8 h x (4 x 70 x 40%) / (2 x 989 x 40%) = 1.1325 h, and 2 x 6.88 USD/h of it are 15.58 USD, of 32.19 before."""
    found = chosen(tmp_path, allow("h100"), training(fit="8h", resources=on("a10g", 4)))
    assert found.proposed.value == "2 x h100"  # one has less memory than the four together
    assert found.best.time.value == pytest.approx(3600 * 1.13246, rel=1e-4)
    assert found.best.cost is not None
    assert found.best.cost.value == pytest.approx(15.583, rel=1e-4)
    assert found.declared is not None
    assert found.declared.cost is not None
    assert found.declared.cost.value == pytest.approx(32.192)


@pytest.mark.parametrize(("method", "operations"), [("full", 6), ("dpo", 8), ("lora", 4), ("qlora", 4)])
def test_a_fit_of_unknown_time_follows_from_its_tokens(method: str, operations: int, tmp_path: Path) -> None:
    """6 x 8.03e9 x 1e9 / (2 x 989e12 x 40%) = 60,894 s for all parameters; DPO takes 8, and LoRA 4."""
    found = chosen(tmp_path, LLAMA % method, training(tokens="1B", resources=on("h100", 2)))
    assert found.declared is not None
    assert found.declared.time.value == pytest.approx(60_894 * operations / 6, rel=1e-3)
    assert "a rough estimate" in found.declared.time.reason


def test_a_mixture_of_experts_computes_with_its_active_parameters(tmp_path: Path) -> None:
    """6 x 13e9 x 1e9 / (8 x 989e12 x 40%) = 24,646 s, not the 89,105 s of all 47 billion."""
    shape = "{parameters: 47B, activeParameters: 13B, layers: 32, kvHeads: 8, headDim: 128}"
    model = f"model: {{llm: {{shape: {shape}, tuning: {{method: full}}}}}}"
    found = chosen(tmp_path, model, training(tokens="1B", resources=on("h100", 8)))
    assert found.declared is not None
    assert found.declared.time.value == pytest.approx(24_646, rel=1e-3)


def test_what_is_measured_counts_more_than_tokens(tmp_path: Path) -> None:
    """30 h on two of them are 15 h on four, whatever the tokens say."""
    fit = training(tokens="1B", fit="30h", deadline="40h", retries=1, resources=on("h100", 2))
    found = chosen(tmp_path, LLAMA % "full", fit)
    assert found.declared is not None
    assert found.declared.time.value == 30 * 3600
    assert found.proposed.value == "2 x h100"


def test_all_fits_of_a_run_and_all_runs_of_a_month_are_paid(tmp_path: Path) -> None:
    """4 fits and the final one of 2 h on an L4 are 8.048 USD; a run per night makes 30.417 of them in 730 h."""
    fits = training(fit="2h", resources=on("l4"), crossValidation={"folds": 4, "when": "every-run"})
    found = chosen(tmp_path, fits, 'retraining: {schedule: "0 3 * * *"}')
    assert found.best.cost is not None
    assert found.best.cost.value == pytest.approx(8.048)
    assert found.monthly is not None
    assert float(found.monthly.value.amount) == pytest.approx(244.79, abs=0.01)


def test_the_platform_file_knows_better(tmp_path: Path) -> None:
    """60,894 s at 40% of the FLOP/s are 48,715 s at 50%, for one type or for all."""
    for at, name in enumerate(
        ("planning: {trainingEfficiency: 50%}", "accelerators: {h100: {trainingEfficiency: 50%}}")
    ):
        platform = f"platform: {{{name}}}"
        found = chosen(tmp_path / str(at), LLAMA % "full", platform, training(tokens="1B", resources=on("h100", 2)))
        assert found.declared is not None
        assert found.declared.time.value == pytest.approx(48_715, rel=1e-3)


# Memory


@pytest.mark.parametrize(
    ("method", "name", "devices"),
    [
        ("full", "h100", 2),  # 128.5 GB / 2 = 64.2, and 80% of 85.5 GB are 68.4
        ("full", "a100-40gb", 4),  # / 4 = 32.1 of 34.4
        ("full", "l4", 8),  # / 8 = 16.1 of 19.3
        ("lora", "l4", 1),  # 16.1 of 19.3
        ("full", "t4", None),  # / 8 = 16.1 of 12.9
    ],
)
def test_training_state_takes_four_fifths_of_the_memory(
    method: str, name: str, devices: int | None, tmp_path: Path
) -> None:
    found = fitting(planned(tmp_path, allow(name), LLAMA % method).plan, fixed(name, "a type"))
    assert (found.value if found is not None else None) == devices


def test_a_device_that_may_be_too_small_is_not_proposed(tmp_path: Path) -> None:
    """Nothing says how much memory a model needs that is not a language model: an L4 has less than the A100."""
    found = chosen(tmp_path, allow("l4"), training(fit="8h", resources=on("a100-80gb")))
    assert found.proposed.value == "1 x a100-80gb"
    assert "`l4`: 8 devices with 23034Mi may be too small" in found.proposed.reason


def test_a_slice_is_never_proposed_twice(tmp_path: Path) -> None:
    """A process sees one slice, so several of them do not hold what one does not."""
    found = chosen(tmp_path, allow("a100-40gb-1g-5gb"), LLAMA % "lora", training(tokens="10M"))
    assert found.best.devices.value == 1
    assert found.proposed.value == "none of those allowed"
    assert found.monthly is None


def test_without_bfloat16_no_language_model_is_trained(tmp_path: Path) -> None:
    found = chosen(tmp_path, allow("t4"), LLAMA % "qlora", training(tokens="10M"))
    assert found.proposed.value == "none of those allowed"
    assert "bfloat16" in found.proposed.reason


def test_a_model_that_does_not_fit_gets_accelerators_that_do(tmp_path: Path) -> None:
    """119.7 GiB on one H100 with 79.6 GiB; 80% of two H100, or of four A100 with 40 GB, are enough."""
    over = "\n".join((LLAMA % "full", allow("h100", "a100-40gb"), training(resources=on("h100"))))
    [found] = findings(tmp_path, "MLS714", over)
    assert found.help.startswith("use 2 x `h100` or 4 x `a100-40gb` with `strategy: fully-sharded`")


# Deadlines


def test_a_deadline_takes_more_devices(tmp_path: Path) -> None:
    """On an L4 80 h; two tries with half as much again and 15 min each. On 8, 10 h: 30.5 h, too much for 30 h. On an
    H100, 80 x 121 / 989 = 9.79 h: 29.9 h.
    """
    found = chosen(tmp_path, allow("h100"), training(fit="80h", deadline="30h", resources=on("l4")))
    assert found.proposed.value == "1 x h100"
    assert "8 x `l4`: a run needs up to 1d 6h 30m" in found.proposed.reason
    assert "`l4`: a run takes 80 h, longer than the deadline of 1d 6h" in found.proposed.reason


def test_without_a_retry_half_of_it_is_enough(tmp_path: Path) -> None:
    """One try on 4 L4: 80 / 4 = 20 h, 30 h with its headroom, and 15 min more than the deadline allows; 8 do."""
    for hours, devices in ((31, 4), (30, 8)):
        fit = training(fit="80h", deadline=f"{hours}h", retries=0, resources=on("l4"))
        assert chosen(tmp_path / str(hours), fit).proposed.value == f"{devices} x l4"


def test_the_next_run_is_a_deadline_too(tmp_path: Path) -> None:
    """Two tries on 4 L4 take 2 x (1.5 x 135 min + 15 min) = 7.3 h; on 8, half of the fits: 3.9 h."""
    found = chosen(tmp_path, training(fit="9h", resources=on("l4")), 'retraining: {schedule: "0 */6 * * *"}')
    assert found.proposed.value == "8 x l4"
    assert "longer than the 6h until the next run" in found.proposed.reason


def test_if_none_keeps_the_deadline_the_fastest_is_proposed(tmp_path: Path) -> None:
    found = chosen(tmp_path, allow("h100"), training(fit="900h", deadline="2h", resources=on("l4")))
    assert found.proposed.value == "8 x h100"
    assert "is the fastest that fits: a run needs up to" in found.proposed.reason


# What is proposed


def test_what_is_declared_stays_unless_another_is_surely_cheaper(tmp_path: Path) -> None:
    """A fit of 8 h on an A100 costs 27.44 USD; on an H100, 3.41 h and 23.43 USD: a sixth less, and an estimate may be
    wrong by half.
    """
    fit = training(fit="8h", resources=on("a100-80gb"))
    found = chosen(tmp_path / "a", allow("h100"), fit)
    assert found.proposed.value == "1 x a100-80gb"
    exact = chosen(tmp_path / "b", allow("h100"), "platform: {planning: {rough: 1}}", fit)
    assert exact.proposed.value == "1 x h100"
    assert exact.best.cost is not None
    assert exact.best.cost.value == pytest.approx(8 * 312 * 0.54 / (989 * 0.40) * 6.88, rel=1e-4)


def test_what_has_no_price_is_not_called_cheaper(tmp_path: Path) -> None:
    platform = "platform: {accelerators: {own: {memory: 90Gi, compute: 2000 TFLOP/s, nodeSelector: {pool: own}}}}"
    found = chosen(tmp_path, allow("own"), platform, training(fit="8h", resources=on("a10g", 4)))
    assert found.proposed.value == "4 x a10g"
    assert "`own`: its price is unknown" in found.proposed.reason


def test_nothing_is_proposed_without_a_time(tmp_path: Path) -> None:
    """A fit on CPUs says nothing about accelerators, and accelerators say nothing about a fit."""
    for at, said in enumerate((training(fit="8h"), training(resources=on("h100")))):
        assert choice(planned(tmp_path / str(at), allow("h100"), said).plan) is None


def test_the_memo_says_it(tmp_path: Path) -> None:
    environment = planned(
        tmp_path, LLAMA % "full", allow("a100-80gb"), training(tokens="1B", fit="20h", resources=on("h100", 2))
    )
    [area] = [area for area in memo(environment).areas if area.title == "Accelerators of training"]
    assert {one.title: one.value for one in area.decisions} == {
        "operations of a fit": "48.2 EFLOP",
        "share of FLOP/s that a fit achieves": "33.8%",  # 48.18e18 / (2 x 989e12 x 72,000)
        "proposed accelerators of training": "2 x h100",
        "memory that each of them needs, at least": "59.83 GiB",  # 8.03e9 x 16 bytes / 2 / 2^30
        "time of a fit on them": "20 h",
        "cost of a run on them": "275.2 USD",  # 20 x 2 x 6.88
        "cost of their runs": "275.2 USD/month",
    }


# What no change may do


@pytest.mark.slow
def test_less_time_or_more_tokens_never_cost_less(tmp_path: Path) -> None:
    """20 systems, each with a shorter deadline and with more tokens; what fits none or misses its deadline is last."""
    chance = random.Random(7)
    names = ["l4", "a10g", "l40s", "a100-40gb", "a100-80gb", "h100", "h200", "b200"]

    def cost(where: Path, some: list[str], method: str, tokens: int, hours: int) -> tuple[bool, float]:
        fields = training(tokens=f"{tokens}M", deadline=f"{hours}h")
        found = chosen(where, allow(*some), LLAMA % method, fields)
        done = not found.best.unfit.value and not found.best.late.value
        assert found.best.cost is not None
        return not done, found.best.cost.value if done else 0.0

    for at in range(20):
        some, method = chance.sample(names, chance.randint(1, 4)), chance.choice(["full", "lora", "dpo"])
        tokens, hours = chance.randint(1, 2000), chance.randint(2, 400)
        first = cost(tmp_path / f"{at}a", some, method, tokens, hours)
        assert cost(tmp_path / f"{at}b", some, method, tokens, max(1, hours // 2)) >= first
        assert cost(tmp_path / f"{at}c", some, method, 2 * tokens, hours) >= first
