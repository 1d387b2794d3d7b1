"""The traps of downloads and secrets: how a model gets into a pod, and how the pod authenticates to its stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import DIGEST, compiled, emitted, refused, spec, variables

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


def test_trap_a_volume_for_a_model_of_unknown_size_has_a_limit_too(tmp_path: Path) -> None:
    made = emitted(tmp_path, release__artifact__size=None)
    assert made.volume("model")["emptyDir"] == {"sizeLimit": "10240Mi"}
    assert variables(made.download)["MODEL_LIMIT"] == str(10 * 2**30)


def test_trap_the_download_stops_at_the_limit_of_its_volume(tmp_path: Path) -> None:
    assert variables(emitted(tmp_path).download)["MODEL_LIMIT"] == str(66 * 2**20)


def test_trap_the_server_must_be_able_to_read_the_download(tmp_path: Path) -> None:
    """Both containers run as the same user: neither sets its own."""
    made = emitted(tmp_path)
    assert "runAsUser" not in made.download["securityContext"]
    assert "runAsUser" not in made.server["securityContext"]


def test_trap_an_init_container_without_resources_is_the_first_to_be_evicted(tmp_path: Path) -> None:
    resources = emitted(tmp_path).download["resources"]
    assert set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    assert set(resources["limits"]) == {"memory", "ephemeral-storage"}


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
            ":http:7.onnx",
            {
                "RCLONE_HTTP_URL": "https://models.example.com/",
                "MODEL_TOKEN": {"secretKeyRef": {"name": "k", "key": "token"}},
            },
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
            "MLS012: a hub repository must be pinned by its commit",
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


# What passes for the address of a file


@pytest.mark.parametrize(
    ("uri", "remote", "folder"),
    [
        ("https://m.example.com/a/b/m.onnx", ":http:m.onnx", "https://m.example.com/a/b/"),
        ("https://m.example.com/m.onnx?v=3", ":http:m.onnx?v=3", "https://m.example.com/"),
        ("https://m.example.com/m.onnx?path=a/b#part", ":http:m.onnx?path=a%2Fb", "https://m.example.com/"),
        ("https://m.example.com/a%20b/m%20x.onnx", ":http:m%20x.onnx", "https://m.example.com/a%20b/"),
    ],
)
def test_trap_rclone_takes_a_url_apart(tmp_path: Path, uri: str, remote: str, folder: str) -> None:
    """It gets the folder and the file separately, each as its server needs it escaped."""
    access = {"release__artifact__access": None, "access": None}
    env = variables(emitted(tmp_path, release__artifact__uri=uri, **access).download)
    assert (env["MODEL_REMOTE"], env["RCLONE_HTTP_URL"]) == (remote, folder)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://h.example.com/m.bin?v=3", "m.bin"),
        ("https://h.example.com/m.bin?path=x/y", "m.bin"),
        ("https://h.example.com/m.bin#v3", "m.bin"),
        ("s3://models/m.bin?v=3", "m.bin?v=3"),
    ],
)
def test_trap_a_query_is_not_part_of_a_file_name(tmp_path: Path, uri: str, name: str) -> None:
    """Loaders choose by the suffix. In an object store, `?` is a character like any other."""
    changes = {} if uri.startswith("s3") else {"release__artifact__access": None, "access": None}
    made = emitted(tmp_path, "custom", release__artifact__uri=uri, **changes)
    assert variables(made.download)["MODEL_FILE"] == name
    assert made.env["MLSPEC_MODEL_PATH"] == f"/models/{name}"


@pytest.mark.parametrize(
    ("runtime", "format_"), [("mlserver", "mlflow"), ("custom", "mlflow"), ("custom", "savedmodel")]
)
def test_trap_a_folder_without_a_slash_is_found_before_the_merge(tmp_path: Path, runtime: str, format_: str) -> None:
    """What KServe's `storageUri` looks like; the pod would end in a crash loop."""
    changes = {"release__artifact__format": format_}
    told = refused(tmp_path, runtime, release__artifact__uri="s3://models/7", **changes)
    assert f"MLS012: a model in the format `{format_}` is a folder, but this is the URI of a file" in told
    emitted(tmp_path, runtime, release__artifact__uri="s3://models/7/", **changes)


