"""`mlspec schema`: print the published JSON Schema, or validate files against it, as any other tool would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...compiler.bind.leaf import core_value
from ...compiler.diagnostics import Diagnostic, Span
from ...compiler.tree import Mapping, Node, Scalar, Sequence, lookup
from ...schema.published import text
from ..console import Console
from ..render.report import Subject
from ..workspace import read_file

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = ["schema", "validate"]


def schema(console: Console) -> int:
    """Print the schema."""
    console.document(text())
    return 0


def validate(paths: tuple[str, ...], console: Console) -> int:
    """Report what the schema does not allow in each file. The compiler's own checks report more: see `mlspec lint`."""
    import json

    from jsonschema import Draft202012Validator

    if console.would_replace(paths):
        return 2
    validator = Draft202012Validator(json.loads(text()))
    status, subjects = 0, []
    for path in paths:
        tree, found = read_file(path)
        if tree is not None:
            found = [*found, *_findings(validator, tree)]
        subjects.append(Subject(name=path, found=tuple(found)))
        console.tell(found)
        status = max(status, 2 if tree is None else 1 if found else 0)
        if not found:
            console.say(f"{path}: valid")
    return console.report(subjects, status)


def _findings(validator: Any, tree: Node) -> list[Diagnostic]:
    """Every error once, in the order of the file."""
    found: dict[tuple[Span, str], Diagnostic] = {}
    for error in _errors(validator, tree):
        at = _place(error, tree).span
        found.setdefault((at, str(error.validator)), _finding(error, at))
    return sorted(found.values(), key=lambda one: (one.span.line, one.span.column))


def _errors(validator: Any, tree: Node) -> Iterator[ValidationError]:
    """Every error at its own place, instead of at the union that it rules out."""
    from jsonschema.exceptions import best_match

    for error in validator.iter_errors(_data(tree)):
        deepest = best_match([error])
        yield error if deepest is None else deepest


def _place(error: ValidationError, tree: Node) -> Node:
    """The wrong value, or the key if the schema does not allow it."""
    node = lookup(tree, tuple(str(step) for step in error.absolute_path)) or tree
    if error.validator == "additionalProperties" and isinstance(node, Mapping):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        return next((key for name, key in node.keys.items() if name not in known), node)
    return node


def _finding(error: ValidationError, at: Span) -> Diagnostic:
    return Diagnostic(
        id="MLS018",
        severity="error",
        message=error.message,
        span=at,
        note=f"the schema requires this at `{error.json_path}`",
        help="run `mlspec lint`, which says what to write instead",
    )


def _data(node: Node) -> Any:
    """A tree as YAML 1.2 tools load it."""
    if isinstance(node, Mapping):
        return {key: _data(child) for key, child in node.entries.items()}
    if isinstance(node, Sequence):
        return [_data(item) for item in node.items]
    assert isinstance(node, Scalar)
    return core_value(node)
