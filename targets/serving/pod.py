"""The pod that serves one version of a model.

Traps handled here: a Service named like a setting overrides that setting. Shared memory counts against the memory
limit. The hook that injects an accelerator writes to the root file system, which is read-only elsewhere. Two accesses
may set the same variable. A changed ConfigMap restarts nothing unless its name changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.files import ModelFiles
from ...compiler.plan.serving.probing import checked, listening
from ...compiler.plan.serving.recording import chosen
from ...compiler.plan.serving.version import PROBE_PERIOD, VersionPlan
from ...compiler.system import Probe
from .. import naming
from ..config_map import checksum
from ..pod import access, extras, model, placement, trust
from ..pod.access import Grant
from ..pod.address import check_loadable
from ..pod.credentials import Value, credentials, pull_secrets, variables
from ..pod.security import container_security, pod_security
from . import recorder
from .setups import Setup, setup
from .writable import mounted_once, writable

__all__ = ["config_name", "needs_config", "template"]

CONTRACT = "MLSPEC_"
"""The prefix of the variables that mlspec gives to your own code."""

HASH = "pod-template-hash"
"""The label that Kubernetes gives the pods of each version of a Deployment."""


def _recorded(service: ServicePlan, parts: list[Any]) -> Any:
    """Parts that a recorder changes, with what decides whether there is one."""
    by = chosen(service.scope, service.part)
    return because(parts, "whether a recorder is in the pod", by) if by and parts else parts


def template(service: ServicePlan, version: VersionPlan, component: str) -> Body:
    """The pod template of a workload."""
    scope, files = service.scope, version.files
    made = setup(service, files)
    grants = accesses(service, files)
    return {
        "metadata": naming.pod_metadata(
            scope,
            service.part,
            naming.labels(scope, component, service.name, files.release.version),
            access.pod_labels(access.identity(grants)),
        ),
        "spec": {
            "priorityClassName": scope.platform.priorities.shadow
            if component == conventions.SHADOW
            else scope.platform.priorities.serving,
            "serviceAccountName": access.account_of(grants, service.name),
            "automountServiceAccountToken": fixed(False, "a model server does not use the API server"),
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it: VLLM_PORT=tcp://..."),
            "terminationGracePeriodSeconds": service.timing.grace,
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, grants),
            "securityContext": pod_security(scope.users, _user(service)),
            "initContainers": _init_containers(service, version, made),
            "containers": _recorded(service, [_server(service, version, made)]),
            "volumes": _recorded(service, _volumes(service, version, made)),
            **placement.placed(scope, service.part.scheduling, service.devices),
            "topologySpreadConstraints": placement.spread(
                naming.selector(scope, component, service.name),
                _version_label(service, component),
                service.survives_zones,
            ),
        },
    }


def _version_label(service: ServicePlan, component: str) -> str | Because[str] | None:
    """The label that the controller of the pods gives each version: Kubernetes's own for a Deployment."""
    run = service.workload
    return HASH if component == conventions.SHADOW or run.kind.value == "Deployment" else run.pod_label


def accesses(service: ServicePlan, *versions: ModelFiles) -> list[Grant]:
    """Every access of the pods of some versions: the stores of models and records, and the service's own list."""
    stores = (files.artifact.access for files in versions)
    return access.granted(service.scope, (*stores, *service.part.access, *recorder.granted(service)))


def _user(service: ServicePlan) -> Because[int] | None:
    user = service.runtime.user
    if user is None and service.scope.users.value == "image":
        raise refusal(
            "MLS009",
            "`container` lacks `user`",
            service.runtime,
            service.runtime_name,
            note='pods run under the Pod Security Standard "restricted", which requires a numeric user other than 0',
            help="add `user: 1000`, with the ID of the user that the image runs as",
        )
    return user


def _init_containers(service: ServicePlan, version: VersionPlan, made: Setup) -> list[Because[Body]] | None:
    files = version.files
    if "custom" not in {known.value for known in service.runtime.formats}:
        check_loadable(files, service.runtime_name)
    return [
        *extras.sidecars(service.part),
        *recorder.init_containers(service, version),
        *model.init_containers(files, made.file, container_security(), version.disk_limit),
    ] or None


