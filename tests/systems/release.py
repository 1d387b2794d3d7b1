"""How new versions reach their users, and what watches them."""

from __future__ import annotations

from typing import Any

from .data import SEGMENT
from .maker import Maker

__all__ = ["monitoring", "rollout", "success"]


def rollout(maker: Maker, *, labelled: bool) -> dict[str, Any] | None:
    """Stages that the platform has, in the order in which they follow each other."""
    shadow = {
        "shadow": maker.free("ShadowStage", percent="100%" if maker.mirroring == "all" else maker.pick(("5%", "50%")))
    }
    stages = [shadow] if maker.shadows else []
    if maker.canaries:
        stages.append({"canary": _canary(maker)})
    if maker.maybe(0.2):
        stages.append({"experiment": _experiment(maker)})
    elif maker.maybe(0.2):
        stages.append({"blueGreen": maker.free("BlueGreenStage")})
    conditions = [{"metric": "error-rate", "max": "0.1%"}] if maker.canaries and maker.maybe(0.5) else []
    if labelled and maker.canaries and maker.maybe(0.3):
        conditions.append(maker.free("Condition", metric="roc_auc", of=None, segment=None, min="0.6"))
    return maker.free("Rollout", stages=stages or None, rollbackWhen=conditions or None)


def _canary(maker: Maker) -> dict[str, Any]:
    detect = (
        [maker.free("Detectable", metric="error-rate", from_=maker.pick((None, "0.05%")), to="20%")]
        if maker.maybe(0.5)
        else None
    )
    steps = maker.pick((None, ["5%", "25%", "50%"], ["10%", "50%"], ["50%"]))
    return maker.free("CanaryStage", steps=steps, detect=detect, stepDuration=maker.pick((None, "24h")))


def _experiment(maker: Maker) -> dict[str, Any]:
    arms = [maker.free("Arm", name=name, share="50%") for name in ("control", "treatment")]
    return maker.free("ExperimentStage", arms=arms, holdOut="5%")


def monitoring(maker: Maker, *, online: bool, bounded: bool) -> dict[str, Any]:
    """What watches a service; `bounded` says whether there is a column with few values to divide by."""
    segment = SEGMENT if bounded and maker.maybe(0.5) else None
    return maker.free(
        "Monitoring",
        slo=maker.free("Slo") if online and maker.maybe(0.5) else None,
        segments=[segment] if segment else None,
        drift=maker.free("Drift", columns={SEGMENT: maker.free("DriftMethod")} if bounded else None),
        quality=_condition(maker, segment),
        rules=[_condition(maker, segment)],
        capture=maker.free("Capture", personalData=[SEGMENT] if bounded else None),
        scrapeInterval=maker.pick((None, "15s", "1m")) if online else None,
    )


def _condition(maker: Maker, segment: str | None) -> dict[str, Any]:
    return maker.free("Condition", segment=segment)


def success(maker: Maker, *, bounded: bool) -> list[dict[str, Any]]:
    """By when which number is to be reached."""
    return [maker.free("SuccessCriterion", segment=SEGMENT if bounded and maker.maybe(0.5) else None)]
