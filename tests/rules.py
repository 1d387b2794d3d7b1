"""What the tests of rules share: a small spec, and fragments laid over it.

A fragment becomes the part of an environment, so that the language's own merging is used, and what a reader copies from
the documentation is what was compiled.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

from mlspec.compiler.diagnostics import Diagnostic

from .support import compile_text

DIGEST = "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"

# As little as can be trained and served: what is missing here, a rule may say, and both of its fragments share.
BASE = f"""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {{name: base, owner: payments-ml}}
problem: {{useCase: Stop fraudulent payments., task: binary-classification}}
constraints:
  throughput: {{mean: 20/s, peak: 60/s}}
model:
  signature:
    outputs: [{{name: score, dtype: float32}}]
release:
  version: 1
  artifact: {{uri: "https://models.example.com/fraud.onnx", format: onnx, digest: "{DIGEST}", size: 4Mi}}
training:
  image: registry.example.com/train@{DIGEST}
  steps: {{train: {{}}}}
serving: {{mode: online, runtime: triton, serviceTime: {{mean: 2ms}}}}
"""

# Labels that arrive long after the row that they belong to.
LATE = """
data:
  columns: [{name: at, dtype: timestamp}, {name: is_fraud, dtype: bool}]
  labels: {column: is_fraud, delay: 45d}
"""


def laid_over(tmp_path: Path, fragment: str, base: str = BASE) -> list[Diagnostic]:
    """What is found in the base with a fragment over it; `# name.yaml` on a line of its own begins another file."""
    tmp_path.mkdir(exist_ok=True)
    over, *others = re.split(r"^# (\S+\.yaml)\n", fragment, flags=re.MULTILINE)
    for name, text in zip(others[::2], others[1::2], strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    spec = f"{base}environments:\n  test:\n    spec:\n{indent(over, ' ' * 6)}\n" if over.strip() else base
    return list(compile_text(tmp_path, spec, today="2026-11-23").diagnostics)


def findings(tmp_path: Path, id_: str, fragment: str, base: str = BASE) -> list[Diagnostic]:
    """Those of one id."""
    return [d for d in laid_over(tmp_path, fragment, base) if d.id == id_]


def one(tmp_path: Path, id_: str, fragment: str, base: str = BASE) -> Diagnostic:
    """The only one of an id."""
    (found,) = findings(tmp_path, id_, fragment, base)
    return found
