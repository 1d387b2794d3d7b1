"""`mlspec plan`: a memo without a number that has no unit or reason, which says exactly what a change changes."""

from __future__ import annotations

import json
import pkgutil
import re
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler import plan
from mlspec.compiler.answer.memo import Memo, decided, memo
from mlspec.compiler.answer.memo.change import changes
from mlspec.compiler.because import Because, Unavailable
from mlspec.compiler.finding import Refusal

from .support import EXAMPLES, ROOT, loaded, minimal, run
from .systems.maker import cataloged

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
MINIMAL = ROOT / "examples" / "minimal" / "mlspec.yaml"


@cache
def memos(example: Path) -> tuple[Memo, ...]:
    compiled = mlspec.compile(example / "mlspec.yaml")._compiled
    return tuple(memo(environment) for environment in compiled.environments)


def changed_by(*settings: str, spec: Path = MINIMAL) -> dict[str, str]:
    """The decisions whose value is another one with some settings: `title: before -> after`."""
    before = memo(mlspec.compile(spec)._compiled.environments[0])
    after = memo(mlspec.compile(spec, settings=settings)._compiled.environments[0])
    return {c.title: f"{c.before} -> {c.after}" for c in changes(before, after) if c.before != c.after}


# What a memo says


@EACH
def test_no_decision_is_without_a_reason(example: Path) -> None:
    for said in memos(example):
        assert said.areas
        for area in said.areas:
            assert not area.undecided, area.title
            for decision in area.decisions:
                assert decision.why, (area.title, decision.title)
                assert decision.value, (area.title, decision.title)


NO_UNIT = ("live version",)
"""Numbers that are names."""


@EACH
def test_no_number_is_without_a_unit(example: Path) -> None:
    for said in memos(example):
        for area in said.areas:
            for one in area.decisions:
                plain = one.title in NO_UNIT or one.title.rpartition(", ")[2] in cataloged("metrics")  # a score
                assert plain or not re.fullmatch(r"-?[0-9.,]+", one.value), (area.title, one.title)


@EACH
def test_every_assumption_can_be_replaced(example: Path) -> None:
    """Its path is one of the language's: the value that was assumed can be written there."""
    spec = example / "mlspec.yaml"
    for said in memos(example):
        assert said.assumptions
        for assumption in said.assumptions:
            assert assumption.why, assumption.path
    assumed = [one for said in memos(example) for one in said.assumptions]
    # the names of families may hold dots, and staging of fraud-scorer records nothing, so it has no recorder to set up
    settings = {one.path: one.value for one in assumed if ".families." not in one.path and ".capture." not in one.path}
    result = mlspec.compile(spec, settings=[f"{path}={_written(value)}" for path, value in settings.items()])
    wrong = [d.message for d in result.diagnostics if d.severity == "error" and d.id not in ("MLS012", "MLS750")]
    assert wrong == []


@EACH
def test_the_catalog_leaves_no_fact_to_a_default(example: Path) -> None:
    """What a runtime does is known, and no assumption of the planner; its allowance of memory is one."""
    assumed = {one.path.rpartition(".container.")[2] for said in memos(example) for one in said.assumptions}
    assert {path for path in assumed if path.startswith(("metrics.", "drain.", "probes.", "cpuBound"))} == set()


def _written(value: str) -> str:
    return {"yes": "true", "no": "false"}.get(value, value)


def test_a_decision_that_is_refused_is_said_in_its_place() -> None:
    [environment] = mlspec.compile(MINIMAL, settings=["constraints.availability=100%"])._compiled.environments
    undecided = {area.title: area.undecided for area in memo(environment).areas if area.undecided}
    assert undecided["Objectives of digit-reader"] == "MLS502: an availability of 100% is impossible"


# What the memo shows, and what it leaves out

NOT_TOLD = {
    "name", "job", "model", "image", "canary_name", "shadow_name", "parallel_names", "scrape_interval", "rate_window",
    "slots", "workers", "mean_time", "accelerated", "availability", "for_peak", "for_mean", "for_ramp", "min_replicas",
    "startup_failures", "provider", "query", "signal", "adapter", "progressive", "delay", "partitioned", "items",
    "failed_parts", "longest_gap", "kept", "overdue", "given_schedule", "schedule", "time_zone", "cadence", "folds",
    "shared_memory", "retries", "shadow_replicas", "shares", "environment", "namespace", "work", "suspended", "most",
    "rate", "late_without", "pod_memory", "in_place", "search_schedule", "mirroring", "routed", "scales",
    "generates", "sequences", "traffic_provider", "queues", "processors", "threads", "writes", "settled",
    "survives_zones", "until_ready",
}  # fmt: skip
"""What other decisions rest on and print, or what only an object needs."""

