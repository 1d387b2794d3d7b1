"""Play series of the author's against the rules and the rollouts: which alerts fire when, and how a rollout ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from json import dumps

from ..because import Unavailable
from ..emit.dump import plain
from ..finding import Refusal
from ..kinds import Object
from ..pipeline import Environment
from ..record import Record
from ..scenes.notation import Series
from .replay import Ended, questions, replay
from .run import Read, Run
from .values import asked, read, single

__all__ = ["Given", "Played", "Ring", "play"]

FIRING = 'max by (alertname, severity) (ALERTS{alertstate="firing"})'

_SAMPLE = re.compile(r'\{alertname="([^"]*)", severity="([^"]*)"\}')
_REPEATED = re.compile(r"x([0-9]+)$")


class Given(Record):
    """Series from a file."""

    series: Series
    step: int
    """The seconds between two samples."""
    rollout: int = 0
    """The second at which a rollout starts."""

    @property
    def lasts(self) -> int:
        """The seconds from the first sample to the last one."""
        return self.step * max((sum(map(_samples, values.split())) - 1 for values in self.series.values()), default=0)


def _samples(token: str) -> int:
    """How many samples a part of the notation stands for: `a+bxn` is n + 1, and `_xn` is n."""
    repeated = _REPEATED.search(token)
    return 1 if repeated is None else int(repeated[1]) + (not token.startswith("_"))


class Ring(Record):
    """An alert that fires, without a pause."""

    alert: str
    severity: str
    first: int
    """The minute of its first evaluation that fires."""
    last: int


class Played(Record):
    """What happens in one environment."""

    environment: str
    minutes: int
    rings: tuple[Ring, ...]
    rollouts: tuple[tuple[str, Ended], ...]
    """Each service whose new version has series, with the end of its rollout."""


def play(environment: Environment, given: Given, run: Run, read_back: Read) -> Played:
    """Play the series. Raises ValueError with what promtool says about them if it cannot read them."""
    return Played(
        environment=environment.name,
        minutes=given.lasts // 60,
        rings=tuple(_rings(environment, given, run)),
        rollouts=tuple(_rollouts(environment, given, run, read_back)),
    )


def _rings(environment: Environment, given: Given, run: Run) -> Iterator[Ring]:
    wanted = [(FIRING, at) for at in range(0, given.lasts + 1, 60)]
    for artifact in environment.bundle.artifacts:
        body = artifact.body if isinstance(artifact.body, dict) else {}
        if "groups" not in body:
            continue
        files = {"rules.json": dumps(plain(body)), "a.json": asked(given.series, given.step, wanted, "rules.json")}
        results = read(_said(run(files, ["a.json"])["a.json"], len(wanted)))
        firing: dict[tuple[str, str], list[int]] = {}
        for (_, at), got in results.items():
            for name, severity in _SAMPLE.findall(got):
                firing.setdefault((name, severity), []).append(at // 60)
        for (name, severity), minutes in firing.items():
            yield from (Ring(alert=name, severity=severity, first=a, last=b) for a, b in _runs(sorted(minutes)))


def _said(result: tuple[bool, str], count: int) -> str:
    passed, said = result
    if passed or len(read(said)) != count:
        raise ValueError(said.removeprefix("FAILED:").strip())
    return said


def _runs(minutes: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = minutes[0]
    for minute in minutes[1:]:
        if minute > last + 1:
            yield first, last
            first = minute
        last = minute
    yield first, last


def _rollouts(environment: Environment, given: Given, run: Run, read_back: Read) -> Iterator[tuple[str, Ended]]:
    objects: list[Object] = [plain(one.object) for one in environment.bundle.artifacts if one.sent is not None]
    for name, service in environment.plan.online.items():
        try:
            replayed = read_back(service, objects)
        except (Refusal, Unavailable):
            continue
        if replayed is None or not all(step.metrics for step in replayed.steps):
            continue
        labels = [f'{key}="{value}"' for key, value in replayed.new.items()]
        job = f'job="{service.job.value}"'
        if not any(job in series and all(label in series for label in labels) for series in given.series):
            continue
        wanted = dict.fromkeys(questions(replayed, given.rollout))
        said = _said(run({"a.json": asked(given.series, given.step, wanted)}, ["a.json"])["a.json"], len(wanted))
        results = {question: single(got) for question, got in read(said).items()}
        yield name, replay(replayed, results, given.rollout)
