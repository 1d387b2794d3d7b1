"""An application that takes three seconds to load, and whose first feature says what else happens."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from ray import serve

api = FastAPI()


@serve.deployment
@serve.ingress(api)
class Fraud:
    """Above 0, a first feature is the seconds to sleep; below 0, the model fails."""

    async def __init__(self) -> None:
        await asyncio.sleep(3)
        self.bias = int(Path(os.environ["MLSPEC_MODEL_PATH"]).read_text())

    @api.get("/readyz")
    def ready(self) -> str:
        return "ready"

    @api.post("/predict")
    async def predict(self, amount: list[float]) -> list[int]:
        if len(amount) != 4:
            raise HTTPException(400, "four features")
        if amount[0] < 0:
            raise RuntimeError("the model fails")
        await asyncio.sleep(amount[0])
        return [self.bias]


application = Fraud.bind()