def _server(service: ServicePlan, version: VersionPlan, made: Setup) -> Body:
    runtime, files = service.runtime, version.files
    return {
        "name": "server",
        "image": _image(service, version),
        "command": list(runtime.command) or None,
        "args": [*runtime.args, *made.args] or None,
        "env": _env(service, files, made) or None,
        "ports": _ports(service),
        "resources": _resources(service, version),
        "startupProbe": _probe(service, runtime.probes.startup, version.startup_failures),
        "readinessProbe": _probe(
            service,
            runtime.probes.readiness,
            fixed(2, "two in a row, so that one slow answer does not make a replica unready"),
        ),
        "livenessProbe": _probe(
            service,
            runtime.probes.liveness,
            fixed(6, "a restart reloads the whole model; half a minute without an answer is a hang"),
        ),
        "lifecycle": {"preStop": {"sleep": {"seconds": service.timing.pre_stop}}},
        "securityContext": container_security(_read_only(service)),
        "volumeMounts": _mounts(service, version, made),
    }


def _image(service: ServicePlan, version: VersionPlan) -> Because[str]:
    if version.image is None:
        build = service.runtime.build
        raise refusal(
            "MLS009",
            "`container` lacks `image`",
            service.runtime_name,
            note="there is nothing to run",
            help=f"add `container: {{image: ...}}`: {build.value}"
            if build is not None
            else f"add `container: {{image: ..., user: 1000}}`: `{service.runtime_name.value}` has no default image",
        )
    return version.image


def _read_only(service: ServicePlan) -> Because[bool]:
    writable, accelerated = service.runtime.writable_root, service.accelerated
    if accelerated.value:
        why = "the hook that injects devices into a container writes to its root file system"
        return because(False, why, accelerated, writable)
    return because(not writable.value, writable.reason, writable, accelerated)


def _env(service: ServicePlan, files: ModelFiles, made: Setup) -> list[Any]:
    """The variables of the runtime and of the service, and those of the accesses that the server itself uses."""
    contract = {**made.env, **recorder.of_runtime(service)}
    _check_contract(contract, {**service.runtime.env, **service.part.env})
    own: dict[str, Value] = {**service.runtime.env, **contract, **service.part.env}
    named = {**trust.named(service.scope), **_threads(service), **own}
    hub = (files.artifact.access,) if files.source.value == "hub" else ()
    writes = recorder.granted(service) if recorder.of_runtime(service) else ()
    used = access.granted(service.scope, (*hub, *service.part.access, *writes))
    return [*variables(named), *credentials(used, named)]


def _check_contract(contract: Iterable[str], given: Mapping[str, Value]) -> None:
    """What tells your own code where its model is, and what to record, has one value."""
    for name in contract:
        if name.startswith(CONTRACT) and name in given:
            raise refusal(
                "MLS012",
                f"the environment variable `{name}` is reserved",
                given[name],
                note="mlspec sets it, and the server would read a wrong value",
                help="rename the variable",
            )


def _threads(service: ServicePlan) -> dict[str, Because[str]]:
    """The number of threads, in the variables that the runtime's libraries read."""
    threads = service.threads
    if threads is None:
        return {}
    return {name.value: threads.map(str).also(name) for name in service.runtime.thread_variables}


def _ports(service: ServicePlan) -> list[Body]:
    """Named ports. Metrics on the HTTP port use its name, because a port cannot be listed twice."""
    known = {**recorder.ports(service), **_own_ports(service)}
    seen: dict[int, str] = {}
    for name, port in known.items():
        seen.setdefault(port.value, name)
    return [{"name": name, "containerPort": known[name]} for name in seen.values()]


def _own_ports(service: ServicePlan) -> dict[str, Because[int]]:
    """The ports that the server listens on. With a recorder, `http` is the name of the recorder's port."""
    own = "http" if service.recorder is None else "server"
    return {own if name == "http" else name: port for name, port in listening(service).items()}


