"""The pages to look at: each kind, of two examples and of a system whose names and texts are as long as they get."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import mlspec
from mlspec.compiler.answer.features import catalog
from mlspec.compiler.answer.status import Answers, Chart, Drift, Quality, Sample, Status, status
from mlspec.compiler.pipeline import Environment
from mlspec.terminal.render import design_page, evaluation_page, features_page, memo_page, simulation_page, status_page

from ...evaluations import VERDICTS, example, fraud
from ...support import ROOT, changed, compile_text, dumped, loaded
from ...test_status import healthy

__all__ = ["made", "red"]

MINIMAL, FRAUD, ASSISTANT = (ROOT / "examples" / name for name in ("minimal", "fraud-scorer", "support-assistant"))

LONG = "customers@" + "0123456789abcdef" * 20
"""A text without a blank, as of a key or a query."""

NAME = "a-scorer-of-payments-by-everyone"
COLUMN = "amount_of_all_payments_of_the_customer_in_the_last_days_{}"
GROUP = "a_group_of_customers_with_quite_a_long_name_{}"
FEATURES, GROUPS = 30, 25
STEPS = " ".join(f"{number}. Check what changed last. If so, roll back." for number in range(1, 9))
"""A list of causes that is folded on the screen."""


def made(folder: Path) -> dict[str, Path]:
    """Write the pages. Returns them by name."""
    pages = {}
    for name, text in [*_examples(), *_extreme(folder)]:
        pages[name] = folder / f"{name.replace(' ', '-')}.html"
        pages[name].write_text(text)
    return pages


def _examples() -> Iterator[tuple[str, str]]:
    for spec in (FRAUD, ASSISTANT):
        yield from _of(spec.name, mlspec.compile(spec / "mlspec.yaml"))
    of_two = [mlspec.compile(ROOT / "examples" / name / "mlspec.yaml") for name in ("fraud-scorer", "demand-forecast")]
    yield "features", features_page.page(mlspec.features(of_two))
    for verdict in VERDICTS:
        yield f"evaluation {verdict}", evaluation_page.page(fraud().report(example(verdict)))
    digits = mlspec.compile(MINIMAL / "mlspec.yaml")
    of = _last(digits)
    yield "status green", status_page.page([status(of, exported(of))])
    yield "plan minimal", memo_page.page([("digit-reader", mlspec.plan(digits)[of.name])])


def _extreme(folder: Path) -> Iterator[tuple[str, str]]:
    (folder / "releases").mkdir()
    for file in (FRAUD / "releases").iterdir():
        text = file.read_text().replace("system: fraud-scorer", f"system: {NAME}")
        (folder / "releases" / file.name).write_text(text)
    platform = (ROOT / "examples" / "mlspec.platform.yaml").read_text()
    result = compile_text(folder, extreme(), platform=platform, environments=["production"])
    assert result.ok, [one.message for one in result.diagnostics]
    yield from _of("extreme", result, COLUMN, LONG)
    twins = mlspec.features([result]).features
    copies = [one.but(system=f"{one.system}-{at}") for one in twins for at in (1, 2)]
    yield "features extreme", features_page.page(catalog([NAME], copies, [LONG]))
    yield "plan extreme", memo_page.page([(NAME, mlspec.plan(result)["production"])])
    metrics = copy.deepcopy(example("reject"))
    metrics["model"] |= {"name": NAME, "version": LONG, "revision": LONG, "dataVersion": LONG}
    metrics["notes"] = {"strengths": [LONG], "nextSteps": [LONG]}
    group = metrics["segments"]["country"]["DE"]
    metrics["segments"]["country"] = {GROUP.format(at): group for at in range(GROUPS)}
    yield "evaluation extreme", evaluation_page.page(fraud().report(metrics))


def extreme() -> str:
    """The spec of the fraud scorer with long names, long texts, and many features."""
    spec = loaded((FRAUD / "mlspec.yaml").read_text())
    names = [COLUMN.format(at) for at in range(FEATURES)]
    view = spec["features"]["views"][0]
    view["features"] += [
        {"name": one, "dtype": "float64", "description": LONG, "transform": {"code": f"fraud.{one}", "window": "7d"}}
        for one in names
    ]
    spec["model"]["signature"]["inputs"] += [
        {"name": one, "dtype": "float32", "from": f"features.{view['name']}.{one}"} for one in names
    ]
    for candidate in spec["model"]["candidates"]:
        candidate["name"] += "-with-all-features-of-the-last-quarter"
    outcome = {"name": LONG, "unit": "payments", "direction": "decrease", "today": 14, "target": 9}
    said = {"metadata__description": LONG, "problem__useCase": LONG, "problem__businessMetric": outcome}
    return dumped(changed(spec, metadata__name=NAME, **said))


def _of(name: str, result: mlspec.Result, column: str = "amount_{}d", said: str = "") -> Iterator[tuple[str, str]]:
    """The pages of a system, except those of its plan and of an evaluation."""
    of = _last(result)
    yield f"design {name}", design_page.page(mlspec.design(result))
    simulated = mlspec.simulate(result, hours=0.05, rollouts=5)
    yield f"simulate {name}", simulation_page.page(name, [simulated[of.name]])
    yield f"status {name}", status_page.page([red(of, column, said)])


def _last(result: mlspec.Result) -> Environment:
    return result._compiled.environments[-1]


def exported(of: Environment, **firing: str) -> Answers:
    """A healthy system. What its jobs export has the labels of their contract."""
    found = healthy(of, **firing)
    labels = {"metric": "roc_auc", "role": "live", "subject": "feature", "column": "amount", "method": "psi"}
    named = {
        key: tuple(Sample(labels=labels, value=one.value) for one in some) if "mlspec_" in key else some
        for key, some in found.values.items()
    }
    return found.but(values=named)


def red(of: Environment, column: str = "amount_{}d", said: str = "") -> Status:
    """A state in which an alert pages, columns drift, and quality differs by group."""
    why = f"20% of requests are failing; 99.9% should succeed {said}".strip()
    found = status(of, exported(of, ModelErrorBudgetBurn=why))
    first, *others = found.services
    drift = tuple(
        Drift(
            subject="feature", column=column.format(at), method="psi", group="", value=0.02 * at, threshold=0.2,
            samples=90_000,
        )
        for at in range(1, FEATURES if said else 15)
    )  # fmt: skip
    groups = ["", *(f"country={GROUP.format(at) if said else f'C{at}'}" for at in range(6))]
    quality = tuple(
        Quality(
            metric="roc_auc", group=group, value=0.91 - at / 100, low=0.89 - at / 100, high=0.93 - at / 100,
            samples=4200, rivals={"naive": 0.7},
        )
        for at, group in enumerate(groups)
    )  # fmt: skip
    rates = tuple((at / 4, 23 + at % 40 * 2.4) for at in range(96))
    latencies = tuple((at / 4, 21 + at % 40 * 0.9) for at in range(96))
    charts = (
        Chart(title="Throughput", unit="requests/s", points=rates),
        Chart(title="Latency p99", unit="ms", points=latencies, limit=50),
    )
    full = first.but(drift=drift, quality=quality, charts=charts)
    actions = tuple(one.but(what=STEPS) for one in found.actions)
    return found.but(services=(full, *others), actions=actions, warnings=(said,) if said else ())
