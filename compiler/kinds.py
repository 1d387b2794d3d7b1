"""Kinds: what each kind of object refers to, so that every object that another object of the bundle names exists.

Manifests often look right and do nothing, because a selector misses its pods by one label. Here that is an error
before anything is written. Objects outside the bundle, such as a gateway or a Secret, are named by the platform or by
`access` and cannot be checked. Kubernetes' own kinds are listed here; a target or a provider adds its own
(`kinds=...`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .record import Record

__all__ = ["KUBERNETES", "Check", "Kind", "Known", "Object", "pod", "pods_of", "port_names", "scales", "workload"]

Object = dict[str, Any]
"""An object as plain data, as an API server would read it."""

LONGEST_NAME = 63
"""The longest name that also fits a label (kubernetes.io, object names)."""


class Known:
    """The objects by kind and name, the workloads' pod templates, and the Services that controllers point to them."""

    def __init__(
        self, objects: list[Object], kinds: Mapping[str, Kind], elsewhere: frozenset[str] = frozenset()
    ) -> None:
        self.elsewhere = elsewhere
        """The ConfigMaps that the platform names, and that something else creates."""
        self.pointed: dict[str, Object] = {}
        """The pod template behind each Service whose selector a controller writes."""
        for body in objects:
            kind, template = kinds.get(body["kind"]), pods_of(body)
            if kind is not None and template is not None:
                self.pointed |= dict.fromkeys(kind.points(body), template)
        self.names: dict[str, dict[str, Object]] = {}
        for body in objects:
            self.names.setdefault(body["kind"], {})[str(body.get("metadata", {}).get("name"))] = body
        self.pods = [template for body in objects if (template := pods_of(body)) is not None]
        self.labeled = [
            ({**(_at(template, "metadata", "labels") or {}), **added}, template)
            for body in objects
            if (template := pods_of(body)) is not None
            for added in (kinds[body["kind"]].labels(body) if body["kind"] in kinds else ({},))
        ]
        """The labels that pods of each template have while they run, with those that a controller adds."""

    def has(self, kind: str, name: str) -> bool:
        return name in self.names.get(kind, {})

    def selected(self, labels: Object) -> list[Object]:
        """The pod templates that a selector matches."""
        found = {id(pod): pod for own, pod in self.labeled if labels and labels.items() <= own.items()}
        return list(found.values())


Check = Callable[[Object, Known], Iterator[str]]
"""The dangling references of an object, each as the rest of a sentence that starts with its kind and name."""


def _names_nothing(_: Object, __: Known) -> Iterator[str]:
    return iter(())


def _points_nothing(_: Object) -> Iterator[str]:
    return iter(())


def _adds_no_labels(_: Object) -> Iterable[Object]:
    return ({},)


class Kind(Record):
    """One kind of object."""

    check: Check = staticmethod(_names_nothing)
    """Finds its dangling references; by default, it has no references."""
    longest: int = LONGEST_NAME
    """The longest name that leaves room for what its controller appends."""
    adds: str = ""
    """What its controller appends to the name, if anything."""
    points: Callable[[Object], Iterable[str]] = staticmethod(_points_nothing)
    """The Services without a selector that its controller points to its pods."""
    labels: Callable[[Object], Iterable[Object]] = staticmethod(_adds_no_labels)
    """The labels that its controller adds to running pods, one set for each role that they can have."""


def pods_of(body: Object) -> Object | None:
    """The pod template of an object that creates pods: at `spec.template`, or in the first job that it creates."""
    template = _at(body, "spec", "template") or _at(body, "spec", "jobTemplate", "spec", "template")
    if template is None and _at(body, "spec", "templates"):
        return _pods_of_workflow(body)
    jobs = _at(template, "spec", "replicatedJobs")
    template = _at(jobs[0], "template", "spec", "template") if isinstance(jobs, list) and jobs else template
    return template if isinstance(template, dict) and "spec" in template else None


def _pods_of_workflow(body: Object) -> Object | None:
    """The pod template of the object that a workflow creates from a manifest in JSON."""
    templates = _at(body, "spec", "templates")
    for template in templates if isinstance(templates, list) else ():
        manifest = _at(template, "resource", "manifest")
        try:
            made = json.loads(manifest) if isinstance(manifest, str) else None
        except ValueError:  # a patch may have made it something else
            continue
        found = pods_of(made) if isinstance(made, dict) else None
        if found is not None:
            return found
    return None


def _at(body: Any, *path: str) -> Any:
    """The part of an object at a path; None if there is none, as a patch may have replaced anything above it."""
    for step in path:
        body = body.get(step) if isinstance(body, dict) else None
    return body


