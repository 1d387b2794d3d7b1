"""What the spec adds to a pod: volumes, and sidecars.

Sidecars are init containers that restart (kubernetes.io, Sidecar containers): they run before the download and the
server, and end after them. In a Job, they do not keep the pod from completing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.emit.dump import plain
from ...compiler.finding import refusal
from ...compiler.system import BatchService, OnlineService, PodVolume, Sidecar, Training
from .credentials import variables
from .security import container_security

__all__ = ["Part", "mounts", "sidecars", "volumes"]

Part = OnlineService | BatchService | Training

TAKEN = (
    "capture",
    "server",
    "scorer",
    "download",
    "verify",
    "diagnose",
    "validate",
    "train",
    "evaluate",
    "profile",
    "gate",
    "register",
    "compress",
    "promote",
    "node",
    "search",
)
"""The names of the containers that mlspec itself creates."""


def volumes(part: Part) -> list[Body]:
    """The volumes, under names that no other volume has."""
    mounted = {name for sidecar in part.sidecars.values() for name in sidecar.mounts}
    for name, volume in part.volumes.items():
        if volume.path is None and name not in mounted:
            raise refusal(
                "MLS012",
                f"nothing mounts the volume `{name}`",
                volume.own_name,
                note="the pod would have a volume that no container can reach",
                help="add its `path`, for the main container, or name it in the `mounts` of a sidecar",
            )
    return [{"name": _name(volume), **_source(volume)} for volume in part.volumes.values()]


def _name(volume: PodVolume) -> Because[str]:
    return text("own-{name}", name=volume.own_name)


def _source(volume: PodVolume) -> Body:
    if volume.config_map is not None:
        return {"configMap": {"name": volume.config_map}}
    if volume.secret is not None:
        return {"secret": {"secretName": volume.secret}}
    if volume.claim is not None:
        free = volume.writable
        body = {"claimName": volume.claim, "readOnly": fixed(True, "no container writes to it")}
        why = "containers may write to the claim" if free.value else "containers only read the claim"
        return {"persistentVolumeClaim": because({**body, "readOnly": None} if free.value else body, why, free)}
    return {"emptyDir": {"sizeLimit": volume.size.map(str) if volume.size is not None else None}}


def _mount(volume: PodVolume, path: Because[str]) -> Body:
    """Only claims and empty volumes can be written to."""
    free = volume.size is not None or (volume.claim is not None and volume.writable.value)
    read_only = None if free else because(True, "containers only read it", volume.own_name)
    return {"name": _name(volume), "mountPath": path, "readOnly": read_only}


def mounts(part: Part, others: Iterable[Body | Because[Body]]) -> list[Body]:
    """The mounts of the main container. No two may be at one path."""
    wanted = [(volume, volume.path) for volume in part.volumes.values() if volume.path is not None]
    return list(_apart([_mount(volume, path) for volume, path in wanted], others))


def _apart(added: list[Body], others: Iterable[Body | Because[Body]]) -> Iterator[Body]:
    taken: dict[str, object] = {_path(mount): mount for mount in others}
    for mount in added:
        other = taken.setdefault(_path(mount), mount)
        if other is not mount:
            raise refusal(
                "MLS008",
                f"`{_path(mount)}` is mounted twice",
                mount["mountPath"],
                others=((other, "the other mount"),),
                note="an API server refuses a pod with two mounts at one path",
                help="write another path",
            )
        yield mount


def _path(mount: Body | Because[Body]) -> str:
    return str(plain(mount)["mountPath"]).rstrip("/")


def sidecars(part: Part) -> list[Because[Body]]:
    """The sidecars, in the order of the spec."""
    return [
        because(_sidecar(sidecar, part.volumes), "a sidecar of the spec", sidecar.own_name)
        for sidecar in part.sidecars.values()
    ]


def _sidecar(sidecar: Sidecar, known: Mapping[str, PodVolume]) -> Body:
    if sidecar.own_name.value in TAKEN:
        raise refusal(
            "MLS008",
            f"`{sidecar.own_name.value}` is a container of mlspec",
            sidecar.own_name,
            note="an API server refuses a pod with two containers of one name",
            help=f"rename it, for example to `{sidecar.own_name.value}-proxy`",
        )
    mounted = [_mount(_known(known, name, path), path) for name, path in sidecar.mounts.items()]
    memory = sidecar.memory.map(str)
    security = container_security()
    return {
        "name": sidecar.own_name,
        "image": sidecar.image,
        "restartPolicy": fixed("Always", "which makes an init container a sidecar"),
        "command": list(sidecar.command) or None,
        "args": list(sidecar.args) or None,
        "env": variables(sidecar.env) or None,
        "resources": {"requests": {"cpu": sidecar.cpu.map(str), "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {"runAsUser": sidecar.user, **security},
        "volumeMounts": list(_apart(mounted, ())) or None,
    }


def _known(known: Mapping[str, PodVolume], name: str, at: Because[str]) -> PodVolume:
    if name not in known:
        raise refusal(
            "MLS010",
            f"unknown volume `{name}`",
            at,
            note="the sidecar would start without it",
            help=f"write one of {', '.join(f'`{one}`' for one in known)}, or declare it under `volumes`"
            if known
            else f"declare it under `volumes`, such as `{name}: {{size: 64Mi}}`",
        )
    return known[name]
