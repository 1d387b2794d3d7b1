"""The traps of where a model comes from: a hub, the server's own image, a claim, and a claim that pods share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import batch
from .online import COMMIT, DIGEST, compiled, emitted, refused, spec, variables

OWN = "registry.example.com/mlspec:0.1.0@" + DIGEST
HUB: dict[str, Any] = {
    "platform__images__runtime": OWN,
    "access": {"hub": {"kind": "huggingface", "secret": "hub-token"}},
    "release__artifact__uri": "hf://acme/fraud",
    "release__artifact__digest": COMMIT,
    "release__artifact__access": "hub",
}
FOLDERS = ("triton", "mlserver", "custom", "bentoml", "ray-serve", "kserve-huggingface", "tensorflow-serving")


# A hub


@pytest.mark.parametrize("runtime", FOLDERS)
def test_trap_servers_that_only_read_files_get_a_repository_from_an_init_container(
    tmp_path: Path, runtime: str
) -> None:
    made = emitted(tmp_path, runtime, **HUB)
    env = variables(made.download)
    assert made.download["image"] == OWN
    assert made.download["command"] == ["mlspec", "runtime", "fetch"]
    assert (env["MODEL_REPOSITORY"], env["MODEL_COMMIT"]) == ("acme/fraud", COMMIT)
    assert env["HF_TOKEN"] == {"secretKeyRef": {"name": "hub-token", "key": "token"}}
    assert env["HF_ENDPOINT"] == "https://huggingface.co"
    assert "HF_TOKEN" not in made.env, "the server does not need the token"
    [mount] = [mount for mount in made.server["volumeMounts"] if mount["name"] == "model"]
    assert (mount["subPath"], mount["readOnly"]) == ("model", True)
    [policy] = made.all("NetworkPolicy")
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", []) if "to" not in rule]
    assert 443 in ports


@pytest.mark.parametrize(
    ("uri", "path", "model"),
    [
        ("hf://acme/fraud", "", "/models"),
        ("hf://acme/fraud/", "", "/models"),
        ("hf://acme/fraud/onnx/", "onnx/", "/models"),
        ("hf://acme/fraud/onnx/model.onnx", "onnx/model.onnx", "/models/model.onnx"),
    ],
)
def test_a_part_of_a_repository(tmp_path: Path, uri: str, path: str, model: str) -> None:
    made = emitted(tmp_path, "custom", **{**HUB, "release__artifact__uri": uri})
    assert variables(made.download)["MODEL_REPOSITORY"] == "acme/fraud"
    assert variables(made.download)["MODEL_PATH"] == path
    assert made.env["MLSPEC_MODEL_PATH"] == model


def test_trap_a_server_that_downloads_repositories_takes_no_part_of_one(tmp_path: Path) -> None:
    """vLLM would look for a repository named `meta-llama/Llama-3.1-8B-Instruct/original`."""
    part = "hf://meta-llama/Llama-3.1-8B-Instruct/original/"
    made = emitted(tmp_path, "vllm", platform__images__runtime=OWN, release__artifact__uri=part)
    assert variables(made.download)["MODEL_PATH"] == "original/"
    assert "--revision" not in made.flags
    whole = emitted(tmp_path, "vllm")
    assert "initContainers" not in whole.pod
    assert whole.flags["--revision"] == COMMIT


def test_trap_a_download_from_a_hub_without_an_image_for_it_says_how_to_build_one(tmp_path: Path) -> None:
    told = refused(tmp_path, "custom", **{**HUB, "platform__images__runtime": None})
    assert told == ["MLS035: the download from the hub needs mlspec's own image"]


def test_trap_a_repository_without_a_commit_moves(tmp_path: Path) -> None:
    told = refused(tmp_path, "custom", **{**HUB, "release__artifact__digest": DIGEST})
    assert told == ["MLS012: a hub repository must be pinned by its commit"]


def test_trap_a_repository_has_no_revision_in_its_name(tmp_path: Path) -> None:
    """The hub knows no `acme/fraud@main`, so the download would never find it."""
    uri = f"{HUB['release__artifact__uri']}@{COMMIT}"
    made = spec("custom", **{**HUB, "release__artifact__uri": uri})
    [found] = compiled(tmp_path, made).diagnostics
    assert (found.id, found.help) == ("MLS012", f"remove `@{COMMIT}` from the URI; `digest` is the commit")


def test_adopters_c12_a_branch_is_no_commit_and_the_help_shows_one(tmp_path: Path) -> None:
    made = spec("custom", **{**HUB, "release__artifact__digest": "main"})
    [found] = compiled(tmp_path, made).diagnostics
    assert found.id == "MLS006"
    assert found.help.endswith(f" or `{COMMIT}`")


def test_a_batch_run_scores_with_a_model_from_a_hub(tmp_path: Path) -> None:
    pod = batch.job(tmp_path, **_of_lightgbm(HUB))["template"]["spec"]
    assert variables(pod["initContainers"][0])["MODEL_COMMIT"] == COMMIT


# The server's own image

INSIDE: dict[str, Any] = {
    "access": None,
    "release__artifact": {
        "uri": "image://registry.example.com/fraud/bento:7",
        "format": "python",
        "digest": DIGEST,
        "size": "40Mi",
    },
    "serving__container": None,
}


def _inside(runtime: str, **changes: Any) -> dict[str, Any]:
    container = {name: value for name, value in spec(runtime)["serving"]["container"].items() if name != "image"}
    return {**INSIDE, "serving__container": container or None, **changes}


@pytest.mark.parametrize("runtime", ["bentoml", "ray-serve", "custom"])
def test_trap_a_release_inside_the_servers_image_changes_the_image(tmp_path: Path, runtime: str) -> None:
    """With the image in the service, a new version would change nothing: the canary would run the old code."""
    made = emitted(tmp_path, runtime, **_inside(runtime))
    assert made.server["image"] == f"registry.example.com/fraud/bento:7@{DIGEST}"
    assert "initContainers" not in made.pod
    assert "model" not in {volume["name"] for volume in made.pod["volumes"]}
    assert "MLSPEC_MODEL_PATH" not in made.env, "only the image knows where its model is"
    assert made.env["MLSPEC_MODEL_VERSION"] == "7"


def test_trap_the_shadow_runs_its_own_image(tmp_path: Path) -> None:
    artifact = {**INSIDE["release__artifact"], "uri": "image://registry.example.com/fraud/bento:8"}
    made = emitted(
        tmp_path,
        "bentoml",
        **_inside("bentoml", release__shadow={"version": 8, "artifact": artifact}),
        rollout={"stages": [{"shadow": {}}, {"canary": {}}]},
    )
    pods = {
        b["metadata"]["name"]: b["spec"]["template"]["spec"] for b in made.bodies if "template" in b.get("spec", {})
    }
    assert {name: pod["containers"][0]["image"] for name, pod in pods.items()} == {
        "fraud": f"registry.example.com/fraud/bento:7@{DIGEST}",
        "fraud-shadow": f"registry.example.com/fraud/bento:8@{DIGEST}",
    }


def test_trap_two_images_for_one_server(tmp_path: Path) -> None:
    image = {"serving__container": {"image": f"registry.example.com/other@{DIGEST}"}}
    assert "MLS012: the server would have two images" in refused(tmp_path, "bentoml", **{**INSIDE, **image})
    assert "MLS012: the server would have two images" in refused(tmp_path, "mlserver", **INSIDE)


def test_trap_the_image_of_a_release_obeys_the_policy_on_registries(tmp_path: Path) -> None:
    allowed = {"platform__policies": {"registries": ["nvcr.io"]}}
    told = refused(tmp_path, "bentoml", **INSIDE, **allowed)
    assert "MLS903: the platform does not allow images from `registry.example.com`" in told
    stores = {"platform__policies": {"stores": ["s3://models"]}}
    told = refused(tmp_path, "bentoml", **INSIDE, **stores)
    assert "MLS903: the platform does not allow this store" not in told


def test_trap_a_private_image_of_a_release_is_pulled_with_its_secret(tmp_path: Path) -> None:
    secret = {
        "access": {"registry": {"kind": "oci", "secret": "registry-key"}},
        "release__artifact__access": "registry",
    }
    made = emitted(tmp_path, "bentoml", **_inside("bentoml", **secret))
    assert made.pod["imagePullSecrets"] == [{"name": "registry-key"}]


@pytest.mark.parametrize(
    "changes",
    [{"release__artifact__digest": "0" * 40}, {"release__artifact__uri": f"image://registry.example.com/m@{DIGEST}"}],
    ids=["a commit", "two digests"],
)
def test_trap_the_image_of_a_release_has_exactly_one_digest(tmp_path: Path, changes: dict[str, Any]) -> None:
    told = refused(tmp_path, "bentoml", **{**INSIDE, **changes})
    assert "MLS012: an image must be pinned by the digest of its manifest" in told


def test_trap_the_image_of_a_batch_run_would_not_change_with_the_release(tmp_path: Path) -> None:
    changes = {"release__artifact__uri": "image://registry.example.com/demand:46", "release__artifact__access": None}
    made = batch.compiled(tmp_path, batch.spec(**_of_lightgbm(changes)))
    assert batch.told(made) == ["MLS012: a batch run cannot take its image from a release"]


def _of_lightgbm(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes for a spec with a release by model; its store stays, because it reads its input there."""
    made = {name.replace("release__", "releases__lightgbm__"): value for name, value in changes.items()}
    if "access" in made:
        made["access__hub"] = made.pop("access")["hub"]
    return made


