"""The live state of workloads: Deployments, CronJobs, and CronWorkflows."""

from __future__ import annotations

from typing import Any

from .values import Object, Related, State, condition

__all__ = ["cron_job", "cron_workflow", "deployment"]


def deployment(live: Object, _: Related) -> State:
    """Whether all replicas run the newest template (kubernetes.io, complete and failed Deployments)."""
    status, metadata = live.get("status", {}), live["metadata"]
    wanted = live["spec"].get("replicas", 1)
    ready, progress = status.get("readyReplicas", 0), condition(live, "Progressing")
    said: dict[str, Any] = {
        "kind": "Deployment",
        "name": metadata["name"],
        "ready": ready,
        "replicas": wanted,
        "message": progress.get("message", ""),
        "since": progress.get("lastUpdateTime"),
    }
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return State(phase="progressing", said="waits for its controller to notice the change", **said)
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return State(phase="degraded", said="did not become ready within its progress deadline", **said)
    if live["spec"].get("paused"):
        return State(phase="waiting", said="is paused by `spec.paused`", **said)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return State(phase="progressing", said=f"{updated} of {wanted} replicas run the new version", **said)
    if status.get("replicas", 0) > updated:
        return State(phase="progressing", said="replicas of the previous version are still stopping", **said)
    if available < wanted:
        return State(phase="progressing", said=f"{available} of {wanted} replicas are available", **said)
    return State(phase="healthy", said="rolled out", **said)


def cron_job(live: Object, _: Related) -> State:
    """When a job last ran, and when one last succeeded. The state says nothing about the jobs themselves."""
    status, spec = live.get("status", {}), live["spec"]
    running = len(status.get("active") or [])
    said = "suspended" if spec.get("suspend") else f"{running} running" if running else "waits for its next run"
    return State(
        kind="CronJob",
        name=live["metadata"]["name"],
        phase="healthy",
        said=said,
        facts=(
            ("schedule", " ".join(word for word in (spec["schedule"], spec.get("timeZone")) if word)),
            ("last run", status.get("lastScheduleTime") or "never"),
            ("last success", status.get("lastSuccessfulTime") or "never"),
        ),
    )


def cron_workflow(live: Object, _: Related) -> State:
    """When Argo Workflows last started a run, and how many have succeeded and failed. A schedule that Argo cannot use
    is a condition (argoproj/argo-workflows, pkg/apis/workflow/v1alpha1/cron_workflow_types.go).
    """
    status, spec = live.get("status", {}), live["spec"]
    running = len(status.get("active") or [])
    wrong = [one for one in status.get("conditions") or [] if one.get("type") in ("SpecError", "SubmissionError")]
    said = "suspended" if spec.get("suspend") else f"{running} running" if running else "waits for its next run"
    return State(
        kind="CronWorkflow",
        name=live["metadata"]["name"],
        phase="degraded" if wrong else "healthy",
        said="cannot start its runs" if wrong else said,
        message=wrong[0].get("message", "") if wrong else "",
        facts=(
            ("schedule", " ".join(word for word in (*(spec.get("schedules") or ()), spec.get("timezone")) if word)),
            ("last run", status.get("lastScheduledTime") or "never"),
            ("succeeded", str(status.get("succeeded") or 0)),
            ("failed", str(status.get("failed") or 0)),
        ),
    )
