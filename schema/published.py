"""The JSON Schema that editors and other tools use, as it was generated."""

from __future__ import annotations

from importlib import resources

__all__ = ["text"]


def text() -> str:
    """The schema of all three kinds of files: MLSystem, Release and Platform."""
    return (resources.files("mlspec.schema") / "mlspec.v1.schema.json").read_text(encoding="utf-8")
