"""`mlspec explain` answers for every line of output and for every value of every example, and its answers are true."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import mlspec
from mlspec.compiler.answer.design.bundle import document
from mlspec.compiler.answer.explain import (
    Reason,
    explain_line,
    explain_object,
    explain_output,
    explain_path,
)
from mlspec.compiler.answer.reasons import Explainer
from mlspec.compiler.check.effects import reached
from mlspec.compiler.check.patterns import values
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.emit.dump import Lines
from mlspec.compiler.pipeline import Compiled, Environment
from mlspec.terminal.render.reasons import MOST_PARTS, reason

from .leaves import leaves
from .support import EXAMPLES, ROOT, run

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
SMALL = [example for example in EXAMPLES if example.name in ("minimal", "support-assistant", "feed-ranker")]
MINIMAL = ROOT / "examples" / "minimal"


@cache
def compiled(example: Path) -> Compiled:
    return mlspec.compile(example / "mlspec.yaml")._compiled


def ends(told: Reason, seen: dict[int, Reason]) -> Iterator[Reason]:
    """Where the chains of reasons begin, without those that were seen before: most lines share most of theirs."""
    if id(told) in seen:
        return
    seen[id(told)] = told
    if not told.parts:
        yield told
    for part in told.parts:
        yield from ends(part, seen)


def files_of(environment: Environment) -> dict[str, SourceFile]:
    """The files that an environment was read from; a layer of the catalog has several."""
    nodes = (node for layer in environment.layered.layers for _, node in values(layer.tree))
    return {node.file.name: node.file for node in nodes}


# Lines of output


def explained(environment: Environment) -> Iterator[tuple[str, int, Reason]]:
    """The file and number of each line, and its reasons. Of lines with the same reasons, only the first."""
    explainer = Explainer((environment.layered,))
    lines = [(file.path, *line) for file in environment.bundle.files() for line in enumerate(file.reasons, 1)]
    for path, number, reasons in {tuple(map(id, line[2])): line for line in reversed(lines)}.values():
        yield path, number, explainer.explain(reasons)


@pytest.mark.slow
@EACH
def test_every_line_of_output_leads_back_to_a_place_or_to_a_choice(example: Path) -> None:
    """Each chain begins at a position of a file that was read, or at the reason of a deliberate choice."""
    astray = []
    for environment in compiled(example).environments:
        files, seen = files_of(environment), dict[int, Reason]()
        for path, number, told in explained(environment):
            for end in ends(told, seen):
                name, _, place = end.where.partition(":")
                line, column = (int(part) for part in place.split(":")) if end.where else (0, 0)
                known = end.where and files[name].lines[line - 1][column - 1 :]
                if not known and end.why in ("", "composed of"):
                    astray.append(f"{environment.name}/{path}:{number}: {end}")
    assert astray == []


@pytest.mark.slow
@EACH
def test_a_position_shows_the_value_that_it_is_said_to_show(example: Path) -> None:
    for environment in compiled(example).environments:
        files, seen = files_of(environment), dict[int, Reason]()
        for end in (end for _, _, told in explained(environment) for end in ends(told, seen)):
            if end.where and end.path:
                name, line, column = end.where.rsplit(":", 2)
                written = files[name].lines[int(line) - 1][int(column) - 1 :]
                bare = written.lstrip("\"'")
                assert bare.startswith(end.value[:1]) or bare[0] in ".0123456789-", f"{end} is not {written}"


def test_a_line_of_a_file_is_explained_by_its_number() -> None:
    """The same answer as for the bulk above, through the public command."""
    spec = compiled(MINIMAL)
    for file in spec.environments[0].bundle.files():
        for number, text in enumerate(file.text.split("\n")[:-1], 1):
            if number % 10 == 1:
                assert explain_output(spec, "default", file.path, number)[0] == text.strip()


@pytest.mark.exhaustive
@EACH
def test_trap_what_many_reasons_rest_on_is_explained_again_for_each(example: Path) -> None:
    """The steps of a rollout rest on those that were tried: in full, the answer would have 150,000 lines."""
    for environment in compiled(example).environments:
        for path, number, told in explained(environment):
            assert reason("", told).count("\n") < 300, f"{environment.name}/{path}:{number}"


def test_an_object_is_called_an_object_and_a_long_reason_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checksum depends on each value of its file: text shows forty of them, and JSON all."""
    monkeypatch.chdir(ROOT)
    asked = ("explain", "examples/fraud-scorer", "out/production/retraining/configmap-training.yaml:5")
    told, whole = run(*asked).out, json.loads(run(*asked, "--format", "json").out)
    most = max(len(one["parts"]) for one in each_of(whole["explanation"]))
    assert most > MOST_PARTS
    assert f"and {most - MOST_PARTS} more values" in told
    panel = run("explain", "examples/minimal", "out/default/monitoring/configmap-dashboard.yaml:992").out
    assert "the object: new versions get traffic step by step" in panel
    assert "dict:" not in panel


