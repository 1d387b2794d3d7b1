"""The tests that mlspec writes for a system: they cover every alert, they pass, and they find faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.because import fixed
from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.emit.artifact import SYSTEM
from mlspec.compiler.pipeline import Environment, compile_system
from mlspec.compiler.rehearse.cases import EVERY, cases, untested
from mlspec.compiler.rehearse.mutants import OPERATORS, found, mutants
from mlspec.compiler.rehearse.replay import questions, replay
from mlspec.compiler.rehearse.values import asked, read, single
from mlspec.compiler.scenes.analysis import Condition, Measured, Replayed, Step
from mlspec.compiler.scenes.labels import example
from mlspec.compiler.scenes.notation import counter, gauge
from mlspec.targets.monitoring.rendered import rendered
from mlspec.targets.registry import BACKENDS
from mlspec.terminal import promtool
from mlspec.terminal.rehearsed import rehearsals

from .online import RUNTIMES, spec
from .scenes import shipped
from .support import EXAMPLES, ROOT, dumped, run, tool
from .systems import generated
from .test_model_proofs import alike, compiled, failed

MINIMAL = ROOT / "examples" / "minimal" / "mlspec.yaml"
FORECAST = ROOT / "examples" / "demand-forecast" / "mlspec.yaml"


def environments(spec: Path) -> Iterator[Environment]:
    yield from compile_system(mlspec.load(spec)._input, BACKENDS, RULES).environments


# Every alert


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_every_alert_of_an_example_has_a_scene_in_which_it_fires(folder: Path) -> None:
    for environment in environments(folder / "mlspec.yaml"):
        assert untested(environment.bundle) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 24, 3))
def test_every_alert_of_a_generated_system_has_a_scene_in_which_it_fires(seed: int, tmp_path: Path) -> None:
    for path, body in generated(seed).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dumped(body))
    (tmp_path / ".git").mkdir()
    for environment in environments(tmp_path / "mlspec.yaml"):
        assert untested(environment.bundle) == []
        assert alike(environment.bundle) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_every_scene_of_an_example_passes(folder: Path) -> None:
    tool("promtool")
    environment = list(environments(folder / "mlspec.yaml"))[-1]
    made = list(cases(environment.bundle))
    files = {name: text for number, case in enumerate(made) for name, text in case.files(f"{number}").items()}
    told = promtool.run(files, [f"{number}.json" for number in range(len(made))])
    failed = {f"{case.alert}: {case.scene}": told[f"{number}.json"][1] for number, case in enumerate(made)}
    assert {name: said for name, said in failed.items() if said != "SUCCESS"} == {}
    assert sum(case.alert == EVERY for case in made) >= 3


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [5028, 5029, 5035])
def test_every_scene_of_a_generated_system_passes(seed: int, tmp_path: Path) -> None:
    tool("promtool")
    for path, body in generated(seed).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dumped(body))
    (tmp_path / ".git").mkdir()
    *_, bundle = (bundle for name, bundle in mlspec.compile(tmp_path / "mlspec.yaml").bundles.items() if name != SYSTEM)
    told = shipped(bundle.files)
    assert len(told) > 3
    assert {file: said for file, said in told.items() if said != "SUCCESS"} == {}


IN_FLIGHT: dict[str, dict[str, Any]] = {
    "a counter of arrivals, and that of requests": {"gauge": "arrived_total", "minus": "http_requests_total"},
    "two counters of their own": {"gauge": "arrived_total", "minus": "ended_total"},
    "the time spent on requests": {"busy": "busy_seconds_total"},
    "a gauge, and one of those that wait": {"gauge": "running", "plus": "waiting"},
}
"""What a server may export of the requests in flight."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_scene_of_a_runtime_passes(runtime: str, tmp_path: Path) -> None:
    tool("promtool")
    made = list(cases(compiled(tmp_path, spec(runtime)).bundle))
    assert len(made) > 20
    assert failed(made) == {}


@pytest.mark.slow
@pytest.mark.parametrize("in_flight", IN_FLIGHT.values(), ids=IN_FLIGHT)
def test_every_scene_passes_for_what_a_server_exports(in_flight: dict[str, Any], tmp_path: Path) -> None:
    tool("promtool")
    made = spec("custom", serving__container__metrics__inFlight=in_flight)
    bundle = compiled(tmp_path, made).bundle
    reading = [case for case in cases(bundle) if case.alert in ("ModelServiceSaturated", "ModelRequestsHang", EVERY)]
    assert ("ModelRequestsHang" in {case.alert for case in reading}) is ("gauge" in in_flight)
    assert {case.alert for case in reading} >= {"ModelServiceSaturated", EVERY}
    assert failed(reading) == {}


