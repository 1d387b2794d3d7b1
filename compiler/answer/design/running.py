"""How the system serves, how it is watched, and how a new version goes live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....schema.units import Duration
from ...because import Because, first
from ...plan.choose import readable
from ...plan.latency import Unspent, unspent
from ...plan.rollout.canary import CanaryPlan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ..memo import names
from ..memo.line import percent
from .document import DesignAmount, DesignChart
from .draft import Block, Picture, Said, Table, given, just, paragraph, say
from .scene import Scene
from .words import conditions, gap, listed

PERCENTILES = ("p50", "p90", "p95", "p99", "p999")

__all__ = ["inference", "monitoring", "rollout"]


def _titled(scene: Scene, key: str, title: str) -> str:
    """A caption, with the name of the service if there are several."""
    several = len(scene.plan.online) + len(scene.plan.batch) > 1
    return f"{title} of {key}" if several else title


# Inference


def inference(scene: Scene) -> Iterator[Block]:
    """Framework, deployment model, capacity, latency, and hardware of each service."""
    for key, service in scene.plan.online.items():
        yield from _online(scene, key, service)
    for key, run in scene.plan.batch.items():
        yield from _batch(scene, key, run)
    if not scene.plan.online and not scene.plan.batch:
        yield gap("nothing is served here", "serving", "a model that answers no requests has no effect")


def _online(scene: Scene, key: str, service: ServicePlan) -> Iterator[Block]:
    area, hardware = names.capacity(service, key), names.hardware(scene.plan, service, key)
    part = service.part
    least, most = scene.said(area, "minimum replicas"), scene.said(area, "maximum replicas")
    yield from paragraph(
        say("{name} answers requests online with {runtime}.", name=service.name, runtime=service.runtime_name),
        say("It runs {least} to {most}", least=service.scaling.least, most=most)
        if least is not None and most is not None and least.value != most.value
        else say("It runs {most}", most=most),
        say(
            "of {cpu} and {memory} each.",
            cpu=scene.said(area, "CPU per replica"),
            memory=scene.said(area, "memory per replica"),
        ),
        say("The peak needs {peak}.", peak=scene.said(area, "replicas for the peak load")),
        say("Those sustain {able} at most.", able=scene.said(area, "headroom: maximum sustainable rate")),
        _latency(scene, area),
    )
    yield from scene.facts(
        _titled(scene, key, "Deployment"),
        given("mode", part.mode),
        scene.lines(area, "runtime"),
        given("protocol", part.protocol),
        given("hosts", listed(service.arrival.hosts)),
        given("preprocessing runs in", part.preprocessing),
        given("mean service time", part.service_time.mean if part.service_time is not None else None),
        given("measured with", part.service_time.at if part.service_time is not None else None, "concurrent request"),
        given("largest batch", part.batching.max_size if part.batching is not None else None, "request"),
    )
    yield from scene.facts(
        _titled(scene, key, "Capacity"), (line for line in scene.lines(area) if line.title != "runtime")
    )
    for one in unspent(service):
        yield Picture(chart=_spent(_titled(scene, key, one.title.replace("headroom:", "Parts of")), one))
    yield from scene.facts(_titled(scene, key, "Hardware"), scene.lines(hardware))
    yield from scene.facts(_titled(scene, key, "Knowledge"), scene.lines(f"Knowledge of {names.named(service, key)}"))
    times = f"Startup and shutdown of {names.named(service, key)}"
    yield from scene.facts(
        _titled(scene, key, "Startup and shutdown"),
        scene.lines(times, "startup time", "request timeout", "preStop delay", "termination grace period"),
    )
    if part.service_time is None and not service.is_language_model:
        why = "replicas and latency are guesses until it is measured"
        yield gap(f"the service time of {key} is not measured", f"{part.spec_path}.serviceTime", why)


def _latency(scene: Scene, area: str) -> Said | None:
    """What is left of each bound on the latency."""
    parts = [
        say(f"{{left}} of the {name} bound", left=scene.said(area, f"headroom: {name} latency")) for name in PERCENTILES
    ]
    return say("At the peak, the latency leaves {parts}.", parts=listed([part for part in parts if part is not None]))


def _spent(title: str, one: Unspent) -> DesignChart:
    """What a percentile is spent on, and what is left of its bound."""
    left = float(one.left.value)
    parts = [*one.parts.value, *([(f"{readable(one.left.value)} left of {one.bound.value}", left)] if left else [])]
    amounts = (DesignAmount(name=said, amount=time, said="", least=time, most=time) for said, time in parts)
    return DesignChart(title=title, unit="seconds", amounts=tuple(amounts), limit=float(one.bound.value))


def _batch(scene: Scene, key: str, run: BatchPlan) -> Iterator[Block]:
    area = names.batch(run, key)
    yield from paragraph(
        say("{name} scores a data set on the schedule `{when}`.", name=run.name, when=run.part.schedule),
        say("{pods} work at the same time, each with {cpu} and {memory}.", pods=scene.said(area, "parallel pods"),
            cpu=scene.said(area, "CPU per pod"), memory=scene.said(area, "memory per pod")),
        say("A run takes {time} of the {deadline} that it may take.", time=scene.said(area, "time of a run"),
            deadline=scene.said(area, "deadline")),
    )  # fmt: skip
    yield from scene.facts(
        _titled(scene, key, "Batch inference"),
        given("mode", run.part.mode),
        given("image", run.part.image),
        given("input", run.part.input.uri),
        given("output", run.part.output.uri),
        scene.lines(area),
    )


# Monitoring


def monitoring(scene: Scene) -> Iterator[Block]:
    """SLOs and their alerts, drift, quality, and the age of the model."""
    monitored = scene.system.monitoring
    yield from paragraph(
        say("Pages go to {page}.", page=first(monitored.alerts.page, scene.system.metadata.owner)),
        say("Tickets go to {ticket}.", ticket=first(monitored.alerts.ticket, scene.system.metadata.owner)),
        say("The error budget counts over {window}.", window=monitored.slo.window),
    )
    for key, service in scene.plan.online.items():
        yield from _objectives(scene, key, service)
    for key, run in scene.plan.batch.items():
        lines = scene.lines(names.batch(run, key), "page if no success after", "alert if no success for")
        yield from scene.facts(_titled(scene, key, "Alerts"), lines)
    yield from _drift(scene)
    yield from _quality(scene)
    retraining = scene.system.retraining
    yield from scene.facts(
        "Retraining",
        given("schedule", say("`{_}`", _=retraining.schedule if retraining is not None else None)),
        given("started by", listed(retraining.triggers) if retraining is not None else None),
        scene.lines("Age of the model"),
    )


def _objectives(scene: Scene, key: str, service: ServicePlan) -> Iterator[Block]:
    rows = []
    for objective in service.objectives.all:
        for pair in service.objectives.pairs(objective):
            windows, share = say("{long} and {short}", long=pair.long, short=pair.short), _of_requests(pair.threshold)
            rows.append((objective.name, just(objective.target), just(pair.severity), windows, share))
    head = ("SLO", "target", "alert", "windows", "fires when more than this fails or is late")
    if rows:
        yield Table(caption=_titled(scene, key, "SLOs and burn-rate alerts"), head=head, rows=tuple(rows))
    else:
        why = "no alert fires when requests fail or are slow"
        yield gap(f"{key} has no SLO", "constraints.availability", why)


def _of_requests(share: Because[Any]) -> Said:
    return Because(f"{percent(share.value)} of requests", "", (share,))


def _drift(scene: Scene) -> Iterator[Block]:
    if scene.system.monitoring.drift is None:
        why = "inputs change without an error in any log"
        yield gap("drift is not measured", "monitoring.drift", why)
    yield from scene.facts("Drift", scene.lines("Drift"))


def _quality(scene: Scene) -> Iterator[Block]:
    quality = scene.system.monitoring.quality
    if quality is None:
        why = "availability and latency stay perfect while answers get worse"
        yield gap("the quality of answers in production is not watched", "monitoring.quality", why)
        return
    yield conditions("Quality in production", (quality,), "in its evaluation")


# Rollout


def rollout(scene: Scene) -> Iterator[Block]:
    """The stages with their times, limits and odds, and what rolls a version back."""
    for key, service in scene.plan.online.items():
        yield from _rollout(scene, key, service)
    for key, run in scene.plan.batch.items():
        gap_ = scene.said(names.batch(run, key), "time between runs")
        yield from paragraph(
            say("The next run of {name} uses a new version; runs are {gap} apart.", name=run.name, gap=gap_)
        )
    keep = scene.system.rollout.keep_versions
    if scene.system.rollout.rollback_when:
        yield conditions("A version stays only while", scene.system.rollout.rollback_when)
    yield from scene.facts("Rollback", given("versions kept for a rollback", keep, "version"))


def _rollout(scene: Scene, key: str, service: ServicePlan) -> Iterator[Block]:
    area, canary = names.rollout(service, key), service.canary
    if not canary.progressive.value:
        yield from scene.facts(_titled(scene, key, "Rollout"), scene.lines(area))
        return
    shadow, waiting = scene.said(area, "shadow duration"), _waiting(scene, area)
    subject = "Then it" if shadow is not None else "A new version"
    yield from paragraph(
        say("A new version first gets copies of requests for {shadow}; its answers are discarded.", shadow=shadow),
        say(f"{subject} gets {{steps}} of the traffic, in {{length}}.", steps=_shares(canary), length=canary.length),
        say("A version that is as good as promised is rolled back with a probability of {odds}.",
            odds=scene.said(area, "probability of rolling back a good version")),
        say("At the trough, a rollout may wait for an engineer: the probability is {odds}.", odds=waiting),
    )  # fmt: skip
    yield _steps(scene, key, service)
    yield Picture(chart=_chart(_titled(scene, key, "Traffic of a new version"), canary))
    odds = (line for line in scene.lines(area) if line.title.startswith("probability"))
    yield from scene.facts(_titled(scene, key, "Odds of a rollout"), odds)
    spent = (line for line in scene.lines(area) if line.title.startswith("error budget"))
    yield from scene.facts(_titled(scene, key, "What a broken version costs"), spent)


def _waiting(scene: Scene, area: str) -> Said | None:
    found = [line for line in scene.lines(area) if line.title.startswith("probability of waiting at")]
    return Because(found[0].text, "", (found[0].value,)) if found and "trough" in found[0].title else None


def _shares(canary: CanaryPlan) -> Said | None:
    return listed([step.share.map(lambda share: f"{share}%") for step in canary.steps])


def _steps(scene: Scene, key: str, service: ServicePlan) -> Table:
    """A row for each step and each objective that judges it."""
    rows: list[tuple[Said | str | None, ...]] = []
    canary, stage, plan = service.canary, service.canary.shadow_stage, service.shadow_plan
    if stage is not None:
        copies, lasts = say("copies of {_}", _=stage.percent), just(stage.duration)
        for one in plan.judgments if plan is not None else ():
            limit, least = _of_requests(one.limit), say("{_} requests", _=one.volume.map(int))
            rows.append((copies, lasts, one.objective.name, limit, None, least))
        if plan is None:
            rows.append((copies, lasts, "nothing", None, None, None))
    for step in canary.steps:
        share = step.share.map(lambda share: f"{share}%")
        if not step.judgments:
            rows.append((share, just(step.lasts), "nothing", None, None, None))
        for judgment in step.judgments:
            limit, harm = _of_requests(judgment.limit), _of_requests(judgment.harm)
            least = say("{_} requests", _=judgment.volume.map(int))
            rows.append((share, just(step.lasts), judgment.objective.name, limit, harm, least))
    head = ("traffic", "lasts", "judged by", "rolls back above", "detects", "a verdict needs")
    return Table(caption=_titled(scene, key, "Stages"), head=head, rows=tuple(rows))


def _chart(title: str, canary: CanaryPlan) -> DesignChart:
    amounts = [
        DesignAmount(
            name=str(step.lasts.value),
            amount=float(step.share.value),
            said=f"{step.share.value}%",
            least=float(step.share.value),
            most=float(step.share.value),
            lasts=_minutes(step.lasts.value),
        )
        for step in canary.steps
    ]
    return DesignChart(title=title, unit="% of requests", amounts=tuple(amounts))


def _minutes(length: Duration) -> float:
    return float(length.amount) / 60