NOT_TOLD_OF: dict[str, set[str]] = {
    "BatchPlan": {"estimated_memory", "shared", "shortest_gap"},
    "Arrival": {"by_gateway", "by_mesh"},
    "Asking": {"trough"},
    "DashboardsPlan": {"folder", "folder_annotation", "form"},
    "Plan": {"cluster", "users"},
    "Orchestration": {"observed", "starts"},
    "LearningPlan": {"diagnosis"},
    "FineTuningPlan": {
        "accumulation",
        "adapters",
        "beta",
        "bfloat16",
        "learning_rate",
        "objective",
        "packing",
        "processes",
    },
    "ModelFiles": {"file", "is_folder", "number", "source"},
    "CadencePlan": {"gap", "labeled", "rollout", "run", "tolerated", "window"},
    "CostPlan": {"runs", "versions"},
    "Hops": {"hop", "lookup", "recorder"},
    "MeasuringPlan": {"answers", "feature_results", "output", "pause", "reference", "starts", "webhook"},
    "StorePlan": {"deadline", "folder", "late", "project"},
    "ViewPlan": {"computed", "lag", "table", "ttl", "uri"},
    "OnlineCost": {"price", "replicas"},
    "ServicePlan": {"day"},
    "GapSample": {"events"},
    "TrialsPlan": {"fits", "price"},
    "Sample": {"values"},
    "HistoryPlan": {"named", "rows"},
    "LabelingPlan": {"evaluation", "paid", "price"},
    "TrainingPlan": {
        "nodes",
        "prefix",
        "search_deadline",
        "search_folds",
        "search_gap",
        "search_kept",
        "search_name",
        "search_stale",
    },
    "DriftPlan": {"columns", "lookback", "of_features", "of_prediction", "profile"},
    "QualityPlan": {"about_all_rows", "estimated", "given", "more_is_better", "seen"},
    "GatewayPlan": {"enforces_timeout", "route_kind", "timeout"},
    "MeshPlan": {"follows_routes", "probes", "tunnel"},
    "Timing": {"timeout"},
    "Tokens": {
        "context",
        "length",
        "lengths",
        "mean_length",
        "output",
        "prompt",
        "retrieved",
        "shared",
        "usual_output",
        "usual_prompt",
        "window",
    },
    "LanguageModel": {"kept_as"},
    "Fit": {"each", "whole"},
    "Hardware": {"prompt_chunk"},
    "Proposals": {"bits", "other", "smaller"},
    "Speed": {"busy", "late", "limit", "in_flight", "sustained"},
    "Work": {
        "in_fp8",
        "memory_share",
        "compute_share",
        "mixture",
        "heads",
        "hidden",
        "link",
        "multiplies",
        "reads",
        "width",
    },
}
"""The same of one class, where another class has a decision of that name or may get one."""


def test_every_decision_is_told_or_known_not_to_be() -> None:
    """A decision that is added to the plan is added to the memo, or to one of the lists above.

    An example must have it: a decision that is None in all of them cannot be seen in a memo.
    """
    told = {id(value) for lines in _lines() for line in lines for value in _forms(line.value)}
    missing = {
        f"{kind.__name__}.{name}"
        for kind, holders in _holders().items()
        for name in _decided(kind)
        if not any(id(value) in told for value in _values(holders, name))
    }
    assert missing == set(), "add a line to compiler/answer/memo/ and show it in an example; or add it to NOT_TOLD"


def test_every_kind_of_plan_is_searched_for_decisions() -> None:
    """A class that no example has, or that is reached in another way, would be skipped silently."""
    modules = [import_module(info.name) for info in pkgutil.walk_packages(plan.__path__, f"{plan.__name__}.")]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    own = {kind for kind in kinds if kind.__module__.startswith(plan.__name__) and _decided(kind)}
    searched = {base for kind in _holders() for base in kind.__mro__}
    assert {kind.__name__ for kind in own - searched} == set()


def _decided(kind: type) -> set[str]:
    """The names of the decisions of a class that a memo should show."""
    names = {base.__name__ for base in kind.__mro__}
    excused = NOT_TOLD.union(*(found for name, found in NOT_TOLD_OF.items() if name in names))
    made = {n: v for base in kind.__mro__ for n, v in vars(base).items() if isinstance(v, cached_property)}
    decided = {name for name, value in made.items() if value.func.__annotations__["return"].startswith("Because[")}
    return {name for name in decided if not name.startswith("_")} - excused


