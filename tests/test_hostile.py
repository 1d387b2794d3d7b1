"""Hostile input gets a diagnostic with a position and exit status 1 or 2, in bounded time and memory.

By default, only some inputs of each kind run; `MLSPEC_EXAMPLES=10000 python -m pytest tests/test_hostile.py` runs all.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import mlspec
from mlspec.api import Result
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.targets.registry import BACKENDS
from mlspec.terminal.render import text as rendering

from .attack.structure import PLAIN, changed_files, differences, files, harmless, known
from .hostile import BOMBS, INJECTED, any_spec, broken
from .leaves import Leaf, changed, one_of_each
from .support import EXAMPLES, MINIMAL, ROOT, minimal
from .validation import load

pytestmark = pytest.mark.exhaustive

DEFAULT = 300
COUNT = int(os.environ.get("MLSPEC_EXAMPLES", DEFAULT))
MANY = settings(
    max_examples=COUNT,
    deadline=None,
    database=None,
    derandomize=COUNT == DEFAULT,
    phases=(Phase.explicit, Phase.generate),  # a seed cannot shrink
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**48)
SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "schema" / "mlspec.v1.schema.json").read_text()))
TEXTS = [(example / "mlspec.yaml").read_text() for example in EXAMPLES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hostile")
    (made / ".git").mkdir()
    return made


def compiled(folder: Path, content: bytes) -> Result:
    """Compile a file, and check everything about the result."""
    path = folder / "mlspec.yaml"
    path.write_bytes(content)
    result = mlspec.compile(path)
    for diagnostic in result.diagnostics:
        span = diagnostic.span
        assert diagnostic.message
        assert "Traceback" not in diagnostic.message
        assert 0 <= span.line < max(1, len(span.file.lines)), diagnostic
        assert 0 <= span.column <= len(span.file.lines[span.line]), diagnostic
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", rendering.snippets(result.diagnostics))
    assert result.diagnostics or result.ok
    return result


# Broken text


@pytest.mark.parametrize("name", BOMBS)
def test_the_worst_files_are_refused_and_cost_little(name: str, tmp_path: Path) -> None:
    """The kernel limits the process to 20 s of CPU time and 1 GiB, so the test needs no clock."""
    path = tmp_path / "mlspec.yaml"
    path.write_bytes(BOMBS[name])

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    command = [sys.executable, "-m", "mlspec", "lint", "--format", "concise", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=bounded)
    assert done.returncode in (1, 2), done.stderr[-1000:]
    assert "Traceback" not in done.stderr
    assert re.match(r".*mlspec\.yaml(:[0-9]+:[0-9]+)?: ", done.stderr)


@MANY
@given(SEEDS)
def test_a_damaged_file_gets_a_diagnostic(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    compiled(folder, broken(chance, chance.choice(TEXTS)))


@MANY
@given(st.binary(max_size=200), SEEDS)
def test_any_bytes_get_a_diagnostic(folder: Path, data: bytes, seed: int) -> None:
    text = MINIMAL.encode()
    at = seed % len(text)
    compiled(folder, text[:at] + data + text[at:])


# Specs of any shape


@MANY
@given(SEEDS)
def test_a_spec_of_any_shape_gets_a_diagnostic(folder: Path, seed: int) -> None:
    """The spec is valid in form and mostly nonsense. mlspec reports the problems, and never crashes."""
    spec = any_spec(random.Random(seed))
    assert SCHEMA.is_valid(spec)
    result = compiled(folder, json.dumps(spec).encode())
    for environment in result._compiled.environments:
        for file in environment.bundle.files():
            load(file.text)


@pytest.mark.parametrize("wrong", [{"target": {"kind": "Service", "name": "A_B"}}, {"reason": None}, {"patch": "x"}])
def test_a_wrong_patch_gets_a_diagnostic(tmp_path: Path, wrong: dict[str, Any]) -> None:
    target = {"kind": "Service", "name": "digit-reader"}
    patch = {"target": target, "reason": "a test", "patch": {"spec": {"internalTrafficPolicy": "Local"}}, **wrong}
    assert not compiled(tmp_path, minimal(patches=[patch]).encode()).ok


# Strings with a meaning in other languages


PARTS = 4
"""The number of tests that share the free texts of each example, so that no single test takes long."""


def texts(example: Path) -> list[Leaf]:
    """The free texts of a spec: one of each field, or all."""
    free = [leaf for leaf in known(example)[1] if leaf.kind[:2] == ("scalar", "text") and leaf.file != "PlatformFile"]
    return free if COUNT > DEFAULT else one_of_each(free)


def turn(leaf: Leaf) -> Path:
    """The example in which a field is tried."""
    having = [example for example in EXAMPLES if leaf.field in {one.field for one in texts(example)}]
    return having[crc32(leaf.field.encode()) % len(having)]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_no_string_changes_the_structure_of_the_output(example: Path, part: int) -> None:
    """Each free text of each spec is replaced by each string in turn; only leaves differ, and only inside quotes. By
    default, one text of each field, in one of the examples.
    """
    input_, wrong = known(example)[0], []
    free = texts(example) if COUNT > DEFAULT else [leaf for leaf in texts(example) if turn(leaf) == example]
    for number, leaf in list(enumerate(free))[part::PARTS]:
        plain = compile_system(changed(input_, {id(leaf.node): PLAIN}), BACKENDS, RULES)
        for string in INJECTED if COUNT > DEFAULT else [INJECTED[number % len(INJECTED)]]:
            made = compile_system(changed(input_, {id(leaf.node): string}), BACKENDS, RULES)
            if not made.failed and not plain.failed:
                found = [one for one in differences(*changed_files(plain, made), ()) if not harmless(one, string)]
                wrong += [f"{leaf.path} = {string!r}: {one}" for one in found]
    assert wrong == []


ANY_TEXT = ("text", "tensor-name", "cores", "count", "margin", "measure")
"""Scalars without a format, or with one that some of the strings match."""


@pytest.mark.parametrize("string", INJECTED, ids=lambda string: repr(string)[:30])
def test_a_text_with_a_format_rejects_injection(string: str) -> None:
    """Names, URIs, images, paths, and schedules have a format that none of these strings match. By default, each string
    takes the place of a third of them.
    """
    input_, among = known(ROOT / "examples" / "minimal")
    text = f"{string};" if re.fullmatch(r"[a-z0-9A-Z./]+", string) else string
    strict = [leaf for leaf in among if leaf.kind[0] == "scalar" and leaf.kind[1] not in ANY_TEXT]
    for leaf in strict if COUNT > DEFAULT else strict[INJECTED.index(string) % 3 :: 3]:
        made = compile_system(changed(input_, {id(leaf.node): text}), BACKENDS, RULES)
        assert made.failed, f"{leaf.path} = {text!r}"


def test_an_authors_braces_are_not_a_template() -> None:
    """Annotations and labels of alerts are Go templates, so mlspec escapes an author's braces."""
    input_, among = known(ROOT / "examples" / "minimal")
    string = "{{ $externalURL }}"
    texts = [leaf for leaf in among if leaf.path in ("metadata.owner", "problem.useCase")]
    made = compile_system(changed(input_, {id(leaf.node): string for leaf in texts}), BACKENDS, RULES)
    rules = load(files(made)["default/monitoring/rules.yaml"])
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts
    for alert in alerts:
        assert string not in json.dumps({**alert["labels"], **alert["annotations"]}, ensure_ascii=False)
        assert alert["annotations"]["impact"] == '{{ "{{" }} $externalURL }}'
