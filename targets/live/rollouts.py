"""The live state of a Rollout of Argo Rollouts: who has the traffic, which step it is in, and what it waits for.

Field by field as in `pkg/apis/rollouts/v1alpha1/types.go` of version 1.9. Phases and messages are the controller's own.
`status.observedGeneration` is a string. An aborted Rollout keeps its spec, so it does not continue by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from ...compiler.row import Row
from .analyses import RUNS, analyses
from .values import Command, Object, Phase, Related, Share, State, condition

__all__ = ["HASH", "Held", "held", "in_progress", "state", "wanted", "weights_of", "without_weights"]

HASH = "rollouts-pod-template-hash"
"""The label of pods and ReplicaSets, and the key that the controller adds to selectors."""

PLUGIN = "argoproj-labs/gatewayAPI"
ROUTES = {"httpRoute": "HTTPRoute", "grpcRoute": "GRPCRoute"}
VERSION = "app.kubernetes.io/version"
INCONCLUSIVE = "InconclusiveAnalysisRun"


class Held(Row):
    """A field that the controller changes during a rollout."""

    kind: str
    name: str
    field: str
    """A key of `spec`."""


def held(rollout: Object) -> Iterator[Held]:
    """The fields that the controller changes: the rules of routes, and the selectors of Services."""
    canary = _canary(rollout)
    plugin = canary.get("trafficRouting", {}).get("plugins", {}).get(PLUGIN, {})
    for key, kind in ROUTES.items():
        names = [plugin[key]] if key in plugin else [route["name"] for route in plugin.get(f"{key}s", [])]
        yield from (Held(kind, name, "rules") for name in names)
    for key in ("stableService", "canaryService"):
        if key in canary:
            yield Held("Service", canary[key], "selector")


def in_progress(rollout: Object) -> bool:
    """Whether two versions share the traffic: a new version is neither promoted nor rolled back."""
    status = rollout.get("status", {})
    stable, current = status.get("stableRS"), status.get("currentPodHash")
    return bool(stable and current and stable != current and not status.get("abort"))


def weights_of(rules: Iterable[Object], names: Iterable[str]) -> dict[str, int]:
    """The weights of some Services in the first rule that sends requests to all of them."""
    asked = set(names)
    for rule in rules:
        found = {ref["name"]: int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or []}
        if asked and asked <= found.keys():
            return {name: found[name] for name in asked}
    return {}


def without_weights(rules: Iterable[Object]) -> list[Object]:
    """The rules of a route, apart from the weights."""
    return [
        {**rule, "backendRefs": [{k: v for k, v in ref.items() if k != "weight"} for ref in rule["backendRefs"]]}
        if rule.get("backendRefs")
        else rule
        for rule in rules
    ]


def wanted(rollout: Object) -> Related:
    """The routes, the runs of analyses, and the ReplicaSets that `state` reads."""
    canary, status = rollout.get("status", {}).get("canary", {}), rollout.get("status", {})
    runs = [canary[key]["name"] for key in RUNS if canary.get(key)]
    hashes = {status.get("stableRS"), status.get("currentPodHash")} - {None, ""}
    return Related(
        routes=tuple(_named(one.kind, one.name) for one in held(rollout) if one.field == "rules"),
        analyses=tuple(_named("AnalysisRun", name) for name in runs),
        versions=tuple(_named("ReplicaSet", f"{rollout['metadata']['name']}-{hash_}") for hash_ in sorted(hashes)),
    )


def _named(kind: str, name: str) -> Object:
    return {"kind": kind, "metadata": {"name": name}}


def state(rollout: Object, related: Related) -> State:
    """The state of a Rollout."""
    status, canary = rollout.get("status", {}), _canary(rollout)
    steps = canary.get("steps", [])
    index = status.get("currentStepIndex")
    moving = in_progress(rollout)
    phase, said, since = _phase(rollout)
    return State(
        kind="Rollout",
        name=rollout["metadata"]["name"],
        phase=phase,
        said=said,
        message=status.get("message", ""),
        since=since,
        shares=_shares(rollout, related),
        step=min(index + 1, len(steps)) if moving and steps and index is not None else None,
        steps=len(steps) if moving and steps else None,
        doing=_step(steps[index]) if moving and index is not None and index < len(steps) else "",
        analyses=tuple(analyses(rollout, related)),
        ready=status.get("readyReplicas", 0),
        replicas=rollout["spec"].get("replicas", 1),
        commands=tuple(_commands(rollout, phase)),
    )


def _canary(rollout: Object) -> Object:
    found: Object = rollout.get("spec", {}).get("strategy", {}).get("canary") or {}
    return found


def _observed(rollout: Object) -> bool:
    """As in `utils/rollout/rolloututil.go`: something that is not a number is from an old version, and passes."""
    seen, generation = str(rollout["status"].get("observedGeneration", "")), rollout["metadata"].get("generation", 0)
    return not seen.isdecimal() or int(seen) >= generation


def _phase(rollout: Object) -> tuple[Phase, str, str | None]:
    """The phase, what the Rollout does or waits for, and since when."""
    status = rollout.get("status", {})
    if not status or not _observed(rollout):
        return "progressing", "waits for Argo Rollouts to notice the change", None
    progress = condition(rollout, "Progressing")
    since: str | None = progress.get("lastUpdateTime")
    word = status.get("phase", "Progressing")
    if status.get("abort"):
        said = "the new version was rolled back; all traffic goes to the stable version"
        return "degraded", said, status.get("abortedAt") or since
    if word == "Degraded":
        return "degraded", "Argo Rollouts cannot continue", since
    if word == "Healthy":
        return "healthy", "rolled out", condition(rollout, "Healthy").get("lastTransitionTime") or since
    if word == "Paused":
        return _paused(rollout, since)
    run = status.get("canary", {}).get("currentStepAnalysisRunStatus") or {}
    if run.get("status") in ("Running", "Pending"):
        return "progressing", "waits for the analysis of this step", since
    return "progressing", "starts replicas or shifts traffic", since


def _paused(rollout: Object, since: str | None) -> tuple[Phase, str, str | None]:
    status = rollout["status"]
    causes = {one["reason"]: one.get("startTime") for one in status.get("pauseConditions") or []}
    if INCONCLUSIVE in causes:
        return "waiting", "an analysis could not judge the new version: you decide", causes[INCONCLUSIVE]
    if "CanaryPauseStep" in causes:
        duration = _current(rollout).get("pause", {}).get("duration")
        if duration is not None and not rollout["spec"].get("paused"):
            begin = causes["CanaryPauseStep"]
            return "paused", f"continues by itself {_end(begin, _seconds(duration))}", begin
        return "waiting", "waits until you promote it", causes["CanaryPauseStep"]
    return "waiting", "is paused by hand", next(iter(causes.values()), since)


def _seconds(duration: Any) -> str:
    return f"{duration}s" if str(duration).isdecimal() else str(duration)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _end(begin: str | None, duration: str) -> str:
    """The end of a pause: `at 10:02:30Z`, or `after 150s` if the start is unknown."""
    parts = re.findall(r"([0-9.]{1,20})(h|ms|m|s)", duration)
    if begin is None or "".join(number + unit for number, unit in parts) != duration:
        return f"after {duration}"
    length = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    return f"at {datetime.fromisoformat(begin) + length:%Y-%m-%dT%H:%M:%SZ}"


def _current(rollout: Object) -> Object:
    steps, index = _canary(rollout).get("steps", []), rollout.get("status", {}).get("currentStepIndex")
    return steps[index] if index is not None and index < len(steps) else {}


def _step(step: Object) -> str:
    """A step as its key and its most important value."""
    key = next(iter(step), "")
    value = step.get(key)
    if key == "pause":
        duration = (value or {}).get("duration")
        return f"pause {_seconds(duration)}" if duration is not None else "pause until you promote it"
    if key == "analysis":
        return " ".join(["analysis", *(one.get("templateName", "") for one in (value or {}).get("templates", []))])
    return f"{key} {value}" if isinstance(value, (int, str)) else key


def _shares(rollout: Object, related: Related) -> tuple[Share, ...]:
    """The versions and their shares, from the weights of the live route."""
    status, canary = rollout.get("status", {}), _canary(rollout)
    stable, current = status.get("stableRS", ""), status.get("currentPodHash", "")
    if not current:
        return ()
    versions = {
        labels[HASH]: labels.get(VERSION)
        for body in related.versions
        if (labels := body["spec"]["template"]["metadata"].get("labels", {})).get(HASH)
    }
    own = rollout["spec"].get("template", {}).get("metadata", {}).get("labels", {}).get(VERSION)
    if stable in ("", current):
        return (Share(version=versions.get(current) or own or current, role="stable", percent=100),)
    pair = [canary.get("stableService", ""), canary.get("canaryService", "")]
    rules = [rule for route in related.routes for rule in route["spec"].get("rules") or []]
    weights = weights_of(rules, pair)
    total = sum(weights.values())
    if total:
        new = round(100 * weights[pair[1]] / total)
    else:
        noted: Object = status.get("canary", {}).get("weights") or {}
        new = noted.get("canary", {}).get("weight", 0)
    return (
        Share(version=versions.get(stable) or stable, role="stable", percent=100 - new),
        Share(version=versions.get(current) or own or current, role="canary", percent=new),
    )


def _commands(rollout: Object, phase: Phase) -> Iterator[Command]:
    """What a person can do, as `kubectl argo rollouts` and as its patches (`cmd/promote`, `abort`, and `retry`)."""
    if not in_progress(rollout):
        if phase == "degraded" and rollout.get("status", {}).get("abort"):
            yield _command(rollout, "try the same version again", "retry rollout", '{"status":{"abort":false}}')
        return
    status = rollout["status"]
    index = min(status.get("currentStepIndex", 0) + 1, len(_canary(rollout).get("steps", [])))
    run = status.get("canary", {}).get("currentStepAnalysisRunStatus") or {}
    if rollout["spec"].get("paused"):
        patch = '{"spec":{"paused":false}}'
    elif status.get("pauseConditions") and run.get("status") == "Inconclusive":
        patch = f'{{"status":{{"pauseConditions":null,"controllerPause":false,"currentStepIndex":{index}}}}}'
    elif status.get("pauseConditions"):
        patch = '{"status":{"pauseConditions":null}}'
    else:
        patch = f'{{"status":{{"pauseConditions":null,"currentStepIndex":{index}}}}}'
    effect = "promote it to the next step" if phase != "progressing" else "skip the current step"
    yield _command(rollout, effect, "promote", patch)
    yield _command(rollout, "roll back to the stable version", "abort", '{"status":{"abort":true}}')


def _command(rollout: Object, effect: str, verb: str, patch: str) -> Command:
    name, namespace = rollout["metadata"]["name"], rollout["metadata"]["namespace"]
    resource = "" if patch.startswith('{"spec"') else " --subresource=status"
    return Command(
        effect=effect,
        line=f"kubectl argo rollouts {verb} {name} -n {namespace}",
        patch=f"kubectl patch rollout {name} -n {namespace}{resource} --type=merge -p '{patch}'",
    )
