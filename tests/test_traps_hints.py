"""Hints that mislead when obeyed: the closest spelling of a word is often another thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import mlspec
from mlspec.compiler.bind.meant import ANYWHERE, KEYS, VALUES
from mlspec.compiler.bind.mistakes import LATER
from mlspec.compiler.check.not_yet import NOT_YET_READ
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.language import OBJECTS

from .support import ROOT, minimal
from .test_errors import CASES, said


def only(**changes: object) -> Diagnostic:
    """The only error in a spec with changes."""
    found = mlspec.lint(mlspec.load(text=minimal(**changes)))
    [error] = [one for one in found if one.severity == "error"]
    return error


def accelerator(name: str) -> Diagnostic:
    return only(serving__resources={"accelerator": {"type": name}})


@pytest.mark.parametrize("name", ["t40", "v100", "a100", "a16", "l5", "h2000"])
def test_another_card_is_not_the_cure_for_an_unknown_one(name: str) -> None:
    """It has another price, another memory, and other nodes."""
    found = accelerator(name)
    assert found.help.startswith(f"declare `{name}` under `platform.accelerators`, or use `")
    assert found.fix is None


@pytest.mark.parametrize(("name", "meant"), [("a10080gb", "a100-80gb"), ("nvidia-l4", "l4"), ("l-40-s", "l40s")])
def test_another_way_to_write_a_card_is_a_typo(name: str, meant: str) -> None:
    assert accelerator(name).help == f"write `{meant}`"


def test_a_model_family_is_not_the_cure_for_another_one() -> None:
    spec = minimal(model={"llm": {"family": "llama-3.1-7b"}}, serving__runtime="vllm", problem__task="generation")
    found = [one for one in mlspec.lint(mlspec.load(text=spec)) if one.id == "MLS010"]
    assert [one.help.partition(",")[0] for one in found] == ["declare `llama-3.1-7b` under `platform.families`"]


@pytest.mark.parametrize("name", ["wer", "rel", "cision", "recal_at_k_of_mine", "latency", "rate"])
def test_a_metric_is_not_the_cure_for_another_one(name: str) -> None:
    """`wer` is in `answer_relevancy`, and `latency` in five names: neither says what was meant."""
    found = only(success=[{"metric": name, "max": 1, "by": "2027-01-01"}])
    assert found.help.startswith(f"declare `{name}` under `metrics`")
    assert found.fix is None


@pytest.mark.parametrize(("name", "meant"), [("rouge", "rouge_l"), ("calibration_error", "expected_calibration_error")])
def test_a_part_of_a_name_is_meant_if_it_is_whole_words_of_one(name: str, meant: str) -> None:
    assert only(success=[{"metric": name, "max": 1, "by": "2027-01-01"}]).help == f"write `{meant}`"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (0.995, "write `99.5%` for this share, or `0.995%`"),
        (0.9, "write `90%` for this share, or `0.9%`"),
        (99.5, "write `99.5%`"),
    ],
)
def test_a_share_without_a_unit_has_two_readings(written: float, said: str) -> None:
    """`0.995%` compiles to an objective whose page can never fire."""
    assert only(constraints__availability=written).help == said


def test_a_size_in_bytes_is_not_one_in_mebibytes() -> None:
    assert only(release__artifact__size=27088000).help.startswith("write `26453Ki` if these are bytes")
    assert "`512Mi`" in only(release__artifact__size=512).help


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("int", "write `int32` or `int64`, whichever you mean"),
        ("float", "write `float32` or `float64`, whichever you mean"),
        ("double", "write `float64`"),
        ("long", "write `int64`"),
        ("FP32", "write `float32`"),
        ("TYPE_FP16", "write `float16`"),
        ("TYPE_UINT8", "write `uint8`"),
        ("BF16", "write `bfloat16`"),
        ("datetime", "write `timestamp`"),
        ("flaot64", "write `float64`"),
    ],
)
def test_types_of_other_tools_are_known(written: str, said: str) -> None:
    assert only(model__signature__inputs=[{"name": "x", "dtype": written}]).help == said


def test_the_words_that_are_meant_are_words_of_one_field() -> None:
    """A word that is one of another field's may be no word of the same field."""
    fields = [set(OBJECTS[name][key][2][1]) for name, key in WORDS]
    for word, meant in VALUES.items():
        [of] = [field for field in fields if set(meant) <= field]
        assert word not in of


