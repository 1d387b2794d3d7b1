"""The Pod Security Standard "restricted", explicit on every pod and container."""

from __future__ import annotations

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.system import AcceleratorRequest

__all__ = ["container_security", "pod_security", "writable_for_devices"]

RESTRICTED = 'the Pod Security Standard "restricted"'


def pod_security(users: Because[str], user: Because[int] | None) -> Body:
    """A numeric user, because the kubelet cannot tell whether a named one is root.

    A cluster that chooses the users itself, as OpenShift does, rejects pods that ask for another one.
    """
    own = user.also(users) if user is not None and users.value == "image" else None
    return {
        "runAsNonRoot": fixed(True, RESTRICTED) if own is not None else because(True, RESTRICTED, users),
        "runAsUser": own,
        "runAsGroup": own,
        "fsGroup": own,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def writable_for_devices(asked: AcceleratorRequest | None) -> Because[bool] | None:
    """`readOnlyRootFilesystem` of a container with devices; None without devices, for a read-only file system."""
    if asked is None:
        return None
    return because(False, "the hook that injects devices into a container writes to its root file system", asked.type)


def container_security(read_only: Because[bool] | None = None) -> Body:
    """No privileges, and a read-only root file system unless the image needs to write to it."""
    return {
        "allowPrivilegeEscalation": fixed(False, RESTRICTED),
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": read_only if read_only is not None else fixed(True, "only volumes are writable"),
    }
