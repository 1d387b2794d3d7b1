"""Rules on the split: rows that judge a model must be as unknown to it as those that it will meet in service.

Each fault here makes a model look better in evaluation than it will ever be, and nothing fails until it is in service
(Kapoor and Narayanan, Leakage and the reproducibility crisis in machine-learning-based science, 2023). The rules apply
to systems that train.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Percent
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Labels, MLSystem, RandomSplit, Split, StratifiedSplit, TemporalSplit, Training
from ..lint import rule

__all__ = ["no_test_rows", "overlapping_parts", "random_split_over_time", "split_through_entities"]

_SHARES = "write `train: 70%`, `validation: 15%` and `test: 15%`, or other shares that add up to 100%"


def _time(system: MLSystem) -> Because[str] | None:
    """The name of the first column that says when a row happened."""
    return next((c.name for c in system.data.columns if c.dtype.value in ("timestamp", "date")), None)


def _has_time(system: MLSystem) -> bool:
    """Whether rows have a time; those of a forecast do, named or not."""
    return _time(system) is not None or system.problem.task.value == "forecasting"


def _at_random(system: MLSystem) -> RandomSplit | StratifiedSplit | None:
    """The split of a system that trains, if it takes single rows at random."""
    split = system.data.split if system.training is not None else None
    return split if isinstance(split, (RandomSplit, StratifiedSplit)) else None


@rule("MLS101", "error", "data.split.strategy", "data.columns.*.name", "data.columns.*.dtype")
def random_split_over_time(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Random split of rows that have a time.

    Why: the model learns from rows that come after those it is judged on. In service it never sees the future, so its
    quality is lower than the evaluation said.

    Bad:
        data:
          columns: [{name: event_time, dtype: timestamp}]
          split: {strategy: random}
    Good:
        data:
          columns: [{name: event_time, dtype: timestamp}]
          split: {strategy: temporal, column: event_time}
    """
    split, time, task = _at_random(system), _time(system), system.problem.task
    if split is None or not _has_time(system):
        return
    delay = system.data.labels.delay if system.data.labels is not None else None
    column = f"column: {time.value}" if time is not None else "column: event_time"
    declare = "" if time is not None else "add `{name: event_time, dtype: timestamp}` to `data.columns`, and "
    gap = f", gap: {delay.value}" if delay is not None else ""
    yield finding(
        "MLS101",
        "rows that have a time are divided at random",
        split.strategy,
        label="later rows teach what earlier ones ask",
        others=((time, "the time of a row") if time is not None else (task, "a task over time"),),
        note="in service the model never knows the future; its quality will be lower than the evaluation says",
        help=f"{declare}write `split: {{strategy: temporal, {column}{gap}}}`",
    )


