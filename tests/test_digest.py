"""`mlspec digest`: the digest that the download and the gate compute, and nothing for what would arrive differently."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mlspec.runtime.digest import digest_of

from .support import run

FILES = {"saved_model.pb": b"graph", "variables/a name": b"numbers", "Größe": b""}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    return tmp_path / "model"


def test_a_file_has_the_digest_that_sha256sum_prints(model: Path) -> None:
    ran = run("digest", str(model / "saved_model.pb"))
    assert (ran.status, ran.out, ran.err) == (0, f"sha256:{hashlib.sha256(b'graph').hexdigest()}\n", "")


def test_a_folder_has_the_digest_of_its_sorted_lines(model: Path) -> None:
    """`tests/test_download.py` compares it with the script of the pod."""
    lines = sorted(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode() for name, content in FILES.items())
    expected = f"sha256:{hashlib.sha256(b''.join(lines)).hexdigest()}\n"
    for path in (str(model), f"{model}/"):
        assert (run("digest", path).out, run("digest", path).status) == (expected, 0)
    assert digest_of(model) == expected.strip()


def test_a_link_to_a_model_is_followed(model: Path) -> None:
    (model.parent / "latest").symlink_to(model)
    assert run("digest", str(model.parent / "latest")).out == run("digest", str(model)).out


def _link(model: Path) -> None:
    (model / "weights").symlink_to(model / "saved_model.pb")


def _linked_folder(model: Path) -> None:
    (model / "more").symlink_to(model / "variables")


def _pipe(model: Path) -> None:
    os.mkfifo(model / "pipe")


def _line_break(model: Path) -> None:
    (model / "a\nb").write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_link, "is a link, which a store does not have"),
        (_linked_folder, "is a link, which a store does not have"),
        (_pipe, "is neither a file nor a folder"),
        (_line_break, "contains a line break"),
    ],
)
def test_what_would_arrive_differently_has_no_digest(model: Path, change: object, told: str) -> None:
    """A cache of the hub is a folder of links. An upload follows or skips them, so the digest would never match."""
    assert callable(change)
    change(model)
    ran = run("digest", str(model))
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err


def test_what_is_missing_or_empty_says_so(tmp_path: Path) -> None:
    assert "does not exist" in run("digest", str(tmp_path / "none")).err
    (tmp_path / "empty").mkdir()
    assert "contains no files" in run("digest", str(tmp_path / "empty")).err


def test_a_folder_that_cannot_be_read_is_not_skipped(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rglob` skips it silently, and the digest would be that of another model."""
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("variables"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        digest_of(model)
    ran = run("digest", str(model))
    assert (ran.status, ran.out) == (2, "")
    assert "cannot be read: Permission denied" in ran.err
