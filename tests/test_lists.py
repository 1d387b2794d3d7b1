"""No list is kept twice: where two places must name the same things, one is derived from the other or held to it here.

If you add a runtime, a target, a provider, a rule, a format, a collection, or a feature and forget a step, a test fails
in seconds and says what to add, and where.
"""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from docs import fields
from docs.generate import SUBJECTS
from mlspec import targets
from mlspec.compiler import layer
from mlspec.compiler.bind import mistakes, references
from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.check import rules
from mlspec.compiler.check.lint import Rule
from mlspec.compiler.check.not_yet import NOT_YET_READ, READ_BY_STAGES
from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.check.support import FEATURES
from mlspec.compiler.emit.artifact import Target
from mlspec.compiler.language import EXACTLY_ONE, OBJECTS, UNIONS, Kind
from mlspec.compiler.provider import Provider
from mlspec.schema import render_schema
from mlspec.targets import providers
from mlspec.targets.registry import PROVIDERS, TARGETS
from mlspec.targets.serving import setups
from mlspec.terminal import render
from mlspec.terminal.render import FORMATS, Format

from . import online
from .obeyed import FORMS
from .readers import READERS
from .support import ROOT, compile_text, dumped, loaded, minimal
from .test_errors import CARRY, SHOWN_ELSEWHERE
from .test_helps_obeyed import BY_HAND, NOT_OBEYED
from .test_rules import is_of_the_language

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


# Targets


def modules_with_a_target() -> dict[str, Target]:
    """Every module below `targets/` that says it is one."""
    modules = {
        info.name: import_module(f"mlspec.targets.{info.name}") for info in pkgutil.iter_modules(targets.__path__)
    }
    return {name: module.TARGET for name, module in modules.items() if hasattr(module, "TARGET")}


def test_every_target_is_in_the_registry() -> None:
    missing = {name for name, target in modules_with_a_target().items() if target not in TARGETS}
    assert missing == set(), "add `<module>.TARGET` to TARGETS in targets/registry.py"
    assert len(TARGETS) == len(modules_with_a_target()), "remove it from TARGETS in targets/registry.py"


def test_the_contract_of_independence_lists_every_target() -> None:
    (contract,) = [one for one in CONTRACTS if one["name"] == "Targets do not know each other"]
    listed, there = set(contract["modules"]), {f"mlspec.targets.{name}" for name in modules_with_a_target()}
    assert there - listed == set(), "add it to the contract `Targets do not know each other` in pyproject.toml"
    assert listed - there == set(), "remove it from the contract `Targets do not know each other` in pyproject.toml"


# Providers

CAPABILITIES = {
    "rollout": providers.RolloutProvider,
    "traffic": providers.TrafficProvider,
    "autoscaling": providers.AutoscalingProvider,
    "orchestration": providers.OrchestrationProvider,
}


def provider_entries(capability: str) -> set[str]:
    """The providers with a file in the catalog."""
    return {path.stem for path in (ROOT / "compiler/catalog/providers" / capability).glob("*.yaml")}


def provider_modules() -> dict[str, Provider]:
    """Every module below `targets/` that says it is a provider."""
    places = [path for path in (ROOT / "targets").rglob("*.py") if "PROVIDER = " in path.read_text()]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in places}
    return {str(path.relative_to(ROOT)): import_module(f"mlspec.{name}").PROVIDER for path, name in names.items()}


def test_every_provider_is_in_the_registry() -> None:
    missing = {place for place, provider in provider_modules().items() if provider not in PROVIDERS}
    assert missing == set(), "add `<module>.PROVIDER` to PROVIDERS in targets/registry.py"


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_every_provider_has_an_entry_and_every_entry_a_module(capability: str) -> None:
    modules = {one.name for one in PROVIDERS if isinstance(one, CAPABILITIES[capability])}
    entries = provider_entries(capability)
    record = CAPABILITIES[capability].__name__
    assert entries - modules == set(), f"add a module to targets/ with `PROVIDER = {record}(...)` of that name"
    assert modules - entries == set(), f"add <name>.yaml to compiler/catalog/providers/{capability}/"
    assert entries == set(catalog.providers(capability)), "run make generate"


