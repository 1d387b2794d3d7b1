"""`mlspec runtime gate`: judge a trained model by the gates of its system, and write the verdict.

In a job, a rejected model is not a failure. The gate exits with 0 whatever the verdict, because a failed Job would be
retried and would alert the on-call engineer. The next step reads `verdict.json`. If a previous step wrote a malformed
file, the gate ends the run with 42, because a retry would write the same file. Outside a job, it exits with 0 for a
pass, 42 for a fail, and 1 for unreadable input.

The verdict includes the digest of the model's files, so that what is published is exactly what was judged.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from ..compiler.record import Record
from .conditions import Unreadable, shown
from .digest import digest_of, size_of
from .lines import say
from .verdict import VERSION, Verdict, is_version, judge

__all__ = ["Files", "by_hand", "gate", "of_the_job", "read"]

PASS, UNREADABLE, NO = 0, 1, 42

LARGEST = 8 * 2**20
"""The maximum size of an input in bytes: 10,000 values of a segment take less than 2 MiB."""


class Files(Record):
    """The files that the gate reads and writes."""

    config: Path
    metrics: Path
    model: Path | None = None
    verdict: Path | None = None


def gate(files: Files, *, in_job: bool = False) -> int:
    """Judge the model, print one line for each gate, and return the exit status."""
    try:
        config = read(files.config)
        verdict = judge(config, read(files.metrics))
        model = _model(files.model, _new_data(config)) if files.model is not None else None
        if files.verdict is not None:
            _write(files.verdict, verdict, model)
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime gate: {wrong}")
        return NO if in_job and isinstance(wrong, Unreadable) else UNREADABLE
    for reason in verdict.reasons:
        say(sys.stdout, reason.line)
    say(sys.stdout, "pass" if verdict.passed else "fail" if verdict.reasons else "fail: the configuration has no gates")
    return PASS if verdict.passed or in_job else NO


def by_hand(**given: str | None) -> Files | None:
    """The files on the command line; None if a required one is missing."""
    paths = {name: Path(path) for name, path in given.items() if path is not None}
    return Files(**paths) if {"config", "metrics"} <= set(paths) else None


def of_the_job() -> Files | None:
    """The files at the paths of the training contract (docs/training-contract.md); None outside a job.

    With a step `compress`, its model is the one that was evaluated. The kubelet creates the folder of each step.
    """
    config, given, own = (os.environ.get(f"MLSPEC_{name}") for name in ("CONFIG", "INPUT", "OUTPUT"))
    if not config or not given or not own:
        return None
    step = "compress" if (Path(given) / "compress").is_dir() else "train"
    return Files(
        config=Path(config),
        metrics=Path(given) / "evaluate" / "metrics.json",
        model=Path(given) / step / "model.json",
        verdict=Path(own) / "verdict.json",
    )


def read(path: Path) -> Any:
    """The content of a JSON file of the training contract. Raises Unreadable and OSError."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unreadable(f"{path} is larger than {LARGEST // 2**20} MiB")
    try:
        return json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"{path} is not JSON: {wrong}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping without duplicate keys: of two results, the reader would silently believe the last one."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} appears twice")
    return made


def _new_data(config: Any) -> list[str]:
    """The sources that are read as of the run. Only the run knows which version of them it read."""
    data = config.get("data") if isinstance(config, dict) else None
    sources = data.get("sources") if isinstance(data, dict) else None
    named = [source for source in sources or [] if isinstance(source, dict) and isinstance(source.get("version"), dict)]
    return [str(source.get("name")) for source in named if source["version"].get("kind") == "as-of-run"]


def _recorded(model: dict[str, Any], sources: list[str], description: Path) -> dict[str, str]:
    """The versions of the data that the run recorded, without which nothing can reproduce the model."""
    given = model.get("data", {})
    read = {name: version for name, version in given.items() if version} if isinstance(given, dict) else {}
    for name in sources:
        if not isinstance(read.get(name), str):
            raise Unreadable(f"{description} does not say which version of {shown(name)} the run read, under `data`")
    return {name: version for name, version in read.items() if isinstance(version, str)}


def _model(description: Path, sources: list[str]) -> dict[str, Any]:
    """The model that `model.json` describes, with its digest. The model is next to its description."""
    model = read(description)
    path, format_ = (model.get("path"), model.get("format")) if isinstance(model, dict) else (None, None)
    if not isinstance(path, str) or not isinstance(format_, str) or not is_version(model.get("version")):
        raise Unreadable(f"{description} needs `version: {VERSION}`, `path`, and `format`")
    steps = PurePosixPath(path)
    if "\0" in path or steps.is_absolute() or ".." in steps.parts:
        raise Unreadable(f"{description} names a model that is not next to it: {shown(path)}")
    files = description.parent / steps
    if any((description.parent / step).is_symlink() for step in (steps, *steps.parents)[:-1]):
        raise Unreadable(f"{description} names a link, not a model: {shown(path)}")
    if files.exists() and not files.is_file() and not files.is_dir():
        raise Unreadable(f"{files} is neither a file nor a folder")
    digest = digest_of(files)
    if model.get("digest", digest) != digest:
        raise Unreadable(f"{files} does not match the digest in {description}: it is {digest}")
    data = _recorded(model, sources, description)
    made = {"path": path, "format": format_, "digest": digest, "size": size_of(files)}
    return {**made, "data": data} if data else made


def _write(path: Path, verdict: Verdict, model: dict[str, Any] | None) -> None:
    """Write the file atomically: a reader finds the whole verdict, or none."""
    document = {
        "version": VERSION,
        "pass": verdict.passed,
        "model": model,
        "reasons": [reason.document() for reason in verdict.reasons],
    }
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="ascii") as file:
        json.dump(document, file, indent=2, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
