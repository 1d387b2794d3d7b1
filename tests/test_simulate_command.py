"""`mlspec simulate`: what it prints, what it draws, and what its exit status says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.simulate import Simulation
from mlspec.terminal.render import simulation as render
from mlspec.terminal.render.simulation_page import page

from .support import ROOT, compile_text, minimal, run

SHORT = ("--hours", "0.05", "--rollouts", "5")
EXAMPLE = ROOT / "examples" / "minimal"
TIGHT = minimal(
    constraints={"latency": {"p99": "20ms"}, "throughput": {"mean": "20/s", "peak": "300/s"}, "availability": "99.5%"},
    serving={
        "mode": "online",
        "runtime": "triton",
        "serviceTime": {"mean": "2ms", "p99": "5ms"},
        "replicas": {"min": 1, "max": 1},
        "endpoint": {"hosts": ["digits.example.com"]},
    },
)
"""One replica at 60% of its capacity, where the plan would have more."""


def simulated(tmp_path: Path, text: str, **how: object) -> Simulation:
    found = mlspec.simulate(compile_text(tmp_path, text), hours=0.1, rollouts=20, **how)  # type: ignore[arg-type]
    return next(iter(found.values()))


def test_kept_promises_exit_with_0() -> None:
    done = run("simulate", EXAMPLE, *SHORT)
    assert done.status == 0
    assert "promises kept, 0 broken" in done.out


def test_a_broken_promise_exits_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mlspec.yaml").write_text(TIGHT.replace("mean: 2ms", "mean: 3ms"))
    (tmp_path / ".git").mkdir()
    done = run("simulate", tmp_path, *SHORT)
    assert done.status == 1
    assert re.search(r"utilization: broken, .* over", done.out)


@pytest.mark.parametrize(
    ("few", "raised"),
    [
        ({"hours": 0.1}, "raise `--hours`"),
        ({"hours": 1, "requests": 1000}, "raise `--requests`"),
        ({"hours": 0.1, "requests": 1000}, "raise `--hours` and `--requests`"),
    ],
)
def test_trap_the_option_to_raise_is_not_the_one_that_limits(few: dict[str, int], raised: str) -> None:
    """More requests than allowed do not make a run longer than it was asked for."""
    (found,) = mlspec.simulate(mlspec.compile(EXAMPLE / "mlspec.yaml"), rollouts=1, **few).values()  # type: ignore[arg-type]
    (said,) = (one for one in found.services[0].unjudged if one.startswith("the autoscaler"))
    assert said.endswith(f"too short for it to remove a replica; {raised}")


def test_a_promise_that_is_missed_by_less_than_the_error_is_not_broken(tmp_path: Path) -> None:
    """At 299/s x 2 ms / 0.6 = 70%: whether the utilization of a short run is above it is chance."""
    found = simulated(tmp_path, TIGHT.replace("peak: 300/s", "peak: 351/s"), requests=1000)
    one = next(promise for promise in found.services[0].promises if promise.title == "utilization")
    assert abs(one.measured - one.allowed) < one.error
    assert one.verdict in ("kept", "unclear")


@pytest.mark.parametrize("columns", ["60", "80", "140"])
def test_no_line_is_wider_than_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = run("simulate", EXAMPLE, *SHORT, "--bad", "10%", "--lose", "zone").out.splitlines()
    assert max(map(len, lines)) <= min(int(columns), 116)


def test_json_has_what_the_api_returns() -> None:
    """And nothing that text has not: the same numbers."""
    found = mlspec.simulate(mlspec.compile(EXAMPLE / "mlspec.yaml"), hours=0.05, rollouts=5)
    out = run("simulate", EXAMPLE, *SHORT, "--format", "json").out
    assert out == render.json(found.values())
    environment = json.loads(out)["environments"][0]
    assert environment["services"][0]["promises"][0]["verdict"] == "kept"


def test_the_same_seed_prints_the_same_and_another_one_something_else() -> None:
    first, again, other = (run("simulate", EXAMPLE, *SHORT, "--seed", seed).out for seed in ("3", "3", "4"))
    assert first == again
    assert first != other


def test_what_is_not_simulated_is_named() -> None:
    out = run("simulate", ROOT / "examples" / "demand-forecast", "--env", "production").out
    assert "batch services are not simulated" in out
    assert "training is not simulated" in out


def test_a_service_without_a_service_time_says_what_to_set(tmp_path: Path) -> None:
    text = minimal(serving={"mode": "online", "runtime": "triton", "endpoint": {"hosts": ["digits.example.com"]}})
    assert simulated(tmp_path, text).unsimulated[0].why == "how long a request takes is unknown: set `serviceTime`"


def test_a_spec_with_errors_is_simulated_as_far_as_possible(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal().replace("p99: 100ms", "p99: 100"))
    assert run("simulate", tmp_path, *SHORT).status == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--burst", "3x"), ("--burst", "3 for 5m"), ("--bad", "5"), ("--bad", "120%"), ("--slow", "2"), ("--slow", "0x")],
)
def test_a_wrong_value_is_refused_with_what_to_write(option: str, value: str) -> None:
    done = run("simulate", EXAMPLE, option, value)
    assert done.status == 2
    assert "write a" in done.err


# The traffic


def test_a_quiet_day_is_simulated_from_midnight_on(tmp_path: Path) -> None:
    """24 h have 29,000 requests, with the highest rate at noon."""
    quiet = minimal(constraints={"throughput": {"trough": "0.1/s", "mean": "0.33/s", "peak": "1/s"}})
    service = mlspec.simulate(compile_text(tmp_path, quiet), at="day", rollouts=1)["default"].services[0]
    assert service.conditions.startswith("a day from 0.1/s to 1/s for 24 h")
    assert service.requests == pytest.approx(0.33 * 86_400, rel=0.03)
    rates = [one.rate for one in service.bins]
    assert 20 < rates.index(max(rates)) < 40
    assert not 10 < rates.index(min(rates)) < 50


def test_of_a_busy_day_the_noon_is_simulated(tmp_path: Path) -> None:
    busy = TIGHT.replace("mean: 20/s", "mean: 100/s")
    service = mlspec.simulate(compile_text(tmp_path, busy), at="day", requests=3000, rollouts=1)["default"].services[0]
    assert service.conditions.startswith("the noon of a day")
    assert service.seconds == 10
    assert service.requests == pytest.approx(3000, rel=0.08)


def test_a_service_without_traffic_at_night_is_simulated(tmp_path: Path) -> None:
    nothing = minimal(
        constraints={"throughput": {"trough": "0/s", "mean": "1/s", "peak": "3/s"}, "availability": "99%"}
    )
    service = mlspec.simulate(compile_text(tmp_path, nothing), at="trough", rollouts=2, slow=2.0)["default"].services[0]
    assert service.requests == 0
    assert not service.broken


# What goes wrong


@pytest.mark.slow
def test_a_burst_beyond_the_maximum_costs_some_of_the_error_budget(tmp_path: Path) -> None:
    found = mlspec.simulate(compile_text(tmp_path, TIGHT), burst=(4.0, 120.0), hours=0.37, rollouts=2)["default"]
    service = found.services[0]
    spent = {promise.title: promise.measured for promise in service.promises}
    assert spent["latency p99, error budget"] > 0.01
    assert service.promises[0].promised == "at most 100% of 30d"
    assert service.seconds >= 600 + 120 + 600, "the burst, and what follows it"


def test_a_lost_zone_fails_requests_until_the_gateway_knows(tmp_path: Path) -> None:
    """Two replicas in two zones, 60/s: half of the requests of 50 s fail, 1,500."""
    found = simulated(tmp_path, minimal(), lose="zone", seed=2)
    promise = next(one for one in found.services[0].promises if one.title.startswith("availability"))
    failed = promise.measured * 0.005 * 20 * 30 * 86_400
    assert failed == pytest.approx(1500, rel=0.15)


def test_a_bad_version_is_rolled_back_when_the_plan_says(tmp_path: Path) -> None:
    """One window more than may fail, of the first step: the plan's own numbers."""
    result = compile_text(tmp_path, minimal())
    first = next(iter(result._compiled.environments[0].plan.online.values())).canary.steps[0].judgments[0]
    expected = (first.failures.value + 1) * first.verdict.value.minutes * 60
    found = mlspec.simulate(result, hours=0.1, bad=0.4)["default"].services[0].rollouts
    assert found is not None
    assert (found.rolled_back, found.seconds) == (found.runs, expected)
    assert found.by[0][0] == "availability"