def _forms(value: Because[Any]) -> list[Because[Any]]:
    """A value, and what it is another form of, such as the seconds of a duration."""
    inner = value.sources[0] if len(value.sources) == 1 else None
    same = isinstance(inner, Because) and inner.why is value.why
    return [value, *_forms(inner)] if same and isinstance(inner, Because) else [value]


@cache
def _compiled() -> tuple[Any, ...]:
    specs = [mlspec.compile(example / "mlspec.yaml")._compiled for example in EXAMPLES]
    return tuple(environment for compiled in specs for environment in compiled.environments)


@cache
def _lines() -> list[list[Any]]:
    return [[line for area in decided(environment.plan) for line in area.lines] for environment in _compiled()]


def _values(holders: list[Any], name: str) -> list[Because[Any]]:
    """What a property is in some plans, where it is one value with a reason."""
    values = (_read(holder, name) for holder in holders)
    return [value for value in values if isinstance(value, Because)]


def _read(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name)
    except (Refusal, Unavailable, AssertionError):
        return None


@cache
def _holders() -> dict[type, list[Any]]:
    """Every part of the plans of the examples, by its class."""
    found: dict[int, Any] = {}
    waiting: list[Any] = [environment.plan for environment in _compiled()]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (tuple, list)):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
        elif type(one).__module__.startswith(plan.__name__) and id(one) not in found:
            found[id(one)] = one
            parts = {n for base in type(one).__mro__ for n, v in vars(base).items() if isinstance(v, PROPERTIES)}
            waiting += (_read(one, name) for name in {*parts, *getattr(one, "__dict__", {})})
    by_class: dict[type, list[Any]] = {}
    for one in found.values():
        by_class.setdefault(type(one), []).append(one)
    return by_class


PROPERTIES = (property, cached_property)


# What a change changes


def test_twice_the_peak_changes_what_carries_it_and_nothing_else() -> None:
    """2000/s x 2 ms are 4 Erlang; 4 / 0.7 = 5.7, so 6 replicas of one slot; 6 x 1.5 = 9; 9 x 0.7 / 2 ms = 3150/s. Two
    replicas answer 1000/s. In 392 s, 392,000 requests are above that, 1.512 times 0.5% of 20 x 86,400 x 30.

    The sojourn time is exponential: at 333/s a replica, ln 100 / (500 - 333.3) = 27.6 ms, so 72.4 of 100 ms are left;
    at 30/s, ln 100 / 470 = 9.8 ms.

    A mean of 20/s leaves 0.24 h of a day for 2000/s: (23.76 x 2 + 0.24 x 6) / 24 = 2.04 replicas x 730 h x 0.041 USD.
    """
    assert changed_by("constraints.throughput.peak=2000/s") == {
        "replicas for the peak load": "2 replicas -> 6 replicas",
        "maximum replicas": "3 replicas -> 9 replicas",
        "headroom: maximum sustainable rate": "1050/s -> 3150/s",
        "headroom: p99 latency": "90.2ms -> 72.4ms",
        "fallback replicas": "2 replicas -> 6 replicas",
        "error budget of a jump to the peak": " -> 151.2%",
        "serving digit-reader": "59.86 USD/month -> 61.06 USD/month",
        "serving digit-reader, floor": " -> 59.86 USD/month",
        "serving digit-reader, peak": " -> 179.58 USD/month",
        "total": "59.88 USD/month -> 61.08 USD/month",
        "unit price, digit-reader": "1.1393 USD/1M predictions -> 1.1621 USD/1M predictions",
    }


def test_twice_the_latency_changes_its_objective_and_nothing_else() -> None:
    """ln 100 / (500 - 30) = 9.8 ms at the peak of 60/s on two replicas, whatever the bound is."""
    assert changed_by("constraints.latency.p99=200ms") == {
        "latency-p99, histogram bucket": "100ms -> 200ms",
        "headroom: p99 latency": "90.2ms -> 190.2ms",
    }


def test_a_fifth_of_the_latency_leaves_less_room_to_wait() -> None:
    """One slot answers later than 20 ms with probability exp(-(500 - l) x 0.02), 1% at l = 500 - 230.3: 3 x 269.7/s."""
    assert changed_by("constraints.latency.p99=20ms") == {
        "latency-p99, histogram bucket": "100ms -> 20ms",
        "headroom: maximum sustainable rate": "1050/s -> 809/s",
        "headroom: p99 latency": "90.2ms -> 10.2ms",
    }


