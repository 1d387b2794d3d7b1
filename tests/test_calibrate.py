"""`mlspec calibrate`: the benchmark of a known accelerator gives its shares back, and an empty one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import mlspec
from mlspec.compiler.answer.calibration.benchmark import benchmark
from mlspec.compiler.answer.calibration.edit import remark, with_value
from mlspec.compiler.plan.language_models.work import Work

from .batching_sim import Case, simulate
from .support import Ran, run
from .test_packaging import imported
from .test_plan_llm import assistant, plan

PLATFORM = """\
# ours
apiVersion: mlspec/v1
kind: Platform
platform:
  cloud: eks   # for now
  accelerators:
    # reserved until May
    h100:
      # with the discount
      price: 5 USD/h
"""

RESULT: dict[str, Any] = {
    "date": "20261127-101500",
    "backend": "openai",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 100,
    "request_rate": "inf",
    "burstiness": 1.0,
    "max_concurrency": 1,
    "duration": 195.567,
    "completed": 100,
    "failed": 0,
    "total_input_tokens": 200_000,
    "total_output_tokens": 25_600,
    "mean_ttft_ms": 74.455,
    "mean_tpot_ms": 7.3765,
}
"""What one request after the other measures at 80% and 50% of an H100, worked out below."""


class Folder(NamedTuple):
    """A spec of one language model with its platform file."""

    path: Path

    @property
    def platform(self) -> Path:
        return self.path / "mlspec.platform.yaml"

    def calibrate(self, result: object = RESULT, *options: str) -> Ran:
        """Run the command with a result: its text, or its keys."""
        (self.path / "bench.json").write_text(result if isinstance(result, str) else json.dumps(result))
        return run("calibrate", self.path, self.path / "bench.json", "--today", "2026-11-28", *options)


def folder(path: Path, spec: dict[str, Any], platform: str | None = PLATFORM) -> Folder:
    (path / ".git").mkdir(parents=True, exist_ok=True)
    (path / "mlspec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    if platform is not None:
        (path / "mlspec.platform.yaml").write_text(platform)
    return Folder(path)


def on_an_h100(**changes: object) -> dict[str, Any]:
    return assistant(**{"resources__accelerator": {"type": "h100"}, **changes})


@pytest.fixture
def made(tmp_path: Path) -> Folder:
    return folder(tmp_path, on_an_h100())


def shares(where: Folder, accelerator: str = "h100") -> dict[str, str]:
    """The shares in the platform file."""
    entry = yaml.safe_load(where.platform.read_text())["platform"]["accelerators"][accelerator]
    return {key: value for key, value in entry.items() if key.endswith("Efficiency")}


# What it finds


def test_the_arithmetic_of_one_request_after_the_other(made: Folder) -> None:
    """Llama 3.1 8B in 16 bits, 2,000 tokens of prompt and 256 of response, on an H100 at 80% and 50%.

    A step reads 16.06 GB of weights and 2,128 x 131,072 bytes = 0.27892 GB of cache at 80% of 3,350 GB/s, 6.0966 ms,
    and 32 layers take 40 us each: 7.3766 ms. A prompt takes 2 x 8.03 G x 2,000 + 2 x 32 x 32 x 128 x 2,000² = 33.1686 T
    operations at 50% of 989 T, 67.075 ms, and shares a step: 74.452 ms. With the catalog's 75% and 65%, these are 7.783
    and 51.596 + 7.783 = 59.379 ms.
    """
    done = made.calibrate()
    assert done.status == 0
    between, first = (" ".join(line.split()) for line in done.out.splitlines() if "Efficiency" in line and "->" in line)
    assert between == "between tokens 7.78 ms 7.38 ms memoryEfficiency 75% -> 80% 7.38 ms"
    assert first == "to the first token 59.4 ms 74.5 ms computeEfficiency 65% -> 50% 74.5 ms"
    assert (
        "0.962 responses are generated at once: 130 tokens/s x 7.38 ms; other prompts take 0% of the time" in done.out
    )


class Server(NamedTuple):
    """A model on accelerators that achieve some shares, and the requests of a benchmark."""

    accelerator: str
    devices: int
    family: str
    quantization: str | None
    memory: str
    compute: str
    case: Case
    decided: str
    """What the benchmark decides: `both`, `memory`, or `compute`."""

    @property
    def field(self) -> str:
        return "fp8Efficiency" if self.quantization is not None else "computeEfficiency"

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec, with the lengths of the requests."""
        accelerator = {"type": self.accelerator, "count": self.devices}
        tokens = {"context": 16384, "prompt": self.case.prompt, "output": self.case.output + 1}
        spec = assistant(resources__accelerator=accelerator, llm__tokens=tokens, llm__caching=None)
        spec["models"]["chat"]["llm"] = {"family": self.family}
        if self.quantization is not None:
            spec["models"]["chat"]["optimization"] = {"quantization": {"method": self.quantization}}
        return spec

    def work(self, path: Path) -> Work:
        """Its steps and prompts, from a platform file that has the shares."""
        known = {"memoryEfficiency": self.memory, self.field: self.compute}
        head: dict[str, Any] = {"apiVersion": "mlspec/v1", "kind": "Platform"}
        text = {**head, "platform": {"cloud": "eks", "accelerators": {self.accelerator: known}}}
        folder(path, self.spec, yaml.safe_dump(text))
        speed = plan(path, self.spec).hardware.speed
        assert speed is not None
        return speed.work


