"""What tests of the gate share: a training configuration with some gates, and the output of an evaluation."""

from __future__ import annotations

from typing import Any

SHARE = {"direction": "maximize", "unit": "ratio", "min": 0.0, "max": 1.0}
ERROR = {"direction": "minimize", "unit": "number", "min": 0.0}
RIVALS = {"champion": {"recall": 0.70, "rmse": 20.0}, "naive": {"recall": 0.5}}


def config(*gates: dict[str, Any], **evaluation: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "evaluation": {"primary": "recall", **evaluation, "gates": list(gates)},
        "metrics": {"recall": SHARE, "rmse": ERROR},
        "rivals": RIVALS,
    }


def measured(segments: dict[str, Any] | None = None, rivals: dict[str, Any] | None = None, **metrics: Any) -> Any:
    more = {"segments": segments, "rivals": rivals}
    return {"version": 1, "metrics": metrics, **{key: value for key, value in more.items() if value is not None}}
