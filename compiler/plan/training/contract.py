"""Whether mlspec's own step checks the data contract of a run.

A step that the spec does not mention must not surprise: it is added only if the spec has expectations, a source that a
pod can read holds what they are about, the spec has no `validate` step of its own, and the platform has the image that
runs it. Without the image, a training run works as before, and the reason says what is missing.
"""

from __future__ import annotations

from ...because import Because, because, fixed
from ...system import DataSource, Training
from ..scope import Scope

__all__ = ["checks_contract", "readable"]

FORMATS = ("parquet", "csv", "jsonl")
SCHEMES = ("s3", "gs", "file")


def readable(source: DataSource) -> bool:
    """Whether a step in a pod can read the rows of a source: its files, in a format that it knows."""
    if source.uri is None or source.format is None or source.format.value not in FORMATS:
        return False
    scheme, colon, _ = source.uri.value.partition("://")
    return not colon or scheme in SCHEMES


def checks_contract(scope: Scope, part: Training) -> Because[bool]:
    """The answer, with what it follows from."""
    given, own, data = part.steps.contract.given, part.steps.validate_, scope.system.data
    if given is not None:
        return given
    if own is not None:
        return because(False, "the spec has its own `validate` step", own.command)
    if not data.columns:
        return fixed(False, "the spec has no data contract")
    source = next((source for source in data.sources if readable(source) and _expects(scope, source)), None)
    if source is None:
        return because(False, "a pod can read none of the sources that the contract describes", data.columns[0].name)
    image = scope.platform.images.runtime
    if image is None:
        return because(False, "`platform.images.runtime`, which runs the check, is not set", data.columns[0].name)
    return because(True, f"a pod can read `{source.name.value}`", source.uri, source.format, image)


def _expects(scope: Scope, source: DataSource) -> bool:
    """Whether the contract says anything about a source."""
    data = scope.system.data
    named = any(
        column.from_.value == source.name.value if column.from_ is not None else len(data.sources) == 1
        for column in data.columns
    )
    return named or source.freshness is not None
