"""Providers as data, most of them plus one module each.

The language's words, the catalog's entries and the modules are the same; pairs that do not go together are refused from
the data; and a new provider touches nothing else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.language import OBJECTS
from mlspec.targets.rollout.providers.argo_rollouts import SHIFTING

from .support import ROOT, compile_text, dumped, loaded, minimal, objects
from .test_lists import CAPABILITIES

DATA = ("gateway", "mesh", "dashboards")
"""Capabilities whose products have no objects of their own, so an entry is all there is to one."""

CALLED = {"serving__endpoint": {"callers": [{"namespace": "checkout"}]}}
"""Without a gateway, a network policy lets only those in that the spec names."""


def platform(**sections: object) -> str:
    return dumped({"apiVersion": "mlspec/v1", "kind": "Platform", "platform": sections})


# One set of names


def test_the_language_has_an_entry_and_a_choice_for_every_capability() -> None:
    chosen = {name for name, kind in OBJECTS["Platform"].items() if "provider" in OBJECTS.get(kind[2][1], {})}
    chosen -= {"alerting"}  # its provider says which of two files to write, and no product can do more than another
    assert set(OBJECTS["Providers"]) == {*CAPABILITIES, *DATA} == chosen


@pytest.mark.parametrize("capability", [*CAPABILITIES, *DATA])
def test_the_default_of_the_language_has_an_entry(capability: str) -> None:
    section = OBJECTS["Platform"][capability][2][1]
    assert OBJECTS[section]["provider"][3] in catalog.providers(capability)


def test_argo_rollouts_shifts_traffic_with_what_its_entry_names() -> None:
    entry = loaded((Path(catalog.__file__).parent / "providers" / "rollout" / "argo-rollouts.yaml").read_text())
    assert sorted(SHIFTING) == entry["traffic"]


@pytest.mark.parametrize("section", [f"{one.capitalize()}Capability" for one in (*CAPABILITIES, *DATA)])
def test_every_fact_of_an_entry_is_read(section: str) -> None:
    code = "".join(path.read_text() for name in ("plan", "check") for path in (ROOT / "compiler" / name).rglob("*.py"))
    facts = {entry[0] for key, entry in OBJECTS[section].items() if key not in ("checked", "source")}
    assert {fact for fact in facts if f".{fact}" not in code} == set()


# Pairs


def test_a_pair_that_does_not_go_together_is_refused_from_the_data(tmp_path: Path) -> None:
    result = compile_text(tmp_path, minimal(**CALLED), platform=platform(traffic={"provider": "none"}))
    (found,) = result.diagnostics
    assert (found.id, found.message) == ("MLS012", "`argo-rollouts` does not work with `none`")
    assert (
        found.help == "set `platform.traffic.provider` to `gateway-api`, or set `platform.rollout.provider` to `none`"
    )
    assert found.span.file.name.endswith("mlspec.platform.yaml")


@pytest.mark.parametrize(
    "help_", [{"traffic": {"provider": "gateway-api"}}, {"rollout": {"provider": "none"}}], ids=str
)
def test_the_help_leads_to_a_clean_spec(tmp_path: Path, help_: dict[str, object]) -> None:
    result = compile_text(tmp_path, minimal(**CALLED), platform=platform(**{"traffic": {"provider": "none"}, **help_}))
    assert [found.message for found in result.diagnostics] == []


def test_a_service_without_a_route_is_reached_by_its_name(tmp_path: Path) -> None:
    text = platform(traffic={"provider": "none"}, rollout={"provider": "none"})
    result = compile_text(tmp_path, minimal(**CALLED), platform=text)
    kinds = {str(one["kind"]) for one in objects(result)}
    assert {"Deployment", "Service"} <= kinds
    assert not kinds & {"HTTPRoute", "GRPCRoute", "Rollout", "AnalysisTemplate"}


def test_trap_a_policy_without_sources_lets_everybody_in(tmp_path: Path) -> None:
    text = platform(traffic={"provider": "none"}, rollout={"provider": "none"})
    (found,) = compile_text(tmp_path, platform=text).diagnostics
    assert (found.id, found.message) == ("MLS009", "the callers of `digit-reader` are unknown")
    (policy,) = objects(compile_text(tmp_path, minimal(**CALLED), platform=text), "NetworkPolicy")
    first = policy["spec"]["ingress"][0]  # type: ignore[index]
    assert [source["namespaceSelector"]["matchLabels"] for source in first["from"]] == [
        {"kubernetes.io/metadata.name": "checkout"}
    ]


def test_a_stage_that_a_provider_lacks_is_refused_from_the_data(tmp_path: Path) -> None:
    text = minimal(rollout={"stages": [{"canary": {}}]})
    result = compile_text(tmp_path, text, platform=platform(rollout={"provider": "none"}))
    (found,) = result.diagnostics
    assert found.message == "`none` does not support the canary stage"
    assert found.help == "set `platform.rollout.provider` to `argo-rollouts`, or remove the stage"


def test_a_misspelled_provider_gets_the_names_that_there_are(tmp_path: Path) -> None:
    result = compile_text(tmp_path, platform=platform(rollout={"provider": "argo-rollout"}))
    (found,) = result.diagnostics
    assert (found.id, found.help) == ("MLS010", "write `argo-rollouts`")


def test_a_mesh_of_the_platforms_own_needs_only_an_entry(tmp_path: Path) -> None:
    text = platform(mesh={"provider": "own"}, providers={"mesh": {"own": {"tunnelPort": 4143}}})
    (policy,) = objects(compile_text(tmp_path, platform=text), "NetworkPolicy")
    served = policy["spec"]["ingress"][0]  # type: ignore[index]
    assert 4143 in [port["port"] for port in served["ports"]]


# A custom provider

PLATFORM = loaded((ROOT / "examples" / "plugin" / "system" / "flagger.platform.yaml").read_text())["platform"]
FLAGGER = PLATFORM["providers"]["rollout"]["flagger"]

MODULE = (ROOT / "examples" / "plugin" / "acme_flagger" / "__init__.py").read_text()


def flagger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One data file, one module and one line."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "acme_flagger.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return platform(
        rollout={"provider": "flagger"},
        providers={"rollout": {"flagger": FLAGGER}},
        plugins=["acme_flagger:PROVIDER"],
    )


def test_a_provider_for_flagger_is_one_entry_one_module_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = compile_text(tmp_path, platform=flagger(tmp_path, monkeypatch))
    assert [found.message for found in result.diagnostics] == []
    (canary,) = objects(result, "Canary")
    (scaler,) = objects(result, "ScaledObject")
    spec = canary["spec"]
    assert isinstance(spec, dict)
    assert spec["targetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digit-reader"}
    assert spec["analysis"]["stepWeights"] == [5, 25, 50]
    assert scaler["spec"]["scaleTargetRef"] == spec["targetRef"]  # type: ignore[index]
    assert [one["metadata"]["name"] for one in objects(result, "Service")] == ["digit-reader"]  # type: ignore[index]


def test_an_entry_without_a_module_writes_nothing(tmp_path: Path) -> None:
    text = platform(rollout={"provider": "flagger"}, providers={"rollout": {"flagger": FLAGGER}})
    result = compile_text(tmp_path, platform=text)
    assert not result.bundles
    assert {found.message for found in result.diagnostics} == {"`flagger` has no implementation"}


def acme(**entry: object) -> str:
    """A platform with a provider that has an entry and no module."""
    facts = {"traffic": ["gateway-api", "none"], **entry}
    return platform(rollout={"provider": "acme"}, providers={"rollout": {"acme": facts}})


@pytest.mark.parametrize("stages", [[], ["canary"]], ids=["without-a-canary", "with-a-canary"])
@pytest.mark.parametrize("workload", [{}, {"workload": FLAGGER["workload"]}], ids=["without-workload", "with-workload"])
@pytest.mark.parametrize("asked", [[], [{"shadow": {}}]], ids=["no-stages", "shadow-only"])
def test_an_entry_without_a_module_is_refused_whatever_it_states(
    tmp_path: Path, stages: list[str], workload: dict[str, object], asked: list[object]
) -> None:
    entry = acme(stages=["shadow", *stages], **workload)
    result = compile_text(tmp_path, minimal(rollout={"stages": asked} if asked else None), platform=entry)
    assert not result.bundles
    assert "`acme` has no implementation" in {found.message for found in result.diagnostics}


RECREATES = """
from mlspec.plugin import RolloutProvider, fixed


