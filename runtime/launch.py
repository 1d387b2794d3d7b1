"""`mlspec runtime launch`: create the TrainJob of a run, wait until its pods have trained, and say how they ended.

It exits as the training code would: 0 if all nodes finished, 42 if one of them ended with 42 or the API server refuses
the TrainJob for good, and 1 for everything else, which a retry may change.

The name of the TrainJob follows from that of the run, so a retry finds what an earlier try left, and deletes it: two
groups of nodes would write to one model. The pod of the run owns the TrainJob, so Kubernetes deletes it with the pod.
If Kubernetes stops the pod, for example at the deadline, the launcher deletes it at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from ..compiler.record import Record
from .cluster import Answer, ApiServer, UnreachableError
from .lines import say

__all__ = ["Launch", "launch", "of_the_job"]

DONE, FAILED, NO = 0, 1, 42

FINAL = (400, 403, 404, 405, 422)
"""Answers to a new TrainJob that a retry does not change: it is invalid or forbidden, or Trainer is not installed."""

PATIENCE = 900
"""Seconds without any answer after which a run gives up: an upgrade of a single API server takes several minutes."""

EVERY = 10.0
"""Seconds between two looks at the TrainJob."""


class Stopped(BaseException):
    """The kubelet wants the container to end."""


class FinalError(Exception):
    """A failure that a retry would not change."""


class Launch(Record):
    """What a run launches."""

    manifest: Path
    """The TrainJob as JSON, with `$(MLSPEC_RUN)` and `$(MLSPEC_CLAIM)`."""
    run: str
    pod: str
    uid: str

    @property
    def claim(self) -> str:
        """The claim of the run's volume, as Kubernetes names that of an ephemeral volume `run`."""
        return f"{self.pod}-run"


def of_the_job() -> Launch | None:
    """What the training contract's variables say; None outside a job."""
    config, run, pod, uid = (os.environ.get(f"MLSPEC_{name}") for name in ("CONFIG", "RUN", "POD", "POD_UID"))
    if not config or not run or not pod or not uid:
        return None
    return Launch(manifest=Path(config).with_name("trainjob.json"), run=run, pod=pod, uid=uid)


def launch(
    what: Launch,
    server: ApiServer,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Create the TrainJob, wait for it, and return the exit status."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        body = train_job(what)
        waiting = _Waiting(server, body, sleep, clock)
        try:
            return waiting.run()
        except Stopped:
            say(sys.stderr, "mlspec runtime launch: the pod has to stop; deleting the TrainJob")
            server.request("DELETE", waiting.path, {"propagationPolicy": "Background"})
            return 128 + signal.SIGTERM
    except FinalError as wrong:
        say(sys.stderr, f"mlspec runtime launch: {wrong}")
        return NO
    except (UnreachableError, OSError) as wrong:
        say(sys.stderr, f"mlspec runtime launch: {wrong}")
        return FAILED


def _stop(_: int, __: FrameType | None) -> None:
    raise Stopped


def train_job(what: Launch) -> dict[str, Any]:
    """The TrainJob with its name, its owner, the name of the run, and the volume."""
    try:
        body = json.loads(what.manifest.read_bytes())
        metadata = body["metadata"]
        prefix, _ = metadata.pop("generateName"), metadata["namespace"]
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise FinalError(f"{what.manifest} is not a TrainJob: {wrong!r}") from None
    metadata["name"] = f"{prefix}{hashlib.sha256(what.run.encode()).hexdigest()[:8]}"
    metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": what.pod, "uid": what.uid}]
    filled: dict[str, Any] = _filled(body, {"$(MLSPEC_RUN)": what.run, "$(MLSPEC_CLAIM)": what.claim})
    return filled


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(child, values) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, values) for child in value]
    return values.get(value, value) if isinstance(value, str) else value


class _Waiting:
    def __init__(
        self, server: ApiServer, body: dict[str, Any], sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self.server = server
        self.body = body
        self.sleep = sleep
        self.clock = clock
        self.namespace, self.name = (quote(str(body["metadata"][key]), safe="") for key in ("namespace", "name"))
        self.all = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{self.namespace}/trainjobs"
        self.path = f"{self.all}/{self.name}"
        self.said = ""

    def run(self) -> int:
        self._remove_what_is_left()
        self._create()
        self._tell(
            f"created the TrainJob {self.name}; logs: kubectl logs -n {self.namespace} "
            f"-l jobset.sigs.k8s.io/jobset-name={self.name} -f"
        )
        while True:
            found = self._answer("GET", self.path)
            if found.status == 404:
                self._tell(f"the TrainJob {self.name} was deleted")
                return FAILED
            if found.status == 200:
                ended = self._ended(found.body)
                if ended is not None:
                    return ended
            self.sleep(EVERY)

    def _remove_what_is_left(self) -> None:
        """An earlier try may still have nodes that train."""
        while (found := self._answer("GET", self.path)).status != 404:
            if found.status == 403:
                raise FinalError(f"the API server refuses: {found.message}")
            self._tell(f"deleting the TrainJob {self.name} of an earlier try")
            self._answer("DELETE", self.path, {"propagationPolicy": "Foreground"})
            self.sleep(EVERY)

    def _create(self) -> None:
        while True:
            made = self._answer("POST", self.all, self.body)
            if made.status in (200, 201):
                return
            if made.status in FINAL:
                hint = ": is Kubeflow Trainer 2.2 or later installed?" if made.status == 404 else ""
                raise FinalError(f"the API server refuses the TrainJob: {made.message}{hint}")
            if made.status == 409:  # a request that was sent again after its answer was lost
                return
            self._tell(f"the API server does not take the TrainJob yet: {made.message}")
            self.sleep(EVERY)

    def _ended(self, body: dict[str, Any]) -> int | None:
        """The exit status, if the TrainJob has ended."""
        conditions = _conditions(body)
        if "Complete" in conditions:
            self._tell("all nodes have finished")
            return DONE
        if "Failed" in conditions:
            self._tell(f"failed: {conditions['Failed'].get('message') or conditions['Failed'].get('reason')}")
            return NO if self._final() else FAILED
        suspended = conditions.get("Suspended")
        self._tell("waiting in the queue" if suspended is not None else "waiting for the nodes")
        return None

    def _final(self) -> bool:
        """Whether a node ended with 42, which its Job reports as a match of its pod failure policy."""
        job = self._answer("GET", f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{self.name}-node-0")
        conditions = _conditions(job.body) if job.status == 200 else {}
        return any(conditions.get(kind, {}).get("reason") == "PodFailurePolicy" for kind in ("Failed", "FailureTarget"))

    def _answer(self, method: str, path: str, body: Any = None) -> Answer:
        """An answer, however often the connection fails or the server is busy, until patience ends."""
        until = self.clock() + PATIENCE
        while True:
            try:
                found = self.server.request(method, path, body)
                if found.status not in (401, 429) and found.status < 500:
                    return found
                problem = found.message
            except UnreachableError as wrong:
                problem = str(wrong)
            if self.clock() >= until:
                raise UnreachableError(f"no answer for {PATIENCE} s: {problem}")
            self._tell(f"trying again: {problem}")
            self.sleep(EVERY)

    def _tell(self, line: str) -> None:
        """Print what has changed, once."""
        if line != self.said:
            say(sys.stdout, line)
            self.said = line


def _conditions(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions of an object that are true, by type."""
    found = (body.get("status") or {}).get("conditions") or []
    return {str(one.get("type")): one for one in found if isinstance(one, dict) and one.get("status") == "True"}
