"""The traps of ServiceAccounts: the account of a pod, its identity in a cloud, and accounts that services share."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from .batch import spec as batch_spec
from .online import DIGEST, Emitted, emitted, errors, of, refused, spec, two_services
from .support import compile_text, minimal

AWS = "arn:aws:iam::123456789012:role/fraud-models"
GOOGLE = "fraud-models@example.iam.gserviceaccount.com"
AZURE = "0a1b2c3d-0000-4000-8000-123456789abc"

# Identities


@pytest.mark.parametrize(
    ("uri", "access", "annotation"),
    [
        ("s3://m/7.onnx", {"kind": "s3", "identity": AWS}, "eks.amazonaws.com/role-arn"),
        ("gs://m/7.onnx", {"kind": "gcs", "identity": GOOGLE}, "iam.gke.io/gcp-service-account"),
        (
            "azure://m/7.onnx",
            {"kind": "azure", "account": "mlmodels", "identity": AZURE},
            "azure.workload.identity/client-id",
        ),
    ],
    ids=["aws", "google", "azure"],
)
def test_trap_each_cloud_binds_an_account_to_an_identity_differently(
    tmp_path: Path, uri: str, access: dict[str, str], annotation: str
) -> None:
    account = {**access, "serviceAccount": "fraud-models"}
    made = emitted(tmp_path, release__artifact__uri=uri, access__store=account)
    assert made.pod["serviceAccountName"] == "fraud-models"
    annotations = made.one("ServiceAccount", "fraud-models")["metadata"]["annotations"]
    assert annotations == {annotation: access["identity"]}


def test_trap_azure_ignores_pods_without_its_label(tmp_path: Path) -> None:
    access = {"kind": "azure", "account": "mlmodels", "identity": AZURE, "serviceAccount": "fraud-models"}
    made = emitted(tmp_path, release__artifact__uri="azure://m/7.onnx", access__store=access)
    labels = made.workload["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"


def test_trap_an_identity_of_no_cloud_is_refused(tmp_path: Path) -> None:
    store = {"kind": "s3", "serviceAccount": "fraud-models", "identity": "fraud"}
    assert "MLS006: `fraud` is not a cloud identity" in refused(tmp_path, "triton", access__store=store)


def test_trap_all_pods_share_the_default_account(tmp_path: Path) -> None:
    made = emitted(tmp_path)
    assert made.pod["serviceAccountName"] == "fraud"
    assert "annotations" not in made.one("ServiceAccount")["metadata"]


def test_trap_a_pod_has_one_account(tmp_path: Path) -> None:
    changes = {
        "access__store": {"kind": "s3", "serviceAccount": "one"},
        "access__other": {"kind": "gcs", "serviceAccount": "two"},
        "serving__access": ["other"],
    }
    assert "MLS012: one pod cannot have two values of `ServiceAccount`" in refused(tmp_path, "custom", **changes)


# Accounts that are shared


def accounts(made: Emitted) -> dict[str, dict[str, Any]]:
    found = {body["metadata"]["name"]: body for body in made.all("ServiceAccount")}
    assert len(found) == len(made.all("ServiceAccount")), "an account is written twice"
    return found


def shared(**of_second: Any) -> dict[str, Any]:
    """Two services that run as `fraud-models`, the second one through its own access."""
    made = two_services(access=["other"])
    made["access"]["other"] = {"kind": "gcs", "serviceAccount": "fraud-models", **of_second}
    return made


def test_trap_an_account_of_two_services_is_one_object(tmp_path: Path) -> None:
    made = of(tmp_path, two_services())
    assert set(accounts(made)) == {"fraud-models"}
    assert {w["spec"]["template"]["spec"]["serviceAccountName"] for w in made.all("Rollout")} == {"fraud-models"}


def test_trap_an_account_of_two_services_has_the_labels_of_neither(tmp_path: Path) -> None:
    labels = accounts(of(tmp_path, two_services()))["fraud-models"]["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "fraud",
        "app.kubernetes.io/component": "predictor",
        "app.kubernetes.io/part-of": "fraud",
        "app.kubernetes.io/managed-by": "mlspec",
    }


def test_an_account_of_one_service_has_its_labels(tmp_path: Path) -> None:
    made = emitted(tmp_path, access__store={"kind": "s3", "serviceAccount": "fraud-models"})
    assert accounts(made)["fraud-models"]["metadata"]["labels"]["app.kubernetes.io/instance"] == "fraud"


def test_trap_the_kind_of_an_access_by_account_changes_nothing(tmp_path: Path) -> None:
    """It sets no variables, but its kind, which is required, does not count as a field without effect."""
    lake = {"lake": {"kind": "gcs", "serviceAccount": "digits"}}
    assert compile_text(tmp_path, minimal(access=lake, serving__access=["lake"])).ok


def test_trap_one_of_two_accesses_may_set_the_identity(tmp_path: Path) -> None:
    account = accounts(of(tmp_path, shared(identity=GOOGLE)))["fraud-models"]
    assert account["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": GOOGLE}


def test_trap_an_account_has_one_identity(tmp_path: Path) -> None:
    made = shared(identity=GOOGLE)
    assert errors(tmp_path, made) == []
    third = copy.deepcopy(made["services"]["b"])
    made["services"]["c"] = {**third, "access": ["third"]}
    made["access"]["third"] = {**made["access"]["other"], "identity": "another@example.iam.gserviceaccount.com"}
    assert "MLS012: the ServiceAccount `fraud-models` cannot have two identities" in errors(tmp_path, made)


def test_trap_a_batch_run_may_share_the_account_of_a_server(tmp_path: Path) -> None:
    store = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud-models", "identity": AWS}
    made = two_services()
    made["access"]["store"] = store
    made["constraints"] |= {"deadline": "2h", "items": "1M"}
    image = f"registry.example.com/fraud/score:7@{DIGEST}"
    run = batch_spec(serving__model=None, serving__resources=None, serving__image=image)["serving"]
    made["services"] = {"a": made["services"]["a"], "nightly": run}
    compiled = of(tmp_path, made)
    account = accounts(compiled)["fraud-models"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": AWS}
    assert "app.kubernetes.io/component" not in account["metadata"]["labels"]
    [cron] = compiled.all("CronJob")
    assert cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"] == "fraud-models"


def test_trap_a_shadow_may_come_from_another_store(tmp_path: Path) -> None:
    """With its own account, and egress to that store."""
    made = spec(
        access__next={"kind": "s3", "endpoint": "https://next.example.com:9443", "serviceAccount": "fraud-next"},
        rollout__stages=[{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}],
        release__shadow={
            "version": 8,
            "artifact": {"uri": "s3://next/8.onnx", "format": "onnx", "digest": DIGEST, "access": "next"},
        },
    )
    compiled = of(tmp_path, made)
    assert set(accounts(compiled)) == {"fraud", "fraud-next"}
    shadow = compiled.one("Deployment", "fraud-shadow")["spec"]["template"]["spec"]
    assert shadow["serviceAccountName"] == "fraud-next"
    ports = [port["port"] for rule in compiled.one("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]]
    assert 9443 in ports
