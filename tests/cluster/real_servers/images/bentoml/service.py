"""A service that takes three seconds to load, and whose first feature says what else happens."""

from __future__ import annotations

import os
import time
from pathlib import Path

import bentoml


@bentoml.service(name="fraud")
class Fraud:
    """Above 0, a first feature is the seconds to sleep; below 0, the model fails."""

    def __init__(self) -> None:
        time.sleep(3)
        self.bias = int(Path(os.environ["MLSPEC_MODEL_PATH"]).read_text())

    @bentoml.api
    def predict(self, amount: list[float]) -> list[int]:
        if amount[0] < 0:
            raise RuntimeError("the model fails")
        time.sleep(amount[0])
        return [self.bias]