# A claim

CLAIM: dict[str, Any] = {
    "access": None,
    "release__artifact__access": None,
    "release__artifact__uri": "pvc://models/fraud/7/",
}


@pytest.mark.parametrize(
    ("uri", "place", "mount", "sub_path"),
    [
        ("pvc://models/fraud/7/", "/claim/fraud/7/", "/models", "fraud/7"),
        ("pvc://models", "/claim/", "/models", None),
        ("pvc://models/fraud/7/model.bin", "/claim/fraud/7/model.bin", "/models/model.bin", "fraud/7/model.bin"),
    ],
)
def test_trap_a_model_on_a_claim_is_verified_and_read_only(
    tmp_path: Path, uri: str, place: str, mount: str, sub_path: str | None
) -> None:
    made = emitted(tmp_path, "custom", **{**CLAIM, "release__artifact__uri": uri})
    claim = {"claimName": "models", "readOnly": True}
    assert made.volume("model")["persistentVolumeClaim"] == claim
    env = variables(made.download)
    assert (env["MODEL_PLACE"], env["MODEL_DIGEST"]) == (place, DIGEST)
    assert {m["mountPath"]: m.get("readOnly", False) for m in made.download["volumeMounts"]} == {
        "/claim": True,
        "/verify": False,
    }
    [found] = [m for m in made.server["volumeMounts"] if m["name"] == "model"]
    assert (found["mountPath"], found.get("subPath"), found["readOnly"]) == (mount, sub_path, True)
    assert made.env["MLSPEC_MODEL_PATH"] == mount


