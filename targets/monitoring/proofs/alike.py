"""Alerts of one name that read the same series, such as a ticket and a page on the same metric.

promtool compares all alerts of a name at once, and a scene knows only its own. So these scenes ask for the alert by the
labels that tell it from the others. With equal labels, nothing would, and its scenes are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....compiler.because import Because
from ....compiler.promql import within_quotes
from ....compiler.scenes.served import Flow
from ..proof import Alert, Check, Proof, Scene

__all__ = ["distinguished", "labels_of"]


def distinguished(alerts: Sequence[Alert]) -> None:
    """Change the proofs of alerts in whose scenes another alert of the same name may fire."""
    proofs = {id(alert): alert.proof for alert in alerts}
    for alert in alerts:
        others = [other for other in alerts if other is not alert and _reads(other, alert)]
        proof = alert.proof
        if proof is not None and others:
            told = _told_by(alert, others)
            proofs[id(alert)] = proof.but(scenes=tuple(_asked(scene, told) for scene in proof.scenes)) if told else None
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


def _told_by(alert: Alert, others: Sequence[Alert]) -> dict[str, str]:
    """The labels of an alert that tell it from all others; none if one of them has the same."""
    own, its = labels_of(alert), [labels_of(other) for other in others]
    found = {key: value for key, value in own.items() if any(one.get(key) != value for one in its)}
    told = all(any(one.get(key) != value for key, value in found.items()) for one in its)
    return found if told else {}


def labels_of(alert: Alert) -> dict[str, str]:
    """The labels that an alert always has."""
    found = {key: label.value if isinstance(label, Because) else label for key, label in alert["labels"].items()}
    return {key: str(value) for key, value in found.items() if value is not None}


def _asked(scene: Scene, told: dict[str, str]) -> Scene:
    """The same scene, which asks for the alert by these labels."""
    return scene.but(checks=tuple(_by(told, check) for check in scene.checks))


def _by(told: dict[str, str], check: Check) -> Check:
    labels = {"alertname": check.name, "alertstate": "firing", **told}
    match = ",".join(f'{key}="{within_quotes(value)}"' for key, value in labels.items())
    return Check(minute=check.minute, name="", query=f"max(ALERTS{{{match}}})", nothing=not check.fired)
