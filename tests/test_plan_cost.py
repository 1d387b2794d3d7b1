"""What a month costs, against numbers worked out by hand: each part, their sum, and the price of a prediction.

Doubling an input changes what depends on it and nothing else.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.because import Because, fixed
from mlspec.compiler.emit.backends import Backends
from mlspec.compiler.finding import Refusal
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.budget.cost import CostPlan
from mlspec.compiler.plan.budget.prices import monthly

from .support import changed, dumped, loaded, run
from .test_online_learning import compiled as learning

# Two replicas of 4 cores and 4 GiB, and one training run of 2 h on 8 cores, 32 GiB and 2 accelerators. With a core at
# 0.03 and a GiB at 0.005 EUR an hour, a replica costs 0.14 and a training pod 0.4 + 2 x 1 EUR an hour.
SPEC: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: scorer, owner: payments}
problem: {useCase: Score., task: binary-classification}
constraints:
  availability: 99%
  throughput: {mean: 10/s, peak: 20/s}
model:
  signature:
    inputs: [{name: amount, dtype: float32}]
    outputs: [{name: score, dtype: float32}]
release:
  version: 1
  artifact: {uri: "https://models.example.com/1.onnx", format: onnx, digest: "sha256:0", size: 4Mi}
serving:
  mode: online
  runtime: triton
  serviceTime: {mean: 10ms}
  resources: {cpu: 4, memory: 4Gi}
  container: {sharedMemory: null}
rollout:
  stages:
    - shadow: {duration: 10h, replicas: 1}
    - canary: {steps: [10%, 60%], stepDuration: 1h}
training:
  image: registry.example.com/train:1
  resources: {cpu: 8, memory: 32Gi, accelerator: {type: tpu-x, count: 2}}
  fit: 2h
  steps: {train: {command: [train]}}
retraining: {schedule: "0 3 * * *", maxModelAge: 30d}
""")
SPEC["release"]["artifact"]["digest"] = f"sha256:{'1' * 64}"

PLATFORM: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: Platform
platform:
  prices: {core: 0.03 EUR/h, memory: 0.005 EUR/h}
  accelerators:
    tpu-x: {memory: 16Gi, nodeSelector: {kind: tpu-x}, price: 1 EUR/h, checked: 2026-11-01, source: "https://prices.example.com"}