def test_trap_a_claim_takes_no_disk_of_the_node(tmp_path: Path) -> None:
    """1 GiB that Triton may write, and 100 MiB of logs; rounded up to 256 MiB."""
    size = {"release__artifact__size": "140Gi", "serving__resources": {"cpu": 2, "memory": "200Gi"}}
    made = emitted(tmp_path, "triton", **CLAIM, **size)
    assert made.server["resources"]["requests"]["ephemeral-storage"] == "1280Mi"


def test_trap_a_claim_needs_time_to_be_verified(tmp_path: Path) -> None:
    """1 GB for the image at 100 MB/s are 11 s, and reading 140 GiB at 500 MB/s takes 301 s."""
    size = {"release__artifact__size": "140Gi", "serving__resources": {"cpu": 2, "memory": "200Gi"}}
    rates = {"platform__planning": {"download": "100 MB/s", "load": "500 MB/s"}}
    result = compiled(tmp_path, spec("custom", **CLAIM, **size, **rates))
    [environment] = result._compiled.environments
    fetch = environment.plan.online["fraud"].live.fetch
    assert float(fetch.value) == 11 + 301
    assert "140GB" not in fetch.reason
    assert "to verify at 500 MB/s" in fetch.reason


def test_trap_a_commit_pins_no_claim(tmp_path: Path) -> None:
    told = refused(tmp_path, "custom", **CLAIM, release__artifact__digest=COMMIT)
    assert told == ["MLS012: the digest of a model on a claim must be a SHA-256"]


