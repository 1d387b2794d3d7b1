"""The live state of Kubernetes' own workloads: Deployments and CronJobs."""

from __future__ import annotations

from typing import Any

from .values import Object, Related, State, condition

__all__ = ["cron_job", "deployment"]


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
