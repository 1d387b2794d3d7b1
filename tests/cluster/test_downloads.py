"""Downloads with the rclone of the downloader's image: what a store's redirect receives, and what fills a volume."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlspec.schema.models.platform import Images

from ..online import emitted, variables
from .programs import built, version_of
from .proof import Proof

MODEL = b"weights" * 1000
DIGEST = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"
TOKEN = "s3cret-t0ken"
SECRETS = ("Authorization", "X-Amz-Security-Token", "Cookie")
COLUMNS = ("store", "redirects to", "the other host received", "the download")


class Store(ThreadingHTTPServer):
    """A store on a port of its own. It redirects if it knows where to, and answers as signed URLs do otherwise: a
    request with credentials is refused.
    """

    def __init__(self, target: str = "", body: bytes = MODEL, endless: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.body, self.endless = target, body, endless
        self.seen: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        secrets = {name: value for name in SECRETS if (value := self.headers.get(name)) is not None}
        self.server.seen.append(secrets)
        if self.server.target:
            self.send_response(307)
            self.send_header("Location", self.server.target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.server.endless:
            self.send_response(200)
            self.end_headers()
            self._endless()
        else:
            self.send_response(400 if secrets else 200)
            self.send_header("Content-Length", "0" if secrets else str(len(self.server.body)))
            self.end_headers()
            if not secrets and self.command == "GET":
                self.wfile.write(self.server.body)

    def _endless(self) -> None:
        try:
            for _ in range(200):
                self.wfile.write(b"x" * 2**20)
        except ConnectionError:
            return

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def cdn() -> Iterator[Store]:
    with Store() as store:
        yield store
        store.shutdown()


def download(tmp_path: Path, uri: str, access: dict[str, str], secrets: dict[str, str]) -> tuple[int, str, Path]:
    """Run the init container of a real bundle: its command, with its variables, as the kubelet would."""
    changes = {"release__artifact__digest": DIGEST, "release__artifact__size": "8Ki"}
    container = emitted(tmp_path, release__artifact__uri=uri, access__store=access, **changes).download
    volume = tmp_path / "volume"
    volume.mkdir()
    env = {name: value for name, value in variables(container).items() if isinstance(value, str)}
    env |= {"PATH": f"{built('rclone')}:{os.environ['PATH']}", "MODEL_VOLUME": str(volume), "HOME": str(volume)}
    done = subprocess.run(
        container["command"], env={**env, **secrets}, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr, volume


def test_the_program_is_that_of_the_image() -> None:
    image = Images.model_fields["downloader"].default
    assert f":{version_of('rclone', 'github.com/rclone/rclone').removeprefix('v')}@sha256:" in image


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_token_never_leaves_the_host_that_it_is_for(tmp_path: Path, cdn: Store, host: str, proof: Proof) -> None:
    """Releases of GitHub and GitLab, Artifactory, and the hub redirect to signed URLs of an object store. A token in an
    argument went there, too, and the store refused the request.
    """
    with Store(f"http://{host}:{cdn.server_port}/blob?X-Amz-Signature=abc") as origin:
        uri = f"http://127.0.0.1:{origin.server_port}/group/m%20x.onnx?ref=a/b"
        code, told, volume = download(tmp_path, uri, {"kind": "http", "secret": "k"}, {"MODEL_TOKEN": TOKEN + "\n"})
        origin.shutdown()
    assert code == 0, told
    assert TOKEN not in told
    assert origin.seen == [{"Authorization": f"Bearer {TOKEN}"}]
    assert cdn.seen == [{}]
    assert (volume / "model" / "model.onnx").read_bytes() == MODEL
    other = "another host" if host == "localhost" else "another port of the same host"
    proof.row("Downloads", COLUMNS, "a web server with a token", other, "no credentials", "has the released digest")


def test_the_keys_of_an_object_store_never_leave_it(tmp_path: Path, cdn: Store, proof: Proof) -> None:
    """S3 redirects to the region of a bucket. A signature is for one host, but a session token is not."""
    with Store(f"http://localhost:{cdn.server_port}/elsewhere") as origin:
        access = {"kind": "s3", "endpoint": f"http://127.0.0.1:{origin.server_port}", "secret": "k"}
        keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": TOKEN}
        download(tmp_path, "s3://models/m.onnx", access, keys)
        origin.shutdown()
    assert origin.seen
    assert all(seen["X-Amz-Security-Token"] == TOKEN for seen in origin.seen)
    assert all(seen == {} for seen in cdn.seen)
    proof.row("Downloads", COLUMNS, "an object store with keys", "another host", "no credentials", "-")


def test_a_server_that_never_stops_sending_is_cut_off(tmp_path: Path, proof: Proof) -> None:
    with Store(endless=True) as store:
        uri = f"http://127.0.0.1:{store.server_port}/m.onnx"
        code, told, volume = download(tmp_path, uri, {"kind": "http", "secret": "k"}, {"MODEL_TOKEN": TOKEN})
        store.shutdown()
    assert code != 0
    assert "file too large" in told
    assert sum(path.stat().st_size for path in volume.rglob("*") if path.is_file()) <= 17 * 2**20
    proof.row("Downloads", COLUMNS, "a web server that never stops sending", "-", "-", "ends at the volume's limit")
