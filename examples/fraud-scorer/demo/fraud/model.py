"""The model: boosted trees of scikit-learn whose `predict` is the probability of fraud, which MLServer serves."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

__all__ = ["COUNTRIES", "FEATURES", "FraudScorer"]

FEATURES = ("amount", "country", "tx_count_1h", "account_days", "distance_km", "hour")
COUNTRIES = ("DE", "FR", "NL", "PL")


class FraudScorer(HistGradientBoostingClassifier):  # type: ignore[misc]
    """MLServer's runtime for scikit-learn calls `predict`, and a threshold on a class would hide the score."""

    def fit(self, rows: Any, labels: Any) -> FraudScorer:
        """Learn from a table with the features by name."""
        super().fit(_table(rows), labels)
        return self

    def predict(self, rows: Any) -> Any:
        """The probability of fraud of each row."""
        return self.predict_proba(_table(rows))[:, 1]


def _table(rows: Any) -> Any:
    table = pd.DataFrame(rows)[list(FEATURES)].copy()
    table["country"] = pd.Categorical(table["country"], categories=list(COUNTRIES)).codes
    return table.astype("float64")
