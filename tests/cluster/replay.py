"""A replay: what Argo Rollouts would do with the emitted analyses, over series in a real Prometheus.

The proving ground drives one system in minutes. The rollouts of the examples take hours, so their queries run over
series that are written in advance, at the times at which the controller measures. `tests/scenes.py` has its verdicts.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import urllib3

from ..canaries import seconds
from ..scenes import limits, verdict
from .api import Object
from .control_plane import answers, free_port, wait
from .programs import prometheus, run
from .series import HASH, Step

__all__ = ["Archive", "Ending", "replayed", "steps_of"]


@dataclass(frozen=True)
class Ending:
    """How a rollout ended, and when."""

    what: str
    """`promoted`, `rolled back`, or `held`."""
    after: int
    """Seconds since the first step began."""
    step: int
    """The step that it reached, from one."""
    why: str
    """The metric that decided; empty if it was promoted."""


class Archive:
    """A Prometheus over series of the past."""

    def __init__(self, folder: Path, samples: Iterable[str], version: str = "2") -> None:
        self._folder = folder
        self._promtool, self._program = prometheus(version)
        with (folder / "samples.txt").open("w") as file:
            file.writelines(f"{line}\n" for line in samples)
            file.write("# EOF\n")
        self._backfill("openmetrics", "--max-block-duration=240h", "-q", "samples.txt", "data")
        (folder / "prometheus.yaml").write_text("{}\n")
        self._address = f"127.0.0.1:{free_port()}"

    def _backfill(self, *arguments: str) -> None:
        run([str(self._promtool), "tsdb", "create-blocks-from", *arguments], self._folder)

    def record(self, rules: str, start: int, end: int) -> None:
        """Add what the recording rules of a file would have recorded, every minute."""
        at = (f"--start={start}", f"--end={end}", f"--url=http://{self._address}", "--eval-interval=1m")
        with self:
            self._backfill("rules", *at, "--output-dir=data", rules)

    def __enter__(self) -> Archive:
        flags = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=20y"]
        flags.append(f"--web.listen-address={self._address}")
        with (self._folder / "log.txt").open("wb") as log:
            self._server = subprocess.Popen([self._program, *flags], cwd=self._folder, stdout=log, stderr=log)
        wait(lambda: answers(f"http://{self._address}/-/ready"), "Prometheus")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(timeout=30)

    def ranges(self, query: str, start: int, interval: int, count: int) -> list[Any]:
        """The series of a range query, each with its labels and its values."""
        fields = {
            "query": query,
            "start": str(start),
            "end": str(start + interval * (count - 1)),
            "step": str(interval),
        }
        answer = urllib3.request("GET", f"http://{self._address}/api/v1/query_range", fields=fields)
        body = json.loads(answer.data)
        assert body["status"] == "success", (query, body)
        result: list[Any] = body["data"]["result"]
        return result

    def values(self, query: str, start: int, interval: int, count: int) -> list[list[float]]:
        """What a query answers at each of its times, as the controller gets it: a list of numbers."""
        found: dict[int, list[float]] = {}
        for one in self.ranges(query, start, interval, count):
            for at, value in one["values"]:
                found.setdefault(int(at), []).append(float(value))
        return [found.get(start + interval * number, []) for number in range(count)]


def steps_of(rollout: Object, templates: dict[str, Object]) -> list[tuple[Step, list[Object]]]:
    """The shares of a rollout, each with the metrics of its analysis and the time until its last measurement."""
    found = []
    for weight, judged in pairwise(rollout["spec"]["strategy"]["canary"]["steps"]):
        if "setWeight" in weight:
            (named,) = judged["analysis"]["templates"]
            metrics = templates[named["templateName"]]["spec"]["metrics"]
            lasts = max(_at(metric, metric["count"] - 1) for metric in metrics)
            found.append((Step(weight["setWeight"] / 100, lasts), metrics))
    return found


def replayed(archive: Archive, steps: Sequence[tuple[Step, list[Object]]], start: int) -> Ending:
    """Walk through the steps as the controller does: the first metric that fails or holds ends the rollout."""
    begin = start
    for number, (step, metrics) in enumerate(steps, 1):
        ends = [end for metric in metrics if (end := _end(archive, metric, begin)) is not None]
        if ends:
            at, _, what, why = min(ends)
            return Ending(what, at - start, number, why)
        begin += step.lasts
    return Ending("promoted", begin - start, len(steps), "")


def _end(archive: Archive, metric: Object, begin: int) -> tuple[int, int, str, str] | None:
    """When a metric ends its analysis, a failure before a lack of data at the same time; None if it passes."""
    query = metric["provider"]["prometheus"]["query"].replace("{{args.canary-hash}}", HASH)
    interval, allowed = seconds(metric["interval"]), limits(metric)
    counts = {"Failed": 0, "Inconclusive": 0, "Successful": 0}
    results = archive.values(query, begin + seconds(metric["initialDelay"]), interval, metric["count"])
    for number, result in enumerate(results):
        phase = verdict(metric, result)
        counts[phase] += 1
        at = begin + _at(metric, number)
        if counts["Failed"] > allowed["failureLimit"]:
            return at, 0, "rolled back", metric["name"]
        if counts["Inconclusive"] > allowed["inconclusiveLimit"]:
            return at, 1, "held", metric["name"]
    return None


def _at(metric: dict[str, Any], number: int) -> int:
    """When a metric is measured, in seconds since its step began."""
    return seconds(metric["initialDelay"]) + number * seconds(metric["interval"])