WORDS = (("Input", "dtype"), ("Problem", "task"), ("CustomMetric", "direction"), ("BusinessMetric", "direction"))


@pytest.mark.parametrize(
    ("section", "value", "said"),
    [
        ("problem__task", "speech-recognition", "write `generation`"),
        ("problem__task", "translation", "write `generation`"),
        ("problem__task", "outlier-detection", "write `anomaly-detection`"),
        ("metrics", {"word_error_rate": {"direction": "decrease"}}, "write `minimize`"),
        ("problem__businessMetric", {"name": "minutes", "direction": "minimize"}, "write `decrease`"),
    ],
)
def test_words_of_other_tools_and_fields_are_known(section: str, value: object, said: str) -> None:
    assert only(**{section: value}).help == said


def test_trap_the_metric_of_a_gate_has_an_effect_without_training() -> None:
    """The help was to remove it, which the gate then missed."""
    spec = minimal(
        metrics={"word_error_rate": {"direction": "minimize"}},
        evaluation={"primary": "word_error_rate", "gates": [{"metric": "word_error_rate", "max": 0.1}]},
    )
    assert [one.message for one in mlspec.lint(mlspec.load(text=spec)) if one.id == "MLS012"] == []


PLACES = {
    ANYWHERE: "serving",
    "OnlineService": "serving",
    "ModelLlm": "model__llm",
    "Rollout": "rollout",
    "Metadata": "metadata",
    "Problem": "problem",
    "Alerts": "monitoring__alerts",
    "Artifact": "release__artifact",
    "Batching": "serving__batching",
    "Resources": "serving__resources",
    "Replicas": "serving__replicas",
}


WHOLE: dict[str, dict[str, object]] = {
    "Batching": {"serving__batching": {"maxSize": 8}},
}
"""What a mapping needs to be read as its type."""


def placed(type_name: str, key: str) -> dict[str, object]:
    """The changes that put a key into a mapping of a type."""
    if type_name == "DataSource":
        return {"data": {"sources": [{"name": "forms", key: {}}]}}
    if type_name == "BatchData":
        return {"serving": {"mode": "batch", "input": {key: {}}}}
    return {**WHOLE.get(type_name, {}), f"{PLACES[type_name]}__{key}": {}}


@pytest.mark.parametrize(("type_name", "key"), [(name, key) for name, keys in KEYS.items() for key in keys])
def test_keys_of_kubernetes_name_what_mlspec_has_instead(type_name: str, key: str) -> None:
    spec = minimal(**placed(type_name, key))
    [found] = [one for one in mlspec.lint(mlspec.load(text=spec)) if one.id == "MLS004"]
    assert (found.fix, found.help) == (None, KEYS[type_name][key])


SECTIONS = [
    (type_name, key, code)
    for type_name, keys in KEYS.items()
    for key, help_ in keys.items()
    for code in re.findall(r"`([^`]*: [^`]*)`", help_)
    if "..." not in code and "merge" not in code
]


@pytest.mark.parametrize(("type_name", "key", "code"), SECTIONS)
def test_what_they_name_instead_is_accepted_there(type_name: str, key: str, code: str) -> None:
    """Such as `scheduling: {nodeSelector: {pool: inference}}` where the spec has `nodeSelector`."""
    place = PLACES[type_name]
    added = {f"{place}__{name}": value for name, value in YAML(typ="safe").load(code).items()}
    errors = [one for one in mlspec.lint(mlspec.load(text=minimal(**added))) if one.severity == "error"]
    assert not errors, key


def test_no_key_that_is_meant_otherwise_is_a_key_of_the_language_there() -> None:
    for type_name, keys in KEYS.items():
        assert type_name == ANYWHERE or not set(keys) & set(OBJECTS[type_name])


