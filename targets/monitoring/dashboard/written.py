"""The file or object that brings a dashboard to Grafana."""

from __future__ import annotations

from ....compiler.because import Because, because, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.emit.jsontext import json_lines
from ....compiler.plan import Plan
from ... import naming

__all__ = ["written"]


def written(plan: Plan, service: Because[str] | None, dashboard: Body) -> Artifact:
    """The dashboard of an environment, or of one service."""
    form = plan.dashboards.form
    why = because("dashboard", "what the alerts are about, over time", form, dashboard["uid"])
    name = text("{name}-dashboard", name=plan.system.metadata.name if service is None else service)
    lines = json_lines(dashboard, flat=120)
    if form.value == "file":
        path = naming.path_of(plan, "monitoring", "Dashboard", name).removesuffix("-dashboard.yaml")
        return Artifact(path=f"{path}.json", body=lines, why=why)
    made = _config_map if form.value == "config-map" else _grafana_dashboard
    kind, body = made(plan, name, dashboard["uid"], lines)
    return Artifact(path=naming.path_of(plan, "monitoring", kind, name), body=body, why=why)


def _config_map(plan: Plan, name: Because[str], uid: Because[str], lines: object) -> tuple[str, Body]:
    """A ConfigMap, which the sidecar writes to a folder: files of all namespaces, so its key must be unique."""
    chosen = plan.dashboards
    folder, annotation = chosen.folder, chosen.folder_annotation
    annotations = {annotation.value: folder.also(annotation)} if folder is not None and annotation is not None else None
    return "ConfigMap", {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": naming.metadata(plan, name, {**naming.labels(plan, "dashboard"), **chosen.labels}, annotations),
        "data": {f"{uid.value}.json": lines},
    }


def _grafana_dashboard(plan: Plan, name: Because[str], uid: Because[str], lines: object) -> tuple[str, Body]:
    """A GrafanaDashboard (grafana/grafana-operator, api/v1beta1/grafanadashboard_types.go)."""
    chosen = plan.dashboards
    return "GrafanaDashboard", {
        "apiVersion": "grafana.integreatly.org/v1beta1",
        "kind": "GrafanaDashboard",
        "metadata": naming.metadata(plan, name, naming.labels(plan, "dashboard")),
        "spec": {
            "allowCrossNamespaceImport": fixed(True, "Grafana rarely runs in the namespace of the system"),
            "instanceSelector": {"matchLabels": chosen.instances},
            "folder": chosen.folder,
            "uid": uid,
            "json": lines,
        },
    }