def test_every_rollout_provider_states_its_workload() -> None:
    folder = ROOT / "compiler/catalog/providers/rollout"
    silent = {path.name for path in folder.glob("*.yaml") if "workload" not in loaded(path.read_text())}
    assert silent == set(), "add `workload: {apiVersion: ..., kind: ...}` to it in compiler/catalog/providers/rollout/"


# Runtimes

RUNTIMES = sorted(path.stem for path in (ROOT / "compiler/catalog/runtimes").glob("*.yaml"))
"""Those with a file: what `make generate` knows may be older."""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_is_generated(runtime: str) -> None:
    assert runtime in catalog.runtime_names(), "run make generate"


def test_every_word_of_setup_has_a_module_and_every_module_a_word() -> None:
    words = set(OBJECTS["Runtime"]["setup"][2][1])
    modules = {info.name.replace("_", "-") for info in pkgutil.iter_modules(setups.__path__)}
    built = {name for name in modules if hasattr(import_module(f"{setups.__name__}.{name.replace('-', '_')}"), "build")}
    assert words - built == {"none"}, "add a module of that name, with `build`, to targets/serving/setups/"
    assert built - words == {"custom"}, "add it to `setup` in schema/models/runtime.py, and run make generate"


def catalog_entry(runtime: str) -> dict[str, object]:
    found: dict[str, object] = loaded((ROOT / "compiler/catalog/runtimes" / f"{runtime}.yaml").read_text())
    return found


@pytest.mark.parametrize("word", sorted({*OBJECTS["Runtime"]["setup"][2][1]} - {"none"}))
def test_every_setup_is_of_a_runtime_and_has_its_traps_tested(word: str) -> None:
    """An entry that forgets its `setup` would pass its model through environment variables, which no server reads."""
    used = {catalog_entry(name).get("setup") for name in RUNTIMES}
    assert word in used, f"add `setup: {word}` to its file in compiler/catalog/runtimes/"
    traps = f"tests/test_traps_{word.replace('-', '_')}.py"
    assert (ROOT / traps).exists(), f"test its traps in {traps}"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_has_a_spec_that_the_tests_compile(runtime: str) -> None:
    assert runtime in online._DIFFERENT, "add a spec of it to _DIFFERENT in tests/online.py"


@pytest.mark.parametrize("feature", FEATURES)
def test_what_a_runtime_honours_is_a_path_of_a_service(feature: str) -> None:
    section = "OnlineService"
    for step in feature.split("."):
        kind = OBJECTS[section][step][2]
        section = kind[1] if kind[0] == "object" else ""


