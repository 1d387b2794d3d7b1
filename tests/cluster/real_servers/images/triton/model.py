"""A model of the Python backend that takes three seconds to load, and whose first feature says what else happens."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Above 0, a first feature is the seconds to sleep; below 0, the model fails."""

    def initialize(self, _: Any) -> None:
        time.sleep(3)

    def execute(self, requests: list[Any]) -> list[Any]:
        answers = []
        for request in requests:
            first = float(pb_utils.get_input_tensor_by_name(request, "amount").as_numpy()[0])
            if first < 0:
                raise RuntimeError("the model fails")
            time.sleep(first)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("score", np.zeros(1, np.float32))]))
        return answers
