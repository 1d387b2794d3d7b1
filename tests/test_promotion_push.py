"""`mlspec runtime promote` with a push: one commit, once, whatever the repository and the files are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.http import Waits
from mlspec.runtime.promote.git import Clone
from mlspec.runtime.promote.task import Task
from mlspec.terminal.commands import publish

from .promoting import DIGEST, RELEASE, TOKEN, VERDICT, Place, git, live, spec
from .support import dumped, run


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "WAITS", Waits(first=0.0, longest=0.0))
    monkeypatch.delenv("GIT_TOKEN", raising=False)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# One version


def test_a_judged_model_becomes_one_commit(place: Place) -> None:
    before = place.refs["main"]
    ran = place.in_job()
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "Promote fraud 15 to default: pushed to `main`"
    assert git("rev-list", "--count", f"{before}..main", cwd=place.bare) == "1"
    changed = git("diff", "--name-only", before, "main", cwd=place.bare).splitlines()
    assert [name for name in changed if "/out/" not in name] == [
        "systems/fraud/releases/default.evaluation.md",
        "systems/fraud/releases/default.yaml",
    ]
    assert "systems/fraud/out/default/retraining/configmap-training.yaml" in changed
    assert place.release()["version"] == "15"
    assert place.release()["artifact"]["digest"] == DIGEST
    assert [one["version"] for one in place.release()["previous"]] == ["14"]
    assert place.shown("releases/default.evaluation.md").startswith("# Evaluation of fraud\n")
    message = git("log", "-1", "--format=%an%n%B", "main", cwd=place.bare)
    assert message.splitlines()[:2] == ["mlspec", "Promote fraud 15 to default"]
    assert DIGEST in message
    assert "fraud-retrain-29400000" in message


def test_what_is_pushed_is_what_the_spec_compiles_to(place: Place) -> None:
    """`mlspec check`, which runs in CI for each commit, agrees."""
    assert place.promote().status == 0
    git("clone", "-q", place.bare, place.folder / "checked", cwd=place.folder)
    assert run("check", place.folder / "checked" / "systems" / "fraud").status == 0


def test_a_second_promotion_of_a_version_changes_nothing(place: Place) -> None:
    assert place.promote().status == 0
    before = place.refs
    for again in (place.promote(), place.in_job()):
        assert (again.status, again.err) == (0, "")
        assert again.out == "Promote fraud 15 to default: nothing to do, because it is live already\n"
    assert place.refs == before


def test_a_version_that_was_replaced_does_not_come_back_by_itself(place: Place) -> None:
    """After a rollback, a retry of the same run would undo what a person decided."""
    assert place.promote().status == 0
    git("clone", "-q", place.bare, place.folder / "rollback", cwd=place.folder)
    work = place.folder / "rollback"
    assert run("rollback", work / "systems" / "fraud" / "mlspec.yaml", "--env", "default", "--to", "14").status == 0
    place.commit(work, "roll back")
    before = place.refs
    ran = place.promote()
    assert (ran.status, ran.out.count("another version has replaced it")) == (0, 1)
    assert place.refs == before


def test_another_model_under_the_same_version_is_refused(place: Place) -> None:
    assert place.promote().status == 0
    before, other = place.refs, f"sha256:{'3' * 64}"
    place.write("gate/verdict.json", {**VERDICT, "model": {"digest": other}})
    place.write("register/release.json", {**RELEASE, "artifact": {**RELEASE["artifact"], "digest": other}})
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert "give the new model another version" in ran.err
    assert place.refs == before


def test_a_folder_for_all_systems_gets_the_output(tmp_path: Path) -> None:
    place = Place(tmp_path, out="deploy")
    assert place.promote().status == 0
    names = git("ls-tree", "-r", "--name-only", "main", cwd=place.bare).splitlines()
    assert "deploy/fraud/default/kustomization.yaml" in names


def test_a_repository_may_keep_the_output_elsewhere(place: Place) -> None:
    """Some repositories ignore `out/`, and a pipeline compiles it. The release is committed alone."""
    place.change(".gitignore", "out/\n")
    git("clone", "-q", place.bare, place.folder / "untracked", cwd=place.folder)
    git("rm", "-rq", "--cached", "systems/fraud/out", cwd=place.folder / "untracked")
    place.commit(place.folder / "untracked", "do not keep the output")
    before = place.refs["main"]
    assert place.promote().status == 0
    changed = git("diff", "--name-only", before, "main", cwd=place.bare).splitlines()
    assert changed == ["systems/fraud/releases/default.evaluation.md", "systems/fraud/releases/default.yaml"]


# What is not promoted


def test_a_model_that_did_not_pass_is_not_promoted(place: Place) -> None:
    before = place.refs
    place.write("gate/verdict.json", {**VERDICT, "pass": False})
    (place.folder / "run" / "register" / "release.json").unlink()  # `register` writes none then
    for ran, status in ((place.promote(), 42), (place.in_job(), 0)):
        assert (ran.status, ran.err) == (status, "")
        assert ran.out == "the model did not pass its gates, so nothing is promoted\n"
    assert place.refs == before


ARTIFACT = RELEASE["artifact"]
WRONG_FILES: dict[str, tuple[str, Any]] = {
    "no verdict": ("gate/verdict.json", "{"),
    "a verdict of another version": ("gate/verdict.json", {**VERDICT, "version": 2}),
    "a pass of no model": ("gate/verdict.json", {**VERDICT, "model": None}),
    "a digest that is none": ("gate/verdict.json", {**VERDICT, "model": {"digest": "sha256:1"}}),
    "a release that is not JSON": ("register/release.json", "version: 15"),
    "a release that is a list": ("register/release.json", []),
    "a key given twice": ("register/release.json", '{"version": "15", "version": "16"}'),
    "another model": ("register/release.json", {**RELEASE, "artifact": {**ARTIFACT, "digest": f"sha256:{'9' * 64}"}}),
    "no digest": ("register/release.json", {"version": "15"}),
    "no version": ("register/release.json", {"artifact": ARTIFACT}),
    "a version that is a list": ("register/release.json", {**RELEASE, "version": ["15"]}),
    "half a character": ("register/release.json", json.dumps({**RELEASE, "version": "\ud800"})),
    "a huge release": ("register/release.json", json.dumps({**RELEASE, "x": "y" * (9 * 2**20)})),
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_file_that_violates_the_contract_ends_the_run_without_a_retry(place: Place, wrong: str) -> None:
    before = place.refs
    place.write(*WRONG_FILES[wrong])
    for ran, status in ((place.promote(), 1), (place.in_job(), 42)):
        assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1)
        assert ran.err.startswith("mlspec runtime promote: ")
    assert place.refs == before


WRONG_SETTINGS: dict[str, dict[str, object]] = {
    "a way that there is not": {"via": "mail"},
    "a path that leaves the repository": {"path": "../../etc/passwd"},
    "an absolute path": {"path": "/etc/passwd"},
    "a path into git's own files": {"path": ".git/config"},
    "output that leaves the repository": {"out": "../elsewhere"},
    "output into git's own files": {"out": "a/.git/hooks"},
    "a branch that is an option": {"branch": "--upload-pack=touch /tmp/x"},
    "a URL that is an option": {"url": "--upload-pack=touch /tmp/x"},
    "a URL that runs a program": {"url": "ext::sh -c touch% /tmp/x"},
    "plain HTTP to another machine": {"url": "http://git.example.com/acme/fraud.git"},
    "a token in the URL": {"url": "https://mlspec:hunter2@git.example.com/acme/fraud.git"},
    "another protocol": {"url": "ssh://git@git.example.com/acme/fraud.git"},
    "no port": {"url": "https://git.example.com:x/acme/fraud.git"},
    "a pull request on no forge": {"via": "pull-request"},
}


@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
def test_settings_that_the_compiler_never_writes_are_refused(place: Place, wrong: str) -> None:
    before = place.refs
    place.set(**WRONG_SETTINGS[wrong])
    ran = place.promote()
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "hunter2" not in ran.err
    assert place.refs == before


def test_without_all_files_the_usage_is_wrong(place: Place) -> None:
    assert run("runtime", "promote", "--config", place.folder / "run" / "training.json").status == 2
    assert run("runtime", "promote", "--in-job").status == 2


@pytest.mark.parametrize("token", ["", "two words", "tok\nen", "tök"])
def test_no_header_is_made_of_a_token_that_is_none(place: Place, token: str) -> None:
    place.set(url="https://git.example.com/acme/fraud.git")
    assert [ran.status for ran in (place.promote(token), place.in_job(token))] == [2, 42]


# The repository

SPEC = "systems/fraud/mlspec.yaml"
RELEASES = "systems/fraud/releases/default.yaml"
HEAD = {"apiVersion": "mlspec/v1", "kind": "Release", "system": "fraud", "environment": "default"}
WRONG_REPOSITORIES: dict[str, tuple[str, str | None, str]] = {
    "no spec": (SPEC, None, "there is no `systems/fraud/mlspec.yaml` on `main`"),
    "a spec that is no YAML": (SPEC, "a: [", "does not compile for `default`"),
    "a spec with an error": (SPEC, dumped(spec(problem__task="nonsense")), "does not compile for `default`"),
    "another system": (SPEC, dumped(spec(metadata__name="other")), "describes `other`, not `fraud`"),
    "another environment": (SPEC, dumped({**spec(), "environments": {"production": {}}}), "no environment `default`"),
    "a dirty release file": (RELEASES, "<<<<<<< HEAD\nversion: 1\n=======\n", "does not compile for `default`"),
    "a release file of another system": (
        RELEASES,
        dumped(
            {"apiVersion": "mlspec/v1", "kind": "Release", "system": "x", "environment": "default", "release": live()}
        ),
        "does not compile for `default`",
    ),
    "output of another version": (
        "systems/fraud/out/default/kustomization.yaml",
        "kind: Kustomization\n",
        "is not what the spec compiles to",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_REPOSITORIES)
def test_a_repository_that_cannot_take_the_version_is_left_alone(place: Place, wrong: str) -> None:
    path, content, told = WRONG_REPOSITORIES[wrong]
    place.change(path, content)
    before = place.refs
    for ran in (place.promote(), place.in_job()):
        assert ran.status == 42
        assert told in next(line for line in ran.err.splitlines() if line.startswith("mlspec runtime promote: "))
    assert place.refs == before


def test_a_release_that_git_ignores_is_not_called_promoted(place: Place) -> None:
    work = place.folder / "ignored"
    git("clone", "-q", place.bare, work, cwd=place.folder)
    git("rm", "-rq", "--cached", "systems/fraud/out", "systems/fraud/releases", cwd=work)
    (work / ".gitignore").write_text("releases/\nout/\n")
    place.commit(work, "ignore what mlspec writes")
    before = place.refs
    ran = place.promote()
    assert (ran.status, "git ignores what was written" in ran.err, place.refs) == (42, True, before)


def test_a_run_that_could_not_promote_prints_the_release(place: Place) -> None:
    """The volume of a failed run is gone with its pod, and a person needs the release."""
    place.change(SPEC, None)
    (line,) = (line for line in place.in_job().err.splitlines() if line.startswith("the release that was not promoted"))
    assert json.loads(line.partition(": ")[2]) == RELEASE


@pytest.mark.parametrize("link", ["systems/fraud/mlspec.yaml", "systems/fraud/releases", "systems/fraud/out"])
def test_no_link_of_a_repository_leads_out_of_it(place: Place, link: str) -> None:
    outside = place.folder / "outside"
    git("clone", "-q", place.bare, place.folder / "linked", cwd=place.folder)
    path = place.folder / "linked" / link
    shutil.move(path, outside)
    path.symlink_to(outside)
    place.commit(place.folder / "linked", "a link")
    before = place.refs, {one: one.read_bytes() for one in outside.rglob("*") if one.is_file()}
    assert place.promote().status == 42
    assert before == (place.refs, {one: one.read_bytes() for one in outside.rglob("*") if one.is_file()})


@pytest.mark.parametrize(("release", "told"), [
    ({**RELEASE, "shadow": RELEASE}, "cannot be released"),
    ({**RELEASE, "unknown": 1}, "cannot be released"),
    ({**RELEASE, "artifact": {**ARTIFACT, "uri": "not a uri"}}, "cannot be released"),
])  # fmt: skip
def test_a_release_has_only_the_keys_of_a_version(place: Place, release: dict[str, Any], told: str) -> None:
    before = place.refs
    place.write("register/release.json", release)
    ran = place.promote()
    assert (ran.status, told in ran.err, place.refs) == (42, True, before)


def test_without_a_report_nothing_is_promoted(place: Place) -> None:
    before = place.refs
    place.write("evaluate/metrics.json", {"version": 1, "metrics": {"no_such_metric": {"value": 1}}})
    ran = place.promote()
    assert (ran.status, "there is no evaluation report" in ran.err, place.refs) == (42, True, before)


def test_a_branch_that_is_not_there_is_named(place: Place) -> None:
    place.set(branch="trunk")
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert "it has no branch of that name" in ran.err


def test_a_repository_that_is_not_there_is_named(place: Place) -> None:
    place.set(url=str(place.folder / "nowhere.git"))
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)


def test_a_hook_of_the_server_has_the_last_word(place: Place) -> None:
    hook = place.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'commits need a ticket' >&2\nexit 1\n")
    hook.chmod(0o755)
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert "commits need a ticket" in ran.err
    assert place.release()["version"] == "14"


def test_a_file_of_others_in_the_place_of_output_is_kept(place: Place) -> None:
    """mlspec's own index does not list it, so the promotion may not overwrite it."""
    place.change("systems/fraud/out/default/.mlspec-index.json", None)
    place.change("systems/fraud/out/default/kustomization.yaml", "kind: Kustomization\n")
    before = place.refs
    ran = place.promote()
    assert (ran.status, ran.err.count("\n"), place.refs) == (42, 1, before)
    assert "was not written by mlspec" in ran.err