@pytest.mark.slow
def test_the_files_next_to_the_rules_pass_as_they_are() -> None:
    tool("promtool")
    files = mlspec.compile(FORECAST).bundles["staging"].files
    assert shipped(files, "tests.yaml") == {"tests.yaml": "SUCCESS"}
    assert "tests" not in files["kustomization.yaml"]


# Faults


@pytest.mark.slow
def test_a_sample_of_faults_is_found() -> None:
    tool("promtool")
    (environment,) = environments(MINIMAL)
    every = list(mutants(environment.bundle))
    sample = [mutant for kind in OPERATORS for mutant in [one for one in every if one.operator == kind][::15]]
    assert {one.operator for one in sample} == set(OPERATORS)
    told = found(sample, promtool.run)
    assert sum(one.killed for one in told) == len(sample), [one.survivors for one in told]


def test_every_rule_gets_a_fault_of_each_kind_that_fits_it() -> None:
    assert list(OPERATORS["thresholds tenfold"]("sum(a[5m]) > 0.85\nand b >= 5 and c == 0")) == [
        ("0.85 -> 8.5", "sum(a[5m]) > 8.5\nand b >= 5 and c == 0"),
        ("5 -> 50", "sum(a[5m]) > 0.85\nand b >= 50 and c == 0"),
    ]
    assert list(OPERATORS["metrics renamed"]('sum(a{x="1"}) / sum(b{}) + a{}')) == [
        ("a -> a_v2", 'sum(a_v2{x="1"}) / sum(b{}) + a_v2{}'),
        ("b -> b_v2", 'sum(a{x="1"}) / sum(b_v2{}) + a{}'),
    ]
    assert list(OPERATORS["windows halved"]("a{}[5m] + b{}[5m] + c{}[1d:1m]")) == [
        ("5m -> 150s", "a{}[150s] + b{}[150s] + c{}[1d:1m]"),
        ("1d -> 43200s", "a{}[5m] + b{}[5m] + c{}[43200s:1m]"),
    ]


def test_a_rule_that_never_fires_fails_its_scenes() -> None:
    tool("promtool")
    (environment,) = environments(MINIMAL)
    (case,) = [one for one in cases(environment.bundle) if one.scene == "no replica answers"]
    assert promtool.run(case.files("a"), ["a.json"])["a.json"][0]
    never = [{**rule, "expr": "vector(0) > 1"} for group in case.groups for rule in group["rules"]]
    passed, said = promtool.run(case.files("a", ({"name": "a", "rules": never},)), ["a.json"])["a.json"]
    assert not passed
    assert "ModelServiceAbsent" in said


@pytest.mark.slow
def test_any_alert_that_fires_fails_the_scenes_in_which_all_is_well() -> None:
    tool("promtool")
    (environment,) = environments(MINIMAL)
    case = next(one for one in cases(environment.bundle) if one.alert == EVERY)
    assert not case.fires
    rules = [rule for group in case.groups for rule in group["rules"]]
    alerts = [rule["alert"] for rule in rules if "alert" in rule]
    assert len(alerts) > 5
    for alert in set(alerts):
        wrong = [{**rule, "expr": "vector(1)", "for": "1m"} if rule.get("alert") == alert else rule for rule in rules]
        passed, said = promtool.run(case.files("a", ({"name": "a", "rules": wrong},)), ["a.json"])["a.json"]
        assert not passed
        assert alert in said


# Rollouts


@pytest.mark.slow
def test_every_rollout_ends_as_it_must() -> None:
    tool("promtool")
    (found_,) = rehearsals(compile_system(mlspec.load(MINIMAL)._input, BACKENDS, RULES))
    (rollout,) = found_.rollouts
    assert len(rollout.scenes) == 10
    assert [(scene.name, scene.ended) for scene in rollout.scenes if not scene.passed] == []
    assert {scene.expected for scene in rollout.scenes} == {"promoted", "held", "rolled back"}


def measured(name: str = "a", failures: int = 1, idle: int = 2) -> Measured:
    """Four measurements, every 60 seconds, the first after 60 seconds."""
    good, bad = (Condition(compared=compared, limit=0.1) for compared in ("<=", ">"))
    return Measured(
        name=name, query=name, first=60, every=60, times=4, failures=failures, idle=idle, good=good, bad=bad
    )


