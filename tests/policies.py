"""What tests of network policies share: their rules, and systems with several parts that connect to each other."""

from __future__ import annotations

from typing import Any

from . import retraining
from .online import DIGEST, Emitted, spec
from .support import changed


def policy(made: Emitted) -> dict[str, Any]:
    found: dict[str, Any] = made.one("NetworkPolicy")["spec"]
    return found


def ports(rule: dict[str, Any]) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def reached(made: Emitted) -> set[int]:
    """The ports that are allowed for any address, except those of DNS, whose rule comes first."""
    return {port for rule in policy(made)["egress"][1:] if "to" not in rule for port in ports(rule)}


IMAGE: dict[str, Any] = {
    "platform__kubernetes": "1.35",
    "release__artifact__uri": "oci://registry.example.com/fraud/model:7",
    "release__artifact__access": None,
    "access__store": None,
}
"""A model that the node pulls, so that the pod itself downloads nothing."""


def named(made: Emitted) -> list[dict[str, Any]]:
    """The rules for certain pods or addresses."""
    return [rule for rule in policy(made)["egress"] if "to" in rule]


def blocks(rule: dict[str, Any]) -> list[str]:
    return [peer["ipBlock"]["cidr"] for peer in rule["to"] if "ipBlock" in peer]


def namespaces(rule: dict[str, Any]) -> list[str]:
    selectors = [peer["namespaceSelector"] for peer in rule["to"] if "namespaceSelector" in peer]
    return [selector["matchLabels"]["kubernetes.io/metadata.name"] for selector in selectors]


BATCH = {
    "mode": "batch",
    "image": f"registry.example.com/fraud/score:14@{DIGEST}",
    "schedule": "0 4 * * *",
    "input": {"uri": "s3://lake/in/"},
    "output": {"uri": "s3://lake/out/"},
}


def trains(**training: object) -> dict[str, Any]:
    """What a system that also trains its model adds to a spec, without any access."""
    whole = retraining.spec()
    own = {key: value for key, value in whole["training"].items() if key not in ("tracking", "access")}
    source = {**whole["data"]["sources"][1], "uri": "https://lake.example.com/chargebacks"}
    del source["access"]
    return {
        "data": {**whole["data"], "sources": [source]},
        "evaluation": {"primary": "roc_auc", "gates": [{"metric": "roc_auc", "versus": "naive", "margin": "2%"}]},
        "model__candidates": whole["model"]["candidates"],
        "training": {
            **own,
            "image": f"registry.example.com/fraud/train:1@{DIGEST}",
            "steps": {name: {"command": ["python", "-m", f"fraud.{name}"]} for name in ("train", "evaluate")},
            **training,
        },
        "platform": retraining.PLATFORM["platform"],
    }


def calling(caller: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
    """A service `fraud-embedder`, an API that calls it, and others by name."""
    made = spec(access__embedder={"kind": "service", "service": "embedder"})
    serving = made.pop("serving")
    made["services"] = {"api": {**serving, "access": ["embedder"]}, "embedder": {**serving, "endpoint": {}}}
    if caller is not None:
        made["services"]["api"] = caller
    return changed(made, **changes)


def of_service(made: Emitted, name: str) -> dict[str, Any]:
    found: dict[str, Any] = made.one("NetworkPolicy", name)["spec"]
    return found
