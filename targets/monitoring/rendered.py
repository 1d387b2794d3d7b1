"""What an alert says when it fires: its labels and annotations, as Prometheus renders their templates.

Only the templates that mlspec writes are known (template/template.go of Prometheus).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from ...compiler.because import Because

__all__ = ["rendered"]

_LABEL = "$labels."

_ACTION = re.compile(r'\{\{ ("\{\{"|[^{}]*) \}\}')

_SHORT = 'printf "%.3g" $value'


def rendered(
    texts: Mapping[str, object], value: float | None, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The texts that are set, with `$value` and `$labels` in place."""
    found: dict[str, str] = {}
    for name, text in texts.items():
        written = text.value if isinstance(text, Because) else text
        if written is not None:
            plain = str(written)
            found[name] = _template(plain, value or 0.0, labels or {}) if "{{" in plain else plain
    return found


def _template(text: str, value: float, labels: Mapping[str, str]) -> str:
    return _ACTION.sub(lambda action: _action(action[1], value, labels), text)


def _action(action: str, value: float, labels: Mapping[str, str]) -> str:
    if action.startswith('"'):
        return action[1:-1]
    if action.startswith(_LABEL):
        return labels.get(action.removeprefix(_LABEL), "")
    name, _, function = action.partition(" | ")
    if action == _SHORT:
        return f"{value:.3g}"
    assert name == "$value", f"{action} is a template that no alert of mlspec has"
    return _FUNCTIONS[function](value)


def _plain(value: float) -> str:
    """With an exponent from a million up, as Go writes it (strconv/ftoa.go, `%v`)."""
    if abs(value) < 1e6:
        return str(int(value)) if value == int(value) else repr(value)
    digits, exponent = f"{Decimal(repr(value)).normalize():e}".split("e")
    return f"{digits}e+{int(exponent):02d}"


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
