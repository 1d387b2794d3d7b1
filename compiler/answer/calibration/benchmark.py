"""The result of a benchmark of a served language model, as vLLM and SGLang write it.

vLLM's `vllm bench serve --save-result` writes one JSON object (vllm-project/vllm, vllm/benchmarks/serve.py). SGLang's
`bench_serving --output-file` appends one per run (sgl-project/sglang, python/sglang/bench_serving.py). What is read
here has the same names and units in both: `duration` is in seconds, what ends in `_ms` is in milliseconds, and the time
per output token excludes the first token. Only vLLM names the model, the date, and the failed requests. Both write
an unlimited request rate, as `"inf"` or as `Infinity`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ...errors import CalibrationError
from ...plan.choose import count
from ...record import Record
from ...words import shown

__all__ = ["HOW", "Benchmark", "benchmark"]

HOW = (
    "run `vllm bench serve --save-result` against one replica without other traffic, for example with `--dataset-name "
    "random --random-input-len 1024 --random-output-len 256 --request-rate 1 --num-prompts 200`"
)

FEWEST = 10
"""Requests below which a mean says little."""

LONGEST = 2**21
"""The most tokens of a request."""

LARGEST = 1e12
"""Above this, no number of a benchmark is one: 10^12 ms are 30 years."""

CONTRADICTS = 1.25
"""How many times the allowed requests in flight the times may add up to: means of requests are not those of tokens."""


class Benchmark(Record):
    """What a benchmark measured. Times are in seconds; all are means over its requests."""

    name: str
    """The file that it is from."""
    model: str
    """The model that the benchmark names; empty if it does not."""
    date: str
    """When it ran, such as `2026-11-27`; empty if it does not say."""
    rate: float
    """Completed requests per second."""
    prompt: int
    output: int
    """The tokens of a prompt and of a response."""
    first_token: float
    between: float | None
    """The time between two tokens of a response; None if responses have a single token."""
    together: int | None
    """The most requests in flight; None if there is no limit."""
    paced: bool
    """Whether requests are sent at some rate, rather than as soon as another one is complete."""

    @property
    def flight(self) -> float:
        """How many requests are in flight, by Little's law."""
        return self.rate * self.first_token + self.decoding

    @property
    def arriving(self) -> bool:
        """Whether requests arrive independently of each other: the limit rarely holds one back."""
        return self.together == 1 or (self.paced and (self.together is None or self.flight <= self.together / 2))

    @property
    def decoding(self) -> float:
        """How many responses are generated at once, by Little's law: tokens after the first per second · the time of
        each.
        """
        return self.rate * (self.output - 1) * self.between if self.between is not None else 0.0


def benchmark(name: str, text: str) -> Benchmark:
    """Read the result of a benchmark. Raises CalibrationError, also for one that says nothing about the accelerator."""
    given = _Given(_object(text))
    _refuse_others(given)
    if given.keys.get("completed") == 0:
        raise CalibrationError("the benchmark completed no request", HOW)
    completed, duration = given.whole("completed"), given.number("duration")
    _refuse_failures(given, completed)
    prompt, output = (max(1, round(given.number(f"total_{what}_tokens") / completed)) for what in ("input", "output"))
    if prompt + output > LONGEST:
        raise CalibrationError(
            f"its requests have {prompt + output:,} tokens, more than any model reads", HOW, usage=True
        )
    together, paced = _arrivals(given, completed)
    found = Benchmark(
        name=name,
        model=given.text("model_id"),
        date=_date(given.text("date")),
        rate=completed / duration,
        prompt=prompt,
        output=output,
        first_token=given.number("mean_ttft_ms") / 1000,
        between=given.number("mean_tpot_ms") / 1000 if output > 1 else None,
        together=together,
        paced=paced,
    )
    _refuse_contradiction(found)
    return found


