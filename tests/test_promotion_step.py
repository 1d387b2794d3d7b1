"""The step `promote` of a training run: its container, its token, and what is refused before a run could fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .promoting import ACCESS, PROMOTE, PROMOTING
from .retraining import PLATFORM, SPEC, compiled, configuration, environment, objects, pod, spec, steps, told
from .support import changed


def test_the_step_is_the_last_one(tmp_path: Path) -> None:
    made = pod(tmp_path, **PROMOTING)
    assert [container["name"] for container in made["containers"]] == ["promote"]
    assert [container["name"] for container in made["initContainers"]][-1] == "register"
    (step,) = made["containers"]
    assert step["command"] == ["mlspec", "runtime", "promote", "--in-job"]
    assert step["image"] == PLATFORM["platform"]["images"]["runtime"]


def test_without_promote_there_is_no_step(tmp_path: Path) -> None:
    assert "promote" not in steps(tmp_path)
    assert "promote" not in configuration(tmp_path)


def test_only_the_step_has_the_token(tmp_path: Path) -> None:
    """The author's code, and every package in its image, could push otherwise."""
    found = steps(tmp_path, **PROMOTING)
    reference = {"secretKeyRef": {"name": "git-token", "key": "token"}}
    assert environment(found["promote"])["GIT_TOKEN"] == reference
    assert [name for name, step in found.items() if "git-token" in str(step)] == ["promote"]
    assert not any("GIT_HOST" in environment(step) for step in found.values())


def test_the_step_has_no_other_secret(tmp_path: Path) -> None:
    """A step gets the access of what it reads, and the author's variables. This one reads files."""
    own = steps(tmp_path, **PROMOTING)["promote"]
    assert set(environment(own)) == {
        "MLSPEC_STEP", "MLSPEC_CONFIG", "MLSPEC_INPUT", "MLSPEC_OUTPUT", "MLSPEC_RUN", "GIT_TOKEN",
    }  # fmt: skip


def test_the_secret_may_have_another_key(tmp_path: Path) -> None:
    access = {**ACCESS, "git": {**ACCESS["git"], "keys": {"GIT_TOKEN": "pat"}}}
    own = steps(tmp_path, **{**PROMOTING, "access": access})["promote"]
    assert environment(own)["GIT_TOKEN"] == {"secretKeyRef": {"name": "git-token", "key": "pat"}}


