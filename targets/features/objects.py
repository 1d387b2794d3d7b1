"""The objects next to the CronJob: a ServiceAccount with only the required permissions, and a NetworkPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.data.store import StorePlan
from ...compiler.system import DynamoStore
from .. import naming
from ..pod import access
from ..pod.access import Grant
from ..pod.egress import egress
from ..pod.sharing import of_services, of_training, users
from .config import COMPONENT, labels
from .repository import dynamo_url

__all__ = ["grants", "network_policy", "service_account"]


def grants(store: StorePlan) -> list[Grant]:
    """Every access of the job: the sources of its views, its tables, and the online store."""
    online = store.part.online
    read = [view.access for view in store.views]
    used = access.stores(store.scope, *read, store.part.tables.access, online.access if online is not None else None)
    return access.granted(store.scope, used)


def service_account(store: StorePlan, plan: Plan) -> Iterator[Artifact]:
    """The identity of the pods. If a service or training uses the same ServiceAccount, another target writes it."""
    scope, allowed = store.scope, grants(store)
    name = access.account_of(allowed, store.name)
    others = {**of_services(plan), **of_training(plan)}
    if name.value in others:
        return
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(scope, name, labels(store), access.identity_annotations(access.identity(allowed))),
        "automountServiceAccountToken": fixed(False, "the job does not use the API server"),
    }
    why = because(
        "ServiceAccount", "the job gets an identity without other permissions", store.part.image, name, users(plan)
    )
    yield Artifact(path=naming.path_of(scope, "features", "ServiceAccount", name), body=body, why=why)


def network_policy(store: StorePlan) -> Iterator[Artifact]:
    """The job accepts no connections. It connects to its sources, its tables, and the online store."""
    scope = store.scope
    if not scope.platform.network.policies.value:
        return
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, store.name, labels(store)),
        "spec": {
            "podSelector": {"matchLabels": naming.selector(scope, COMPONENT, store.name)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": egress(scope, _addresses(store), grants(store)),
        },
    }
    why = because("NetworkPolicy", "limits what the job may connect to", scope.platform.network.policies, store.name)
    yield Artifact(path=naming.path_of(scope, "features", "NetworkPolicy", store.name), body=body, why=why)


def _addresses(store: StorePlan) -> Iterator[Because[str]]:
    yield from (view.uri for view in store.views)
    yield store.part.tables.uri
    online = store.part.online
    if isinstance(online, DynamoStore):
        yield dynamo_url(online)
    elif online is not None and online.access is None:
        yield text("{type}://{address}", type=online.type, address=online.address)
