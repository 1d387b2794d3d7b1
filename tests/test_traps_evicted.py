"""Node autoscalers evict pods that run to completion, and such a pod then starts from the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec

from . import batch
from .support import ADOPTERS, EXAMPLES, files, loaded
from .validation import load

KEPT = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}


def ending(thing: Any) -> Iterator[dict[str, Any]]:
    """The pods that run to completion anywhere in an object, and in the objects that it writes as text."""
    if isinstance(thing, str) and thing.startswith(("{", "apiVersion:")) and "restartPolicy" in thing:
        thing = loaded(thing)
    if isinstance(thing, dict):
        own = thing.get("spec")
        if isinstance(own, dict) and own.get("restartPolicy") in ("Never", "OnFailure") and "containers" in own:
            yield thing
    for child in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        yield from ending(child)


def often(body: dict[str, Any]) -> bool:
    return str(body["spec"].get("schedule", "")).startswith(("*/5 ", "*/10 ", "*/15 "))


def disturbed(bodies: list[dict[str, Any]]) -> set[str]:
    """The objects with such pods that may be evicted, without those that start often."""
    return {
        f"{body['kind']} {body['metadata']['name']}"
        for body in bodies
        for pod in ending(body)
        if not often(body) and not KEPT.items() <= (pod.get("metadata", {}).get("annotations") or {}).items()
    }


def test_no_pod_that_loses_its_work_is_evicted() -> None:
    kinds = set[str]()
    for folder in (*EXAMPLES, *ADOPTERS):
        bodies = made(folder)
        if any(body["metadata"]["name"].endswith("-retrain") for body in bodies):
            bodies += made(folder, "platform.orchestration.provider=argo-workflows")
        bad = disturbed(bodies)
        assert bad == set(), folder.name
        kinds |= {body["kind"] for body in bodies if any(ending(body))}
    assert kinds == {"CronJob", "TrainingRuntime", "WorkflowTemplate"}


def made(folder: Path, *settings: str) -> list[dict[str, Any]]:
    result = mlspec.compile(folder / "mlspec.yaml", settings=settings)
    bodies = (load(text) for path, text in files(result).items() if path.endswith(".yaml"))
    return [body for body in bodies if "metadata" in body]


@pytest.mark.parametrize(("schedule", "kept"), [("*/15 * * * *", False), ("*/20 * * * *", True), ("15 4 * * *", True)])
def test_only_a_run_that_starts_again_minutes_later_may_be_evicted(tmp_path: Path, schedule: str, kept: bool) -> None:
    """Its node would never be empty long enough to be removed."""
    (pod,) = ending(batch.job(tmp_path, serving__schedule=schedule, constraints__deadline="10m"))
    assert (KEPT.items() <= pod["metadata"]["annotations"].items()) is kept
