"""The steps of a run: containers in order, on one volume, under the training contract (docs/training-contract.md).

Every step can read the output of all others, and writes only to its own folder. So no step can change the model after
the gate judged it, or the verdict. The kubelet creates that folder, as a subpath of the volume, before the step starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ...compiler import conventions
from ...compiler.because import Because, because, first, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.sidecars import with_disk
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import AcceleratorRequest, Checkpoints, Step, Tuning
from ..pod import access, extras, placement, trust
from ..pod.access import Grant
from ..pod.credentials import credentials, variables, written_at
from ..pod.security import container_security, writable_for_devices
from . import carried, measured, promotion, tracking
from .config import FILE
from .contract import validate_step
from .gates import gated

__all__ = ["containers", "devices", "grants", "node_container", "search_container", "shares_memory"]

CONFIG, INPUT, OUTPUT, SEARCH = "/mlspec/config", "/mlspec/input", "/mlspec/output", "/mlspec/search"
OWN = "MLSPEC_"
SPREAD = ("PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_ADDR", "PET_MASTER_PORT")
"""What Trainer sets on each node, over whatever its runtime says (runtime/framework/plugins/torch/torch.go)."""

# Label of Kubernetes' own Job controller.
_JOB = "metadata.labels['batch.kubernetes.io/job-name']"
_RUN = "metadata.labels['mlspec/run']"


def containers(training: TrainingPlan) -> list[Because[Body]]:
    """The containers in the order in which they run. The last one is the pod's main container."""
    steps, gates = training.part.steps, gated(training)
    if steps.register_ is not None and not gates:
        raise _unjudged(training, steps.register_)
    made = [
        measured.diagnose(training, list(_contract("diagnose")), _mounts("diagnose")),
        first(
            validate_step(training, list(_contract("validate")), _mounts("validate")),
            _step(training, "validate", steps.validate_),
        ),
        _train(training),
        _step(training, "compress", steps.compress),
        _step(training, "evaluate", steps.evaluate),
        measured.profile(training, list(_contract("profile")), _mounts("profile")),
        because(_gate(training), "the gate judges the model before any step publishes it", gates) if gates else None,
        _step(training, "register", steps.register_),
        promotion.container(training, list(_contract("promote")), _mounts("promote")),
    ]
    return [container for container in made if container is not None]


def _train(training: TrainingPlan) -> Because[Body] | None:
    """The author's step, or mlspec's, which starts the author's on several nodes."""
    step, distributed, spread = training.part.steps.train, training.part.distributed, training.spread
    if distributed is None:
        return _step(training, "train", step)
    from . import launch, launched  # rarely needed, so imported late

    launched.check(step, distributed)
    if spread is None:
        return _step(training, "train", step)
    return launch.launcher(training, spread, list(_contract("train")), _mounts("train"))


def _unjudged(training: TrainingPlan, register: Step) -> Refusal:
    return refusal(
        "MLS009",
        "no gate judges the model that `register` publishes",
        register.command,
        others=((training.part.steps.train.command, "the model is trained here"),),
        note="without a verdict, every model would go live, or none",
        help="add `gates` under `evaluation`, and an `evaluate` step that measures their metrics",
    )


def grants(training: TrainingPlan) -> list[Grant]:
    """Every access of the steps: the sources, the fixed test set, the champion that another system serves, the
    tracking server, and the training's own list.
    """
    system, part, champion = training.scope.system, training.part, training.champion
    test_set = system.evaluation.test_set if system.evaluation is not None else None
    return access.granted(
        training.scope,
        (
            *access.stores(
                training.scope,
                *(source.access for source in system.data.sources),
                test_set.access if test_set is not None else None,
                champion.artifact.access if champion is not None else None,
                part.tracking.access if part.tracking is not None else None,
                part.checkpoints.access if part.checkpoints is not None else None,
            ),
            *part.access,
        ),
    )


# The author's own steps


def _step(training: TrainingPlan, name: str, step: Step | None) -> Because[Body] | None:
    if step is None:
        return None
    asked = devices(training, "run")
    return because(_own(training, name, name, step, asked, _JOB), f"the step `{name}`", step.command, step.image)