""")

RUNS = Decimal(730) / 24
"""Daily runs in a month."""


def cost(tmp_path: Path, platform: dict[str, Any] = PLATFORM, **changes: object) -> CostPlan:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(changed(SPEC, **changes)))
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    result = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(), ())
    assert [d for d in result.found if d.severity == "error" and "no effect here" not in d.message] == []
    return result.environments[0].plan.cost


def parts(made: CostPlan) -> dict[str, float]:
    return {name: float(part.value.amount) for name, part in made.parts.items()}


# Each part by hand


def test_serving_is_replicas_by_the_month(tmp_path: Path) -> None:
    made = cost(tmp_path)
    assert parts(made)["serving scorer"] == 204.40  # 2 x 730 h x (4 x 0.03 + 4 x 0.005 = 0.14)
    assert made.parts["serving scorer"].reason == (
        "2 replicas x 730 h x 0.14 EUR/h; 2 replicas at every hour: a day from 0/s to 20/s with a mean of 10/s; "
        "per replica: 4 cores x 0.03 EUR/h + 4 GiB x 0.005 EUR/h"
    )


def test_training_is_runs_by_fits(tmp_path: Path) -> None:
    made = cost(tmp_path)
    assert parts(made)["training"] == 146.00  # 30.4167 runs x 2 h x (0.24 + 0.16 + 2 = 2.4)
    why = made.parts["training"].reason
    assert "30.4 runs x 2 h x 2.4 EUR/h" in why
    assert "2 tpu-x x 1 EUR/h (https://prices.example.com, 2026-11-01)" in why


def test_what_mlspec_runs_itself_is_in_the_bill_as_in_the_quota() -> None:
    """The budget of a system did not pay for the monitor, the learner, and the job that fills the feature store."""
    made = parts(learning()._compiled.environments[1].plan.cost)
    assert made["measuring"] == 15.70  # 730 h x (0.5 x 0.035 + 1 x 0.004 = 0.0215)
    assert made["online learning"] == 31.39  # 730 h x (1 x 0.035 + 2 x 0.004 = 0.043)
    assert made["features"] == 18.62  # 730 h x 12 runs x 150 s / 3600 x (1 x 0.035 + 4 x 0.004 = 0.051) = 18.615


def test_a_canary_costs_its_share_of_the_pods_rounded_up(tmp_path: Path) -> None:
    """10 % and 60 % of two replicas are 1 and 2 pods, for an hour each."""
    hours = 1 * 1 + 2 * 1
    assert parts(cost(tmp_path))["canary pods of scorer"] == pytest.approx(float(RUNS) * hours * 0.14, abs=0.005)


def test_a_shadow_costs_its_replicas_while_it_lasts(tmp_path: Path) -> None:
    assert parts(cost(tmp_path))["shadow pods of scorer"] == pytest.approx(float(RUNS) * 10 * 0.14, abs=0.005)


def test_a_shadow_ends_with_the_next_version(tmp_path: Path) -> None:
    """A shadow of two days under daily versions is one shadow all the time, not two."""
    stages = [{"shadow": {"duration": "48h", "replicas": 1}}, SPEC["rollout"]["stages"][1]]
    assert parts(cost(tmp_path, rollout__stages=stages))["shadow pods of scorer"] == pytest.approx(730 * 0.14, abs=0.01)


def test_the_sum(tmp_path: Path) -> None:
    made = cost(tmp_path)
    assert float(made.total.value.amount) == pytest.approx(sum(parts(made).values()))
    assert made.total.value.currency == "EUR"
    assert "training 146" in made.total.reason
    assert "storage" in made.total.reason


def test_a_million_predictions(tmp_path: Path) -> None:
    """10/s x 730 h are 26.28 million."""
    made = cost(tmp_path)
    price = made.units["scorer"].value
    assert float(price.amount) * 10**6 == pytest.approx(float(made.total.value.amount) / 26.28, abs=1e-4)
    assert str(price).endswith(" EUR/1M predictions")


def test_without_a_fit_the_deadline_is_the_most(tmp_path: Path) -> None:
    made = cost(tmp_path, training__fit=None, training__deadline="5h")
    assert parts(made)["training"] == pytest.approx(float(RUNS) * 5 * 2.4, abs=0.005)
    assert "at most the deadline of 5h" in made.parts["training"].reason


def test_what_nobody_schedules_is_assumed_once_a_month(tmp_path: Path) -> None:
    made = cost(tmp_path, retraining=None)
    assert parts(made)["training"] == 4.80
    assert "1 per month, because there is no `retraining.schedule`" in made.parts["training"].reason


def test_a_deployment_that_shifts_no_traffic_has_no_canary(tmp_path: Path) -> None:
    stages = [{"shadow": {"duration": "10h", "replicas": 1}}]
    assert "canary pods of scorer" not in parts(cost(tmp_path, rollout__stages=stages))


# Tuning, by when it happens

TUNING = {
    "algorithm": "random",
    "trials": 12,
    "parallel": 3,
    "parameters": {"depth": {"type": "int", "min": 1, "max": 9}},
}


def test_a_search_by_hand_is_told_and_not_counted(tmp_path: Path) -> None:
    made = cost(tmp_path, training__tuning={**TUNING, "when": "manual"})
    assert (parts(made)["tuning"], parts(made)["training"]) == (0, 146.00)
    assert "per search: 24 h x 2.4 EUR/h = 57.6 EUR" in made.parts["tuning"].reason


def test_a_search_in_every_run_is_part_of_it(tmp_path: Path) -> None:
    made = cost(tmp_path, training__tuning={**TUNING, "when": "every-run"})
    assert parts(made)["training"] == 13 * 146.00  # 12 trials, and the final fit
    assert "tuning" not in parts(made)


def test_a_search_by_its_own_schedule_is_a_part_of_its_own(tmp_path: Path) -> None:
    made = cost(tmp_path, training__tuning={**TUNING, "when": "schedule", "schedule": "0 5 * * 0"})
    assert parts(made)["training"] == 146.00
    assert parts(made)["tuning"] == 250.29  # 730 / 168 starts x 24 h x 2.4


def test_folds_belong_to_the_search(tmp_path: Path) -> None:
    tuning = {**TUNING, "when": "schedule", "schedule": "0 5 * * 0"}
    made = cost(tmp_path, training__tuning=tuning, training__crossValidation={"folds": 5})
    assert parts(made)["tuning"] == pytest.approx(5 * 250.2857, abs=0.005)


@pytest.mark.parametrize("when", ["every-run", "schedule"])
def test_trap_more_trials_at_once_make_a_search_cheaper(tmp_path: Path, when: str) -> None:
    """The same fits on the same pod: 201 x 3 h cost the same whether 1, 4, or 40 of them run at once."""
    more = {"schedule": "0 5 * * 0"} if when == "schedule" else {}
    bills = [
        parts(cost(tmp_path / str(parallel), training__tuning={**TUNING, **more, "when": when, "parallel": parallel}))
        for parallel in (1, 4, 12)
    ]
    assert bills[0] == bills[1] == bills[2]


# Batch

BATCH: dict[str, Any] = {
    "serving": {
        "mode": "batch",
        "image": "registry.example.com/score:1",
        "schedule": "0 4 * * *",
        "input": {"uri": "s3://in/{date}/"},
        "output": {"uri": "s3://out/{date}/"},
        "partitions": 6,
        "resources": {"cpu": 4, "memory": "4Gi"},
    },
    "constraints": {"deadline": "2h", "items": "3M"},
    "rollout": None,
}


def test_a_batch_run_costs_at_most_its_deadline(tmp_path: Path) -> None:
    made = cost(tmp_path, **BATCH)
    assert parts(made)["batch scorer"] == 51.10  # 30.4167 runs x 6 pods x 2 h x 0.14
    assert "at most the deadline of 2h" in made.parts["batch scorer"].reason
    price = made.units["scorer"]
    assert price.value.amount * 10**6 == Decimal("2.16")  # (51.10 + 146.00) for 91.25 million
    assert "30.4 runs of 3,000,000 items" in price.reason


BATCH_TWICE: dict[str, tuple[dict[str, Any], float, float]] = {
    "deadline": ({"constraints": {"deadline": "4h", "items": "3M"}}, 2, 1),
    "partitions": ({"serving": {**BATCH["serving"], "partitions": 12}}, 2, 1),
    "schedule": ({"serving": {**BATCH["serving"], "schedule": "0 4,16 * * *"}}, 2, 2),
    "items": ({"constraints": {"deadline": "2h", "items": "6M"}}, 1, 2),
    "parallel": ({"serving": {**BATCH["serving"], "parallel": 3}}, 0.5, 1),
}
"""What a change does to the cost of the runs, and to the number of predictions."""


@pytest.mark.parametrize("what", BATCH_TWICE)
def test_what_a_batch_run_depends_on(tmp_path: Path, what: str) -> None:
    changes, money, predictions = BATCH_TWICE[what]
    made = cost(tmp_path, **{**BATCH, **changes})
    assert parts(made) == {"batch scorer": pytest.approx(51.10 * money, abs=0.011), "training": 146.00}
    price = (51.10 * money + 146.00) / (91.25 * predictions)
    assert float(made.units["scorer"].value.amount) * 10**6 == pytest.approx(price, abs=1e-3)


# What depends on what

CHANGES: dict[str, dict[str, Any]] = {
    "mean": {"constraints__throughput": {"mean": "20/s", "peak": "20/s"}},
    "service time": {"serving__serviceTime__mean": "20ms"},
    "cores": {"serving__resources__cpu": 8},
    "memory": {"serving__resources__memory": "8Gi"},
    "replicas": {"serving__replicas": {"min": 4, "max": 8}},
    "shadow replicas": {
        "rollout__stages": [{"shadow": {"duration": "10h", "replicas": 2}}, SPEC["rollout"]["stages"][1]]
    },
    "shadow": {"rollout__stages": [{"shadow": {"duration": "20h", "replicas": 1}}, SPEC["rollout"]["stages"][1]]},
    "fit": {"training__fit": "4h"},
    "training cores": {"training__resources__cpu": 16},
    "training memory": {"training__resources__memory": "64Gi"},
    "accelerators": {"training__resources__accelerator__count": 4},
    "schedule": {"retraining__schedule": "0 3,15 * * *"},
}
TWICE: dict[str, dict[str, float]] = {
    "mean": {},  # two replicas carry 20/s, too: 0.2 Erlangs
    "service time": {},
    "cores": {
        "serving scorer": 0.26 / 0.14,
        "canary pods of scorer": 0.26 / 0.14,
        "shadow pods of scorer": 0.26 / 0.14,
    },
    "memory": {
        "serving scorer": 0.16 / 0.14,
        "canary pods of scorer": 0.16 / 0.14,
        "shadow pods of scorer": 0.16 / 0.14,
    },
    # 10 % of four are still 1 pod, and 60 % are 3: 1 + 3 pod hours where there were 1 + 2
    "replicas": {"serving scorer": 2, "canary pods of scorer": 4 / 3},
    "shadow replicas": {"shadow pods of scorer": 2},
    "shadow": {"shadow pods of scorer": 2},
    "fit": {"training": 2},
    "training cores": {"training": 2.64 / 2.4},
    "training memory": {"training": 2.56 / 2.4},
    "accelerators": {"training": 4.4 / 2.4},
    "schedule": {"training": 2, "canary pods of scorer": 2, "shadow pods of scorer": 2},
}


@pytest.mark.parametrize("what", CHANGES)
def test_doubling_an_input_changes_what_depends_on_it(tmp_path: Path, what: str) -> None:
    before, after = parts(cost(tmp_path / "a")), parts(cost(tmp_path / "b", **CHANGES[what]))
    expected = {name: before[name] * TWICE[what].get(name, 1) for name in before}
    assert after == pytest.approx(expected, abs=0.015)  # each is in whole cents


@pytest.mark.parametrize(
    ("price", "doubled"),
    [("prices__core", "0.06 EUR/h"), ("prices__memory", "0.01 EUR/h"), ("accelerators__tpu-x__price", "2 EUR/h")],
)
def test_doubling_a_price(tmp_path: Path, price: str, doubled: str) -> None:
    made = cost(tmp_path, changed(PLATFORM, **{f"platform__{price}": doubled}))
    serving = {"prices__core": 0.26, "prices__memory": 0.16}.get(price, 0.14)
    training = {"prices__core": 2.64, "prices__memory": 2.56}.get(price, 4.4)
    assert parts(made)["serving scorer"] == pytest.approx(1460 * serving, abs=0.005)
    assert parts(made)["training"] == pytest.approx(float(RUNS) * 2 * training, abs=0.005)


def test_more_traffic_makes_a_prediction_cheaper(tmp_path: Path) -> None:
    """Two replicas carry 10/s and 20/s alike."""
    before, after = cost(tmp_path / "a"), cost(tmp_path / "b", constraints__throughput={"mean": "20/s", "peak": "20/s"})
    assert parts(before)["serving scorer"] == parts(after)["serving scorer"]
    assert after.units["scorer"].value.amount < before.units["scorer"].value.amount * Decimal("0.6")


def test_traffic_that_needs_more_replicas_costs_more(tmp_path: Path) -> None:
    """140/s x 10 ms are 1.4 Erlangs: two replicas at 70 %; twice that, by rate or by time, needs four."""
    busy = {"mean": "140/s", "peak": "140/s"}
    base = cost(tmp_path / "a", constraints__throughput=busy)
    rate = cost(tmp_path / "b", constraints__throughput={"mean": "280/s", "peak": "280/s"})
    slow = cost(tmp_path / "c", constraints__throughput=busy, serving__serviceTime__mean="20ms")
    assert [parts(made)["serving scorer"] for made in (base, rate, slow)] == [204.40, 408.80, 408.80]
    assert [parts(made)["training"] for made in (base, rate, slow)] == [146.00] * 3


def test_peaks_are_not_what_a_month_costs(tmp_path: Path) -> None:
    """An autoscaler adds replicas for the peak and takes them away; without one they are always there.

    140/s is 5% of 2,800/s. With an exponent of 134, the hours next to the peak have 0.983^134 = 10% of it, and all
    others nearly nothing: 1 + 2 x 0.1 are 5% of 24. Replicas carry 70/s: (40 + 2 x 4 + 21 x 2) / 24 = 3.75.
    """
    peak = {"mean": "140/s", "peak": "2800/s"}
    scaled = cost(tmp_path / "a", constraints__throughput=peak)
    fixed_ = cost(
        tmp_path / "b", changed(PLATFORM, platform__autoscaling={"provider": "none"}), constraints__throughput=peak
    )
    assert parts(scaled)["serving scorer"] == 3.75 * 102.20
    assert parts(fixed_)["serving scorer"] == 20 * 204.40


# Runs in a month


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 3 * * *", 730 / 24),
        ("0 3 * * 1", 730 / 168),
        ("0 9,17 * * 1-5", 10 * 730 / 168),
        ("*/15 * * * *", 4 * 730),
        ("0 3 1 * *", 12 * 28 / 10227 * 730 / 24),  # 336 months in 10,227 days
        ("0 3 29 2 *", 7 / 10227 * 730 / 24),  # leap days
        ("@weekly", 730 / 168),
    ],
)
def test_runs_in_a_month(schedule: str, runs: float) -> None:
    assert float(monthly(fixed(schedule, "a test")).value) == pytest.approx(runs, rel=1e-9)


# Several services, and tokens


def test_services_have_their_own_price(tmp_path: Path) -> None:
    one = SPEC["serving"]
    services = {"small": {**one, "model": "scorer"}, "large": {**one, "model": "scorer", "replicas": {"min": 4}}}
    made = cost(
        tmp_path, serving=None, services=services, rollout=None, platform__rollout__provider="none", training=None
    )
    assert parts(made) == {"serving small": 204.40, "serving large": 408.80}
    assert made.units["large"].value.amount == 2 * made.units["small"].value.amount


def test_what_generates_is_priced_by_the_token(tmp_path: Path) -> None:
    llm = {"tokens": {"context": 4096, "output": 500}}
    serving = {**SPEC["serving"], "runtime": "vllm", "llm": llm}
    serving["resources"] = {**serving["resources"], "accelerator": {"type": "tpu-x"}}
    made = cost(tmp_path, serving=serving, release__artifact__format="safetensors")
    price = made.units["scorer"]
    assert str(price.value).endswith(" EUR/1M tokens")
    assert "500 tokens" in price.reason
    assert float(price.value.amount) * 26.28e6 * 500 == pytest.approx(float(made.total.value.amount), rel=1e-3)


def test_a_million_tokens_cost_what_answers_of_the_usual_length_cost(tmp_path: Path) -> None:
    """The largest answer would make a token 5 times as cheap as it is."""
    serving = {**SPEC["serving"], "runtime": "vllm"}
    serving["resources"] = {**serving["resources"], "accelerator": {"type": "tpu-x"}}
    tokens = {"context": 4096, "output": 500}
    prices = [
        cost(tmp_path, serving={**serving, "llm": {"tokens": one}}, release__artifact__format="safetensors").units[
            "scorer"
        ]
        for one in (tokens, {**tokens, "usual": {"output": 100}})
    ]
    assert float(prices[1].value.amount) == pytest.approx(5 * float(prices[0].value.amount), rel=1e-3)


def test_what_only_reads_is_priced_by_the_request(tmp_path: Path) -> None:
    """A reranker with `output: 1` cost 139 USD for a million tokens that it never wrote."""
    llm = {"task": "reranking", "tokens": {"context": 4096}}
    serving = {**SPEC["serving"], "runtime": "vllm", "llm": llm}
    serving["resources"] = {**serving["resources"], "accelerator": {"type": "tpu-x"}}
    price = cost(tmp_path, serving=serving, release__artifact__format="safetensors").units["scorer"]
    assert str(price.value).endswith(" EUR/1M predictions")


# What cannot be summed


def refused(tmp_path: Path, platform: dict[str, Any]) -> str:
    made = cost(tmp_path, platform)
    with pytest.raises(Refusal) as refusal:
        _ = made.total
    assert refusal.value.diagnostic.id == "MLS405"
    return refusal.value.diagnostic.message


def test_money_of_two_currencies_is_not_added(tmp_path: Path) -> None:
    said = refused(tmp_path, changed(PLATFORM, **{"platform__accelerators__tpu-x__price": "1 USD/h"}))
    assert said == "one price is in EUR and another in USD"


def test_an_accelerator_without_a_price_is_not_free(tmp_path: Path) -> None:
    said = refused(tmp_path, changed(PLATFORM, **{"platform__accelerators__tpu-x__price": None}))
    assert said == "`tpu-x` has no price"


# The budget


def judged(tmp_path: Path, budget: str) -> str:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(changed(SPEC, constraints__budget=budget)))
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(PLATFORM))
    return run("lint", tmp_path / "mlspec.yaml", "--select", "MLS405").err


def test_the_parts_are_told_largest_first(tmp_path: Path) -> None:
    said = judged(tmp_path, "300 EUR/month")
    assert "over the budget of 300 EUR/month" in said
    assert said.index("serving scorer 204.4") < said.index("training 146") < said.index("shadow pods of scorer 42.58")


def test_a_budget_that_is_just_met(tmp_path: Path) -> None:
    total = cost(tmp_path).total.value
    assert "MLS405" not in judged(tmp_path, str(total))
    assert "error[MLS405]" in judged(tmp_path, f"{total.amount - Decimal('0.01')} EUR/month")


def help_of(tmp_path: Path, budget: str, **changes: object) -> str:
    (tmp_path / ".git").mkdir(exist_ok=True)
    made = changed(SPEC, constraints__budget=budget, **changes)
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(PLATFORM))
    [found] = [d for d in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-23") if d.id == "MLS405"]
    assert found.note is not None
    return f"{found.note}; {found.help}"


def test_trap_the_first_advice_is_a_higher_budget(tmp_path: Path) -> None:
    """Four replicas cost 408.80 EUR, and the rest 146.00 + 42.58 + 17.03: of 300 EUR, 94.39 are left, for 0.924 of them
    at 102.20 each.
    """
    kept = help_of(tmp_path, "300 EUR/month", serving__replicas={"min": 4, "max": 8})
    assert "a replica costs 102 EUR/month, so the budget has room for 0.924 of 4" in kept
    assert "; lower `replicas.min` from 4 to the 2 replicas that the mean rate needs, or write `budget:" in kept


def test_what_trains_too_often_is_trained_less_often(tmp_path: Path) -> None:
    """A run costs 5 h x 2.4 = 12 EUR. Everything else is 204.40 + 12.78 + 42.58 = 259.76: 350 leave 90.24, for 7.52."""
    free = {"constraints__throughput": {"mean": "10/s", "peak": "20/s"}, "training__fit": "5h"}
    said = help_of(tmp_path, "350 EUR/month", **free)
    assert "; train less often, or with a cheaper pod, or write `budget:" in said
    assert "the budget has room for 7.52 of 30.4 runs per month" in said  # (350 - 259.76) / 12


def test_the_device_is_what_a_language_model_costs(tmp_path: Path) -> None:
    llm = {"tokens": {"context": 4096, "output": 500}}
    serving = {**SPEC["serving"], "runtime": "vllm", "llm": llm}
    serving["resources"] = {**serving["resources"], "accelerator": {"type": "tpu-x"}}
    free: dict[str, Any] = {"serving": serving, "release__artifact__format": "safetensors", "model__llm": {}}
    said = help_of(tmp_path, "300 EUR/month", **free)
    assert "; serve the model in fewer bits (`optimization.quantization`), or try other accelerators than " in said


def test_shared_memory_is_memory(tmp_path: Path) -> None:
    """A gibibyte of it counts against the pod's: 2 x 730 h x 0.005 EUR more."""
    made = cost(tmp_path, serving__container__sharedMemory="1Gi")
    assert parts(made)["serving scorer"] == pytest.approx(204.40 + 7.30, abs=0.005)
    assert "5 GiB (1Gi of it shared memory) x 0.005 EUR/h" in made.parts["serving scorer"].reason


