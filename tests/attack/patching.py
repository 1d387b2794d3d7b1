"""A patch of one object, applied to an environment that is compiled once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mlspec.compiler.because import Because
from mlspec.compiler.check.claims import claims
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.link import link
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.tree import Mapping

from ..validation import load

__all__ = ["written"]


def written(environment: Environment, kind: str, name: str, patch: Mapping) -> bool:
    """Check that a patch gets a finding with a place, or that the object can be written. Returns whether it can."""
    target = SimpleNamespace(kind=Because(kind), name=Because(name))
    patches = (SimpleNamespace(target=target, reason=Because("a test"), patch=patch, merge=Because("json")),)
    system: Any = SimpleNamespace(patches=patches, platform=SimpleNamespace(ca_bundle=None), services={}, training=None)
    layered, kinds = environment.layered, environment.backends.kinds
    bundle, found = link(environment.emitted, system, layered, "mlspec.yaml", kinds)
    for one in found:
        assert one.severity == "info" or one.span.file.text, (patch, one)
    claims("x", environment.name, environment.plan.cluster, environment.plan.namespace, bundle.artifacts, ())
    if any(one.severity == "error" for one in found):
        return False
    for file in bundle.files():
        if file.artifact.object is not None and plain(file.artifact.object["kind"]) == kind:
            assert load(file.text) == plain(file.artifact.object)
    return True
