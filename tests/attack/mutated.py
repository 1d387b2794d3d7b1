"""Mutated files: the specs, platform files, release files, patches, settings, and bytes of the first five rows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.language import OBJECTS

from ..hostile import INJECTED, any_spec, broken, mutated
from ..support import EXAMPLES, objects
from ..systems import Files, generated
from ..validation import load
from .judge import compiled
from .outcome import Row

__all__ = ["ROWS"]

SPEC, PLATFORM, RELEASES = "mlspec.yaml", "mlspec.platform.yaml", "releases/"

WORDS: tuple[Any, ...] = (
    *(None, True, False, "", [], {}, [[]], [None], {"a": None}, "alpha", "Europe/Berlin", "2026-11-02T04:12:00Z"),
    *(-1, 0, 1, 0.5, 1e299, 10**400, float("nan"), "0/s", "1ms", "9999d", "100%", "101%", "0", "1e9/s", "\ud800"),
    *INJECTED,
)
NAMES = (*sorted({key for table in OBJECTS.values() for key in table}), "x", "<<", "null", "")


def _mutated(path: str, number: int, chance: random.Random, folder: Path) -> bool:
    """Mutate one file of a system, whose path starts like this."""
    files = _system(number, chance, path)
    name = chance.choice(sorted(name for name in files if name.startswith(path)))
    files[name] = mutated(chance, files[name], WORDS, NAMES)
    return compiled(_written(folder, files))


def _system(number: int, chance: random.Random, path: str) -> Files:
    """The files of an example or of a generated system that has such a file."""
    if number % 2:
        return dict(chance.choice([files for files in _examples() if any(name.startswith(path) for name in files)]))
    seed = chance.randrange(2**32)
    drawn = map(generated, range(seed, seed + 1000))
    return next(files for files in drawn if any(name.startswith(path) for name in files))


@cache
def _examples() -> tuple[Files, ...]:
    return tuple({path: load(text) for path, text in _texts(example).items()} for example in EXAMPLES)


def _texts(example: Path) -> dict[str, str]:
    """The files of an example; the platform file of all of them goes next to the spec."""
    paths = (example / SPEC, *example.glob(f"{RELEASES}*.yaml"))
    texts = {str(path.relative_to(example)): path.read_text() for path in paths}
    return {**texts, PLATFORM: (example.parent / PLATFORM).read_text()}


def _written(folder: Path, files: Files) -> Path:
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(body, indent=1, ensure_ascii=True))
    return folder / SPEC


# Patches


def _patch(_: int, chance: random.Random, folder: Path) -> bool:
    """One to three patches of objects that exist, each a piece of the object with something else in it."""
    index = chance.randrange(len(EXAMPLES))
    files = dict(_examples()[index])
    made = [_patch_of(chance, chance.choice(_objects(index))) for _ in range(chance.randint(1, 3))]
    changed = mutated(chance, {"patches": made}, WORDS, NAMES) if chance.random() < 0.3 else {"patches": made}
    files[SPEC] = {**files[SPEC], **changed}
    return compiled(_written(folder, files), patched=True)


@cache
def _objects(index: int) -> list[Any]:
    made = objects(mlspec.compile(EXAMPLES[index] / SPEC))
    return [body for body in made if "name" in body.get("metadata", {})]  # type: ignore[operator]


def _patch_of(chance: random.Random, body: dict[str, Any]) -> dict[str, Any]:
    target = {"kind": body["kind"], "name": body["metadata"]["name"]}
    whole = mutated(chance, body, WORDS, [*body, "spec", "template", "x"])
    patch: Any = _piece(chance, whole) if chance.random() < 0.8 else whole
    return {"target": target, "patch": patch, "reason": chance.choice(("a test", *INJECTED))}


def _piece(chance: random.Random, body: Any) -> Any:
    """One value of an object, below its keys."""
    if not isinstance(body, dict) or not body or chance.random() < 0.15:
        return body
    key = chance.choice(sorted(body))
    return {key: _piece(chance, body[key])}


# Settings


def _set(_: int, chance: random.Random, folder: Path) -> bool:
    """One to three settings: paths of the language, or nearly, with any value."""
    settings = [_setting(chance) for _ in range(chance.randint(1, 3))]
    (folder / "settings.txt").write_text("\n".join(settings), encoding="utf-8", errors="backslashreplace")
    return compiled(chance.choice(EXAMPLES) / SPEC, settings=settings)


def _setting(chance: random.Random) -> str:
    document = any_spec(chance) if chance.random() < 0.7 else dict(chance.choice(_examples())[SPEC])
    path, value = chance.choice(list(_values(document)))
    if chance.random() < 0.5:
        value = chance.choice(WORDS)
    if chance.random() < 0.1:
        path = chance.choice((f"{path}.x", path * 500, f".{path}", f"{path}.", path.replace(".", ".."), "", "{a}", "="))
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{path}{chance.choice(('=', '=', '=', '=', '', '=='))}{text}"


def _values(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, child in thing.items() if isinstance(thing, dict) else ():
        yield f"{path}{key}", child
        yield from _values(child, f"{path}{key}.")


# Bytes


def _bytes(number: int, chance: random.Random, folder: Path) -> bool:
    """A file of an example after some accidents, or with any bytes in it."""
    texts = _texts(chance.choice(EXAMPLES))
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    hit = folder / chance.choice(sorted(texts))
    if number % 2:
        hit.write_bytes(broken(chance, hit.read_text()))
    else:
        data, at = hit.read_bytes(), chance.randrange(hit.stat().st_size)
        hit.write_bytes(data[:at] + chance.randbytes(chance.randint(1, 200)) + data[at + chance.randrange(50) :])
    return compiled(folder / SPEC)


ROWS = (
    Row("specs", "specs with values removed, renamed, swapped, or replaced", 1926, partial(_mutated, SPEC)),
    Row("platforms", "the same with platform files", 622, partial(_mutated, PLATFORM)),
    Row("releases", "the same with release files", 630, partial(_mutated, RELEASES)),
    Row("patches", "patches of objects that exist, with pieces of them mutated", 612, _patch),
    Row("settings", "`--set` with paths of the language, or nearly, and any value", 610, _set),
    Row("bytes", "cut, doubled, or random bytes in a file", 600, _bytes),
)