def test_what_a_budget_leaves(tmp_path: Path) -> None:
    made = cost(tmp_path, constraints__budget="500 EUR/month")
    [whole] = made.budgets
    assert whole.left is not None
    assert whole.left.value.amount == 500 - made.total.value.amount
    [other] = cost(tmp_path, constraints__budget="500 USD/month").budgets
    assert other.left is None


def test_a_service_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """It pays for its replicas and rollouts; the system's also for training."""
    both: dict[str, Any] = {"constraints__budget": "500 EUR/month", "serving__constraints__budget": "210 EUR/month"}
    whole, own = cost(tmp_path, **both).budgets
    assert (whole.service, own.service) == ("", "scorer")
    assert set(own.parts) == {"serving scorer", "canary pods of scorer", "shadow pods of scorer"}
    assert own.total.value.amount == sum(part.value.amount for part in own.parts.values())
    assert own.left is not None
    assert own.left.value.amount == 210 - own.total.value.amount


def test_a_budget_in_another_currency_is_not_converted(tmp_path: Path) -> None:
    assert "the budget is in USD, but prices are in EUR" in judged(tmp_path, "300 USD/month")


def test_every_part_names_what_it_rests_on(tmp_path: Path) -> None:
    """A chain of reasons from the sum down to the price of the platform file."""
    made = cost(tmp_path)

    def reached(value: Because[Any]) -> set[int]:
        own = {id(value)}
        return own.union(*(reached(source) for source in value.sources if isinstance(source, Because)))

    assert id(made.plan.platform.prices.memory) in reached(made.total)
    assert id(made.plan.system.training.fit) in reached(made.parts["training"])  # type: ignore[union-attr]
