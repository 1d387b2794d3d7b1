"""What must hold for every compilation, whatever the input: findings have a place, and output is valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import mlspec
from mlspec.api import Result
from mlspec.compiler.answer.memo import memo
from mlspec.terminal.render import text as rendering

from ..support import files
from ..validation import ServerLoader, pod_of, problems, unrestricted
from .outcome import Invalid

__all__ = ["compiled", "read_back"]

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class StrictLoader(ServerLoader):
    """YAML as the API server reads it, which refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        made = super().construct_mapping(node, deep)
        if len(made) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key appears twice", node.start_mark)
        return made


def compiled(spec: Path, *, patched: bool = False, **options: Any) -> bool:
    """Compile a spec, and check everything about the result. Returns whether it was accepted.

    With `patched`, objects need not match the schemas: the author of a patch may know a field that we do not.
    """
    result = mlspec.compile(spec, **options)
    _found(result)
    for environment in result._compiled.environments:
        memo(environment)
    if result.ok:
        _output(result, patched)
    return result.ok


def _found(result: Result) -> None:
    if not result.ok and not result.diagnostics:
        raise Invalid("it failed without a finding")
    for one in result.diagnostics:
        lines = one.span.file.lines
        if not one.message or "Traceback" in one.message:
            raise Invalid(f"a finding without a message: {one!r}")
        if not 0 <= one.span.line < max(1, len(lines)) or not 0 <= one.span.column <= len(lines[one.span.line]):
            raise Invalid(f"a finding without a place: {one!r}")
    said = _CONTROL.search(rendering.snippets(result.diagnostics))
    if said is not None:
        raise Invalid(f"a message contains the control character {said[0]!r}")


def _output(result: Result, patched: bool) -> None:
    if not result.bundles:
        raise Invalid("it was accepted without any output")
    version = result._compiled.environments[0].system.platform.kubernetes.value
    wrong = [f"{path}: {one}" for path, text in files(result).items() for one in _wrong(text, version, patched)]
    if wrong:
        raise Invalid("\n".join(wrong[:20]))


def _wrong(text: str, version: str, patched: bool) -> Iterator[str]:
    try:
        body = read_back(text)
    except yaml.YAMLError as error:
        yield f"is not YAML: {error}"
        return
    if not isinstance(body, dict):
        yield "is not a mapping"
    elif "kind" in body and body["kind"] != "Kustomization":
        if not all(isinstance(one, str) for one in (body["kind"], body["apiVersion"], body["metadata"]["name"])):
            yield "has no kind, version, or name"
        elif not patched:
            yield from problems(body, version)
            pod = pod_of(body)
            yield from unrestricted(pod) if pod is not None else ()


def read_back(text: str) -> Any:
    """The only document of a file. A second one would be an object that someone injected."""
    return yaml.load(text, Loader=StrictLoader)