def test_trap_a_claim_needs_no_access(tmp_path: Path) -> None:
    told = refused(tmp_path, "custom", release__artifact__uri="pvc://models/fraud/7/")
    assert told == ["MLS012: a model on a claim needs no access"]


# A claim that pods share

SHARED: dict[str, Any] = {"platform__storage__modelCache": "models"}


def test_trap_pods_share_what_they_download(tmp_path: Path) -> None:
    made = emitted(tmp_path, **SHARED)
    assert made.volume("model")["persistentVolumeClaim"] == {"claimName": "models"}
    key = f"{'1' * 64}-model.onnx"
    assert variables(made.download)["MODEL_KEY"] == key
    [mount] = [mount for mount in made.server["volumeMounts"] if mount["name"] == "model"]
    assert (mount["subPath"], mount["readOnly"]) == (key, True)
    assert made.download["resources"]["requests"]["ephemeral-storage"] == "100Mi"


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("hf://acme/fraud", COMMIT),
        # sha256 of "onnx/" and of "onnx/model.onnx", by `printf %s onnx/ | sha256sum`
        ("hf://acme/fraud/onnx/", f"{COMMIT}-d8f35f850e2c3bb8"),
        ("hf://acme/fraud/onnx/model.onnx", f"{COMMIT}-2dcea1b02a543c5f-model.onnx"),
    ],
)
def test_trap_parts_of_one_commit_do_not_share_a_place(tmp_path: Path, uri: str, key: str) -> None:
    made = emitted(tmp_path, "custom", **{**HUB, **SHARED, "release__artifact__uri": uri})
    assert variables(made.download)["MODEL_KEY"] == key


