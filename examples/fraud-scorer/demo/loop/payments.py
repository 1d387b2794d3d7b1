"""The world: payments with what a bank knows of them, and whether each turns out to be fraud.

Everything is drawn from one seed. Payments that the rules of the bank decide are not here, which is why 8% are fraud.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["COLUMNS", "Payments", "World"]

COLUMNS = ("amount", "country", "tx_count_1h", "account_days", "distance_km", "hour")

Payments = dict[str, Any]
"""Columns of equal length: those above, and `is_fraud`."""

HOURS = np.array([2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 6, 5, 4, 3], dtype=float)


class World:
    """Draws payments. `new` is the share of them that come from the new market, with the fraud of that market."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def payments(self, rows: int, new: float = 0.0) -> Payments:
        """Payments of the known customers and of the new market, mixed."""
        there = self._random.random(rows) < new
        drawn = self._customers(rows, there)
        known, added = _chance(self._known_fraud(drawn)), _chance(self._new_fraud(drawn))
        chance = np.where(there, 1 - (1 - known) * (1 - added), known)
        drawn["is_fraud"] = (self._random.random(rows) < chance).astype(np.int64)
        return drawn

    def _customers(self, rows: int, there: Any) -> Payments:
        """A new market: another country, younger accounts, and shops that are farther away."""
        draw = self._random
        country = np.where(
            there,
            draw.choice(["DE", "FR", "NL", "PL"], rows, p=[0.05, 0.05, 0.05, 0.85]),
            draw.choice(["DE", "FR", "NL", "PL"], rows, p=[0.45, 0.27, 0.2, 0.08]),
        )
        return {
            "amount": np.round(np.clip(draw.lognormal(4.0, 0.9, rows), 1.0, 4000.0), 2),
            "country": country,
            "tx_count_1h": draw.poisson(1.2, rows).astype(np.int64),
            "account_days": np.round(draw.exponential(np.where(there, 250.0, 700.0)), 1),
            "distance_km": np.round(draw.exponential(np.where(there, 160.0, 40.0)), 1),
            "hour": draw.choice(24, rows, p=HOURS / HOURS.sum()).astype(np.int64),
        }

    @staticmethod
    def _known_fraud(drawn: Payments) -> Any:
        """Large amounts, many payments within an hour, and the night."""
        large = np.log(drawn["amount"]) - 4.0
        night = (drawn["hour"] < 6).astype(float)
        return -5.5 + 1.9 * large + 1.15 * drawn["tx_count_1h"] + 1.5 * night

    @staticmethod
    def _new_fraud(drawn: Payments) -> Any:
        """Stolen cards are tried with small amounts, at shops that are far away, by day and night."""
        small = 4.0 - np.log(drawn["amount"])
        return -5.9 + 1.9 * small + 0.013 * drawn["distance_km"]


def _chance(odds: Any) -> Any:
    """The probability with these log odds."""
    return 1 / (1 + np.exp(-odds))