def triton(**changed: object) -> str:
    """A platform file that changes the catalog's entry of Triton."""
    runtimes = {"triton": changed}
    return dumped({"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"runtimes": runtimes}})


def test_a_feature_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    platform = dumped(
        {
            "apiVersion": "mlspec/v1",
            "kind": "Platform",
            "platform": {"runtimes": {"triton": {"features": ["batchng.maxSize"]}}},
        }
    )
    (found,) = compile_text(tmp_path, platform=platform).diagnostics
    assert found.id == "MLS007"


def test_a_runtime_that_the_platform_changed_is_not_proposed_for_what_it_lost(tmp_path: Path) -> None:
    """The catalog's Triton can batch; this platform's cannot, so the help names others."""
    platform = triton(features=["caching"])
    result = compile_text(tmp_path, minimal(serving__batching={"maxSize": 4}), platform=platform)
    (found,) = [one for one in result.diagnostics if "batching.maxSize" in one.message]
    assert "mlserver" in found.help
    assert "triton" not in found.help


# Rules and diagnostics

ERRORS = ROOT / "tests" / "errors"
CASES = sorted(path.parent.name for path in ERRORS.glob("*/mlspec.yaml"))


def rules_in_modules() -> dict[str, Rule]:
    """Every rule of a module next to the registry."""
    modules = [import_module(f"{rules.__name__}.{info.name}") for info in pkgutil.iter_modules(rules.__path__)]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": one
        for module in modules
        for name, one in vars(module).items()
        if isinstance(one, Rule)
    }


def test_every_rule_is_in_the_registry() -> None:
    missing = {name for name, one in rules_in_modules().items() if one not in RULES}
    assert missing == set(), "add it to RULES in compiler/check/rules/registry.py, in the order of the IDs"


def test_every_id_has_a_subject() -> None:
    without = {id_ for id_ in (*IDS, *(one.id for one in RULES)) if not id_.startswith(tuple(SUBJECTS))}
    assert without == set(), "take an ID of a subject in docs/generate.py, or add its prefix to SUBJECTS there"


@pytest.mark.parametrize("id_", sorted({*IDS, *(one.id for one in RULES)} - set(SHOWN_ELSEWHERE)))
def test_every_id_has_two_cases(id_: str) -> None:
    cases = [case for case in CASES if case.startswith(id_)]
    assert len(cases) >= 2, f"add a spec to tests/errors/{id_}-<what>/mlspec.yaml, one at the top and one deep inside"


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_a_message(case: str) -> None:
    assert (ERRORS / case / "expected.txt").exists(), "run make golden, and read the message"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_a_rule_reads_is_in_the_language(rule: Rule) -> None:
    """With a misspelled path, a value that nothing reads would count as having an effect."""
    for path in (path for pattern in rule.needs for path in pattern.split(" if ")):
        help_ = f"write `{path}` in its long form in the decorator of {rule.id}: `services.*`, `models.*`, `releases.*`"
        assert is_of_the_language(path.partition("[")[0]), help_


def findings_of(case: str) -> Iterator[tuple[str, str]]:
    """The ID and the help of each finding in the message of a case."""
    id_ = ""
    expected = ERRORS / case / "expected.txt"
    for line in expected.read_text().splitlines() if expected.exists() else ():
        if head := re.match(r"(?:error|warning|info)\[(\w+)\]: ", line):
            id_ = head[1]
        elif help_ := re.match(r" += help: (.*)", line):
            yield id_, help_[1]


@pytest.mark.parametrize("case", CASES)
def test_every_help_has_a_form_or_a_decision(case: str) -> None:
    """Whether to obey it resolves the finding takes longer: see test_helps_obeyed.py."""
    for id_, help_ in findings_of(case):
        name = case if case.startswith(id_) else f"{case}/{id_}"
        decided = id_ in CARRY or name in {*BY_HAND, *NOT_OBEYED}
        formed = any(re.match(form, help_) for form, _ in FORMS)
        assert decided or formed, f"add `{name}` to tests/obeyed_by_hand.yaml, because no form obeys `{help_}`"


# Formats


def test_every_module_that_renders_findings_is_in_the_list_and_no_other() -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules(render.__path__)}
    there = {name for name in modules if hasattr(import_module(f"{render.__name__}.{name}"), "render")}
    listed = {form.name for form in FORMATS}
    assert there - listed == set(), "add `Format(...)` to FORMATS in terminal/render/__init__.py"
    assert listed - there == set(), "add `render` to the module of that name in terminal/render/"


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_has_a_reader_here(form: Format) -> None:
    """One that takes what the systems take that the format is for."""
    assert form.name in READERS, "add a reader of it to READERS in tests/readers.py"
    snapshot = ROOT / "tests" / "formats" / f"{form.name}.txt"
    assert snapshot.exists(), "run make golden, and read tests/formats/<name>.txt"


# Fields

GIVEN_WHOLE = ("data", "training", "models.*.optimization")
"""Sections that a training job receives as they are written."""
READ_BY_OTHERS = {
    "maxLag": "streaming inference, which is not supported yet",
}


