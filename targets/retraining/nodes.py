"""A run on several nodes: the `train` step creates a TrainJob, and waits for its pods, which train together.

The run's own pod keeps all other steps. Its `train` container is mlspec's: it creates the TrainJob from a file next to
the configuration, and ends with the exit status of the training code (docs/training-contract.md). All pods share the
run's volume.

Kubeflow Trainer traps handled here (v2.3, `pkg/` of kubeflow/trainer):

- The variables of `torchrun` are only set if the TrainJob has a `trainer` (runtime/framework/plugins/torch/torch.go).
  Without accelerators, it would start one process per CPU, so the number is always explicit.
- A TrainJob has no restart policy, no priority, and no time to live. Its pods belong to a TrainingRuntime, so this one
  is mlspec's own. The names of its job and container are fixed (webhooks/trainingruntime_webhook.go).
- `podTemplateOverrides` and `torch.numProcPerNode` no longer exist since 2.2. The name of a patch's manager needs a
  domain (runtime/framework/plugins/jobset/jobset.go).
- The runtimes that Trainer installs are optional, and their pods violate the Pod Security Standard "restricted".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Distributed
from .. import naming
from .config import labels
from .pods import PERMANENT, node_labels, node_pod
from .queue import queue_labels

__all__ = ["FILE", "files", "runtime", "train_job"]

FILE = "trainjob.json"

JOB, CONTAINER = "node", "node"
MANAGER = "mlspec/run"

RUN, CLAIM = "$(MLSPEC_RUN)", "$(MLSPEC_CLAIM)"
"""What `mlspec runtime launch` replaces in the file: the name of the run, and the claim of its volume."""


def files(training: TrainingPlan, spread: Distributed) -> dict[str, Lines]:
    """The file of the TrainJob, next to the configuration."""
    return {FILE: json_lines(train_job(training, spread))}


def train_job(training: TrainingPlan, spread: Distributed) -> Body:
    """The TrainJob of a run, without the name and the owner, which only the run knows."""
    deadline = training.deadline.map(lambda deadline: max(1, int(deadline.amount)))
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {
            "generateName": text("{prefix}-", prefix=training.prefix),
            "namespace": training.scope.namespace,
            "labels": {**node_labels(training), **queue_labels(training), "mlspec/run": RUN},
        },
        "spec": {
            "activeDeadlineSeconds": because(deadline.value, "the deadline of the whole run", deadline),
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "TrainingRuntime",
                "name": training.name,
            },
            "trainer": {"numNodes": spread.nodes, "numProcPerNode": spread.processes_per_node},
            "runtimePatches": [{"manager": MANAGER, "trainingRuntimeSpec": {"template": {"spec": _patch()}}}],
        },
    }


def _patch() -> Body:
    """What differs from run to run: the label that the code reads the name of the run from, and the volume."""
    pod = {
        "metadata": {"labels": {"mlspec/run": RUN}},
        "spec": {"volumes": [{"name": "run", "persistentVolumeClaim": {"claimName": CLAIM}}]},
    }
    return {"replicatedJobs": [{"name": JOB, "template": {"spec": {"template": pod}}}]}


def runtime(training: TrainingPlan, config: Because[str]) -> Iterator[Artifact]:
    """The TrainingRuntime: the pods of the nodes."""
    scope, spread = training.scope, training.spread
    if spread is None:
        return
    job = {
        "backoffLimit": fixed(0, "one lost process stops all of them; the whole run is retried"),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "operator": "In",
                        "values": [fixed(PERMANENT, "the training contract: a retry would fail, too")],
                    },
                }
            ]
        },
        "template": node_pod(training, config, CONTAINER),
    }
    body: Body = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": naming.metadata(
            scope, training.name, {**labels(training), "trainer.kubeflow.org/framework": "torch"}
        ),
        "spec": {
            "mlPolicy": {"numNodes": spread.nodes, "torch": {}},
            "template": {"spec": {"replicatedJobs": [_replicated(job)]}},
        },
    }
    why = because("TrainingRuntime", "the pods that train together", spread.nodes)
    yield Artifact(path=naming.path_of(scope, "retraining", "TrainingRuntime", training.name), body=body, why=why)


def _replicated(job: Body) -> Any:
    return {
        "name": JOB,
        "replicas": fixed(1, "Trainer supports one Job, with a pod for each node"),
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": job,
        },
    }