def test_a_machine_without_git_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.folder))
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "the program `git` is missing" in ran.err


# What runs, and who sees the token


def test_nothing_of_a_repository_or_a_user_runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks, filters, and aliases are programs. A template of git would copy a hook into each clone."""
    ran, hooks = place.folder / "it-ran", place.folder / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "pre-commit", "pre-push"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    own = place.folder / "gitconfig"
    own.write_text(f'[init]\ntemplateDir = {hooks.parent}\n[filter "x"]\nsmudge = touch {ran}\nclean = touch {ran}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks.parent))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {ran}")
    place.change(".gitattributes", "* filter=x\n")
    assert place.promote().status == 0
    assert not ran.exists()


def test_the_token_is_in_no_argument_and_in_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are in the process list for everyone on the node."""
    real, log, bin_ = shutil.which("git"), place.folder / "arguments", place.folder / "bin"
    bin_.mkdir()
    wrapper = bin_ / "git"
    wrapper.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n{real} "$@"\nstatus=$?\n'
        f"cat .git/config */.git/config >> {log} 2>/dev/null\nexit $status\n"
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    assert place.promote().status == 0
    text = log.read_text()
    assert "clone --quiet" in text
    assert "[remote" in text
    assert TOKEN not in text


# Several at once, and death


