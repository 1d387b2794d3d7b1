"""Run promtool, which comes with Prometheus, on test files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["Missing", "run"]

MOST = 4
"""The processes at a time."""


class Missing(Exception):  # noqa: N818 - what is missing is the message
    """There is no promtool."""


def run(files: Mapping[str, str], tests: Iterable[str]) -> dict[str, tuple[bool, str]]:
    """Whether each of the test files passes, and what promtool says. `files` has the tests and what they refer to.

    Raises Missing if there is no promtool.
    """
    program = shutil.which("promtool")
    if program is None:
        raise Missing("promtool is not on the PATH")
    names, workers = list(tests), min(MOST, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        shares = [names[start::workers] for start in range(workers) if names[start::workers]]
        said = pool.map(lambda share: _said(program, folder, share), shares)
        return {name: found for part in said for name, found in part.items()}


_VERDICT = re.compile(r"^(?:Unit Testing:  .*\n)?  (SUCCESS|FAILED:)$", re.MULTILINE)
"""What promtool writes once for each file, in their order. Version 2 names the file before, version 3 does not."""


def _said(program: str, folder: str, names: list[str]) -> dict[str, tuple[bool, str]]:
    """One process for many files, because a start takes longer than most tests."""
    done = subprocess.run(
        [program, "test", "rules", *names],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == 0:
        return dict.fromkeys(names, (True, "SUCCESS"))
    if len(names) == 1:
        return {names[0]: (False, _VERDICT.sub(r"\1", done.stdout).strip())}
    _, *found = _VERDICT.split(done.stdout)
    verdicts, texts = found[::2], found[1::2]
    if len(verdicts) != len(names):  # it ended early, or a message looks like a verdict
        return {name: said for one in names for name, said in _said(program, folder, [one]).items()}
    said = zip(names, verdicts, texts, strict=True)
    return {name: (verdict == "SUCCESS", f"{verdict}{text}".strip()) for name, verdict, text in said}
