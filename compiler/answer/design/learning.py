"""How the model is chosen, and how it is trained."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, because
from ...plan.choose import count
from ...plan.training.selection import Selection
from ...system import Candidate, Model, Training
from ..memo.line import Line, percent
from .draft import Block, Said, Table, given, just, paragraph, say
from .scene import Scene
from .words import conditions, gap, listed

__all__ = ["selection", "training"]


# Model selection


def selection(scene: Scene) -> Iterator[Block]:
    """The approach, the candidates, and why one was selected."""
    for name, model in scene.system.models.items():
        yield from _model(scene, name, model)


def _model(scene: Scene, name: str, model: Model) -> Iterator[Block]:
    chosen = scene.plan.selections.get(name)
    if chosen is not None:
        yield from _reasoning(chosen)
    optimization = model.optimization
    quantization = optimization.quantization if optimization is not None else None
    llm = model.llm
    tuning = llm.tuning if llm is not None else None
    several = len(scene.system.models) > 1
    yield from scene.facts(
        f"Model {name}" if several else "The model",
        given("approach", model.approach),
        given("complexity", model.complexity),
        given("family", llm.family if llm is not None else None),
        given("tuned for", llm.variant if llm is not None else None),
        given("adapted by", tuning.method if tuning is not None else None),
        given("adapted from", tuning.base if tuning is not None else None),
        given("quantization", quantization.method if quantization is not None else None),
        _combined(model),
        _decision_rule(model),
        scene.lines(f"Model {name}", "reasons of an answer", "readable", "live version"),
        _measured(scene, name),
    )
    if chosen is not None:
        yield _candidates(chosen)
        yield from scene.facts(
            "Nearly as good, and simpler or cheaper",
            scene.lines(f"Model {name}", "simplest sufficient candidate", "cheapest sufficient candidate"),
        )
    else:
        path = f"models.{name}.candidates" if several else "model.candidates"
        yield gap("no alternatives were compared", path, "a reviewer asks what a simpler model would achieve")


def _combined(model: Model) -> list[Line]:
    """The members of an ensemble, and how they are combined."""
    part = model.ensemble
    if part is None:
        return []
    weighted = len(part.weights) == len(part.members)
    return [
        *given("combines", listed(part.members)),
        *given("combined by", part.method),
        *given("weights of its members", listed(part.weights) if weighted else None),
    ]


def _decision_rule(model: Model) -> list[Line]:
    point = model.operating_point
    if point is None:
        return []
    said = say("{output} at least {threshold}", output=point.output, threshold=point.threshold)
    return given("positive from", said)


def _measured(scene: Scene, name: str) -> Iterator[Line]:
    """What the live version achieved."""
    release = scene.system.releases.get(name)
    for metric, value in release.metrics.items() if release is not None else ():
        yield from given(f"live version, {metric}", value)


def _reasoning(chosen: Selection) -> Iterator[Block]:
    """Why the selected candidate: its gain over the naive baseline, and who else was better or cheaper."""
    selected, metric = chosen.selected, chosen.primary
    if selected is None:
        return
    names = [candidate.name for candidate in chosen.model.candidates]
    reached = selected.metrics.get(metric.value) if metric is not None else None
    naive = chosen.naive(metric) if metric is not None and selected.role.value != "naive" else None
    yield from paragraph(
        say("We compared {many}: {names}.", many=_many(names), names=listed(names)),
        say("We selected {name}.", name=selected.name),
        say("Its {metric} is {reached}.", metric=metric, reached=reached),
        say("The best naive baseline has {naive}.", naive=naive) if reached is not None else None,
        *(_rejected(chosen, other) for other in chosen.model.candidates if other is not selected),
    )


def _many(names: list[Because[str]]) -> Said:
    return because(count(len(names), "candidate"), "", names)


def _rejected(chosen: Selection, other: Candidate) -> Said | None:
    """What a candidate that was not selected would change."""
    row = chosen.compared.get(other.name.value, {})
    gain, cost = row.get("gain"), row.get("cost")
    share = "{name} has {gain} of its gain over that baseline"
    return say(
        f"{share}, at {{cost}} of its cost per prediction." if cost is not None else f"{share}.",
        name=other.name,
        gain=gain.map(percent) if gain is not None else None,
        **({"cost": cost.map(percent)} if cost is not None else {}),
    )


def _candidates(chosen: Selection) -> Table:
    """Every candidate with what is known about it."""
    candidates = chosen.model.candidates
    metrics = tuple(dict.fromkeys(metric for one in candidates for metric in one.metrics))
    slow = any(one.latency is not None and one.latency.p99 is not None for one in candidates)
    priced = any(one.cost is not None for one in candidates)
    head = ("candidate", "role", "complexity", *metrics, *(["p99"] if slow else []), *(["cost"] if priced else []))
    rows = []
    for one in candidates:
        role = one.selected.map(lambda _: "selected") if one.selected.value else one.role
        row = [just(part) for part in (one.name, role, one.complexity)]
        row += [just(one.metrics.get(metric)) for metric in metrics]
        row += [just(one.latency.p99 if one.latency is not None else None)] if slow else []
        row += [just(one.cost)] if priced else []
        rows.append(tuple(row))
    return Table(caption="Candidates", head=head, rows=tuple(rows))


# Training


def training(scene: Scene) -> Iterator[Block]:
    """How often, on what, with which search and which safeguards, and what a model must pass."""
    part = scene.system.training
    if part is None:
        yield gap("the model is not trained here", "training", "a model that is never retrained only gets worse")
        return
    yield from _run(scene, part)
    yield from _search(scene, part)
    yield from scene.facts("Regularization", _regularization(part))
    yield from _gates(scene)
    if part.seed is None:
        yield gap("the seed is not fixed", "training.seed", "two runs on the same data give different models")
    if part.revision is None:
        yield gap("the commit of the training code is not recorded", "training.revision", "a model cannot be rebuilt")


def _run(scene: Scene, part: Training) -> Iterator[Block]:
    every = scene.system.retraining.schedule if scene.system.retraining is not None else None
    yield from paragraph(
        say("A run starts on the schedule `{every}`.", every=every),
        say("It takes {many} of {each}, and must end within {deadline}.", many=scene.said("Training", "fits per run"),
            each=part.fit, deadline=scene.said("Training", "deadline")),
        say("It costs {cost}.", cost=scene.said("Cost", "training")),
    )  # fmt: skip
    device, spread = part.resources.accelerator, part.distributed
    yield from scene.facts(
        "The run",
        given("image", part.image),
        given("commit", part.revision),
        given("seed", part.seed),
        given("CPU", part.resources.cpu, "core"),
        given("memory", part.resources.memory),
        given(
            "accelerators", say("{many} x {type}", many=device.count, type=device.type) if device is not None else None
        ),
        given("distributed", spread.strategy if spread is not None else None),
        given("pods", spread.nodes if spread is not None else None),
        given("experiment tracking", part.tracking.uri if part.tracking is not None else None),
        scene.lines("Training", "fits per run", "fit time per run", "deadline", "retries", "alert if no success for"),
        scene.lines("Memory of training"),
    )


def _search(scene: Scene, part: Training) -> Iterator[Block]:
    tuning, folds = part.tuning, part.cross_validation
    if tuning is None:
        why = "without a search, the settings are only as good as the first guess"
        yield gap("there is no hyperparameter search", "training.tuning", why)
        return
    rows = []
    for name, one in tuning.parameters.items():
        values = getattr(one, "values", None)
        limits = say("{least} to {most}", least=getattr(one, "min", None), most=getattr(one, "max", None))
        rows.append((name, just(one.type), listed(values) if values else limits, just(getattr(one, "scale", None))))
    head = ("hyperparameter", "type", "range", "scale")
    yield Table(caption="Search space", head=head, rows=tuple(rows))
    yield from scene.facts(
        "Hyperparameter search",
        given("runs", tuning.when),
        given("algorithm", tuning.algorithm),
        given("trials", tuning.trials, "trial"),
        given("parallel trials", tuning.parallel, "trial"),
        given("folds", folds.folds if folds is not None else None, "fold"),
        given("order of the folds", folds.order if folds is not None else None),
        scene.lines("Hyperparameter search"),
    )


def _regularization(part: Training) -> Iterator[Line]:
    found, ensemble = part.regularization, part.ensemble
    if found is not None:
        yield from given("dropout", found.dropout)
        yield from given("L1 penalty", found.l1)
        yield from given("L2 penalty", found.l2)
        yield from given("label smoothing", found.label_smoothing)
        stopping = found.early_stopping
        yield from given("early stopping, patience", stopping.patience if stopping is not None else None, "round")
        yield from given("augmentation", listed(found.augmentation))
    yield from given("ensemble", ensemble.method if ensemble is not None else None)
    yield from given("fits in the ensemble", ensemble.size if ensemble is not None else None, "fit")


def _gates(scene: Scene) -> Iterator[Block]:
    evaluation = scene.system.evaluation
    if evaluation is None or not evaluation.gates:
        why = "without a gate, every run replaces the model, good or bad"
        yield gap("no gate stops a bad model", "evaluation.gates", why)
        return
    yield from paragraph(say("Models are compared by {metric}.", metric=evaluation.primary))
    yield conditions("Gates: what a model must pass", evaluation.gates)
    yield from _custom(scene)
    yield from scene.facts("What the gates can show", scene.lines("Evaluation"))


def _custom(scene: Scene) -> Iterator[Table]:
    """What the spec's own metrics measure."""
    own = {name: one for name, one in scene.system.metrics.items() if one.description is not None}
    rows = tuple((name, just(one.description), just(one.direction), just(one.unit)) for name, one in own.items())
    if rows:
        yield Table(caption="Metrics of this system", head=("metric", "measures", "better", "unit"), rows=rows)
