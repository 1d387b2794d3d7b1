"""Access to a cluster for `mlspec cluster`: requests to an API server.

The `kubernetes` package finds the server and the credentials, as kubectl does, and its connection pool sends the
requests. Objects are plain data. The server says which kinds there are, so custom resources need no special treatment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlencode

from ...compiler.conventions import MANAGED_BY
from ...compiler.row import Row

__all__ = ["Cluster", "ClusterError", "Conflict", "Object", "RefusedError", "Server", "connect", "key", "told"]

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
SECONDS = 30.0
"""How long the server may take to answer."""


class ClusterError(Exception):
    """The cluster cannot be reached, or does not accept the credentials. The Python API has no such calls."""


class Conflict(Row):
    """A field that another manager owns and that would change."""

    field: str
    manager: str


class RefusedError(Exception):
    """The API server refused one request."""

    def __init__(self, status: int, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The fields that other managers own, if that is the reason."""
        causes = self.details.get("causes") or []
        found = [one for one in causes if one.get("reason") == "FieldManagerConflict"]
        return tuple(Conflict(one.get("field", "?"), _manager(one.get("message", ""))) for one in found)

    @property
    def outdated(self) -> bool:
        """Whether the object changed between reading and applying it."""
        return self.status == 409 and not self.conflicts

    @property
    def namespace(self) -> str | None:
        """The namespace that does not exist, if that is the reason."""
        missing = self.status == 404 and self.details.get("kind") == "namespaces"
        return self.details.get("name") if missing else None


def _manager(message: str) -> str:
    found = re.search(r'conflict with "([^"]*)"', message)
    return found[1] if found else message


class Server(Protocol):
    """One API server: JSON in, JSON out."""

    warnings: list[str]
    """What the server warned about so far, such as deprecated versions."""

    def request(self, method: str, path: str, body: Object | None = None, **query: str) -> Object:
        """Send a request. Raises RefusedError for a status of 400 or more, and ClusterError without access."""


