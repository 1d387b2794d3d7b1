"""The API server, as far as starting a run needs it: one CronJob, and its Jobs.

A run that is started by hand or by this program looks like one of the schedule: it has the same template, belongs to
the CronJob, and its name ends with its time in minutes since 1970, which `MLSPEC_RUN` hands to the steps (kubectl's
own `create job --from`, pkg/cmd/create/create_job.go, does the same but for the name).
"""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = ["ANNOTATION", "Api", "ApiError", "Conflict", "CronJob", "inside_a_pod", "local"]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANNOTATION = "mlspec/last-triggered"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = 20.0
LARGEST = 8 * 2**20


class ApiError(Exception):
    """The API server cannot be reached or refuses a request."""


class Conflict(ApiError):  # noqa: N818 - an expected answer
    """Another program changed the object first, or it exists already."""


class Api(Record):
    """One namespace of an API server."""

    url: str
    namespace: str
    token: Path | None = None
    """The file with the token. It is read for each request, because the kubelet replaces it."""
    authority: Path | None = None

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """A request and its answer. Raises ApiError."""
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data=content, method=method)
        request.add_header("Accept", "application/json")
        if content is not None:
            request.add_header("Content-Type", kind)
        try:
            if self.token is not None:
                request.add_header("Authorization", f"Bearer {self.token.read_text().strip()}")
            with urlopen(request, timeout=TIMEOUT, context=self._context()) as answer:
                return json.loads(answer.read(LARGEST))
        except HTTPError as wrong:
            said = _reason(wrong)
            raise (Conflict if wrong.code == 409 else ApiError)(f"{method} {path}: {wrong.code} {said}") from None
        except (OSError, URLError, ValueError) as wrong:
            raise ApiError(f"{method} {path}: {wrong}") from None

    def _context(self) -> ssl.SSLContext | None:
        if not self.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=str(self.authority) if self.authority is not None else None)


def _reason(wrong: HTTPError) -> str:
    try:
        return str(json.loads(wrong.read(LARGEST)).get("message", wrong.reason))
    except (OSError, ValueError, AttributeError):
        return str(wrong.reason)


def inside_a_pod(namespace: str) -> Api | None:
    """The API server of this cluster; None outside a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    shown = f"[{host}]" if ":" in host else host
    return Api(
        url=f"https://{shown}:{port}",
        namespace=namespace,
        token=ACCOUNT / "token",
        authority=ACCOUNT / "ca.crt",
    )


def local(url: str, namespace: str) -> Api:
    """An API server on this machine, which asks for no token, such as that of `kubectl proxy`. Raises Unreadable for
    any other address: without encryption, another machine could pose as the cluster.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme != "http" or host not in LOOPBACK:
        raise Unreadable(f"--api needs an address of this machine, such as http://127.0.0.1:8001, not {shown(url)}")
    return Api(url=url.rstrip("/"), namespace=namespace)


class CronJob(Record):
    """The CronJob that runs are started from."""

    api: Api
    name: str

    @property
    def _path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.api.namespace}"

    def read(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = self.api.call("GET", f"{self._path}/cronjobs/{self.name}")
        return found

    def runs(self, uid: str) -> list[dict[str, Any]]:
        """The Jobs that belong to it."""
        found = self.api.call("GET", f"{self._path}/jobs").get("items", [])
        return [job for job in found if any(owner.get("uid") == uid for owner in _owners(job))]

    def mark(self, cron_job: dict[str, Any], time: int) -> None:
        """Note the time of a request. Raises Conflict if the object changed since it was read."""
        metadata = {
            "resourceVersion": cron_job["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION: str(time)},
        }
        kind = "application/merge-patch+json"
        self.api.call("PATCH", f"{self._path}/cronjobs/{self.name}", {"metadata": metadata}, kind)

    def start(self, cron_job: dict[str, Any], time: int) -> str:
        """Create a Job, and return its name. Raises Conflict if there is one of the same minute."""
        template, name = cron_job["spec"]["jobTemplate"], f"{self.name}-{time // 60}"
        own = template.get("metadata", {})
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": self.api.namespace,
                "labels": own.get("labels", {}),
                "annotations": {**own.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"},
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "CronJob",
                        "name": self.name,
                        "uid": cron_job["metadata"]["uid"],
                        "controller": True,
                    }
                ],
            },
            "spec": template["spec"],
        }
        self.api.call("POST", f"{self._path}/jobs", job)
        return name


def _owners(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.get("metadata", {}).get("ownerReferences", [])
    return found
