"""The sizes of objects, compared with what the API server, etcd, controllers, and `kubectl apply` accept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..because import Because
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import Lines, plain
from ..finding import finding
from ..limits import ANNOTATIONS, APPLIED, CONFIG_MAP, OBJECT, RULES, Limit

__all__ = ["too_large"]


def too_large(artifacts: tuple[Artifact, ...]) -> Iterator[Diagnostic]:
    """A finding at the longest value of each object that would be rejected."""
    for artifact in artifacts:
        if artifact.sent is not None:
            yield from _judged(artifact, artifact.sent)


def _judged(artifact: Artifact, body: dict[str, Any]) -> Iterator[Diagnostic]:
    if _size(body, _at_most) <= APPLIED.most:
        return  # true for almost all objects, and the other limits are higher
    size = _size(body)
    kind = str(plain(body.get("kind")))
    data = _bare(body.get("data")) if kind == "ConfigMap" else None
    counted = [
        *((ANNOTATIONS, made, _size(made)) for made in _annotations(body)),
        (CONFIG_MAP, data, sum(map(_size, data.values())) if isinstance(data, dict) else 0),
        (RULES if kind == "PrometheusRule" else OBJECT, body, size),
    ]
    wrong = next(((limit, part, size) for limit, part, size in counted if size > limit.most), None)
    if wrong is not None:
        yield _finding("MLS040", "error", kind, artifact, *wrong)
    elif size > APPLIED.most:
        yield _finding("MLS041", "warning", kind, artifact, APPLIED, body, size)


def _finding(
    id_: Any, severity: Any, kind: str, artifact: Artifact, limit: Limit, part: object, size: int
) -> Diagnostic:
    what = {ANNOTATIONS: f"the annotations of its {kind}", CONFIG_MAP: "its data"}.get(limit, f"its {kind}")
    longest, at = max(_leaves(part, artifact.why), key=lambda leaf: leaf[0], default=(0, artifact.why))
    return finding(
        id_,
        f"`{artifact.path}` is too large: {what} would have {size:,} bytes",
        at,
        artifact.why,
        severity=severity,
        label=f"{longest:,} of them are from here",
        note=f"the limit is {limit.most:,}: {limit.why}",
        help=f"remove bounds or columns under `monitoring`, or shorten texts: {size - limit.most:,} bytes less"
        if kind == "PrometheusRule"
        else f"shorten its values by {size - limit.most:,} bytes",
    )


def _bare(value: object) -> object:
    return value.value if isinstance(value, Because) else value


def _bytes(lines: Lines) -> int:
    return len(lines.text().encode(errors="replace"))


def _at_most(lines: Lines) -> int:
    """A bound that is known without making the lines, if there is one."""
    return lines.most if lines.most is not None else _bytes(lines)


def _size(value: object, of_lines: Callable[[Lines], int] = _bytes) -> int:
    """The bytes of a value as JSON, without escapes; without quotes at the top."""
    size, stack = 0, [value]
    while stack:  # a loop, because every value of every object passes here
        one = stack.pop()
        if type(one) is Because:
            one = one.value
        if type(one) is str:  # most of them are
            size += len(one) if one.isascii() else len(one.encode(errors="replace"))
        elif isinstance(one, dict):
            size += 2 + 6 * len(one) + sum(map(len, one))
            stack += one.values()
        elif isinstance(one, (list, tuple)):
            size += 2 + 3 * len(one)
            stack += one
        elif isinstance(one, Lines):
            size += of_lines(one)
        else:
            size += len(str(one).encode(errors="replace"))
    return size


def _annotations(body: object) -> Iterator[dict[str, Any]]:
    """The annotations of an object and of the objects that controllers create from its templates."""
    body = _bare(body)
    if isinstance(body, dict):
        metadata = _bare(body.get("metadata"))
        made = _bare(metadata.get("annotations")) if isinstance(metadata, dict) else None
        if isinstance(made, dict):
            yield made
    children = body.values() if isinstance(body, dict) else body if isinstance(body, (list, tuple)) else ()
    for child in children:
        yield from _annotations(child)


def _leaves(value: object, at: Because[Any]) -> Iterator[tuple[int, Because[Any]]]:
    """The size of each leaf, and the nearest reason around it."""
    at, value = value if isinstance(value, Because) else at, _bare(value)
    if isinstance(value, dict):
        for child in value.values():
            yield from _leaves(child, at)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _leaves(child, at)
    else:
        yield _size(value), at
