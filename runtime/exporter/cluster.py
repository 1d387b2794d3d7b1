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
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = ["ANNOTATION", "Api", "ApiError", "Conflict", "CronJob", "CronWorkflow", "Schedule", "inside_a_pod", "local"]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANNOTATION = "mlspec/last-triggered"
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


class Schedule(Record):
    """The object that runs are started from, and its runs, as the API server has them."""

    api: Api
    name: str

    version: ClassVar[str]
    kind: ClassVar[str]
    plural: ClassVar[str]
    runs_plural: ClassVar[str]
    last: ClassVar[str]
    """The field of its status with the time of the last run on the schedule."""
    started: ClassVar[str]
    """The field of the status of a run with its start."""

    @property
    def _path(self) -> str:
        return f"/apis/{self.version}/namespaces/{self.api.namespace}"

    def read(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = self.api.call("GET", f"{self._path}/{self.plural}/{self.name}")
        return found

    def runs(self, uid: str) -> list[dict[str, Any]]:
        """The runs that belong to it."""
        found = self.api.call("GET", f"{self._path}/{self.runs_plural}{self.selector()}").get("items", [])
        return [run for run in found if any(owner.get("uid") == uid for owner in _owners(run))]

    def mark(self, read: dict[str, Any], time: int) -> None:
        """Note the time of a request. Raises Conflict if the object changed since it was read."""
        metadata = {
            "resourceVersion": read["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION: str(time)},
        }
        kind = "application/merge-patch+json"
        self.api.call("PATCH", f"{self._path}/{self.plural}/{self.name}", {"metadata": metadata}, kind)

    def start(self, read: dict[str, Any], time: int) -> str:
        """Create a run, and return its name. Raises Conflict if there is one of the same time."""
        run = self.run(read, time)
        owner = {
            "apiVersion": self.version,
            "kind": self.kind,
            "name": self.name,
            "uid": read["metadata"]["uid"],
            "controller": True,
        }
        run["metadata"] |= {"namespace": self.api.namespace, "ownerReferences": [owner]}
        self.api.call("POST", f"{self._path}/{self.runs_plural}", run)
        return str(run["metadata"]["name"])

    def selector(self) -> str:
        """The query that limits the list of runs, if they have a label of their own."""
        return ""

    def run(self, read: dict[str, Any], time: int) -> dict[str, Any]:
        """The object of a run, without its namespace and its owner."""
        raise NotImplementedError

    def ended(self, run: dict[str, Any]) -> bool:
        """Whether a run is over."""
        raise NotImplementedError


class CronJob(Schedule):
    """A CronJob and its Jobs."""

    version = "batch/v1"
    kind = "CronJob"
    plural = "cronjobs"
    runs_plural = "jobs"
    last = "lastScheduleTime"
    started = "startTime"

    def run(self, read: dict[str, Any], time: int) -> dict[str, Any]:
        """The Job."""
        template = read["spec"]["jobTemplate"]
        own = template.get("metadata", {})
        metadata = {
            "name": f"{self.name}-{time // 60}",
            "labels": own.get("labels", {}),
            "annotations": {**own.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"},
        }
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}

    def ended(self, run: dict[str, Any]) -> bool:
        """Whether the Job has succeeded or failed."""
        conditions = run.get("status", {}).get("conditions") or []
        return any(one.get("type") in ("Complete", "Failed") and one.get("status") == "True" for one in conditions)


class CronWorkflow(Schedule):
    """A CronWorkflow of Argo Workflows and its Workflows."""

    version = "argoproj.io/v1alpha1"
    kind = "CronWorkflow"
    plural = "cronworkflows"
    runs_plural = "workflows"
    last = "lastScheduledTime"
    started = "startedAt"

    def selector(self) -> str:
        """Other Workflows of the namespace may be many, and large."""
        return f"?labelSelector={quote(f'{OF_CRON_WORKFLOW}={self.name}')}"

    def run(self, read: dict[str, Any], time: int) -> dict[str, Any]:
        """The Workflow."""
        spec, given = read["spec"], read["spec"].get("workflowMetadata", {})
        metadata = {
            "name": f"{self.name}-{time}",
            "labels": {OF_CRON_WORKFLOW: self.name, **given.get("labels", {})},
            "annotations": given.get("annotations", {}),
        }
        return {"apiVersion": self.version, "kind": "Workflow", "metadata": metadata, "spec": spec["workflowSpec"]}

    def ended(self, run: dict[str, Any]) -> bool:
        """Whether the Workflow is over. One that waits for a mutex is pending, and one that is new has no phase."""
        return run.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error")


def _owners(run: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.get("metadata", {}).get("ownerReferences", [])
    return found