def each_of(told: Any) -> Iterator[dict[str, Any]]:
    """All reasons in an explanation as JSON."""
    if isinstance(told, dict):
        if "parts" in told:
            yield told
        told = [*told.values()]
    for one in told if isinstance(told, list) else ():
        yield from each_of(one)


# Values of the spec


@pytest.mark.slow
@pytest.mark.parametrize("example", SMALL, ids=lambda path: path.name)
def test_every_value_is_given_somewhere_and_says_what_rests_on_it(example: Path) -> None:
    spec = compiled(example)
    used = {
        id(node)
        for environment in spec.environments
        for artifact in environment.emitted.artifacts
        for node in reached(artifact.body, artifact.why)
    }
    shown = document(spec).body
    assert isinstance(shown, Lines)
    used |= {id(node) for node in reached(*shown.lines)}
    for leaf in leaves(spec.input):
        if leaf.path.endswith("#") or (leaf.file == "PlatformFile" and not leaf.path.startswith("platform.")):
            continue  # a key is explained with its value; the owner of the platform file is not part of a system
        if leaf.file == "ReleaseFile" and not leaf.path.startswith("releases."):
            continue
        answers = list(explain_path(spec, leaf.path))
        where = f"{leaf.node.file.name}:{leaf.node.line + 1}:{leaf.node.column + 1}"
        given = [one for _, all_, _ in answers for one in all_ if one.where == where]
        assert given, leaf.path
        if any(one.wins for one in given):
            assert any(effects for _, _, effects in answers) == (id(leaf.node) in used), leaf.path


@pytest.mark.slow
@EACH
def test_every_line_of_the_spec_is_explained(example: Path) -> None:
    """Every line with a value that output rests on says which lines, and that they are there."""
    spec = compiled(example)
    assert spec.input.sources is not None
    texts = {f"{e.name}/{file.path}": file.text.split("\n") for e in spec.environments for file in e.bundle.files()}
    file = spec.input.sources.spec.file
    used = {
        node.line
        for environment in spec.environments
        for artifact in environment.emitted.artifacts
        for node in reached(artifact.body, artifact.why)
        if node.file is file and hasattr(node, "text")
    }
    for line in used:
        told = [effect for _, effects in explain_line(spec, line + 1) for effect in effects]
        assert told, file.lines[line]
        assert all(texts[effect.file][effect.line - 1].strip() == effect.text for effect in told)


# Answers that were worked out by hand


def answer(question: str) -> str:
    """Without the platform file, for shorter reasons."""
    told = list(explain_object(compiled(MINIMAL), question))
    assert len(told) == 1
    return reason(told[0][1], told[0][2])


