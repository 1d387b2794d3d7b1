"""Argo Rollouts: a Rollout that shifts traffic step by step, judged by AnalysisTemplates.

Traps handled here: a version that cannot start blocks the next one unless it is rolled back. An analysis in the
background does not hold a step, so each step has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ....compiler.because import Because, because, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.finding import Refusal, refusal
from ....compiler.kinds import Kind, Known, Object
from ....compiler.kinds import workload as pods_and_selector
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import exported
from ...providers import Phase, Phases, Replicas, RolloutProvider, Sample
from .argo_analysis import step_name, templates
from .argo_shadow import shadow_name, shadow_template

if TYPE_CHECKING:
    from ....compiler.scenes.analysis import Replayed

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: Body) -> Body:
    """The common part of the spec, and the canary."""
    if not service.workload.progressive.value:
        raise _no_canary(service.workload.provider)
    keep = service.scope.system.rollout.keep_versions
    return {
        "replicas": common["replicas"],
        "revisionHistoryLimit": common["revisionHistoryLimit"],
        "minReadySeconds": common["minReadySeconds"],
        "progressDeadlineSeconds": common["progressDeadlineSeconds"],
        "progressDeadlineAbort": because(
            True, "a version that cannot start is rolled back, not only reported", service.workload.progressive
        ),
        "rollbackWindow": {"revisions": keep},
        "selector": common["selector"],
        "template": common["template"],
        "strategy": _canary(service),
    }


def _no_canary(provider: Because[str]) -> Refusal:
    """Refuse an entry of the platform without the canary stage: a Rollout without steps is no Deployment."""
    return refusal(
        "MLS012",
        f"`{provider.value}` rolls out in steps, but `platform.providers` does not give it the canary stage",
        provider,
        note="the Rollout would shift traffic on a route that has no backend for the new version",
        help=f"add `canary` to `platform.providers.rollout.{provider.value}.stages`, or set "
        "`platform.rollout.provider: none`",
    )


def _canary(service: ServicePlan) -> Body:
    return {
        "canary": {
            "canaryService": service.workload.new_service,
            "stableService": service.workload.service,
            **_roles(service),
            "trafficRouting": SHIFTING[service.traffic_provider.value](service),
            "steps": list(_steps(service)),
        }
    }


def _roles(service: ServicePlan) -> Body:
    """The labels that the controller sets on the pods of each version, and changes when the new one goes live."""
    roles = service.workload.roles
    if roles.label is None:
        return {}
    return {
        "canaryMetadata": {"labels": {roles.label.value: roles.new}},
        "stableMetadata": {"labels": {roles.label.value: roles.live}},
    }


def _gateway_api(service: ServicePlan) -> Body:
    """The plugin that sets the weights of a route."""
    route = "grpcRoute" if service.part.protocol.value == "grpc" else "httpRoute"
    plugin = {
        route: because(service.name.value, "the route whose weights are shifted", service.name, service.part.protocol),
        "namespace": service.scope.namespace,
    }
    return {"plugins": {"argoproj-labs/gatewayAPI": plugin}}


SHIFTING = {"gateway-api": _gateway_api}
"""How it shifts traffic with each traffic provider, by the names in its catalog entry."""


def _steps(service: ServicePlan) -> Iterator[Body]:
    """A share of the traffic, and the analysis that judges the new version with it.

    The analysis is a step of its own: Argo Rollouts goes on when it succeeds, rolls back when it fails, and waits when
    it is inconclusive. An analysis in the background would hold no step (`rollout/canary.go`).
    """
    after_shadow = service.after_shadow
    if after_shadow.value:
        yield {"analysis": {"templates": [{"templateName": shadow_name(service).also(after_shadow)}]}}
    for number, step in enumerate(service.canary.steps, 1):
        yield {"setWeight": step.share.also(after_shadow)}
        if step.judgments:
            name = service.named(step_name(number))
            yield {"analysis": {"templates": [{"templateName": name}], "args": _arguments()}}
        else:
            yield {"pause": {"duration": step.lasts.map(lambda lasts: f"{int(lasts.amount)}s")}}


def judge(service: ServicePlan) -> Iterator[Artifact]:
    """The analyses: of the shadow stage, then of each step."""
    yield from shadow_template(service)
    yield from templates(service)


def _arguments() -> list[Body]:
    return [{"name": "canary-hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]


def _resolved(body: Object, known: Known) -> Iterator[str]:
    """Check the pods, the Services, the route, and the analyses that a Rollout refers to."""
    yield from pods_and_selector(body, known)
    canary = body["spec"].get("strategy", {}).get("canary", {})
    for name in _services(body):
        if not known.has("Service", name):
            yield f"refers to a Service `{name}` that does not exist"
    plugin = canary.get("trafficRouting", {}).get("plugins", {}).get("argoproj-labs/gatewayAPI", {})
    for key, kind in (("httpRoute", "HTTPRoute"), ("grpcRoute", "GRPCRoute")):
        if key in plugin and not known.has(kind, plugin[key]):
            yield f"shifts traffic on the {kind} `{plugin[key]}`, which does not exist"
    analyses = [canary.get("analysis", {}), *(step.get("analysis", {}) for step in canary.get("steps", []))]
    for analysis in analyses:
        yield from _analysis(analysis, known)


def _analysis(analysis: Object, known: Known) -> Iterator[str]:
    given = {argument["name"] for argument in analysis.get("args", [])}
    for reference in analysis.get("templates", []):
        template = known.names.get("AnalysisTemplate", {}).get(reference.get("templateName"))
        if template is None:
            yield f"refers to an AnalysisTemplate `{reference.get('templateName')}` that does not exist"
            continue
        wanted = {argument["name"] for argument in template["spec"].get("args", []) if set(argument) == {"name"}}
        if wanted != given:
            yield f"passes the arguments {sorted(given)} to `{reference['templateName']}`, which takes {sorted(wanted)}"


def _services(body: Object) -> Iterator[str]:
    canary = body["spec"].get("strategy", {}).get("canary", {})
    yield from (canary[key] for key in ("canaryService", "stableService") if key in canary)


def _labels(body: Object) -> Iterator[Object]:
    """The labels of the live version's pods, and of the new one's."""
    canary = body["spec"].get("strategy", {}).get("canary", {})
    yield from (canary.get(key, {}).get("labels", {}) for key in ("stableMetadata", "canaryMetadata"))


def _phase(service: ServicePlan, phase: str) -> Because[str]:
    """The series of a Rollout in a phase (controller/metrics/prommetrics.go)."""
    seen = exported(
        f'rollout_info{{{{{{own}},name="{{name}}",phase="{phase}"}}}}', service.scope.namespace, name=service.name
    )
    return text("{seen} == 1", seen=seen)


def replicas(service: ServicePlan, over: Because[str]) -> Replicas:
    """The replicas of a Rollout, of all its versions (controller/metrics/prommetrics.go)."""

    def of(template: str) -> Because[str]:
        return exported(template, service.scope.namespace, name=service.name, over=over)

    desired = 'rollout_info_replicas_desired{{{own},name="{name}"}}'
    return Replicas(
        available=of('max_over_time(rollout_info_replicas_available{{{own},name="{name}"}}[{over}])'),
        wanted=of(f"(min_over_time({desired}[{{over}}]) and {desired} offset {{over}})"),
        counted=(_shown(service, "_replicas_available"),),
        asked=(_shown(service, "_replicas_desired"),),
    )


def phases(service: ServicePlan) -> Phases:
    """How Prometheus sees a rollout that waits, or that was rolled back, and what an engineer does about it."""
    held = _typed(
        service,
        "{get}, or `mlspec cluster status`, shows what it waits for. Then {promote} sends the new version more "
        "traffic, and {abort} rolls it back.",
        get="get rollout",
        promote="promote",
        abort="abort",
    )
    aborted = _typed(
        service,
        "{get}, or `mlspec cluster status`, shows which measurement failed. Release another version, or try the same "
        "one again with {retry}.",
        get="get rollout",
        retry="retry rollout",
    )
    return Phases(
        held=Phase(seen=_phase(service, "Paused"), action=held, shown=_shown(service, "", phase="Paused")),
        aborted=Phase(seen=_phase(service, "Degraded"), action=aborted, shown=_shown(service, "", phase="Degraded")),
    )


def _shown(service: ServicePlan, suffix: str, **labels: str) -> Sample:
    own = service.scope.namespace
    return Sample(name=f"rollout_info{suffix}", labels={"name": service.name, **labels}, own=own)


def _typed(service: ServicePlan, said: str, **verbs: str) -> Because[str]:
    """A sentence with commands of `kubectl argo rollouts`."""
    name, namespace = service.name, service.scope.namespace
    lines = {
        key: text(f"`kubectl argo rollouts {verb} {{name}} -n {{namespace}}`", name=name, namespace=namespace)
        for key, verb in verbs.items()
    }
    return text(said, **lines)


def _replayed(service: ServicePlan, objects: Sequence[Object]) -> Replayed | None:
    from .argo_replay import replayed  # only a rehearsal replays a rollout

    return replayed(service, objects)


PROVIDER = RolloutProvider(
    name="argo-rollouts",
    workload=workload,
    judge=judge,
    replicas=replicas,
    phases=phases,
    replayed=_replayed,
    kinds={
        "Rollout": Kind(
            check=_resolved,
            longest=52,
            adds="a ReplicaSet appends a hash of 10 characters",
            points=_services,
            labels=_labels,
        ),
        "AnalysisTemplate": Kind(),
    },
)
