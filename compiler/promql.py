"""PromQL, composed from values with reasons. Windows and matchers are escaped here and nowhere else."""

from __future__ import annotations

from typing import Any

from .because import Because, text

__all__ = ["bound", "matchers", "promql", "rate", "selector"]


def promql(template: str, /, **parts: Because[Any]) -> Because[str]:
    """Compose an expression; strings between double quotes in the template are escaped."""
    quoted = {
        key: part.map(_escaped) if isinstance(part.value, str) and f'"{{{key}}}"' in template else part
        for key, part in parts.items()
    }
    return text(template, **quoted)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def matchers(*parts: Because[str] | None) -> Because[str]:
    """Join label matchers that are already PromQL."""
    given = {f"m{index}": part for index, part in enumerate(p for p in parts if p is not None)}
    return text(",".join(f"{{{key}}}" for key in given), **given)


def selector(series: Because[str], match: Because[str], suffix: str = "") -> Because[str]:
    """`series{matchers}`; `suffix` is what a histogram appends to its base name."""
    return text(f"{{series}}{suffix}{{{{{{match}}}}}}", series=series, match=match)


def rate(selected: Because[str], window: Because[str]) -> Because[str]:
    """`rate(selected[window])`."""
    return text("rate({selected}[{window}])", selected=selected, window=window)


def bound(match: Because[str], model: Because[str]) -> Because[str]:
    """Replace `{model}` in a matcher from the catalog with the model's name."""
    if "{model}" not in match.value:
        return match
    return Because(match.value.replace("{model}", _escaped(model.value)), "", (match, model))