def _port_name(service: ServicePlan, asked: Because[int]) -> Because[str]:
    """The name of the probe's port in the pod."""
    names = (name for name, port in _own_ports(service).items() if port.value == asked.value)
    return because(next(names), "the name of the port in the pod", asked)


def _resources(service: ServicePlan, version: VersionPlan) -> Body:
    """Memory and disk are limited to the request. CPU has no limit, so that a burst is not throttled."""
    devices = placement.accelerators(service.scope, service.devices)
    memory, limit = version.pod_memory.map(str), version.disk_limit
    return {
        "requests": {
            "cpu": service.cpu.map(str),
            "memory": memory,
            "ephemeral-storage": version.disk.map(str),
            **devices,
        },
        "limits": {"memory": memory, "ephemeral-storage": limit.map(str) if limit is not None else None, **devices},
    }


def _probe(service: ServicePlan, probe: Probe | None, failures: Because[int]) -> Body | None:
    if probe is None:
        return None
    made = checked(service, probe)
    check: Body
    if made.grpc.value:
        check = {"grpc": {"port": made.port}}
    elif made.command:
        check = {"exec": {"command": list(made.command)}}
    elif made.path is not None:
        asked = {"path": made.path, "port": _port_name(service, made.port)}
        check = {"httpGet": because(asked, "how the kubelet probes the runtime", made.grpc)}
    else:
        asked = {"port": _port_name(service, made.port)}
        check = {"tcpSocket": because(asked, "how the kubelet probes the runtime", made.grpc)}
    return {
        **check,
        "periodSeconds": fixed(PROBE_PERIOD, "often enough to catch a failure, rarely enough to cost nothing"),
        "timeoutSeconds": probe.timeout.map(lambda timeout: max(1, int(timeout.amount))),
        "failureThreshold": failures,
    }


# Volumes


def needs_config(made: Setup) -> bool:
    """Whether the runtime reads configuration files."""
    return bool(made.files)


def config_name(service: ServicePlan, made: Setup) -> Because[str]:
    """The name of the ConfigMap, with a checksum of its content, so that pods of an older version keep theirs, even in
    a rollback.
    """
    content = "\0".join(f"{name}\0{lines.text()}" for name, lines in made.files.items())
    digest = checksum(made.files.values(), content=content)
    return text("{name}-config-{digest}", name=service.name, digest=digest)


def _volumes(service: ServicePlan, version: VersionPlan, made: Setup) -> list[Body]:
    files, writes = version.files, version.writes
    volumes = model.volumes(files)
    if needs_config(made):
        volumes.append({"name": "config", "configMap": {"name": config_name(service, made)}})
    limit = {"sizeLimit": writes.map(str)} if writes is not None else {}
    volumes += [{"name": name, "emptyDir": limit} for name, _ in writable(service)]
    shared = version.shared
    if shared is not None:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": shared.map(str)}})
    return [
        *volumes, *recorder.volumes(service), *trust.volumes(service.scope), *extras.volumes(service.part)
    ]  # fmt: skip


def _mounts(service: ServicePlan, version: VersionPlan, made: Setup) -> list[Body]:
    mounts = model.mounts(version.files, made.model, made.file)
    if made.folder:
        mounts.append({"name": "config", "mountPath": made.folder, "readOnly": fixed(True, "ConfigMaps are read-only")})
    mounts += [
        {
            "name": "config",
            "mountPath": own.path,
            "subPath": own.file,
            "readOnly": fixed(True, "ConfigMaps are read-only"),
        }
        for own in made.mounts
    ]
    shared = [] if version.shared is None else [{"name": "shm", "mountPath": "/dev/shm"}]
    trusted = trust.mounts(service.scope)
    every = [*mounts, *mounted_once([*mounts, *shared, *trusted], writable(service)), *shared, *trusted]
    return [*every, *extras.mounts(service.part, every)]
