"""The rules on promotions: the folder and the repository that they write, and those that the GitOps tool applies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .rules import findings
from .support import compile_text

PROMOTION = """
access: {git: {kind: git, host: %(host)s, forge: github, secret: git-token}}
training: {steps: {register: {command: [register]}}}
retraining: {promote: {repository: acme/fraud, path: %(path)s, access: git%(out)s}}
platform:
  images: {runtime: "registry.example.com/mlspec-runtime:1"}
  gitops: {%(gitops)s}
"""


def promotion(gitops: str, path: str = "mlspec.yaml", out: str = "", host: str = "github.com") -> str:
    return PROMOTION % {"gitops": gitops, "path": path, "out": out and f", out: {out}", "host": host}


def argocd(url: str = "https://github.com/acme/fraud.git", path: str = "") -> str:
    return f'tool: argocd, repository: "{url}"' + (path and f', path: "{path}"')


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/fraud",
        "https://github.com/acme/fraud/",
        "https://GitHub.com/Acme/fraud.git",
        "git@github.com:acme/fraud.git",
        "ssh://git@github.com:22/acme/fraud.git",
    ],
)
def test_a_repository_has_several_urls(url: str, tmp_path: Path) -> None:
    assert findings(tmp_path / "same", "MLS629", promotion(argocd(url)))
    assert not findings(tmp_path / "other", "MLS628", promotion(argocd(url)))


@pytest.mark.parametrize(
    ("gitops", "path", "out", "write"),
    [
        ("", "mlspec.yaml", "", 'path: "out/{environment}"'),
        ("", "systems/base/mlspec.yaml", "", 'path: "systems/{system}/out/{environment}"'),
        ("", "systems/base/mlspec.yaml", "deploy", 'path: "deploy/{system}/{environment}"'),
        ("deploy/{system}/{environment}", "mlspec.yaml", "", "out: deploy"),
        ("deploy/{system}/{environment}", "mlspec.yaml", "out", "out: deploy"),
    ],
)
def test_the_help_names_the_folder_that_the_other_side_has(
    gitops: str, path: str, out: str, write: str, tmp_path: Path
) -> None:
    (found,) = findings(tmp_path / "before", "MLS629", promotion(argocd(path=gitops), path, out))
    assert f"`{write}`" in found.help
    after = (write[7:-1], out) if write.startswith("path") else (gitops, write[5:])
    obeyed = promotion(argocd(path=after[0]), path, after[1])
    assert not findings(tmp_path / "after", "MLS629", obeyed)


def test_the_same_folder_is_right_however_it_is_written(tmp_path: Path) -> None:
    assert not findings(tmp_path, "MLS629", promotion(argocd(path="deploy//{system}/{environment}/"), out="deploy"))


def test_flux_names_no_repository_so_only_another_folder_is_a_warning(tmp_path: Path) -> None:
    flux = "tool: flux, source: deploy"
    assert findings(tmp_path / "default", "MLS628", promotion(flux))
    assert not findings(tmp_path / "same", "MLS628", promotion(f'{flux}, path: "out/{{environment}}"'))


@pytest.mark.parametrize("gitops", ["tool: kustomize", "tool: argocd", "tool: flux"])
def test_a_tool_without_an_object_applies_no_folder(gitops: str, tmp_path: Path) -> None:
    for number, id_ in enumerate(("MLS628", "MLS629")):
        assert not findings(tmp_path / str(number), id_, promotion(gitops))


def test_the_urls_of_bitbucket_data_center_differ_by_protocol(tmp_path: Path) -> None:
    gitops = argocd("ssh://git@git.example.com:7999/acme/fraud.git")
    fragment = promotion(gitops, host="git.example.com").replace("forge: github", "forge: bitbucket-data-center")
    assert findings(tmp_path, "MLS629", fragment)


SYSTEM = """
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: %s, owner: payments-ml}
problem: {useCase: Stop fraudulent payments., task: binary-classification}
access: {git: {kind: git, host: github.com, secret: git-token}}
training: {image: registry.example.com/train:1, steps: {train: {}, register: {command: [register]}}}
retraining: {promote: {repository: acme/%s, path: mlspec.yaml, access: git}}
"""


@pytest.mark.parametrize("id_", ["MLS628", "MLS629"])
def test_trap_a_help_in_a_platform_file_applies_the_folder_of_one_system_for_all(id_: str, tmp_path: Path) -> None:
    repository = "fraud" if id_ == "MLS629" else "deploy"
    platform = "apiVersion: mlspec/v1\nkind: Platform\nplatform:\n"
    platform += f'  gitops: {{tool: argocd, repository: "https://github.com/acme/{repository}.git"}}\n'
    result = compile_text(tmp_path, SYSTEM % ("fraud", "fraud"), platform=platform)
    (found,) = [one for one in result.diagnostics if one.id == id_]
    assert '`path: "out/{environment}"` under `platform.gitops` of this spec (other systems share' in found.help
    obeyed = SYSTEM % ("fraud", "fraud") + 'platform: {gitops: {path: "out/{environment}"'
    obeyed += "}}\n" if id_ == "MLS629" else ', repository: "https://github.com/acme/fraud.git"}}\n'
    assert not [one for one in compile_text(tmp_path, obeyed).diagnostics if one.id in ("MLS628", "MLS629")]


SERVED = """
serving: {mode: online, runtime: triton, serviceTime: {mean: 2ms}}
"""

LOCKED = """
apiVersion: mlspec/v1
kind: Platform
platform:
  gitops: {%s}
  policies: {locked: [platform.gitops]}
