"""The traps of a sidecar that all requests pass, and of the records that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlspec.runtime.capture.config import read
from mlspec.runtime.capture.serve import FLUSH
from mlspec.targets.serving.recorder import SPOOLED, VOLUME

from .online import DIGEST, compiled, emitted, refused, spec

IMAGE = f"registry.example.com/mlspec-runtime:1@{DIGEST}"
CAPTURE: dict[str, Any] = {
    "by": "sidecar", "to": "s3://feedback/fraud", "access": "models", "id": "payment_id", "sample": "10%",
    "headers": {"payment_id": "X-Payment-Id"},
}  # fmt: skip
STORE = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud-models"}
SIDECAR: dict[str, Any] = {
    "monitoring__capture": CAPTURE,
    "access__models": STORE,
    "platform__images__runtime": IMAGE,
    "model__signature": {
        "inputs": [{"name": "amount", "dtype": "float32"}],
        "outputs": [{"name": "score", "dtype": "float32"}],
    },
}


def sidecar(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in pod["initContainers"] if one["name"] == "capture")
    return found


def test_trap_pods_of_before_get_requests_while_new_ones_start(tmp_path: Path) -> None:
    """The Service keeps its target: the server's port in old pods, and the recorder's in new ones. The network policy
    admits both.
    """
    before, after = emitted(tmp_path), emitted(tmp_path, **SIDECAR)
    (old,), (new,) = (
        [p for p in made.one("Service")["spec"]["ports"] if p["name"] == "http"] for made in (before, after)
    )
    assert old == new
    ports = {port["name"]: port["containerPort"] for port in after.server["ports"]}
    assert (ports["http"], ports["server"]) == (9440, old["port"])
    admitted = [port["port"] for port in after.one("NetworkPolicy")["spec"]["ingress"][0]["ports"]]
    assert {9440, old["port"]} <= set(admitted)


def test_trap_a_service_finds_no_named_port_of_a_sidecar_before_kubernetes_1_32(tmp_path: Path) -> None:
    """kubernetes/kubernetes#127958: so the server lists the port, as all containers of a pod share their ports."""
    made = emitted(tmp_path, **SIDECAR)
    assert "http" in {port["name"] for port in made.server["ports"]}
    assert [port["name"] for port in sidecar(made.pod)["ports"]] == ["capture-metrics"]


def test_trap_probes_ask_the_server_and_not_the_recorder(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SIDECAR)
    asked = {made.server[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "readiness", "liveness")}
    assert "http" not in asked


def test_trap_the_recorder_starts_before_the_server_and_ends_after_it(tmp_path: Path) -> None:
    """And the grace period has time for its last upload, which comes after the server has ended."""
    before, made = emitted(tmp_path), emitted(tmp_path, **SIDECAR)
    assert sidecar(made.pod)["restartPolicy"] == "Always"
    assert "startupProbe" in sidecar(made.pod)
    longer = made.pod["terminationGracePeriodSeconds"] - before.pod["terminationGracePeriodSeconds"]
    assert longer >= FLUSH


def test_trap_an_empty_volume_that_outgrows_its_limit_evicts_the_pod(tmp_path: Path) -> None:
    """So the recorder stops far below it: a file and its Parquet form exist at once."""
    made = emitted(tmp_path, **SIDECAR)
    assert made.volume("capture-files")["emptyDir"] == {"sizeLimit": VOLUME}
    assert int(VOLUME.removesuffix("Mi")) * 2**20 > 2 * SPOOLED


def test_trap_requests_over_grpc_would_bypass_the_recorder(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SIDECAR)
    assert [port["name"] for port in made.one("Service")["spec"]["ports"]] == ["http"]


def test_trap_a_second_target_of_a_pod_monitor_counts_each_replica_twice(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SIDECAR)
    monitors = {one["metadata"]["name"]: one["spec"]["podMetricsEndpoints"] for one in made.all("PodMonitor")}
    assert all(len(endpoints) == 1 for endpoints in monitors.values())
    assert sorted(endpoints[0]["port"] for endpoints in monitors.values())[0] == "capture-metrics"