SERVERS = [
    Server("h100", 1, "llama-3.1-8b", None, "60%", "50%", Case(2000, 255, 8192, 256, 2), "both"),
    Server("h100", 1, "llama-3.1-8b", "fp8", "85%", "35%", Case(4000, 255, 8192, 256, 2), "both"),
    Server("h100", 4, "llama-3.1-70b", None, "65%", "55%", Case(3000, 399, 8192, 256, 0.8), "both"),
    Server("l4", 1, "llama-3.1-8b", None, "80%", "65%", Case(1500, 199, 2048, 256, 0.2), "both"),
    Server("a100-80gb", 1, "llama-3.1-8b", None, "88%", "50%", Case(8000, 31, 2048, 256, 0.4), "compute"),
    Server("h100", 1, "llama-3.1-8b", None, "60%", "50%", Case(200, 255, 8192, 256, 8), "memory"),
    Server("a100-80gb", 1, "llama-3.1-8b", None, "75%", "50%", Case(8000, 0, 2048, 256, 0.4), "compute"),
]


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS, ids=lambda one: f"{one.family} on {one.devices} {one.accelerator}")
def test_a_simulated_server_gives_its_shares_back(server: Server, tmp_path: Path) -> None:
    """The simulation reads prompts and generates tokens in steps, and knows no formula of a queue."""
    work, case = server.work(tmp_path / "known"), server.case
    simulated = simulate(work, case._replace(output=max(1, case.output)), requests=1500)
    first = sum(simulated.first_tokens) / len(simulated.first_tokens)
    answer = sum(simulated.answers) / len(simulated.answers)
    result = {
        **RESULT,
        "num_prompts": 1500,
        "completed": 1500,
        "duration": 1500 / case.rate,
        "request_rate": case.rate,
        "max_concurrency": None,
        "total_input_tokens": 1500 * case.prompt,
        "total_output_tokens": 1500 * (case.output + 1),
        "mean_ttft_ms": 1000 * first,
        "mean_tpot_ms": 1000 * (answer - first) / max(1, case.output),
    }
    where = folder(tmp_path / "found", server.spec)
    done = where.calibrate(result, "--write")
    assert done.status == 0, done.err
    known = {"memoryEfficiency": server.memory, server.field: server.compute}
    if server.decided != "both":
        del known[server.field if server.decided == "memory" else "memoryEfficiency"]
    found = shares(where, server.accelerator)
    assert set(found) == set(known)
    for field, value in known.items():
        assert float(found[field][:-1]) == pytest.approx(float(value[:-1]), rel=0.05), field


