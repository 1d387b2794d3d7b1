"""No list is kept twice: where two places must name the same things, one is derived from the other or held to it here.

If you add a runtime, a target, a collection, or a feature and forget a step, a test fails in a second.
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
from mlspec import targets
from mlspec.compiler import layer
from mlspec.compiler.bind import mistakes, references
from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.check.not_yet import NOT_YET_READ, READ_BY_STAGES
from mlspec.compiler.check.support import FEATURES
from mlspec.compiler.emit.artifact import Target
from mlspec.compiler.language import EXACTLY_ONE, OBJECTS, UNIONS, Kind
from mlspec.schema import render_schema
from mlspec.targets.registry import TARGETS
from mlspec.targets.serving import setups

from . import online
from .support import ROOT, compile_text, dumped, loaded, minimal

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


# Targets


def modules_with_a_target() -> dict[str, Target]:
    """Every module below `targets/` that says it is one."""
    modules = {
        info.name: import_module(f"mlspec.targets.{info.name}") for info in pkgutil.iter_modules(targets.__path__)
    }
    return {name: module.TARGET for name, module in modules.items() if hasattr(module, "TARGET")}


def test_every_target_is_in_the_registry() -> None:
    assert sorted(target.name for target in TARGETS) == sorted(
        target.name for target in modules_with_a_target().values()
    )


def test_the_contract_of_independence_lists_every_target() -> None:
    (contract,) = [one for one in CONTRACTS if one["name"] == "Targets do not know each other"]
    assert sorted(contract["modules"]) == sorted(f"mlspec.targets.{name}" for name in modules_with_a_target())


# Runtimes


def test_every_word_of_setup_has_a_module_and_every_module_a_word() -> None:
    words = set(OBJECTS["Runtime"]["setup"][2][1])
    modules = {info.name.replace("_", "-") for info in pkgutil.iter_modules(setups.__path__)}
    built = {name for name in modules if hasattr(import_module(f"{setups.__name__}.{name.replace('-', '_')}"), "build")}
    assert words - {"none"} == built - {"custom"}


def catalog_entry(runtime: str) -> dict[str, object]:
    found: dict[str, object] = loaded((ROOT / "compiler/catalog/runtimes" / f"{runtime}.yaml").read_text())
    return found


@pytest.mark.parametrize("word", sorted({*OBJECTS["Runtime"]["setup"][2][1]} - {"none"}))
def test_every_setup_is_of_a_runtime_and_has_its_traps_tested(word: str) -> None:
    """An entry that forgets its `setup` would pass its model through environment variables, which no server reads."""
    assert word in {catalog_entry(name).get("setup") for name in catalog.runtime_names()}
    assert (ROOT / "tests" / f"test_traps_{word.replace('-', '_')}.py").exists()


@pytest.mark.parametrize("runtime", catalog.runtime_names())
def test_every_runtime_has_a_spec_that_the_tests_compile(runtime: str) -> None:
    assert runtime in online._DIFFERENT


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
    scalars_of_their_own = {"origins", "rivals"}
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
