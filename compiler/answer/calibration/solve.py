"""Calibration: what a benchmark says about the accelerator of a service, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Percent
from ...because import Because, Unavailable
from ...errors import CalibrationError
from ...finding import Refusal
from ...pipeline import Environment
from ...plan.choose import count, number, seconds
from ...plan.language_models.speed import Speed
from ...plan.service import ServicePlan
from ...record import Record
from ...words import listing
from .benchmark import HOW, Benchmark
from .run import COMPUTE, LEAST, MEMORY, Pair, Run, replaced

__all__ = ["CalibratedShare", "Calibration", "calibrated"]

WHAT = {MEMORY: "between tokens", COMPUTE: "to the first token"}
"""The times that a benchmark measures, by the share that each decides."""

OTHER = "use the spec of the server that was measured"

WAITING = 0.5
"""The share of the time to the first token from which on it says more about the queue than about the accelerator."""

MOSTLY = 0.3
"""The share of time for prompts from which on the time between tokens says too much about them."""

LONG = 0.05
"""The part of a response from which on prompts that wait when it begins matter, which the time between tokens leaves
out: a response finds about as many as prompts take of the time.
"""

PRECISE = 0.01
"""How far an estimate may be from what was measured, before shares are rounded."""

LOOSE = 0.1
"""The change of a share from which on it is too uncertain, if a time has an error of 2%."""


class CalibratedShare(Record):
    """One share of an accelerator's data sheet, and the time that decides it. Times are in seconds."""

    field: str
    """Its field in the accelerator's entry: `memoryEfficiency`."""
    what: str
    """The time, in words: `between tokens`."""
    measured: float
    estimate: float
    """The measured time, and its estimate with the share before."""
    before: str
    after: str
    """The value for the platform file, with two digits: `72%`."""
    then: float
    """The estimate with the shares after."""


class Calibration(Record):
    """What a benchmark says about the accelerator of a service."""

    service: str
    model: str
    """The name of its model in the spec."""
    accelerator: str
    devices: int
    """How many of them a replica has."""
    shares: tuple[CalibratedShare, ...]
    kept: tuple[str, ...]
    """The shares that stay as they are, and why."""
    assumptions: tuple[str, ...]


def calibrated(environment: Environment, service: str | None, measured: Benchmark) -> Calibration:
    """The shares of a service's accelerator with which its estimates equal a benchmark.

    Raises CalibrationError. Without a name, the service is the only one that generates tokens.
    """
    name, plan = _measured(environment, service)
    try:
        return _calibrated(name, plan, measured)
    except (Refusal, Unavailable):  # the spec has an error there, which is reported
        raise CalibrationError(f"the spec has errors that concern `{name}`", "see what `mlspec lint` says") from None


def _measured(environment: Environment, name: str | None) -> tuple[str, ServicePlan]:
    generating = {key: one for key, one in environment.plan.online.items() if _generates(one)}
    known = {key: one for key, one in generating.items() if one.is_language_model}
    if name is not None and name in known:
        return name, known[name]
    unknown = name if name in generating else next(iter(generating), None) if not known and name is None else None
    if unknown is not None:
        model = generating[unknown].model.value
        raise CalibrationError(
            f"the spec does not describe the model of `{unknown}`, so it has no estimate to compare with a benchmark",
            f"add `llm` to the model `{model}`, with its `family`, such as `llm: {{family: llama-3.1-8b}}`",
        )
    if name is not None:
        help_ = f"choose {listing(known)}" if known else "only online services of language models can be calibrated"
        raise CalibrationError(f"`{name}` is not a service that generates tokens", help_, usage=True)
    if len(known) == 1:
        return next(iter(known.items()))
    if not known:
        raise CalibrationError("no online service of the spec generates tokens", OTHER, usage=True)
    raise CalibrationError(
        "several services generate tokens", f"name one with `--service`: {listing(known)}", usage=True
    )