def test_twice_the_slots_change_what_a_replica_is_meant_to_have() -> None:
    """3 x 2 x 0.7 / 2 ms = 2100/s; 70 % of two requests are 1.4; a core for each, which costs: 2 x 730 h x (2 x 0.035 +
    1.5 x 0.004) USD. With a load of 0.06 on two slots, 0.2% of requests wait, and waiting rounds to nothing: 9.2 of
    100 ms are used.
    """
    assert changed_by("serving.serviceTime.at=2") == {
        "headroom: maximum sustainable rate": "1050/s -> 2100/s",
        "headroom: p99 latency": "90.2ms -> 90.8ms",
        "rate without new replicas": "1000/s -> 2000/s",
        "CPU per replica": "1 core -> 2 cores",
        "target per replica": "0.7 requests -> 1.4 requests",
        "serving digit-reader": "59.86 USD/month -> 110.96 USD/month",
        "canary pods of digit-reader": "0.02 USD/month -> 0.05 USD/month",
        "total": "59.88 USD/month -> 111.01 USD/month",
        "unit price, digit-reader": "1.1393 USD/1M predictions -> 2.1121 USD/1M predictions",
    }


def test_a_lower_promise_changes_its_thresholds() -> None:
    """14.4 x 1 % = 0.144, 6 x 1 % = 0.06, 3 x 1 % and 1 x 1 %."""
    found = changed_by("constraints.availability=99%")
    assert found["availability, target"] == "99.5% -> 99%"
    assert found["availability, page (1h and 5m)"] == "7.2% of requests -> 14.4% of requests"
    assert found["availability, ticket (3d and 6h)"] == "0.5% of requests -> 1% of requests"
    assert not [title for title in found if title.startswith(("latency", "replicas", "at "))]


def test_a_larger_harm_to_detect_changes_the_rollout_and_what_it_costs() -> None:
    """0.5 % to 3 %, mean 1.75 %: (1.96 x 0.18544 + 0.8416 x 0.18459)^2 / 0.025^2 = 430.7 requests, in 431 s at 1/s.

    With a limit of 1.23 %, a window of 2 min has 120 requests, and more than one of them fails with probability 12.2 %:
    two of four windows would with 7.5 %. Of 300 in 5 min, more than three fail with 6.6 %: two of four with 2.4 %. So
    the first step has four windows of 5 min, and 1 / 0.0123 = 81.3 requests are needed in each, more than a quarter.
    They show 6 % slow requests as well: 1 / 0.0248 = 40.3, and a quarter of 300 is 75.

    At 50 %, 3,000 requests in 5 min show 1.5 %; 3 % is asked for. A version at its limit of 1.23 % is more than 2.5
    standard deviations above the 0.5 % of the live version with 2 (sqrt(0.0123) - sqrt(0.005)) / sqrt(2 / 3000) - 2.5 =
    0.61, so with 73 %, and fewer than two of four windows fail with 0.27^4 + 4 x 0.73 x 0.27^3 = 6.3 %: nothing
    compares the two. The canary runs 0.8 pod hours instead of 0.6, at 0.041 USD.
    """
    found = changed_by("rollout.stages=[{canary: {detect: [{metric: error-rate, to: 3%}]}}]")
    assert found == {
        "availability, requests to detect a regression": "129 requests -> 431 requests",
        "duration of the 5% step": "8m -> 20m",
        "rollout duration": "36m -> 48m",
        "availability to detect at 5%": "7.2% of requests -> 3% of requests",
        "availability to detect at 50%": "1.5% of requests -> 3% of requests",
        "availability limit at 5%": "1.94% of requests -> 1.23% of requests",
        "availability limit at 50%": "0.867% of requests -> 1.23% of requests",
        "availability minimum at 5%": "52 requests -> 82 requests",
        "latency-p99 to detect at 5%": "14.4% of requests -> 6% of requests",
        "latency-p99 limit at 5%": "3.96% of requests -> 2.48% of requests",
        "latency-p99 minimum at 5%": "30 requests -> 75 requests",
        "availability against the live version at 50%": "compared -> not compared: too few requests",
        "probability of rolling back a good version": "0.7% -> 2.4%",
        "probability of waiting at 5% at half of the expected traffic": "0.9% -> 0%",
        "canary pods of digit-reader": "0.02 USD/month -> 0.03 USD/month",
        "total": "59.88 USD/month -> 59.89 USD/month",
        "unit price, digit-reader": "1.1393 USD/1M predictions -> 1.1395 USD/1M predictions",
    }


