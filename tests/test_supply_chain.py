"""The supply chain of mlspec itself: what its workflows, hooks, and images run, and what a release contains."""

from __future__ import annotations

import json
import re
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec

from .support import ROOT, loaded
from .test_packaging import pins

WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
LEAST = {"contents": "read"}
MORE = {
    ("release.yml", "attest"): {"id-token": "write", "attestations": "write"},
    ("release.yml", "publish"): {"id-token": "write"},
}
"""The jobs that need more than to read the repository."""


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in loaded(path.read_text())["jobs"].items():
            yield path.name, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, name, job in jobs():
        yield from ((f"{file}: {name}", step) for step in job.get("steps", ()))


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    """A tag of an action can be moved to code that reads what the job can read."""
    lines = [line for path in WORKFLOWS for line in path.read_text().splitlines() if re.search(r"\buses:", line)]
    assert len(lines) > 5
    own = r"\./\.github/workflows/ci\.yml"
    pinned = r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [line for line in lines if not re.fullmatch(rf"\s*(?:- )?uses: (?:{own}|{pinned})", line)] == []


def test_one_action_has_one_version() -> None:
    used = {match for path in WORKFLOWS for match in re.findall(r"uses: ([\w./-]+)@(\w+ # \S+)", path.read_text())}
    assert len(used) == len({name for name, _ in used})


def test_every_job_may_do_only_what_it_needs() -> None:
    for path in WORKFLOWS:
        assert loaded(path.read_text())["permissions"] == {}, path
    for file, name, job in jobs():
        assert job["permissions"] == MORE.get((file, name), LEAST), (file, name)


def test_a_job_that_may_publish_or_attest_runs_nothing_of_the_repository() -> None:
    """What runs there could sign or publish anything."""
    for file, name, job in jobs():
        if (file, name) in MORE:
            assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]
            assert [step["run"] for step in job["steps"] if "run" in step] in ([], ["rm dist/*.cdx.json"])


def test_no_checkout_leaves_its_token_behind() -> None:
    for where, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, where


def test_no_text_of_a_pull_request_becomes_code() -> None:
    """An expression is replaced in the script before the shell reads it."""
    assert [where for where, step in steps() if "${{" in step.get("run", "")] == []
    assert [path for path in WORKFLOWS if "pull_request_target" in path.read_text()] == []


INSTALLING = ("Makefile", "quickstart", "Dockerfile", ".ci/run", *(str(path.relative_to(ROOT)) for path in WORKFLOWS))


@pytest.mark.parametrize("name", INSTALLING)
def test_everything_that_is_installed_has_a_hash(name: str) -> None:
    """Either the hash is checked, or what is installed is this repository, without its dependencies."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    commands = re.findall(r"pip install .*", text)
    assert [one for one in commands if "--require-hashes" not in one and "--no-deps" not in one] == []


def test_the_base_image_is_pinned_to_a_digest() -> None:
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == 2
    assert [image for image in images if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", image)] == []


def test_packages_of_the_image_are_those_of_its_base_image() -> None:
    """Debian's mirrors change every day. The base image names its snapshot in a comment, and its digest pins that."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    (command,) = [line for line in text.splitlines() if "apt-get install" in line]
    fails_without, _, after = command.partition("grep -q '^URIs: http://snapshot.debian.org/'")
    assert "s|^# http://snapshot|URIs: http://snapshot|" in fails_without
    assert after.index("apt-get -o Acquire::Check-Valid-Until=false update") < after.index("apt-get install")
    assert "rm -rf /var/lib/apt/lists/* /var/cache/apt/*" in after
    assert text.count("ARG SOURCE_DATE_EPOCH=") == len(re.findall(r"^FROM ", text, re.MULTILINE))


def test_the_documentation_pins_the_hooks() -> None:
    """pre-commit takes `rev` as it is, so a branch would run whatever is on it."""
    revisions = re.findall(r"^\s+rev: (\S+)", (ROOT / "docs" / "editors.md").read_text(), re.MULTILINE)
    assert revisions
    assert [revision for revision in revisions if not re.fullmatch(r"v\d+\.\d+\.\d+|[0-9a-f]{40}", revision)] == []


@pytest.mark.exhaustive
def test_a_release_has_the_same_bytes_twice_and_lists_what_users_install(tmp_path: Path) -> None:
    venv.create(tmp_path / "tools", with_pip=True)
    python = tmp_path / "tools" / "bin" / "python"
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    subprocess.run([*install, "-r", ROOT / "requirements" / "release.txt"], check=True)
    for folder in ("one", "two"):
        command = [python, ROOT / "requirements" / "release.py", tmp_path / folder]
        subprocess.run(command, env={"SOURCE_DATE_EPOCH": "1700000000", "PATH": "/usr/bin:/bin"}, check=True)
    built = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    name = f"mlspec_compiler-{mlspec.__version__}"
    assert built.keys() == {f"{name}.tar.gz", f"{name}-py3-none-any.whl", f"{name}.cdx.json"}
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()} == built
    checked(python, tmp_path / "one" / f"{name}.cdx.json")


VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()))
"""


def checked(python: Path, path: Path) -> None:
    """The list is valid, and has every package that is locked, with its hashes and the version of mlspec."""
    done = subprocess.run([python, "-c", VALIDATE, path], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    content = json.loads(path.read_text())
    main = content["metadata"]["component"]
    assert (main["name"], main["version"]) == ("mlspec-compiler", mlspec.__version__)
    listed = {(one["name"].lower().replace("_", "-"), one["version"]) for one in content["components"]}
    assert listed == {(package, version) for package, versions in pins("run").items() for version in versions}
    assert all(one["externalReferences"][0]["hashes"] for one in content["components"])