def test_the_recorder_reads_the_configuration_that_is_compiled(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SIDECAR)
    (config,) = [one for one in made.all("ConfigMap") if "capture.json" in one["data"]]
    path = tmp_path / "capture.json"
    path.write_text(config["data"]["capture.json"])
    found = read(path)
    assert (found.port, found.metrics, found.sample, found.id) == (9440, 9441, 0.1, "payment_id")
    assert found.headers == {"payment_id": "x-payment-id"}
    assert [field.name for field in (*found.inputs, *found.outputs)] == ["amount", "score"]
    mounted = {mount["name"]: mount["mountPath"] for mount in sidecar(made.pod)["volumeMounts"]}
    assert sidecar(made.pod)["args"] == [f"--config={mounted['capture']}/capture.json"]
    assert str(found.folder) == mounted["capture-files"]
    assert made.volume("capture")["configMap"]["name"] == config["metadata"]["name"]


def test_the_pod_runs_as_the_account_that_may_write_to_the_store(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SIDECAR)
    assert made.pod["serviceAccountName"] == "fraud-models"


def test_two_identities_of_one_pod_are_refused(tmp_path: Path) -> None:
    other = {"kind": "tcp", "host": "db.example.com", "ports": [5432], "serviceAccount": "fraud-db"}
    found = refused(tmp_path, "triton", **{**SIDECAR, "access__db": other, "serving__access": ["db"]})
    assert any("one pod cannot have two values of `ServiceAccount`" in one for one in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"platform__images__runtime": None}, "needs mlspec's own image"),
        ({"monitoring__capture": {**CAPTURE, "to": "https://x.example.com/y"}}, "cannot be written to `https://`"),
        ({"monitoring__capture": {**CAPTURE, "by": "gateway"}}, "no gateway records predictions"),
        ({"monitoring__capture": {**CAPTURE, "to": "gs://x/y"}}, "does not work for `gs://`"),
        (
            {"access__models": {"kind": "gcs", "secret": "key"}, "monitoring__capture": {**CAPTURE, "to": "gs://x/y"}},
            "cannot use a key of Google's store",
        ),
    ],
)
def test_what_cannot_record_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    assert any(said in one for one in refused(tmp_path, "triton", **{**SIDECAR, **change}))


KEY = {"secret": "capture-key"}


@pytest.mark.parametrize("key", [None, KEY])
def test_the_schema_of_a_record_accepts_what_a_client_should_write(tmp_path: Path, key: dict[str, str] | None) -> None:
    capture = {
        "by": "client",
        "to": "s3://feedback/fraud",
        "id": "payment_id",
        "personalData": ["amount"],
        **({"hashKey": key} if key is not None else {}),
    }
    made = spec(**{**SIDECAR, "monitoring__capture": capture, "access__models": None})
    bundle = next(iter(compiled(tmp_path, made).bundles.values()))
    schema = json.loads(bundle.files["capture/record.schema.json"])
    Draft202012Validator.check_schema(schema)
    record = {
        "payment_id": "p1", "time": "2026-12-01T12:00:00Z", "model_version": "7",
        "amount": "0" * 64 if key else None, "score": 0.5,
    }  # fmt: skip
    check = Draft202012Validator(schema)
    check.validate(record)
    for wrong in ({"amount": 12.5}, {"payment_id": ""}, {"card": "4111"}, {"score": "high"}):
        assert not check.is_valid({**record, **wrong})
    assert not check.is_valid({name: value for name, value in record.items() if name != "time"})


def test_code_in_an_image_of_your_own_learns_what_to_record(tmp_path: Path) -> None:
    capture = {name: value for name, value in CAPTURE.items() if name != "headers"}
    capture |= {"by": "runtime", "personalData": ["amount"]}
    made = emitted(tmp_path, "bentoml", **{**SIDECAR, "monitoring__capture": capture})
    env = {one["name"]: one.get("value") for one in made.server["env"]}
    assert env["MLSPEC_CAPTURE_URI"] == "s3://feedback/fraud"
    assert (env["MLSPEC_CAPTURE_ID"], env["MLSPEC_CAPTURE_SAMPLE"]) == ("payment_id", "0.1")
    assert (env["MLSPEC_CAPTURE_PERSONAL_DATA"], env["AWS_REGION"]) == ("amount", "eu-central-1")