def test_another_accelerator_changes_what_it_costs() -> None:
    """2 x 730 h x (4 x 0.035 + 10 x 0.004 + 3.43) USD for 7.884 million predictions; at worst 3 replicas, which are
    replaced in place, because no route leads to the embedder.
    """
    spec = ROOT / "examples" / "support-assistant" / "mlspec.yaml"
    assert changed_by("services.embedder.resources.accelerator.type=a100-80gb", spec=spec) == {
        "accelerators per replica": "1 x l4 -> 1 x a100-80gb",
        "l4": "23 accelerators -> 20 accelerators",
        "a100-80gb": " -> 3 accelerators",
        "serving embedder": "1437.81 USD/month -> 5270.6 USD/month",
        "total": "4424.05 USD/month -> 8256.84 USD/month",
        "headroom: unused budget": "4575.95 USD/month -> 743.16 USD/month",
        "unit price, embedder": "182.3706 USD/1M predictions -> 668.5185 USD/1M predictions",
    }


def test_another_budget_changes_what_is_left_of_it() -> None:
    spec = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"
    assert changed_by("constraints.budget=2000 USD/month", spec=spec) == {
        "headroom: unused budget": "3735.34 USD/month -> 1735.34 USD/month"
    }


# The command


def test_the_memo_as_text_markdown_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = run("plan", "examples/minimal").out
    assert "  Capacity of digit-reader\n" in shown
    assert "  Assumptions\n" in shown
    table = run("plan", "examples/minimal", "--format", "markdown").out
    assert "| replicas for the peak load | 2 replicas | 60/s x 2ms" in table
    document = json.loads(run("plan", "examples/minimal", "--format", "json").out)
    assert document["version"] == 1
    [environment] = document["environments"]
    [capacity] = [area for area in environment["areas"] if area["title"] == "Capacity of digit-reader"]
    assert {"title", "value", "why", "field"} == set(capacity["lines"][0])


def test_a_long_title_does_not_run_into_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = run("plan", "examples/minimal").out.splitlines()
    at = lines.index("    availability, requests to detect a regression")
    assert lines[at + 1].startswith(f"{'':41}129 requests        129 requests to detect")


def test_the_command_says_what_a_setting_would_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = run("plan", "examples/minimal", "--set", "constraints.throughput.peak=2000/s").out
    assert "replicas for the peak load           2 replicas -> 6 replicas" in said
    assert "load time" not in said
    told = json.loads(
        run("plan", "examples/minimal", "--set", "constraints.throughput.peak=2000/s", "--format", "json").out
    )
    [environment] = told["environments"]
    assert {"area", "title", "before", "after", "why"} == set(environment["changes"][0])


def test_a_setting_that_changes_nothing_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = run("plan", "examples/minimal", "--set", "metadata.links.runbook=https://runbooks.example.com/another").out
    assert "no decision changes" in said


@pytest.mark.parametrize(
    "case", ["MLS006-a-name-in-capitals", "MLS007-a-mode", "MLS009-a-kind-of-service", "MLS011-an-empty-section"]
)
def test_a_spec_without_what_areas_are_named_by_has_a_memo_of_the_rest(case: str) -> None:
    ran = run("plan", ROOT / "tests" / "errors" / case)
    assert ran.status == 1
    assert "  Problem\n" in ran.out


# Specs with errors


@pytest.mark.parametrize("name", ["Europe/Berlin", "A B", "", "{x}"])
@pytest.mark.parametrize("place", ["metadata__name", "services", "models"])
def test_trap_the_memo_of_a_system_with_a_wrong_name_crashes(place: str, name: str, tmp_path: Path) -> None:
    base = loaded(MINIMAL.read_text())
    changes_: dict[str, dict[str, object]] = {
        "metadata__name": {"metadata__name": name},
        "services": {"serving": None, "services": {name: base["serving"]}},
        "models": {"model": None, "models": {name: base["model"]}},
    }
    (tmp_path / "mlspec.yaml").write_text(minimal(**changes_[place]))
    for settings in ((), ("--set", "constraints.throughput.peak=70/s")):
        ran = run("plan", tmp_path / "mlspec.yaml", *settings)
        assert ran.status == 1
        assert "error[MLS006]" in ran.err


@pytest.mark.parametrize("section", ["metadata", "problem", "model", "release", "serving", "constraints"])
def test_trap_the_memo_of_a_system_without_a_section_crashes(section: str, tmp_path: Path) -> None:
    (tmp_path / "mlspec.yaml").write_text(minimal(**{section: None}))
    ran = run("plan", tmp_path / "mlspec.yaml")
    assert ran.status in (0, 1)
    assert "mlspec failed" not in ran.err
