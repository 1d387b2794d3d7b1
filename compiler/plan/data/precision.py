"""How precise a metric is, by the number of observations behind it. All functions are pure; shares are from 0 to 1.

- A share: the score interval of E. B. Wilson, Probable inference, Journal of the American Statistical Association 22,
  1927. It is also valid for means of values between 0 and 1.
- The area under the ROC curve: J. A. Hanley and B. J. McNeil, The meaning and use of the area under a receiver
  operating characteristic (ROC) curve, Radiology 143, 1982.
- Sample sizes: J. L. Fleiss, Statistical Methods for Rates and Proportions, 2003, section 4.2, for one sample.
"""

from __future__ import annotations

import math

from ..distributions import normal_below, normal_quantile

__all__ = ["auc_half_width", "auc_variance", "bar", "fails_by_chance", "needed", "share_half_width"]

SURE = 0.95
"""The confidence of an interval."""

ALPHA = 0.05
"""The one-sided probability that a sample shows a drop that did not happen."""

POWER = 0.8
"""The probability that it shows one that did."""


def share_half_width(share: float, events: int, confidence: float = SURE) -> float:
    """Half of the length of Wilson's interval of a share of `events` observations."""
    z = normal_quantile((1 + confidence) / 2)
    return z / (1 + z * z / events) * math.sqrt(share * (1 - share) / events + z * z / (4 * events * events))


def auc_half_width(auc: float, positives: int, negatives: int, confidence: float = SURE) -> float:
    """Half of the length of the interval of an area under the ROC curve."""
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (first - auc * auc) + (negatives - 1) * (second - auc * auc)
    return normal_quantile((1 + confidence) / 2) * math.sqrt(spread / (positives * negatives))


def auc_variance(auc: float, rarer: float) -> float:
    """The variance of an area under the ROC curve times the rows of the rarer class, a share `rarer` of many rows."""
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    return second - auc * auc + (first - auc * auc) * rarer / (1 - rarer)


def needed(now: float, then: float, difference: float) -> int:
    """The observations that show a `difference`, if the variances of one observation are `now` and `then`."""
    deviations = normal_quantile(1 - ALPHA) * math.sqrt(now) + normal_quantile(POWER) * math.sqrt(then)
    return math.ceil((deviations / difference) ** 2)


def bar(limit: float, events: int, segments: int, *, least: bool) -> float:
    """What must be measured in a segment, so that the unfavorable end of its interval meets the limit.

    The probability of any wrong verdict among all segments is 5%, so each gets its part (Bonferroni). The end of a
    score interval is at the limit if the value is z standard errors away from it, computed at the limit.
    """
    distance = normal_quantile(1 - ALPHA / segments) * math.sqrt(limit * (1 - limit) / events)
    return limit + distance if least else limit - distance


def fails_by_chance(truth: float, asked: float, events: int, segments: int, *, least: bool) -> float:
    """The probability that at least one segment misses what is `asked`, if all of them really have the same value."""
    error = math.sqrt(truth * (1 - truth) / events)
    if not error:
        return float(truth < asked if least else truth > asked)
    each = normal_below((asked - truth) / error if least else (truth - asked) / error)
    return 1 - (1 - each) ** segments
