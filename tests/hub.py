"""Two servers that play a hub and the store that it redirects to, and the init container that asks them."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlspec.runtime.http import Waits
from mlspec.runtime.hub import fetch

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 1000,
    "onnx/model.onnx": b"graph" * 1000,
    "onnx/odd name é.txt": b"x",
    "empty": b"",
    ".gitattributes": b"*.safetensors filter=lfs",
}
LARGE = ("model.safetensors", "onnx/model.onnx")
TOKEN = "hf_secret"


class Server(ThreadingHTTPServer):
    """One of the two hosts: what it answers by path, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, path: str, body: bytes = b"", status: int = 200, cut: int = 0, **headers: str) -> None:
        """Answer a path; the last of several answers is repeated. `cut` bytes are missing at the end."""
        answer = {"body": body, "status": status, "cut": cut, "headers": headers}
        self.answers.setdefault(path, []).append(answer)

    def times(self, path: str) -> int:
        return len([one for one, _ in self.asked if one == path])


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path) + (f"?{q}" if (q := urlsplit(self.path).query) else "")
        self.server.asked.append((path, dict(self.headers)))
        known = self.server.answers.get(path)
        if not known:
            self.send_error(404)
            return
        answer = known.pop(0) if len(known) > 1 else known[0]
        body, status = answer["body"], answer["status"]
        start = self.headers.get("Range")
        if start and status == 200 and "ignores_ranges" not in answer["headers"]:
            offset = int(start.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {offset}-{len(body) - 1}/{len(body)}")
            body = body[offset:]
        else:
            self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer["headers"].items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body[: len(body) - answer["cut"]])

    def log_message(self, *_: object) -> None:
        pass


def entry(path: str, content: bytes) -> dict[str, Any]:
    """A file as the hub lists it: with the hash that Git computes, and that of a large file."""
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    if path not in LARGE:
        return {"type": "file", "oid": blob, "size": len(content), "path": path}
    large = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return {"type": "file", "oid": "0" * 40, "size": len(content), "path": path, "lfs": large}


TREE = f"/api/models/acme/fraud/tree/{COMMIT}?recursive=true"


def at(path: str) -> str:
    return f"/acme/fraud/resolve/{COMMIT}/{path}"


def fill(hub: Server, store: Server, files: dict[str, bytes] = FILES) -> None:
    """A repository whose large files are in the store."""
    listing = [{"type": "directory", "oid": "1" * 40, "size": 0, "path": "onnx"}]
    listing += [entry(path, content) for path, content in files.items()]
    hub.add(TREE, json.dumps(listing).encode())
    for path, content in files.items():
        if path in LARGE:
            hub.add(at(path), status=302, Location=f"{store.url}/{path}?signature=abc")
            store.add(f"/{path}?signature=abc", content)
        else:
            hub.add(at(path), content)


class Pod:
    """The init container."""

    def __init__(self, hosts: tuple[Server, Server], volume: Path) -> None:
        self.hub, self.store = hosts
        self.volume = volume

    def run(self, **more: str) -> int:
        variables = {
            "MODEL_REPOSITORY": "acme/fraud",
            "MODEL_COMMIT": COMMIT,
            "MODEL_FILE": "model.bin",
            "MODEL_LIMIT": "1000000",
            "MODEL_VOLUME": str(self.volume),
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": f"{TOKEN}\n",
        }
        return fetch({**variables, **more}, Waits(first=0.0, longest=0.0, patience=0.0))

    def left(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.volume)): p.read_bytes() for p in self.volume.rglob("*") if p.is_file()}