def test_the_step_is_restricted_and_writes_only_to_tmp_and_its_folder(tmp_path: Path) -> None:
    own = steps(tmp_path, **PROMOTING)["promote"]
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    writable = [mount["mountPath"] for mount in own["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/mlspec/output", "/tmp"]


def test_the_step_trusts_the_authorities_of_the_platform(tmp_path: Path) -> None:
    """A forge inside a company has a certificate of the company."""
    platform = changed(PLATFORM, platform__caBundle={"configMap": "ca", "key": "ca.crt"})
    body = objects(tmp_path, platform, **PROMOTING)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (own,) = body["containers"]
    assert environment(own)["SSL_CERT_FILE"] == "/etc/mlspec/certificates/ca.crt"
    assert "certificates" in [mount["name"] for mount in own["volumeMounts"]]


# Where it goes

ADDRESSES: list[tuple[dict[str, str], str, str, str]] = [
    ({}, "github", "https://github.com/acme/fraud.git", "https://api.github.com"),
    ({"host": "gitlab.com"}, "gitlab", "https://gitlab.com/acme/fraud.git", "https://gitlab.com/api/v4"),
    ({"host": "codeberg.org"}, "gitea", "https://codeberg.org/acme/fraud.git", "https://codeberg.org/api/v1"),
    ({"host": "bitbucket.org"}, "bitbucket", "https://bitbucket.org/acme/fraud.git", "https://api.bitbucket.org/2.0"),
    (
        {"host": "git.example.com", "forge": "github"},
        "github", "https://git.example.com/acme/fraud.git", "https://git.example.com/api/v3",
    ),
    (
        {"host": "git.example.com", "forge": "bitbucket-data-center"},
        "bitbucket-data-center", "https://git.example.com/scm/acme/fraud.git", "https://git.example.com/rest/api/1.0",
    ),
    (
        {"host": "git.example.com", "forge": "gitlab", "url": "https://git.example.com:8443/gitlab/"},
        "gitlab", "https://git.example.com:8443/gitlab/acme/fraud.git", "https://git.example.com:8443/gitlab/api/v4",
    ),
    (
        {"host": "git.example.com", "forge": "gitea", "api": "https://api.git.example.com/v1"},
        "gitea", "https://git.example.com/acme/fraud.git", "https://api.git.example.com/v1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("access", "forge", "url", "api"), ADDRESSES)
def test_the_addresses_follow_from_the_host_and_its_software(
    tmp_path: Path, access: dict[str, str], forge: str, url: str, api: str
) -> None:
    given = {**SPEC["access"], "git": {"kind": "git", "secret": "git-token", **access}}
    found = configuration(tmp_path, **{**PROMOTING, "access": given})["promote"]
    assert found == {
        "via": "pull-request", "url": url, "branch": "main", "path": "systems/fraud/mlspec.yaml",
        "repository": "acme/fraud", "forge": forge, "api": api,
    }  # fmt: skip


def test_a_push_needs_no_api(tmp_path: Path) -> None:
    access = {**SPEC["access"], "git": {"kind": "git", "host": "git.example.com", "secret": "git-token"}}
    promote = {**PROMOTE, "via": "push", "branch": "release/next", "out": "deploy"}
    found = configuration(tmp_path, **{**PROMOTING, "access": access, "retraining__promote": promote})["promote"]
    assert found == {
        "via": "push", "url": "https://git.example.com/acme/fraud.git", "branch": "release/next",
        "path": "systems/fraud/mlspec.yaml", "out": "deploy",
    }  # fmt: skip


def _ports(tmp_path: Path, **changes: object) -> set[int]:
    rules = objects(tmp_path, **changes)["NetworkPolicy"]["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule.get("ports", ()) if port["protocol"] == "TCP"}


def test_the_network_policy_lets_the_step_reach_the_forge(tmp_path: Path) -> None:
    here = {"kind": "git", "host": "git.example.com", "forge": "gitea", "secret": "git-token"}
    before = _ports(tmp_path)
    url = {**here, "url": "https://git.example.com:8443", "api": "https://git.example.com:8444/api/v1"}
    assert _ports(tmp_path, **{**PROMOTING, "access": {**SPEC["access"], "git": url}}) - before == {8443, 8444}
    own = {**here, "ports": [3000]}
    assert _ports(tmp_path, **{**PROMOTING, "access": {**SPEC["access"], "git": own}}) - before == {3000}


# What cannot work


def _access(**changes: object) -> dict[str, Any]:
    git = {**ACCESS["git"], **changes}
    return {**SPEC["access"], "git": {key: value for key, value in git.items() if value is not None}}


def _promote(**changes: object) -> dict[str, Any]:
    made = {**PROMOTE, **changes}
    return {"retraining__promote": {key: value for key, value in made.items() if value is not None}}


WITHOUT_REGISTER = {name: step for name, step in SPEC["training"]["steps"].items() if name != "register"}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no repository": (_promote(repository=None), "MLS009: `promote` does not say the `repository`"),
    "no path": (_promote(path=None), "MLS009: `promote` does not say the `path`"),
    "no access": (_promote(access=None), "MLS009: `promote` has no `access` to the Git host"),
    "an access to a store": (_promote(access="lake"), "MLS012: the access `lake` is not for a Git host"),
    "no secret": ({"access": _access(secret=None)}, "MLS009: the access `git` has no token"),
    "another variable": ({"access": _access(keys={"PASSWORD": "x"})}, "MLS009: the access `git` has no token"),
    "an unknown forge": ({"access": _access(forge=None)}, "MLS009: the software of `git.example.com` is unknown"),
    "plain HTTP": (
        {"access": _access(url="http://gitea.git.svc:3000")},
        "MLS012: the token for the Git host would travel in plain text",
    ),
    "no register": (
        {"training__steps": WITHOUT_REGISTER},
        "MLS009: no step publishes the model that `promote` would release",
    ),
    "no gates": ({"evaluation": None}, "MLS009: no gate judges the model that `register` publishes"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_before_a_run(tmp_path: Path, what: str) -> None:
    changes, message = REFUSED[what]
    assert message in told(compiled(tmp_path, spec(**{**PROMOTING, **changes})))


def test_the_image_is_asked_for_once(tmp_path: Path) -> None:
    (found,) = told(compiled(tmp_path, spec(**PROMOTING), platform=None))
    assert found == "MLS035: promotion needs mlspec's own image"


def test_a_promotion_of_nothing_is_refused(tmp_path: Path) -> None:
    made = spec(**PROMOTING, training=None, retraining__schedule=None)
    found = told(compiled(tmp_path, made))
    assert "MLS012: `promote` has no effect: the spec has no `training` whose model it could promote" in found


def test_the_help_suggests_the_repository_that_a_link_names(tmp_path: Path) -> None:
    links = {"metadata__links__source": "https://git.example.com/payments/fraud.git"}
    result = compiled(tmp_path, spec(**{**PROMOTING, **_promote(repository=None), **links}))
    assert any("`repository: payments/fraud`" in (one.help or "") for one in result.found)


@pytest.mark.parametrize("path", ["../mlspec.yaml", "/mlspec.yaml", "a/../mlspec.yaml", "-o/x", "a//b", ""])
def test_a_path_stays_in_the_repository(tmp_path: Path, path: str) -> None:
    found = told(compiled(tmp_path, spec(**{**PROMOTING, **_promote(path=path)})))
    assert any(one.startswith("MLS006") for one in found)


@pytest.mark.parametrize("branch", ["--force", "a b", "+main", "main:other"])
def test_a_branch_is_no_option_and_no_refspec(tmp_path: Path, branch: str) -> None:
    found = told(compiled(tmp_path, spec(**{**PROMOTING, **_promote(branch=branch)})))
    assert any(one.startswith("MLS006") for one in found)
