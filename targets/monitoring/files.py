"""The files of some groups of rules: for the Prometheus Operator, as a plain rule file, and the tests of the latter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ...compiler.because import Because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.scope import Scope
from .. import naming

__all__ = ["rule_files"]


def rule_files(
    scope: Scope,
    name: Because[str],
    groups: Sequence[Body | Because[Body]],
    why: Because[str],
    rates: Sequence[Because[float]] = (),
) -> Iterator[Artifact]:
    """The same groups twice. `rates` are those of a healthy system, in requests per second, which its tests imitate."""
    labels = {**naming.labels(scope, "rules", name), **scope.platform.prometheus.labels}
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": naming.metadata(scope, name, labels),
        "spec": {"groups": groups},
    }
    yield Artifact(path=naming.path_of(scope, "monitoring", "PrometheusRule", name), body=body, why=why)
    yield Artifact(
        path=naming.path_of(scope, "monitoring", "Rules", name),
        body={"groups": groups},
        why=why,
        more=partial(_tests, scope, name, groups, rates),
    )


def _tests(
    scope: Scope, name: Because[str], groups: Sequence[Body | Because[Body]], rates: Sequence[Because[float]]
) -> Iterator[Artifact]:
    from .unit_tests import unit_tests  # most commands do not write them

    return unit_tests(scope, name, groups, rates)
