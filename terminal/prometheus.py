"""A Prometheus server: instant queries, ranges, and the alerting rules that it has loaded.

The requests are those of https://prometheus.io/docs/prometheus/latest/querying/api/, and work from Prometheus 2.42 on.
Values come as text, because JSON has no NaN. Rules are read without the filters that only 3.x has.
"""

from __future__ import annotations

import json
import math
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..compiler.answer.status import HISTORY, Answers, Firing, LoadedRule, Question, Sample
from ..compiler.errors import PrometheusError
from ..compiler.record import Record

__all__ = ["answers"]

TIMEOUT = 30
"""Seconds for each request."""

LONGEST = 1 << 26
"""Bytes of an answer. The rules of a large cluster are a few megabytes."""

STEP = 900
"""Seconds between two points of a chart: 96 a day, far below the server's limit of 11,000."""


def answers(address: str, questions: Iterable[Question], at: float, environ: Dict[str, str] = os.environ) -> Answers:
    """Ask everything about one moment. Raises `PrometheusError` if the server cannot be reached, or refuses a query."""
    server = _Server(address=_checked(address), token=environ.get("MLSPEC_PROMETHEUS_TOKEN"), warnings=[])
    values, history = {}, {}
    for question in questions:
        values[question.key] = server.query(question.query, at)
        if question.charted:
            history[question.key] = server.points(question.query, at)
    rules = server.rules()
    return Answers(at=at, values=values, history=history, rules=rules, warnings=tuple(dict.fromkeys(server.warnings)))


class _Server(Record):
    address: str
    token: str | None
    warnings: list[str]

    def query(self, query: str, at: float) -> tuple[Sample, ...]:
        data = self._post("query", query=query, time=f"{at:.3f}")
        with self._shaped():
            return tuple(Sample(labels=_labels(one["metric"]), value=float(one["value"][1])) for one in data["result"])

    def points(self, query: str, at: float) -> tuple[tuple[float, float], ...]:
        data = self._post("query_range", query=query, start=f"{at - HISTORY:.3f}", end=f"{at:.3f}", step=f"{STEP}")
        with self._shaped():
            found = [(float(when), float(value)) for one in data["result"][:1] for when, value in one["values"]]
        return tuple(point for point in found if math.isfinite(point[1]))

    def rules(self) -> tuple[LoadedRule, ...]:
        data = self._get("rules?type=alert")
        with self._shaped():
            return tuple(_rule(rule, float(group["interval"])) for group in data["groups"] for rule in group["rules"])

    @contextmanager
    def _shaped(self) -> Iterator[None]:
        """Say so if an answer lacks what the API documents."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._strange("is not one of its API") from None

    def _post(self, path: str, **form: str) -> dict[str, Any]:
        return self._read(urllib.request.Request(f"{self.address}/api/v1/{path}", urlencode(form).encode()))

    def _get(self, path: str) -> dict[str, Any]:
        return self._read(urllib.request.Request(f"{self.address}/api/v1/{path}"))

    def _read(self, request: urllib.request.Request) -> dict[str, Any]:
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                answer = json.loads(response.read(LONGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise PrometheusError(
                f"Prometheus at {self.address} cannot be reached: {reason}",
                "check the address and the network; from outside of the cluster, forward a port to its Service",
            ) from None
        except (ValueError, RecursionError):
            raise self._strange("is not JSON") from None
        if (
            not isinstance(answer, dict)
            or answer.get("status") != "success"
            or not isinstance(answer.get("data"), dict)
        ):
            raise self._strange("is not one of its API")
        self.warnings.extend(str(one) for one in (*answer.get("warnings", ()), *answer.get("infos", ())))
        data: dict[str, Any] = answer["data"]
        return data

    def _refused(self, error: urllib.error.HTTPError) -> PrometheusError:
        if error.code in {401, 403}:
            return PrometheusError(
                f"Prometheus at {self.address} does not let you read (status {error.code})",
                "set MLSPEC_PROMETHEUS_TOKEN to a token that it accepts",
            )
        try:
            said = json.loads(error.read(LONGEST)).get("error", "")
        except (ValueError, AttributeError, OSError, RecursionError):
            said = ""
        return PrometheusError(
            f"Prometheus at {self.address} fails with status {error.code}{f': {said}' if said else ''}",
            "check that the address is the one of a Prometheus server, and see its log",
        )

    def _strange(self, what: str) -> PrometheusError:
        return PrometheusError(
            f"the answer of {self.address} {what}",
            "check that it is the address of a Prometheus server, and not of a login page or a proxy in front of it",
        )


def _rule(rule: dict[str, Any], interval: float) -> LoadedRule:
    return LoadedRule(
        name=rule["name"],
        labels=_labels(rule.get("labels", {})),
        health=rule.get("health", "unknown"),
        error=rule.get("lastError", ""),
        evaluated=_time(rule.get("lastEvaluation", "")),
        interval=interval,
        alerts=tuple(_alert(one) for one in rule.get("alerts", ()) if one.get("state") in ("firing", "pending")),
    )


def _alert(alert: dict[str, Any]) -> Firing:
    return Firing(
        state=alert["state"],
        since=_time(alert.get("activeAt", "")),
        labels=_labels(alert.get("labels", {})),
        annotations=_labels(alert.get("annotations", {})),
    )


def _labels(given: dict[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()}


def _time(written: str) -> float:
    """A time as Go writes it, with up to nine decimals, in Unix time; 0 for Go's zero time, which means never."""
    try:
        return max(0.0, datetime.fromisoformat(written[:19] + "+00:00").timestamp() - _offset(written))
    except ValueError:
        return 0.0


def _offset(written: str) -> float:
    """The seconds that the zone of a written time is ahead of UTC."""
    if written.endswith("Z") or written[-6:-5] not in ("+", "-"):
        return 0.0
    ahead = 3600.0 * int(written[-5:-3]) + 60 * int(written[-2:])
    return ahead if written[-6] == "+" else -ahead


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        valid = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or parts.query or parts.fragment:
        raise PrometheusError(
            "the address of Prometheus is not a plain URL of an HTTP server",
            "pass it as `--prometheus http://localhost:9090`; a token belongs in MLSPEC_PROMETHEUS_TOKEN",
        )
    return address.rstrip("/")
