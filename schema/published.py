"""The published JSON Schema, for editors and other tools."""

from __future__ import annotations

from importlib import resources

__all__ = ["text"]


def text() -> str:
    """The schema for all three file types: MLSystem, Release, and Platform."""
    return (resources.files("mlspec.schema") / "mlspec.v1.schema.json").read_text(encoding="utf-8")