"""


@pytest.mark.parametrize(
    ("id_", "gitops", "helps"),
    [
        (
            "MLS628",
            argocd("https://github.com/acme/deploy.git"),
            (
                "copy `out/default` to `fraud/default` in a CI job and turn this rule off, or ask the owner of the "
                "platform, which locks `platform.gitops`, to apply that repository"
            ),
        ),
        (
            "MLS629",
            argocd(),
            (
                "write `out: deploy` under `retraining.promote`, and ask the owner of the platform, which locks it, "
                'for `path: "deploy/{system}/{environment}"`'
            ),
        ),
        ("MLS629", argocd(path="apps/{system}/{environment}"), "write `out: apps` under `retraining.promote`"),
        (
            "MLS628",
            f"{argocd(path='out/{environment}')}, revision: live",
            (
                "write `branch: live` under `retraining.promote` if that is a branch, or turn this rule off if a CI "
                "job brings it there"
            ),
        ),
    ],
    ids=["repository", "folder", "out", "branch"],
)
def test_trap_a_help_asks_for_what_the_platform_locks(id_: str, gitops: str, helps: str, tmp_path: Path) -> None:
    """Who obeyed it got the error that the value is locked."""
    result = compile_text(tmp_path, SYSTEM % ("fraud", "fraud"), platform=LOCKED % gitops)
    assert [one.help for one in result.diagnostics if one.id == id_] == [helps]


def test_a_folder_with_the_system_in_it_is_right_for_every_system(tmp_path: Path) -> None:
    for number, (path, ends) in enumerate({"mlspec.yaml": "of this spec", "base/mlspec.yaml": "`"}.items()):
        (found,) = findings(tmp_path / str(number), "MLS629", promotion(argocd(), path))
        assert found.help.endswith(ends)


@pytest.mark.parametrize(
    ("revision", "branch", "helps"),
    [
        ("HEAD", "models", None),  # the Git host decides which branch it is
        ("main", "main", None),
        ("refs/heads/models", "models", None),
        ("main", "models", ["`revision: models`", "`branch: main`"]),
        ("release/2026.11", "main", ["`revision: main`", "`branch: release/2026.11`"]),
        ("0e9e39f249a16976918f6564b8830bc894c89659", "main", ["`revision: main`"]),
    ],
)
def test_trap_argo_cd_never_applies_what_is_merged_to_another_branch(
    revision: str, branch: str, helps: list[str] | None, tmp_path: Path
) -> None:
    gitops = f"{argocd(path='out/{environment}')}, revision: {revision}"
    fragment = promotion(gitops).replace("access: git}", f"access: git, branch: {branch}}}")
    told = [one.help for one in findings(tmp_path, "MLS628", fragment)]
    assert [re.findall(r"`(?:revision|branch): [^`]+`", help_) for help_ in told] == ([] if helps is None else [helps])


def test_the_help_for_another_repository_has_all_that_differs(tmp_path: Path) -> None:
    gitops = argocd("https://github.com/acme/deploy.git") + ", revision: release"
    (found,) = findings(tmp_path, "MLS628", promotion(gitops))
    write = (
        'write `repository: https://github.com/acme/fraud.git`, `revision: main`, and `path: "out/{environment}"` under'
    )
    assert found.help.startswith(write)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("github.com", "ssh://git@ssh.github.com:443/acme/fraud.git"),
        ("gitlab.com", "ssh://git@altssh.gitlab.com:443/acme/fraud.git"),
        ("bitbucket.org", "ssh://git@altssh.bitbucket.org:443/acme/fraud.git"),
    ],
)
def test_trap_ssh_on_the_port_of_https_has_a_host_of_its_own(host: str, url: str, tmp_path: Path) -> None:
    fragment = promotion(argocd(url, "out/{environment}"), host=host).replace("forge: github, ", "")
    assert not findings(tmp_path, "MLS628", fragment)


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ("train: {runs: [training]}\n  prod: {runs: [serving, monitoring]}", ["train"]),
        ("train: {runs: [training, serving]}\n  prod: {runs: [serving, monitoring]}", []),
        ("train: {runs: [training]}\n  prod: {runs: [monitoring]}", []),  # the model is served elsewhere
        ("prod: {}", []),
    ],
)
def test_trap_the_environment_that_serves_never_hears_of_a_promotion(
    places: str, found: list[str], tmp_path: Path
) -> None:
    text = f"{SYSTEM % ('fraud', 'fraud')}{SERVED}environments:\n  {places}\n"
    told = [one for one in compile_text(tmp_path, text).diagnostics if one.id == "MLS634"]
    assert [one.environments[0] if one.environments else "all" for one in told] == found
