"""Alerts of one name that read the same series, such as a ticket and a page on the same metric.

promtool compares all alerts of a name at once, and a scene knows only its own. So these scenes ask for the alert by its
severity. With equal labels, nothing distinguishes two alerts, and their scenes are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....compiler.scenes.served import Flow
from ..proof import Alert, Check, Proof, Scene

__all__ = ["distinguished"]


def distinguished(alerts: Sequence[Alert]) -> None:
    """Change the proofs of alerts in whose scenes another alert of the same name may fire."""
    proofs = {id(alert): alert.proof for alert in alerts}
    for alert in alerts:
        others = [other for other in alerts if other is not alert and _reads(other, alert)]
        proof = alert.proof
        if proof is not None and others:
            severity = alert["labels"]["severity"]
            unique = all(other["labels"]["severity"] != severity for other in others)
            asked = tuple(_asked(scene, severity) for scene in proof.scenes)
            proofs[id(alert)] = proof.but(scenes=asked) if unique else None
    for alert in alerts:
        alert.proof = proofs[id(alert)]


def _reads(other: Alert, alert: Alert) -> bool:
    """Whether an alert on a metric of the model reads series of another one's scenes."""
    if other["alert"] != alert["alert"] or "metric" not in alert["labels"] or other.proof is None:
        return False
    if alert.proof is None:
        return False
    its, own = _series(other.proof), _series(alert.proof)
    names = {name.partition("{")[0] for name in its} & {name.partition("{")[0] for name in own}
    return bool(its & own) or (bool(names) and _grouped(other) and not _grouped(alert))


def _series(proof: Proof) -> set[str]:
    return set(proof.healthy([Flow(minutes=10, rate=1)]))


def _grouped(alert: Alert) -> bool:
    """Whether the alert is on every group of a metric, rather than on a part of the rows."""
    scenes = alert.proof.scenes if alert.proof is not None else ()
    each = [fired for scene in scenes for check in scene.checks for fired in check.fired]
    return "segment" not in alert["labels"] and any(one.labels for one in each)


def _asked(scene: Scene, severity: str) -> Scene:
    """The same scene, which asks for the alert by its severity."""
    return scene.but(checks=tuple(_by(severity, check) for check in scene.checks))


def _by(severity: str, check: Check) -> Check:
    query = f'max(ALERTS{{alertname="{check.name}",alertstate="firing",severity="{severity}"}})'
    return Check(minute=check.minute, name="", query=query, nothing=not check.fired)
