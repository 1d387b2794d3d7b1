"""The seed corpus: what the first attack found, as data in `corpus/`, one file for each finding.

A case has files, links, and pipes, and commands to run in their folder. The last command exits with `status`, and
reports exactly the findings in `ids`; what it prints contains every text in `says`, and none in `never`. Afterward, the
files in `keeps` still have their content, and the paths in `absent` do not exist.

A file is a list of parts: text, `{minimal}` for the minimal example with changes, or `{text, times}` for text that is
repeated, with `#` for its number unless it is a comment. An argument is text, or `{before, text, times, then}`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mlspec.__main__ import _run

from ..support import Ran, minimal, run

__all__ = ["CORPUS", "Case", "broken", "cases", "content", "observed", "prepared"]

CORPUS = Path(__file__).parent / "corpus"


class Case(NamedTuple):
    """One input, and what is expected of it."""

    finding: str
    body: dict[str, Any]


def cases() -> list[Case]:
    """Every case of every file."""
    return [Case(file.stem, body) for file in sorted(CORPUS.glob("*.yaml")) for body in _loaded(file)]


def _loaded(file: Path) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return bodies


def prepared(case: Case, folder: Path) -> Path:
    """Create the files of a case in a repository of its own."""
    (folder / ".git").mkdir(exist_ok=True)
    for path in case.body.get("files", {}):
        _parent(folder / path).write_text(content(case, path), encoding="utf-8")
    for path, target in case.body.get("links", {}).items():
        _parent(folder / path).symlink_to(target)
    for path in case.body.get("pipes", ()):
        os.mkfifo(_parent(folder / path))
    return folder


def content(case: Case, path: str) -> str:
    """The text of a file."""
    return "".join(map(_text, case.body["files"][path]))


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if "minimal" in part:
        return minimal(**part["minimal"])
    text, times = part["text"], part["times"]
    numbered = "#" in text and not text.startswith("#")
    whole = "".join(text.replace("#", str(number)) for number in range(times)) if numbered else text * times
    return f"{part.get('before', '')}{whole}{part.get('then', '')}"


def observed(case: Case, folder: Path) -> Ran:
    """Run the commands of a case, and return what the last one did."""
    with chdir(folder):
        *_, last = (run(*map(_text, command), program=_run) for command in case.body["run"])
    return last


def broken(case: Case, ran: Ran, folder: Path) -> Iterator[str]:
    """What is not as the case says."""
    body, said = case.body, ran.out + ran.err
    if ran.status != body["status"]:
        yield f"exits with {ran.status}: {said[-2000:]}"
    if "ids" in body and sorted(set(ids(said))) != sorted(body["ids"]):
        yield f"reports {sorted(set(ids(said)))}: {said[-2000:]}"
    yield from (f"does not say {text!r}: {said[-2000:]}" for text in body.get("says", ()) if text not in said)
    yield from (f"says {text!r}" for text in ("This is a bug", "Traceback", *body.get("never", ())) if text in said)
    yield from (f"says the control character {one!r}" for one in re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", said))
    for path, text in body.get("keeps", {}).items():
        if not (folder / path).is_file() or (folder / path).read_text() != text:
            yield f"{path} has changed"
    yield from (f"{path} exists" for path in body.get("absent", ()) if (folder / path).exists())


def ids(said: str) -> list[str]:
    """The ids of findings in a report."""
    return re.findall(r"(?m)^(?:error|warning|info)\[(MLS[0-9]{3})\]", said)
