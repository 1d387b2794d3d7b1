"""The traps of arguments and variables that contradict the plan: one value silently loses, or the promises are wrong.

`compiler/catalog/setups` declares what mlspec decides. The names come from the servers' own parsers: `arg_utils.py` and
`cli_args.py` of vLLM 0.30.0, `arg_groups/fields` of SGLang 0.5.23, `main.rs` of TGI, `command_line_parser.cc`
of Triton, `main.cc` of TensorFlow Serving, `arg_parser.py` of TorchServe, and `settings.py` of MLServer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.check.decided import Decided, Setting, decided
from mlspec.compiler.check.planned import PLANNED
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.language import OBJECTS
from mlspec.compiler.tree import Mapping, Scalar, Sequence

from .online import RUNTIMES, compiled, emitted, refused, spec
from .online import of as online
from .support import ROOT

SETUPS = sorted(path.stem for path in (ROOT / "compiler/catalog/setups").glob("*.yaml"))
WITH_FLAGS = [name for name in SETUPS if name != "mlserver"]


def of(setup: str) -> Decided:
    known = decided(setup)
    assert known is not None
    return known


def names(setting: Setting) -> tuple[str, ...]:
    return (setting.name, *setting.aliases)


def forms(setup: str, setting: Setting) -> Iterator[list[str]]:
    """Every way to write one flag that its server takes, with a value that no spec here plans."""
    value = setting.only[0] if setting.only else "7"
    if value == "histogram_latencies":
        value += "=false"
    for name in names(setting):
        yield [f"{name}={value}"]
        yield [name, value]
        if of(setup).underscores and name.startswith("--"):
            yield [f"--{name[2:].replace('-', '_')}={value}"]
            yield [f"--{name[2:].replace('-', '_')}", value]
            if not setting.only:
                yield [f"{name}.key={value}"]
        if of(setup).abbreviations and len(name) > 6:
            yield [f"{name[:-1]}={value}"]
        if len(name) == 2:
            yield [f"{name}{value}"]


def decides(setup: str) -> list[Setting]:
    """The flags that can contradict a plan: not a switch that mlspec turns on in any case."""
    return [one for one in of(setup).flags if not (one.switch and "true" in one.harmless)]


def full(setup: str) -> dict[str, Any]:
    """A spec whose plan has a value for what only some plans decide."""
    made = spec(setup)
    if setup == "vllm":
        made["serving"]["llm"] = {"tokens": {"context": 8192, "output": 512}}
    return made


def found(tmp_path: Path, made: dict[str, Any]) -> list[Diagnostic]:
    return [d for d in compiled(tmp_path, made).diagnostics if d.id == "MLS438"]


def underlined(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    return span.file.lines[span.line][span.column : span.end_column].strip("'\"")


# What is declared


@pytest.mark.parametrize("setup", WITH_FLAGS)
def test_trap_a_flag_that_mlspec_writes_is_overridden_silently(setup: str) -> None:
    """Every flag in the source of a setup is declared, also one that only some specs need."""
    source = (ROOT / "targets/serving/setups" / f"{setup.replace('-', '_')}.py").read_text()
    known = {name for flag in of(setup).flags for name in names(flag)}
    written = set(re.findall(r'"(--[a-z][a-z0-9_-]+)', source.replace("'--", '"--')))
    if setup == "triton":
        written |= {"--http-port", "--grpc-port", "--metrics-port"}
    assert written
    assert written <= known


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_trap_a_variable_that_mlspec_writes_is_overridden_silently(runtime: str, tmp_path: Path) -> None:
    """The same for what a server reads from variables and files."""
    made = emitted(tmp_path, runtime)
    if runtime == "mlserver":
        server, model = (json.loads(made.file(f"{name}.json")) for name in ("settings", "model-settings"))
        keys = {*(f"MLSERVER_{key}" for key in server), *(f"MLSERVER_MODEL_{key}" for key in model)}
        keys |= {f"MLSERVER_MODEL_{key}" for key in model["parameters"]}
        keys = {key.upper() for key in keys} - {"MLSERVER_MODEL_PARAMETERS"}
        assert keys <= of("mlserver").variables.keys()
    if runtime == "torchserve":
        properties = {line.partition("=")[0] for line in made.file("config.properties").splitlines()}
        assert {f"TS_{name.upper()}" for name in properties} <= of("torchserve").variables.keys()
    if runtime == "tgi":
        assert "TGI_WIGGLE_ROOM" in made.env.keys() & of("tgi").variables.keys()


@pytest.mark.parametrize("setup", SETUPS)
def test_each_field_that_a_help_names_is_in_the_language(setup: str) -> None:
    roots = {"service": "OnlineService", "model": "Model", "release": "Release", "system": "MLSystem"}
    known = of(setup)
    for setting in (*known.flags, *known.variables.values()):
        assert setting.why
        at: Any = roots[setting.of]
        for step in setting.field.split(".") if setting.field else ():
            kind = OBJECTS[at][step][2]
            at = kind[1] if kind[0] == "object" else None


def test_each_value_of_a_plan_is_known_and_used() -> None:
    settings = [one for setup in SETUPS for one in (*of(setup).flags, *of(setup).variables.values())]
    assert {name for one in settings for name in (one.plan, one.when) if name is not None} == PLANNED.keys()
    assert all(value == value.lower() for one in settings for value in (*one.only, *one.harmless))


@pytest.mark.parametrize("setup", SETUPS)
def test_no_name_is_declared_twice(setup: str) -> None:
    listed = [name for flag in of(setup).flags for name in names(flag)]
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_catalog_contradicts_no_plan(runtime: str) -> None:
    entry = catalog.runtime(runtime)
    assert entry is not None
    setup = entry.entries.get("setup")
    known = decided(setup.text) if isinstance(setup, Scalar) else None
    assert (known is None) == (runtime in ("bentoml", "custom", "kserve-huggingface", "ray-serve"))
    for key in ("command", "args"):
        line = entry.entries.get(key)
        words = [item.text for item in line.items if isinstance(item, Scalar)] if isinstance(line, Sequence) else []
        assert known is None or not list(known.in_words(words))
    env = entry.entries.get("env")
    for name in env.entries if isinstance(env, Mapping) else ():
        assert known is None or known.variable(name) is None


# Every flag, in every form


@pytest.mark.parametrize("setup", WITH_FLAGS)
def test_trap_another_spelling_of_a_flag_passes(setup: str) -> None:
    for setting in decides(setup):
        for words in forms(setup, setting):
            assert [use.number for use in of(setup).in_words(["--first", *words, "--last=1"])] == [1], words


@pytest.mark.parametrize("setup", WITH_FLAGS)
@pytest.mark.parametrize("place", ["args", "command"])
def test_trap_a_flag_contradicts_the_plan(setup: str, place: str, tmp_path: Path) -> None:
    """Each is reported at its argument, with a reason, and the other arguments pass."""
    made = full(setup)
    words = [word for setting in decides(setup) for form in forms(setup, setting) for word in form]
    made["serving"].setdefault("container", {})[place] = ["server", *words]
    reported = found(tmp_path, made)
    assert [underlined(one) for one in reported] == [word for word in words if word.startswith("-")]
    assert all(one.note and one.help.startswith("remove it") for one in reported)


OWN_CHOICE = {
    "vllm": ["--enforce-eager", "--tool-call-parser=hermes", "--api-key", "key", "--dtype=bfloat16", "-O3", "-ep"],
    "sglang": ["--attention-backend=fa3", "--ep-size=1", "--log-level", "info", "--dtype=half", "--api-key=key"],
    "tgi": ["--trust-remote-code", "--max-batch-prefill-tokens=4096", "--speculate=2", "--payload-limit=1"],
    "triton": ["tritonserver", "--log-verbose=1", "--metrics-config=counter_latencies=true", "--allow-metrics=true"],
    "tensorflow-serving": ["--enable_model_warmup=true", "--num_load_threads=2", "--rest_api_num_threads=8"],
    "torchserve": ["--log-config=/etc/log4j2.xml", "--plugins-path=/plugins", "--foreground"],
}


@pytest.mark.parametrize("setup", WITH_FLAGS)
def test_flags_that_the_plan_leaves_open_pass(setup: str, tmp_path: Path) -> None:
    made = spec(setup)
    made["serving"].setdefault("container", {})["args"] = OWN_CHOICE[setup]
    assert found(tmp_path, made) == []
    assert (
        emitted(tmp_path, setup, serving__container=made["serving"]["container"]).server["args"][
            : len(OWN_CHOICE[setup])
        ]
        == (OWN_CHOICE[setup])
    )


def test_trap_a_flag_in_the_platforms_runtime_contradicts_the_plan(tmp_path: Path) -> None:
    """Under a name of its own, a runtime still has the setup of its server."""
    made = spec("vllm", platform={"runtimes": {"vllm": {"args": ["--max-num-seqs=8"]}}})
    assert [underlined(one) for one in found(tmp_path, made)] == ["--max-num-seqs=8"]


@pytest.mark.parametrize("setup", ["tgi", "torchserve", "mlserver"])
@pytest.mark.parametrize("place", ["container", "service"])
def test_trap_a_variable_contradicts_the_plan(setup: str, place: str, tmp_path: Path) -> None:
    made = spec(setup)
    given = {name: f"v{number}" for number, name in enumerate(of(setup).variables)}
    (made["serving"] if place == "service" else made["serving"].setdefault("container", {}))["env"] = given
    assert [underlined(one) for one in found(tmp_path, made)] == list(given.values())


def test_trap_a_variable_in_lower_case_contradicts_the_plan(tmp_path: Path) -> None:
    assert found(tmp_path, spec("mlserver", serving__env={"mlserver_http_port": "9000"}))
    assert not found(tmp_path, spec("tgi", serving__env={"max_batch_size": "9"})), "clap does not ignore the case"


@pytest.mark.parametrize("runtime", ["custom", "bentoml", "kserve-huggingface"])
@pytest.mark.parametrize("place", ["serving__env", "serving__container__env"])
def test_trap_a_variable_moves_the_model_of_your_own_code(runtime: str, place: str, tmp_path: Path) -> None:
    for name in ("MLSPEC_MODEL_PATH", "MLSPEC_MODEL_NAME", "MLSPEC_MODEL_VERSION"):
        assert refused(tmp_path, runtime, **{place: {name: "another"}}) == [
            f"MLS012: the environment variable `{name}` is reserved"
        ]


# Values that contradict nothing


@pytest.mark.parametrize("setup", SETUPS)
def test_trap_a_value_that_contradicts_no_plan_is_refused(setup: str, tmp_path: Path) -> None:
    """`--host 0.0.0.0` was said to listen on one address."""
    given = [(one, value) for one in of(setup).flags for value in one.harmless if not one.switch]
    words = [word for one, value in given for name in names(one) for word in (f"{name}={value}", name, value.upper())]
    made = full(setup)
    made["serving"].setdefault("container", {})["args"] = ["server", *words, "--last"]
    made["serving"]["env"] = {one.name: one.harmless[0] for one in of(setup).variables.values() if one.harmless}
    assert found(tmp_path, made) == []


LOST = {
    "vllm": {"--override-generation-config", "--disable-access-log-for-endpoints"},
    "sglang": {"--model-path", "--bucket-e2e-request-latency", "--uvicorn-access-log-exclude-prefixes"},
    "triton": {"--model-repository"},
    "tensorflow-serving": {"--model_config_file", "--monitoring_config_file"},
    "torchserve": {"--ts-config"},
}
"""Files and lists that mlspec writes, so that no one else has a reason to write the same."""


def again(setup: str, **more: object) -> list[str]:
    """What mlspec writes for a server, without the rest of a list."""
    return [f"{flag}={value}" if value else flag for flag, value in more.items() if flag not in LOST.get(setup, set())]


@pytest.mark.parametrize("setup", ["vllm", "sglang", "triton", "tensorflow-serving", "torchserve"])
def test_trap_a_value_that_equals_the_plan_is_refused(setup: str, tmp_path: Path) -> None:
    """`--tensor-parallel-size=2` was said to start with more devices than the two that the pod has."""
    made = full(setup)
    if setup in ("vllm", "sglang"):
        made["serving"]["resources"]["accelerator"]["count"] = 2
        tokens = {"context": 8192} | ({"output": 512} if setup == "vllm" else {})
        made["serving"]["llm"] = {"tokens": tokens, "caching": {"dtype": "fp8"}}
        made["serving"]["container"] = {"deviceMemory": {"utilization": "85%"}}
        made["serving"]["batching"] = {"maxSize": 24}
    written = again(setup, **online(tmp_path, made).flags)
    assert written
    made["serving"].setdefault("container", {})["args"] = ["server", *written]
    assert found(tmp_path, made) == []


def test_trap_a_server_refuses_a_flag_that_mlspec_writes_as_well(tmp_path: Path) -> None:
    """Clap takes a flag once, so for this server the same value is a mistake as well, for another reason."""
    made = spec("tgi")
    same = f"--port={online(tmp_path, made).flags['--port']}"
    made["serving"]["container"]["args"] = [same, "--num-shard=1", "--hostname=0.0.0.0"]
    [reported] = found(tmp_path, made)
    assert (underlined(reported), reported.help) == (same, "remove it")
    assert "given twice" in reported.note


@pytest.mark.parametrize("word", ["False", "FALSE", "off", "OFF", "0"])
def test_trap_triton_reads_other_words_for_off(word: str, tmp_path: Path) -> None:
    """`ParseOption<bool>` of its command line takes them in any case."""
    args = [f"--allow-{what}={word}" for what in ("metrics", "http", "grpc")] + [f"--strict-readiness={word}"]
    assert len(found(tmp_path, spec("triton", serving__container={"args": args}))) == 4


@pytest.mark.parametrize(
    ("runtime", "flag", "prefix"),
    [
        ("vllm", "--enable-prefix-caching", True),
        ("vllm", "--no-enable-prefix-caching", False),
        ("sglang", "--disable-radix-cache", False),
    ],
)
def test_trap_a_switch_that_says_what_its_field_says_is_refused(
    runtime: str, flag: str, prefix: bool, tmp_path: Path
) -> None:
    for said in (True, False):
        llm = {"tokens": {"context": 8192}, "caching": {"prefix": said}}
        made = spec(runtime, serving__llm=llm, serving__container={"args": [flag]})
        assert [underlined(one) for one in found(tmp_path, made)] == ([] if said is prefix else [flag])


def test_trap_defaults_for_sampling_have_no_field(tmp_path: Path) -> None:
    """The help was to set the length of an answer. Without that, mlspec does not write the flag."""
    args = {"args": ['--override-generation-config={"temperature": 0.2}']}
    tokens = {"context": 8192, "output": 512}
    [reported] = found(tmp_path, spec("vllm", serving__llm={"tokens": tokens}, serving__container=args))
    assert (
        reported.help == "remove it, and put its keys into the `generation_config.json` of the model, or into requests"
    )
    assert found(tmp_path, spec("vllm", serving__llm={"tokens": {"context": 8192}}, serving__container=args)) == []


def test_trap_histograms_that_no_objective_needs_are_refused(tmp_path: Path) -> None:
    args = {"args": ["--metrics-config", "histogram_latencies=false"]}
    assert found(tmp_path, spec("triton", constraints__latency=None, serving__container=args)) == []
    assert len(found(tmp_path, spec("triton", serving__container=args))) == 1


# The help, obeyed


OBEYED: list[tuple[str, str, object, str, str]] = [
    ("vllm", "serving__batching", {"maxSize": 24}, "--max-num-seqs", "24"),
    ("vllm", "serving__llm", {"tokens": {"context": 4096, "output": 256}}, "--max-model-len", "4096"),
    ("vllm", "serving__container", {"deviceMemory": {"utilization": "88%"}}, "--gpu-memory-utilization", "0.88"),
    ("vllm", "serving__resources__accelerator", {"type": "l4", "count": 2}, "--tensor-parallel-size", "2"),
    ("vllm", "serving__queue", 10, "--max-num-queued-reqs", ""),
    ("vllm", "serving__container", {"ports": {"http": 9000}}, "--port", "9000"),
    ("vllm", "model__optimization", {"quantization": {"method": "fp8"}}, "--quantization", "fp8"),
    ("sglang", "serving__batching", {"maxSize": 24}, "--max-running-requests", "24"),
    ("sglang", "serving__resources__accelerator", {"type": "l4", "count": 2}, "--tp-size", "2"),
    ("sglang", "serving__container", {"deviceMemory": {"utilization": "80%"}}, "--mem-fraction-static", "0.8"),
    ("tgi", "serving__batching", {"maxSize": 24}, "--max-batch-size", "24"),
    ("tgi", "serving__resources__accelerator", {"type": "l4", "count": 2}, "--num-shard", "2"),
    ("triton", "serving__container", {"ports": {"http": 9000}}, "--http-port", "9000"),
    ("triton", "serving__container", {"ports": {"grpc": 9001}}, "--grpc-port", "9001"),
    ("triton", "serving__container", {"ports": {"metrics": 9002}}, "--metrics-port", "9002"),
    ("triton", "serving__caching", {"size": "64Mi"}, "--cache-config", "local,size=67108864"),
    ("triton", "serving__container", {"drain": {"timeout": "40s"}}, "--exit-timeout-secs", "40"),
    ("tensorflow-serving", "serving__endpoint", {"timeout": "3s"}, "--rest_api_timeout_in_ms", "3000"),
    ("tensorflow-serving", "serving__container", {"ports": {"http": 9000}}, "--rest_api_port", "9000"),
]


@pytest.mark.parametrize(("runtime", "field", "value", "flag", "wanted"), OBEYED)
def test_the_field_of_a_help_sets_the_flag(
    runtime: str, field: str, value: object, flag: str, wanted: str, tmp_path: Path
) -> None:
    [setting] = [one for one in of(runtime).flags if flag in names(one)]
    top, _, rest = field.partition("__")
    path = rest.split("__") if top == "serving" else ["optimization"]
    assert setting.field is not None
    assert setting.field.split(".")[: len(path)] == path
    if field == "serving__container" and runtime == "tgi":
        value = {**spec("tgi")["serving"]["container"], **dict(value)}  # type: ignore[call-overload]
    given = emitted(tmp_path, runtime, **{field: value}).flags
    assert given[flag] == wanted if wanted else flag in given


def test_trap_triton_listens_on_its_own_ports_whatever_the_spec_says(tmp_path: Path) -> None:
    """Otherwise, only `container.args` could move it, and probes would ask another port."""
    made = emitted(tmp_path, serving__container={"ports": {"http": 9000, "metrics": 9002}})
    ports = {port["name"]: port["containerPort"] for port in made.server["ports"]}
    assert ports == {"http": 9000, "grpc": 8001, "metrics": 9002}
    assert {name: made.flags.get(f"--{name}-port") for name in ports} == {
        "http": "9000",
        "grpc": None,
        "metrics": "9002",
    }


def test_trap_three_flags_make_a_server_that_is_not_the_planned_one(tmp_path: Path) -> None:
    """On one L4, the plan counts 92% of its memory, and as many sequences as fit."""
    args = ["--gpu-memory-utilization=0.6", "--max-num-seqs=400", "--tensor-parallel-size=2"]
    made = spec("vllm", serving__container={"args": args})
    assert [(underlined(one), one.help) for one in found(tmp_path, made)] == [
        (args[0], "remove it, and set `container.deviceMemory.utilization` of the service"),
        (args[1], "remove it, and set `batching.maxSize` of the service"),
        (args[2], "remove it, and set `resources.accelerator.count` of the service"),
    ]
