"""The prose of reports: Jinja templates in `terminal/templates/reports/`. Only reports import this module."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["filled"]


def filled(template: str, **values: Any) -> str:
    """A template with its values. It is Markdown, so nothing is escaped: callers escape what is not theirs."""
    environment = Environment(
        loader=PackageLoader("mlspec.terminal", "templates/reports"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)
