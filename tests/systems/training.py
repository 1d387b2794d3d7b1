"""Training: steps, search, gates that compare with what is known, and when it runs."""

from __future__ import annotations

from typing import Any

from mlspec.compiler.language import UNIONS

from .data import SEGMENT
from .maker import Maker, members
from .serving import extras

__all__ = ["evaluation", "retraining", "training"]


def training(maker: Maker, *, searches: bool) -> dict[str, Any]:
    """A run of some hours, which ends before the next one of a week begins."""
    parameters = {name: _parameter(maker, kind) for name, kind in zip("abc", UNIONS["Parameter"][1], strict=False)}
    when = maker.pick(("manual", "every-run", "schedule"))
    groups = _groups(maker) if maker.maybe(0.3) else None
    searched = maker.some(parameters)
    return maker.free(
        "Training",
        **extras(maker),
        env=maker.pick((None, {"OMP_NUM_THREADS": "4"})),
        access=maker.uses("git", "tracking", calls=True),
        resources=maker.free(
            "TrainingResources",
            # several processes would need as many devices, and a process sees only one slice of a device
            accelerator={"type": maker.accelerator(), "count": 1} if groups is None and maker.maybe(0.3) else None,
            memory=maker.pick((None, "16Gi")),
        ),
        steps=maker.free(
            "Steps", contract=maker.pick((None, False)), **_steps(maker, alone=searches and when == "schedule")
        ),
        fit=maker.pick((None, "20m", "1h")),
        deadline=maker.pick((None, "70h")),  # 10 trials x 3 folds and the final fit, twice, take 62 h
        checkpoints=maker.free(
            "Checkpoints", to="s3://example.internal/checkpoints", access=maker.use("s3") if maker.maybe(0.5) else None
        )
        if maker.maybe(0.3)
        else None,
        distributed=maker.free("Distributed", **groups) if groups else None,
        tuning=maker.free(
            "Tuning",
            when=when,
            schedule="0 3 1 * *" if when == "schedule" else None,
            trials=10,
            parallel=maker.pick((None, 2)),
            parameters={name: parameters[name] for name in searched},
            **_effort(maker, searched),
        )
        if searches
        else None,
        crossValidation=maker.free("CrossValidation", folds=maker.pick((2, 3)), order=_order(maker))
        if maker.maybe(0.3)
        else None,
        ensemble=maker.free("TrainingEnsemble", size=2) if maker.maybe(0.2) else None,
        tracking=maker.free(
            "Tracking", uri="http://mlflow.mlops:5000", access=maker.use("tracking") if maker.maybe(0.5) else None
        )
        if maker.maybe(0.5)
        else None,
        fineTuning=None,  # it needs a language model, rows in one of its forms, and nothing that it would ignore
        image=maker.pick(maker.texts("image")),
    )


def _order(maker: Maker) -> str:
    """Rows that are split by time have a column with it, and their folds must not rotate."""
    return "forward" if "happened" in maker.declared["columns"] else maker.pick(members("CrossValidation", "order"))


def _effort(maker: Maker, searched: list[str]) -> dict[str, Any]:
    """The algorithm. One of them needs to know the budget of a trial, and has to search something else."""
    known = (None, *maker.declared["algorithms"], "hyperband")
    algorithm = maker.pick([name for name in known if name != "hyperband" or len(searched) > 1])
    return {"algorithm": algorithm, "resource": maker.pick(searched) if algorithm == "hyperband" else None}


def _steps(maker: Maker, *, alone: bool) -> dict[str, Any]:
    """`train` and `evaluate`. A separate search runs both in one container, which has one image."""
    image = {"image": None} if alone else {}
    return {name: _step(maker, **image) for name in ("train", "evaluate")}


def _step(maker: Maker, **given: Any) -> dict[str, Any]:
    return maker.free("Step", command=["python", "-m", "team.step"], **given)


def _groups(maker: Maker) -> dict[str, Any]:
    """One pod with four processes, in groups that fit. Several pods need more of the platform."""
    strategy = maker.pick(members("Distributed", "strategy"))
    tensor = maker.pick((None, 2, 4)) if strategy == "tensor-parallel" else maker.pick((None, 1))
    pipeline = 2 if strategy == "pipeline-parallel" else maker.pick((None, 1))
    if strategy == "pipeline-parallel":
        tensor = maker.pick((None, 2))
    return {"strategy": strategy, "nodes": 1, "processesPerNode": 4, "tensor": tensor, "pipeline": pipeline}


def _parameter(maker: Maker, kind: str) -> dict[str, Any]:
    given: dict[str, Any] = {"type": kind}
    if kind == "categorical":
        given["values"] = ["relu", "gelu"]
    else:
        given |= {"min": 1, "max": 100, "step": None if maker.maybe(0.7) else 1}
    return maker.free(UNIONS["Parameter"][1][kind], **given)


def evaluation(maker: Maker, metric: str, bar: float, own: str | None) -> dict[str, Any]:
    """Gates against the live version, the baseline, and fixed bounds, one of them on a custom metric."""
    sign = "max" if metric in ("wape", "rmse") else "min"
    gates = [
        maker.free("Condition", metric=metric, versus="champion", margin="-0.05", of=None, segment=None),
        maker.free("Condition", metric=metric, versus="naive", margin=maker.pick((None, "1%")), of=None, segment=None),
        maker.free("Condition", metric=metric, of=None, segment=SEGMENT, margin=None, **{sign: bar}),
    ]
    if own is not None:
        side = "min" if maker.rises == "maximize" else "max"
        gates.insert(1, maker.free("Condition", metric=own, of=None, segment=None, margin=None, **{side: "0.1"}))
    given = {"primary": metric, "minSamples": maker.pick((None, "1000"))}
    return maker.free("Evaluation", **given, gates=[*gates[:-2], maker.pick(gates[-2:])], segments=[SEGMENT])


def retraining(maker: Maker, run: dict[str, Any]) -> dict[str, Any]:
    """Once a week, or by what is not compiled yet."""
    return maker.free(
        "Retraining",
        schedule=maker.pick(("0 3 * * 1", "@weekly", "30 4 1 * *")),
        diagnosis=maker.free(
            "Diagnosis", **({} if maker.lenient else {"onDataFault": "stop", "onFeatureChange": "stop"})
        ),
        promote=_promote(maker, run) if "register" in run["steps"] and maker.maybe(0.7) else None,
        triggers=None,  # they depend on what is watched
        online=None,  # it needs captured predictions, their labels, drift, and gates, all in one environment
    )


def _promote(maker: Maker, run: dict[str, Any]) -> dict[str, Any]:
    """The access has a token. What else it has depends on who uses it."""
    via, name = maker.pick(members("Promote", "via")), maker.use("git")
    access = maker.access[name]
    access["forge"] = maker.pick(members("GitAccess", "forge"))
    if maker.maybe(0.3):
        access["url"] = "https://git.example.com:8443/git"
    if via == "pull-request" and maker.maybe(0.3):
        access["api"] = "https://git.example.com/api"
    if name not in run.get("access", ()):
        addressed = "url" in access and ("api" in access or via == "push")
        for key in ("serviceAccount", "identity", *(["host"] if addressed else [])):
            access.pop(key, None)
    return maker.free("Promote", via=via, repository="team/systems", path="system/mlspec.yaml", access=name)
