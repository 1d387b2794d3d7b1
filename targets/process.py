"""A process of mlspec that stays: a Deployment with one replica, and how Prometheus scrapes it.

`Recreate` ends the old pod before the new one starts, because two at a time would do the same work twice. Without
`honorLabels`, Prometheus renames the labels `namespace` and `service` of the series, and no alert finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compiler.because import Because, fixed
from ..compiler.emit.artifact import Body
from ..compiler.plan import Plan
from ..compiler.plan.mesh import probes
from ..compiler.record import Record
from ..compiler.system import MonitorResources, OnlineLearning
from . import naming
from .pod import access, placement, trust
from .pod.access import Grant
from .pod.credentials import pull_secrets
from .pod.egress import tcp
from .pod.security import container_security, pod_security

__all__ = ["CONFIG", "STATE", "Process", "container", "deployment", "network_policy", "pod_monitor"]

CONFIG, STATE = "/mlspec/config", "/mlspec/state"


class Process(Record):
    """What one process differs in from another."""

    plan: Plan
    name: Because[str]
    component: str
    purpose: str
    alone: str
    """Why there is one replica, and never two at a time."""
    grants: Sequence[Grant]
    resources: MonitorResources | OnlineLearning
    user: Because[int]
    token: Because[bool]
    """Whether it gets a token of the API server."""
    grace: Because[int] | None = None
    """How many seconds it gets to end."""
    priority: Because[str] | None = None

    @property
    def account(self) -> Because[str]:
        """The name of its ServiceAccount."""
        return access.account_of(self.grants, self.name)

    @property
    def labels(self) -> Body:
        """The labels of everything that belongs to it."""
        return naming.labels(self.plan, self.component, self.name)

    @property
    def selector(self) -> Body:
        """The labels that select its pod."""
        return naming.selector(self.plan, self.component, self.name)


def deployment(one: Process, made: Body, config: Because[str]) -> Body:
    """The Deployment with a container; `config` is the name of the ConfigMap."""
    metadata = one.plan.system.metadata
    annotations = {
        "kubernetes.io/description": fixed(one.purpose, "its purpose"),
        "mlspec/owner": metadata.owner,
        "mlspec/runbook": metadata.links.runbook,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": naming.metadata(one.plan, one.name, one.labels, annotations),
        "spec": {
            "replicas": fixed(1, one.alone),
            "revisionHistoryLimit": fixed(1, "its version is that of the spec"),
            "selector": {"matchLabels": one.selector},
            "template": _pod(one, made, config),
            "strategy": {"type": fixed("Recreate", one.alone)},
        },
    }


def _pod(one: Process, made: Body, config: Because[str]) -> Body:
    platform, size = one.plan.platform, one.resources.ephemeral_storage.map(str)
    return {
        "metadata": naming.pod_metadata(one.plan, None, one.labels, access.pod_labels(access.identity(one.grants))),
        "spec": {
            "serviceAccountName": one.account,
            "automountServiceAccountToken": one.token,
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "terminationGracePeriodSeconds": one.grace,
            "priorityClassName": one.priority,
            "imagePullSecrets": pull_secrets(platform.images.pull_secret, one.grants),
            "securityContext": pod_security(one.plan.users, one.user),
            "containers": [made],
            "volumes": [
                {"name": "config", "configMap": {"name": config}},
                {"name": "state", "emptyDir": {"sizeLimit": size}},
                {"name": "tmp", "emptyDir": {"sizeLimit": size}},
                *trust.volumes(one.plan),
            ],
            **placement.placed(one.plan, platform.scheduling, None),
        },
    }


def container(
    one: Process, image: Because[str], command: list[Any], args: list[Any], env: list[Any], ports: list[Body]
) -> Body:
    """The container of the process, which serves /healthz at its port `metrics`."""
    asked = one.resources
    memory, disk = asked.memory.map(str), asked.ephemeral_storage.map(str)
    return {
        "name": one.component,
        "image": image,
        "command": command,
        "args": args,
        "env": env,
        "ports": ports,
        "resources": {
            "requests": {"cpu": asked.cpu.map(str), "memory": memory, "ephemeral-storage": disk},
            "limits": {"memory": memory, "ephemeral-storage": disk},
        },
        "readinessProbe": _probe(5),
        "livenessProbe": {**_probe(30), "failureThreshold": fixed(6, "three minutes without an answer is a hang")},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "readOnly": fixed(True, "ConfigMaps are read-only")},
            {"name": "state", "mountPath": STATE},
            {"name": "tmp", "mountPath": "/tmp"},
            *trust.mounts(one.plan),
        ],
    }


def _probe(seconds: int) -> Body:
    return {
        "httpGet": {"path": "/healthz", "port": "metrics"},
        "periodSeconds": fixed(seconds, "it answers while it works, from a thread of its own"),
        "timeoutSeconds": fixed(5, "the work may use all of its CPU"),
    }


def network_policy(one: Process, ingress: list[Any], egress: list[Any], probed: Because[int]) -> Body:
    """What may connect to it, and what it may connect to. The kubelet's probes only need a rule if a mesh changes their
    source.
    """
    source = probes(one.plan)
    probing = [] if source is None else [{"from": [{"ipBlock": {"cidr": source}}], "ports": tcp(probed)}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(one.plan, one.name, one.labels),
        "spec": {
            "podSelector": {"matchLabels": one.selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [*ingress, *probing],
            "egress": egress,
        },
    }


def pod_monitor(one: Process) -> Body:
    """How Prometheus scrapes it."""
    prometheus = one.plan.platform.prometheus
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": naming.metadata(one.plan, one.name, {**one.labels, **prometheus.labels}),
        "spec": {
            "selector": {"matchLabels": one.selector},
            "podMetricsEndpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "interval": fixed("1m", "its values change once in minutes or hours"),
                    "honorLabels": fixed(True, "the series name the namespace and the service that they are about"),
                }
            ],
        },
    }
