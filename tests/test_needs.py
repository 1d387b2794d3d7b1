"""What a rule says that it reads (`Rule.needs`) is what it reads.

With less, a correct spec gets an error that a value has no effect. With more, a value that nothing reads passes
silently. The test records reads: every field of a bound spec notes that it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

import mlspec
from mlspec.compiler import system as bound
from mlspec.compiler.because import Unavailable
from mlspec.compiler.check.effects import reached
from mlspec.compiler.check.lint import Rule
from mlspec.compiler.check.not_yet import READ_BY_STAGES, SHOWN
from mlspec.compiler.check.patterns import Path as Steps
from mlspec.compiler.check.patterns import covered, written
from mlspec.compiler.check.rules.explanation import explained
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.finding import Refusal
from mlspec.compiler.language import OBJECTS
from mlspec.compiler.pipeline import Compiled, Environment
from mlspec.compiler.plan import Plan

from .rules import BASE
from .support import EXAMPLES, ROOT

READ_EVERYTHING = {"MLS114", "MLS901", "MLS902", "MLS903", "MLS906"}
"""Rules that search every text for secrets and hosts, or every section for accesses: to be searched is no effect."""


SIDECARS = """
training:
  sidecars: {agent: {image: "registry.example.com/agent:1"}}
  steps: {compress: {image: "registry.example.com/compress:1", command: [compress]}}
services: {base: {sidecars: {proxy: {image: "registry.example.com/proxy:1"}}}}
"""

PINNED_LABELS = """
data:
  sources:
    - {name: payments, ingestion: batch, version: {kind: as-of-run}}
    - {name: chargebacks, ingestion: batch, version: {kind: lakefs, id: 8f1a22c}}
  columns: [{name: is_fraud, dtype: bool, from: chargebacks}]
  labels: {column: is_fraud, source: chargebacks, unlabeled: %s}
retraining: {triggers: [data-drift]}
"""

LEARNER = """
retraining:
  online:
    algorithm: "fraud:Forest"
    command: [python, -m, fraud.learn]
    image: registry.example.com/fraud/learn:3
    to: "s3://lake/checkpoints"
"""

MORE = {
    "MLS426": """