def _containers(template: Object) -> list[Object]:
    spec = template.get("spec", {})
    return [*spec.get("initContainers", []), *spec.get("containers", [])]


def port_names(template: Object) -> set[object]:
    """The names and the numbers of the ports that a pod has."""
    ports = [port for container in _containers(template) for port in container.get("ports", [])]
    return {port.get("name") for port in ports} | {port.get("containerPort") for port in ports}


def workload(body: Object, known: Known) -> Iterator[str]:
    """A workload, which creates its own pods and selects them."""
    template = pods_of(body)
    if template is None:
        return
    labels = template.get("metadata", {}).get("labels", {})
    selector = body["spec"].get("selector", {}).get("matchLabels", {})
    if not selector.items() <= labels.items():
        yield "has a selector that does not match its own pods"
    yield from pod(template, known)


def pod(template: Object, known: Known) -> Iterator[str]:
    """The account, the volumes, and the files that a pod uses."""
    spec = template.get("spec", {})
    account = spec.get("serviceAccountName")
    if account is not None and not known.has("ServiceAccount", account):
        yield f"runs as a ServiceAccount `{account}` that does not exist"
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    mounts = [mount for container in _containers(template) for mount in container.get("volumeMounts", [])]
    for mount in mounts:
        if mount["name"] not in volumes:
            yield f"mounts a volume `{mount['name']}` that does not exist"
    for volume in volumes.values():
        config = volume.get("configMap", {}).get("name")
        if config is not None and not volume["configMap"].get("optional"):
            used = [mount.get("subPath") for mount in mounts if mount["name"] == volume["name"]]
            yield from _config(config, used, known)


def _config(config: str, used: list[str | None], known: Known) -> Iterator[str]:
    if config in known.elsewhere:
        return
    if not known.has("ConfigMap", config):
        yield f"mounts a ConfigMap `{config}` that does not exist"
        return
    keys = known.names["ConfigMap"][config].get("data", {})
    for key in used:
        if key is not None and key not in keys:
            yield f"mounts the key `{key}` of the ConfigMap `{config}`, which has no such key"


def _service(body: Object, known: Known) -> Iterator[str]:
    pointed = known.pointed.get(body["metadata"]["name"]) if "selector" not in body["spec"] else None
    pods = known.selected(body["spec"].get("selector", {})) if pointed is None else [pointed]
    if not pods:
        yield "selects no pods"
    for port in body["spec"].get("ports", []):
        if pods and not any(port.get("targetPort") in port_names(pod) for pod in pods):
            yield f"forwards to port `{port.get('targetPort')}`, which its pods do not have"


def _selects(field: str) -> Check:
    def check(body: Object, known: Known) -> Iterator[str]:
        if not known.selected(body["spec"].get(field, {}).get("matchLabels", {})):
            yield "selects no pods"

    return check


def _binds(body: Object, known: Known) -> Iterator[str]:
    """The role and the accounts of a binding."""
    role = body["roleRef"]
    if role["kind"] == "Role" and not known.has("Role", role["name"]):
        yield f"binds a Role `{role['name']}` that does not exist"
    for subject in body.get("subjects", []):
        if subject["kind"] == "ServiceAccount" and not known.has("ServiceAccount", subject["name"]):
            yield f"binds a ServiceAccount `{subject['name']}` that does not exist"


def scales(body: Object, known: Known) -> Iterator[str]:
    """A scaler, which changes the replicas of another object."""
    target = body["spec"].get("scaleTargetRef", {})
    if not known.has(str(target.get("kind")), str(target.get("name"))):
        yield f"scales a {target.get('kind')} `{target.get('name')}` that does not exist"


KUBERNETES: dict[str, Kind] = {
    "ConfigMap": Kind(),
    "ServiceAccount": Kind(),
    "Service": Kind(check=_service),
    "Deployment": Kind(check=workload, longest=52, adds="a ReplicaSet appends a hash of 10 characters"),
    "CronJob": Kind(
        check=lambda body, known: pod(pods_of(body) or {}, known),
        longest=52,
        adds="a Job appends its start time, 11 characters",  # kubernetes.io, cron jobs
    ),
    "PodDisruptionBudget": Kind(check=_selects("selector")),
    "NetworkPolicy": Kind(check=_selects("podSelector")),
    "Role": Kind(),
    "RoleBinding": Kind(check=_binds),
    "HorizontalPodAutoscaler": Kind(check=scales),
}
"""Kubernetes' own kinds."""
