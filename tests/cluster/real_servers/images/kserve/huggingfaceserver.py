"""A stand-in for KServe's Hugging Face server: its arguments, and the same server around another model.

The original is python/huggingfaceserver in KServe's repository. It needs torch and vLLM, and is not on PyPI.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import kserve
from kserve.errors import InvalidInput

parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
parser.add_argument("--model_dir", default="/mnt/models")
parser.add_argument("--backend", default="auto", choices=["auto", "huggingface", "vllm"])


class Fraud(kserve.Model):
    """Above 0, a first feature is the seconds to sleep; below 0, the model fails."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name)
        self.folder = Path(folder)

    def load(self) -> bool:
        time.sleep(3)
        self.bias = int((self.folder / "model.safetensors").read_text())
        self.ready = True
        return True

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        data = payload.inputs[0].data
        if len(data) != 4:
            raise InvalidInput("four features")
        if data[0] < 0:
            raise RuntimeError("the model fails")
        time.sleep(data[0])  # the original calls torch here, which blocks the event loop as well
        output = kserve.InferOutput("score", [1], "INT64", [self.bias])
        return kserve.InferResponse(response_id="1", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    args, _ = parser.parse_known_args()
    server = kserve.ModelServer()
    model = Fraud(args.model_name, args.model_dir)
    model.load()
    server.start([model])
