"""The download script, run by a real shell with a fake rclone: a model that was not released leaves no files."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlspec.runtime.digest import digest_of
from mlspec.targets.pod import claim
from mlspec.targets.pod.download import SCRIPT

RCLONE = """#!/bin/sh
# Copies from $REMOTE, as rclone would from a store: `copyto` a file, or a folder that has the name; `copy` a folder.
echo "$@" > "$SEEN/arguments"
printf '%s\n' "${RCLONE_HTTP_HEADERS-none}" > "$SEEN/headers"
command=$1; shift
while [ $# -gt 2 ]; do shift; done
[ -z "$FAIL" ] || exit 3
case $command in
  copyto) cp -R "$REMOTE/model" "$2" ;;
  copy) cp -R "$REMOTE/." "$2" ;;
esac
"""


class Pod:
    """The environment of the init container."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.volume, self.bin = folder / "remote", folder / "volume", folder / "bin"
        self.seen = folder / "seen"
        for path in (self.remote, self.volume, self.bin, self.seen):
            path.mkdir()
        (self.bin / "rclone").write_text(RCLONE)
        (self.bin / "rclone").chmod(0o755)

    def run(self, remote: str, digest: str, shell: str = "sh", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "REMOTE": str(self.remote),
            "SEEN": str(self.seen),
            "MODEL_REMOTE": remote,
            "MODEL_FILE": "model.onnx",
            "MODEL_DIGEST": digest,
            "MODEL_LIMIT": str(2**20),
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


@pytest.mark.parametrize("remote", [":http:m.onnx", ":s3:bucket/m.onnx"])
def test_a_file_arrives_under_its_name(pod: Pod, remote: str) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    done = pod.run(remote, sha256(b"weights"))
    assert done.returncode == 0, done.stderr
    assert pod.left() == ["model/model.onnx"]


@pytest.mark.parametrize("position", [0, 3, 6])
@pytest.mark.parametrize("remote", [":http:m.onnx", ":s3:bucket/m.onnx"])
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
    (pod.volume / "model.part").mkdir()
    (pod.volume / "model.part" / "half").write_bytes(b"wei")
    (pod.remote / "model").write_bytes(b"weights")
    assert pod.run(":s3:bucket/m.onnx", sha256(b"weights")).returncode == 0
    assert pod.left() == ["model/model.onnx"]


def test_a_restart_does_not_download_again(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    pod.run(":s3:bucket/m.onnx", sha256(b"weights"))
    again = pod.run(":s3:bucket/m.onnx", sha256(b"weights"), FAIL="1")
    assert again.returncode == 0
    assert "here already" in again.stdout


def test_a_folder_that_is_named_like_a_file_says_so(pod: Pod) -> None:
    """It was reported as `sha256: instead of sha256:...`: a pipe hides that sha256sum fails."""
    (pod.remote / "model").mkdir()
    (pod.remote / "model" / "MLmodel").write_bytes(b"x")
    done = pod.run(":s3:bucket/models/7", sha256(b"x"))
    assert done.returncode == 1
    assert "the URI of a folder ends in /" in done.stderr
    assert pod.left() == []


@pytest.mark.parametrize("program", ["sha256sum", "sort", "sed", "find"])
def test_no_pipe_hides_a_failure(pod: Pod, program: str) -> None:
    """A folder's digest takes five programs. The one that fails ends the download, instead of a wrong digest."""
    fill(pod, FOLDER)
    (pod.bin / program).write_text("#!/bin/sh\necho broken >&2; exit 7\n")
    (pod.bin / program).chmod(0o755)
    done = pod.run(":gcs:bucket/model/", folder_digest(FOLDER))
    assert done.returncode == 7
    assert "not what was released" not in done.stderr


@pytest.mark.parametrize("remote", [":http:m.onnx", ":gcs:bucket/model/"])
def test_a_store_that_never_stops_sending_cannot_fill_the_node(pod: Pod, remote: str) -> None:
    """The kubelet looks at a volume's size about every ten seconds, in which a fast store sends gigabytes."""
    (pod.remote / "model").write_bytes(b"x" * 2**21)
    done = pod.run(remote, sha256(b"x" * 2**21))
    assert done.returncode != 0
    assert pod.left() in ([], ["model.part/model"], ["model.part/model.onnx"])
    assert sum(path.stat().st_size for path in pod.volume.rglob("*") if path.is_file()) <= 2**20


@pytest.mark.parametrize("token", ["s3cret", "s3cret\n", 'with,"both'])
def test_a_token_stands_in_no_argument(pod: Pod, token: str) -> None:
    """Every process of the pod, and every agent of the node, can list arguments."""
    (pod.remote / "model").write_bytes(b"weights")
    done = pod.run(":http:m.onnx", sha256(b"weights"), MODEL_TOKEN=token)
    assert done.returncode == 0, done.stderr
    assert token.strip() not in (pod.seen / "arguments").read_text() + done.stdout + done.stderr
    [[name, value]] = csv.reader([(pod.seen / "headers").read_text().strip()])
    assert (name, value) == ("Authorization", f"Bearer {token.strip()}")


def test_a_public_file_is_fetched_without_headers(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    pod.run(":http:m.onnx", sha256(b"weights"))
    assert (pod.seen / "headers").read_text() == "none\n"


ODD = {**FOLDER, "back\\slash": b"1", "-n": b"2", " both ": b"3", "Größe/ü": b"4", "tab\there": b"5", "a\x01": b"6"}


def test_the_same_digest_before_and_after_the_download(pod: Pod) -> None:
    """What `mlspec digest` prints, what the gate writes, and what the download finds are the same."""
    fill(pod, ODD)
    digest = digest_of(pod.remote)
    assert digest == folder_digest(ODD)
    done = pod.run(":gcs:bucket/model/", digest)
    assert done.returncode == 0, done.stderr
    (pod.remote / "model").write_bytes(b"weights")
    assert digest_of(pod.remote / "model") == sha256(b"weights")


def test_the_script_is_plain_shell() -> None:
    """The downloader has BusyBox's shell, and Debian has dash, so the script must not need bash."""
    assert subprocess.run(["dash", "-n", "-c", SCRIPT], capture_output=True, check=False).returncode == 0


# A claim that pods share


KEY = "0123-model.onnx"


def test_a_shared_model_has_a_place_of_its_own(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    done = pod.run(":s3:bucket/m.onnx", sha256(b"weights"), MODEL_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert pod.left() == [f"{KEY}.lock", f"{KEY}/model.onnx"]
    again = pod.run(":s3:bucket/m.onnx", sha256(b"weights"), MODEL_KEY=KEY, FAIL="1")
    assert (again.returncode, again.stdout) == (0, "the model is here already\n")


def test_pods_that_start_together_download_a_shared_model_once(pod: Pod) -> None:
    """Each would remove what the other has downloaded so far."""
    (pod.remote / "model").write_bytes(b"weights")
    counting = RCLONE.replace("#!/bin/sh\n", '#!/bin/sh\necho one >> "$SEEN/downloads"; sleep 0.3\n')
    (pod.bin / "rclone").write_text(counting)
    with ThreadPoolExecutor(5) as pool:
        runs = [pool.submit(pod.run, ":s3:b/m.onnx", sha256(b"weights"), MODEL_KEY=KEY) for _ in range(5)]
        done = [run.result() for run in runs]
    assert [one.returncode for one in done] == [0] * 5
    assert (pod.seen / "downloads").read_text() == "one\n"
    assert pod.left() == [f"{KEY}.lock", f"{KEY}/model.onnx"]


def test_the_next_pod_takes_over_a_shared_download_that_failed(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"other")
    assert pod.run(":s3:bucket/m.onnx", sha256(b"weights"), MODEL_KEY=KEY).returncode == 1
    assert pod.left() == [f"{KEY}.lock"]
    (pod.remote / "model").write_bytes(b"weights")
    assert pod.run(":s3:bucket/m.onnx", sha256(b"weights"), MODEL_KEY=KEY).returncode == 0


# A claim that something else fills


def verify(pod: Pod, place: str, digest: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL_PLACE": f"{pod.remote}/{place}",
        "MODEL_DIGEST": digest,
        "MODEL_VOLUME": str(pod.volume),
    }
    return subprocess.run(["sh", "-c", claim.SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_a_folder_on_a_claim_is_verified(pod: Pod) -> None:
    fill(pod, ODD)
    assert verify(pod, "", folder_digest(ODD)).returncode == 0
    wrong = verify(pod, "", folder_digest(FOLDER))
    assert wrong.returncode == 1
    assert "not what was released" in wrong.stderr
    assert pod.left() == [], "names of files, which would fill the volume with each restart"


def test_a_file_on_a_claim_is_verified(pod: Pod) -> None:
    (pod.remote / "model").write_bytes(b"weights")
    assert verify(pod, "model", sha256(b"weights")).returncode == 0
    assert verify(pod, "model", sha256(b"Weights")).returncode == 1


def test_a_folder_on_a_claim_that_is_named_like_a_file_says_so(pod: Pod) -> None:
    fill(pod, {"model/weights": b"x"})
    done = verify(pod, "model", sha256(b"x"))
    assert done.returncode == 1
    assert "the URI of a folder ends in /" in done.stderr


def test_a_claim_without_the_model_says_so(pod: Pod) -> None:
    done = verify(pod, "nothing/", sha256(b""))
    assert (done.returncode, done.stderr) == (1, f"the claim has nothing at {pod.remote}/nothing/\n")
