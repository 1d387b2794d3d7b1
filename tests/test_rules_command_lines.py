"""Commands that only a shell could run, wherever a spec has a command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .rules import findings
from .support import loaded

IMAGE = "registry.example.com/x@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"
TRAINING = "training: {steps: {%s: {command: %%s}}}\n"
SIDECAR = f"sidecars: {{proxy: {{image: '{IMAGE}', command: %s}}}}"
BATCH = f"""
services:
  nightly:
    mode: batch
    image: {IMAGE}
    schedule: "0 4 * * *"
    input: {{uri: "s3://lake/accounts/"}}
    output: {{uri: "s3://lake/scores/{{date}}/"}}
    %s
"""
PLACES = {
    "train": TRAINING % "train",
    "register": TRAINING % "register",
    "batch": BATCH % "command: %s",
    "batch sidecar": BATCH % SIDECAR,
    "server": "serving: {container: {command: %s}}\n",
    "sidecar": f"serving: {{{SIDECAR}}}\n",
    "training sidecar": f"training: {{{SIDECAR}}}\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_trap_a_whole_line_is_the_name_of_one_program(place: str, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS445", PLACES[place] % '["python -m score"]')
    assert [one.message for one in found] == ["no program is called `python -m score`"]
    assert found[0].help == "write each word by itself: `[python, -m, score]`"
    assert findings(tmp_path / "words", "MLS445", PLACES[place] % "[python, -m, score]") == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ('[python, a.py, "&&", python, b.py]', ["`&&` is an argument of `python`"]),
        ('[cat, a, ">>", b]', ["`>>` is an argument of `cat`"]),
        ('["cd /app && python a.py"]', ["no program is called `cd /app && python a.py`"]),
        ('[sh, -c, "cd /app && python a.py"]', []),
        ('[/bin/bash, -c, "a", "&&"]', []),
        ('[python, -c, "import a; a.run()"]', []),
        ('[python, a.py, --delimiter, "|", --compare, ">"]', []),
    ],
)
def test_trap_without_a_shell_operators_are_arguments(command: str, said: list[str], tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS445", PLACES["train"] % command)
    assert [one.message for one in found] == said
    assert all(one.help.startswith("write `[sh, -c, ") for one in found)


def test_trap_a_help_with_quotes_was_no_yaml(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "MLS445", PLACES["train"] % r"""[python, "it's a.py", "&&", echo, "\"b\""]""")
    *shell, line = loaded(found.help.split("`")[1])
    assert shell == ["sh", "-c"]
    assert shlex.split(line) == ["python", "it's a.py", "&&", "echo", '"b"']
