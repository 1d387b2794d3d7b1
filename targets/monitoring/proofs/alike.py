"""Alerts of one name that read the same series, such as a ticket and a page on the same metric.

promtool compares all alerts of a name at once, and a scene knows only its own. So these scenes ask for the alert by the
labels that tell it from the others. With equal labels, nothing would, and its scenes are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from ....compiler.because import Because
from ..proof import Alert, Proof, Scene

__all__ = ["distinguished", "labels_of"]


def distinguished(alerts: Sequence[Alert]) -> None:
    """Change the proofs of alerts in whose scenes another alert of the same name may fire.

    Each proof is made when it is read, with those of all others.
    """
    own = tuple((alert, alert.prove) for alert in alerts)

    @cache
    def proofs() -> tuple[Proof | None, ...]:
        return _distinguished([(alert, prove()) for alert, prove in own])

    for index, alert in enumerate(alerts):
        alert.prove = partial(_at, index, proofs)


_Proven = tuple[Alert, Proof | None]


def _at(index: int, proofs: Callable[[], tuple[Proof | None, ...]]) -> Proof | None:
    return proofs()[index]


def _distinguished(alerts: Sequence[_Proven]) -> tuple[Proof | None, ...]:
    named: dict[str, list[_Proven]] = {}
    for one in alerts:
        named.setdefault(one[0]["alert"], []).append(one)
    return tuple(_alone(one, [other for other in named[one[0]["alert"]] if other is not one]) for one in alerts)


def _alone(one: _Proven, others: Sequence[_Proven]) -> Proof | None:
    """The proof of an alert, which asks for it by its labels if another alert of its name reads its scenes."""
    alert, proof = one
    readers = [other for other, its in others if _reads(other, its, alert, proof)]
    if proof is None or not readers:
        return proof
    told = _told_by(alert, readers)
    return proof.but(scenes=tuple(_asked(scene, told) for scene in proof.scenes)) if told else None


def _reads(other: Alert, its: Proof | None, alert: Alert, own: Proof | None) -> bool:
    """Whether an alert on a metric of the model reads series of another one's scenes."""
    if "metric" not in alert["labels"] or its is None or own is None:
        return False
    if its.watched & own.watched:
        return True
    return _grouped(other, its) and not _grouped(alert, own) and bool(_metrics(its) & _metrics(own))


def _metrics(proof: Proof) -> set[str]:
    return {series.partition("{")[0] for series in proof.watched}


def _grouped(alert: Alert, proof: Proof) -> bool:
    """Whether the alert is on every group of a metric, rather than on a part of the rows."""
    each = [fired for scene in proof.scenes for check in scene.checks for fired in check.fired]
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
    return scene.but(checks=tuple(check._replace(among=told) for check in scene.checks))
