"""The download script, run by a real shell with a fake rclone: a model that was not released leaves no files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from mlspec.targets.pod.download import SCRIPT

RCLONE = """#!/bin/sh
# Copies from $REMOTE, as rclone would from a store: `copyurl` and `copyto` a file, `copy` a folder.
command=$1; shift
while [ $# -gt 2 ]; do shift; done
[ -z "$FAIL" ] || exit 3
case $command in
  copyurl|copyto) cp "$REMOTE/model" "$2" ;;
  copy) cp -R "$REMOTE/." "$2" ;;
esac
"""


class Pod:
    """The environment of the init container."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.volume, self.bin = folder / "remote", folder / "volume", folder / "bin"
        for path in (self.remote, self.volume, self.bin):
            path.mkdir()
        (self.bin / "rclone").write_text(RCLONE)
        (self.bin / "rclone").chmod(0o755)

    def run(self, remote: str, digest: str, shell: str = "sh", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "REMOTE": str(self.remote),
            "MODEL_REMOTE": remote,
            "MODEL_FILE": "model.onnx",
            "MODEL_DIGEST": digest,
            "MODEL_VOLUME": str(self.volume),
            "FAIL": "",
            **more,
        }
        return subprocess.run([shell, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)

    def left(self) -> list[str]:
        return sorted(str(p.relative_to(self.volume)) for p in self.volume.rglob("*") if p.is_file())


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def folder_digest(files: dict[str, bytes]) -> str:
    """As the language defines it: SHA-256 over the sorted lines `path NUL sha256`."""
    lines = [f"{path}\0{hashlib.sha256(content).hexdigest()}\n" for path, content in sorted(files.items())]
    return sha256("".join(lines).encode())


@pytest.mark.parametrize("remote", ["https://models.example.com/m.onnx", ":s3:bucket/m.onnx"])
def test_a_file_arrives_under_its_name(pod: Pod, remote: str) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    done = pod.run(remote, sha256(b"weights"))
    assert done.returncode == 0, done.stderr
    assert pod.left() == ["model/model.onnx"]


@pytest.mark.parametrize("position", [0, 3, 6])
@pytest.mark.parametrize("remote", ["https://models.example.com/m.onnx", ":s3:bucket/m.onnx"])
def test_a_flipped_bit_fails_and_leaves_nothing(pod: Pod, remote: str, position: int) -> None:
    flipped = bytearray(b"weights")
    flipped[position] ^= 1
    (pod.remote / "model").write_bytes(bytes(flipped))
    done = pod.run(remote, sha256(b"weights"))
    assert done.returncode == 1
    assert "not what was released" in done.stderr
    assert pod.left() == []


FOLDER = {
    "saved_model.pb": b"graph",
    "variables/variables.data-00000-of-00001": b"numbers",
    "a name": b"x",
    "Z": b"z",
    "a": b"",
}


def fill(pod: Pod, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (pod.remote / path).parent.mkdir(parents=True, exist_ok=True)
        (pod.remote / path).write_bytes(content)


def test_a_folder_arrives_whole(pod: Pod) -> None:
    fill(pod, FOLDER)
    done = pod.run(":gcs:bucket/model/", folder_digest(FOLDER))
    assert done.returncode == 0, done.stderr
    assert pod.left() == sorted(f"model/{path}" for path in FOLDER)


@pytest.mark.parametrize(
    "changed",
    [
        {**FOLDER, "saved_model.pb": b"Graph"},
        {path: content for path, content in FOLDER.items() if path != "a"},
        {**FOLDER, "added": b""},
        {**{k: v for k, v in FOLDER.items() if k != "Z"}, "moved/Z": b"z"},
    ],
    ids=["a byte", "a file less", "a file more", "a file moved"],
)
def test_a_changed_folder_fails_and_leaves_nothing(pod: Pod, changed: dict[str, bytes]) -> None:
    fill(pod, changed)
    assert pod.run(":gcs:bucket/model/", folder_digest(FOLDER)).returncode == 1
    assert pod.left() == []


def test_a_failed_download_fails(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    assert pod.run(":s3:bucket/m.onnx", sha256(b"weights"), FAIL="1").returncode != 0
    assert pod.left() == []


def test_leftovers_of_a_killed_attempt_are_removed(pod: Pod) -> None:
    (pod.volume / "part").mkdir()
    (pod.volume / "part" / "half").write_bytes(b"wei")
    (pod.remote / "model").write_bytes(b"weights")
    assert pod.run(":s3:bucket/m.onnx", sha256(b"weights")).returncode == 0
    assert pod.left() == ["model/model.onnx"]


def test_a_restart_does_not_download_again(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    pod.run(":s3:bucket/m.onnx", sha256(b"weights"))
    again = pod.run(":s3:bucket/m.onnx", sha256(b"weights"), FAIL="1")
    assert again.returncode == 0
    assert "here already" in again.stdout


def test_the_script_is_plain_shell() -> None:
    """The downloader has BusyBox's shell, and Debian has dash, so the script must not need bash."""
    assert subprocess.run(["dash", "-n", "-c", SCRIPT], capture_output=True, check=False).returncode == 0
