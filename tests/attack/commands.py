"""Command lines: every command and option of the program, with any values, in process and as processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click

from mlspec.__main__ import _run
from mlspec.cli import cli

from ..hostile import INJECTED
from ..support import MINIMAL, run
from .outcome import Invalid, Row

__all__ = ["ROWS"]

STATUSES = (0, 1, 2, 42)
"""What the program exits with, as docs/reference/commands.md says; 42 is a rejected model."""
SECONDS = 60
"""How long a process may take."""

FILES = {
    "mlspec.yaml": MINIMAL,
    "team/mlspec.yaml": MINIMAL.replace("digit-reader", "other-reader"),
    "bad/mlspec.yaml": "kind: MLSystem\nmetadata: {name: [}\n",
    "notes.txt": "notes",
    "config.json": '{"version": 1}',
    "bench.json": '{"completed": 100, "duration": 60, "request_rate": 1}',
}
WORDS = (
    *(
        *FILES,
        ".",
        "team",
        "*",
        "**/mlspec.yaml",
        "missing.yaml",
        "-",
        "out",
        "/dev/null",
        "",
        " ",
        "--",
        "-x",
        "=",
        "a=b",
    ),
    *(
        "metadata.owner=x",
        "constraints.throughput.peak=900/s",
        "default",
        "production",
        "1",
        "-1",
        "2026-11-23",
        "MLS5",
    ),
    *("Rollout/digit-reader:spec.replicas", "mlspec.yaml:3", "metadata.name", "1.0", "9" * 400, "text", "json", "é漢"),
)


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = tuple(_commands(cli))


def _arguments(chance: random.Random) -> list[str]:
    """A command, some of its options, and some words, mostly in an order that makes sense."""
    path, command = chance.choice(COMMANDS)
    made: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            made += [_word(chance) for _ in range(chance.choice((0, 1, 1, 1, 2)))]
        elif isinstance(parameter, click.Option) and chance.random() < 0.25:
            made += _option(chance, parameter)
    if chance.random() < 0.2:
        chance.shuffle(made)
    if chance.random() < 0.1:
        made.insert(chance.randint(0, len(made)), chance.choice(("--help", "--nosuch", "--set", "--color")))
    return [*path, *(text.replace("\0", "") for text in made)]


def _option(chance: random.Random, option: click.Option) -> list[str]:
    name = chance.choice([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return [name]
    if isinstance(option.type, click.Choice) and chance.random() < 0.8:
        return [name, str(chance.choice(option.type.choices))]
    return [name, _word(chance)]


def _word(chance: random.Random) -> str:
    return chance.choice(WORDS) if chance.random() < 0.85 else chance.choice(INJECTED)


def _in_process(_: int, chance: random.Random, folder: Path) -> bool:
    arguments = _prepared(folder, chance)
    with chdir(folder / "here"):
        ran = run(*arguments, stdin=chance.choice((MINIMAL, "", "[")), program=_run)
    return _judged(arguments, ran.status, ran.out + ran.err)


def _process(_: int, chance: random.Random, folder: Path) -> bool:
    arguments = _prepared(folder, chance)
    odd = chance.choice(({}, {"LC_ALL": "C"}, {"COLUMNS": "1"}, {"PYTHONIOENCODING": "ascii"}, {"HOME": ""}))
    environment = {**os.environ, **odd, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        (sys.executable, "-m", "mlspec", *arguments),
        cwd=folder / "here",
        env=environment,
        input=MINIMAL.encode(),
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    return _judged(arguments, done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def _prepared(folder: Path, chance: random.Random) -> list[str]:
    """A folder with some files, and a command line for it."""
    for path, text in FILES.items():
        (folder / "here" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "here" / path).write_text(text)
    arguments = _arguments(chance)
    (folder / "arguments.txt").write_text("\n".join(map(repr, arguments)))
    return arguments


def _judged(arguments: list[str], status: int, said: str) -> bool:
    if "This is a bug" in said or "Traceback" in said:
        raise AssertionError(said)
    if status not in STATUSES:
        raise Invalid(f"the exit status is {status}: {said}")
    if status == 2 and not said and "--output" not in arguments:  # otherwise its findings are in that file
        raise Invalid("it fails silently")
    return status == 0


ROWS = (
    Row("command lines", "commands with any options and words, in process", 1000, _in_process),
    Row("processes", "the same as processes, in odd environments", 300, _process),
)
