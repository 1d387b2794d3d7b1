"""Argo Workflows: what people type, and what its objects refer to. The objects themselves are imported for a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...compiler.emit.artifact import Artifact
from ...compiler.kinds import Kind, Known, Object, pod, pods_of
from ..providers import OrchestrationProvider, Runs

__all__ = ["PROVIDER"]


def _objects(runs: Runs) -> Iterable[Artifact]:
    from .argo_objects import objects  # rarely needed, so imported late

    return objects(runs)


def _runs_pods(body: Object, known: Known) -> Iterator[str]:
    """The account of the workflow, and the pods of its Job."""
    account = body["spec"].get("serviceAccountName")
    if account is not None and not known.has("ServiceAccount", account):
        yield f"runs as a ServiceAccount `{account}` that does not exist"
    yield from pod(pods_of(body) or {}, known)


def _starts(body: Object, known: Known) -> Iterator[str]:
    name = body["spec"].get("workflowSpec", {}).get("workflowTemplateRef", {}).get("name")
    if not known.has("WorkflowTemplate", name):
        yield f"starts a WorkflowTemplate `{name}` that does not exist"


def _own_labels(body: Object) -> Iterable[Object]:
    """The pods of the Job, and those of the workflow."""
    return ({}, body["spec"].get("podMetadata", {}).get("labels", {}))


ADDS = "Argo Workflows appends the start time of a run, 11 characters"

PROVIDER = OrchestrationProvider(
    name="argo-workflows",
    kind="CronWorkflow",
    objects=_objects,
    by_hand="argo submit -n {namespace} --from cronwf/{name} --name {name}-1",
    shown="argo list -l workflows.argoproj.io/cron-workflow={name}",
    kinds={
        "WorkflowTemplate": Kind(check=_runs_pods, longest=52, adds=ADDS, labels=_own_labels),
        "CronWorkflow": Kind(check=_starts, longest=52, adds=ADDS),
    },
)