def help_of(id_: str, **changes: object) -> str:
    """The help of the only finding with an id in a spec with changes."""
    [found] = [one for one in mlspec.lint(mlspec.load(text=minimal(**changes))) if one.id == id_]
    return found.help


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("monitoring__drift", {"features": {"threshold": 0.2, "window": "7d"}}, "move it to `monitoring.drift`"),
        ("release__artifact__dataVersion", "x", "move it to `release`"),
        ("constraints__latency__throughput", {"mean": "1/s"}, "write `p50`, `p90`, `p95`, `p99`, or `p999`"),
        ("serving__hosts", ["x.example.com"], "write `endpoint: {hosts: ...}`"),
        ("serving__cpu", 2, "write `resources: {cpu: ...}` or `container: {cpu: ...}`, whichever you mean"),
        ("latency", {"p99": "50ms"}, "write `constraints: {latency: ...}`"),
        ("owner", "risk", "write `metadata: {owner: ...}`"),
        ("artifact", {}, "write `release: {artifact: ...}`"),
    ],
)
def test_a_key_of_another_mapping_is_sent_there(place: str, value: object, said: str) -> None:
    """Unless that mapping has it, as `constraints` has `throughput`."""
    assert help_of("MLS004", **{place: value}) == said


def test_a_discriminator_is_known_by_its_value() -> None:
    assert help_of("MLS004", data={"split": {"method": "temporal", "column": "t"}}) == "write `strategy`"


CLASSES = "`binary-classification`, `multiclass-classification`, or `multilabel-classification`"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("text-generation", "write `generation`"),
        ("time-series-forecasting", "write `forecasting`"),
        ("multi-label-classification", "write `multilabel-classification`"),
        ("image-classification", f"write {CLASSES}, whichever you mean"),
    ],
)
def test_a_choice_is_known_by_one_of_its_words(task: str, said: str) -> None:
    """The closest spelling of `image-classification` is `binary-classification`, which is something else."""
    assert help_of("MLS007", problem__task=task) == said


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://models/digits.onnx", "add `digest: sha256:...`, using the output of `sha256sum` on the file"),
        ("s3://models/digits/", "add `digest: sha256:...`, using the output of `mlspec digest` on the folder"),
        (
            "oci://registry.example.com/digits:3",
            "add `digest: sha256:...`, using the output of `crane digest` for the image",
        ),
        ("hf://acme/digits", "add `digest: ...` with the commit of the repository, 40 hex digits from its history"),
        (
            "hf://acme/digits@main",
            "write `uri: hf://acme/digits`, and add `digest: ...` with the commit that `main` is at now",
        ),
        (f"hf://acme/digits@{'a1' * 20}", f"write `uri: hf://acme/digits`, and add `digest: {'a1' * 20}`"),
    ],
)
def test_what_pins_files_depends_on_where_they_are(uri: str, said: str) -> None:
    """`sha256sum` works on neither a repository nor an image."""
    assert help_of("MLS009", release__artifact={"uri": uri, "format": "onnx", "size": "1Mi"}) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [("2k", "write `2048` or `2000`, whichever you mean"), ("two", "write an integer, such as `4`")],
)
def test_an_integer_has_no_unit(written: str, said: str) -> None:
    assert help_of("MLS005", serving__instances=written) == said


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("serving__serviceTime", "8ms", "write `{mean: 8ms}`"),
        ("constraints__latency", "50ms", "write `{p50: 50ms}`, or use `p90`, `p95`, `p99`, or `p999`"),
        ("constraints__throughput", "2/s", "write `{mean: 2/s}`, or use `peak` or `trough`"),
        ("serving__replicas", 3, "write `{min: 3}`, or use `max`, `target`, or `fallback`"),
        (
            "serving__endpoint",
            "a.example.com",
            "write a mapping with `hosts`, `timeout`, `responseSize`, `auth`, `callers`, or `throughGateway`",
        ),
        ("serving__endpoint__hosts", "a.example.com", "write `[a.example.com]`"),
        ("problem__businessMetric", "revenue", "write `{name: revenue, direction: ...}`"),
        ("data", {"split": "temporal"}, "write `{strategy: temporal, ...}`"),
        ("data", {"sources": {"sales": {}}}, "write each entry as an item, such as `- {name: sales, ...}`"),
        ("services", [{"name": "digits"}], "write each item under its name, such as `digits: {...}`"),
    ],
)
def test_a_value_of_another_shape_shows_what_to_write(place: str, value: object, said: str) -> None:
    """The keys of a mapping are in the language, and so is which of them takes the value."""
    without = {"serving": None} if place == "services" else {}
    assert help_of("MLS005", **{place: value, **without}) == said


