"""What tests of fine-tuning share: a spec that fine-tunes a language model, and its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .retraining import objects, steps

__all__ = ["CHAT", "ROWS", "model", "settings", "train"]

ROWS: dict[str, Any] = {"files": "train/*.parquet", "maxLength": 4096, "revision": "0e9e39f"}

CHAT: dict[str, Any] = {
    "training__steps__train": {},
    "training__fineTuning": ROWS,
    "training__resources__accelerator": {"type": "l4", "count": 1},
}
"""Examples that the author's `validate` step writes, and one accelerator."""


def model(method: str = "qlora", base: str | None = "hf://meta-llama/Llama-3.1-8B-Instruct") -> dict[str, Any]:
    """The changes of the model."""
    tuning = {"method": method} if base is None else {"method": method, "base": base}
    return {"model__llm": {"family": "llama-3.1-8b", "tuning": tuning}}


def settings(tmp_path: Path, **changes: object) -> dict[str, Any]:
    """The settings as TRL reads them: with PyYAML, which is YAML 1.1."""
    found: dict[str, Any] = yaml.safe_load(objects(tmp_path, **changes)["ConfigMap"]["data"]["trl.yaml"])
    return found


def train(tmp_path: Path, **changes: object) -> dict[str, Any]:
    """The container of the step `train`."""
    return steps(tmp_path, **changes)["train"]
