"""A scikit-learn model that takes three seconds to load, and whose first feature says what else happens."""

from __future__ import annotations

import sys
import time
from typing import Any

import joblib
from sklearn.linear_model import LogisticRegression


class Sleepy(LogisticRegression):  # type: ignore[misc]
    """Above 0, a first feature is the seconds to sleep; below 0, the model fails."""

    def predict(self, rows: Any) -> Any:
        first = float(rows[0][0])
        if first < 0:
            raise RuntimeError("the model fails")
        time.sleep(first)
        return super().predict(rows)

    def __setstate__(self, state: dict[str, Any]) -> None:
        time.sleep(3)
        super().__setstate__(state)


if __name__ == "__main__":
    from sleepy import Sleepy as Importable

    joblib.dump(Importable().fit([[0, 0, 0, 0], [1, 1, 1, 1]], [0, 1]), sys.argv[1])