@pytest.mark.parametrize(("runtime", "said"), [("sklearn", "write `mlserver`"), ("onnx", "write `triton`")])
def test_a_format_is_not_a_server(runtime: str, said: str) -> None:
    assert help_of("MLS010", serving__runtime=runtime) == said


def test_cards_of_the_same_name_are_offered_first() -> None:
    assert "or use `a100-80gb`, `h100`, `h100-nvl`, " in accelerator("h100-80gb").help


def test_a_single_choice_is_not_one_of_several() -> None:
    assert only(kind="System").help == "write `MLSystem`"

    # No help recommends what has no effect yet


@cache
def only_unread() -> set[str]:
    """The keys that stand for a field without effect wherever they occur in the language."""
    unread = {path.partition("[")[0].rpartition(".")[2] for path in NOT_YET_READ}
    counted = {name: sum(name in fields for fields in OBJECTS.values()) for name in unread}
    alone = {name for name, count in counted.items() if count == 1} - {"online"}  # also a mode
    return alone | {"holdOut"}


def spans(text: str) -> set[str]:
    """The keys in the code of a text: `a.b`, `c`, and `{d: 1}` name `a`, `b`, `c`, and `d`."""
    code = re.findall(r"`([^`]*)`", text)
    parts = (re.findall(r"[A-Za-z]+(?=:)|(?<=\.)[A-Za-z]+|[A-Za-z]+(?=\.)", one) for one in code)
    return {*code, *(key for found in parts for key in found)}


@pytest.mark.parametrize("case", CASES)
def test_no_help_recommends_what_has_no_effect_yet(case: str) -> None:
    """Lint would then tell to remove it. What a spec already has may be corrected."""
    found = said(case)
    known = " ".join(one.message for one in found if one.id == "MLS013")
    for one in found:
        for key in spans(one.help) & only_unread():
            named = {NOT_YET_READ[path] for path in NOT_YET_READ if key in (path.rpartition(".")[2], SECTION[path])}
            assert named
            assert all(subject in known for subject in named), f"{one.id} recommends `{key}`"


SECTION = {**dict.fromkeys(NOT_YET_READ, ""), "rollout.stages.*.experiment": "holdOut"}
"""A key below a field without effect."""


def test_choices_without_effect_are_not_offered() -> None:
    later = {path.rpartition("=")[2].rstrip("]") for path in NOT_YET_READ if path.endswith("]")}
    assert set(LATER) == later
    offered = only(serving__mode="realtime").help
    assert offered == "write one of `online` or `batch`"


OF_THE_SECTION_ITSELF = {
    "retraining.py": "a rule of `retraining.diagnosis` says how to correct it",
    "features.py": "a rule of `features` says how to correct it",
}
"""Modules of rules that judge only a section without effect."""


def helps(path: Path) -> Iterator[str]:
    """The literal texts of all helps in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        given = node.value if isinstance(node, ast.keyword) and (node.arg or "").startswith("help") else None
        if isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["help_"]:
            given = node.value
        if given is None:
            continue
        texts = ast.walk(given)
        yield "".join(one.value for one in texts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_no_help_in_the_source_recommends_what_has_no_effect_yet() -> None:
    """Also those that no case shows."""
    paths = [path for folder in ("compiler", "targets", "schema", "terminal") for path in (ROOT / folder).rglob("*.py")]
    wrong = {
        (path.name, key)
        for path in paths
        if path.name not in OF_THE_SECTION_ITSELF
        for text in helps(path)
        for key in spans(text) & only_unread()
    }
    silent = {("evaluation.py", "businessMetric")}  # its rule is silent until the field has an effect
    corrected = {("rollout.py", "holdOut")}  # the spec has it
    assert wrong - silent == corrected
