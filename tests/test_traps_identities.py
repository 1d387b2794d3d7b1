"""An identity of another cloud leaves pods without credentials, and nothing but the store's log says so."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.plan.identities import STORES

from .rules import findings
from .support import dumped

IDENTITIES = {
    "aws": "arn:aws:iam::123456789012:role/models",
    "google": "models@example-ml.iam.gserviceaccount.com",
    "azure": "8d3f1c2a-0b1e-4c5d-9a7f-112233445566",
}
CLOUDS = {"eks": "aws", "eks-auto": "aws", "gke": "google", "aks": "azure"}
URIS = {"s3": "s3://models/7/model.onnx", "gcs": "gs://models/7/model.onnx", "azure": "az://models/7/model.onnx"}


def denied(tmp_path: Path, cloud: str, kind: str, **access: Any) -> list[Diagnostic]:
    account = {"account": "models"} if kind == "azure" else {}
    own = {"kind": kind, "serviceAccount": "models", **account, **access}
    spec = {
        "platform": {"cloud": cloud},
        "access": {"store": own},
        "release": {"artifact": {"uri": URIS[kind], "access": "store"}},
    }
    return findings(tmp_path, "MLS906", dumped(spec))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_identities_of_its_own_cloud_give_a_pod_credentials(tmp_path: Path, cloud: str) -> None:
    for (kind, store), provider in product(STORES.items(), IDENTITIES):
        found = denied(tmp_path, cloud, kind, identity=IDENTITIES[provider])
        assert bool(found) == (CLOUDS[cloud] != store or provider != store), (kind, provider)
        for one in found:
            own = one.help.startswith("set `identity`")
            assert own == (CLOUDS[cloud] == store)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_account_without_an_identity_gets_those_that_its_cloud_binds_itself(tmp_path: Path, cloud: str) -> None:
    """EKS Pod Identity and GKE know the account by its name. Azure's webhook needs the ID of a client."""
    quiet = {kind for kind in STORES if not denied(tmp_path, cloud, kind)}
    assert quiet == {"eks": {"s3"}, "eks-auto": {"s3"}, "gke": {"gcs"}, "aks": set()}[cloud]


@pytest.mark.parametrize("cloud", ["none", "openshift"])
def test_a_cluster_that_no_cloud_runs_may_have_any_webhook(tmp_path: Path, cloud: str) -> None:
    for kind, provider in product(STORES, (None, *IDENTITIES)):
        assert denied(tmp_path, cloud, kind, **({"identity": IDENTITIES[provider]} if provider else {})) == []


def test_a_secret_and_a_store_with_an_endpoint_need_no_identity(tmp_path: Path) -> None:
    assert denied(tmp_path, "gke", "s3", secret="models-keys") == []
    assert denied(tmp_path, "gke", "s3", endpoint="https://minio.example.com") == []
    assert len(denied(tmp_path, "gke", "s3", endpoint="https://minio.example.com", identity=IDENTITIES["aws"])) == 1


def test_a_platform_that_installs_the_webhook_of_another_cloud_says_so(tmp_path: Path) -> None:
    spec = {
        "platform": {"cloud": "gke", "clouds": {"gke": {"identities": ["google", "aws"]}}},
        "access": {"store": {"kind": "s3", "serviceAccount": "models", "identity": IDENTITIES["aws"]}},
        "release": {"artifact": {"uri": URIS["s3"], "access": "store"}},
    }
    assert findings(tmp_path, "MLS906", dumped(spec)) == []
