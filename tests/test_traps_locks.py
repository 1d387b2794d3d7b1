"""The traps of locks: what the platform locks has to hold whatever a spec, an environment, or `--set` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.api import Result

from .support import MINIMAL, compile_text

PLATFORM = """
apiVersion: mlspec/v1
kind: Platform
metadata: {name: example, owner: platform}
spec: {monitoring: {slo: {window: 7d}}, data: {sources: [{name: scans, owner: archive, ingestion: batch}]}}
platform:
  gateway: {name: internal, namespace: gateways, provider: istio}
  network: {policies: true, dns: {namespace: kube-system}}
  policies:
    severity: {MLS505: "off"}
    locked:
      - platform.gateway.namespace
      - monitoring.slo.window
      - platform.network.policies
      - data.sources.scans.owner
"""

LOCKED = {
    "platform.gateway.namespace": ["platform.gateway"],
    "monitoring.slo.window": ["monitoring", "monitoring.slo"],
    "platform.network.policies": ["platform.network"],
    "platform.policies": ["platform.policies", "platform.policies.severity", "platform.policies.locked"],
    "data.sources.scans.owner": ["data", "data.sources"],
}
"""Locked paths, and what is at or above each of them."""

VALUES = ("", "null", "5", "[]", "[x]")

CASES = [
    (lock, parent, value)
    for lock, parents in LOCKED.items()
    for parent in parents
    for value in VALUES
    if parent != "data.sources" or value[:1] != "["  # lists with names merge, so this one removes nothing
]


def broken(result: Result) -> set[str]:
    """The locks that are broken."""
    found = [one for one in result.diagnostics if one.id == "MLS014"]
    assert all(one.severity == "error" and one.span.file.text for one in found)
    return {one.message.split("`")[1] for one in found}


def at(path: str, value: str) -> str:
    """A spec with one value, on one line."""
    first, *steps = path.split(".")
    return f"{first}: " + "".join(f"{{{step}: " for step in steps) + f"{value} " + "}" * len(steps)


def test_a_spec_that_changes_nothing_breaks_no_lock(tmp_path: Path) -> None:
    assert broken(compile_text(tmp_path, platform=PLATFORM)) == set()
    same = at("platform.gateway", "{namespace: gateways, name: other}")
    assert broken(compile_text(tmp_path, f"{MINIMAL}{same}\n", platform=PLATFORM)) == set()


@pytest.mark.parametrize("place", ["spec", "environment", "--set"])
@pytest.mark.parametrize(("lock", "parent", "value"), CASES)
def test_trap_a_lock_is_evaded_above_the_locked_path(
    lock: str, parent: str, place: str, value: str, tmp_path: Path
) -> None:
    text = MINIMAL
    settings: tuple[str, ...] = ()
    if place == "--set":
        settings = (f"{parent}={value}",)
    elif place == "spec":
        text += at(parent, value)
    else:
        text += f"environments: {{production: {{spec: {{{at(parent, value)}}}}}}}"
    assert lock in broken(compile_text(tmp_path, f"{text}\n", platform=PLATFORM, settings=settings))


def test_trap_a_changed_discriminator_drops_what_is_locked_below_it(tmp_path: Path) -> None:
    """Another `kind` replaces the whole access entry, and with it a value that the platform locks."""
    locked = PLATFORM.replace("- monitoring.slo.window", "- access.store.serviceAccount").replace(
        "spec: {", "spec: {access: {store: {kind: s3, serviceAccount: shared}}, "
    )
    other = "access: {store: {kind: http, secret: own}}"
    assert broken(compile_text(tmp_path, platform=locked)) == set()
    assert broken(compile_text(tmp_path, f"{MINIMAL}{other}\n", platform=locked)) == {"access.store.serviceAccount"}
