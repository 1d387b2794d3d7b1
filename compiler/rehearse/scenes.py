"""What happens to a new version during its rollout: the series of each scene, and how the rollout must end.

All numbers follow from the plan: a good version has the share of bad requests that the plan assumes, and a bad one has
1.5 times the regression that the analysis must detect. The traffic is the expected one, without chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..plan.rollout.asking import UNKNOWN_RATE
from ..plan.service import ServicePlan
from ..record import Record
from ..scenes.analysis import Replayed
from ..scenes.notation import GONE, NAN, Series, gauge, labeled
from ..scenes.served import Flow, histograms, requests, target
from ..simulate.canary import HELD, PROMOTED, ROLLED_BACK

__all__ = ["BEFORE", "RolloutScene", "scenes"]

BEFORE = 3600
"""The seconds for which only the live version runs."""

WORSE = 1.5
"""How much worse a bad version is than the regression that must be detected."""


class RolloutScene(Record):
    """A rollout, and how it must end."""

    name: str
    series: Series
    expected: str
    step: int
    """The seconds between two samples."""


class _Version(Record):
    """How one version behaves."""

    failing: float = 0.0
    slow: float = 0.0
    traffic: bool = True
    dies: int | None = None
    """The seconds after which it dies."""
    starts: int = 0
    """The seconds after which it gets its first request."""


def scenes(service: ServicePlan, replayed: Replayed) -> Iterator[RolloutScene]:
    """The scenes of a rollout."""
    made = _Series(service, replayed)
    good, live = made.good, made.good
    first = replayed.steps[0]
    unanswered = ROLLED_BACK if any(metric.name == "answers" for metric in first.metrics) else HELD
    yield made.scene("healthy", good, live, PROMOTED)
    if made.failing is not None:
        yield made.scene("failing", good.but(failing=made.failing), live, ROLLED_BACK)
    if made.slow is not None:
        yield made.scene("slow", good.but(slow=made.slow), live, ROLLED_BACK)
    yield made.scene("dying", good.but(dies=first.lasts // 2), live, ROLLED_BACK)
    yield made.scene("late start", good.but(starts=60), live, PROMOTED)
    yield made.scene("no data of the new version", None, live, ROLLED_BACK)
    yield made.scene("no data of the live version", good, None, PROMOTED)
    yield made.scene("the new version answers nothing", good.but(traffic=False), live, unanswered)
    yield made.scene("no traffic", good.but(traffic=False), live.but(traffic=False), HELD)
    whole = made.scene("the metrics of the new version are NaN", good, live, unanswered)
    yield whole.but(series=made.not_a_number(whole.series))


class _Series:
    """The series of both versions. A sample is the unit of time: every phase is so many samples."""

    def __init__(self, service: ServicePlan, replayed: Replayed) -> None:
        self.service = service
        self.replayed = replayed
        self.step = max(1, int(service.scrape_interval.value.amount))
        rate = service.canary.rate if service.canary.rate is not None else UNKNOWN_RATE
        self.rate = float(rate.value) * self.step
        harms = [(one, service.canary.harms(one)) for one in service.canary.judged]
        failures = [pair for one, pair in harms if one.bucket is None]
        times = [pair for one, pair in harms if one.bucket is not None]
        self.good = _Version(
            failing=min((float(before.value) for before, _ in failures), default=0.0),
            slow=min((float(before.value) for before, _ in times), default=0.0),
        )
        self.failing = _worse([float(after.value) for _, after in failures])
        self.slow = _worse([float(after.value) for _, after in times])

    def scene(self, name: str, new: _Version | None, live: _Version | None, expected: str) -> RolloutScene:
        series: Series = {}
        if new is not None:
            series |= self._of(new, self.replayed.new, "n", new=True)
        if live is not None:
            series |= self._of(live, self.replayed.live, "a", new=False)
        return RolloutScene(name=name, series=series, expected=expected, step=self.step)

    def _of(self, version: _Version, labels: object, pod: str, *, new: bool) -> Series:
        own = {**target(self.service, None, pod), **(labels if isinstance(labels, dict) else {})}
        flows = list(self._flows(version, new=new))
        total = sum(flow.minutes for flow in flows) + 1
        up: list[tuple[int, float | str]] = [(total, 1)]
        made = {**requests(self.service, own, flows), **histograms(self.service, own, flows)}
        if version.dies is not None:
            alive = (BEFORE + version.dies) // self.step
            up = [(alive, 1), (total - alive, 0)]
            ended = gauge([(total - alive, GONE)])
            flows = [Flow(minutes=alive - 1, rate=0)] if alive < 2 else list(_until(flows, alive - 1))
            made = {**requests(self.service, own, flows), **histograms(self.service, own, flows)}
            made = {name: f"{values} {ended}" for name, values in made.items()}
        return {labeled("up", own): gauge(up), **made}

    def _flows(self, version: _Version, *, new: bool) -> Iterator[Flow]:
        each = Flow(minutes=BEFORE // self.step, rate=0, failing=version.failing, slow=version.slow)
        yield each.but(rate=self.rate if not new and version.traffic else 0.0)
        late = version.starts // self.step
        for step in self.replayed.steps:
            share = step.share / 100 if new else 1 - step.share / 100
            samples = step.lasts // self.step + 1
            if late:
                yield each.but(minutes=late, rate=0.0)
            yield each.but(minutes=samples - late, rate=self.rate * share if version.traffic else 0.0)
            late = 0

    def not_a_number(self, series: Series) -> Series:
        """The series of the new version with NaN in place of every sample, except whether it answers the scrape."""
        (mark,) = [f'{key}="{value}"' for key, value in self.replayed.new.items()]
        samples = sum(step.lasts // self.step + 1 for step in self.replayed.steps) + BEFORE // self.step
        return {
            name: gauge([(samples, NAN)]) if mark in name and not name.startswith("up{") else values
            for name, values in series.items()
        }


def _until(flows: list[Flow], samples: int) -> Iterator[Flow]:
    for flow in flows:
        if samples > 0:
            yield flow.but(minutes=min(samples, flow.minutes))
        samples -= flow.minutes


def _worse(harms: list[float]) -> float | None:
    return min(1.0, WORSE * max(harms)) if harms else None
