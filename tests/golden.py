"""`make golden`: write the examples' output, the error messages and the formats again, and say what changed.

What is printed groups the changes by place, such as `+ spec.template.spec.hostUsers in 14 objects`, and is made for the
commit message: a reviewer reads one line for each idea, and the diff for the rest.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from .support import ROOT
from .validation import load

GOLDEN = (
    "examples/*/out/**/*.yaml",
    "examples/*/out/_system/design.md",
    "tests/errors/*/expected.txt",
    "tests/formats/*.txt",
)
TESTS = (
    "tests/test_examples.py::test_output_is_what_is_committed",
    "tests/test_errors.py::test_the_message_is_what_is_committed",
    "tests/test_formats.py::test_the_format_is_what_is_committed",
)


def golden() -> dict[str, str]:
    """The text of every golden file, by its path."""
    paths = (path for pattern in GOLDEN for path in ROOT.glob(pattern))
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted(paths)}


def restore(files: dict[str, str]) -> None:
    """Write back the files that are missing."""
    for path, text in files.items():
        if not (ROOT / path).exists():
            (ROOT / path).write_text(text)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What changed between two sets of files: files that come and go first, then places by how often they changed."""
    lines = [f"- {path}" for path in before if path not in after]
    lines += [f"+ {path}" for path in after if path not in before]
    places: dict[str, set[str]] = defaultdict(set)
    for path in before.keys() & after.keys():
        if before[path] == after[path]:
            continue
        found = list(_places(path, before[path], after[path]))
        for place in found or ["~ comments or order"]:
            places[place].add(path)
    for place, paths in sorted(places.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"{place} in {_where(paths)}")
    return lines


def _where(paths: set[str]) -> str:
    return next(iter(paths)) if len(paths) == 1 else f"{len(paths)} files"


def _places(path: str, old: str, new: str) -> Iterator[str]:
    if not path.endswith(".yaml"):
        yield "~ the message"
        return
    yield from _differences("", load(old), load(new))


def _differences(place: str, old: Any, new: Any) -> Iterator[str]:
    """The highest places at which two documents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            inner = f"{place}.{key}" if place else str(key)
            if key not in new:
                yield f"- {inner}"
            elif key not in old:
                yield f"+ {inner}"
            else:
                yield from _differences(inner, old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _differences(f"{place}[]", one, other)
    elif old != new:
        yield f"~ {place}"


def main() -> int:
    """Update the golden files, and print what changed. Returns the exit status of the tests that write them.

    We delete all files first, so that files without a test disappear. If a test fails, we restore them.
    """
    before = golden()
    for path in before:
        (ROOT / path).unlink()
    status = pytest.main(["-q", "--no-header", "--snapshot-update", *(str(ROOT / Path(test)) for test in TESTS)])
    if status:
        restore(before)
    for line in changes(before, golden()):
        click.echo(line)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