def test_a_commit_in_between_leads_to_another_try(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pushes: list[str] = []
    push = Clone.push

    def late(self: Clone, branch: str) -> bool:
        if len(pushes) < 2:
            place.change(f"notes-{len(pushes)}.md", "someone was faster\n")
        pushes.append(branch)
        return push(self, branch)

    monkeypatch.setattr(Clone, "push", late)
    assert place.promote().status == 0
    assert pushes == ["main"] * 3
    assert place.release()["version"] == "15"
    assert git("show", "main:notes-1.md", cwd=place.bare) == "someone was faster"


def test_a_branch_that_never_stands_still_ends_with_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def beaten(_: Clone, branch: str) -> bool:
        tried.append(branch)
        return False

    monkeypatch.setattr(Clone, "push", beaten)
    ran = place.promote()
    assert (ran.status, len(tried), ran.err.count("\n")) == (1, publish.TRIES, 1)


@pytest.mark.exhaustive
def test_of_promotions_at_the_same_time_one_makes_a_commit(place: Place) -> None:
    before = place.refs["main"]
    running = [place.process() for _ in range(4)]
    ended = [(one.communicate(), one.returncode) for one in running]
    assert [status for _, status in ended] == [0] * 4, ended
    assert git("rev-list", "--count", f"{before}..main", cwd=place.bare) == "1"


STAGES = {
    "before the clone": ("Git.clone", "before"),
    "after the clone": ("Git.clone", "after"),
    "before the release": ("publish._committed", "before"),
    "after the release file": ("releases.store", "after"),
    "before the output": ("exchange.exchange", "before"),
    "after the output": ("exchange.exchange", "after"),
    "before the commit": ("Clone.commit", "before"),
    "after the commit": ("Clone.commit", "after"),
    "after the push": ("Clone.push", "after"),
}
KILL = """
import os, signal
from mlspec.runtime.promote.git import Clone, Git
from mlspec.terminal import exchange, releases, write
from mlspec.terminal.commands import promote, publish
owner, name = {owner}, {name!r}
real = getattr(owner, name)
def hooked(*args, **more):
    if {when!r} == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **more)
    os.kill(os.getpid(), signal.SIGKILL)
for module in (owner, promote, write):
    if getattr(module, name, None) is real:
        setattr(module, name, hooked)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_promotion_leaves_nothing_or_everything(place: Place, stage: str) -> None:
    (owner, name), when = STAGES[stage][0].split("."), STAGES[stage][1]
    before = place.refs
    killed = place.process(KILL.format(owner=owner, name=name, when=when))
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    whole = stage == "after the push"
    assert (place.refs == before) is not whole
    assert place.promote().status == 0  # the next try starts from what is there
    assert git("rev-list", "--count", f"{before['main']}..main", cwd=place.bare) == "1"
    assert place.release()["version"] == "15"
    git("clone", "-q", place.bare, place.folder / "checked", cwd=place.folder)
    assert run("check", place.folder / "checked" / "systems" / "fraud").status == 0


# Names


def _branch(version: str, model: str = "fraud") -> str:
    empty: dict[str, Any] = dict.fromkeys(("settings", "digest", "release", "metrics", "run"))
    return Task(system="fraud", environment="production", model=model, version=version, **empty).branch


VERSIONS = [
    "15",
    "2026.11.2",
    "a b",
    "a/b",
    "a..b",
    ".a",
    "a.lock",
    "-a",
    "a~1",
    "ä",
    "x" * 300,
    "@{-1}",
    "a.",
    "\n",
    "a-b",
]


def test_every_version_has_a_branch_of_its_own_that_git_accepts(tmp_path: Path) -> None:
    made = [_branch(version) for version in VERSIONS]
    assert made[:2] == ["mlspec/fraud/production/15", "mlspec/fraud/production/2026.11.2"]
    assert len(set(made)) == len(VERSIONS)
    for name in made:
        subprocess.run(["git", "check-ref-format", "--branch", name], cwd=tmp_path, check=True, capture_output=True)


def test_two_models_of_a_system_have_two_branches() -> None:
    assert _branch("15", model="ranker") == "mlspec/fraud/production/ranker/15"