def test_replicas_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """20/s x 2 ms = 0.04 of one slot; 100 ms - 5.3 x 2 ms = 89.4 ms; two at least; 0.04 / 2 = 2 %."""
    monkeypatch.chdir(ROOT)
    expected = f"""
        minReplicaCount: 2
          2: 20/s x 2ms = 0.04 busy slots, with 1 slot per replica; 1 replica for 70% utilization; 1 for 99% of \
requests within 100ms; 2 so that one can be replaced: 2 replicas, 2% busy
            20/s: constraints.throughput.mean at {MINIMAL}/mlspec.yaml:13:22 (the spec)
            2ms: serving.serviceTime.mean at {MINIMAL}/mlspec.yaml:26:62 (the spec)
            services.digit-reader.serviceTime.at = 1 (default): one request at a time
            platform.gateway.loadBalancing = random (default): how a Kubernetes Service balances
              services.digit-reader.container.workerQueues = false (default): the requests of most runtimes wait \
in one queue
            100ms: constraints.latency.p99 at {MINIMAL}/mlspec.yaml:12:18 (the spec)
            exponential: 2ms on average, and 10.6 ms at p99.5, because its tail is unknown
              2ms: serving.serviceTime.mean at {MINIMAL}/mlspec.yaml:26:62 (the spec)
              services.digit-reader.serviceTime.p995 = 10.6ms (assumed): an exponential tail
                2ms: serving.serviceTime.mean at {MINIMAL}/mlspec.yaml:26:62 (the spec)
            platform.planning.ownTail = 80% (default): the last fifth would take several times the replicas of the \
rest
            99.5%: constraints.availability at {MINIMAL}/mlspec.yaml:14:17 (the spec)
            platform.planning.utilization = 70% (default): queueing delay grows faster than load above this
    """
    told = answer("ScaledObject/digit-reader:spec.minReplicaCount")
    assert told.startswith(dedent(expected).strip())


def test_a_burn_rate_by_hand() -> None:
    """2% of the budget of 720 hours in one hour is a burn rate of 0.02 x 720 = 14.4; 14.4 x 0.5% = 7.2%."""
    spec = compiled(MINIMAL)
    file = next(f for f in spec.environments[0].bundle.files() if f.path == "monitoring/prometheusrule.yaml")
    number = next(n for n, text in enumerate(file.text.split("\n"), 1) if text.endswith("> 0.072"))
    _, told = explain_output(spec, "default", file.path, number)
    part = next(part for part in everything(told) if part.value == "0.072")
    expected = f"""
        threshold
          0.072: 2% of the 30d error budget in 1h is a burn rate of 14.4; 14.4 x 0.5% = 7.2%
            99.5%: constraints.availability at {MINIMAL}/mlspec.yaml:14:17 (the spec)
            monitoring.slo.window = 30d (default): a month, the period most availability targets cover
            2%: the standard pairs (Site Reliability Workbook, table 5-8)
            1h: the standard pairs (Site Reliability Workbook, table 5-8)
    """
    assert reason("threshold", part) == dedent(expected).strip()


def everything(told: Reason) -> Iterator[Reason]:
    yield told
    for part in told.parts:
        yield from everything(part)


def test_an_image_by_hand() -> None:
    told = answer("Rollout/digit-reader:spec.template.spec.containers.0.image")
    _, line = told.split("\n")
    image = told.split("\n")[0].removeprefix("image: ")
    assert image.startswith("nvcr.io/nvidia/tritonserver:")
    assert line == f"  {image}: serving.container.image at catalog/runtimes/triton.yaml:3:8 (the catalog)"


# The command


def test_the_command_explains_a_path_an_object_a_line_and_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = run("explain", "examples/minimal", "problem.useCase")
    assert "= Read handwritten digits on paper forms.  examples/minimal/mlspec.yaml:9:12 (the spec)" in path.out
    assert "kubernetes.io/description: Read handwritten digits on paper forms." in path.out
    assert run("explain", "examples/minimal", "--line", "9").out.endswith(path.out.split("\n", 2)[2])
    whole = run("explain", "examples/minimal", "Rollout/digit-reader:kind")
    assert "serving.runtime at examples/minimal/mlspec.yaml:26:34 (the spec)" in whole.out
    output = run("explain", "examples/minimal", "out/default/serving/rollout.yaml:3")
    assert output.out.split("\n", 1)[1].strip() == whole.out.split("\n", 2)[2].strip()


def test_what_changes_no_line_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = run("explain", "examples/support-assistant", "services.chat.llm.output.jsonSchema")
    assert "affects no line of output here" in told.out


