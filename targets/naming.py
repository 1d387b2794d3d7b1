"""The names, labels, and file paths of all objects."""

from __future__ import annotations

from typing import Any

from ..compiler.because import Because
from ..compiler.conventions import MANAGED_BY, label_value
from ..compiler.emit.artifact import Body
from ..compiler.plan.scope import Scope

__all__ = ["labels", "metadata", "path_of", "selector", "shared"]


def metadata(scope: Scope, name: Because[str], labels_: Body, annotations: Body | None = None) -> Body:
    """An object's metadata, in Kubernetes' order."""
    return {
        "name": name,
        "namespace": scope.namespace,
        "labels": labels_,
        "annotations": annotations or None,
    }


def labels(
    scope: Scope, component: str, instance: Because[str] | None = None, version: Because[str] | None = None
) -> Body:
    """The labels that Kubernetes recommends, and the spec's own labels.

    `component` names the role, such as `predictor`. No selector includes the version, because selectors are immutable.
    """
    own: dict[str, Any] = dict(scope.system.metadata.labels)
    return {
        **selector(scope, component, instance),
        "app.kubernetes.io/version": version.map(label_value) if version is not None else None,
        "app.kubernetes.io/part-of": scope.system.metadata.name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        **own,
    }


def selector(scope: Scope, component: str, instance: Because[str] | None = None) -> Body:
    """The selector for the pods of one component. It never changes over the life of a system."""
    return {
        "app.kubernetes.io/name": scope.system.metadata.name,
        "app.kubernetes.io/instance": scope.system.metadata.name if instance is None else instance,
        "app.kubernetes.io/component": component,
    }


def shared(scope: Scope, instance: Because[str]) -> Body:
    """The labels that all pods of one service or of training share, whatever their component and version."""
    return {
        "app.kubernetes.io/name": scope.system.metadata.name,
        "app.kubernetes.io/instance": instance,
    }


def path_of(scope: Scope, folder: str, kind: str, name: Because[str]) -> str:
    """The file of one object: a folder by concern, the kind, and the part of its name after the system's name."""
    added = name.value.removeprefix(scope.system.metadata.name.value).lstrip("-")
    return f"{folder}/{kind.lower()}{'-' if added else ''}{added}.yaml"