def closed(work: Work, prompt: int, output: int, chunk: int, together: int) -> tuple[float, float, float]:
    """A benchmark with a fixed number in flight: requests per second, and the mean times to the first token and between
    tokens. Each request is sent as the one before it ends, so that requests of the same length stay in step.
    """
    now, done = 0.0, 0
    waiting = [[0.0, 0.0, 0] for _ in range(together)]  # sent, first token, tokens
    read, running = 0, list[list[float]]()
    first, between = 0.0, 0.0
    while done < 20 * together:
        budget, took, ready = chunk, work.step(len(running)), list[list[float]]()
        while waiting and budget:
            size = min(budget, prompt - read)
            took += work.added(read + size, read)
            read, budget = read + size, budget - size
            if read == prompt:
                ready.append(waiting.pop(0))
                read = 0
        now += took
        for one in ready:
            one[1], first = now, first + now - one[0]
        for one in running:
            one[2] += 1
        for one in [one for one in running if one[2] == output]:
            between, done = between + (now - one[1]) / output, done + 1
            waiting.append([now, 0.0, 0])
        running = [one for one in running if one[2] < output] + ready
    return done / now, first / done, between / done


@pytest.mark.parametrize("together", [8, 32])
def test_requests_that_are_sent_in_groups_decide_only_the_memory(together: int, tmp_path: Path) -> None:
    """Their prompts wait for each other, so the time to the first token is several prompts long."""
    server = SERVERS[0]._replace(case=Case(500, 255, 8192, 256, 1))
    rate, first, between = closed(server.work(tmp_path / "known"), 500, 255, 8192, together)
    result = {
        **RESULT,
        "max_concurrency": together,
        "duration": 100 / rate,
        "total_input_tokens": 50_000,
        "mean_ttft_ms": 1000 * first,
        "mean_tpot_ms": 1000 * between,
    }
    where = folder(tmp_path / "found", server.spec)
    done = where.calibrate(result, "--write")
    assert done.status == 0
    assert "`computeEfficiency` stays 65%" in done.out
    assert f"with {together} requests in flight, prompts are sent in groups" in " ".join(done.out.split())
    assert float(shares(where)["memoryEfficiency"][:-1]) == pytest.approx(60, rel=0.05)


def test_a_result_of_sglang_is_read_too(made: Folder) -> None:
    """It names neither model nor date, and writes an unlimited rate as a number that JSON does not have."""
    without = {key: value for key, value in RESULT.items() if key not in ("date", "model_id", "num_prompts", "failed")}
    text = json.dumps({**without, "dataset_name": "random", "request_rate": float("inf"), "accept_length": None})
    assert "Infinity" in text
    assert made.calibrate(text, "--write").status == 0
    assert "80% # mlspec calibrate: 2026-11-28, chat, bench.json\n" in made.platform.read_text()


# What it writes


def test_a_written_file_keeps_everything_else_and_says_where_the_values_come_from(made: Folder) -> None:
    done = made.calibrate(RESULT, "--write")
    assert f"{made.platform}: wrote `platform.accelerators.h100.memoryEfficiency` and `platform." in done.out
    remark_ = "# mlspec calibrate: 2026-11-27, meta-llama/Llama-3.1-8B-Instruct, bench.json"
    added = f"      memoryEfficiency: 80% {remark_}\n      computeEfficiency: 50% {remark_}\n"
    assert made.platform.read_text() == PLATFORM.replace("    h100:\n", f"    h100:\n{added}")


def test_a_written_file_lints_and_then_the_estimate_is_the_measurement(made: Folder) -> None:
    before = {(one.id, one.message) for one in mlspec.lint(made.path / "mlspec.yaml", today="2026-11-28")}
    made.calibrate(RESULT, "--write")
    after = {(one.id, one.message) for one in mlspec.lint(made.path / "mlspec.yaml", today="2026-11-28")}
    assert after == before
    lines = [
        " ".join(line.split()) for line in made.calibrate().out.splitlines() if "Efficiency" in line and "->" in line
    ]
    assert lines[0] == "between tokens 7.38 ms 7.38 ms memoryEfficiency 80% -> 80% 7.38 ms"
    assert lines[1] == "to the first token 74.5 ms 74.5 ms computeEfficiency 50% -> 50% 74.5 ms"


