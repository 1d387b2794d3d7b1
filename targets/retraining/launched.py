"""Whether the command of `train` starts the processes that the spec describes.

Traps of launchers handled here (torch 2.13, accelerate 1.x, and deepspeed 0.18):

- Trainer and mlspec describe the group in variables (`PET_NNODES` and others). Only `torchrun` reads them, and an
  argument of the command overrides its variable (torch/distributed/run.py).
- `accelerate launch` takes the number of machines from its own arguments or file, and is alone by default
  (accelerate/commands/launch.py). So is `deepspeed` without a file of hosts (deepspeed/launcher/runner.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.choose import count
from ...compiler.system import Distributed, Step

__all__ = ["check"]

PYTHONS = ("python", "python3")
TORCHRUN, ACCELERATE, DEEPSPEED = "torchrun", "accelerate launch", "deepspeed"
MODULES = {
    "torch.distributed.run": TORCHRUN,
    "accelerate.commands.launch": ACCELERATE,
    "deepspeed.launcher.runner": DEEPSPEED,
}
GROUPED = {
    ACCELERATE: ("--num_machines", "--config_file"),
    DEEPSPEED: ("--hostfile", "-H", "--no_ssh"),
}
"""The arguments without which a launcher knows of no other node. It takes dashes for underscores."""


def check(step: Step, spread: Distributed) -> None:
    """Refuse a command that starts other processes than the spec says. What a script starts is not known here."""
    words = [word.value for word in step.command]
    launcher, rest = _launcher(words)
    several = spread.nodes.value > 1
    if launcher in GROUPED and several and not any(_named(word) in GROUPED[launcher] for word in rest):
        raise _alone(step, spread, launcher, rest)
    if launcher is None and several and words and words[0].rpartition("/")[2] in PYTHONS:
        raise _one_process(step, spread, rest)
    if launcher == TORCHRUN:
        _as_described(step, spread, len(words) - len(rest))


def _launcher(words: list[str]) -> tuple[str | None, list[str]]:
    """What starts the processes, and the words after it; None for anything else, and for Python alone."""
    program, rest = words[0].rpartition("/")[2] if words else "", words[1:]
    if program in (TORCHRUN, DEEPSPEED):
        return program, rest
    if program == "accelerate" and rest[:1] == ["launch"]:
        return ACCELERATE, rest[1:]
    if program not in PYTHONS:
        return None, rest
    rest = rest[1:] if rest[:1] == ["-u"] else rest
    module = MODULES.get(rest[1]) if rest[:1] == ["-m"] and len(rest) > 1 else None
    return (module, rest[2:]) if module is not None else (None, rest)


def _named(word: str) -> str:
    name = word.partition("=")[0]
    return "--" + name[2:].replace("-", "_") if name.startswith("--") else name


def _one_process(step: Step, spread: Distributed, rest: list[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"`{step.command[0].value}` starts one process, which does not know of those on the other nodes",
        step.command[0],
        others=((spread.nodes, "the pods that train together"),),
        note="Kubeflow Trainer describes the group to `torchrun` in variables; it does not start `torchrun` itself, so "
        "each node would train a model of its own",
        help=f"write `command: [torchrun, {', '.join(rest)}]`",
    )


def _alone(step: Step, spread: Distributed, launcher: str, rest: list[str]) -> Refusal:
    simple = bool(rest) and (rest[0] == "-m" or not rest[0].startswith("-"))
    return refusal(
        "MLS012",
        f"`{launcher}` does not know of the other nodes",
        step.command[0],
        others=((spread.nodes, "the pods that train together"),),
        note="Kubeflow Trainer describes the group in variables that only `torchrun` reads, so each node would train a "
        "model of its own",
        help=f"write `command: [torchrun, {', '.join(rest)}]`"
        if simple
        else f"start the program with `torchrun` instead of `{launcher}`",
    )


def _as_described(step: Step, spread: Distributed, first: int) -> None:
    """Compare the arguments of `torchrun` with the spec, up to the program that it starts."""
    fields = {"--nnodes": ("nodes", spread.nodes), "--nproc_per_node": ("processesPerNode", spread.processes_per_node)}
    for word, value in _arguments([*step.command[first:]]):
        name = word.value.partition("=")[0]
        field, wanted = fields.get(_named(name), ("", None))
        if wanted is not None and value.isdecimal() and int(value) != wanted.value:
            message = f"`{name}` is {value}, and the spec says {wanted.value}"
            raise _otherwise(
                word, wanted, message, f"write `{field}: {int(value)}` under `distributed`, or remove `{name}`"
            )
        if _named(name) == "--standalone" and spread.nodes.value > 1:
            message = f"`{name}` starts a group on each of {count(spread.nodes.value, 'node')}"
            raise _otherwise(word, spread.nodes, message, f"remove `{name}`")


def _arguments(words: list[Because[str]]) -> Iterator[tuple[Because[str], str]]:
    """The arguments before the program, each with its own value or with the next word."""
    after: list[Because[str] | None] = [*words[1:], None]
    flag = False
    for word, following in zip(words, after, strict=True):
        own = word.value
        if own == "-m" or own.endswith(".py") or not (flag or own.startswith("-")):
            return
        flag = own.startswith("-") and "=" not in own
        if own.startswith("-"):
            yield word, own.partition("=")[2] or (following.value if following is not None else "")


def _otherwise(word: Because[str], wanted: Because[int], message: str, help_: str) -> Refusal:
    return refusal(
        "MLS012",
        message,
        word,
        others=((wanted, "what the plan counts on"),),
        note="the argument overrides the variable that describes the group, so other processes would train together",
        help=f"{help_}: `torchrun` reads the numbers from variables",
    )