class Cluster:
    """A server, and where the objects of each kind are."""

    def __init__(self, server: Server, context: str, namespace: str = "default") -> None:
        self.server = server
        self.context = context
        self.namespace = namespace
        """The namespace of objects that name none."""
        self._kinds: dict[str, dict[str, Object]] = {}

    def find(self, body: Object) -> Object | None:
        """The live object with the same kind and name, or None."""
        try:
            return self._as(body, self.server.request("GET", self._path(body)))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Apply an object on the server; the result is what the server holds then."""
        query = {"fieldManager": MANAGED_BY, "fieldValidation": "Strict"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        return self._as(body, self.server.request("PATCH", self._path(body), body, **query))

    def listed(self, version: str, kind: str, namespace: str, labels: dict[str, str]) -> Iterator[Object]:
        """The objects of a kind with some labels; none if the cluster does not know the kind."""
        if kind not in self._served(version):
            return
        resource = self._served(version)[kind]
        path = f"{_root(version)}/namespaces/{namespace}/{resource['name']}"
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        for item in self.server.request("GET", path, labelSelector=selector).get("items") or []:
            yield {"apiVersion": version, "kind": kind, **item}

    def namespace_of(self, body: Object) -> str:
        """The namespace of an object."""
        return str(body["metadata"].get("namespace") or self.namespace)

    def _as(self, body: Object, answer: Object) -> Object:
        return {**answer, "apiVersion": body["apiVersion"], "kind": body["kind"]}

    def _path(self, body: Object) -> str:
        version, kind, name = body["apiVersion"], body["kind"], body["metadata"]["name"]
        resource = self._served(version).get(kind)
        if resource is None:
            message = f"the cluster has no {kind} in {version}: install what defines it, or choose another provider"
            raise RefusedError(404, f"{message} in the platform file")
        within = f"/namespaces/{self.namespace_of(body)}" if resource["namespaced"] else ""
        return f"{_root(version)}{within}/{resource['name']}/{name}"

    def _served(self, version: str) -> dict[str, Object]:
        """The resources of a group and version, by kind."""
        if version not in self._kinds:
            try:
                found = self.server.request("GET", _root(version)).get("resources") or []
            except RefusedError as error:
                if error.status != 404:
                    raise
                found = []
            self._kinds[version] = {one["kind"]: one for one in found if "/" not in one["name"]}
        return self._kinds[version]


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def key(body: Object) -> str:
    """The name of an object in messages: `Rollout/fraud-scorer`."""
    return f"{body['kind']}/{body['metadata']['name']}"


INSTALL = "`mlspec cluster` needs the Kubernetes client: run `pip install 'mlspec-compiler[cluster]'`"


def connect(context: str | None = None, kubeconfig: str | None = None) -> Cluster:
    """Find a cluster as kubectl does: by a kubeconfig, or else by the ServiceAccount of this pod."""
    try:
        from kubernetes import client, config
    except ImportError:
        raise ClusterError(INSTALL) from None
    settings = client.Configuration()
    files = kubeconfig or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    found = any(os.path.exists(file) for file in files.split(os.pathsep) if file)
    try:
        if not found and not kubeconfig and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=settings)
            name, namespace = "in-cluster", _own_namespace()
        elif not found:
            raise ClusterError(f"there is no kubeconfig at {files}: pass --kubeconfig FILE, or set KUBECONFIG")
        else:
            name, namespace = _context(config, files, context)
            config.load_kube_config(config_file=files, context=name, client_configuration=settings)
    except ClusterError:
        raise
    except Exception as error:  # noqa: BLE001 - the package raises many types for an invalid file
        said = " ".join(str(error).split())
        raise ClusterError(f"the kubeconfig cannot be used: {said}: check `kubectl config view`") from None
    settings.retries = False
    return Cluster(_Connection(client.ApiClient(settings), name), name, namespace)


def _context(config: Any, files: str, asked: str | None) -> tuple[str, str]:
    """The name of the context, and its namespace."""
    contexts, current = config.list_kube_config_contexts(config_file=files)
    names = {one["name"]: one for one in contexts}
    chosen: str = asked or (current or {}).get("name") or ""
    if chosen not in names:
        choices = ", ".join(f"`{name}`" for name in names) or "none"
        raise ClusterError(f"the kubeconfig has no context `{chosen}`: choose with --context; it has {choices}")
    return chosen, str(names[chosen].get("context", {}).get("namespace") or "default")


def _own_namespace() -> str:
    try:
        with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "default"


class _Connection:
    """A server that the `kubernetes` package found. Its connection pool is the same in all versions of the package."""

    def __init__(self, client: Any, context: str) -> None:
        self._client = client
        self._context = context
        self.warnings: list[str] = []

    def request(self, method: str, path: str, body: Object | None = None, **query: str) -> Object:
        """Send a request."""
        import urllib3

        settings = self._client.configuration
        headers = {"Accept": "application/json", "User-Agent": "mlspec"}
        headers |= {"Content-Type": APPLY} if body is not None else {}
        self._client.update_params_for_auth(headers, [], list(settings.auth_settings()))
        url = f"{settings.host}{path}" + (f"?{urlencode(query)}" if query else "")
        data = json.dumps(body).encode() if body is not None else None
        try:
            answer = self._client.rest_client.pool_manager.request(
                method, url, body=data, headers=headers, timeout=SECONDS, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ClusterError(self._unreachable(error)) from None
        self.warnings += [_warning(text) for text in answer.headers.getlist("Warning")]
        return self._read(answer.status, answer.data)

    def _unreachable(self, error: Exception) -> str:
        host = self._client.configuration.host
        reason = str(error).rpartition(": ")[2]
        check = f"check the network, and `kubectl --context {self._context} get --raw /readyz`"
        return f"the API server {host} of context `{self._context}` cannot be reached: {reason}: {check}"

    def _read(self, status: int, data: bytes) -> Object:
        text = data.decode("utf-8", "replace")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {}
        if status == 401 or (status == 403 and "system:anonymous" in text):
            check = f"log in again, and check `kubectl --context {self._context} auth whoami`"
            raise ClusterError(f"the API server does not accept the credentials of context `{self._context}`: {check}")
        if status >= 400 or not isinstance(answer, dict) or not answer:
            said = answer.get("message") if isinstance(answer, dict) else None
            details = answer.get("details") if isinstance(answer, dict) else None
            raise RefusedError(status, said or f"the API server answered {status}: {text[:200]}", details)
        return answer


def _warning(header: str) -> str:
    """The text of a warning: `299 - "text"`."""
    return header.partition('"')[2].removesuffix('"').replace('\\"', '"') or header


def told(body: Object, error: RefusedError) -> Iterator[str]:
    """Why an object was refused, and what to do, one line each."""
    if error.namespace is not None:
        yield f"{key(body)}: the namespace `{error.namespace}` does not exist: create it first"
    elif error.status == 403:
        yield f"{key(body)}: {error}: ask for the permission, or use another --context"
    elif error.conflicts:
        for conflict in error.conflicts:
            yield f"{key(body)}: `{conflict.manager}` manages {conflict.field}"
    else:
        yield f"{key(body)}: {' '.join(str(error).split())}"
