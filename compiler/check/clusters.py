"""Clusters: what the environments of a system share although they are in different clusters.

A tool or a server that knows both clusters takes them for one if nothing tells it which one it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from urllib.parse import urlsplit

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding
from ..part import Named
from ..plan import Plan
from ..plan.service import ServicePlan
from .deployments import IN_CLUSTER

__all__ = ["between_clusters"]


def between_clusters(plans: Iterable[Plan]) -> Iterator[Diagnostic]:
    """The findings about each two environments in clusters with different names, the first of each kind."""
    placed = [plan for plan in plans if _cluster(plan)]
    for find in (_deployed_to_one, _measured_as_one):
        for other, mine in combinations(placed, 2):
            try:
                found = find(mine, other) if _cluster(mine) != _cluster(other) else None
            except (Unavailable, Refusal):
                continue
            if found is not None:
                yield found.but(environments=(other.name, mine.name))
                break


def _cluster(plan: Plan) -> str:
    try:
        return plan.cluster.value if plan.cluster is not None else ""
    except Unavailable:
        return ""


def _deployed_to_one(mine: Plan, other: Plan) -> Diagnostic | None:
    """Applications of two clusters that have one of them as their destination."""
    gitops, theirs = mine.platform.gitops, other.platform.gitops
    if any(one.tool.value != "argocd" or one.repository is None for one in (gitops, theirs)):
        return None
    server = gitops.server
    if server.value != theirs.server.value or (server.kind != "default" and server.value == IN_CLUSTER):
        return None
    each = f"write the `server` of each cluster under `gitops` of `clusters.{_cluster(mine)}` and of "
    each += f"`clusters.{_cluster(other)}`"
    own = f"if each cluster runs its own Argo CD, write `server: {IN_CLUSTER}` under `platform.gitops`"
    return finding(
        "MLS631",
        f"Argo CD deploys `{other.name}` and `{mine.name}`, which are in different clusters, to `{server.value}`",
        server,
        mine.cluster,
        others=((mine.cluster, "one cluster"), (other.cluster, "the other one")),
        severity="warning",
        note="everything arrives in the cluster of that server, and the other one runs nothing; objects of the same "
        "names are replaced by each other with every sync",
        help=f"{each}, or, {own}" if server.kind == "default" else each,
    )


def _measured_as_one(mine: Plan, other: Plan) -> Diagnostic | None:
    """A Prometheus that has the series of two clusters, whose namespaces have the same name."""
    asked, theirs = mine.platform.prometheus, other.platform.prometheus
    url = asked.url
    if url.value != theirs.url.value or not _outside(url.value) or _headers(asked.headers) != _headers(theirs.headers):
        return None
    if mine.namespace.value != other.namespace.value or not (_queries(mine) and _queries(other)):
        return None
    tenants = ", or suppress this finding if their credentials select different tenants" if asked.auth else ""
    return finding(
        "MLS632",
        f"`{other.name}` and `{mine.name}` have the same namespace in two clusters, and ask one Prometheus",
        url,
        mine.cluster,
        others=((mine.namespace, "the same namespace"),),
        severity="warning",
        note="queries select by namespace, so an autoscaler adds the load of the other cluster to its own, and a "
        "canary is also judged by the pods of the other cluster",
        help="give each environment its own `namespace`, or write the `url` of each cluster's own Prometheus under "
        f"`prometheus` of `clusters.{_cluster(mine)}` and of `clusters.{_cluster(other)}`{tenants}",
    )


def _outside(url: str) -> bool:
    """Whether a URL is not that of a Service, whose name means another server in each cluster."""
    host = urlsplit(url).hostname or ""
    return host.count(".") > 1 and ".svc" not in f"{host}."


def _headers(given: Named[Because[str]]) -> dict[str, str]:
    return {name: value.value for name, value in given.items()}


def _queries(plan: Plan) -> bool:
    """Whether a controller asks Prometheus about this environment."""
    if not plan.runs("serving").value:
        return False
    return any(_scaled(service) or service.workload.progressive.value for service in plan.online.values())


def _scaled(service: ServicePlan) -> bool:
    return service.scaler.scales.value and service.scaler.follows.value == "queries"