def test_writing_twice_changes_nothing(made: Folder) -> None:
    made.calibrate(RESULT, "--write")
    once = made.platform.read_text()
    assert "already has `platform.accelerators.h100.memoryEfficiency`" in made.calibrate(RESULT, "--write").out
    assert made.platform.read_text() == once


def test_another_benchmark_replaces_the_values_and_where_they_come_from(made: Folder) -> None:
    made.calibrate(RESULT, "--write")
    made.calibrate({**RESULT, "mean_tpot_ms": 7.783, "date": "20270101-000000"}, "--write")
    text = made.platform.read_text()
    assert "memoryEfficiency: 75% # mlspec calibrate: 2027-01-01, " in text
    assert text.count("# mlspec calibrate") == 2
    assert "2026-11-27" not in text


def test_without_write_nothing_is_written_and_the_text_can_be_pasted(made: Folder) -> None:
    done = made.calibrate()
    assert made.platform.read_text() == PLATFORM
    pasted = yaml.safe_load(done.out.partition("or pass --write:\n")[2])
    assert pasted == {"platform": {"accelerators": {"h100": {"memoryEfficiency": "80%", "computeEfficiency": "50%"}}}}


def test_what_is_pasted_into_a_new_platform_file_lints(tmp_path: Path) -> None:
    made = folder(tmp_path, on_an_h100(), platform=None)
    printed = made.calibrate().out.partition("next to the spec or above it:\n")[2]
    folder(tmp_path, on_an_h100(), platform=printed.lstrip())
    assert not [one for one in mlspec.lint(tmp_path / "mlspec.yaml", today="2026-11-28") if one.severity == "error"]
    assert "memoryEfficiency 80% -> 80%" in made.calibrate().out


def test_writing_needs_a_platform_file(tmp_path: Path) -> None:
    done = folder(tmp_path, on_an_h100(), platform=None).calibrate(RESULT, "--write")
    assert done.status == 2
    assert "there is no platform file to write to" in done.err
    assert "help: create one next to the spec or above it: `mlspec init --template platform` writes one" in done.err


def test_the_value_of_a_cluster_is_replaced_where_it_is(tmp_path: Path) -> None:
    """A value for all clusters would have no effect."""
    own = "clusters:\n  east:\n    accelerators:\n      h100: {memoryEfficiency: 70%}  # old driver\n"
    spec = on_an_h100()
    spec["environments"]["production"]["cluster"] = "east"
    made = folder(tmp_path, spec, PLATFORM + own)
    assert made.calibrate(RESULT, "--write").status == 0
    found = yaml.safe_load(made.platform.read_text())
    assert found["clusters"]["east"]["accelerators"]["h100"] == {"memoryEfficiency": "80%"}
    assert shares(made) == {"computeEfficiency": "50%"}
    assert "{memoryEfficiency: 80%}  # old driver # mlspec calibrate" in made.platform.read_text()


def test_the_nearer_platform_file_is_written_if_it_decides(tmp_path: Path) -> None:
    outer = folder(tmp_path, on_an_h100())
    near = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {accelerators: {h100: {memoryEfficiency: 70%}}}\n"
    inner = folder(tmp_path / "team", on_an_h100(), near)
    (tmp_path / "team" / ".git").rmdir()
    (tmp_path / "mlspec.yaml").unlink()
    assert inner.calibrate(RESULT, "--write").status == 0
    assert shares(inner) == {"memoryEfficiency": "80%"}
    assert shares(outer) == {"computeEfficiency": "50%"}


