"""The servers: what the image of each adds to the pod, its model, and how it is asked.

All models understand the same requests: a first feature above 0 is the seconds that the model sleeps; below 0, the
model fails. Loading takes three seconds, so that what a server says meanwhile can be seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .container import Image
from .environments import environment, version_of

__all__ = ["IMAGES", "SERVERS", "Server"]

IMAGES = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Mistake:
    """A request that is wrong."""

    path: str
    body: Any
    status: int
    """The status of the answer."""
    counted: bool = True
    """Whether the metrics show it at all."""


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
    mistakes: tuple[Mistake, ...]
    failure: int = 500
    """The status of the answer when the model fails."""
    drains: bool = True
    """Whether the server finishes requests after SIGTERM."""
    slots: int = 1
    """How many requests a replica works on at once, in the spec."""
    changes: dict[str, object] = field(default_factory=dict)
    """What differs from the spec in tests/online.py."""
    lag: float = 0.0
    """How many seconds after an answer the metrics have it."""

    @property
    def version(self) -> str:
        """The version that runs."""
        return version_of(self.package)


def _v2(first: float, features: int = 4) -> Any:
    row = [first, *(0.0 for _ in range(features - 1))]
    return {"inputs": [{"name": "amount", "shape": [1, features], "datatype": "FP32", "data": row}]}


def _mlserver(folder: Path) -> tuple[Image, Path]:
    """The image's default command is a shell; the pod replaces it. Its model's code is on its path."""
    programs, code, model = environment("mlserver"), IMAGES / "mlserver", folder / "model"
    model.mkdir()
    subprocess.run([programs / "bin" / "python", code / "sleepy.py", model / "model.joblib"], cwd=code, check=True)
    return Image(programs, env={"PYTHONPATH": "/opt/code"}, files={"/opt/code": code}), model


def _file(folder: Path, name: str, text: str = "0") -> Path:
    model = folder / "model"
    model.mkdir()
    (model / name).write_text(text)
    return model


def _bentoml(folder: Path) -> tuple[Image, Path]:
    """What `bentoml containerize` puts into an image: the Bento, the entry point, the Dockerfile's variables."""
    programs, home = environment("bentoml"), folder / "home"
    build: list[str | Path] = [programs / "bin" / "bentoml", "build", "--output", "tag", IMAGES / "bentoml"]
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PATH": os.environ["PATH"]}
    subprocess.run(build, env=own, check=True, capture_output=True)
    (bento,) = (home / "bentos" / "fraud").glob("*/")
    (bento / "env" / "docker" / "entrypoint.sh").chmod(0o755)
    dockerfile = (bento / "env" / "docker" / "Dockerfile").read_text()
    path = "/home/bentoml/bento"
    assert f"ARG BENTO_PATH={path}\n" in dockerfile
    env = dict(re.findall(r"^ENV (BENTO\w+)=([^$\n]+)$", dockerfile, re.MULTILINE))
    (entrypoint,) = re.findall(r'^ENTRYPOINT \[ "(.+)" \]$', dockerfile, re.MULTILINE)
    image = Image(
        programs,
        entrypoint=(entrypoint,),
        env={**env, "BENTO_PATH": path, "BENTOML_DO_NOT_TRACK": "True"},
        files={path: bento},
        folder=path,
    )
    return image, _file(folder, "model.onnx")


def _ray(folder: Path) -> tuple[Image, Path]:
    """The image that the catalog asks for: Ray, then the application."""
    code = IMAGES / "ray-serve"
    image = Image(
        environment("ray-serve"),
        entrypoint=("sh", "/opt/code/start.sh"),
        env={"RAY_metrics_report_interval_ms": "1000"},  # instead of every ten seconds, so that tests need not wait
        files={"/opt/code": code},
        folder="/opt/code",
    )
    return image, _file(folder, "model.onnx")