def node_container(training: TrainingPlan, name: str) -> Because[Body]:
    """The `train` step as one of several pods. Their Job has a name of its own, so a label names the run."""
    step, asked = training.part.steps.train, devices(training, "train")
    return because(_own(training, name, "train", step, asked, _RUN), "the step `train`", step.command, step.image)


def search_container(training: TrainingPlan, tuning: Tuning, token: Body) -> Because[Body]:
    """The search, in the training image: it starts the commands of `train` and `evaluate` for each trial."""
    step = training.part.steps.train
    body = _own(training, "search", "search", step, training.part.resources.accelerator, _JOB)
    namespace = {"name": "MLSPEC_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    made = {
        **body,
        "command": ["mlspec", "runtime", "tune", "--in-job"],
        "env": [namespace, *body["env"]],
        "volumeMounts": [*body["volumeMounts"], token],
    }
    return because(made, "the search has its own schedule", tuning.when)


def devices(training: TrainingPlan, pod: Literal["run", "train"]) -> AcceleratorRequest | None:
    """The accelerators of a pod. If several pods train together, the pod of the other steps holds none meanwhile."""
    return training.part.resources.accelerator if training.spread is None or pod == "train" else None


def _own(
    training: TrainingPlan, container: str, name: str, step: Step, asked: AcceleratorRequest | None, run: str
) -> Body:
    image = training.part.image if step.image is None else step.image
    own: list[Any] = [*_mounts(name), *_shared_memory(training, asked), *trust.mounts(training.scope)]
    given: list[Body] = []
    if training.searched is not None and name == "train":
        own.append({"name": "search", "mountPath": SEARCH, "readOnly": fixed(True, "ConfigMaps are read-only")})
        given.append({"name": "MLSPEC_PARAMETERS", "value": f"{SEARCH}/best.json"})
    if training.part.checkpoints is not None and name == "train":
        given.append({"name": "MLSPEC_CHECKPOINTS", "value": _kept(training.part.checkpoints)})
    return {
        "name": container,
        "image": image,
        "command": _command(training, name, step),
        "env": [*_contract(name, run), *given, *_environment(training, image, name)],
        "resources": _resources(training, asked),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(writable_for_devices(asked)),
        "volumeMounts": [*own, *extras.mounts(training.part, own)],
    }


def _command(training: TrainingPlan, name: str, step: Step) -> list[Any] | None:
    """The author's command, or that of TRL; None for the image's own."""
    if training.fine_tuning is None or name != "train":
        return list(step.command) or None
    from .finetuning import command  # rarely needed, so imported late

    return command(training.fine_tuning, step)


def _kept(part: Checkpoints) -> Because[str]:
    """The folder of one run, whose name all of its tries share."""
    below = part.to.map(lambda uri: uri.rstrip("/"))
    return text("{folder}/$(MLSPEC_RUN)", "the next try of the same run resumes from it", folder=below)


def _resources(training: TrainingPlan, accelerator: AcceleratorRequest | None) -> Body:
    """Memory and disk are limited to the request. CPU has no limit, so that a burst is not throttled."""
    asked = training.part.resources
    devices = placement.accelerators(training.scope, accelerator)
    memory, disk = asked.memory.map(str), with_disk(asked.ephemeral_storage, training.part.volumes).map(str)
    return {
        "requests": {"cpu": asked.cpu.map(str), "memory": memory, "ephemeral-storage": disk, **devices},
        "limits": {"memory": memory, "ephemeral-storage": disk, **devices},
    }


def shares_memory(training: TrainingPlan, asked: AcceleratorRequest | None) -> list[Because[Any]]:
    """Why a step needs shared memory: accelerators, or several processes. Empty if it needs none."""
    spread = training.part.distributed
    reasons: list[Because[Any]] = [asked.type] if asked is not None else []
    return [*reasons, spread.processes_per_node] if spread is not None else reasons


def _shared_memory(training: TrainingPlan, asked: AcceleratorRequest | None) -> list[Because[Body]]:
    why = shares_memory(training, asked)
    return (
        [because({"name": "shm", "mountPath": "/dev/shm"}, "processes exchange tensors through it", why)] if why else []
    )


