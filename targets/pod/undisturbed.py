"""Annotations that keep node autoscalers from evicting a pod that runs to completion.

Karpenter consolidates nodes, and Cluster Autoscaler removes those that are mostly idle. Both evict the pods there, and
a pod of a Job then starts from the beginning on another node. Neither annotation holds up a node that is lost: a cloud
reclaims a spot node all the same, and MLS441 says when that costs too much (karpenter.sh/docs/concepts/disruption;
kubernetes/autoscaler, cluster-autoscaler/FAQ.md). An ended pod holds up nothing.
"""

from __future__ import annotations

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...schema.units import Duration

__all__ = ["OFTEN", "undisturbed"]

OFTEN = Duration(15 * 60)
"""The longest time between runs that may be evicted: the next one does the work minutes later. With the annotations, a
node with one such run after the other would never be idle for the 10 minutes after which Cluster Autoscaler removes it.
"""


def undisturbed(why: str, gap: Because[Duration] | None = None) -> Body:
    """The annotations; none for runs that start every few minutes. `gap` is the time between two runs."""
    if gap is not None and gap.value <= OFTEN:
        return {}
    return {
        key: fixed(value, why) if gap is None else because(value, why, gap)
        for key, value in (
            ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
            ("karpenter.sh/do-not-disrupt", "true"),
        )
    }
