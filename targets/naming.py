"""The names, labels, and file paths of all objects."""

from __future__ import annotations

from collections.abc import Mapping

from ..compiler.because import Because
from ..compiler.conventions import MANAGED_BY, label_value
from ..compiler.emit.artifact import Body
from ..compiler.finding import refusal
from ..compiler.plan import mesh
from ..compiler.plan.scope import Scope
from ..compiler.system import BatchService, OnlineService, Training

__all__ = ["labels", "metadata", "path_of", "pod_metadata", "selector", "shared"]

CONTROLLERS = ("pod-template-hash", "rollouts-pod-template-hash", "controller-uid", "job-name")
"""Labels that Kubernetes and Argo Rollouts find pods by, in addition to all that start with `batch.kubernetes.io/`."""


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
    own: Body = {
        **selector(scope, component, instance),
        "app.kubernetes.io/version": version.map(label_value) if version is not None else None,
        "app.kubernetes.io/part-of": scope.system.metadata.name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }
    return {**own, **_free(scope.system.metadata.labels, own)}


def pod_metadata(
    scope: Scope,
    part: OnlineService | BatchService | Training | None,
    labels_: Body,
    identity: Body,
    annotations: Body | None = None,
) -> Body:
    """The metadata of pods: their labels, the label of their identity, and what the mesh, the platform, and the part
    add.
    """
    own = {key: value for key, value in labels_.items() if key not in scope.system.metadata.labels}
    own_labels, own_notes = (part.pod_labels, part.pod_annotations) if part is not None else ({}, {})
    added = {**scope.platform.pod_labels, **own_labels}
    notes: Body = {**mesh.pod_annotations(scope), **(annotations or {}), **scope.platform.pod_annotations, **own_notes}
    return {"labels": {**labels_, **_free(added, {**own, **identity}), **identity}, "annotations": notes or None}


def _free(added: Mapping[str, Because[str]], own: Body) -> Mapping[str, Because[str]]:
    """Labels that are added to those of mlspec, and replace none of them."""
    for key, value in added.items():
        if key in own or key in CONTROLLERS or key.startswith("batch.kubernetes.io/"):
            raise refusal(
                "MLS012",
                f"the label `{key}` is reserved",
                value,
                label="mlspec, or a controller of Kubernetes, sets this label itself",
                note="Services, network policies, and disruption budgets find pods by it, and metrics carry it; with "
                "another value, they would find no pods",
                help="remove it, or use a key in a domain that you own, such as `example.com/team`",
            )
    return added


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
