"""The API server, as far as starting a run needs it: one CronJob and its Jobs, or one CronWorkflow and its Workflows.

A run that this program starts looks like one of the schedule: it has the same template, belongs to the same object, and
its name ends with its time, which `MLSPEC_RUN` hands to the steps. For a Job, that is in minutes since 1970 (kubectl's
own `create job --from`, pkg/cmd/create/create_job.go, does the same but for the name). For a Workflow, it is in seconds
(argoproj/argo-workflows, workflow/cron/operator.go and workflow/common/convert.go). A CronWorkflow only counts
Workflows with its label that it owns.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = [
    "ANNOTATION", "CRON_JOB", "CRON_WORKFLOW", "Api", "ApiError", "Conflict", "Kind", "Schedule", "inside_a_pod",
    "local",
]  # fmt: skip

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANNOTATION = "mlspec/last-triggered"
ARGO = "argoproj.io/v1alpha1"
OF_CRON_WORKFLOW = "workflows.argoproj.io/cron-workflow"
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
            with wrong:
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


class Kind(Record):
    """What differs between the objects that runs are started from."""

    version: str
    kind: str
    plural: str
    runs: str
    """The plural of the kind of its runs."""
    last: str
    """The field of its status with the time of the last run on the schedule."""
    started: str
    """The field of the status of a run with its start."""
    run: Callable[[str, dict[str, Any], int], dict[str, Any]]
    """A run: its object without namespace and owner, for the name of the schedule, the schedule, and a Unix time."""
    ended: Callable[[dict[str, Any]], bool]
    """Whether a run is over."""
    label: str = ""
    """The label of its runs, whose value is its name; empty if they have none of their own."""


class Schedule(Record):
    """The object that runs are started from, and its runs, as the API server has them."""

    api: Api
    name: str
    of: Kind

    @property
    def _path(self) -> str:
        return f"/apis/{self.of.version}/namespaces/{self.api.namespace}"

    def read(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = self.api.call("GET", f"{self._path}/{self.of.plural}/{self.name}")
        return found

    def runs(self, uid: str) -> list[dict[str, Any]]:
        """The runs that belong to it. Others of the namespace may be many, and large."""
        query = f"?labelSelector={quote(f'{self.of.label}={self.name}')}" if self.of.label else ""
        found = self.api.call("GET", f"{self._path}/{self.of.runs}{query}").get("items", [])
        return [run for run in found if any(owner.get("uid") == uid for owner in _owners(run))]

    def mark(self, read: dict[str, Any], time: int) -> None:
        """Note the time of a request. Raises Conflict if the object changed since it was read."""
        metadata = {
            "resourceVersion": read["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION: str(time)},
        }
        kind = "application/merge-patch+json"
        self.api.call("PATCH", f"{self._path}/{self.of.plural}/{self.name}", {"metadata": metadata}, kind)

    def start(self, read: dict[str, Any], time: int) -> str:
        """Create a run, and return its name. Raises Conflict if there is one of the same time."""
        run = self.of.run(self.name, read, time)
        owner = {
            "apiVersion": self.of.version,
            "kind": self.of.kind,
            "name": self.name,
            "uid": read["metadata"]["uid"],
            "controller": True,
        }
        run["metadata"] |= {"namespace": self.api.namespace, "ownerReferences": [owner]}
        self.api.call("POST", f"{self._path}/{self.of.runs}", run)
        return str(run["metadata"]["name"])


def _job(name: str, read: dict[str, Any], time: int) -> dict[str, Any]:
    template = read["spec"]["jobTemplate"]
    own = template.get("metadata", {})
    metadata = {
        "name": f"{name}-{time // 60}",
        "labels": own.get("labels", {}),
        "annotations": {**own.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def _job_ended(run: dict[str, Any]) -> bool:
    conditions = run.get("status", {}).get("conditions") or []
    return any(one.get("type") in ("Complete", "Failed") and one.get("status") == "True" for one in conditions)


CRON_JOB = Kind(
    version="batch/v1",
    kind="CronJob",
    plural="cronjobs",
    runs="jobs",
    last="lastScheduleTime",
    started="startTime",
    run=_job,
    ended=_job_ended,
)
"""A CronJob and its Jobs."""


def _workflow(name: str, read: dict[str, Any], time: int) -> dict[str, Any]:
    given = read["spec"].get("workflowMetadata", {})
    metadata = {
        "name": f"{name}-{time}",
        "labels": {OF_CRON_WORKFLOW: name, **given.get("labels", {})},
        "annotations": given.get("annotations", {}),
    }
    spec = read["spec"]["workflowSpec"]
    return {"apiVersion": ARGO, "kind": "Workflow", "metadata": metadata, "spec": spec}


def _workflow_ended(run: dict[str, Any]) -> bool:
    """One that waits for a mutex is pending, and one that is new has no phase."""
    return run.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error")


CRON_WORKFLOW = Kind(
    version=ARGO,
    kind="CronWorkflow",
    plural="cronworkflows",
    runs="workflows",
    last="lastScheduledTime",
    started="startedAt",
    run=_workflow,
    ended=_workflow_ended,
    label=OF_CRON_WORKFLOW,
)
"""A CronWorkflow of Argo Workflows and its Workflows."""


def _owners(run: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.get("metadata", {}).get("ownerReferences", [])
    return found
