"""What is fuzzed: four functions of bytes. Each must return, whatever the bytes are."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import mlspec
from mlspec.compiler.bind import bind, check_as_written
from mlspec.compiler.bind.references import resolve
from mlspec.compiler.diagnostics import Diagnostic, SourceFile
from mlspec.compiler.emit.artifact import Artifact
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.language import OBJECTS, UNIONS
from mlspec.compiler.layer import Layers, Sources
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.read import read
from mlspec.compiler.tree import Mapping
from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.gate import _unique
from mlspec.runtime.verdict import judge
from mlspec.terminal.texts import _decoded

from ..gates import CONFIG, METRICS, possible
from ..support import EXAMPLES, ROOT
from .corpus import cases, content
from .patching import written

__all__ = ["LARGEST", "TARGETS", "seeds", "words"]

SPEC = "mlspec.yaml"
LARGEST = 20_000
"""The most bytes of an input."""
BETWEEN = b"\n===\n"
"""What separates the two documents of one input."""


def _read(data: bytes) -> Mapping | None:
    """The tree of a file with this content; otherwise a finding, whose place is checked."""
    text = _decoded("mlspec.yaml", data)
    if isinstance(text, Diagnostic):
        _placed(text)
        return None
    tree, found = read(SourceFile("mlspec.yaml", text))
    assert tree is not None or found
    for one in found:
        _placed(one)
    return tree


def _placed(found: Diagnostic) -> None:
    span = found.span
    assert found.message
    assert 0 <= span.line < max(1, len(span.file.lines))
    assert 0 <= span.column <= len(span.file.lines[span.line])


def reader(data: bytes) -> None:
    """Any bytes are a tree, or have a finding with a place."""
    _read(data)


def binder(data: bytes) -> None:
    """Any spec is bound in all of its environments, or has findings."""
    tree = _read(data)
    if tree is None:
        return
    check_as_written(tree, "MLSystem", {})
    layers = Layers(Sources(spec=tree, releases={}))
    for layered in map(layers.of, layers.names):
        bound = bind(layered)
        resolve(layered, bound.references, bound.unread)


def patches(data: bytes) -> None:
    """Any patch of any object gets a finding, or the object can be written and read."""
    environment, artifacts = _compiled()
    artifact = artifacts[(data[0] if data else 0) % len(artifacts)]
    tree = _read(data[1:])
    if tree is None:
        return
    body = plain(artifact.object)
    written(environment, body["kind"], body["metadata"]["name"], tree)


@cache
def _compiled() -> tuple[Environment, tuple[Artifact, ...]]:
    made = mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml")._compiled.environments[0]
    named = (one for one in made.emitted.artifacts if one.object is not None)
    return made, tuple(one for one in named if "name" in plain(one.object).get("metadata", {}))


def gate(data: bytes) -> None:
    """Any two documents get a verdict, or are unreadable; no model passes without the numbers."""
    first, _, second = data.partition(BETWEEN)
    try:
        config = json.loads(first, object_pairs_hook=_unique) if first else CONFIG
        metrics = json.loads(second, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return
    try:
        passed = judge(config, metrics).passed
    except Unreadable:
        return
    assert not passed or config != CONFIG or possible(metrics)


def words() -> Iterator[str]:
    """The words of the language, which the fuzzer would not find by chance."""
    yield from sorted({key for table in OBJECTS.values() for key in table})
    yield from sorted({name for _, variants in UNIONS.values() for name in variants})
    yield from ("null", "segments", "samples", "events", "low", "high", "confidence", "versus", "minSamples")


def seeds(name: str) -> Iterator[bytes]:
    """What a target starts from: the examples, and what the first attack found."""
    if name == "gate":
        yield BETWEEN.join(json.dumps(one).encode() for one in (CONFIG, METRICS))
        yield BETWEEN + json.dumps(METRICS).encode()
        yield from (BETWEEN.join((config, metrics)) for config, metrics in _found("config.json", "metrics.json"))
    elif name == "patches":
        for number, artifact in enumerate(_compiled()[1]):
            yield bytes([number]) + json.dumps(plain(artifact.object)).encode()
        for (spec,) in _found(SPEC):
            yield from (b"\0" + patch for patch in spec.partition(b"patch:")[2:] if patch)
    else:
        yield from (path.read_bytes() for example in EXAMPLES for path in example.glob("*.yaml"))
        yield from (spec for (spec,) in _found(SPEC))


def _found(*names: str) -> Iterator[tuple[bytes, ...]]:
    """The files of the corpus with these names, unless they are large."""
    for case in cases():
        files = [content(case, name).encode() for name in names if name in case.body.get("files", {})]
        if len(files) == len(names) and max(map(len, files)) < LARGEST:
            yield tuple(files)


TARGETS: dict[str, Callable[[bytes], None]] = {"reader": reader, "binder": binder, "patches": patches, "gate": gate}


if __name__ == "__main__":  # repeats one input, without the fuzzer
    TARGETS[sys.argv[1]](Path(sys.argv[2]).read_bytes())
