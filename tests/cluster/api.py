"""A small client of the Kubernetes API: JSON in, JSON out, safe to use from several threads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

__all__ = ["APPLY", "MERGE", "Api", "ApiError", "Object", "path_of"]

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

SCOPELESS = frozenset(
    {"APIService", "CustomResourceDefinition", "Namespace", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass"}
)
IRREGULAR = {
    "NetworkPolicy": "networkpolicies",
    "GatewayClass": "gatewayclasses",
    "PriorityClass": "priorityclasses",
    "RuntimeClass": "runtimeclasses",
}


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Api:
    """One user's access to one API server."""

    def __init__(self, url: str, certificate: Path, token: str, agent: str = "proving-ground") -> None:
        self.url = url
        self.certificate = certificate
        self.token = token
        self._agent = agent
        self._pool = urllib3.PoolManager(ca_certs=str(certificate), maxsize=16, retries=False)
        self.warnings: list[str] = []

    def request(self, method: str, path: str, body: Any = None, kind: str = "application/json", **query: str) -> Object:
        """Send a request; raises `ApiError` for a status of 400 or more. Warnings of the server are kept."""
        url = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": self._agent, "Content-Type": kind}
        data = json.dumps(body) if body is not None else None
        answer = self._pool.request(method, url, body=data, headers=headers, timeout=30)
        self.warnings += answer.headers.getlist("Warning")
        text = answer.data.decode()
        if answer.status >= 400:
            raise ApiError(answer.status, json.loads(text).get("message", text) if text.startswith("{") else text)
        found: Object = json.loads(text) if text.startswith("{") else {"text": text}
        return found

    def get(self, path: str) -> Object:
        """An object, or the list of a collection."""
        return self.request("GET", path)

    def items(self, path: str) -> list[Object]:
        """The objects of a collection."""
        found: list[Object] = self.request("GET", path).get("items", [])
        return found

    def find(self, path: str) -> Object | None:
        """An object, or None if it does not exist."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, body: Object, manager: str = "mlspec", force: bool = False, dry_run: bool = False) -> Object:
        """Apply an object on the server, with unknown fields refused."""
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        return self.request("PATCH", path_of(body), body, APPLY, **query)

    def merge(self, path: str, body: Object) -> Object:
        """Change some fields of an object."""
        return self.request("PATCH", path, body, MERGE)


def path_of(body: Object) -> str:
    """The path of an object in the API."""
    kind, version = body["kind"], body["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    name, plural = body["metadata"]["name"], IRREGULAR.get(kind, f"{kind.lower()}s")
    if kind in SCOPELESS:
        return f"{root}/{plural}/{name}"
    return f"{root}/namespaces/{body['metadata'].get('namespace', 'default')}/{plural}/{name}"