H100 = ("platform", "accelerators", "h100", "memoryEfficiency")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "platform:\n  cloud: eks\n",
            "platform:\n  accelerators:\n    h100:\n      memoryEfficiency: 72% #\n  cloud: eks\n",
        ),
        ("a: 1", "a: 1\nplatform:\n  accelerators:\n    h100:\n      memoryEfficiency: 72% #\n"),
        ("platform: {accelerators: {}}\n", "platform: {accelerators: {h100: {memoryEfficiency: 72%}}} #\n"),
        ("platform: {cloud: eks}\n", "platform: {accelerators: {h100: {memoryEfficiency: 72%}}, cloud: eks} #\n"),
        (
            "platform:\n  accelerators:\n    h100: {memoryEfficiency: '75%'} # from a friend\n",
            "platform:\n  accelerators:\n    h100: {memoryEfficiency: 72%} # from a friend #\n",
        ),
        (
            "platform:\r\n  accelerators:\r\n    l4: {price: 1}\r\n",
            "platform:\r\n  accelerators:\r\n    h100:\r\n      memoryEfficiency: 72% #\r\n    l4: {price: 1}\r\n",
        ),
        (
            "platform:\n    accelerators:\n      h100:\n        # n\n        cpu: 1\n",
            "platform:\n    accelerators:\n      h100:\n        memoryEfficiency: 72% #\n        # n\n        cpu: 1\n",
        ),
    ],
)
def test_a_value_fits_into_every_layout(before: str, after: str) -> None:
    comment = remark("a benchmark")
    found = with_value(before, H100, "72%", comment)
    assert found == after.replace("72% #", f"72% {comment}").replace("} #\n", f"}} {comment}\n").replace(
        "friend #", f"friend {comment}"
    )
    assert found is not None
    assert with_value(found, H100, "72%", comment) == found


@pytest.mark.parametrize(
    "text",
    [
        "platform:\n  accelerators:\n    l4: &a {price: 1 USD/h}\n    h100: *a\n",
        "platform:\n  accelerators:\n    h100: &a\n      price: 1 USD/h\n    l4: *a\n",
        "platform:\n  accelerators:\n",
        "platform:\n  accelerators: [h100]\n",
        "platform:\n  accelerators: {h100: {memoryEfficiency: [75%]}}\n",
        "a: 1\n...\n",
        "a: |\n  text",
        "a: [",
        "",
    ],
)
def test_a_layout_in_which_an_edit_would_change_more_is_left_alone(text: str) -> None:
    assert with_value(text, H100, "72%", remark("a benchmark")) is None


def test_a_file_that_cannot_be_edited_is_not_written(tmp_path: Path) -> None:
    text = PLATFORM.replace("    # res", "    l4: &a {price: 1 USD/h}\n    # res").replace("h100:\n", "h100: *a\n", 1)
    text = text.replace("      # with the discount\n      price: 5 USD/h\n", "")
    made = folder(tmp_path, on_an_h100(), text)
    done = made.calibrate(RESULT, "--write")
    assert done.status == 1
    assert "no place for `platform.accelerators.h100.computeEfficiency` that can be edited safely" in done.err
    assert made.platform.read_text() == text


def test_a_name_in_the_result_cannot_write_anything_else(made: Folder) -> None:
    evil = "x\n  locked: []\u202e # y\x1b[31m"
    assert made.calibrate({**RESULT, "model_id": evil}, "--write").status == 0
    text = made.platform.read_text()
    assert "memoryEfficiency: 80% # mlspec calibrate: 2026-11-27, x_  locked: _ _ y_31m, bench.json\n" in text


# What it refuses


OPEN = {**RESULT, "max_concurrency": None, "request_rate": 1.0}