@rule("MLS102", "error", "data.split", "data.labels.delay")
def overlapping_parts(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Parts of a split that overlap, or a gap that is shorter than the labels' delay.

    Why: the labels of the last training rows become known only while the test rows happen. Without a gap of that
    length the model is trained on what nobody knows at that moment.

    Bad:
        data:
          columns: [{name: event_time, dtype: timestamp}, {name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
          split: {strategy: temporal, column: event_time, gap: 7d}
    Good:
        data:
          columns: [{name: event_time, dtype: timestamp}, {name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
          split: {strategy: temporal, column: event_time, gap: 45d}
    """
    split, labels = system.data.split, system.data.labels
    if system.training is None or split is None:
        return
    yield from _too_much(split)
    if isinstance(split, TemporalSplit) and labels is not None:
        yield from _too_close(split, labels)


def _too_much(split: Split) -> Iterator[Diagnostic]:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    total = sum(part.value.amount for part in parts.values())
    if total > 1:
        shares = [f"{name} {p.value}{'' if p.sources else ' by default'}" for name, p in parts.items()]
        yield finding(
            "MLS102",
            f"the parts of the split add up to {Percent(total)}",
            *(split.test, split.validation, split.train),
            label=", ".join(shares),
            note="some rows would be learned from and judged on",
            help=f"{_SHARES}; a part that is not wanted is `0%`",
        )


def _too_close(split: TemporalSplit, labels: Labels) -> Iterator[Diagnostic]:
    gap, delay = split.gap, labels.delay
    if delay is not None and gap.value < delay.value:
        yield finding(
            "MLS102",
            f"the gap of {gap.value} is shorter than the labels' delay of {delay.value}",
            gap,
            split.strategy,
            others=((delay, "a label is known only after this"),),
            note="the last training rows would have labels that nobody knows yet when the first test row happens",
            help=f"write `gap: {delay.value}`",
        )


@rule("MLS103", "error", "data.split.strategy", "data.columns.*.entity", "data.columns.*.unique", "features.entities")
def split_through_entities(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Split that puts rows of one entity on both sides.

    Why: rows of one customer, patient or device resemble each other. A model that has seen some of them recognizes the
    others, and is judged as if it could do so with strangers.

    Bad:
        data:
          columns: [{name: card_id, dtype: string, entity: card}]
          split: {strategy: random}
    Good:
        data:
          columns: [{name: card_id, dtype: string, entity: card}]
          split: {strategy: grouped, column: card_id}
    """
    split, entity = _at_random(system), _entity(system)
    if split is None or entity is None or _has_time(system):  # what has a time is split by it: MLS101
        return
    name, key = entity
    yield finding(
        "MLS103",
        f"rows of one `{name.value}` come to lie on both sides of the split",
        split.strategy,
        label="takes single rows",
        others=((key, f"rows with one value belong to one `{name.value}`"),),
        note="the model is judged on what it has seen before, and is worse on what is new",
        help=f"write `split: {{strategy: grouped, column: {key.value}}}`",
    )


def _entity(system: MLSystem) -> tuple[Because[str], Because[str]] | None:
    """An entity with several rows, and the column that is its key."""
    repeated = {c.name.value: c for c in system.data.columns if not c.unique.value}
    marked = [(c.entity, c.name) for c in repeated.values() if c.entity is not None]
    stored = [(e.name, e.key) for e in (system.features.entities if system.features is not None else ())]
    return next((pair for pair in (*marked, *stored) if pair[1].value in repeated), None)


@rule("MLS104", "error", "data.split.validation", "data.split.test")
def no_test_rows(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """No rows that only judge.

    Why: a model is best on the rows that it was fitted to or chosen by. Without rows that did neither, nobody knows how
    good it is.

    Bad:
        data:
          split: {strategy: random, train: 90%, validation: 10%, test: 0%}
    Good:
        data:
          split: {strategy: random, train: 80%, validation: 10%, test: 10%}
    """
    training, evaluation, split = system.training, system.evaluation, system.data.split
    if training is None:
        return
    if evaluation is None or evaluation.test_set is None:
        yield from _nothing_to_judge(system, training)
    chooser = _chooser(training)
    if split is not None and chooser is not None and not split.validation.value.amount:
        yield finding(
            "MLS104",
            "no rows are left to choose by",
            split.validation,
            others=((chooser, "this would choose by the test rows"),),
            note="rows that a model was chosen by no longer judge it",
            help=_SHARES,
        )


def _nothing_to_judge(system: MLSystem, training: Training) -> Iterator[Diagnostic]:
    note = "a model is best on the rows that it was fitted to: nobody would know how good it is"
    split = system.data.split
    if split is None:
        primary = system.evaluation.primary if system.evaluation is not None else None
        yield finding(
            "MLS104",
            "nothing says which rows the model is judged on",
            primary,
            training.image,
            note=note,
            help="add `split:` under `data`, such as `split: {strategy: random}`, or name rows that no training run "
            "sees under `evaluation.testSet`",
        )
    elif not split.test.value.amount:
        yield finding("MLS104", "no rows are left to judge the model on", split.test, note=note, help=_SHARES)


def _chooser(training: Training) -> object | None:
    """What chooses between fits by validation rows."""
    regularization = training.regularization
    stops_early = regularization.early_stopping if regularization is not None else None
    return training.tuning if training.tuning is not None and training.cross_validation is None else stops_early
