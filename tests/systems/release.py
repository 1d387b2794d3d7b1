"""How new versions reach their users, and what watches them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlspec.compiler.computed import ESTIMATED

from .data import SEGMENT
from .maker import Maker
from .platform import alerts

__all__ = ["monitoring", "rollout", "success"]


def rollout(maker: Maker, objectives: Collection[str], *, labeled: bool) -> dict[str, Any] | None:
    """Stages that the platform has, in the order in which they follow each other, judged by what is promised."""
    shadow = {
        "shadow": maker.free("ShadowStage", percent="100%" if maker.mirroring == "all" else maker.pick(("5%", "50%")))
    }
    stages = [shadow] if maker.shadows else []
    if maker.canaries:
        stages.append({"canary": _canary(maker, objectives)})
    if maker.maybe(0.2):
        stages.append({"experiment": _experiment(maker)})
    elif maker.maybe(0.2):
        stages.append({"blueGreen": maker.free("BlueGreenStage")})
    conditions = _conditions(maker, objectives) if maker.canaries else []
    if labeled and maker.canaries and maker.maybe(0.3):
        conditions.append(maker.free("Condition", metric="roc_auc", of=None, segment=None, min="0.6"))
    waits = maker.pick(("3h", "6h")) if maker.waits else None
    return maker.free("Rollout", stages=stages or None, rollbackWhen=conditions or None, progressDeadline=waits)


def _counted(objectives: Collection[str]) -> dict[str, list[str]]:
    """What a rollout is judged by, and the objectives that it is judged for."""
    late = sorted(name for name in objectives if name != "availability")
    counted = {"error-rate": ["availability"] if "availability" in objectives else [], "slow-rate": late}
    return {metric: names for metric, names in counted.items() if names}


def _conditions(maker: Maker, objectives: Collection[str]) -> list[dict[str, Any]]:
    """Limits on what is counted."""
    return [
        maker.free(
            "Condition",
            metric=metric,
            of=maker.pick((None, *names)),
            segment=None,
            max={"error-rate": "0.05%", "slow-rate": "0.05%"}[metric],
            margin=None,
            minSamples=maker.pick((None, 1, "2k")),
        )
        for metric, names in _counted(objectives).items()
        if maker.maybe(0.4)
    ]


def _canary(maker: Maker, objectives: Collection[str]) -> dict[str, Any]:
    usual = {"error-rate": "0.05%", "slow-rate": "0.02%"}
    detect = [
        maker.free("Detectable", metric=metric, from_=maker.pick((None, usual[metric])), to=maker.pick(("20%", "0.6")))
        for metric in _counted(objectives)
        if maker.maybe(0.4)
    ]
    window = maker.pick((None, "5m", "10m"))
    steps = maker.pick((None, ["5%", "25%", "50%"], ["10%", "50%"], ["50%"]))
    length = maker.pick((None, "24h"))
    return maker.free("CanaryStage", steps=steps, detect=detect or None, stepDuration=length, window=window)


def _experiment(maker: Maker) -> dict[str, Any]:
    arms = [maker.free("Arm", name=name, share="50%") for name in ("control", "treatment")]
    return maker.free("ExperimentStage", arms=arms, holdOut="5%")


def monitoring(
    maker: Maker,
    objectives: Collection[str],
    metric: str,
    bar: float,
    *,
    online: bool,
    bounded: bool,
    recorded: tuple[str, Collection[str]] | None,
) -> dict[str, Any]:
    """What watches a service and its model. `bounded` says whether there are data: labels to compare the model with,
    and a column with few values to divide by. `recorded` is the service whose predictions can be recorded, and
    what in its pods can do so.
    """
    segment = SEGMENT if bounded and maker.maybe(0.5) else None
    captured = _capture(maker, *recorded, bounded=bounded) if recorded is not None and maker.maybe(0.6) else None
    here = captured is not None and maker.labels is not None and maker.maybe(0.5)
    drift = _drift(maker, here=here) if bounded else None
    quality = _quality(maker, "Condition", metric, bar, segment) if bounded else None
    return maker.free(
        "Monitoring",
        alerts=alerts(maker),
        slo=maker.free("Slo", burn=_burn(maker)) if objectives and maker.maybe(0.5) else None,
        segments=[segment] if segment else None,
        drift=drift,
        quality=quality,
        rules=_rules(maker, metric, bar, segment, bounded=bounded) or None,
        capture=captured,
        access=None,  # one that no other pod may use
        resources=maker.free("MonitorResources") if here and (drift or quality) else None,
        measured="here" if here else "elsewhere",
        dashboard=maker.free("Dashboard") if online else None,
        scrapeInterval=maker.pick((None, "15s", "1m")) if online else None,
        saturation=maker.pick((None, "60%", "95%")) if online else None,
    )


def _capture(maker: Maker, service: str, able: Collection[str], *, bounded: bool) -> dict[str, Any]:
    """Who records the predictions of a service."""
    by = maker.pick(("client", *able, *able))
    sidecar = by == "sidecar"
    return maker.free(
        "Capture",
        by=by,
        to="s3://feedback/predictions",
        access=maker.use("s3") if by != "client" and maker.maybe(0.5) else None,
        service=service,
        id="prediction_id",
        headers={"prediction_id": "X-Prediction-Id"} if sidecar else None,
        retention="900d",
        personalData=[SEGMENT] if bounded else None,
        hashKey=maker.free("HashKey") if maker.maybe(0.5) else None,
        every=maker.pick((None, "1m")) if sidecar else None,
        hop=maker.pick((None, "1us")) if sidecar else None,
        format=maker.pick((None, "jsonl", "parquet")) if sidecar else None,
        cpu=maker.pick((None, "200m")) if sidecar else None,
        memory=maker.pick((None, "512Mi")) if sidecar else None,
    )


def _burn(maker: Maker) -> list[dict[str, Any]] | None:
    """Windows that Prometheus remembers, and that burn every budget fast enough to alert."""
    pairs = maker.some((("page", "2%", "1h", "5m"), ("page", "5%", "6h", None), ("ticket", "10%", "3d", "6h")))
    made = [
        maker.free("Burn", severity=severity, budget=budget, long=long, short=short)
        for severity, budget, long, short in pairs
    ]
    return maker.pick((None, made))


def triggers(maker: Maker, monitoring: dict[str, Any], metric: str) -> list[str] | None:
    """What starts a run: a quality that is too low, and drift if the quality can be estimated before labels arrive."""
    quality, drift = monitoring.get("quality"), monitoring.get("drift") or {}
    found = ["quality-drop"] if quality else []
    value = quality is not None and not quality.keys().isdisjoint(("min", "max"))
    if value and (monitoring.get("measured") == "elsewhere" or metric in ESTIMATED):
        found += ["data-drift"] if drift.get("features") or drift.get("columns") else []
        found += ["prediction-drift"] if drift.get("prediction") else []
    return maker.some(found) if found and maker.maybe(0.7) else None


def _drift(maker: Maker, *, here: bool) -> dict[str, Any]:
    """Distances that two distributions can have. A segment that is no input is compared by jobs of the author only."""
    return maker.free(
        "Drift",
        features=_method(maker),
        prediction=_method(maker) if maker.maybe(0.5) else None,
        columns={SEGMENT: _method(maker)} if not here and maker.maybe(0.5) else None,
    )


def _method(maker: Maker) -> dict[str, Any]:
    return maker.free("DriftMethod", threshold=maker.pick((None, 0.15, 0.4)))


def _quality(
    maker: Maker, type_: str, metric: str, bar: float, segment: str | None, margin: str = "-0.05"
) -> dict[str, Any]:
    """A bound on what is compared with labels: a value, or the distance from a rival."""
    side = "max" if metric in ("wape", "rmse") else "min"
    bounds: tuple[dict[str, Any], ...] = (
        {side: bar},
        {"versus": "champion", "margin": margin},
        {"versus": "naive", **({"margin": margin} if type_ == "AlertRule" else {})},
    )
    chosen = {"versus": None, "margin": None, **maker.pick(bounds)}
    return maker.free(type_, metric=metric, of=None, segment=segment, **chosen)


_EXPORTED = (
    {"metric": "null-rate", "max": "5%"},
    {"metric": "violation-rate", "max": "1%"},
    {"metric": "skew-rate", "max": "2%"},
)


def _rules(maker: Maker, metric: str, bar: float, segment: str | None, *, bounded: bool) -> list[dict[str, Any]]:
    """Bounds of the author: on what jobs export, and on the quality."""
    free = {"of": None, "segment": None, "versus": None, "margin": None, "minSamples": None}
    made = [maker.free("AlertRule", **free, metric="daily-cost", max=maker.pick(("90", "1000")))]
    if bounded:
        made += [maker.free("AlertRule", **{**free, "of": maker.pick((None, segment))}, **maker.pick(_EXPORTED))]
        other = round(bar * 1.01, 4)  # two bounds with one bar would be one alert
        made += [_quality(maker, "AlertRule", metric, other, segment, "-0.02")] if maker.maybe(0.2) else []
    return [one for one in made if maker.maybe(0.6)]


def success(maker: Maker, metric: str, bar: float, *, bounded: bool) -> list[dict[str, Any]]:
    """By when which number is to be reached."""
    segment = SEGMENT if bounded and maker.maybe(0.5) else None
    return [
        _quality(maker, "SuccessCriterion", metric, bar, segment)
        | maker.pick(({}, {"of": maker.declared["services"][0]}))
    ]
