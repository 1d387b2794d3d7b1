"""Rehearse one environment: every scene of every alert, and every scene of every rollout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..because import Unavailable
from ..emit.dump import plain
from ..finding import Refusal
from ..kinds import Object
from ..pipeline import Environment
from ..plan.service import ServicePlan
from ..scenes.analysis import Replayed
from ..scenes.served import Unknown
from .cases import Case, cases, queried, untested
from .replay import questions, replay
from .report import AlertTested, Rehearsal, RolloutScene, RolloutTested, SceneTested
from .scenes import scenes
from .values import asked, read, single

__all__ = ["Read", "Run", "rehearsed"]

Run = Callable[[Mapping[str, str], Iterable[str]], Mapping[str, tuple[bool, str]]]
"""Runs promtool: from files, and the names of those that are tests, to whether each passes and what promtool says."""

Read = Callable[[ServicePlan, Sequence[Object]], Replayed | None]
"""Reads the rollout of a service back from the compiled objects."""


def rehearsed(environment: Environment, run: Run, read_back: Read) -> Rehearsal:
    """Run everything."""
    return Rehearsal(
        environment=environment.name,
        alerts=tuple(_alerts(list(cases(environment.bundle)), run)),
        untested=tuple(untested(environment.bundle)),
        queried=tuple(queried(environment.bundle)),
        rollouts=tuple(_rollouts(environment, run, read_back)),
    )


def _alerts(found: Sequence[Case], run: Run) -> Iterator[AlertTested]:
    files = {name: text for number, case in enumerate(found) for name, text in case.files(f"{number}").items()}
    told = run(files, [f"{number}.json" for number in range(len(found))])
    tested: dict[tuple[str, str], list[SceneTested]] = {}
    for number, case in enumerate(found):
        passed, said = told[f"{number}.json"]
        scene = SceneTested(name=case.scene, fires=case.fires, passed=passed, said="" if passed else said)
        tested.setdefault((case.rules, case.alert), []).append(scene)
    for (rules, alert), done in tested.items():
        yield AlertTested(service=rules, alert=alert, scenes=tuple(done))


def _rollouts(environment: Environment, run: Run, read_back: Read) -> Iterator[RolloutTested]:
    objects = [plain(one.object) for one in environment.bundle.artifacts if one.sent is not None]
    for name, service in environment.plan.online.items():
        try:
            yield _rollout(name, service, read_back(service, objects), run)
        except (Refusal, Unavailable, Unknown):
            yield RolloutTested(service=name, scenes=(), why="its series are not known")


def _rollout(name: str, service: ServicePlan, replayed: Replayed | None, run: Run) -> RolloutTested:
    if replayed is None or not replayed.steps or not all(step.metrics for step in replayed.steps):
        return RolloutTested(service=name, scenes=(), why="no analysis judges each of its steps")
    wanted, played = list(questions(replayed)), list(scenes(service, replayed))
    files = {f"{number}.json": asked(one.series, one.step, wanted) for number, one in enumerate(played)}
    told = run(files, files)
    done = []
    for number, one in enumerate(played):
        results = {question: single(got) for question, got in read(told[f"{number}.json"][1]).items()}
        assert len(results) == len(set(wanted)), told[f"{number}.json"][1][:2000]
        done.append(RolloutScene(name=one.name, expected=one.expected, ended=replay(replayed, results)))
    return RolloutTested(service=name, scenes=tuple(done))
