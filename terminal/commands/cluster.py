"""`mlspec cluster`: apply a system to a cluster, compare it with the cluster, and show what runs there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ...compiler.emit.dump import plain
from ...compiler.pipeline import Compiled, Environment
from ...compiler.row import Row
from ...compiler.words import listing, visible
from ...schema.units import Duration, UnitError
from ...targets.live import State
from ..cluster.access import Cluster, ClusterError, Object, RefusedError, connect
from ..cluster.apply import Refusal, ready
from ..cluster.apply import apply as apply_all
from ..cluster.diff import differences
from ..cluster.status import states
from ..console import Console
from ..outputs import Output
from ..render import cluster as render
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["Target", "apply", "diff", "status"]


class Target(Row):
    """The cluster that the options name."""

    context: str | None = None
    kubeconfig: str | None = None


class Chosen(Row):
    """One environment of one system, compiled, and the cluster for it."""

    spec: str
    system: str
    namespace: str
    bodies: list[Object]
    cluster: Cluster


def apply(request: Request, target: Target, *, force: bool, wait: bool, timeout: str) -> int:
    """Apply the objects of one environment, and wait until its workloads are ready."""
    try:
        limit = Duration.parse(timeout)
    except UnitError as error:
        request.console.complain(f"error: --timeout `{timeout}` {error}: {error.help}")
        return 2
    return _on(request, target, lambda chosen: _applied(chosen, request.console, limit, force=force, wait=wait))


def _applied(chosen: Chosen, console: Console, limit: Duration, *, force: bool, wait: bool) -> int:
    counts, signs = Counter[str](), {"created": "+", "changed": "~"}
    try:
        for one in apply_all(chosen.cluster, chosen.bodies, force=force, say=console.say):
            counts[one.change] += 1
            if one.change in signs:
                console.result(f"{signs[one.change]} {one.name}: {one.change}")
    except Refusal as refusal:
        for line in refusal.lines:
            console.complain(visible(f"error: {line}"))
        if refusal.conflicts:
            console.complain(
                "help: let the other manager give up the field, or take it over with --force-conflicts; "
                "the other manager may then change it back"
            )
        done = counts.total()
        console.complain(
            f"{done} objects were applied before this one: fix it, and run the command again"
            if done
            else "nothing was applied"
        )
        return 1
    console.result(_summary(counts))
    if not wait:
        return 0
    found = ready(chosen.cluster, chosen.bodies, float(limit.amount), console.say)
    wrong = [state for state in found if state.phase != "healthy"]
    for state in wrong:
        console.result(render.state(state))
        if not state.settled:
            console.complain(f"error: {state.kind}/{state.name} is not rolled out after {limit}")
    return 1 if wrong else 0


def _summary(counts: Counter[str]) -> str:
    if counts.keys() <= {"unchanged"}:
        return f"nothing to change: {counts['unchanged']} objects are up to date"
    return f"{counts['created']} created, {counts['changed']} changed, {counts['unchanged']} unchanged"


def diff(request: Request, target: Target) -> int:
    """Print the differences between the cluster and what the spec compiles to."""
    return _on(request, target, lambda chosen: _compared(chosen, request.console))


def _compared(chosen: Chosen, console: Console) -> int:
    found = list(differences(chosen.cluster, chosen.bodies, chosen.system))
    differing = sum(one.counts for one in found)
    if _document(console):
        console.result(render.differences_json(chosen.cluster.context, chosen.namespace, found))
    else:
        console.result(render.differences(found))
    if differing:
        objects = "object differs" if differing == 1 else "objects differ"
        console.say(f"{differing} {objects} from what {chosen.spec} compiles to")
    else:
        console.say(f"{len(chosen.bodies)} objects are up to date")
    return 1 if differing else 0


def status(request: Request, target: Target) -> int:
    """Print the live state of each workload."""
    return _on(request, target, lambda chosen: _shown(chosen, request.console))


def _shown(chosen: Chosen, console: Console) -> int:
    found: list[State] = list(states(chosen.cluster, chosen.bodies))
    if _document(console):
        console.result(render.states_json(chosen.cluster.context, chosen.namespace, found))
    else:
        console.result("\n".join(render.state(state) for state in found))
    return 1 if any(state.phase in ("missing", "degraded", "waiting") for state in found) else 0


def _document(console: Console) -> bool:
    """Whether the result is a document, which is then alone on standard output."""
    return any(output.result for output in console.outputs)


def _on(request: Request, target: Target, work: Callable[[Chosen], int]) -> int:
    """Compile the one environment that the request names, connect to the cluster, and work on both."""
    console = request.console
    plain_text = console.but(outputs=(Output(),)) if _document(console) else console
    systems = Systems(request.but(console=plain_text), whole)
    compiled = [outcome.compiled for outcome in systems if outcome.compiled is not None]
    if systems.status:
        return systems.status
    found = _one(compiled)
    if isinstance(found, str):
        console.complain(f"error: {found}")
        return 2
    system, environment = found
    bodies = [plain(one.body) for one in environment.bundle.artifacts if one.sent is not None]
    try:
        cluster = connect(target.context, target.kubeconfig)
        namespace = ", ".join(sorted({cluster.namespace_of(body) for body in bodies})) or cluster.namespace
        console.say(f"context: {cluster.context}, namespace: {namespace}")
        status = work(Chosen(system.input.shown, system.name or "", namespace, bodies, cluster))
        for warning in dict.fromkeys(cluster.server.warnings):
            console.say(visible(f"warning: the API server says: {warning}"))
        return status
    except ClusterError as error:
        console.complain(visible(f"error: {error}"))
        return 2
    except RefusedError as error:
        console.complain(visible(f"error: the API server refused a request: {error}"))
        return 2


def _one(compiled: list[Compiled]) -> tuple[Compiled, Environment] | str:
    """The one system and environment of a request, or what to write instead."""
    if len(compiled) != 1:
        specs = listing(system.input.shown for system in compiled)
        return f"`mlspec cluster` works on one spec at a time: choose {specs}"
    [system] = compiled
    if len(system.environments) != 1:
        names = listing(environment.name for environment in system.environments)
        return f"{system.input.shown} has more than one environment: choose one with --env: {names}"
    return system, system.environments[0]