def workload(service, common):
    return {**common, "strategy": {"type": fixed("Recreate", "acme replaces all pods at once")}}


PROVIDER = RolloutProvider(name="acme", workload=workload)
"""


def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: list[str], text: str) -> str:
    """The strategy of the Deployment with a provider that can run these stages."""
    (tmp_path / "acme_recreates.py").write_text(RECREATES)
    monkeypatch.syspath_prepend(tmp_path)
    entry = loaded(acme(stages=stages))
    entry["platform"]["plugins"] = ["acme_recreates:PROVIDER"]
    result = compile_text(tmp_path, text, platform=dumped(entry))
    assert [found.message for found in result.diagnostics] == []
    (deployment,) = objects(result, "Deployment")
    return str(deployment["spec"]["strategy"]["type"])  # type: ignore[index]


def test_a_provider_without_a_canary_writes_the_workload_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert strategy(tmp_path, monkeypatch, [], minimal()) == "Recreate"


def test_a_service_without_the_canary_that_its_provider_can_run_is_a_plain_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert strategy(tmp_path, monkeypatch, ["canary"], minimal()) == "Recreate"
    direct = minimal(serving__endpoint={**CALLED["serving__endpoint"], "throughGateway": "0%"})
    assert strategy(tmp_path, monkeypatch, ["canary"], direct) == "RollingUpdate"


def test_argo_rollouts_without_its_canary_is_refused(tmp_path: Path) -> None:
    """It would shift traffic on a route without a backend for the new version."""
    text = platform(rollout={"provider": "argo-rollouts"}, providers={"rollout": {"argo-rollouts": {"stages": []}}})
    (found,) = compile_text(tmp_path, platform=text).diagnostics
    assert found.id == "MLS012"
    assert found.help.startswith("add `canary` to `platform.providers.rollout.argo-rollouts.stages`")


def test_a_broken_provider_of_a_plugin_is_a_finding_at_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = flagger(tmp_path, monkeypatch).replace("acme_flagger", "acme_broken")
    (tmp_path / "modules" / "acme_broken.py").write_text(MODULE.replace("steps[0].lasts", "steps[9].lasts"))
    result = compile_text(tmp_path, platform=text)
    assert [(found.id, found.message) for found in result.diagnostics] == [
        ("MLS036", "the plugin `acme_broken:PROVIDER` failed: IndexError: tuple index out of range")
    ]
