"""The traps of downloads and secrets: how a model gets into a pod, and how the pod authenticates to its stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import DIGEST, emitted, refused, variables

FILE = {"release__artifact__uri": "https://models.example.com/fraud.onnx"}

# The download


def test_trap_a_model_is_mounted_only_when_its_digest_is_right(tmp_path: Path) -> None:
    """The download fills one folder of the volume; the server sees it only once it is renamed after the check."""
    made = emitted(tmp_path)
    assert variables(made.download)["MODEL_DIGEST"] == DIGEST
    [written] = made.download["volumeMounts"]
    [read] = [mount for mount in made.server["volumeMounts"] if mount["name"] == "model"]
    assert written == {"name": "model", "mountPath": variables(made.download)["MODEL_VOLUME"]}
    assert (read["subPath"], read["readOnly"]) == ("model", True)


def test_trap_a_volume_without_a_limit_fills_the_node(tmp_path: Path) -> None:
    """40 MiB plus a quarter, plus 16 MiB for the file system."""
    assert emitted(tmp_path).volume("model")["emptyDir"] == {"sizeLimit": "66Mi"}


def test_trap_the_server_must_be_able_to_read_the_download(tmp_path: Path) -> None:
    """Both containers run as the same user: neither sets its own."""
    made = emitted(tmp_path)
    assert "runAsUser" not in made.download["securityContext"]
    assert "runAsUser" not in made.server["securityContext"]


def test_trap_an_init_container_without_resources_is_the_first_to_be_evicted(tmp_path: Path) -> None:
    resources = emitted(tmp_path).download["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]


def test_trap_the_downloader_is_pinned(tmp_path: Path) -> None:
    assert "@sha256:" in emitted(tmp_path).download["image"]


@pytest.mark.parametrize(
    ("uri", "access", "remote", "told"),
    [
        (
            "s3://m/7.onnx",
            {"kind": "s3", "region": "eu-central-1", "secret": "k"},
            ":s3:m/7.onnx",
            {"RCLONE_S3_PROVIDER": "AWS", "RCLONE_S3_ENV_AUTH": "true", "RCLONE_S3_REGION": "eu-central-1"},
        ),
        (
            "s3://m/7.onnx",
            {"kind": "s3", "endpoint": "https://minio.example.com:9000", "secret": "k"},
            ":s3:m/7.onnx",
            {"RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": "https://minio.example.com:9000"},
        ),
        ("gs://m/7.onnx", {"kind": "gcs", "secret": "k"}, ":gcs:m/7.onnx", {"RCLONE_GCS_ENV_AUTH": "true"}),
        (
            "azure://m/7.onnx",
            {"kind": "azure", "account": "mlmodels", "secret": "k"},
            ":azureblob:m/7.onnx",
            {"RCLONE_AZUREBLOB_ACCOUNT": "mlmodels", "RCLONE_AZUREBLOB_ENV_AUTH": "true"},
        ),
        (
            "https://models.example.com/7.onnx",
            {"kind": "http", "secret": "k"},
            "https://models.example.com/7.onnx",
            {"MODEL_TOKEN": {"secretKeyRef": {"name": "k", "key": "token"}}},
        ),
    ],
    ids=["s3", "minio", "gcs", "azure", "http"],
)
def test_trap_each_store_has_its_own_settings(
    tmp_path: Path, uri: str, access: dict[str, str], remote: str, told: dict[str, object]
) -> None:
    env = variables(emitted(tmp_path, release__artifact__uri=uri, access__store=access).download)
    assert env["MODEL_REMOTE"] == remote
    assert told.items() <= env.items()


def test_trap_a_public_store_needs_anonymous_access(tmp_path: Path) -> None:
    """Public data is read without credentials."""
    public = {"release__artifact__uri": "gs://public/7.onnx", "release__artifact__access": None, "access": None}
    env = variables(emitted(tmp_path, **public).download)
    assert env["RCLONE_GCS_ANONYMOUS"] == "true"
    assert "RCLONE_GCS_ENV_AUTH" not in env


def test_trap_the_server_gets_no_credentials_for_the_models_store(tmp_path: Path) -> None:
    made = emitted(tmp_path)
    assert variables(made.download)["AWS_SECRET_ACCESS_KEY"] == {
        "secretKeyRef": {"name": "store-keys", "key": "AWS_SECRET_ACCESS_KEY"}
    }
    assert "AWS_SECRET_ACCESS_KEY" not in made.env


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"release__artifact__digest": "0" * 40}, "MLS012: the digest of a download must be a SHA-256"),
        (
            {**FILE, "release__artifact__uri": "https://models.example.com/fraud/", "access": None},
            "MLS012: a folder cannot be downloaded from a web server",
        ),
        ({"release__artifact__uri": "gs://models/7.onnx"}, "MLS012: the access `store` does not work for `gs://`"),
        ({"release__artifact__uri": "ftp://models/7.onnx"}, "MLS012: mlspec cannot fetch a model from `ftp://`"),
        ({"release__artifact__uri": "oci://registry.example.com/m:7"}, "MLS012: Kubernetes 1.33 cannot mount"),
        (
            {"release__artifact__uri": "hf://organization/model"},
            "MLS012: `triton` cannot download a hub repository",
        ),
    ],
    ids=["a commit", "a folder of a web server", "another store", "another scheme", "an image", "a hub"],
)
def test_trap_a_model_that_cannot_be_downloaded_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    if "access" in changes:
        changes = {**changes, "release__artifact__access": None}
    assert any(error.startswith(told) for error in refused(tmp_path, "triton", **changes))


@pytest.mark.parametrize("runtime", ["vllm", "triton"])
def test_trap_an_access_of_another_kind_has_other_variables(tmp_path: Path, runtime: str) -> None:
    name = "hub" if runtime == "vllm" else "store"
    changes = {f"access__{name}": {"kind": "git", "secret": "k"}}
    scheme = "hf" if runtime == "vllm" else "s3"
    assert f"MLS012: the access `{name}` does not work for `{scheme}://`" in refused(tmp_path, runtime, **changes)


# Secrets


@pytest.mark.parametrize(
    ("access", "read"),
    [
        ({"kind": "s3", "secret": "k"}, {"AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID"}),
        ({"kind": "kafka", "secret": "k"}, {"KAFKA_USERNAME": "username", "KAFKA_PASSWORD": "password"}),
        ({"kind": "huggingface", "secret": "k"}, {"HF_TOKEN": "token"}),
        ({"kind": "kafka", "secret": "k", "keys": {"USER_NAME": "user"}}, {"USER_NAME": "user"}),
    ],
    ids=["s3", "kafka", "huggingface", "custom keys"],
)
def test_trap_a_secret_is_named_and_never_written(tmp_path: Path, access: dict[str, Any], read: dict[str, str]) -> None:
    env = emitted(tmp_path, "custom", access__other=access, serving__access=["other"]).env
    for variable, key in read.items():
        assert env[variable] == {"secretKeyRef": {"name": "k", "key": key}}


def test_trap_a_server_needs_the_address_of_its_store(tmp_path: Path) -> None:
    other = {"kind": "s3", "region": "eu-west-1", "endpoint": "https://s3.example.com", "secret": "k"}
    env = emitted(tmp_path, "custom", access__other=other, serving__access=["other"]).env
    assert (env["AWS_REGION"], env["AWS_ENDPOINT_URL"]) == ("eu-west-1", "https://s3.example.com")


@pytest.mark.parametrize(
    "changes",
    [
        {"access__one": {"kind": "s3", "secret": "k"}, "serving__access": ["one", "two"]},
        {"serving__env": {"AWS_ACCESS_KEY_ID": "mine"}, "serving__access": ["two"]},
    ],
    ids=["two stores", "a custom variable"],
)
def test_trap_one_of_two_variables_with_the_same_name_is_lost(tmp_path: Path, changes: dict[str, Any]) -> None:
    told = refused(tmp_path, "custom", access__two={"kind": "s3", "secret": "l"}, **changes)
    assert "MLS012: `AWS_ACCESS_KEY_ID` would be set twice" in told


def test_trap_images_of_a_private_registry_need_a_pull_secret(tmp_path: Path) -> None:
    made = emitted(tmp_path, platform__images__pullSecret="registry-key")
    assert made.pod["imagePullSecrets"] == [{"name": "registry-key"}]
