"""The servers: what the image of each adds to the pod, its model, and how it is asked.

All models understand the same requests: a first feature above 0 is the seconds that the model sleeps; below 0, the
model fails. Loading takes three seconds, so that what a server says meanwhile can be seen.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .container import Image
from .environments import environment, version_of

__all__ = ["SERVERS", "Server"]

IMAGES = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Server:
    """One server."""

    package: str
    """The package that contains it."""
    make: Callable[[Path], tuple[Image, Path]]
    """Create the image's part of the container and the model's folder, in a scratch folder."""
    path: str
    """The path of inference requests."""
    body: Callable[[float], Any]
    """The body of an inference request, from its first feature."""
    output: Callable[[Any], Any]
    """The model's output, from the answer."""
    mistakes: tuple[tuple[str, Any, int], ...]
    """Requests that are wrong, as path and body, with the status of the answer."""
    failure: int = 500
    """The status of the answer when the model fails."""
    changes: dict[str, object] = field(default_factory=dict)
    """What differs from the spec in tests/online.py."""
    uncounted: int = 0
    """How many of the mistakes the metrics do not show at all."""
    lag: float = 0.0
    """How many seconds after an answer the metrics have it."""

    def version(self, runtime: str) -> str:
        """The version that runs."""
        return version_of(runtime, self.package)


def _v2(first: float, features: int = 4) -> Any:
    row = [first, *(0.0 for _ in range(features - 1))]
    return {"inputs": [{"name": "amount", "shape": [1, features], "datatype": "FP32", "data": row}]}


def _mlserver(folder: Path) -> tuple[Image, Path]:
    """The image's default command is a shell; the pod replaces it. Its model's code is on its path."""
    programs, code, model = environment("mlserver"), IMAGES / "mlserver", folder / "model"
    model.mkdir()
    subprocess.run([programs / "bin" / "python", code / "sleepy.py", model / "model.joblib"], cwd=code, check=True)
    return Image(programs, env={"PYTHONPATH": "/opt/code"}, files={"/opt/code": code}), model


SERVERS = {
    "mlserver": Server(
        package="mlserver",
        make=_mlserver,
        path="/v2/models/fraud/infer",
        body=_v2,
        output=lambda answer: answer["outputs"][0]["data"],
        mistakes=(
            ("/v2/models/fraud/infer", "{", 422),
            ("/v2/models/fraud/infer", {"inputs": []}, 400),
            ("/v2/models/fraud/infer", _v2(0, features=3), 500),  # nothing checks the `inputs` of its model
            ("/v2/models/other/infer", _v2(0), 404),
        ),
    ),
}
