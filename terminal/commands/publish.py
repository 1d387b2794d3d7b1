"""`mlspec runtime promote`: put a model that passed its gates into Git, in a job after `register`, or by hand.

It clones the repository, runs `mlspec promote` in the clone, adds the evaluation report, and makes one commit. The
remote changes by one push, so a promotion that is killed leaves either nothing or the whole commit. Every try starts
with what the repository and the forge already have, so a second promotion of the same version changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from ...compiler.answer.promotion import Standing, standing
from ...compiler.because import Unavailable
from ...compiler.diagnostics import Diagnostic
from ...compiler.errors import MlspecError
from ...compiler.evaluation import evaluated, facts_of
from ...compiler.finding import Refusal
from ...compiler.pipeline import Compiled
from ...runtime.conditions import Unreadable, shown
from ...runtime.http import Waits
from ...runtime.lines import say
from ...runtime.promote.forges import FORGES, Change, Opened
from ...runtime.promote.git import Clone, Git
from ...runtime.promote.rest import Api
from ...runtime.promote.stop import FailedError, RefusedError, line_of
from ...runtime.promote.task import Files, Task, passed, task_of
from ...targets.retraining.config import gate_configuration
from ..console import Console
from ..disk import replace
from ..render import evaluation as render
from ..workspace import Options, load, read_metrics
from ..write import changes
from .outcome import made
from .promote import promote
from .request import Request, folder_of

__all__ = ["publish"]

DONE, UNREADABLE, USAGE, NO = 0, 1, 2, 42

TRIES = 6
"""How many times to start over when someone else pushes first."""

WAITS = Waits(first=0.5, longest=15.0)
"""Two promotions that started together do not start over together."""


def publish(files: Files, *, in_job: bool = False) -> int:
    """Promote the judged model. Returns the exit status."""
    token = os.environ.pop("GIT_TOKEN", "").strip()
    task = None
    try:
        digest = passed(files.verdict)
        if digest is None:
            _tell(sys.stdout, "the model did not pass its gates, so nothing is promoted", token)
            return DONE if in_job else NO
        task = task_of(files, digest)
        if not _usable(task, token):
            return NO if in_job else USAGE
        with tempfile.TemporaryDirectory(prefix="mlspec-promote-", ignore_cleanup_errors=True) as folder:
            said, status = _published(task, token, Path(folder))
    except (Unreadable, RefusedError, FailedError, MlspecError, OSError) as wrong:
        _tell(sys.stderr, f"mlspec runtime promote: {wrong}", token)
        if in_job and task is not None:
            _tell(sys.stderr, f"the release that was not promoted: {json.dumps(task.release)}", token)
        final = isinstance(wrong, (RefusedError, MlspecError)) or (in_job and isinstance(wrong, Unreadable))
        return NO if final else UNREADABLE
    _tell(sys.stdout, said, token)
    return DONE if in_job else status


def _tell(stream: object, line: str, token: str) -> None:
    """Say one line, which a server may have a part in, without the token."""
    say(stream, line.replace(token, "***") if token else line)  # type: ignore[arg-type]


def _usable(task: Task, token: str) -> bool:
    """Whether there is a token, unless the repository is a folder. Reports it."""
    if "://" not in task.settings.url or task.settings.url.startswith("file://"):
        return True
    if token and token.isascii() and token.isprintable() and " " not in token:
        return True
    what = "has characters that no token has" if token else "is not set"
    say(sys.stderr, f"mlspec runtime promote: GIT_TOKEN {what}: it holds the token for {task.settings.url}")
    return False


def _published(task: Task, token: str, folder: Path) -> tuple[str, int]:
    """Promote, and say what happened, with the exit status by hand."""
    git = Git(task.settings.url, token, task.settings.forge, folder)
    (folder / "release.json").write_text(json.dumps(task.release, ensure_ascii=False, indent=1), "utf-8")
    for tries in range(TRIES):
        if tries:
            time.sleep(WAITS.before(tries, 0.0))
        clone = git.clone(task.settings.branch, folder / str(tries))
        with contextlib.chdir(clone.folder):
            done = _asked(task, token, clone) if task.settings.pull_request else _pushed(task, clone)
        if done is not None:
            return done
    raise FailedError(f"`{task.settings.branch}` changed during each of {TRIES} tries: run the promotion again")


def _pushed(task: Task, clone: Clone) -> tuple[str, int] | None:
    """Commit to the target branch. None if someone else pushed first."""
    system = _system(task)
    known = _known(task, system)
    if known is not None:
        return known, DONE
    _refuse_other_changes(task)
    _committed(task, clone, _report(task, system))
    if not clone.push(task.settings.branch):
        return None
    return f"{task.title}: pushed to `{task.settings.branch}`", DONE


# Pull requests


def _asked(task: Task, token: str, clone: Clone) -> tuple[str, int] | None:
    """Push a branch, and open a pull request. None if someone else pushed the branch meanwhile."""
    system = _system(task)
    known = _known(task, system)
    if known is not None:
        return known, DONE
    forge = FORGES[task.settings.forge or ""]
    api = Api(task.settings.api or "", forge.headers(token), WAITS)
    report = _report(task, system)
    change = _change(task, report, forge.longest)
    found = forge.find(api, change)
    if found is not None and found.state != "open":
        return f"{task.title}: the pull request was {found.state}, so none is opened again: {line_of(found.url)}", NO
    if clone.switch(task.branch):
        if _known(task, _system(task)) is None:
            raise RefusedError(f"the branch `{task.branch}` has another change: delete it, or merge it by hand")
    else:
        _committed(task, clone, report)
        if not clone.push(task.branch):
            return None
    if found is not None:
        return f"{task.title}: the pull request is open: {line_of(found.url)}", DONE
    return f"{task.title}: opened a pull request: {line_of(_opened(task, api, change).url)}", DONE


def _opened(task: Task, api: Api, change: Change) -> Opened:
    """Open a pull request, unless an earlier try has opened it although its answer was lost."""
    forge = FORGES[task.settings.forge or ""]
    for tries in range(TRIES):
        found = forge.find(api, change) if tries else None
        if found is not None:
            return found
        try:
            return forge.open(api, change)
        except FailedError:
            if tries == TRIES - 1:
                raise
        api.wait(tries)
    raise AssertionError  # the last try raises


def _change(task: Task, report: str, longest: int) -> Change:
    """The pull request, with as much of the report as the forge takes."""
    intro = f"{_origin(task)}\n\n"
    cut = f"\n\nThe rest of the report is in `{_report_path(task)}`.\n"
    body = intro + report
    if len(body) > longest:
        body = body[: longest - len(cut)].rpartition("\n")[0] + cut
    target = task.settings.branch
    return Change(repository=task.settings.repository, source=task.branch, target=target, title=task.title, body=body)


def _origin(task: Task) -> str:
    """What the commit and the pull request say next to their title."""
    run = f" The training run is `{shown(task.run)}`." if task.run else ""
    return f"The model passed its gates. Its digest is `{task.digest}`.{run}"


# In the clone, which is the working directory


class _Errors(Console):
    """The log is about what stops the promotion. CI shows the warnings of a spec."""

    def tell(self, found: Iterable[Diagnostic]) -> None:
        """Print the errors."""
        super().tell(one for one in found if one.severity == "error")


def _request(task: Task) -> Request:
    return Request(
        specs=(task.settings.path,),
        options=Options(),
        out=task.settings.out,
        today=time.strftime("%Y-%m-%d"),
        console=_Errors(quiet=True, color=False),
    )


def _system(task: Task) -> Compiled:
    """The system at the commit that is checked out. Raises RefusedError if it is not there, or has errors."""
    path = task.settings.path
    where = f"`{path}` on `{task.settings.branch}`"
    if not os.path.isfile(path):
        raise RefusedError(f"there is no {where}: `retraining.promote.path` names the spec in the repository")
    _inside(path, os.path.dirname(path) or ".", str(Path(path).parent / "releases"))
    request = _request(task)
    system = request.compile(load(path, request.options), task.environment)
    if system.name is not None and system.name != task.system:
        raise RefusedError(f"{where} describes `{system.name}`, not `{task.system}`")
    if system.declared and task.environment not in system.declared:
        raise RefusedError(f"{where} has no environment `{task.environment}`")
    if system.failed or system.name is None:
        request.console.tell(system.found)
        raise RefusedError(f"{where} does not compile for `{task.environment}`, so nothing is promoted")
    return system


def _inside(*paths: str) -> None:
    """Refuse links that lead out of the clone, or to git's own files."""
    root = os.path.realpath(".")
    for path in paths:
        real = os.path.realpath(path)
        own = os.path.join(root, ".git")
        if os.path.commonpath([root, real]) != root or os.path.commonpath([own, real]) == own:
            raise RefusedError(f"`{path}` is a link that leads out of the repository")


