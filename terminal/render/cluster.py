"""Live states and differences as text and JSON. The version of a document increases when its structure changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...compiler.record import Record
from ...compiler.words import visible
from ...targets.live.values import Analysis, Measurement, State
from ..cluster.diff import Difference
from .report import document

__all__ = ["differences", "differences_json", "state", "states_json"]

_SIGNS = {"new": "+", "changed": "~", "removed": "-", "refused": "!", "kept": " "}
_WORDS = {
    "new": "not in the cluster",
    "changed": "differs",
    "removed": "not in the output any more",
    "refused": "refused by the API server",
    "kept": "not in the output any more, but kept",
}


def differences(found: Iterable[Difference]) -> str:
    """Every object that differs, with its unified diff."""
    return "".join(f"{visible(line)}\n" for one in found for line in _difference(one))


def _difference(one: Difference) -> Iterator[str]:
    if one.state != "unchanged":
        yield f"{_SIGNS[one.state]} {one.name}: {_WORDS[one.state]}"
    yield from (f"  note: {note}" for note in one.notes)
    yield from one.lines


def differences_json(context: str, namespace: str, found: Iterable[Difference]) -> str:
    """Every object, differing or not."""
    objects = [
        {"object": one.name, "state": one.state, "diff": list(one.lines), "notes": list(one.notes)} for one in found
    ]
    return document({"version": 1, "context": context, "namespace": namespace, "objects": objects})


def states_json(context: str, namespace: str, found: Iterable[State]) -> str:
    """Every workload with all that is known of it."""
    workloads = [_plain(state) for state in found]
    return document({"version": 1, "context": context, "namespace": namespace, "workloads": workloads})


def _plain(value: Any) -> Any:
    if isinstance(value, State):
        return {**_fields(value), "facts": dict(value.facts)}
    if isinstance(value, Record):
        return _fields(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _fields(record: Record) -> dict[str, Any]:
    return {name: _plain(getattr(record, name)) for name in record._fields}


def state(one: State) -> str:
    """The state of a workload in words."""
    return "".join(f"{visible(line)}\n" for line in _state(one))


def _state(one: State) -> Iterator[str]:
    since = f", since {one.since}" if one.since and one.phase != "missing" else ""
    yield f"{one.kind}/{one.name}: {one.phase}: {one.said}{since}"
    if one.shares:
        shares = ", ".join(f"version {share.version} ({share.role}) {share.percent}%" for share in one.shares)
        yield f"  traffic: {shares}"
    if one.step is not None:
        yield f"  step: {one.step} of {one.steps}{f', {one.doing}' if one.doing else ''}"
    if one.replicas is not None:
        yield f"  replicas: {one.ready} ready, {one.replicas} wanted"
    yield from (f"  {title}: {value}" for title, value in one.facts)
    for analysis in one.analyses:
        yield from _analysis(analysis)
    if one.message and one.phase != "healthy":
        yield f"  message: {' '.join(one.message.split())}"
    for command in one.commands:
        yield f"  to {command.effect}: {command.line}"
        if command.patch:
            yield f"    or: {command.patch}"


def _analysis(one: Analysis) -> Iterator[str]:
    since = f", since {one.since}" if one.since else ""
    yield f"  {one.role} analysis {one.name}: {one.phase}{since}"
    yield from (f"    {_measurement(each)}" for each in one.measurements)
    if one.message:
        yield f"    message: {' '.join(one.message.split())}"


def _measurement(one: Measurement) -> str:
    limit = f", must be {one.limit}" if one.limit else ""
    if one.result == "Pending":
        return f"{one.metric}: not measured yet{limit}"
    at = f" at {one.at}" if one.at else ""
    value = _short(one.value) if one.value is not None else "no value"
    message = f" ({' '.join(one.message.split())})" if one.message else ""
    return f"{one.metric}: {value}{limit}: {one.result}{at}{message}"


def _short(value: str) -> str:
    """A number with four digits; anything else as it is."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value