def _object(text: str) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise CalibrationError("the file is empty", HOW, usage=True)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if len(lines) > 1 and all(map(_is_object, lines)):
            help_ = "copy the one that counts to a file of its own, for example the last one with `tail -n 1`"
            raise CalibrationError(f"the file has {len(lines)} results", help_, usage=True) from None
        where = f": {error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CalibrationError(f"the file is not JSON{where}", HOW, usage=True) from None
    if not isinstance(found, dict):
        raise CalibrationError("the file is not the result of a benchmark, which is a JSON object", HOW, usage=True)
    return found


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class _Given:
    """The keys of a result, each checked as it is read."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self.keys = keys

    def number(self, key: str) -> float:
        """A positive number."""
        value = self.keys.get(key)
        if value is None:
            raise CalibrationError(f"the result has no `{key}`", self._missing(key), usage=True)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CalibrationError(f"`{key}` is {_called(value)}, not a number", HOW, usage=True)
        if not 0 < value < LARGEST:  # neither is NaN
            wrong = f"`{key}: {shown(_called(value))}` is not a number above 0 that a benchmark can measure"
            raise CalibrationError(wrong, self._missing(key), usage=True)
        return float(value)

    def _missing(self, key: str) -> str:
        if key in ("mean_ttft_ms", "mean_tpot_ms"):
            return "use a backend that streams responses, and keep `ttft` and `tpot` in `--percentile-metrics`"
        return HOW

    def whole(self, key: str) -> int:
        """A positive whole number."""
        value = self.number(key)
        if value != int(value):
            raise CalibrationError(f"`{key}: {value:g}` is not a whole number", HOW, usage=True)
        return int(value)

    def text(self, key: str) -> str:
        """A text; empty if it is missing."""
        value = self.keys.get(key)
        return value if isinstance(value, str) else ""


def _called(value: object) -> str:
    if isinstance(value, (bool, int, float)):
        return (
            f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else _int(value)
        )
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else f'"{shown(str(value))}"'


def _int(value: int) -> str:
    return str(value) if abs(value) < LARGEST else "a larger number"


def _refuse_others(given: _Given) -> None:
    """Refuse what runs differently from how the planner estimates it."""
    if given.keys.get("ramp_up_strategy") is not None:
        raise CalibrationError("the rate of the requests rose during the benchmark", f"use a constant one: {HOW}")
    accepted = given.keys.get("spec_decode_acceptance_length", given.keys.get("accept_length"))
    if isinstance(accepted, (int, float)) and accepted > 1:
        why = f"the server used speculative decoding: a step generated {accepted:.2g} tokens of a response"
        raise CalibrationError(why, "run the benchmark without it: the planner estimates steps that generate one token")


def _refuse_failures(given: _Given, completed: int) -> None:
    failed = _failed(given, completed)
    if failed:
        help_ = "fix the server or the benchmark's requests first, and run it again"
        raise CalibrationError(f"{count(failed, 'request')} failed, so the means are not those of all requests", help_)
    if completed < FEWEST:
        raise CalibrationError(f"the benchmark completed {count(completed, 'request')}, too few for a mean", HOW)


def _failed(given: _Given, completed: int) -> int:
    """How many requests failed, as far as the result says so."""
    if given.keys.get("failed") is not None:
        return 0 if given.keys["failed"] == 0 else given.whole("failed")
    return max(0, given.whole("num_prompts") - completed) if given.keys.get("num_prompts") is not None else 0


def _arrivals(given: _Given, completed: int) -> tuple[int | None, bool]:
    """The most requests in flight, and whether they are sent at some rate."""
    rate = given.keys.get("request_rate")
    unlimited = rate is None or rate in ("inf", math.inf)
    if not unlimited and rate != "trace":  # SGLang's word for the times of a recording
        given.number("request_rate")
    if given.keys.get("max_concurrency") is not None:
        return min(given.whole("max_concurrency"), completed), not unlimited
    if rate is None:
        raise CalibrationError("the result has neither `max_concurrency` nor `request_rate`", HOW, usage=True)
    if unlimited:
        raise CalibrationError(
            "all requests were sent at once, so the time to the first token is the wait for other prompts",
            "limit the rate of the requests with `--request-rate 1`, or those in flight with `--max-concurrency 8`",
        )
    return None, True


def _date(text: str) -> str:
    """vLLM's `20261127-101500` as `2026-11-27`."""
    found = re.fullmatch(r"(?a:(\d{4})(\d\d)(\d\d)-\d{6})", text)
    return "-".join(found.groups()) if found is not None else ""


def _refuse_contradiction(found: Benchmark) -> None:
    if found.together is not None and found.flight > CONTRADICTS * found.together:
        raise CalibrationError(
            f"the numbers contradict each other: at {found.rate:,.2f} requests/s, such times mean {found.flight:,.0f} "
            f"requests in flight, but `max_concurrency` is {found.together:,}",
            "use the file as the benchmark wrote it",
            usage=True,
        )
