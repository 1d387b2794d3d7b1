"""The design document as Markdown and as JSON."""

from __future__ import annotations

from json import dumps
from typing import Any

from ...compiler.answer.design.document import (
    DesignBlock,
    DesignChart,
    DesignDocument,
    DesignFacts,
    DesignGap,
    DesignTable,
    DesignText,
)
from ...compiler.emit.artifact import Artifact
from ...compiler.emit.dump import Lines
from ...compiler.record import Record

__all__ = ["json", "markdown"]


def markdown(document: Artifact) -> str:
    """The document as `mlspec compile` writes it."""
    assert isinstance(document.body, Lines)
    return document.body.text()


def json(document: DesignDocument) -> str:
    """The document as JSON, as `schema/design.v1.schema.json` describes it; `version` increases when that changes."""
    sections = [
        {"key": one.key, "title": one.title, "blocks": [_block(block) for block in one.blocks]}
        for one in document.sections
    ]
    return (
        dumps(
            {"version": 1, "system": document.system, "environment": document.environment, "sections": sections},
            indent=2,
        )
        + "\n"
    )


_KINDS: dict[type[DesignBlock], str] = {
    DesignText: "text",
    DesignGap: "gap",
    DesignFacts: "facts",
    DesignTable: "table",
    DesignChart: "chart",
}


def _block(block: DesignBlock) -> dict[str, Any]:
    return {"kind": _KINDS[type(block)], **_plain(block)}


def _plain(one: Record) -> dict[str, Any]:
    return {name: _value(getattr(one, name)) for name in one._fields}


def _value(value: Any) -> Any:
    if isinstance(value, Record):
        return _plain(value)
    return [_value(item) for item in value] if isinstance(value, tuple) else value