@pytest.mark.parametrize(
    ("changes", "status", "message", "help_"),
    [
        ({"failed": 3}, 1, "3 requests failed", "fix the server"),
        ({"failed": None, "completed": 97}, 1, "3 requests failed", "fix the server"),
        ({"completed": 0, "failed": 0}, 1, "completed no request", "run `vllm bench serve --save-result`"),
        ({"completed": 3, "num_prompts": 3}, 1, "completed 3 requests, too few", "run `vllm bench serve"),
        ({"max_concurrency": None}, 1, "all requests were sent at once", "--request-rate 1"),
        ({"ramp_up_strategy": "linear"}, 1, "the rate of the requests rose", "use a constant one"),
        ({"spec_decode_acceptance_length": 2.4}, 1, "generated 2.4 tokens", "run the benchmark without it"),
        ({"accept_length": 2.4}, 1, "generated 2.4 tokens", "run the benchmark without it"),
        ({**OPEN, "mean_ttft_ms": 900, "duration": 12}, 1, "is the wait for other prompts", "lower `--request-rate`"),
        ({**OPEN, "mean_ttft_ms": 9000, "duration": 60}, 1, "is the wait for other prompts", "lower `--request-rate`"),
        ({"mean_tpot_ms": 4}, 1, "`memoryEfficiency` above 100%", "the number of devices in the spec"),
        ({"mean_ttft_ms": 30}, 1, "`computeEfficiency` above 100%", "were not in a prefix cache"),
        ({"mean_tpot_ms": 1.2, "duration": 100}, 1, "`memoryEfficiency` above 100%", "the number of devices"),
        ({"mean_tpot_ms": 1500, "duration": 40_000}, 1, "`memoryEfficiency` below 1%", "nothing else used"),
        ({"total_input_tokens": 900_000}, 1, "more than the context of 8,192", "use the spec of the server that was"),
        ({"total_input_tokens": 10_000, "total_output_tokens": 100}, 1, "decides nothing", "run `vllm bench"),
        ({"duration": 20}, 2, "the numbers contradict each other", "as the benchmark wrote it"),
        ({"mean_ttft_ms": 0}, 2, "`mean_ttft_ms: 0` is not a number above 0", "a backend that streams"),
        ({"mean_tpot_ms": None}, 2, "no `mean_tpot_ms`", "keep `ttft` and `tpot` in `--percentile-metrics`"),
        ({"duration": None}, 2, "the result has no `duration`", "run `vllm bench serve"),
        ({"request_rate": None, "max_concurrency": None}, 2, "neither `max_concurrency` nor", "run `vllm bench"),
    ],
)
def test_a_benchmark_that_says_nothing_is_refused(
    made: Folder, changes: dict[str, object], status: int, message: str, help_: str
) -> None:
    done = made.calibrate({**RESULT, **changes}, "--write")
    assert done.status == status
    assert message in done.err
    assert help_ in done.err.partition("\nhelp: ")[2]
    assert made.platform.read_text() == PLATFORM


NUMBERS = ("duration", "completed", "failed", "num_prompts", "max_concurrency", "mean_ttft_ms", "mean_tpot_ms")
TOKENS = ("total_input_tokens", "total_output_tokens")
HOSTILE = ["NaN", "-1", "1e999", "1e300", "9" * 400, '"12"', "true", "[1]", "{}", "-Infinity"]


