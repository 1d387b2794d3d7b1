"""Rules on credentials, places and language models: what they report, and what they ignore."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import DIGEST, findings
from .support import ROOT, compile_text

# Written in two pieces, so that secret scanners do not report them.
AWS, GITHUB, GITLAB = "AKIA" + "Q3EXAMPLE7IOSFOD", "ghp_" + "a1B2" * 9, "glpat-" + "x9Y8" * 5
HUB, SLACK, GOOGLE = "hf_" + "aBc1" * 8, "xoxb-" + "123456789012", "AIza" + "SyD1-" * 7
RANDOM = "q8Z2" + "vN4xW7pL1sT9" + "mK5r"


def env(name: str, value: str) -> str:
    return f"training: {{env: {{{name}: '{value}'}}}}"


KINDS = {
    "AWS": AWS,
    "AWS, temporary": AWS.replace("AKIA", "ASIA"),
    "GitHub": GITHUB,
    "GitHub, fine-grained": "github_pat_" + "a1B2" * 10,
    "GitLab": GITLAB,
    "Hugging Face": HUB,
    "Slack": SLACK,
    "Google": GOOGLE,
    "Azure, a SAS": "https://a.blob.core.windows.net/c/m.onnx?sp=r&se=2027-01-01T00:00:00Z&sig="
    + "Zm9vYmFy" * 5
    + "%3D",
    "AWS, a signed URL": "https://b.s3.amazonaws.com/m.onnx?X-Amz-Date=20270101T000000Z&X-Amz-Signature=" + "a1b2" * 16,
    "Google, a signed URL": "https://storage.googleapis.com/b/m.onnx?X-Goog-Expires=900&X-Goog-Signature=" + "0f" * 128,
    "CloudFront, a signed URL": "https://d1.cloudfront.net/m.onnx?Expires=1&Key-Pair-Id=K2&Signature=" + "Ab3~-_" * 9,
    "Google, an older signed URL": "https://storage.googleapis.com/b/m?GoogleAccessId=x&Signature=" + "AbC%2F" * 9,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_token_is_found(kind: str, tmp_path: Path) -> None:
    """Each kind is searched only in texts with a fixed part of it, so that part must be in every token of the kind."""
    assert findings(tmp_path, "MLS901", env("SETTING", KINDS[kind]))


@pytest.mark.parametrize(
    "fragment",
    [
        env("X", AWS),
        env("X", GITHUB),
        env("X", GITLAB),
        env("X", HUB),
        env("X", SLACK),
        env("X", GOOGLE),
        env("X", "-----BEGIN RSA PRIVATE KEY-----"),
        env("X", "host=db password=correct-horse"),
        env("X", "postgresql://scorer:correct-horse@db:5432/features"),
        env("DB_PASSWORD", "x"),
        env("API_KEY", RANDOM),
        env("HF_TOKEN", RANDOM),
        "metadata: {description: 'ask with token=correct-horse'}",
        "data: {sources: [{name: s, ingestion: batch, uri: 's3://key:secret@bucket/x'}]}",
        f"serving: {{env: {{GITHUB: '{GITHUB}'}}}}",
        "patches: [{target: {kind: Rollout, name: base}, reason: x, patch: {env: [{name: DB_PASSWORD, value: x}]}}]",
    ],
)
def test_a_credential_is_found_anywhere(fragment: str, tmp_path: Path) -> None:
    assert len(findings(tmp_path, "MLS901", fragment)) == 1


@pytest.mark.parametrize(
    "fragment",
    [
        env("MAX_TOKENS", "512"),
        env("TOKENIZERS_PARALLELISM", "false"),
        env("HF_TOKEN_PATH", "/var/run/secrets/huggingface/token1"),
        env("API_KEY", "/var/run/secrets/huggingface2/token"),
        env("SECRET_NAME", "fraud-scorer-credentials-2"),
        env("TOKEN", "fraud-scorer-reads-features-v2"),  # words: 3.4 bits per character
        env("DB_PASSWORD", "$(DB_PASSWORD)"),
        env("DB_PASSWORD", ""),
        env("URL", "https://user@example.com/x"),
        env("REVISION", "0c7d5e2f98b1a4c3d6e7f8091a2b3c4d5e6f7081"),
        env("CA", "-----BEGIN CERTIFICATE-----"),
        "access: {broker: {kind: kafka, secret: broker, keys: {KAFKA_PASSWORD: password}}}",
        "metadata: {description: 'Finds stolen passwords and tokens.'}",
    ],
)
def test_what_only_sounds_like_a_credential_is_ignored(fragment: str, tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS901", fragment) == []


def test_a_credential_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    """Output ends up in logs that more people can read than the repository."""
    (found,) = findings(tmp_path, "MLS901", env("HF_TOKEN", RANDOM))
    assert RANDOM not in f"{found.message}{found.label}{found.note}{found.help}"


@pytest.mark.parametrize(
    ("uri", "inside"),
    [
        ("http://mlflow.example.com/x", False),
        ("http://example.com", False),
        ("http://8.8.8.8:5000", False),
        ("http://user@mlflow.example.com", False),
        ("http://models.internal.example.com", False),
        ("http://mlflow", True),
        ("http://localhost:5000", True),
        ("http://mlflow.mlops:5000", True),
        ("http://mlflow.mlops.svc:5000", True),
        ("http://mlflow.mlops.svc.cluster.local", True),
        ("http://mlflow.corp.internal", True),
        ("http://10.0.3.7:5000", True),
        ("http://172.16.0.1", True),
        ("http://172.32.0.1", False),
        ("https://mlflow.example.com", True),
    ],
)
def test_plain_http_stays_inside(uri: str, inside: bool, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS902", f"training: {{tracking: {{uri: {uri}}}}}")
    assert (found == []) is inside
    assert all(d.help == f"write `https{uri[4:]}`" for d in found)


def test_links_for_people_are_not_used_by_the_system(tmp_path: Path) -> None:
    links = "links: {runbook: 'http://wiki.example.com/x', source: 'http://git.example.com/x'}"
    assert findings(tmp_path, "MLS902", f"metadata: {{{links}}}") == []
    assert findings(tmp_path, "MLS902", env("HTTP_PROXY", "http://proxy.example.com:3128")) == []


STORES = "platform: {policies: {stores: [%s]}}\ndata: {sources: [{name: s, ingestion: batch, uri: %s}]}"


@pytest.mark.parametrize(
    ("store", "uri", "fine"),
    [
        ("s3://lake", "s3://lake", True),
        ("s3://lake", "s3://lake/x", True),
        ("s3://lake/", "s3://lake/x", True),
        ("s3://lake", "s3://lake-of-another/x", False),
        ("s3://lake/ours", "s3://lake/theirs", False),
    ],
)
def test_a_store_ends_at_a_slash(store: str, uri: str, fine: bool, tmp_path: Path) -> None:
    of_model = "https://models.example.com"
    assert (findings(tmp_path, "MLS903", STORES % (f"'{store}', '{of_model}'", uri)) == []) is fine


ELSEWHERE = "s3://elsewhere/x"
SHADOW = f"{{version: 2, artifact: {{uri: {ELSEWHERE}, format: onnx, digest: '{DIGEST}'}}}}"


@pytest.mark.parametrize(
    "fragment",
    [
        f"release: {{artifact: {{uri: {ELSEWHERE}}}}}",
        f"release: {{shadow: {SHADOW}}}",
        f"model: {{llm: {{adapters: [{{name: polite, uri: {ELSEWHERE}}}]}}}}",
        f"data: {{sources: [{{name: s, ingestion: batch, uri: {ELSEWHERE}}}]}}",
        f"evaluation: {{primary: recall, testSet: {{uri: {ELSEWHERE}}}}}",
        f"serving: {{mode: batch, input: {{uri: {ELSEWHERE}}}}}",
    ],
)
def test_models_and_data_of_all_kinds_come_from_allowed_stores(fragment: str, tmp_path: Path) -> None:
    of_model = "platform: {policies: {stores: ['https://models.example.com']}}\n"
    assert len(findings(tmp_path / "bad", "MLS903", of_model + fragment)) == 1
    allowed = fragment.replace(ELSEWHERE, "https://models.example.com/x")
    assert findings(tmp_path / "good", "MLS903", of_model + allowed) == []
    assert findings(tmp_path / "none", "MLS903", of_model + "evaluation: {primary: recall}") == []


HELPERS = "images: {downloader: registry.example.com/rclone/rclone:1.75.1}"
REGISTRIES = f"platform: {{policies: {{registries: [%s]}}, {HELPERS}}}\ntraining: {{image: %s@{DIGEST}}}"


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("python", "docker.io"),
        ("library/python", "docker.io"),
        ("ghcr.io/x/y", "ghcr.io"),
        ("registry.example.com:5000/x", None),
        ("registry.example.com/x", None),
    ],
)
def test_an_image_without_a_registry_is_docker_hubs(image: str, registry: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS903", REGISTRIES % ("registry.example.com, nvcr.io", image))
    assert [d.message for d in found] == ([f"the platform does not allow images from `{registry}`"] if registry else [])


def test_an_image_from_the_catalog_is_reported_at_the_runtime(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "MLS903", REGISTRIES % ("registry.example.com", "registry.example.com/x"))
    assert found.span.file.lines[found.span.line][found.span.column : found.span.end_column] == "triton"
    assert "platform.runtimes.triton.image" in found.help


def test_trap_a_cluster_rejects_pods_for_the_image_of_a_helper(tmp_path: Path) -> None:
    """Admission control looks at every container, and the default image of downloads is on Docker Hub."""
    registries = "platform: {policies: {registries: [nvcr.io, registry.example.com]}%s}\n"
    training = f"training: {{image: registry.example.com/train@{DIGEST}}}\n"
    (found,) = findings(tmp_path / "bad", "MLS903", registries % "" + training)
    assert found.message == "the platform does not allow images from `docker.io`"
    assert found.help.endswith("set `platform.images.downloader` to the copy")
    assert findings(tmp_path / "good", "MLS903", registries % f", {HELPERS}" + training) == []
    own = {"uri": f"image://registry.example.com/fraud@{DIGEST}", "format": "custom", "digest": DIGEST}
    assert findings(tmp_path / "none", "MLS903", registries % "" + training + f"release: {{artifact: {own}}}") == []


def test_trap_the_image_that_fills_the_feature_store_is_no_exception(tmp_path: Path) -> None:
    fragment = (ROOT / "examples" / "fraud-scorer" / "mlspec.yaml").read_text()
    digest = "@sha256:6a1f0f4f3c1f5d0ef0a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708"
    moved = fragment.replace(
        f"registry.example.com/fraud/features:2026.11.2{digest}", "ghcr.io/fraud/features:2026.11.2"
    )
    policies = "  policies: {registries: [registry.example.com, nvcr.io, docker.io]}\n"
    moved = moved.replace("platform:\n", f"platform:\n{policies}", 1)
    told = {one.id: one.message for one in compile_text(tmp_path, moved, today="2026-11-23").diagnostics}
    assert told["MLS903"] == "the platform does not allow images from `ghcr.io`"


# Language models


def served(llm: str, model: str = "{}") -> str:
    return f"model: {model}\nserving: {{llm: {{{llm}}}}}"


@pytest.mark.parametrize(
    ("fragment", "lacking"),
    [
        (served("tokens: {context: 8192, output: 512}"), None),
        (served("tokens: {context: 8192}"), "`output`"),
        (served("tokens: {output: 512}"), "`context`"),
        (served("caching: {prefix: true}"), "`context` and `output`"),
        ("model: {llm: {variant: instruct}}", "`context` and `output`"),
        ("problem: {task: embedding}\nmodel: {llm: {variant: base}}", None),
        ("", None),
    ],
)
def test_a_language_model_has_both_limits(fragment: str, lacking: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS801", fragment)
    assert [d.message for d in found] == (
        [f"the language model is served without a limit on {lacking}"] if lacking else []
    )


def test_an_embedder_generates_no_tokens(tmp_path: Path) -> None:
    services = """