def fields_below(section: str, path: str) -> Iterator[tuple[str, str, str]]:
    """The path, the key, and the attribute of every field that something should read."""
    for key, (attribute, _, kind, *_) in OBJECTS[section].items():
        place = f"{path}.{key}" if path else key
        if place not in (*NOT_YET_READ, *READ_BY_STAGES, *GIVEN_WHOLE):
            yield place, key, attribute
            yield from _fields_in(kind, place)


def _fields_in(kind: Kind, place: str) -> Iterator[tuple[str, str, str]]:
    match kind[0]:
        case "object":
            yield from fields_below(kind[1], place)
        case "either":
            yield from fields_below(kind[2], place)
        case "union":
            tag, variants = UNIONS[kind[1]]
            for word, section in variants.items():
                if f"{place}[{tag}={word}]" not in NOT_YET_READ:
                    yield from fields_below(section, place)
        case "list" | "map":
            yield from _fields_in(kind[1], f"{place}.*")


def test_every_field_is_read_or_known_not_to_be() -> None:
    """By its name, which finds a field that nothing reads if no other has the name. It would be an MLS012 for users."""
    folders = [ROOT / "targets", *(ROOT / "compiler" / name for name in ("answer", "bind", "check", "layer", "plan"))]
    top = [*(ROOT / "compiler").glob("*.py")]
    files = [path for folder in folders for path in folder.rglob("*.py")] + top
    code = "".join(path.read_text() for path in files if path.name not in ("language.py", "system.py"))
    words = set(re.findall(r"(?:\.|\")([A-Za-z_0-9]+)", code))
    fields = [*fields_below("MLSystem", ""), *fields_below("Platform", "platform")]
    unread = {place for place, key, attribute in fields if not {key, attribute} & words and key not in READ_BY_OTHERS}
    assert unread == set(), "read it, or add it to NOT_YET_READ in compiler/check/not_yet.py"


# Collections


def referenced(kind: Kind) -> set[str]:
    """The collections that the values and the keys of a field name."""
    match kind[0]:
        case "scalar":
            return {kind[2]} - {""}
        case "list":
            return referenced(kind[1])
        case "map":
            return referenced(kind[1]) | ({kind[3]} - {""})
    return set()


def test_every_collection_that_the_language_names_is_known() -> None:
    named = {one for table in OBJECTS.values() for entry in table.values() for one in referenced(entry[2])}
    assert named == set(references._COLLECTIONS)
    assert set(references._PLACES) <= named


def test_every_collection_of_the_catalog_is_layered_and_offered_by_editors() -> None:
    assert set(render_schema.KNOWN) == set(layer._CATALOG)


def test_a_part_of_an_entry_of_every_collection_is_whole_for_editors() -> None:
    held = {
        holder.format(key)
        for type_name, holder in render_schema.HOLDERS.items()
        for key, entry in OBJECTS[type_name].items()
        if entry[2][0] == "map"
    }
    assert held & {*render_schema.KNOWN} == {*layer._CATALOG}


@pytest.mark.parametrize("type_name", EXACTLY_ONE)
def test_a_mapping_that_needs_one_of_several_keys_has_an_example_of_one(type_name: str) -> None:
    assert set(EXACTLY_ONE[type_name]) & mistakes._CHOSEN.keys()


def test_every_collection_that_people_declare_is_linked_from_the_reference() -> None:
    scalars_of_their_own = {"origins", "released", "rivals"}
    assert set(fields.NAMES) == set(references._COLLECTIONS) - scalars_of_their_own


def test_the_catalog_has_what_the_language_takes_by_default() -> None:
    defaults = {
        (entry[2][2], entry[3])
        for table in OBJECTS.values()
        for entry in table.values()
        if entry[1] == "default" and entry[2][0] == "scalar" and entry[2][2] in layer._CATALOG
    }
    assert defaults
    for collection, name in defaults:
        assert name in layer._CATALOG[collection][1]({name or ""}), (collection, name)


def test_unions_are_told_apart_by_a_key_of_each_variant() -> None:
    for tag, variants in UNIONS.values():
        assert all(tag in OBJECTS[variant] for variant in variants.values())
