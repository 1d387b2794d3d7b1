"""Whatever the terminal, the file system, and the locale are like: a message, an exit status, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .support import MINIMAL, ROOT

PROGRAM = f"{sys.executable} -m mlspec"


def sh(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    own = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("M ", f"{PROGRAM} ")], cwd=folder, env=own, capture_output=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(MINIMAL)
    return tmp_path


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("M lint - <&-", 2),
        ("M lint . <&-", 0),
        ("M plan . >&-", 2),
        ("M compile --stdout . >&-", 2),
        ("M lint . >&-", 0),
        ("M lint nothing.yaml 2>&-", 2),
        ("M lint . 2>&-", 0),
        ("M lint . <&- >&- 2>&-", 0),
        ("M plan . >/dev/full", 2),
        ("M compile --stdout . >/dev/full", 2),
        ("M schema >/dev/full", 2),
        ("M lint . 2>/dev/full", 2),
        ("M plan . | head -c 1", 0),
        ("M init", 2),
        ("M lint .", 2),
        ("M lint --set $(printf 'a.%.0s' $(seq 3000))b=1 .", 1),
        ("M explain . out/default/service.yaml:$(printf '9%.0s' $(seq 5000))", 2),
        ("M compile . && chmod 0 out && M check .; s=$?; chmod 700 out; exit $s", None),
        ("M compile . && chmod 0 out/default/*.yaml && M check .; s=$?; chmod 700 out/default/*; exit $s", None),
        ("mkdir a && chmod 0 a && M lint a; s=$?; chmod 700 a; exit $s", 2),
    ],
)
def test_a_stream_or_a_folder_that_cannot_be_used_is_said(command: str, status: int | None, folder: Path) -> None:
    gone = command in ("M init", "M lint .")
    ran = sh(f"mkdir gone && cd gone && rmdir ../gone && {command}" if gone else command, folder)
    assert b"Traceback" not in ran.stderr
    assert b"report it" not in ran.stderr
    assert b"lost sys.stderr" not in ran.stderr
    if status is not None:
        assert ran.returncode == status
    assert ran.returncode in (0, 1, 2)
    if ran.returncode and "2>" not in command:
        assert b"rror" in ran.stderr


LOCALES = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=lambda one: next(iter(one.values())))
def test_any_locale_can_show_any_text(locale: dict[str, str], folder: Path) -> None:
    (folder / "mlspec.yaml").write_text(MINIMAL.replace("vision", "Überblick 日本"))
    for command in (
        "M plan .",
        "M schema",
        "M compile --stdout .",
        "M --help",
        "M explain . metadata.owner",
        "M lint .",
    ):
        ran = sh(command, folder, **locale)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False), command


@pytest.mark.parametrize("locale", [{}, LOCALES[-1]])
def test_a_name_in_another_script_works_in_any_locale(locale: dict[str, str], folder: Path) -> None:
    """In the C locale, Python reads the bytes of such a name as half surrogate pairs, which no file can contain."""
    (folder / "mlspec.yaml").rename(folder / "é.mlspec.yaml")
    ran = sh("M compile .", folder, **locale)
    assert (ran.returncode, ran.stderr.count(b"rror")) == (0, 0)
    assert "from é.mlspec.yaml;" in (folder / "out/default/kustomization.yaml").read_text(encoding="utf-8")


def test_a_name_that_is_not_utf_8_is_said(folder: Path) -> None:
    (folder / "mlspec.yaml").rename(folder / os.fsdecode(b"\xff.mlspec.yaml"))
    ran = sh("M compile .", folder)
    assert (ran.returncode, b"characters that are not text" in ran.stderr) == (2, True)
