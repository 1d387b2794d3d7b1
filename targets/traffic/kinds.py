"""The kinds of the objects that only some gateways read. Linking knows all, whichever are written."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.kinds import Check, Kind, Known, Object, port_names

__all__ = ["KINDS"]


def _names_service(target: str, *port: str) -> Check:
    """Check the Service that an object is for, and the port of the pods behind it that health checks ask.

    `target` is the field of `spec` that names the Service, and `port` the path of the port in `spec`.
    """

    def check(body: Object, known: Known) -> Iterator[str]:
        name = body["spec"].get(target, {}).get("name")
        service = known.names.get("Service", {}).get(name)
        if service is None:
            yield f"is for a Service `{name}` that does not exist"
            return
        pointed = known.pointed.get(name)
        pods = [pointed] if pointed is not None else known.selected(service["spec"].get("selector", {}))
        asked = _at(body["spec"], port) if port else None
        if asked is not None and not any(str(asked) in map(str, port_names(pod)) for pod in pods):
            yield f"checks the health of port {asked}, which the pods of `{name}` do not have"

    return check


def _names_route(body: Object, known: Known) -> Iterator[str]:
    for target in body["spec"].get("targetRefs", []):
        if target.get("name") not in known.names.get(str(target.get("kind")), {}):
            yield f"is for a {target.get('kind')} `{target.get('name')}` that does not exist"


def _at(body: Object, path: tuple[str, ...]) -> object:
    """The value at a path; `*` stands for whichever mapping there is."""
    at: object = body
    for step in path:
        if not isinstance(at, dict):
            return None
        at = next((one for one in at.values() if isinstance(one, dict)), None) if step == "*" else at.get(step)
    return at


KINDS = {
    "GCPBackendPolicy": Kind(check=_names_service("targetRef")),
    "HealthCheckPolicy": Kind(check=_names_service("targetRef", "default", "config", "*", "port")),
    "TargetGroupConfiguration": Kind(
        check=_names_service("targetReference", "defaultConfiguration", "healthCheckConfig", "healthCheckPort")
    ),
    "SecurityPolicy": Kind(check=_names_route),
    "TargetGroupPolicy": Kind(check=_names_service("targetRef", "healthCheck", "port")),
}
