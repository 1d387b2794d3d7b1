"""What an alert says when it fires: its labels and annotations, as Prometheus renders their templates.

Only the templates that mlspec writes are known (template/template.go of Prometheus).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...compiler.because import Because

__all__ = ["rendered"]


def rendered(texts: Mapping[str, object], value: float | None) -> dict[str, str]:
    """The texts that are set, with `$value` in place."""
    found = {name: text.value if isinstance(text, Because) else text for name, text in texts.items()}
    return {name: _template(str(text), value or 0.0) for name, text in found.items() if text is not None}


def _template(text: str, value: float) -> str:
    return re.sub(r"\{\{ (.*?) \}\}", lambda action: _action(action[1], value), text)


def _action(action: str, value: float) -> str:
    if action.startswith('"'):
        return action[1:-1]
    name, _, function = action.partition(" | ")
    assert name == "$value", f"{action} is a template that no alert of mlspec has"
    return _FUNCTIONS[function](value)


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _percentage(value: float) -> str:
    return f"{value * 100:.4g}%"


def _duration(value: float) -> str:
    seconds = int(value)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}h {minutes}m {seconds % 60}s"
    if hours:
        return f"{hours}h {minutes}m {seconds % 60}s"
    return f"{minutes}m {seconds % 60}s" if minutes else f"{value:.4g}s"


def _humanized(value: float) -> str:
    """With SI prefixes."""
    for prefix in ("", "k", "M", "G"):
        if abs(value) < 1000 or prefix == "G":
            return f"{value:.4g}{prefix}"
        value /= 1000
    raise AssertionError


_FUNCTIONS = {
    "": _plain,
    "humanize": _humanized,
    "humanizeDuration": _duration,
    "humanizePercentage": _percentage,
}