def ended(*results: float | None, failures: int = 1) -> tuple[str, int, int]:
    """The verdict, the step, and the seconds, for the results of two steps of four measurements."""
    replayed = Replayed(steps=(Step(share=5, metrics=(measured(failures=failures),)),) * 2, new={}, live={})
    asked_ = list(questions(replayed, 0))
    assert [at for _, at in asked_] == [60, 120, 180, 240, 301, 361, 421, 481]  # a step begins a second after another
    done = replay(replayed, dict(zip(asked_, results, strict=False)), 0)
    return done.verdict, done.step, done.seconds


def test_the_controller_counts_failed_and_inconclusive_measurements() -> None:
    good, bad = 0.1, 0.11
    nan = float("nan")
    assert ended(*[good] * 8) == ("promoted", 2, 481)
    assert ended(bad, good, bad) == ("rolled back", 1, 180)
    assert ended(bad, good, good, good, bad, good, good, good) == ("promoted", 2, 481)  # each step counts for itself
    assert ended(bad, good, good, good, good, good, bad, bad) == ("rolled back", 2, 481)
    assert ended(None, nan, None) == ("held", 1, 180)
    assert ended(None, bad, bad) == ("rolled back", 1, 180)
    assert ended(bad, None, good, None, *[good] * 4) == ("promoted", 2, 481)
    assert ended(bad, bad, bad, bad, *[good] * 4, failures=4) == ("promoted", 2, 481)  # a limit that is never reached


def test_a_condition_is_read_only_if_it_is_one_that_mlspec_writes() -> None:
    read_ = Condition.read("len(result) > 0 && !isNaN(result[0]) && result[0] <= 0.02")
    assert read_ == Condition(compared="<=", limit=0.02)
    assert read_.holds(0.02)
    assert not read_.holds(0.021)
    assert not read_.holds(None)
    assert Condition.read("result[0] <= 0.02") is None


# Series, labels, and texts


@pytest.mark.parametrize("growth", [50420.76, 5.247751606, 1 / 3, 2 / 3, 1e-7, 315.951391863])
def test_a_counter_never_falls(growth: float) -> None:
    """A sample that is lower by a rounding error is a restart for Prometheus, which then counts twice."""
    at, samples = 0.0, [0.0]
    for part in counter([(10, growth), (20, 0), (170, growth), (5, 0), (5, 0)]).split()[1:]:
        start, _, rest = part.partition("+")
        at, grown, times = float(start), *rest.split("x")
        samples += [at := at + (float(grown) if number else 0) for number in range(int(times) + 1)]
    assert samples == sorted(samples)
    assert samples[-1] == pytest.approx(180 * growth, rel=1e-6, abs=1e-7)


def test_a_counter_and_a_gauge_have_a_sample_for_each_minute() -> None:
    assert counter([(3, 0.0), (2, 1.5)]) == "0 0+0x2 1.5+1.5x1"
    assert counter([(60, 2.0)], step=30) == "0 60+60x1"
    assert gauge([(10, 1), (5, 0.25), (3, "stale"), (2, "_")]) == "1x9 0.25x4 stale _x2 _x2"
    assert gauge([(2, "NaN")]) == "NaN NaN"


def test_promtool_reads_the_series_as_they_are_meant() -> None:
    tool("promtool")
    series = {"a": counter([(3, 0.0), (2, 1.5)]), "b": gauge([(2, 1), (2, "stale"), (1, "NaN")])}
    questions_ = [("a", 180), ("a", 300), ("b", 60), ("b", 120), ("b", 240), ("sum by (x) (c)\n+ 1", 60)]
    said = promtool.run({"a.json": asked(series, 60, questions_)}, ["a.json"])["a.json"][1]
    found_ = {question: single(got) for question, got in read(said).items()}
    nan = found_.pop(("b", 240))
    assert nan is not None
    assert nan != nan  # noqa: PLR0124 - NaN alone differs from itself
    assert found_ == {("a", 180): 0, ("a", 300): 3, ("b", 60): 1, ("b", 120): None, questions_[-1]: None}


def test_labels_satisfy_the_matchers_of_every_runtime() -> None:
    assert example(['a="1",b=~"5.."'], ['c="2"']) == {"a": "1", "b": "500", "c": "other"}
    assert example(['method="POST"', 'status=~"5.."'], ['status="500"']) is None
    assert example([""], [""]) is None
    assert example(['h!~"/(healthz|readyz)"'], ['status=~"5.."']) == {"h": "other", "status": "200"}
    for name in catalog.runtime_names():
        for line in (ROOT / "compiler" / "catalog" / "runtimes" / f"{name}.yaml").read_text().splitlines():
            if "match: '" in line:
                matcher = line.partition("match: '")[2].partition("'")[0]
                assert example([matcher]) is not None, matcher


