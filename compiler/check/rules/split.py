"""Rules on the split: the rows that evaluate a model must be as new to it as the ones it will see in production.

Each of these mistakes makes a model look better in evaluation than it will ever be, and nothing fails until it is in
production (Kapoor and Narayanan, Leakage and the reproducibility crisis in machine-learning-based science, 2023). The
rules apply to systems that train.
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

_SHARES = "write `train: 70%`, `validation: 15%`, and `test: 15%`, or other shares that add up to 100%"


def _time(system: MLSystem) -> Because[str] | None:
    """The name of the first column with the time of a row."""
    return next((c.name for c in system.data.columns if c.dtype.value in ("timestamp", "date")), None)


def _has_time(system: MLSystem) -> bool:
    """Whether rows are ordered in time; those of a forecast are, with or without a time column."""
    return _time(system) is not None or system.problem.task.value == "forecasting"


def _at_random(system: MLSystem) -> RandomSplit | StratifiedSplit | None:
    """The split of a system that trains, if it assigns single rows at random."""
    split = system.data.split if system.training is not None else None
    return split if isinstance(split, (RandomSplit, StratifiedSplit)) else None


@rule(
    "MLS101",
    "error",
    "data.split.strategy",
    "data.columns.*.name",
    "data.columns.*.dtype",
    "training.crossValidation.order",
)
def random_split_over_time(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Random split of time-ordered rows, or folds of them that rotate.

    Why: the model trains on rows that come after the ones it is evaluated on. In production it never sees the future,
    so its quality is lower than the evaluation promised.

    Bad:
        data:
          columns: [{name: event_time, dtype: timestamp}]
          split: {strategy: random}
    Good:
        data:
          columns: [{name: event_time, dtype: timestamp}]
          split: {strategy: temporal, column: event_time}
    """
    yield from _rotated(system)
    split, time, task = _at_random(system), _time(system), system.problem.task
    if split is None or not _has_time(system):
        return
    yield finding(
        "MLS101",
        "time-ordered rows are split at random",
        split.strategy,
        label="training sees data from after the prediction time",
        others=((time, "the time of a row") if time is not None else (task, "a forecast depends on time"),),
        note="in production the model never sees the future, so its quality will be lower than the evaluation says",
        help=f"{_declare_time(system)}write `{_over_time(system)}`",
    )


def _rotated(system: MLSystem) -> Iterator[Diagnostic]:
    """Folds of rows that are split by time, each validated on rows from before some that it was trained on."""
    split, training = system.data.split, system.training
    folds = training.cross_validation if training is not None else None
    if folds is None or not isinstance(split, TemporalSplit) or folds.order.value == "forward":
        return
    yield finding(
        "MLS101",
        "cross-validation rotates rows that are split by time",
        folds.order,
        folds.folds,
        label="folds train on rows from after those that they are validated on",
        others=((split.strategy, "the rows are ordered in time"),),
        note="it selects the model that knows the future best, and in production there is no future to know",
        help="write `order: forward` under `crossValidation`, and let each fold train only on earlier rows",
    )


def _declare_time(system: MLSystem) -> str:
    """What to do before a split by time, if the spec has no column with the time of a row."""
    return "" if _time(system) is not None else "add `{name: event_time, dtype: timestamp}` to `data.columns`, and "


def _over_time(system: MLSystem) -> str:
    """The split by time that suits the system, with a gap as long as its label delay."""
    time, labels = _time(system), system.data.labels
    column = time.value if time is not None else "event_time"
    gap = f", gap: {labels.delay.value}" if labels is not None and labels.delay is not None else ""
    return f"split: {{strategy: temporal, column: {column}{gap}}}"


@rule("MLS102", "error", "data.split", "data.labels.delay")
def overlapping_parts(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Overlapping parts of a split, or a gap shorter than the label delay.

    Why: the labels of the last training rows arrive only during the test period. Without a gap as long as the label
    delay, the model trains on labels that are not known yet at that time.

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
            note="some rows would be used both for training and for evaluation",
            help=f"{_SHARES}; write `0%` for a part that you do not want",
        )


def _too_close(split: TemporalSplit, labels: Labels) -> Iterator[Diagnostic]:
    gap, delay = split.gap, labels.delay
    if delay is not None and gap.value < delay.value:
        yield finding(
            "MLS102",
            f"the gap of {gap.value} is shorter than the label delay of {delay.value}",
            gap,
            split.strategy,
            others=((delay, "labels arrive only after this"),),
            note="the model would train on labels that are not known yet at the time of the first test row",
            help=f"write `gap: {delay.value}`",
        )


@rule("MLS103", "error", "data.split.strategy", "data.columns.*.entity", "data.columns.*.unique", "features.entities")
def split_through_entities(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Rows of one entity on both sides of the split.

    Why: rows of the same customer, patient, or device resemble each other. A model that has seen some of them
    recognizes the others, and the evaluation mistakes that for generalization.

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
    if split is None or entity is None or _has_time(system):  # time-ordered rows are split by time: MLS101
        return
    name, key = entity
    yield finding(
        "MLS103",
        f"rows of the same `{name.value}` end up on both sides of the split",
        split.strategy,
        label="splits row by row",
        others=((key, f"rows with the same value belong to the same `{name.value}`"),),
        note="the model is evaluated on entities that it has seen in training, and will do worse on new ones",
        help=f"write `split: {{strategy: grouped, column: {key.value}}}`",
    )


def _entity(system: MLSystem) -> tuple[Because[str], Because[str]] | None:
    """An entity with several rows, and the column that holds its key."""
    repeated = {c.name.value: c for c in system.data.columns if not c.unique.value}
    marked = [(c.entity, c.name) for c in repeated.values() if c.entity is not None]
    stored = [(e.name, e.key) for e in (system.features.entities if system.features is not None else ())]
    return next((pair for pair in (*marked, *stored) if pair[1].value in repeated), None)


@rule("MLS104", "error", "data.split.validation", "data.split.test")
def no_test_rows(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """No held-out test rows.

    Why: a model does best on the rows that it was trained on or selected by. Without rows that were used for neither,
    its real quality is unknown.

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
            "no validation rows are left to select the model by",
            split.validation,
            others=((chooser, "this would select by the test rows"),),
            note="rows that selected the model no longer measure its quality on unseen data",
            help=_SHARES,
        )


def _nothing_to_judge(system: MLSystem, training: Training) -> Iterator[Diagnostic]:
    note = "a model does best on the rows that it was trained on, so its real quality would be unknown"
    split = system.data.split
    if split is None:
        primary = system.evaluation.primary if system.evaluation is not None else None
        yield finding(
            "MLS104",
            "the spec defines no test rows",
            primary,
            training.image,
            note=note,
            help=f"{_fitting(system)} under `data`, or set `evaluation.testSet` to rows that no training run sees",
        )
    elif not split.test.value.amount:
        yield finding("MLS104", "no test rows are left", split.test, note=note, help=_SHARES)


def _fitting(system: MLSystem) -> str:
    """How to add a split to which no other rule objects."""
    if _has_time(system):
        return f"{_declare_time(system)}add `{_over_time(system)}`"
    entity = _entity(system)
    return f"add `split: {{strategy: {f'grouped, column: {entity[1].value}' if entity is not None else 'random'}}}`"


def _chooser(training: Training) -> object | None:
    """What selects between fits by the validation rows."""
    regularization = training.regularization
    stops_early = regularization.early_stopping if regularization is not None else None
    return training.tuning if training.tuning is not None and training.cross_validation is None else stops_early
