"""What an author writes never acts on a terminal, a CI log, or a reviewer's eyes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.words import CONTROLS, escaped
from mlspec.terminal.render import FORMATS

from .support import EXAMPLES, dumped, loaded, run
from .validation import load

HOSTILE = "a\x1b[2J\x1b]0;pwn\x07\x9b2J\u202eb\u2028::error::c\r\U000e0041"
"""Clears the screen, sets the title, reverses the text, begins a workflow command, and hides a letter."""
OBEYED = re.compile(f"(?![\n\t])[{CONTROLS}]")
EXAMPLE = next(path for path in EXAMPLES if path.name == "minimal")


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _leaves(child, (*path, key))
    if isinstance(node, str):
        yield path


def _with(spec: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    made = copy.deepcopy(spec)
    at: Any = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = HOSTILE
    return made


@cache
def specs() -> tuple[str, str]:
    """A spec in which every text that may be hostile is, and one in which every text is."""
    first: dict[str, Any] = loaded((EXAMPLE / "mlspec.yaml").read_text())
    first["environments"] = {"production": {}}
    first["metadata"]["description"] = "x"
    fine = every = first
    platform = EXAMPLE.parent / "mlspec.platform.yaml"
    for path in _leaves(first):
        every = _with(every, path)
        one = _with(fine, path)
        found = mlspec.lint(text=dumped(one), platform=platform)
        if all(finding.severity != "error" for finding in found):
            fine = one
    assert dumped(fine).count("pwn") > 1
    return dumped(fine), dumped(every)


@pytest.fixture(params=["allowed", "everywhere"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.platform.yaml").write_text((EXAMPLE.parent / "mlspec.platform.yaml").read_text())
    (tmp_path / "mlspec.yaml").write_text(specs()[request.param == "everywhere"])
    return tmp_path


def commands() -> list[tuple[str, ...]]:
    formats = [form.name for form in FORMATS]
    return [
        *(("lint", "--format", form) for form in formats),
        *(("check", "--format", form) for form in formats),
        *(("plan", "--format", form) for form in ("text", "markdown", "json")),
        ("lint", "--color"),
        ("compile", "--stdout"),
        ("compile",),
        ("lint", "--env", HOSTILE),
        ("lint", "--set", HOSTILE),
        ("lint", "--set", f"{HOSTILE}={HOSTILE}"),
        ("lint", "--select", HOSTILE),
        ("lint", "--today", HOSTILE),
        ("lint", "--platform", HOSTILE),
        ("promote", "--to", HOSTILE),
        ("promote", "--to", "production", "--release", HOSTILE),
        ("rollback", "--env", "production", "--to", HOSTILE),
        ("lint", f"--{HOSTILE}"),
    ]


@pytest.mark.parametrize("command", commands(), ids=lambda it: " ".join(it).replace(HOSTILE, "X"))
def test_no_command_prints_what_a_terminal_obeys(command: tuple[str, ...], spec: Path) -> None:
    from mlspec.__main__ import _run

    ran = run(*command, spec, program=_run)
    out = re.sub(r"\x1b\[[0-9;]*m", "", ran.out + ran.err) if "--color" in command else ran.out + ran.err
    assert OBEYED.findall(out) == []
    assert not any(line.startswith("::error::c") for line in out.splitlines())
    if command[-1] == "json" and ran.out:
        json.loads(ran.out)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_explanation_prints_what_a_terminal_obeys(form: str, spec: Path) -> None:
    for question in ("metadata.useCase", "metadata", HOSTILE, f"Rollout/{HOSTILE}:spec", f"{HOSTILE}:3"):
        ran = run("explain", spec, question, "--format", form)
        assert OBEYED.findall(ran.out + ran.err) == []


def test_output_shows_a_reviewer_what_it_says(spec: Path) -> None:
    """In YAML, such characters are escaped in double quotes, so the value stays the same."""
    result = mlspec.compile(spec / "mlspec.yaml")
    texts = {path: text for bundle in result.bundles.values() for path, text in bundle.files.items()}
    assert [path for path, text in texts.items() if OBEYED.search(text)] == []
    whole = json.dumps([load(text) for path, text in texts.items() if path.endswith(".yaml")], ensure_ascii=False)
    failed = any(found.severity == "error" for found in result.diagnostics)
    assert failed or json.dumps(HOSTILE, ensure_ascii=False)[1:-1] in whole


def test_an_escape_in_json_means_the_same() -> None:
    assert json.loads(escaped(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE


@pytest.mark.parametrize(
    "char", ["\x00", "\x7f", "\x85", "\u200e", "\u202a", "\u2066", "\udc80", "\ufeff", "\U000e0001"]
)
def test_each_kind_of_control_character_is_escaped(char: str) -> None:
    assert escaped(f"é{char}\n") == f"é{json.dumps(char)[1:-1]}\n".replace("\x7f", "\\u007f")