def _generates(service: ServicePlan) -> bool:
    try:
        described = service.is_language_model or service.part.llm is not None
        return described and service.generates.value
    except (Refusal, Unavailable):
        return False


def _calibrated(name: str, service: ServicePlan, measured: Benchmark) -> Calibration:
    run = Run(_speed(name, service), measured)
    _refuse_lengths(run)
    kept = {at: why for at, why in ((MEMORY, _why_no_memory(run)), (COMPUTE, _why_no_compute(run))) if why}
    wanted = {at: time for at, time in _times(measured).items() if at not in kept}
    shares = run.solved(wanted)
    if COMPUTE in wanted:
        _refuse_waiting(run.waiting(shares))
    for at in [at for at in wanted if run.loose(wanted, at, shares) > LOOSE]:
        kept[at] = f"an error of 2% in the time {WHAT[at]} would change it by more than {_part(LOOSE)}"
        wanted.pop(at)
        shares = run.solved(wanted)
    if not wanted:
        raise CalibrationError(f"the benchmark decides nothing: {'; '.join(kept.values())}", HOW)
    for at, time in wanted.items():
        _refuse_range(run, at, time, shares[at])
    if any(abs(run.estimate(at, shares) / time - 1) > PRECISE for at, time in wanted.items()):
        raise CalibrationError("no two shares give both times at once", HOW)
    after = shares
    for at in wanted:
        after = replaced(after, at, float(_rounded(shares[at])))
    devices = service.devices
    assert devices is not None
    return Calibration(
        service=name,
        model=service.model.value,
        accelerator=devices.type.value,
        devices=devices.count.value,
        shares=tuple(_share(run, at, time, after) for at, time in wanted.items()),
        kept=tuple(f"`{_field(run, at)}` stays {_before(run, at).value}: {why}" for at, why in kept.items()),
        assumptions=tuple(_assumptions(service, run, after)),
    )


def _times(measured: Benchmark) -> dict[int, float]:
    """The measured time that decides each share."""
    between = {MEMORY: measured.between} if measured.between is not None else {}
    return {**between, COMPUTE: measured.first_token}


def _share(run: Run, at: int, time: float, after: Pair) -> CalibratedShare:
    return CalibratedShare(
        field=_field(run, at),
        what=WHAT[at],
        measured=time,
        estimate=run.estimate(at, run.before),
        before=str(_before(run, at).value),
        after=str(_rounded(after[at])),
        then=run.estimate(at, after),
    )


def _field(run: Run, at: int) -> str:
    if at == MEMORY:
        return "memoryEfficiency"
    return "computeEfficiency" if run.given.in_fp8 is None else "fp8Efficiency"


def _before(run: Run, at: int) -> Because[Percent]:
    return run.given.memory_share if at == MEMORY else run.given.compute_share


def _refuse_waiting(waiting: float) -> None:
    if waiting > WAITING:
        raise CalibrationError(
            f"{_part(waiting)} of the time to the first token is the wait for other prompts, which says more about "
            f"the traffic than about the accelerator",
            "lower `--request-rate`, or use `--max-concurrency 1`, and run the benchmark again",
        )


def _why_no_memory(run: Run) -> str:
    if run.measured.between is None:
        return "responses have a single token"
    load = run.load(run.before)
    if load.read > MOSTLY:
        return (
            f"by the estimate, {_part(load.read)} of the time goes to prompts: use longer responses, or fewer requests"
        )
    if load.read * load.request.reading > LONG * run.measured.between * run.measured.output:
        return (
            "responses are so short that one prompt delays them a lot: use longer responses, or `--max-concurrency 1`"
        )
    return ""


def _why_no_compute(run: Run) -> str:
    measured, load = run.measured, run.load(run.before)
    prompt = f"prompts of {count(measured.prompt, 'token')}"
    if not measured.arriving:
        return (
            f"with {count(measured.together or 0, 'request')} in flight, prompts are sent in groups and wait for each "
            f"other: use `--request-rate 1`, or `--max-concurrency 1`"
        )
    if load.work.prompt(measured.prompt) > load.work.added(measured.prompt):
        return f"{prompt} take no longer than launching the operations or reading the weights: use longer ones"
    return ""


