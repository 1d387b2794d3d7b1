"""Pull requests: what each forge receives, and what its refusals mean. tests/forge.py names the documentation."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.http import Waits
from mlspec.runtime.promote.forges import FORGES, Change
from mlspec.runtime.promote.git import Clone
from mlspec.terminal.commands import publish

from .forge import APIS, Answer, Fake, Pull, forge
from .promoting import METRICS, Place, git

BRANCH = "mlspec/fraud/default/15"
OPENED = "Promote fraud 15 to default: opened a pull request: "
KNOWN = "Promote fraud 15 to default: the pull request is open: "


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "WAITS", Waits(first=0.0, longest=0.0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    git("config", "http.receivepack", "true", cwd=made.bare)
    return made


def _served(kind: str, place: Place) -> Iterator[Fake]:
    with forge(kind, place.folder / "remote") as fake:
        place.set(**fake.settings)
        yield fake


@pytest.fixture(params=APIS)
def fake(request: pytest.FixtureRequest, place: Place) -> Iterator[Fake]:
    """Each forge."""
    yield from _served(request.param, place)


@pytest.fixture
def github(place: Place) -> Iterator[Fake]:
    """One forge, for what does not depend on which."""
    yield from _served("github", place)


# What they receive

BODIES: dict[str, dict[str, Any]] = {
    "github": {"title": "T", "head": BRANCH, "base": "main", "body": "B"},
    "gitlab": {
        "title": "T", "description": "B", "remove_source_branch": True,
        "source_branch": BRANCH, "target_branch": "main",
    },
    "gitea": {"title": "T", "head": BRANCH, "base": "main", "body": "B"},
    "bitbucket": {
        "title": "T", "description": "B", "close_source_branch": True,
        "source": {"branch": {"name": BRANCH}}, "destination": {"branch": {"name": "main"}},
    },
    "bitbucket-data-center": {
        "title": "T", "description": "B",
        "fromRef": {"id": f"refs/heads/{BRANCH}", "repository": {"slug": "fraud", "project": {"key": "acme"}}},
        "toRef": {"id": "refs/heads/main", "repository": {"slug": "fraud", "project": {"key": "acme"}}},
    },
}  # fmt: skip


def test_a_version_becomes_one_pull_request(place: Place, fake: Fake) -> None:
    """Twice: the second time, there is one."""
    before = place.refs
    ran = place.in_job()
    assert (ran.status, ran.err) == (0, "")
    url = ran.out.splitlines()[-1].removeprefix(OPENED)
    assert url.startswith(f"{fake.address}/")
    assert place.refs.keys() == {"main", BRANCH}
    assert place.refs["main"] == before["main"]
    assert (place.release(BRANCH)["version"], place.release()["version"]) == ("15", "14")
    after = place.refs
    for again in (place.promote(), place.in_job()):
        assert (again.status, again.err, again.out) == (0, "", f"{KNOWN}{url}\n")
    assert place.refs == after
    (posted,) = fake.posted
    body = fake.pulls[0].body
    assert posted.path == "".join(APIS[fake.kind])
    assert json.loads(json.dumps(posted.body).replace(json.dumps(body), '"B"')) == {
        **BODIES[fake.kind], "title": "Promote fraud 15 to default",
    }  # fmt: skip
    assert body.startswith("The model passed its gates. Its digest is `sha256:2222")
    assert "# Evaluation of fraud" in body
    assert "| DE | 0.74 (" in body


def test_a_report_is_cut_where_the_forge_ends_a_text(place: Place, fake: Fake) -> None:
    countries = {f"Z{number:05d}": {"recall": {"value": 0.7, "samples": 1000, "events": 500}} for number in range(1500)}
    place.write("evaluate/metrics.json", {**METRICS, "segments": {"country": countries}})
    assert place.promote().status == 0
    body, longest = fake.pulls[0].body, FORGES[fake.kind].longest
    whole = place.shown("releases/default.evaluation.md", BRANCH)
    assert len(whole) > 70_000
    if longest > 10**6:
        assert body.endswith(f"\n\n{whole}\n")
        return
    assert longest - 500 < len(body) <= longest
    *_, last, _, pointer, _ = body.split("\n")
    assert last in whole.splitlines()
    assert pointer == "The rest of the report is in `systems/fraud/releases/default.evaluation.md`."


def test_the_pull_request_of_another_branch_or_state_is_not_taken_for_this_one(place: Place, fake: Fake) -> None:
    for number in range(60):  # more than a page of Gitea
        git("branch", f"other-{number}", "main", cwd=place.bare)
        fake.pulls.append(Pull(f"other-{number}", "main", "title", "body", "open"))
    assert place.promote().out.splitlines()[-1].startswith(OPENED)
    fake.pulls += [Pull(f"other-{number}", "main", "title", "body", "open") for number in range(60, 120)]
    assert place.promote().out.startswith(KNOWN)
    assert len(fake.posted) == 1


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_what_people_closed_is_not_opened_again(place: Place, fake: Fake, state: str) -> None:
    """A reviewer said no, or someone reverted the merge. In a job, that is no failure."""
    assert place.promote().status == 0
    fake.pulls[0] = fake.pulls[0]._replace(state=state)
    git("branch", "-D", BRANCH, cwd=place.bare)
    before = place.refs
    for ran, status in ((place.promote(), 42), (place.in_job(), 0)):
        assert (ran.status, ran.err) == (status, "")
        assert f"the pull request was {state}, so none is opened again" in ran.out
    assert (place.refs, len(fake.posted)) == (before, 1)


def test_a_branch_without_a_pull_request_gets_one(place: Place, fake: Fake) -> None:
    """The first try was killed between its push and the pull request."""
    assert place.promote().status == 0
    fake.pulls.clear()
    before = place.refs
    assert place.promote().out.splitlines()[-1].startswith(OPENED)
    assert (place.refs, len(fake.pulls)) == (before, 1)


def test_a_lost_answer_opens_no_second_pull_request(place: Place, fake: Fake) -> None:
    """The forge opened it, and then the connection, a proxy, or the forge failed."""
    fake.posts = [Answer(502, b"<html>bad gateway", done=True)]
    ran = place.promote()
    assert (ran.status, len(fake.pulls)) == (0, 1)


def test_someone_else_opens_it_at_the_same_moment(place: Place, fake: Fake) -> None:
    """The forge answers that there is one: 409, or 422 of GitHub."""
    assert place.promote().status == 0
    kept, fake.gets = fake.pulls, [Answer(200, b'{"values": []}' if "bitbucket" in fake.kind else b"[]")]
    ran = place.promote()
    assert (ran.status, fake.pulls, len(fake.posted)) == (0, kept, 2)


# The branch


def test_a_branch_with_another_change_is_not_overwritten(place: Place, github: Fake) -> None:
    git("branch", BRANCH, "main", cwd=place.bare)
    before = place.refs
    ran = place.promote()
    assert (ran.status, ran.out, ran.err.count("\n")) == (42, "", 1)
    assert f"the branch `{BRANCH}` has another change" in ran.err
    assert (place.refs, github.posted) == (before, [])


@pytest.mark.usefixtures("github")
def test_commits_of_reviewers_stay(place: Place) -> None:
    assert place.promote().status == 0
    work = place.folder / "review"
    git("clone", "-q", "-b", BRANCH, place.bare, work, cwd=place.folder)
    (work / "note.md").write_text("looks good\n")
    git("add", "--all", cwd=work)
    git("commit", "-qm", "note", cwd=work)
    git("push", "-q", "origin", BRANCH, cwd=work)
    before = place.refs
    assert place.promote().out.startswith(KNOWN)
    assert place.refs == before


def test_a_branch_that_appears_meanwhile_is_looked_at(
    place: Place, github: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, calls = Clone.push, []

    def late(self: Clone, branch: str) -> bool:
        calls.append(branch)
        assert push(self, branch)  # the other promotion of this version
        self.git.run("commit", "--amend", "--quiet", "--message=mine", cwd=self.folder)
        return push(self, branch)

    monkeypatch.setattr(Clone, "push", late)
    assert place.promote().status == 0
    assert (calls, len(github.pulls)) == ([BRANCH], 1)


def test_a_merged_version_is_known(place: Place, github: Fake) -> None:
    assert place.promote().status == 0
    git("update-ref", "refs/heads/main", BRANCH, cwd=place.bare)
    github.pulls[0] = github.pulls[0]._replace(state="merged")
    assert "nothing to do, because it is live already" in place.promote().out


# What servers refuse

REFUSED = [401, 403, 404, 422, 301, 307]


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("method", ["gets", "posts"])
def test_a_no_of_the_api_is_one_line_and_final(place: Place, github: Fake, method: str, status: int) -> None:
    told = json.dumps({"message": "no\nway \x1b[31m", "errors": [{"message": "x" * 5000}]}).encode()
    elsewhere = (("Location", "http://127.0.0.1:9/steal"),)
    getattr(github, method).append(Answer(status, told, elsewhere if status < 400 else ()))
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert len(ran.err) < 700
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("body", [b"[" * 100_000, b"<html>login</html>", b"\xff\xfe", b"x" * (5 * 2**20)])
def test_an_answer_of_no_api_is_refused(place: Place, github: Fake, body: bytes) -> None:
    github.gets = [Answer(200, body)]
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert "is this the API of a forge?" in ran.err


@pytest.mark.parametrize("kind", FORGES)
def test_an_answer_of_another_shape_has_no_pull_request(kind: str) -> None:
    known = FORGES[kind]
    change = Change(repository="acme/fraud", source=BRANCH, target="main", title="T", body="B")
    odd: list[Any] = [7, None, "x", {"values": 3}, [1, None], {"values": [1]}]
    assert [known.items(answer) for answer in odd] == [[]] * len(odd)
    items: list[Any] = [
        {},
        {"head": 3, "base": [], "state": {}},
        {"source": [], "links": {"self": [3]}, "fromRef": "x"},
    ]
    for item in items:
        assert not known.is_of(item, change)
        assert (known.url(item), known.state(item)) == ("", "closed")


def test_a_passing_failure_passes(place: Place, fake: Fake) -> None:
    fake.gets = [Answer(503), Answer(429)]
    fake.posts = [Answer(500), Answer(502)]
    assert place.promote().status == 0
    assert len(fake.pulls) == 1


def test_a_forge_that_is_down_is_no_verdict(place: Place, github: Fake) -> None:
    """Another try may work, so the status is that of a crash."""
    before = place.refs
    github.gets = [Answer(503)] * 50
    for ran in (place.promote(), place.in_job()):
        assert ran.status == 1
        assert "the server answers 503" in ran.err
    assert place.refs == before


@pytest.mark.usefixtures("github")
def test_a_closed_port_is_no_verdict(place: Place) -> None:
    place.set(api="http://127.0.0.1:9")
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(("status", "told"), [
    (401, "is not valid there"), (403, "may not do this"), (404, "no such repository"), (301, "redirects"),
])  # fmt: skip
@pytest.mark.parametrize("what", ["git", "pushes"])
def test_a_no_of_the_git_server_is_one_line_and_final(
    place: Place, github: Fake, what: str, status: int, told: str
) -> None:
    before = place.refs
    where = (("Location", f"{github.address}/elsewhere/fraud.git/info/refs?service=git-upload-pack"),)
    getattr(github, what).extend([Answer(status, b"", where if status < 400 else ())] * 3)
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (42, 1)
    assert told in ran.err
    assert (place.refs, github.posted) == (before, [])


def test_a_git_server_that_is_down_is_no_verdict(place: Place, github: Fake) -> None:
    github.git = [Answer(503)] * 3
    ran = place.promote()
    assert (ran.status, ran.err.count("\n")) == (1, 1)


def test_no_redirect_takes_the_token_to_another_server(place: Place, github: Fake) -> None:
    """git sends `http.extraHeader` to wherever it is redirected, and Python its headers."""
    with forge("github", place.folder / "remote") as thief:
        to = (("Location", f"{thief.address}/acme/fraud.git/info/refs?service=git-upload-pack"),)
        for status in (301, 302, 307, 308):
            github.git, github.gets = [Answer(status, b"", to)], []
            assert place.promote().status == 42
            github.git = []
            github.gets = [Answer(status, b"", (("Location", f"{thief.address}/api/v3/repos/acme/fraud/pulls"),))]
            assert place.promote().status == 42
        assert (thief.logins, thief.sent) == ([], [])


# Death

KILLS = {
    "before the list": ("Forge.find", "before"),
    "after the list": ("Forge.find", "after"),
    "after the push": ("Clone.push", "after"),
    "before the pull request": ("Forge.open", "before"),
    "after the pull request": ("Forge.open", "after"),
}
KILL = """
import os, signal
from mlspec.runtime.promote.git import Clone
from mlspec.runtime.promote.forges import Forge
real = {owner}.{name}
def hooked(*args, **more):
    if {when!r} == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **more)
    os.kill(os.getpid(), signal.SIGKILL)
{owner}.{name} = hooked
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("stage", KILLS)
def test_after_a_kill_at_any_stage_the_next_try_completes_the_pull_request(
    place: Place, github: Fake, stage: str
) -> None:
    (owner, name), when = KILLS[stage][0].split("."), KILLS[stage][1]
    main = place.refs["main"]
    killed = place.process(KILL.format(owner=owner, name=name, when=when))
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert place.refs["main"] == main
    assert place.promote().status == 0
    assert (len(github.pulls), place.refs["main"], place.release(BRANCH)["version"]) == (1, main, "15")
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=place.bare) == "1"


@pytest.mark.exhaustive
def test_of_promotions_at_the_same_time_one_opens_the_pull_request(place: Place, github: Fake) -> None:
    running = [place.process() for _ in range(4)]
    ended = [(one.communicate(), one.returncode) for one in running]
    assert [status for _, status in ended] == [0] * 4, ended
    assert (len(github.pulls), git("rev-list", "--count", f"main..{BRANCH}", cwd=place.bare)) == (1, "1")