@pytest.mark.slow
def test_a_version_that_fails_everything_spends_less_than_one_that_fails_half(tmp_path: Path) -> None:
    """The guard is faster than the windows: 160 s against 240 s, so twice the failures cost less than twice as much."""
    result = compile_text(tmp_path, minimal())
    all_, half = (mlspec.simulate(result, hours=0.1, bad=bad)["default"].services[0].rollouts for bad in (1.0, 0.45))
    assert all_ is not None
    assert half is not None
    assert all_.by[0][0] == "most-requests-fail"
    assert all_.seconds == 160
    assert all_.spent is not None
    assert half.spent is not None
    assert all_.spent < 2 * half.spent


@pytest.mark.slow
def test_a_slow_version_is_judged_by_the_latency_of_its_own_pods(tmp_path: Path) -> None:
    """2 ms at 1 slot with a bound of 20 ms: at 30 times, most responses take longer."""
    found = simulated(tmp_path, TIGHT, slow=30.0).services[0].rollouts
    assert found is not None
    assert found.rolled_back == found.runs
    assert found.by[0][0] == "latency-p99"


# The page


class Reader(HTMLParser):
    """Which tags there are, whether each is closed, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.refers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")]
        if tag not in ("meta", "line", "circle", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawn(tmp_path: Path, *options: str) -> str:
    file = tmp_path / "page.html"
    assert run("simulate", EXAMPLE, *SHORT, *options, "--page", file).status == 0
    return file.read_text()


def test_the_page_stands_alone(tmp_path: Path) -> None:
    """No script, no file from elsewhere, and each element closed."""
    text = drawn(tmp_path, "--bad", "10%", "--lose", "replica")
    reader = Reader()
    reader.feed(text.replace("/>", ">"))
    assert reader.open == []
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert reader.refers == []
    assert "url(" not in text
    assert "@import" not in text
    assert {"svg", "table", "style"} <= reader.tags


def test_the_page_follows_the_screen(tmp_path: Path) -> None:
    """A viewport for phones, colors for both modes, and no drawing with a width of its own."""
    text = drawn(tmp_path)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "prefers-color-scheme: dark" in text
    assert "<svg viewBox=" in text
    assert not re.search(r"<svg[^>]* width=", text)


def test_each_color_is_readable_on_its_background() -> None:
    """A contrast of 4.5 to 1 for text (WCAG 2.2, 1.4.3), in both modes."""
    text = page("x", [])
    light, dark = (dict(re.findall(r"--(\w+): #(\w{6})", part)) for part in text.split("prefers-color-scheme", 1))

    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colors in (light, dark):
        for name in set(colors) - {"paper", "grid"}:
            low, high = sorted((luminance(colors[name]), luminance(colors["paper"])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_names_do_not_break_out_of_the_page() -> None:
    assert "<script>" not in page("<script>alert(1)</script>", [])


def test_every_point_is_inside_its_drawing(tmp_path: Path) -> None:
    for path in re.findall(r' d="([^"]+)"', drawn(tmp_path, "--lose", "zone")):
        for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path):
            assert 0 <= float(x) <= 340
            assert 0 <= float(y) <= 190


def test_the_page_never_overwrites_the_spec(tmp_path: Path) -> None:
    spec = tmp_path / "mlspec.yaml"
    spec.write_text(minimal())
    (tmp_path / ".git").mkdir()
    done = run("simulate", spec, *SHORT, "--page", spec)
    assert done.status == 2
    assert "choose another file" in done.err
    assert spec.read_text() == minimal()


def test_a_page_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    done = run("simulate", EXAMPLE, *SHORT, "--page", tmp_path / "missing" / "page.html")
    assert done.status == 2
    assert "cannot be written" in done.err


@pytest.mark.parametrize(
    ("mean", "rollouts", "runs", "said"),
    [
        ("20/s", None, 400, ""),
        ("0.1/s", None, 114, "fewer than 400 rollouts, because each takes long: `--rollouts 400` simulates all"),
        ("0.1/s", 3, 3, ""),
        ("0.001/s", None, None, "so even 20 rollouts would take long to simulate"),
    ],
)
def test_a_rollout_that_takes_weeks_or_years_ends_the_simulation_in_seconds(
    mean: str, rollouts: int | None, runs: int | None, said: str, tmp_path: Path
) -> None:
    """Of a quiet service with a strict objective."""
    spec = minimal(constraints__throughput={"mean": mean, "peak": "40/s"}, constraints__availability="99.99%")
    found = mlspec.simulate(compile_text(tmp_path, spec), hours=0.05, rollouts=rollouts)["default"]
    simulated = found.services[0].rollouts
    assert (simulated.runs if simulated is not None else None) == runs
    told = " ".join(render.text([found], 1000).split())
    assert said in told
    assert said or ("because each takes long" not in told and "not simulated: the canary" not in told)


@pytest.mark.parametrize(
    ("peak", "why"), [("60000000/s", "and a simulation holds 2,000"), ("0/s", "its throughput is 0/s")]
)
def test_traffic_that_cannot_be_simulated_says_so(peak: str, why: str) -> None:
    traffic = [f"--set=constraints.throughput.{name}={peak if name == 'peak' or peak == '0/s' else '20/s'}"
               for name in ("mean", "peak")]  # fmt: skip
    assert why in " ".join(run("simulate", EXAMPLE, *traffic, *SHORT).out.split())


def test_hours_are_a_number() -> None:
    result = run("simulate", EXAMPLE, "--hours", "nan")
    assert result.status == 2
    assert "write a number of hours" in result.err
