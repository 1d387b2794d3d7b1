"""The API server, as a pod reaches it: the token and the certificate that Kubernetes mounts, and JSON over HTTPS."""

from __future__ import annotations

import json
import os
import ssl
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from ..compiler.record import Record

__all__ = ["Answer", "ApiServer", "UnreachableError", "in_pod"]

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT = 30
"""Seconds without any data after which a connection counts as broken."""

LARGEST = 8 * 2**20
"""The maximum size of an answer in bytes: etcd holds objects of up to 1.5 MiB."""


class UnreachableError(Exception):
    """The API server did not answer, or with something else than JSON; another try may help."""


class Answer(Record):
    """An answer of the API server."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """What the server says in words."""
        return str(self.body.get("message") or f"status {self.status}")


class ApiServer:
    """The API server of the cluster. The token is read for each request, because the kubelet renews it."""

    def __init__(self, address: str, folder: Path = FOLDER) -> None:
        self.address = address
        self.folder = folder

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request. Errors that the server reports are answers; `UnreachableError` if there is none."""
        try:
            token = (self.folder / "token").read_text().strip()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            data = json.dumps(body).encode() if body is not None else None
            request = Request(f"{self.address}{path}", data, headers, method=method)
            return self._send(request)
        except (OSError, HTTPException, ValueError) as wrong:
            raise UnreachableError(f"{method} {path}: {wrong}") from None

    def _send(self, request: Request) -> Answer:
        handlers = [ProxyHandler({})]  # the cluster's own address is never behind a proxy
        if self.address.startswith("https:"):
            context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
            handlers.append(HTTPSHandler(context=context))  # type: ignore[arg-type]
        try:
            with build_opener(*handlers).open(request, timeout=TIMEOUT) as response:
                return Answer(status=response.status, body=_read(response))
        except HTTPError as refused:
            with refused:
                try:
                    body = _read(refused)
                except ValueError:
                    body = {}
                return Answer(status=refused.code, body=body)


def _read(response: Any) -> dict[str, Any]:
    content = response.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"the answer is larger than {LARGEST // 2**20} MiB")
    body = json.loads(content)
    if not isinstance(body, dict):
        raise ValueError("the answer is not an object")
    return body


def in_pod() -> ApiServer | None:
    """The API server at the address that Kubernetes gives to every container; None outside a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    return ApiServer(f"https://{f'[{host}]' if ':' in host else host}:{port}")
