"""The README: what it shows is what happens."""

from __future__ import annotations

import re

import pytest

import mlspec

from .support import ROOT, loaded, run

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_spec_is_the_minimal_example() -> None:
    [shown] = blocks("yaml")
    assert loaded(shown) == loaded((ROOT / "examples/minimal/mlspec.yaml").read_text())
    assert len(shown.splitlines()) == 20


def test_the_files_are_those_that_are_written() -> None:
    files = {line.split()[1] for line in blocks("text")[0].splitlines() if line.startswith("  + ")}
    made = mlspec.compile(ROOT / "examples/minimal/mlspec.yaml").bundles
    written = {f"{name}/{path}" for name, bundle in made.items() for path in bundle.files}
    written |= {f"{name}/.mlspec-index.json" for name in made}
    assert written - files == set(), "add it to the list of files in README.md"
    assert files - written == set(), "remove it from the list of files in README.md"
    assert f"wrote {len(files)} files" in blocks("text")[0]


def test_the_reason_is_the_one_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for block in blocks("console"):
        asked, *told = block.splitlines()
        answer = " ".join(run(*asked.removeprefix("$ mlspec ").split()).out.split())
        *parts, last = " ".join(" ".join(told).split()).split("...")  # the lines between are left out
        for part in parts:
            assert part.strip() in answer
            answer = answer.partition(part.strip())[2]
        assert answer if parts and not last else answer.endswith(last), "what is cut says so, and nothing else does"


def test_the_error_is_a_golden_one() -> None:
    shown = next(block for block in blocks("text") if block.startswith("error["))
    assert (ROOT / "tests/errors/MLS501-between-two-buckets/expected.txt").read_text().startswith(shown)


def test_ci_runs_the_commands_of_the_readme() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert commands == ["./quickstart", "./quickstart tests", "./quickstart cluster"]
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if line.startswith("./")] == commands


def test_trap_a_shell_function_finds_itself_instead_of_the_program() -> None:
    """`command -v` finds functions, too: one that is called as the program it looks for would never install it."""
    script = (ROOT / "quickstart").read_text()
    functions = set(re.findall(r"^(\w+)\(\) ", script, re.MULTILINE))
    assert functions
    assert not functions & set(re.findall(r"command -v (\w+)", script))