def _known(task: Task, system: Compiled) -> str | None:
    """What to say if the release file has the version already. Raises RefusedError if it has another model."""
    found = standing(system, task.environment, task.model, task.version)
    if found is None:
        return None
    if found.digest != task.digest:
        raise RefusedError(
            f"{shown(task.version)} is already released in `{task.environment}`, with the digest {found.digest}: give "
            "the new model another version"
        )
    return f"{task.title}: nothing to do, because it {_stage(found)}"


def _stage(found: Standing) -> str:
    return {
        "live": "is live already",
        "shadow": "is in the shadow stage already",
        "previous": "was live before, and another version has replaced it",
    }[found.stage]


def _refuse_other_changes(task: Task) -> None:
    """Refuse a push that would also change output for another reason, which no one would review."""
    request = _request(task)
    outcome = made(request.compile(load(task.settings.path, request.options)))
    folder = folder_of(outcome, task.settings.out)
    if not folder.is_dir():
        return
    _inside(str(folder))
    if outcome.failed or changes(folder, outcome.files, outcome.kept).changes:
        raise RefusedError(
            f"`{folder}` on `{task.settings.branch}` is not what the spec compiles to, so the push would change more "
            "than the release: run `mlspec compile` with the version of this image, and commit its output"
        )


def _report(task: Task, system: Compiled) -> str:
    """The evaluation report, compared with the version that is live now."""
    environment = next(one for one in system.environments if one.name == task.environment)
    metrics, wrong = read_metrics(str(task.metrics), facts_of(environment.plan))
    if metrics is None:
        _request(task).console.tell(wrong)
        raise RefusedError(f"there is no evaluation report without {task.metrics}")
    try:
        config = gate_configuration(environment.plan)
        return render.markdown(evaluated(environment.name, environment.plan, config, metrics))
    except Refusal as why:
        raise RefusedError(f"there is no evaluation report: {why.diagnostic.message}") from None
    except Unavailable:
        raise RefusedError("there is no evaluation report: the spec has errors in what it is about") from None


def _report_path(task: Task) -> Path:
    model = f".{task.model}" if task.model != task.system else ""
    return Path(task.settings.path).parent / "releases" / f"{task.environment}{model}.evaluation.md"


def _committed(task: Task, clone: Clone, report: str) -> None:
    """Promote in the clone, and commit the release file, the output, and the report."""
    request = _request(task)
    folder = Path(task.settings.out) if task.settings.out is not None else Path(task.settings.path).parent / "out"
    _inside(str(folder), str(folder / task.system))
    status = promote(
        request,
        task.environment,
        task.model,
        source=None,
        file=os.path.join("..", "release.json"),
        skip_shadow=False,
        now=None,
        mlflow=None,
        dry_run=False,
    )
    if status != 0:
        raise RefusedError(f"{task.title}: the version cannot be released, so nothing was pushed")
    replace(_report_path(task), report.encode())
    if not clone.commit(f"{task.title}\n\n{_origin(task)}\n\nThe report is in {_report_path(task)}."):
        raise RefusedError(f"{task.title}: git ignores what was written: remove `releases/` from .gitignore")
