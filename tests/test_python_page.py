"""docs/python.md: its examples run unchanged, next to the example that they use."""

from __future__ import annotations

import doctest
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .support import ROOT

PAGE = ROOT / "docs" / "python.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of two examples to work in, with their platform file where it is found."""
    (tmp_path / ".git").mkdir()
    for name in ("fraud-scorer", "minimal"):
        shutil.copytree(ROOT / "examples" / name, tmp_path / name)
    shutil.copy(ROOT / "examples" / "mlspec.platform.yaml", tmp_path)
    monkeypatch.chdir(tmp_path / "fraud-scorer")
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("folder")
def test_what_is_typed_gives_what_is_shown() -> None:
    text = "\n".join(blocks("pycon"))
    shown = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(shown, out=said.append)
    assert not results.failed, "".join(said)
    assert results.attempted == "".join(blocks("pycon")).count(">>> ")


@pytest.mark.usefixtures("folder")
def test_the_tests_that_are_shown_pass() -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)
    tests: list[Callable[[], None]] = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
