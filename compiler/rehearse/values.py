"""Ask promtool for the results of queries: it has no command for that, so each query is a test that fails.

A failed test says what it got, in a format that has been the same from Prometheus 2.42 to 3.x
(cmd/promtool/unittest.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from json import dumps, loads

from ..scenes.notation import Series

__all__ = ["asked", "read", "single"]

_GOT = re.compile(r'^ +expr: ("(?:[^"\\\n]|\\.)*"), time: (\S+),\n +exp: .*\n +got: (.*)$', re.MULTILINE)

_PART = re.compile(r"(?<![0-9])([0-9]+)(ms|d|h|m|s|w)")

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def asked(series: Series, step: int, questions: Iterable[tuple[str, int]], rules: str = "") -> str:
    """The file with a test for each question: a query and the second at which it is asked."""
    never = [{"labels": '{never="1"}', "value": 0}]
    tests = [{"expr": query, "eval_time": f"{at}s", "exp_samples": never} for query, at in dict.fromkeys(questions)]
    test = {
        "interval": f"{step}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": tests,
    }
    return dumps({"rule_files": [rules] if rules else [], "evaluation_interval": "1m", "tests": [test]})


def read(said: str) -> dict[tuple[str, int], str]:
    """What promtool got for each question: `nil`, or samples such as `{} 5E-01`."""
    return {(loads(query), _seconds(time)): got for query, time, got in _GOT.findall(said)}


def _seconds(duration: str) -> int:
    return int(sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(duration)))


def single(got: str) -> float | None:
    """The value of the first sample; None without any."""
    return None if got == "nil" else float(got.partition("} ")[2].partition(",")[0])
