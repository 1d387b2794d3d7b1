"""Grafana dashboards: one for each environment, with rows for each service, each batch job, and training.

A panel exists only if something exports its metrics. Its limits are those of the plan and of the alerts, and its
queries are those of the alerts, as rates by version where a graph needs them. A system of many parts has a dashboard
for each, so that `kubectl apply` accepts the objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ....compiler import conventions
from ....compiler.because import Because, first, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan import Plan
from ....compiler.plan.dashboards import TOGETHER
from ....compiler.plan.objectives.curves import VERSION
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.batch import BatchPlan
from ....compiler.plan.training import TrainingPlan
from ....compiler.promql import promql
from ..alert import Watched
from .capacity import resources, saturation
from .classic import SCHEMA, SOURCE, STYLE, panels
from .objectives import alerts, objectives, version
from .panel import Panel, Row
from .requests import latency, traffic
from .rollout import rollout
from .runs import runs
from .written import written

__all__ = ["dashboards"]

Part = ServicePlan | BatchPlan | TrainingPlan


def dashboards(plan: Plan) -> Iterator[Artifact]:
    """The dashboards of one environment."""
    found = list(_parts(plan))
    if plan.dashboards.form.value == "none" or not found:
        return
    if len(found) <= TOGETHER:
        yield written(plan, None, _dashboard(plan, found, None))
        return
    for part in found:
        yield written(plan, part.name, _dashboard(plan, [part], part.name))


def _parts(plan: Plan) -> Iterator[Part]:
    """What has alerts."""
    yield from plan.online.values()
    yield from plan.batch.values()
    if plan.training is not None and not plan.training.suspended.value:
        yield plan.training


def _dashboard(plan: Plan, parts: list[Part], name: Because[str] | None) -> Body:
    system = plan.system
    title = text("{system} ({environment})", system=system.metadata.name, environment=plan.environment)
    runbook = first(system.monitoring.alerts.runbook, system.metadata.links.runbook)
    links = [_link("Runbook", runbook), _link("Source", system.metadata.links.source)]
    given = [link for link in links if link is not None]
    scraped = first(system.monitoring.scrape_interval, plan.platform.prometheus.scrape_interval)
    assert scraped is not None
    rows = [row for index, part in enumerate(parts) for row in _rows(part, index == 0)]
    return {
        "uid": plan.dashboards.uid(name),
        "title": title if name is None else text("{title}: {name}", title=title, name=name),
        "description": system.problem.use_case,
        "tags": ["mlspec", system.metadata.name],
        "editable": fixed(False, "what is changed here is lost with the next release of the spec"),
        "graphTooltip": fixed(1, "the same moment in all graphs"),
        "schemaVersion": SCHEMA,
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "refresh": "1m",
        "links": given,
        "templating": {"list": list(_variables(plan, parts))},
        "annotations": {"list": [_BUILT_IN, _versions(plan)]},
        "panels": list(panels(rows, scraped.map(str), [link for link in given if link["title"] == "Runbook"])),
    }


def _link(title: str, url: Because[str] | None) -> Body | None:
    if url is None:
        return None
    no = fixed(False, "what a link outside of Grafana has no use for")
    flags = {"asDropdown": no, "targetBlank": fixed(True, STYLE), "includeVars": no, "keepTime": no}
    return {"title": title, "type": "link", "icon": "external link", "tooltip": "", "url": url, "tags": [], **flags}


def _rows(part: Part, open_: bool) -> Iterator[Row]:
    """The rows of one part. The first one of each is always open, and the others only of the first part."""
    found = list(_filled(part))
    for index, (key, panels_) in enumerate(found):
        yield Row(
            key=text(f"{{name}}/{key}", name=part.name),
            title=text(f"{{name}}: {key}", name=part.name),
            panels=panels_,
            open=open_ or index == 0,
        )


def _filled(part: Part) -> Iterator[tuple[str, tuple[Panel, ...]]]:
    """The rows that have panels, by their titles."""
    for key, made in _SUBJECTS[type(part)].items():
        found = tuple(made(part))
        if found:
            yield key, found


def _batch(batch: BatchPlan) -> Iterator[Panel]:
    yield from version(batch, batch.release)
    yield from runs(batch)
    yield alerts(batch)


def _training(training: TrainingPlan) -> Iterator[Panel]:
    yield from runs(training)
    yield alerts(training)


_SUBJECTS: dict[type, dict[str, Callable[..., Iterable[Panel]]]] = {
    ServicePlan: {
        "objectives": objectives,
        "traffic and errors": traffic,
        "latency": latency,
        "saturation": saturation,
        "replicas": resources,
        "rollout": rollout,
    },
    BatchPlan: {"runs": _batch},
    TrainingPlan: {"runs": _training},
}


def _variables(plan: Plan, parts: list[Part]) -> Iterator[Body]:
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": fixed(1, "when the dashboard loads"),
        "current": {"text": "default", "value": "default"},
    }
    services: list[Watched] = [part for part in parts if isinstance(part, ServicePlan)]
    if not services:
        return
    jobs = {f"j{index}": service.name for index, service in enumerate(services)}
    job = text("|".join(f"{{{key}}}" for key in jobs), **jobs)
    asked = promql(
        f'label_values(up{{{{namespace="{{namespace}}",job=~"{{namespace}}/({{job}})"}}}}, {VERSION})',
        namespace=plan.namespace,
        job=job,
    )
    yield {
        "name": "version",
        "label": "Version",
        "type": "query",
        "datasource": SOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": "versions"},
        "refresh": fixed(2, "when the time range changes, because versions come and go"),
        "sort": fixed(1, "by name"),
        "multi": fixed(True, STYLE),
        "includeAll": fixed(True, STYLE),
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


_BUILT_IN: Body = {
    "builtIn": fixed(1, "annotations that people add in Grafana"),
    "name": "Annotations & Alerts",
    "type": "dashboard",
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": fixed(True, STYLE),
    "hide": fixed(True, STYLE),
    "iconColor": "rgba(0, 211, 255, 1)",
}


def _versions(plan: Plan) -> Body:
    """A mark where a version goes live: its series is new then."""
    live = promql(
        f'{conventions.MODEL_INFO}{{{{namespace="{{namespace}}",system="{{system}}"}}}}',
        namespace=plan.namespace,
        system=plan.system.metadata.name,
    )
    return {
        "name": "Versions",
        "datasource": SOURCE,
        "enable": fixed(True, STYLE),
        "iconColor": "blue",
        "target": {"refId": "versions", "expr": text("{live} unless {live} offset 10m", live=live), "interval": "1m"},
        "titleFormat": "{{service}}: version {{version}}",
        "textFormat": "{{digest}}",
        "tagKeys": "service,version",
    }