def test_an_alert_says_what_prometheus_would_say() -> None:
    texts = {
        "share": fixed("{{ $value | humanizePercentage }} of all", ""),
        "time": "for {{ $value | humanizeDuration }}",
        "plain": "{{ $value }} of {{ $value | humanize }}",
        "author": fixed('a {{ "{{" }} b }}', ""),
        "none": None,
    }
    assert rendered(texts, 0.0864)["share"] == "8.64% of all"
    assert rendered(texts, 4560.0)["time"] == "for 1h 16m 0s"
    assert rendered(texts, 93784.0)["time"] == "for 1d 2h 3m 4s"
    assert rendered(texts, 1500.0)["plain"] == "1500 of 1.5k"
    assert rendered(texts, 1.0)["author"] == "a {{ b }}"
    assert "none" not in rendered(texts, 1.0)


# The command


def test_without_promtool_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told = run("test", FORECAST, "--env", "staging")
    assert told.status == 2
    assert "promtool is not on the PATH" in told.err
    assert told.out == ""


DOWN = 'up{namespace="default",job="default/digit-reader",pod="a"}'


def test_series_of_the_author_show_which_alerts_fire_and_when(tmp_path: Path) -> None:
    """The replica is down from minute 21 to 51. The page waits for 5 minutes, and the ticket for 15."""
    tool("promtool")
    (tmp_path / "a.yaml").write_text(dumped({"series": {DOWN: "1x20 0x30 1x20"}}))
    told = run("test", MINIMAL, "--series", tmp_path / "a.yaml")
    assert told.out.splitlines() == [
        "in default, 72 minutes:",
        "  ModelServiceAbsent            page    fires from minute 26 to minute 51",
        "  ModelReplicaDown              ticket  fires from minute 36 to minute 51",
    ]
    rows = ["time,'" + DOWN + "'"] + [f"{60 * minute},{int(not 21 <= minute <= 51)}" for minute in range(73)]
    (tmp_path / "a.csv").write_text("\n".join(rows).replace('"', '""').replace("'", '"'))
    assert run("test", MINIMAL, "--series", tmp_path / "a.csv").out == told.out


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.yaml", "series: 3", "it needs `series`"),
        ("a.yaml", "{interval: soon, series: {}}", "`soon` is not a duration"),
        ("a.csv", "time,a\n0,1\n60,1\n90,1\n", "the same time apart"),
        ("a.csv", "a,b\n0,1\n", "a column `time`"),
        ("a.yaml", "{series: {'up{': '1'}}", "parse error"),
    ],
)
def test_series_that_cannot_be_read_say_why(name: str, text: str, wrong: str, tmp_path: Path) -> None:
    tool("promtool")
    (tmp_path / name).write_text(text)
    told = run("test", MINIMAL, "--series", tmp_path / name)
    assert told.status == 2
    assert wrong in told.err


@pytest.mark.slow
def test_the_command_counts_what_passed() -> None:
    tool("promtool")
    told = run("test", FORECAST, "--env", "staging", "--format", "json")
    assert told.status == 0
    (found_,) = json.loads(told.out)["environments"]
    assert found_["passed"]
    scenes = [scene for alert in found_["alerts"] for scene in alert["scenes"]]
    text = run("test", FORECAST, "--env", "staging").out
    assert f"9 alerts: {len(scenes)} of {len(scenes)} scenes passed" in text


FAKE = """#!/bin/sh
shift 2
status=0
for name; do
    {named}
    case $name in
    bad*) printf '  FAILED:\\n    name: %s,\\n    got:[{said}]\\n\\n' "$name"; status=1 ;;
    *) printf '  SUCCESS\\n\\n' ;;
    esac
done
exit $status
"""


@pytest.mark.parametrize("named", ["printf 'Unit Testing:  %s\\n' \"$name\"", ":"], ids=["2", "3"])
@pytest.mark.parametrize("said", ["", "\\n  SUCCESS\\n"], ids=["plain", "like a verdict"])
def test_each_version_of_promtool_is_understood(
    named: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 names each file, version 3 does not, and a message may contain what looks like a verdict."""
    program = tmp_path / "promtool"
    program.write_text(FAKE.format(named=named, said=said))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    names = ["good-1", "bad-1", "bad-2", "good-2", "bad-3"]
    told = promtool.run({}, names)
    assert {name: passed for name, (passed, _) in told.items()} == {name: name.startswith("good") for name in names}
    assert [f"name: {name}," in told[name][1] for name in names] == [name.startswith("bad") for name in names]