def _rounded(share: float) -> Percent:
    """A share with two digits."""
    return Percent(Decimal(f"{share:.2g}"))


def _part(share: float) -> str:
    return f"{number(round(100 * share, 1))}%"


def _speed(name: str, service: ServicePlan) -> Speed:
    speed = service.hardware.speed
    if speed is not None and speed.fit.fits.value:
        return speed
    if speed is not None:
        raise CalibrationError(f"by the spec, the model of `{name}` does not fit: {speed.fit.fits.reason}", OTHER)
    if service.devices is None:
        raise CalibrationError(
            f"`{name}` has no accelerator", "set `resources.accelerator` of the service to the measured one"
        )
    if service.hardware.model is None:
        raise CalibrationError(
            f"the shape of the model of `{name}` is unknown", "set `llm.family` or `llm.shape` of the model"
        )
    path = f"platform.accelerators.{service.devices.type.value}"
    help_ = f"set `memory`, `bandwidth`, and `compute` below `{path}` to the values of its data sheet"
    raise CalibrationError(f"the data sheet of `{service.devices.type.value}` is unknown", help_)


def _refuse_lengths(run: Run) -> None:
    context, measured = run.fit.model.context, run.measured
    if context is not None and measured.prompt + measured.output > context.value:
        raise CalibrationError(
            f"the requests of the benchmark have {count(measured.prompt + measured.output, 'token')}, more than the "
            f"context of {context.value:,} that the spec serves",
            OTHER,
        )


def _refuse_range(run: Run, at: int, time: float, share: float) -> None:
    measured = f"the measured time {WHAT[at]} of {seconds(time)} would need `{_field(run, at)}`"
    where = f"with {count(run.fit.devices.value, 'device')} and {run.fit.model.weights.reason}"
    if float(_rounded(share)) > 1:
        raise CalibrationError(
            f"{measured} above 100% of the accelerator's data sheet, {where}",
            "check the model, its quantization, and the number of devices in the spec against the server that was "
            "measured, and that its prompts were not in a prefix cache",
        )
    if share < 10 * LEAST:
        raise CalibrationError(
            f"{measured} below 1% of the accelerator's data sheet, {where}",
            "check that nothing else used the accelerator or the network, and the spec against the server",
        )


def _assumptions(service: ServicePlan, run: Run, after: Pair) -> Iterator[str]:
    measured, load, fit = run.measured, run.load(after), run.fit
    yield f"one replica served all requests, without other traffic, and its weights are {fit.model.weights.reason}"
    yield (
        f"prompts have {count(measured.prompt, 'token')}, responses {measured.output:,}, and no prompt was in a prefix "
        f"cache"
    )
    if measured.between is not None:
        tokens = measured.rate * (measured.output - 1)
        yield (
            f"{number(measured.decoding)} responses are generated at once: {number(tokens)} tokens/s x "
            f"{seconds(measured.between)}; other prompts take {_part(load.read)} of the time"
        )
    if run.chunk is not None:
        yield f"a step reads at most {run.chunk:,} tokens of prompts"
    if measured.arriving and measured.together != 1:
        yield "requests arrive at random, and the time to the first token includes the wait for earlier prompts"
    if run.given.mixture is not None:
        share = run.given.mixture
        yield f"as a mixture of experts, the model computes at {share.value} of the share in the accelerator's entry"
    if service.part.resources.accelerator is None:
        yield (
            "the server has the accelerators that the plan chooses now: set `resources.accelerator` of the service to "
            "keep them, because new shares can change the choice"
        )
    if service.part.service_time is not None:
        yield "`serviceTime` of the service is measured, so its number of replicas does not follow from these shares"