def _kserve(folder: Path) -> tuple[Image, Path]:
    """The entry point of `python/huggingface_server.Dockerfile`, with our own model."""
    image = Image(
        environment("kserve"),
        entrypoint=("python3", "-m", "huggingfaceserver"),
        env={"PYTHONPATH": "/opt/code"},
        files={"/opt/code": IMAGES / "kserve"},
    )
    return image, _file(folder, "model.safetensors")


def _triton(folder: Path) -> tuple[Image, Path]:
    """The binary in NVIDIA's wheel, where the official image has it, whose entry point runs its arguments."""
    programs, image, model = environment("triton"), folder / "image", folder / "model"
    (packages,) = programs.glob("lib/python*/site-packages")
    shutil.copytree(packages / "pytriton" / "tritonserver", image)
    version = ".".join(map(str, sys.version_info[:2]))
    stub = "triton_python_backend_stub"
    shutil.copy(image / "python_backend_stubs" / version / stub, image / "backends" / "python" / stub)
    model.mkdir()
    shutil.copy(IMAGES / "triton" / "model.py", model)
    libraries = (packages / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR"))
    env = {
        "PATH": f"/opt/tritonserver/bin:{programs / 'bin'}:/usr/bin:/bin",
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PYTHONPATH": str(packages),
    }
    return Image(programs, env=env, files={"/opt/tritonserver": image}), model


SERVERS = {
    "mlserver": Server(
        package="mlserver",
        make=_mlserver,
        path="/v2/models/fraud/infer",
        body=_v2,
        output=lambda answer: answer["outputs"][0]["data"],
        slots=2,
        changes={"serving__serviceTime": {"mean": "2ms", "at": 2}},
        mistakes=(
            Mistake("/v2/models/fraud/infer", "{", 422),
            Mistake("/v2/models/fraud/infer", {"inputs": []}, 400),
            Mistake("/v2/models/fraud/infer", _v2(0, features=3), 500),  # nothing checks the `inputs` of its model
            Mistake("/v2/models/other/infer", _v2(0), 404),
        ),
    ),
    "bentoml": Server(
        package="bentoml",
        make=_bentoml,
        path="/predict",
        body=lambda first: {"amount": [first, 0, 0, 0]},
        output=lambda answer: answer,
        mistakes=(
            Mistake("/predict", "{", 400),
            Mistake("/predict", {"other": 1}, 400),
            Mistake("/other", {"amount": [0, 0, 0, 0]}, 404, counted=False),
        ),
    ),
    "ray-serve": Server(
        package="ray",
        make=_ray,
        path="/predict",
        body=lambda first: [first, 0, 0, 0],
        output=lambda answer: answer,
        mistakes=(
            Mistake("/predict", "{", 422),
            Mistake("/predict", [1], 400),
            Mistake("/other", [0, 0, 0, 0], 404),
        ),
        lag=4,
        drains=False,
    ),
    "kserve-huggingface": Server(
        package="kserve",
        make=_kserve,
        path="/v2/models/fraud/infer",
        body=_v2,
        output=lambda answer: answer["outputs"][0]["data"],
        mistakes=(
            Mistake("/v2/models/fraud/infer", "{", 422, counted=False),
            Mistake("/v2/models/fraud/infer", _v2(0, features=3), 400),
            Mistake("/v2/models/other/infer", _v2(0), 404, counted=False),
        ),
    ),
    "triton": Server(
        package="nvidia-pytriton",
        make=_triton,
        path="/v2/models/fraud/infer",
        body=lambda first: {"inputs": [{"name": "amount", "shape": [4], "datatype": "FP32", "data": [first, 0, 0, 0]}]},
        output=lambda answer: answer["outputs"][0]["data"],
        mistakes=(
            Mistake("/v2/models/fraud/infer", "{", 500, counted=False),
            Mistake("/v2/models/fraud/infer", _v2(0, features=3), 400, counted=False),
            Mistake("/v2/models/other/infer", _v2(0), 404, counted=False),
        ),
        slots=2,
        changes={
            "constraints__latency": None,
            "serving__serviceTime": {"mean": "2ms", "at": 2},
            "release__artifact__uri": "s3://models/fraud/7/model.py",
            "release__artifact__format": "python",
        },
    ),
}