def test_trap_a_server_that_downloads_itself_would_not_find_the_shared_copy(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm", platform__images__runtime=OWN, **SHARED)
    assert variables(made.download)["MODEL_KEY"] == COMMIT
    assert "--revision" not in made.flags
    assert "HF_TOKEN" not in made.env


@pytest.mark.parametrize(
    "uri",
    [
        "pvc://models/../other/",
        "pvc://models//7/",
        "pvc:///7/",
        "pvc://../x",
        "pvc://models/..",
        "hf://acme/fraud/../../x",
    ],
)
def test_trap_a_path_that_leaves_its_claim_or_repository(tmp_path: Path, uri: str) -> None:
    """The kubelet refuses such a path, and the pod never starts."""
    base = HUB if uri.startswith("hf:") else CLAIM
    [told] = refused(tmp_path, "custom", **{**base, "release__artifact__uri": uri})
    assert told.startswith("MLS012: this does not name a ")


@pytest.mark.parametrize("base", [HUB, CLAIM], ids=["a hub", "a claim"])
def test_trap_a_folder_that_is_written_as_a_file(tmp_path: Path, base: dict[str, Any]) -> None:
    scheme = str(base["release__artifact__uri"]).partition("://")[0]
    changes = {"release__artifact__uri": f"{scheme}://acme/fraud/saved", "release__artifact__format": "savedmodel"}
    told = refused(tmp_path, "custom", **{**base, **changes})
    assert told == ["MLS012: a model in the format `savedmodel` is a folder, but this is the URI of a file"]


CHECKPOINTS = ("vllm", "sglang", "tgi", "kserve-huggingface")
"""Servers that read a folder: weights, `config.json`, and the tokenizer."""


@pytest.mark.parametrize("runtime", CHECKPOINTS)
@pytest.mark.parametrize(
    "uri",
    ["s3://models/writer/3", "gs://models/writer/3.safetensors", "azure://account/models/writer", "pvc://models/3"],
)
def test_trap_a_checkpoint_without_its_configuration(tmp_path: Path, runtime: str, uri: str) -> None:
    """A single file of weights says nothing about their shape, and has no tokenizer."""
    changes = {**CLAIM, "platform__images__runtime": OWN, "release__artifact__digest": DIGEST}
    made = {"release__artifact__uri": uri, "release__artifact__format": "safetensors"}
    told = refused(tmp_path, runtime, **{**changes, **made})
    assert "MLS012: a model in the format `safetensors` is a folder, but this is the URI of a file" in told
    made["release__artifact__uri"] += "/"
    assert not [one for one in refused(tmp_path, runtime, **{**changes, **made}) if "folder" in one]


def test_a_custom_image_may_load_a_single_file_of_weights(tmp_path: Path) -> None:
    weights = {"release__artifact__uri": "s3://models/3.safetensors", "release__artifact__format": "safetensors"}
    made = emitted(tmp_path, "custom", **weights)
    assert made.env["MLSPEC_MODEL_PATH"] == "/models/3.safetensors"


def test_trap_a_graph_without_its_weights(tmp_path: Path) -> None:
    """OpenVINO writes a graph to `model.xml`, and its weights to `model.bin`."""
    changes = {"release__artifact__uri": "s3://models/7/model.xml", "release__artifact__format": "openvino"}
    told = refused(tmp_path, "triton", **changes)
    assert told == ["MLS012: a model in the format `openvino` is a folder, but this is the URI of a file"]


@pytest.mark.parametrize(
    ("runtime", "format_", "uri", "folder"),
    [
        ("vllm", "safetensors", "hf://acme/fraud/model.safetensors", "hf://acme/fraud"),
        ("vllm", "safetensors", "hf://acme/fraud/tuned/model.safetensors", "hf://acme/fraud/tuned/"),
        ("vllm", "safetensors", "s3://models/writer/3/pytorch_model.bin", "s3://models/writer/3/"),
        ("vllm", "safetensors", "s3://models/writer/1.2", "s3://models/writer/1.2/"),
        ("triton", "openvino", "s3://models/1/model.xml", "s3://models/1/"),
        ("custom", "savedmodel", "pvc://models/saved_model.pb", "pvc://models/"),
        ("mlserver", "mlflow", "s3://models/7/MLmodel", "s3://models/7/"),
    ],
)
def test_trap_no_folder_has_the_name_of_a_file(
    runtime: str, format_: str, uri: str, folder: str, tmp_path: Path
) -> None:
    base = HUB if uri.startswith("hf:") else {**CLAIM, "release__artifact__digest": DIGEST}
    base = {**base, "platform__images__runtime": OWN, "release__artifact__format": format_}
    told = compiled(tmp_path, spec(runtime, **{**base, "release__artifact__uri": uri})).diagnostics
    (found,) = [one for one in told if "but this is the URI of a file" in one.message]
    assert found.help == f"write `{folder}`, if that folder contains the model's files"
    assert not refused(tmp_path, runtime, **{**base, "release__artifact__uri": folder})


def test_trap_no_server_unpacks_an_archive_on_a_claim(tmp_path: Path) -> None:
    told = refused(tmp_path, "triton", **{**CLAIM, "release__artifact__uri": "pvc://models/fraud/7.tar.gz"})
    assert told == ["MLS012: `triton` cannot load an archive"]
