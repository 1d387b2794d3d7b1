"""What a run on several nodes adds to the pod of its steps: a container that creates a TrainJob, and its token.

Only this container has a token of the API server. The steps of the author, which have the same ServiceAccount, do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Distributed
from ..pod.own import own_image
from ..pod.security import container_security
from .api_server import api_mount

__all__ = ["launcher"]


def launcher(training: TrainingPlan, spread: Distributed, variables: list[Body], mounts: list[Body]) -> Because[Body]:
    """The `train` container, with the variables and the mounts of every step. The nodes write the model into its
    folder of the volume.
    """
    why = "it only waits"
    disk = fixed("1Gi", why)
    container: Body = {
        "name": "train",
        "image": own_image(
            training.scope,
            "a run on several nodes needs mlspec's own image",
            spread.nodes,
            others=((training.part.steps.train.command, "the image creates the pods that run this"),),
        ),
        "command": ["mlspec", "runtime", "launch", "--in-job"],
        "env": [*variables, *_pod()],
        "resources": {
            "requests": {
                "cpu": fixed(conventions.HELPER_CPU, why),
                "memory": fixed(conventions.HELPER_MEMORY, why),
                "ephemeral-storage": disk,
            },
            "limits": {"memory": fixed("512Mi", why), "ephemeral-storage": disk},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [
            *mounts,
            api_mount(),
        ],
    }
    return because(container, "it creates the pods that train together", spread.nodes)


def _pod() -> Iterator[Body]:
    """The owner of the TrainJob, so that Kubernetes deletes it with this pod."""
    yield {"name": "MLSPEC_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    yield {"name": "MLSPEC_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