services:
  base:
    llm:
      tokens: {context: 8192, output: 512}
      retrieval: {store: qdrant, uri: "https://vectors.example.com", embedder: embedder}
  embedder: {mode: online, runtime: triton, llm: {tokens: {context: 512}}}
"""
    assert findings(tmp_path, "MLS801", services) == []
    assert findings(tmp_path, "MLS801", services.replace("embedder: embedder", "embedder: base"))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("prompt: {version: 2026-11-03}", None),
        ("prompt: {version: Latest}", "`Latest` does not identify one version of the prompt"),
        ("tokens: {context: 8192, output: 512, system: 1200}", None),  # nothing reads `prompt` yet, so it is not asked
    ],
)
def test_a_prompt_has_a_version(prompt: str, message: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS803", served(prompt))
    assert [d.message for d in found] == ([message] if message else [])


@pytest.mark.parametrize(
    ("store", "uri", "fine"),
    [
        ("s3://models/team/", "s3://models/team/../../other-bucket/x.onnx", False),
        ("s3://models/team/", "s3://models/team/./x.onnx", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/../evil/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/%2e%2E/evil/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/%252e%252e/evil/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/..%2fevil/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/..%5cevil/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com//zoo/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com@evil.example.com/zoo/x", False),
        ("https://hub.example.com/zoo/", "https://hub.example.com:8443/zoo/x", False),
        ("https://hub.example.com/zoo/", "https://HUB.example.com:443/zoo/x", True),
        ("https://hub.example.com/zoo/", "https://hub.example.com./zoo/a..b/x", True),
        ("https://hub.example.com/zoo/", "https://hub.example.com/zoo/my%20model", True),
        ("s3://models/team", "s3://models/te%61m/x", False),  # an object store decodes nothing
        ("abfss://ours@account.example.com/x", "abfss://theirs@account.example.com/x/y", False),
    ],
)
def test_no_way_of_writing_a_uri_leaves_its_store(store: str, uri: str, fine: bool, tmp_path: Path) -> None:
    """A comparison of texts allows `team/../../other-bucket`, and download programs send it as it stands."""
    of_model = "https://models.example.com"
    assert (findings(tmp_path, "MLS903", STORES % (f"'{store}', '{of_model}'", f"'{uri}'")) == []) is fine
