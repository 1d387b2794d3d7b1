"""Cross-references: what one object of a bundle names, another one must be.

A rival's output often looks right and does nothing, because a selector misses its pods by one label. Here that is an
error before anything is written. What lives outside the bundle, such as a gateway or a Secret, is named by the
platform or by `access` and cannot be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..because import Because, sources_of
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import plain
from ..finding import finding

__all__ = ["unresolved"]

Object = dict[str, Any]


def unresolved(artifacts: tuple[Artifact, ...]) -> Iterator[Diagnostic]:
    """A diagnostic for each reference that leads nowhere."""
    objects = [(artifact, plain(artifact.body)) for artifact in artifacts if "kind" in artifact.body]
    known = _Known([body for _, body in objects])
    for artifact, body in objects:
        for problem in _problems(body, known):
            yield finding(
                "MLS034",
                f"{body['kind']} `{_name(body)}` {problem}",
                *_patches(artifact),
                artifact.why,
                note="it would be applied without a word, and do nothing",
                help="undo the patch that broke it; if there is none, this is a fault of mlspec: please report it",
            )


def _patches(artifact: Artifact) -> list[Because[Any]]:
    """What a patch of the spec put into it, the first suspect of whatever is wrong."""
    return [leaf for leaf in sources_of(artifact.body) if isinstance(leaf, Because) and leaf.kind == "patched"]


def _problems(body: Object, known: _Known) -> list[str]:
    try:
        return list(_CHECKS.get(body["kind"], _nothing)(body, known))
    except (AttributeError, KeyError, TypeError):
        return ["has lost a part that its kind needs"]


class _Known:
    """What there is, by kind and name, and the pods that workloads make."""

    def __init__(self, objects: list[Object]) -> None:
        self.names: dict[str, dict[str, Object]] = {}
        for body in objects:
            self.names.setdefault(body["kind"], {})[_name(body)] = body
        self.pods = [template for body in objects if (template := pod_template(body)) is not None]

    def has(self, kind: str, name: str) -> bool:
        return name in self.names.get(kind, {})

    def selected(self, labels: Object) -> list[Object]:
        """The pod templates that a selector matches."""
        return [pod for pod in self.pods if labels and labels.items() <= pod["metadata"].get("labels", {}).items()]


def pod_template(body: Object) -> Object | None:
    """Where an object keeps its pod template."""
    spec = body.get("spec", {})
    if body["kind"] == "CronJob":
        spec = spec.get("jobTemplate", {}).get("spec", {})
    template = (
        spec.get("template") if body["kind"] in ("Deployment", "Rollout", "Job", "CronJob", "StatefulSet") else None
    )
    return template if isinstance(template, dict) else None


def _name(body: Object) -> str:
    return str(body.get("metadata", {}).get("name"))


def _nothing(_: Object, __: _Known) -> Iterator[str]:
    return iter(())


def _containers(pod: Object) -> list[Object]:
    spec = pod.get("spec", {})
    return [*spec.get("initContainers", []), *spec.get("containers", [])]


def _port_names(pod: Object) -> set[object]:
    ports = [port for container in _containers(pod) for port in container.get("ports", [])]
    return {port.get("name") for port in ports} | {port.get("containerPort") for port in ports}


def _service(body: Object, known: _Known) -> Iterator[str]:
    pods = known.selected(body["spec"].get("selector", {}))
    if not pods:
        yield "selects no pods"
    for port in body["spec"].get("ports", []):
        if pods and not any(port.get("targetPort") in _port_names(pod) for pod in pods):
            yield f"leads to port `{port.get('targetPort')}`, which its pods do not have"


def _workload(body: Object, known: _Known) -> Iterator[str]:
    template = pod_template(body)
    if template is None:
        return
    labels = template.get("metadata", {}).get("labels", {})
    selector = body["spec"].get("selector", {}).get("matchLabels", {})
    if not selector.items() <= labels.items():
        yield "selects other pods than it makes"
    yield from _pod(template, known)
    canary = body["spec"].get("strategy", {}).get("canary", {})
    for key in ("canaryService", "stableService"):
        if key in canary and not known.has("Service", canary[key]):
            yield f"names a Service `{canary[key]}` that does not exist"
    plugin = canary.get("trafficRouting", {}).get("plugins", {}).get("argoproj-labs/gatewayAPI", {})
    for key, kind in (("httpRoute", "HTTPRoute"), ("grpcRoute", "GRPCRoute")):
        if key in plugin and not known.has(kind, plugin[key]):
            yield f"shifts the weights of a {kind} `{plugin[key]}` that does not exist"
    analyses = [canary.get("analysis", {}), *(step.get("analysis", {}) for step in canary.get("steps", []))]
    for analysis in analyses:
        yield from _analysis(analysis, known)


def _analysis(analysis: Object, known: _Known) -> Iterator[str]:
    given = {argument["name"] for argument in analysis.get("args", [])}
    for reference in analysis.get("templates", []):
        template = known.names.get("AnalysisTemplate", {}).get(reference.get("templateName"))
        if template is None:
            yield f"names an AnalysisTemplate `{reference.get('templateName')}` that does not exist"
            continue
        wanted = {argument["name"] for argument in template["spec"].get("args", []) if "value" not in argument}
        if wanted != given:
            yield f"gives `{reference['templateName']}` the arguments {sorted(given)}, which wants {sorted(wanted)}"


def _pod(pod: Object, known: _Known) -> Iterator[str]:
    spec = pod.get("spec", {})
    account = spec.get("serviceAccountName")
    if account is not None and not known.has("ServiceAccount", account):
        yield f"runs as a ServiceAccount `{account}` that does not exist"
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for container in _containers(pod):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"mounts a volume `{mount['name']}` that does not exist"
    for volume in volumes.values():
        config = volume.get("configMap", {}).get("name")
        if config is None:
            continue
        if not known.has("ConfigMap", config):
            yield f"mounts a ConfigMap `{config}` that does not exist"
            continue
        keys = known.names["ConfigMap"][config].get("data", {})
        used = [
            m.get("subPath") for c in _containers(pod) for m in c.get("volumeMounts", []) if m["name"] == volume["name"]
        ]
        for key in used:
            if key is not None and key not in keys:
                yield f"mounts `{key}` of the ConfigMap `{config}`, which has no such key"


def _selects_pods(*path: str) -> Any:
    def check(body: Object, known: _Known) -> Iterator[str]:
        labels: Any = body["spec"]
        for step in path:
            labels = labels.get(step, {})
        if not known.selected(labels.get("matchLabels", {})):
            yield "selects no pods"

    return check


def _pod_monitor(body: Object, known: _Known) -> Iterator[str]:
    pods = known.selected(body["spec"].get("selector", {}).get("matchLabels", {}))
    if not pods:
        yield "selects no pods"
    for endpoint in body["spec"].get("podMetricsEndpoints", []):
        if pods and not any(endpoint.get("port") in _port_names(pod) for pod in pods):
            yield f"scrapes port `{endpoint.get('port')}`, which its pods do not have"


def _route(body: Object, known: _Known) -> Iterator[str]:
    for rule in body["spec"].get("rules", []):
        mirrors = [
            f.get("requestMirror", {}).get("backendRef", {})
            for f in rule.get("filters", [])
            if f.get("type") == "RequestMirror"
        ]
        for backend in [*rule.get("backendRefs", []), *mirrors]:
            service = known.names.get("Service", {}).get(backend.get("name"))
            if service is None:
                yield f"leads to a Service `{backend.get('name')}` that does not exist"
            elif backend.get("port") not in [port.get("port") for port in service["spec"].get("ports", [])]:
                yield f"leads to port {backend.get('port')} of `{backend.get('name')}`, which has no such port"


def _scaled(body: Object, known: _Known) -> Iterator[str]:
    target = body["spec"].get("scaleTargetRef", {})
    if not known.has(str(target.get("kind")), str(target.get("name"))):
        yield f"scales a {target.get('kind')} `{target.get('name')}` that does not exist"


_CHECKS: dict[str, Any] = {
    "Service": _service,
    "Deployment": _workload,
    "Rollout": _workload,
    "Job": _workload,
    "CronJob": lambda body, known: _pod(pod_template(body) or {}, known),
    "PodDisruptionBudget": _selects_pods("selector"),
    "NetworkPolicy": _selects_pods("podSelector"),
    "PodMonitor": _pod_monitor,
    "HTTPRoute": _route,
    "GRPCRoute": _route,
    "ScaledObject": _scaled,
    "HorizontalPodAutoscaler": _scaled,
}