def test_what_only_the_design_document_shows_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = run("explain", "examples/support-assistant", "problem.businessMetric.name")
    assert "business metric | first-contact resolution" in told.out
    other = run("explain", "examples/support-assistant", "metadata.owner").out
    assert "design.md" not in other, "the document repeats nearly everything, which would hide the objects"


def test_a_line_of_the_design_document_says_what_it_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = mlspec.compile("examples/minimal/mlspec.yaml").bundles["_system"].files["design.md"]
    line = next(at for at, said in enumerate(text.split("\n"), 1) if said.startswith("| replicas for the peak load"))
    told = run("explain", "examples/minimal", f"examples/minimal/out/_system/design.md:{line}")
    assert "constraints.throughput.peak at examples/minimal/mlspec.yaml:13:34 (the spec)" in told.out


def test_environments_without_the_path_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary of `staging`, which comes first, has fewer steps."""
    monkeypatch.chdir(ROOT)
    question = "Rollout/fraud-scorer:spec.strategy.canary.steps"
    both = run("explain", "examples/fraud-scorer", question)
    assert [line for line in both.out.splitlines() if line.startswith("in ")] == ["in staging:", "in production:"]
    one = run("explain", "examples/fraud-scorer", f"{question}[5]")
    assert [line for line in one.out.splitlines() if line.startswith("in ")] == ["in production:"]
    assert run("explain", "examples/fraud-scorer", f"{question}[5]", "--env", "staging").status == 2


def test_json_is_one_versioned_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    document = json.loads(run("explain", "examples/minimal", "constraints.availability", "--format", "json").out)
    assert document["version"] == 1
    (name, given, effects), *rest = document["explanation"]
    assert (name, given[0]["value"], rest) == ("default", "99.5%", [])
    assert {"environment", "object", "file", "line", "text"} == set(effects[0])


@pytest.mark.parametrize(
    "question",
    [
        "nothing.of.this",
        "Rollout/other",
        "Rollout/digit-reader:spec.nothing",
        "out/default/serving/rollout.yaml:99999",
        "out/default/none.yaml:1",
        "out/other/serving/rollout.yaml:1",
        "a/b/c",
    ],
)
def test_what_does_not_exist_is_said_so(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = run("explain", "examples/minimal", question)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("error: ")


@pytest.mark.parametrize("line", [0, -1, 28, 10**9])
def test_a_line_that_does_not_exist_is_said_so(line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = run("explain", "examples/minimal", "--line", str(line))
    assert told.status == 2
    assert told.out == ""


def test_a_path_and_a_line_are_two_questions() -> None:
    result = run("explain", ROOT / "examples" / "minimal", "constraints.throughput.peak", "--line", "3")
    assert result.status == 2
    assert "not both" in result.err


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("mlspec.yaml:21", "ScaledObject/fraud-scorer (production/autoscaling/scaledobject.yaml)"),
        ("systems/production/fraud-scorer/mlspec.yaml:21", "ScaledObject/fraud-scorer"),
        ("systems/production/fraud-scorer/releases/production.yaml:11", "(production/monitoring/prometheusrule.yaml)"),
        ("systems/production/mlspec.platform.yaml:12", "NetworkPolicy/fraud-scorer"),
    ],
)
def test_trap_a_place_in_a_message_is_no_place_to_explain(
    question: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages and reasons name lines of the spec, the platform file, and the release files."""
    ran = run("explain", elsewhere(tmp_path, monkeypatch), question)
    assert (ran.status, said in ran.out) == (0, True), ran.err


def test_trap_a_folder_on_the_way_that_has_the_name_of_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = elsewhere(tmp_path, monkeypatch)
    ran = run("explain", spec, f"{spec}/out/staging/serving/service.yaml:3")
    assert (ran.status, ran.out.splitlines()[0]) == (0, "kind: Service"), ran.err


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An example below a folder that is named as one of its environments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    example, folder = ROOT / "examples" / "fraud-scorer", Path("systems/production/fraud-scorer")
    (folder / "releases").mkdir(parents=True)
    for name in ("mlspec.yaml", "releases/staging.yaml", "releases/production.yaml", "../mlspec.platform.yaml"):
        shutil.copy(example / name, folder / name)
    return folder