problem: {task: generation}
model: {llm: {family: llama-3.1-8b}}
release:
  artifact:
    {uri: hf://a/assistant, format: safetensors, digest: 0e9e39f249a16976918f6564b8830bc894c89659, size: 16Gi}
  shadow:
    version: 2
    artifact:
      {uri: hf://a/assistant, format: safetensors, digest: 1e9e39f249a16976918f6564b8830bc894c89659, size: 8Gi}
rollout: {stages: [{shadow: {}}, {canary: {}}]}
serving: {runtime: vllm, resources: {accelerator: {type: l4}}, llm: {tokens: {context: 8192, output: 512}}}
""",
    "MLS445": """
retraining: {online: {algorithm: "fraud:Forest", command: ["python -m fraud.learn"], to: "s3://lake/checkpoints"}}
""",
    "MLS222": """
constraints: {accelerators: [h100]}
model: {llm: {family: llama-3.1-8b, tuning: {method: lora}}}
training: {tokens: 1B, resources: {accelerator: {type: a10g, count: 2}}}
""",
    "MLS714": """
constraints: {accelerators: [h100]}
model: {llm: {family: llama-3.1-8b, tuning: {method: full}}}
training:
  resources: {accelerator: {type: l4, count: 8}}
  distributed: {strategy: data-parallel, nodes: 2}
""",
    "MLS110": """
data:
  columns: [{name: amount, dtype: float64}, {name: country, dtype: category, values: {oneOf: [de, fr]}}]
  preprocessing:
    - {step: impute, columns: [amount], strategy: constant}
    - {step: clip, columns: [amount]}
    - {step: encode, columns: [country], method: target}
""",
    "MLS128": PINNED_LABELS % "dropped",
    "MLS129": PINNED_LABELS % "negative",
    "MLS114": SIDECARS,
    "MLS302": SIDECARS + LEARNER,
    "MLS306": SIDECARS + LEARNER,
    "MLS226": """
problem: {businessMetric: {name: minutes, direction: increase, today: 3, target: 2}}
evaluation: {primary: recall, gates: [{metric: recall, max: 0.3}, {metric: recall, of: a, min: 0.2}]}
monitoring:
  quality: {metric: recall, max: 0.3}
  rules: [{metric: recall, of: a, min: 0.1}]
rollout: {rollbackWhen: [{metric: recall, max: 0.3}, {metric: recall, of: a, min: 0.2}]}
success:
  - {metric: recall, max: 0.3, by: 2027-03-31}
  - {metric: recall, of: a, min: 0.2, by: 2027-03-31}
""",
    "MLS737": """
monitoring:
  quality: {metric: recall, versus: champion, margin: 0.05}
  rules:
    - {metric: recall, versus: champion, margin: 0.05}
    - {metric: recall, of: a, versus: naive, margin: 0.1}
""",
    "MLS738": """
serving:
  runtime: custom
  container:
    image: registry.example.com/fraud/serve@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    user: 1000
    metrics:
      requests: [{series: a, match: 'job="a"'}]
      errors: [{series: a, match: 'job="a"'}]
      latency: {series: a_bucket, match: 'le="1"'}
      inFlight: {busy: a_bucket, match: 'job="a"'}
""",
    "MLS792": """
release: {metrics: {recall: 0.7}}
data:
  columns: [{name: is_fraud, dtype: bool}, {name: country, dtype: category, values: {max: 5}}]
  labels: {column: is_fraud, delay: 45d, positiveShare: 2%}
monitoring:
  capture: {by: client, to: s3://feedback/fraud, id: payment_id}
  rules: [{metric: recall, versus: champion, margin: 0.05, segment: country}]
""",
    "MLS794": """
data:
  columns: [{name: is_fraud, dtype: bool}, {name: country, dtype: category, values: {max: 5}}]
  labels: {column: is_fraud, delay: 45d, positiveShare: 2%}
monitoring:
  capture: {by: client, to: s3://feedback/fraud, id: payment_id}
  rules: [{metric: recall, min: 0.5, minSamples: 100, segment: country}]
""",
    "MLS208": """
problem: {humanPerformance: {metric: recall, value: 0.9}}
model:
  candidates:
    - {name: trees, selected: true, metrics: {recall: 0.8}}
    - {name: network, metrics: {recall: 0.95}}
evaluation: {primary: recall, gates: [{metric: recall, versus: human, margin: ">= +0"}]}
""",
}
"""What the documentation of a rule need not show, and only some specs say."""


class Recorder:
    """The paths that were read while it was on."""

    def __init__(self) -> None:
        self.on = False
        self.paths: set[str] = set()

    def field(self, slot: Any, key: str) -> property:
        """A field of a bound section that notes each read."""

        def read(part: Any) -> Any:
            if self.on:
                self.paths.add(f"{part.spec_path}.{key}" if part.spec_path else key)
            return slot.__get__(part, type(part))  # an AttributeError goes on to what a part says of unset fields

        return property(read, slot.__set__)

    def reads(self, rule: Rule, environment: Environment) -> set[str]:
        """What a rule reads from an environment, also through its plan, which is created again for it."""
        plan = Plan(environment.system, environment.name, environment.backends.chosen)
        self.paths, self.on = set(), True
        try:
            list(rule.check(environment.system, plan))
        except (Unavailable, Refusal):
            pass
        finally:
            self.on = False
        return self.paths


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        for name, table in OBJECTS.items():
            section = getattr(bound, name)
            for key, (attribute, *_) in table.items():
                patch.setattr(section, attribute, made.field(section.__dict__[attribute], key))
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fragments")


@cache
def compiled(spec: Path) -> Compiled:
    return mlspec.compile(spec)._compiled


def environments(rule: Rule, folder: Path) -> Iterator[Environment]:
    """Those of the rule's own fragments and error cases, and of the examples."""
    own = [path / "mlspec.yaml" for path in sorted((ROOT / "tests" / "errors").glob(f"{rule.id}-*"))]
    examples = [path / "mlspec.yaml" for path in EXAMPLES]
    for spec in (*_fragments(rule, folder), *own, *examples):
        yield from compiled(spec).environments


def _fragments(rule: Rule, folder: Path) -> Iterator[Path]:
    told = explained(rule.doc, rule.severity)
    for name, fragment in (("bad", told.bad), ("good", told.good), ("more", MORE.get(rule.id, ""))):
        place = folder / f"{rule.id}-{name}"
        if not place.exists():
            (place / ".git").mkdir(parents=True)
            over, *others = re.split(r"^# (\S+\.yaml)\n", fragment, flags=re.MULTILINE)
            for file, text in zip(others[::2], others[1::2], strict=True):
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (place / file).write_text(text)
            overlay = f"environments:\n  test:\n    spec:\n{indent(over, ' ' * 6)}\n" if over.strip() else ""
            (place / "mlspec.yaml").write_text(f"{BASE}{overlay}")
        yield place / "mlspec.yaml"


def within(path: str, need: str) -> bool:
    """Whether a path lies at or under what a need names; `a if b` names `a`."""
    wanted = re.sub(r"\[[^\]]*\]", "", need.partition(" if ")[0]).split(".")
    steps = path.split(".")
    return len(steps) >= len(wanted) and all(w in ("*", step) for w, step in zip(wanted, steps, strict=False))


EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@EACH
def test_what_a_rule_names_it_reads(rule: Rule, recorder: Recorder, folder: Path) -> None:
    unread = set(rule.needs)
    for environment in environments(rule, folder):
        paths = recorder.reads(rule, environment)
        unread = {need for need in unread if not any(within(path, need) for path in paths)}
        if not unread:
            break
    assert unread == set(), f"remove it from the decorator of {rule.id}, or show a spec that needs it in MORE"


@pytest.mark.parametrize("rule", [r for r in RULES if r.id not in READ_EVERYTHING], ids=lambda rule: rule.id)
def test_what_a_rule_reads_it_names(rule: Rule, recorder: Recorder, folder: Path) -> None:
    """Of the values that no output rests on; the others have an effect anyway."""
    unnamed: set[str] = set()
    for environment in environments(rule, folder):
        if idle := idle_in(environment):
            read = recorder.reads(rule, environment) & idle
            unnamed |= {path for path in read if not any(within(path, need) for need in rule.needs)}
    assert unnamed == set(), f"add it to the decorator of {rule.id}: a correct spec would get an error"


def idle_in(environment: Environment) -> set[str]:
    """The values that no output rests on; none if there is a mistake, which takes with it what rests on it."""
    if id(environment) not in _IDLE:
        whole = environment.bound and environment.emitted.complete
        read = {id(node) for one in environment.emitted.artifacts for node in reached(one.body, one.why)}
        tree = environment.layered.tree
        read |= covered(tree, (*READ_BY_STAGES, *SHOWN))
        found = {dotted(path) for path, node in written(tree) if id(node) not in read} if whole else set()
        _IDLE[id(environment)] = environment, found
    return _IDLE[id(environment)][1]


_IDLE: dict[int, tuple[Environment, set[str]]] = {}
"""For each environment that was compiled, which is kept so that its `id` stays unique."""


def dotted(path: Steps) -> str:
    return ".".join(path)
