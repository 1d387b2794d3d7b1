"""Compressed time, and local places: the only two things that differ between what compiles and what runs here.

Everything runs on the real clock, and a day of the system takes a few seconds of it. So every duration in the compiled
configuration, rules, and routes is divided by the same number. Addresses of a cluster become folders and ports of this
machine. Nothing else is changed: thresholds, expressions, labels, routes, and commands are those of the bundle.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["Compressed"]

DAY = 86_400

SECONDS = frozenset({"interval", "window", "delay", "cooldown", "gap", "lag"})
"""The keys of `monitor.json` and `training.json` that are seconds of the system's time."""

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}

DURATION = r"(?:[0-9]+(?:ms|[smhdw]))+"
IN_QUERY = re.compile(rf"(?<=\[){DURATION}(?=\])|(?<=offset ){DURATION}")
AGE = re.compile(r"(time\(\) - .* > )([0-9]+)\Z", re.DOTALL)

SHORTEST = 0.5
"""Seconds: what Prometheus and Alertmanager can tell from nothing, with a scrape in every second."""


class Compressed:
    """A day takes `day` seconds, stores are folders below `stores`, and `places` has the address of each service."""

    def __init__(self, day: float, stores: Path, places: dict[str, str]) -> None:
        self.day, self.factor = day, DAY / day
        self._stores, self._places = stores, places

    def config(self, given: Any) -> Any:
        """A configuration of the runtime."""
        if isinstance(given, dict):
            return {key: self._value(key, value) for key, value in given.items()}
        if isinstance(given, list):
            return [self.config(value) for value in given]
        return self.text(given) if isinstance(given, str) else given

    def _value(self, key: str, value: Any) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value / self.factor if key in SECONDS and number else self.config(value)

    def text(self, given: str) -> str:
        """A text with the places of this machine."""
        for name, place in self._places.items():
            given = given.replace(name, place)
        return given.replace("s3://", f"{self._stores}/")

    def rules(self, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rule groups. They are evaluated every half second."""
        return [
            {**group, "interval": "500ms", "rules": [self._rule(rule) for rule in group["rules"]]} for group in groups
        ]

    def _rule(self, rule: dict[str, Any]) -> dict[str, Any]:
        expr = IN_QUERY.sub(lambda found: self.duration(found[0]), rule["expr"])
        expr = AGE.sub(lambda found: f"{found[1]}{int(found[2]) / self.factor:g}", expr)
        return {**rule, "expr": expr, **({"for": self.duration(rule["for"])} if "for" in rule else {})}

    def routes(self, given: Any) -> Any:
        """The configuration of Alertmanager."""
        if isinstance(given, dict):
            times = {"group_wait", "group_interval", "repeat_interval"}
            return {key: self.duration(value) if key in times else self.routes(value) for key, value in given.items()}
        if isinstance(given, list):
            return [self.routes(value) for value in given]
        return self.text(given) if isinstance(given, str) else given

    def duration(self, given: str) -> str:
        """A duration of Prometheus."""
        found = re.findall(r"([0-9]+)(ms|[smhdw])", given)
        seconds = sum(int(number) * UNITS[unit] for number, unit in found) / self.factor
        return f"{round(max(SHORTEST, seconds) * 1000)}ms"