def _environment(training: TrainingPlan, image: Because[str], name: str) -> list[Any]:
    """The author's variables come last, so that they can refer to the others: `$(MLSPEC_OUTPUT)`."""
    own = training.part.env
    taken = next((name for name in own if name.startswith(OWN)), None)
    if taken is not None:
        raise _taken(taken, written_at(own[taken]))
    replaced = next((name for name in own if name in SPREAD), None) if training.spread is not None else None
    if replaced is not None:
        raise _replaced(replaced, written_at(own[replaced]))
    usual = {
        **trust.named(training.scope),
        **_user(training),
        **_processes(training, name),
        **_hub(training, name),
        **tracking.variables(training, image),
    }
    given = {**{name: value for name, value in usual.items() if name not in own}, **own}
    stores = credentials(grants(training), given)
    return [
        *variables({name: value for name, value in given.items() if name not in own}),
        *stores,
        *variables(own),
    ]


def _user(training: TrainingPlan) -> dict[str, Because[str]]:
    """Python's `getpass.getuser`, which MLflow and PyTorch call, fails for a user ID without a name in the image."""
    system = training.scope.system.metadata.name
    return {
        "HOME": fixed("/tmp", "libraries keep their caches there, and the rest of the image is read-only"),
        "USER": because(system.value, "a user name, for libraries that ask for one", system),
    }


def _hub(training: TrainingPlan, name: str) -> dict[str, Because[str]]:
    """What fine-tuning needs: a cache of the hub on the volume of the run."""
    if training.fine_tuning is None or name != "train":
        return {}
    return {"HF_HOME": fixed("$(MLSPEC_OUTPUT)/hub", "the base model does not fit into `/tmp`")}


def _processes(training: TrainingPlan, name: str) -> dict[str, Because[str]]:
    """What `torchrun` reads on a single node. Without it, it starts one process, and other accelerators are idle. On
    several nodes, Trainer sets it.
    """
    alone = training.part.distributed if training.spread is None else None
    if alone is None or name not in ("train", "search"):
        return {}
    return {
        "PET_NPROC_PER_NODE": because(
            str(alone.processes_per_node.value), "`torchrun` reads it", alone.nodes, alone.processes_per_node
        )
    }


def _replaced(name: str, value: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"Kubeflow Trainer replaces the environment variable `{name}`",
        value,
        note="it describes the group of processes, which `distributed` declares, so this value would have no effect",
        help="remove the variable",
    )


def _taken(name: str, value: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"the environment variable `{name}` is reserved",
        value,
        note=f"variables that start with `{OWN}` belong to the training contract, and a step would read a wrong value",
        help="rename the variable",
    )


# The parts that all steps share


def _contract(name: str, run: str = _JOB) -> Iterator[Body]:
    """The variables of the contract. `run` is the label of the pod that names the run."""
    yield {"name": "MLSPEC_STEP", "value": name}
    yield {"name": "MLSPEC_CONFIG", "value": f"{CONFIG}/{FILE}"}
    yield {"name": "MLSPEC_INPUT", "value": INPUT}
    yield {"name": "MLSPEC_OUTPUT", "value": OUTPUT}
    yield {"name": "MLSPEC_RUN", "valueFrom": {"fieldRef": {"fieldPath": run}}}


def _mounts(name: str) -> list[Body]:
    return [
        {"name": "config", "mountPath": CONFIG, "readOnly": fixed(True, "ConfigMaps are read-only")},
        {"name": "run", "mountPath": INPUT, "readOnly": fixed(True, "no step may change what the gate judges")},
        {"name": "run", "mountPath": OUTPUT, "subPath": name},
        {"name": "tmp", "mountPath": "/tmp"},
    ]


# The gate


def _gate(training: TrainingPlan) -> Body:
    """mlspec's own step. It has no secrets. It exits with 0 whatever the verdict, which the next step reads."""
    why = "it reads a few files, and each file of the model once"
    disk = training.part.resources.ephemeral_storage.map(str)
    own = training.scope.platform.images.runtime
    carries = own is None
    return {
        "name": "gate",
        "image": carried.image(training) if own is None else own,
        "command": carried.command() if carries else ["mlspec", "runtime", "gate", "--in-job"],
        "env": [*_contract("gate"), *(carried.env() if carries else [])],
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
        "volumeMounts": [*_mounts("gate"), *(carried.mounts() if carries else [])],
    }