@pytest.mark.parametrize("key", [*NUMBERS, *TOKENS, "request_rate"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_number_is_refused(key: str, value: str) -> None:
    result = {name: one for name, one in RESULT.items() if not (key == "num_prompts" and name == "failed")}
    text = json.dumps({**result, key: "HERE"}).replace('"HERE"', value)
    if (key, value) == ("request_rate", "1e999"):  # JSON's way to write an unlimited rate
        assert benchmark("bench.json", text).together == 1
        return
    with pytest.raises(mlspec.CalibrationError) as refused:
        benchmark("bench.json", text)
    assert refused.value.help
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("[]", "which is a JSON object"),
        ("[1, 2]", "which is a JSON object"),
        ("null", "which is a JSON object"),
        ('"text"', "which is a JSON object"),
        ("{", "the file is not JSON"),
        ("{}", "the result has no `completed`"),
        ("[" * 100_000, "the file is not JSON"),
        ("9" * 10_000, "the file is not JSON"),
        (f"{json.dumps(RESULT)}\n{json.dumps(RESULT)}\n", "the file has 2 results"),
        ("apiVersion: mlspec/v1", "the file is not JSON"),
        ("x" * (2 << 20), "the file is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_result_is_refused(made: Folder, text: str, message: str) -> None:
    done = made.calibrate(text)
    assert done.status == 2
    assert message in done.err
    assert "\nhelp: " in done.err


def test_a_missing_or_binary_file_is_refused(made: Folder) -> None:
    (made.path / "binary.json").write_bytes(b"\xff\x00")
    assert "cannot be read" in run("calibrate", made.path, made.path / "nothing.json").err
    assert "not UTF-8" in run("calibrate", made.path, made.path / "binary.json").err


@pytest.mark.parametrize(
    ("path", "value"),
    [(("planning", "memoryEfficiency"), "70%"), (("planning", "computeEfficiency"), "70%")],
)
def test_a_share_for_all_accelerators_hides_that_of_one(tmp_path: Path, path: tuple[str, str], value: str) -> None:
    made = folder(tmp_path, on_an_h100(), f"{PLATFORM}  {path[0]}: {{{path[1]}: {value}}}\n")
    done = made.calibrate(RESULT, "--write")
    assert done.status == 1
    assert f"`platform.planning.{path[1]}` in the platform" in done.err


def test_a_share_above_the_platform_file_is_not_written_below_it(made: Folder) -> None:
    done = made.calibrate(RESULT, "--set", "platform.accelerators.h100.memoryEfficiency=70%")
    assert done.status == 1
    assert "is set in" in done.err
    assert "above the platform file" in done.err


def test_a_model_that_does_not_fit_was_not_measured(tmp_path: Path) -> None:
    spec = on_an_h100()
    spec["models"]["chat"]["llm"] = {"family": "llama-3.1-70b"}
    done = folder(tmp_path, spec).calibrate()
    assert done.status == 1
    assert "by the spec, the model of `chat` does not fit: " in done.err


def test_a_time_that_hardly_depends_on_a_share_does_not_decide_it(tmp_path: Path) -> None:
    """On a B200, 28 layers of a model with 0.6 G parameters take 1.12 ms for launches, and reading 1.3 GB at 75% of
    8 TB/s takes 0.22 ms. So an error of 2%, 27 us, is one of 12% in the share.
    """
    spec = assistant(resources__accelerator={"type": "b200"})
    spec["constraints"]["accelerators"] = ["b200", "l4"]
    spec["models"]["chat"]["llm"] = {"family": "qwen3-0.6b"}
    result = {**RESULT, "total_input_tokens": 100_000, "mean_ttft_ms": 9, "mean_tpot_ms": 1.34, "duration": 36}
    done = folder(tmp_path, spec).calibrate(result)
    assert done.status == 1
    assert "the benchmark decides nothing: " in done.err
    assert "an error of 2% in the time between tokens would change it by more than 10%" in done.err
    assert "prompts of 1,000 tokens take no longer than launching the operations" in done.err


def test_the_service_is_named_if_several_generate(tmp_path: Path) -> None:
    spec = on_an_h100()
    spec["services"]["other"] = {**spec["services"]["chat"], "endpoint": {"hosts": ["other.example.com"]}}
    spec["services"]["other"]["model"] = "chat"
    made = folder(tmp_path, spec)
    assert "help: name one with `--service`: `chat` or `other`" in made.calibrate().err
    assert made.calibrate(RESULT, "--service", "other").status == 0
    assert "help: choose `chat` or `other`" in made.calibrate(RESULT, "--service", "embedder").err


def test_the_environment_is_named_if_there_are_several(tmp_path: Path) -> None:
    spec = on_an_h100()
    spec["environments"] = {"staging": {"namespace": "a"}, "production": {"namespace": "b"}}
    made = folder(tmp_path, spec)
    assert "name it with `--env`: `staging` or `production`" in made.calibrate().err
    assert "in staging: chat" in made.calibrate(RESULT, "--env", "staging").out


def test_a_spec_without_a_language_model_is_refused(tmp_path: Path) -> None:
    from .support import MINIMAL

    made = folder(tmp_path, yaml.safe_load(MINIMAL))
    done = made.calibrate()
    assert done.status == 2
    assert "no online service of the spec generates tokens" in done.err


def test_trap_a_server_of_an_undescribed_language_model_generates_no_tokens(tmp_path: Path) -> None:
    """As `mlspec init --template llm` writes it: measured by its service time, so nothing there is an estimate."""
    assert run("init", tmp_path / "answers", "--template", "llm").status == 0
    made = folder(tmp_path, yaml.safe_load((tmp_path / "answers" / "mlspec.yaml").read_text()))
    for named in ((), ("--service", "answers")):
        done = made.calibrate(RESULT, *named)
        assert done.status == 1
        assert "the spec does not describe the model of `answers`" in done.err
        assert "add `llm` to the model `answers`, with its `family`" in done.err


def test_a_device_without_a_data_sheet_is_refused(tmp_path: Path) -> None:
    made = folder(tmp_path, on_an_h100(), PLATFORM + "      bandwidth: null\n")
    done = made.calibrate()
    assert done.status == 1
    assert done.err.count("help: ") >= 1


def test_a_link_to_a_platform_file_stays_one(made: Folder) -> None:
    shared = made.path / "shared.yaml"
    made.platform.rename(shared)
    made.platform.symlink_to(shared)
    assert made.calibrate(RESULT, "--write").status == 0
    assert made.platform.is_symlink()
    assert "memoryEfficiency: 80%" in shared.read_text()


def test_a_platform_file_that_changes_meanwhile_is_not_overwritten(
    made: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command, or an editor, saves it after it was read."""
    replaced = with_value

    def slow(*given: Any) -> str | None:
        made.platform.write_text(f"{PLATFORM}# theirs\n")
        return replaced(*given)

    monkeypatch.setattr("mlspec.compiler.answer.calibration.platform.with_value", slow)
    done = made.calibrate(RESULT, "--write")
    assert done.status == 1
    assert "has changed since it was read, so nothing was written: run the command again" in done.err
    assert made.platform.read_text() == f"{PLATFORM}# theirs\n"


def test_one_benchmark_needs_one_spec(made: Folder) -> None:
    (made.path / "other.mlspec.yaml").write_text((made.path / "mlspec.yaml").read_text())
    done = made.calibrate()
    assert done.status == 2
    assert "a benchmark needs exactly one spec" in done.err


def test_a_spec_with_errors_is_calibrated_unless_they_concern_the_service(tmp_path: Path) -> None:
    elsewhere = folder(tmp_path / "elsewhere", on_an_h100(constraints__throughput={"mean": "2"}))
    assert elsewhere.calibrate().status == 1
    assert "memoryEfficiency 75% -> 80%" in elsewhere.calibrate().out
    there = folder(tmp_path / "there", on_an_h100(resources__accelerator={"type": "h100", "count": "two"}))
    done = there.calibrate()
    assert done.status == 1
    assert "error: the spec has errors that concern `chat`\nhelp: see what `mlspec lint` says\n" in done.err


def test_the_table_fits_80_columns(made: Folder) -> None:
    table = [line for line in made.calibrate().out.splitlines() if "->" in line or "estimate" in line]
    assert len(table) >= 3
    assert max(map(len, table)) <= 80


def test_python_gets_what_the_command_prints(made: Folder) -> None:
    made.calibrate()
    found = mlspec.calibrate(mlspec.compile(made.path / "mlspec.yaml"), made.path / "bench.json")["production"]
    assert (found.service, found.accelerator, found.devices) == ("chat", "h100", 1)
    assert [(one.field, one.before, one.after) for one in found.shares] == [
        ("memoryEfficiency", "75%", "80%"),
        ("computeEfficiency", "65%", "50%"),
    ]
    assert [one.measured for one in found.shares] == pytest.approx([0.0073765, 0.074455])
    with pytest.raises(mlspec.CalibrationError, match="`web` is not a service that generates tokens") as refused:
        mlspec.calibrate(mlspec.compile(made.path / "mlspec.yaml"), made.path / "bench.json", service="web")
    assert refused.value.help == "choose `chat`"


def test_only_this_command_imports_it() -> None:
    assert not [name for name in imported("lint", "examples/minimal") if "calibrat" in name]
