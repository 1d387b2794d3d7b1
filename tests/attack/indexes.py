"""Indexes that others wrote, and what is in the way of the output."""

from __future__ import annotations

import json
import random
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.conventions import INDEX
from mlspec.compiler.errors import UnmanagedFileError
from mlspec.terminal.write import Rendered, changes, contents, write

from ..hostile import broken, mutated
from ..support import ROOT
from ..test_traps_writing import FOLDERS_ARE_FINE, PATHS, place, snapshot
from ..test_write import files, state
from .outcome import Invalid, Lost, Row

__all__ = ["ROWS"]

DECLARED = ("default",)
FOREIGN = ("precious.txt", "serving/own.yaml", "deep/er/notes.md")
NAMES: tuple[Any, ...] = (
    *FOREIGN,
    *(
        "../precious.txt",
        "/etc/passwd",
        "./rollout.yaml",
        "a//b",
        INDEX,
        "serving",
        "",
        ".",
        "\0",
        "\ud800",
        "a" * 5000,
    ),
    *("a/" * 2000, 3, None, [], {}, "serving/../../../x", "\u202e.yaml", "kustomization.yaml"),
)


@cache
def _made() -> list[Rendered]:
    return files(mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml"))


def _index(number: int, chance: random.Random, folder: Path) -> bool:
    """An index is changed in any way: afterward, the output and the files of others are there, and nothing else."""
    out = folder / "out"
    write(out, _made(), DECLARED)
    for path in FOREIGN:
        (out / "default" / path).parent.mkdir(parents=True, exist_ok=True)
        (out / "default" / path).write_text("mine")
    (folder / "precious.txt").write_text("mine")
    index = out / "default" / INDEX
    listed = json.loads(index.read_text())
    listed["files"] += chance.sample(NAMES, 3)
    changed = mutated(chance, listed, NAMES, ("files", "file", "x", "")) if number % 3 else listed
    index.write_bytes(broken(chance, json.dumps(changed)) if number % 3 == 1 else json.dumps(changed).encode())
    if chance.random() < 0.3:
        index.rename(index.with_name("kept.json"))
        (out / "other").mkdir()
        index.with_name("kept.json").rename(out / "other" / INDEX)
        (out / "other" / "precious.txt").write_text("mine")
    theirs = _theirs(folder)
    accepted = True
    try:
        write(out, _made(), DECLARED)
    except UnmanagedFileError:
        accepted = False
    if _theirs(folder) != theirs:
        raise Lost(f"files of others are gone: {sorted(set(theirs) - set(_theirs(folder)))}")
    there = state(out)
    if accepted and any(there.get(path) != content for path, content in contents(_made()).items()):
        raise Invalid("the output differs from what was compiled")
    return accepted


def _theirs(folder: Path) -> dict[str, bytes]:
    return {path: content for path, content in state(folder).items() if content == b"mine"}


WAYS = tuple(
    product(PATHS, ("file", "folder", "pipe", "link to a folder", "link to a device", "dangling link"), (False, True))
)


def _in_the_way(number: int, _: random.Random, folder: Path) -> bool:
    """A link, a pipe, a file, or a folder where the output goes stays as it is, and nothing is written through it."""
    path, what, again = WAYS[number % len(WAYS)]
    (folder / "way.txt").write_text(f"{path} is a {what}, {'after a compile' if again else 'at first'}\n")
    if again:
        write(folder / "out", _made(), DECLARED)
    place(folder / path, what)
    before = snapshot(folder)
    ours = path.endswith(INDEX) or (again and path.endswith(".yaml"))
    fine = (path, what) in FOLDERS_ARE_FINE or (what == "file" and ours)
    try:
        for command in (changes, write):
            command(folder / "out", _made(), DECLARED)
    except UnmanagedFileError:
        if fine:
            raise Invalid("it was refused, although nothing is in the way") from None
        if snapshot(folder) != before:
            raise Lost("it was refused, and something has changed") from None
        return False
    if not fine:
        raise Lost("it was written through, or over")
    return True


ROWS = (
    Row("indexes", "indexes that name files of others, or nothing that a file can be", 2000, _index),
    Row("links", "links, pipes, devices, files, and folders where output goes", len(WAYS), _in_the_way),
)
