"""The user's own container: environment variables tell it where its model is and which version it serves.

An image that contains the model knows where.
"""

from __future__ import annotations

from ....compiler.because import text
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from . import Setup


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """`MLSPEC_MODEL_PATH`, `MLSPEC_MODEL_NAME`, and `MLSPEC_MODEL_VERSION`; nothing else is assumed."""
    root = service.runtime.model_path
    path = root if files.is_folder.value else text("{root}/{file}", root=root, file=files.file)
    env = {
        **({} if files.source.value == "inside" else {"MLSPEC_MODEL_PATH": path}),
        "MLSPEC_MODEL_NAME": service.model,
        "MLSPEC_MODEL_VERSION": files.release.version,
    }
    return Setup(env=env, files={}, model=root, file=files.file)