ARCHIVES = ["m.tar.gz", "m.tgz", "m.TAR", "m.zip", "m.onnx.gz", "m.tar.zst", "m.7z"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_trap_nothing_unpacks_an_archive(tmp_path: Path, name: str) -> None:
    told = refused(tmp_path, "triton", release__artifact__uri=f"s3://models/{name}")
    assert "MLS012: `triton` cannot load an archive" in told
    emitted(tmp_path, "custom", release__artifact__uri=f"s3://models/{name}")  # its own code can unpack it


def test_trap_an_archive_of_a_server_is_no_archive_to_unpack(tmp_path: Path) -> None:
    emitted(tmp_path, "torchserve")  # model.mar


COMMIT = "1cd752f4a3d818fa215aa621c78b8a10a4a1a3a5"


@pytest.mark.parametrize(
    ("page", "file"),
    [
        (f"https://huggingface.co/o/m/blob/{COMMIT}/m.onnx", f"https://huggingface.co/o/m/resolve/{COMMIT}/m.onnx"),
        ("https://huggingface.co/o/m/blob/main/m.onnx", "https://huggingface.co/o/m/resolve/<commit>/m.onnx"),
        ("https://hf.co/o/m/blob/main/a/m.onnx", "https://hf.co/o/m/resolve/<commit>/a/m.onnx"),
        (f"https://github.com/o/m/blob/{COMMIT}/m.onnx", f"https://github.com/o/m/raw/{COMMIT}/m.onnx"),
        (f"https://gitlab.com/o/m/-/blob/{COMMIT}/m.onnx", f"https://gitlab.com/o/m/-/raw/{COMMIT}/m.onnx"),
    ],
)
def test_trap_the_page_about_a_file_is_not_the_file(tmp_path: Path, page: str, file: str) -> None:
    public = {"release__artifact__access": None, "access": None}
    told = compiled(tmp_path, spec("triton", release__artifact__uri=page, **public)).diagnostics
    [found] = [one for one in told if "page about a file" in one.message]
    assert found.help.startswith(f"write `{file}`")
    emitted(tmp_path, release__artifact__uri=file.replace("<commit>", COMMIT), **public)


@pytest.mark.parametrize("uri", ["models:/fraud/3", "models:/fraud@champion", "runs:/0e9e39f2/model"])
def test_trap_a_name_in_a_registry_is_not_an_address(tmp_path: Path, uri: str) -> None:
    """An alias can point to another version tomorrow, and the downloader does not know the tracking server."""
    told = compiled(tmp_path, spec("mlserver", release__artifact__uri=uri)).diagnostics
    [found] = [one for one in told if one.severity == "error"]
    assert found.message == f"`{uri}` is a name that only MLflow can resolve"
    assert "mlflow.MlflowClient()" in found.help
    assert ("mlspec promote --release FILE --mlflow URL" in found.help) == uri.startswith("models:")


@pytest.mark.parametrize("uri", ["https://models.example.com", "https://models.example.com/a/?v=3"])
def test_trap_a_url_without_a_file_downloads_a_page(tmp_path: Path, uri: str) -> None:
    public = {"release__artifact__access": None, "access": None}
    assert "MLS012: the URL names no file" in refused(tmp_path, "triton", release__artifact__uri=uri, **public)


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
    assert "AWS_ENDPOINT_URL_STS" not in env


@pytest.mark.parametrize(
    ("partition", "region", "issuer"),
    [
        ("aws", "eu-west-1", "https://sts.eu-west-1.amazonaws.com"),
        ("aws", None, "https://sts.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_trap_the_endpoint_of_a_store_is_that_of_the_credentials_too(
    tmp_path: Path, partition: str, region: str | None, issuer: str
) -> None:
    """`AWS_ENDPOINT_URL` is for all services: a pod asks the VPC endpoint of S3 for its role, and gets nothing."""
    role = {"serviceAccount": "scorer", "identity": f"arn:{partition}:iam::123456789012:role/scorer"}
    other = {"kind": "s3", "endpoint": "https://bucket.vpce-1.s3.example.com", **role}
    other |= {"region": region} if region is not None else {}
    made = {"access__other": other, "serving__access": ["other"], "platform__cloud": "eks"}
    assert emitted(tmp_path, "custom", **made).env["AWS_ENDPOINT_URL_STS"] == issuer
    own = {"AWS_ENDPOINT_URL_STS": "https://vpce-2.sts.example.com"}
    env = emitted(tmp_path, "custom", **made, serving__container__env=own).env
    assert env["AWS_ENDPOINT_URL_STS"] == own["AWS_ENDPOINT_URL_STS"]


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


AZURE = {"kind": "azure", "serviceAccount": "scorer", "identity": "11111111-2222-3333-4444-555555555555"}


def test_trap_two_azure_accounts_cannot_be_renamed_apart(tmp_path: Path) -> None:
    """The help was to rename the variables under `keys`, but the account comes from no Secret."""
    changes = {"access__one": {**AZURE, "account": "alpha"}, "access__two": {**AZURE, "account": "beta"}}
    result = compiled(tmp_path, spec("custom", **changes, serving__access=["one", "two"]))
    [found] = [d for d in result.diagnostics if d.message == "`AZURE_STORAGE_ACCOUNT_NAME` would be set twice"]
    assert "`keys`" not in found.help
    assert found.help.startswith("copy what one of the stores holds to the other, and use one access")
